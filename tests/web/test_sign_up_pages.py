"""Signing up through the pages: open, with approval, by invitation, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from node.forum import invitations
from node.web import entrance
from storage import people, tokens
from storage.schema import Account, Actor, Group, Invitation, Membership, SignUp
from storage.work import Work
from tests.web.arrivals import (
    PASSWORD,
    Clock,
    awaken,
    is_signed_in,
    member,
    post_of,
    sign_in,
    the_post,
)
from tests.web.conftest import Moot, Page

MAIL = "smtps://mail.example"
CLARA: dict[str, Any] = {
    "name": "clara", "display_name": "Clara Vogt", "email": "clara@coop.example", "password": PASSWORD,
    "words": "I grow leeks.", "zone": "Europe/Lisbon", "invitation": "", "join": "",
}  # fmt: skip


@pytest.fixture
async def open_door(open_moot: Callable[..., Any]) -> Moot:
    """A node where anybody may sign up, and whose admin was there a moment ago."""
    moot: Moot = await open_moot(sign_up="open", smtp_url=MAIL)
    awaken(moot)
    await member(moot, "mira", admin=True)
    await sign_in(moot, "mira")
    return moot


@pytest.fixture
async def guarded(open_moot: Callable[..., Any]) -> Moot:
    """A node where an admin lets people in, as it is when nothing is set."""
    moot: Moot = await open_moot(smtp_url=MAIL)
    awaken(moot)
    await member(moot, "mira", admin=True)
    return moot


def clock_of(moot: Moot) -> Clock:
    clock = moot.storage.now
    assert isinstance(clock, Clock)
    return clock


async def person(moot: Moot, name: str) -> Actor | None:
    return await moot.storage.read(people.by_name, name)


async def waiting(moot: Moot) -> list[SignUp]:
    return await moot.storage.read(lambda work: work.query(SignUp).order_by(SignUp.id).all())


# ------------------------------------------------------------------ an open door


async def test_an_account_is_made_when_the_address_is_proved_and_not_before(open_door: Moot) -> None:
    browser = open_door.browser()
    assert await browser.posted("/sign-up", CLARA) == "/sign-up/confirm"
    mail = await the_post(open_door, "sign_up")
    assert mail.to == "clara@coop.example"
    assert await person(open_door, "clara") is None

    page = await open_door.page(mail.link)
    assert "clara@coop.example" in page.text()
    assert await person(open_door, "clara") is None  # looking changes nothing
    assert await browser.posted(mail.link) == "/"

    made = await person(open_door, "clara")
    assert made is not None and made.display_name == "Clara Vogt"
    account = await open_door.storage.read(lambda work: work.get_one(Account, made.id))
    assert (account.email, account.zone, account.admin) == ("clara@coop.example", "Europe/Lisbon", False)
    assert await is_signed_in(browser)
    await sign_in(open_door, "clara")
    assert (await browser.post(mail.link)).status == 404


async def test_the_six_digits_do_the_same_in_that_browser(open_door: Moot) -> None:
    browser = open_door.browser()
    await browser.posted("/sign-up", CLARA)
    mail = await the_post(open_door, "sign_up")

    assert (await open_door.browser().post("/sign-up/confirm", code=mail.code)).status == 422
    assert (await browser.post("/sign-up/confirm", code="1234567")).status == 422
    assert await browser.posted("/sign-up/confirm", code=mail.code) == "/"

    assert await is_signed_in(browser)


async def test_a_password_may_be_left_out(open_door: Moot) -> None:
    browser = open_door.browser()
    await browser.posted("/sign-up", CLARA | {"password": ""})
    await browser.posted((await the_post(open_door, "sign_up")).link)

    assert await is_signed_in(browser)
    assert (await open_door.browser().post("/sign-in", login="clara", password=PASSWORD)).status == 422


async def test_nobody_makes_themselves_an_admin_or_proves_an_address_by_a_field(open_door: Moot) -> None:
    """WEB-19: mass assignment."""
    browser = open_door.browser()
    more = {"admin": "1", "verified_at": "2020-01-01", "id": "1", "actor_id": "1", "decided_at": "2020-01-01"}
    await browser.posted("/sign-up", CLARA | more)
    assert await person(open_door, "clara") is None
    await browser.posted((await the_post(open_door, "sign_up")).link, more)

    made = await person(open_door, "clara")
    assert made is not None
    assert not (await open_door.storage.read(lambda work: work.get_one(Account, made.id))).admin
    assert (await browser.get("/admin")).status == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Clara Vogt"),
        ("name", "admin"),
        ("name", "mira"),
        ("name", "a" * 31),
        ("name", "clára"),
        ("email", ""),
        ("email", "a@x"),
        ("email", '"a b"@coop.example'),
        ("email", "a@coop.example\n"),
        ("email", "a@@coop.example"),
        ("email", "a@[127.0.0.1]"),
        ("email", "a@127.0.0.1"),
        ("email", "a@-coop.example"),
        ("email", "a b@coop.example"),
        ("email", "a@coop..example"),
        ("email", ".a@coop.example"),
        ("email", "a" * 250 + "@b.example"),
        ("email", "a@coop.example,b@evil.test"),
        ("email", "a@coop.example>"),
        ("password", "short"),
        ("password", "password123"),
        ("password", "aaaaaaaaaaaa"),
        ("password", "clara@coop.example"),
        ("password", "x" * 1025),
    ],
)
async def test_what_cannot_be_taken_is_said_at_its_field_and_nothing_is_lost(
    open_door: Moot, field: str, value: str
) -> None:
    """WEB-12: addresses that two people could have, or that break out of a header, are none."""
    answer = await open_door.browser().post("/sign-up", CLARA | {field: value})

    assert answer.status == 422
    page = Page(await answer.text())
    assert page.one("input", name=field).get("aria-invalid") == "true"
    for other in {"name", "display_name", "email"} - {field}:
        assert page.one("input", name=other).get("value") == CLARA[other]
    assert await waiting(open_door) == []


async def test_a_known_address_gets_the_same_answer_and_its_owner_a_mail(open_door: Moot) -> None:
    """WEB-09: answers, time, and the handle that is held meanwhile."""
    await member(open_door, "ana")
    answers, times = [], []
    for number, email in enumerate(("ana@coop.example", "new@coop.example", "ANA@Coop.Example")):
        browser = open_door.browser()
        begun = time.perf_counter()
        answer = await browser.post("/sign-up", CLARA | {"name": f"clara{number}", "email": email})
        times.append(time.perf_counter() - begun)
        code = await browser.post("/sign-up/confirm", code="wrong")
        answers.append(
            (answer.status, answer.headers["Location"], code.status, (await code.text()).replace(browser.token(), ""))
        )

    assert len(set(answers)) == 1
    assert min(times) >= entrance.EVENLY * 0.95
    assert [mail.kind for mail in await post_of(open_door)] == ["sign_up_known", "sign_up", "sign_up_known"]
    for number in range(3):
        again = await open_door.browser().post(
            "/sign-up", CLARA | {"name": f"clara{number}", "email": "b@coop.example"}
        )
        assert again.status == 422


async def test_a_known_address_makes_no_second_account_even_with_the_right_digits(open_door: Moot) -> None:
    await member(open_door, "ana")
    browser = open_door.browser()
    await browser.posted("/sign-up", CLARA | {"email": "ana@coop.example"})

    codes = [await browser.post("/sign-up/confirm", code=f"{number:06d}") for number in range(6)]

    assert {answer.status for answer in codes} == {422}
    assert await person(open_door, "clara") is None


async def test_a_handle_is_held_for_a_day_and_then_free(open_door: Moot) -> None:
    """WEB-20"""
    await open_door.browser().posted("/sign-up", CLARA)
    other = CLARA | {"email": "other@coop.example"}
    assert (await open_door.browser().post("/sign-up", other)).status == 422

    clock_of(open_door).forward(hours=24, seconds=1)

    assert await open_door.browser().posted("/sign-up", other) == "/sign-up/confirm"


async def test_a_handle_that_somebody_had_is_never_given_again(open_door: Moot) -> None:
    """WEB-20"""
    await open_door.person("gone")
    await open_door.storage.write(lambda work: setattr(people.by_name(work, "gone"), "state", "deleted"))

    assert (await open_door.browser().post("/sign-up", CLARA | {"name": "gone"})).status == 422


async def test_robots_are_slowed_and_still_cannot_fill_the_node(open_door: Moot) -> None:
    """WEB-21: by network, and for the node as a whole."""
    browser = open_door.browser()
    given = {"csrf": browser.token()} | CLARA

    async def asked(number: int, network: int) -> int:
        headers = browser.headers | {"X-Forwarded-For": f"10.0.{network}.9"}
        form = given | {"name": f"robot{number}", "email": f"robot{number}@coop.example", "password": ""}
        return (await open_door.client.post("/sign-up", data=form, headers=headers, allow_redirects=False)).status

    entrance_time, entrance.EVENLY = entrance.EVENLY, 0.0
    try:
        one = [await asked(number, 1) for number in range(14)]
        many = [await asked(1000 + number, 2 + number // 10) for number in range(200)]
    finally:
        entrance.EVENLY = entrance_time

    assert one == [303] * 12 + [429] * 2
    assert many[-1] == 429
    assert many.count(303) < 200


async def test_addresses_at_refused_hosts_are_not_taken(open_moot: Callable[..., Any]) -> None:
    """WEB-20"""
    moot: Moot = await open_moot(refused_email_hosts=frozenset({"throwaway.example"}), smtp_url=MAIL)
    for host in ("throwaway.example", "mail.throwaway.example", "THROWAWAY.example"):
        assert (await moot.browser().post("/sign-up", CLARA | {"email": f"a@{host}"})).status == 422


async def test_an_open_door_that_nobody_looks_after_asks_for_approval(open_door: Moot) -> None:
    """WEB-20: after seven days without an admin, and until one is there again."""
    assert "words" not in (await open_door.page("/sign-up")).source
    clock_of(open_door).forward(days=8)

    assert (await open_door.page("/sign-up")).one("textarea", name="words") is not None
    browser = open_door.browser()
    await browser.posted("/sign-up", CLARA)
    mails = await post_of(open_door)
    await browser.post(mails[0].link)
    assert await person(open_door, "clara") is None

    await sign_in(open_door, "mira")
    assert not (await open_door.page("/sign-up")).all("textarea", name="words")


# ------------------------------------------------------------------ an admin's word


async def test_whoever_asks_waits_for_an_admin_who_reads_their_words(guarded: Moot) -> None:
    browser = guarded.browser()
    await browser.posted("/sign-up", CLARA)
    done = await browser.post((await the_post(guarded, "sign_up")).link)
    assert done.status == 200 and not await is_signed_in(browser)
    told = await the_post(guarded, "sign_up_waiting")
    assert told.to == "mira@coop.example" and "I grow leeks." in told.words
    assert await person(guarded, "clara") is None

    admin = await sign_in(guarded, "mira")
    page = await admin.page("/admin/sign-ups")
    assert "I grow leeks." in page.text() and "clara@coop.example" in page.text()
    [asked] = await waiting(guarded)
    assert await admin.posted(f"/admin/sign-ups/{asked.id}", act="approve") == "/admin/sign-ups?done=approve"

    assert (await the_post(guarded, "sign_up_approved")).to == "clara@coop.example"
    await sign_in(guarded, "clara")
    [asked] = await waiting(guarded)
    assert asked.password_hash is None
    assert (await admin.post(f"/admin/sign-ups/{asked.id}", act="approve")).status == 403
    assert "let in" in (await admin.page("/admin/log")).text()


async def test_a_no_has_a_reason_which_is_told(guarded: Moot) -> None:
    browser = guarded.browser()
    await browser.posted("/sign-up", CLARA)
    await browser.post((await the_post(guarded, "sign_up")).link)
    await post_of(guarded)
    admin = await sign_in(guarded, "mira")
    [asked] = await waiting(guarded)

    assert (await admin.post(f"/admin/sign-ups/{asked.id}", act="refuse", reason=" ")).status == 422
    assert await admin.posted(f"/admin/sign-ups/{asked.id}", act="refuse", reason="We are full.") == (
        "/admin/sign-ups?done=refuse"
    )

    mail = await the_post(guarded, "sign_up_refused")
    assert mail.to == "clara@coop.example" and "We are full." in mail.words
    assert await person(guarded, "clara") is None
    assert (await guarded.browser().post("/sign-in", login="clara", password=PASSWORD)).status == 422
    # The handle is free again.
    assert await guarded.browser().posted("/sign-up", CLARA | {"email": "c@coop.example"}) == "/sign-up/confirm"


async def test_words_are_asked_for_where_an_admin_reads_them(guarded: Moot) -> None:
    assert (await guarded.browser().post("/sign-up", CLARA | {"words": "  "})).status == 422
    assert (await guarded.browser().post("/sign-up", CLARA | {"words": "x" * 2001})).status == 422


async def test_signing_up_again_while_waiting_is_no_second_request(guarded: Moot) -> None:
    browser = guarded.browser()
    await browser.posted("/sign-up", CLARA)
    await browser.post((await the_post(guarded, "sign_up")).link)
    await post_of(guarded)

    await guarded.browser().posted("/sign-up", CLARA | {"name": "clara2"})

    assert (await the_post(guarded, "sign_up_known")).to == "clara@coop.example"


# ------------------------------------------------------------------ invitations


async def invited(moot: Moot, email: str = "clara@coop.example") -> str:
    group_id = await moot.group("garden", "The garden")
    secret = "s" * 43

    def invite(work: Work) -> None:
        work.add(
            Invitation(
                group_id=group_id, email=email, secret_hash=tokens.hashed(secret), created_at=work.now,
                expires_at=work.now + timedelta(days=7),
            )
        )  # fmt: skip

    await moot.storage.write(invite)
    assert await moot.storage.read(invitations.by_secret, secret) is not None
    return secret


async def test_whoever_is_invited_by_that_address_is_in_at_once_and_in_the_group(guarded: Moot) -> None:
    secret = await invited(guarded)
    browser = guarded.browser()
    page = await browser.page(f"/sign-up?invitation={secret}")
    assert "The garden" in page.text()
    assert page.one("input", name="email").get("value") == "clara@coop.example"

    assert await browser.posted("/sign-up", CLARA | {"invitation": secret, "words": ""}) == "/g/garden"

    assert await is_signed_in(browser)
    made = await person(guarded, "clara")
    assert made is not None
    part = await guarded.storage.read(lambda work: work.query(Membership).filter_by(actor_id=made.id).one())
    assert part.role == "member"
    assert [mail.kind for mail in await post_of(guarded)] == []


async def test_another_address_than_the_invited_one_is_proved_first(guarded: Moot) -> None:
    secret = await invited(guarded, "clara@work.example")
    browser = guarded.browser()

    assert await browser.posted("/sign-up", CLARA | {"invitation": secret}) == "/sign-up/confirm"
    assert not await is_signed_in(browser)

    assert await browser.posted((await the_post(guarded, "sign_up")).link) == "/g/garden"
    assert await is_signed_in(browser)


async def test_an_invitation_opens_a_door_that_is_for_the_invited(open_moot: Callable[..., Any]) -> None:
    moot: Moot = await open_moot(sign_up="invitation", smtp_url=MAIL)
    awaken(moot)
    secret = await invited(moot)

    assert (await moot.get("/sign-up")).status == 403
    assert (await moot.browser().post("/sign-up", CLARA)).status == 403
    assert (await moot.browser().post("/sign-up", CLARA | {"invitation": "x" * 43})).status == 403
    assert await moot.browser().posted("/sign-up", CLARA | {"invitation": secret}) == "/g/garden"


async def test_the_link_of_a_group_opens_that_door_too(open_moot: Callable[..., Any]) -> None:
    moot: Moot = await open_moot(sign_up="invitation", smtp_url=MAIL)
    awaken(moot)
    group_id = await moot.group("garden", "The garden")
    await moot.storage.write(lambda work: setattr(work.get_one(Group, group_id), "join_token", "j" * 32))
    browser = moot.browser()

    assert await browser.posted("/sign-up", CLARA | {"join": "j" * 32}) == "/sign-up/confirm"
    assert await browser.posted((await the_post(moot, "sign_up")).link) == "/g/garden"

    part = await moot.storage.read(lambda work: work.query(Membership).filter_by(group_id=group_id).one())
    assert part.role == "member"


async def test_a_closed_door_is_closed_to_everybody(open_moot: Callable[..., Any]) -> None:
    """WEB-20"""
    moot: Moot = await open_moot(sign_up="closed")
    awaken(moot)
    secret = await invited(moot)

    assert (await moot.get("/sign-up")).status == 403
    assert (await moot.browser().post("/sign-up", CLARA)).status == 403
    assert (await moot.browser().post("/sign-up", CLARA | {"invitation": secret})).status == 403
    assert "/sign-up" not in (await moot.page("/sign-in")).source


async def test_a_node_that_sends_no_mail_says_so_and_takes_nobody_it_would_have_to_ask(moot: Moot) -> None:
    awaken(moot)
    secret = await invited(moot)

    answer = await moot.browser().post("/sign-up", CLARA)

    assert answer.status == 403 and "sends no mail" in await answer.text()
    assert await moot.browser().posted("/sign-up", CLARA | {"invitation": secret}) == "/g/garden"
