"""The settings: profile, account and security, by the one whose they are and by nobody else."""

from __future__ import annotations

import re

import pytest

from node.forum import accounts, profiles, totp
from node.forum import people as forum_people
from node.forum.errors import Invalid
from node.web import agents, entrance
from storage import people
from storage.schema import Account, Actor
from storage.work import Work
from tests.web.arrivals import (
    PASSWORD,
    Clock,
    account_of,
    awaken,
    is_signed_in,
    member,
    post_of,
    sessions_of,
    sign_in,
    the_post,
)
from tests.web.conftest import Browser, Moot, Page

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def clock(moot: Moot) -> Clock:
    """The clock of the moot, which the test moves."""
    return awaken(moot)


@pytest.fixture
async def ana(moot: Moot, clock: Clock) -> Browser:
    """Ana's browser; there is an admin beside her, Mira."""
    await member(moot, "mira", admin=True)
    await member(moot, "ana")
    return await sign_in(moot)


async def actor(moot: Moot, name: str = "ana") -> Actor:
    found = await moot.storage.read(people.by_name, name)
    assert found is not None
    return found


# ------------------------------------------------------------------ profile


async def test_a_profile_is_changed_and_shown(moot: Moot, ana: Browser) -> None:
    given = {
        "display_name": "Ana Lima",
        "summary": "I grow **beans**.",
        "field-name-1": "Town",
        "field-value-1": "Porto",
    }

    assert await ana.posted("/settings", given) == "/settings?done=profile"

    page = await moot.page("/u/ana")
    assert "Ana Lima" in page.text() and "Town Porto" in page.text()
    assert page.text(page.all("strong")[0]) == "beans"
    form = await ana.page("/settings")
    assert form.one("input", name="field-value-1").get("value") == "Porto"
    assert "I grow **beans**." in form.text(form.one("textarea", name="summary"))


async def test_a_page_that_links_back_is_marked_as_verified(moot: Moot, ana: Browser, clock: Clock) -> None:
    asked: list[tuple[str, str]] = []

    async def links_back(url: str, to: str) -> bool:
        asked.append((url, to))
        return "mine" in url

    moot.network.links_back = links_back  # type: ignore[attr-defined]
    rows = {
        "field-name-1": "Page", "field-value-1": "https://mine.example/",
        "field-name-2": "Other", "field-value-2": "https://others.example/",
        "field-name-3": "Town", "field-value-3": "Porto",
    }  # fmt: skip

    await ana.posted("/settings", rows | {"display_name": "Ana", "summary": ""})

    assert sorted(asked) == [
        ("https://mine.example/", "https://moot.example/u/ana"),
        ("https://others.example/", "https://moot.example/u/ana"),
    ]
    page = await moot.page("/u/ana")
    [mark] = page.all("span", class_="verified")
    assert "verified" in page.text(mark)
    links = page.all("a", rel="me")
    assert [link.get("href") for link in links] == ["https://mine.example/", "https://others.example/"]

    # What no longer links back is verified no longer.
    moot.network.links_back = lambda url, to: _no()  # type: ignore[attr-defined]
    await ana.posted("/settings", rows | {"display_name": "Ana", "summary": ""})
    assert not (await moot.page("/u/ana")).all("span", class_="verified")


async def _no() -> bool:
    return False


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://user:secret@evil.test/",
        "//evil.test",
        "https://a b",
        "ftp://x.example",
    ],
)
async def test_what_is_no_address_of_a_page_is_no_link(moot: Moot, ana: Browser, value: str) -> None:
    await ana.posted("/settings", {"display_name": "Ana", "field-name-1": "Page", "field-value-1": value})

    page = await moot.page("/u/ana")
    assert value in page.text()
    assert not page.all("a", rel="me")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"display_name": "x" * 101}, "display_name"),
        ({"summary": "x" * 5001}, "summary"),
        ({"field-name-2": "Town"}, "field-value-2"),
        ({"field-value-2": "Porto"}, "field-name-2"),
        ({"field-name-1": "x" * 51, "field-value-1": "y"}, "field-name-1"),
        ({"field-name-1": "x", "field-value-1": "y" * 301}, "field-value-1"),
    ],
)
async def test_what_is_too_long_or_half_comes_back_with_all_the_rest(
    ana: Browser, given: dict[str, str], field: str
) -> None:
    answer = await ana.post(
        "/settings", {"display_name": "Ana", "field-name-6": "Last", "field-value-6": "row"} | given
    )
    page = Page(await answer.text())

    assert answer.status == 422
    wrong = [it for tag in ("input", "textarea") for it in page.all(tag, name=field)]
    assert wrong[0].get("aria-invalid") == "true"
    assert page.one("input", name="field-value-6").get("value") == "row"


async def test_nobody_changes_more_than_the_form_has(moot: Moot, ana: Browser) -> None:
    """WEB-19: mass assignment."""
    before = await actor(moot)
    more = {
        "name": "mira",
        "admin": "1",
        "state": "deleted",
        "id": "1",
        "email": "x@evil.test",
        "uri": "https://evil.test/",
    }

    await ana.posted("/settings", {"display_name": "Ana", "summary": "", "verified_at": "2020-01-01"} | more)
    await ana.posted("/settings/account", {"language": "", "zone": ""} | more)

    after = await actor(moot)
    account = await account_of(moot, after.id)
    assert (after.id, after.name, after.state, after.uri) == (before.id, "ana", "active", before.uri)
    assert (account.admin, account.email) == (False, "ana@coop.example")


@pytest.mark.parametrize(
    "path",
    [
        "/settings", "/settings/account", "/settings/account/email", "/settings/account/leave",
        "/settings/account/moving", "/settings/security",
        "/settings/security/app", "/sign-in/prove",
    ],
)  # fmt: skip
async def test_a_stranger_is_led_to_signing_in(moot: Moot, clock: Clock, path: str) -> None:
    answer = await moot.get(path)

    assert answer.status == 303
    assert answer.headers["Location"].startswith("/sign-in?next=%2Fs")


# ------------------------------------------------------------------ account


async def test_language_zone_and_keys_are_kept(moot: Moot, ana: Browser) -> None:
    assert await ana.posted("/settings/account", language="en", zone="Europe/Lisbon", keys_off="1") == (
        "/settings/account?done=saved"
    )

    account = await account_of(moot, (await actor(moot)).id)
    assert (account.zone, account.keys_off, (await actor(moot)).language) == ("Europe/Lisbon", True, "en")
    page = await ana.page("/settings/account")
    [chosen] = [it for it in page.all("option", value="Europe/Lisbon") if it.get("selected") is not None]
    assert chosen is not None

    await ana.posted("/settings/account", language="xx", zone="Mars/Olympus")
    account = await account_of(moot, (await actor(moot)).id)
    assert (account.zone, account.keys_off) == (None, False)


async def test_a_new_address_counts_once_it_is_confirmed_and_the_old_one_is_told(moot: Moot, ana: Browser) -> None:
    """WEB-12"""
    actor_id = (await actor(moot)).id
    await ana.posted("/settings/account/email", email="new@coop.example")
    mail = await the_post(moot, "new_email")
    assert mail.to == "new@coop.example"
    assert (await account_of(moot, actor_id)).email == "ana@coop.example"
    await moot.page(mail.link)
    assert (await account_of(moot, actor_id)).email == "ana@coop.example"  # looking changes nothing

    assert await ana.posted(mail.link) == "/settings/account?done=confirmed"

    assert (await account_of(moot, actor_id)).email == "new@coop.example"
    told = await the_post(moot, "email_changed")
    assert told.to == "ana@coop.example" and "new@coop.example" not in told.words
    assert (await ana.post(mail.link)).status == 404


async def test_links_that_were_sent_to_the_old_address_are_void(moot: Moot, ana: Browser) -> None:
    """WEB-10"""
    await moot.browser().posted("/reset", login="ana")
    reset = await the_post(moot, "reset")
    await ana.posted("/settings/account/email", email="new@coop.example")
    await ana.posted((await the_post(moot, "new_email")).link)

    assert (await moot.browser().post(reset.link, password="barley and beans")).status == 404


@pytest.mark.parametrize(
    "email", ["", "a@x", '"a b"@coop.example', "a@coop.example\nBcc: x@y.example", "ana@coop.example"]
)
async def test_what_is_no_other_address_is_refused(moot: Moot, ana: Browser, email: str) -> None:
    """WEB-12"""
    answer = await ana.post("/settings/account/email", email=email)

    assert answer.status == 422
    assert await post_of(moot) == []


async def test_the_address_of_somebody_else_is_told_to_them_alone(moot: Moot, ana: Browser) -> None:
    """WEB-09"""
    assert await ana.posted("/settings/account/email", email="mira@coop.example") == "/settings/account?done=email"

    assert (await the_post(moot, "sign_up_known")).to == "mira@coop.example"


async def test_an_address_is_changed_only_by_who_just_showed_who_they_are(
    moot: Moot, ana: Browser, clock: Clock
) -> None:
    clock.forward(minutes=16)

    answer = await ana.post("/settings/account/email", email="new@coop.example")

    assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in/prove")
    assert await post_of(moot) == []


async def test_a_break_hides_the_profile_and_ends_when_its_owner_says_so(moot: Moot, ana: Browser) -> None:
    """WEB-05"""
    await ana.posted("/settings", display_name="Ana", summary="I grow beans.")
    elsewhere = await sign_in(moot)

    assert await ana.posted("/settings/account/leave", act="deactivate") == "/sign-in?done=deactivated"

    assert not await is_signed_in(ana) and not await is_signed_in(elsewhere)
    page = await moot.page("/u/ana")
    assert "deactivated" in page.text() and "beans" not in page.text()
    assert page.meta("robots") == "noindex"
    again = moot.browser()
    assert await again.posted("/sign-in", login="ana", password=PASSWORD) == "/sign-in/awake"
    assert not await is_signed_in(again)
    assert await again.posted("/sign-in/awake") == "/"
    assert "beans" in (await moot.page("/u/ana")).text()


async def test_an_account_is_deleted_by_who_types_its_handle(moot: Moot, ana: Browser) -> None:
    """WEB-05, WEB-20: the handle is never given again."""
    group = await moot.group()
    actor_id = (await actor(moot)).id
    await moot.join(actor_id, group)
    thread = await moot.thread(group, actor_id, "What next?", "Beans, I say.")
    elsewhere = await sign_in(moot)
    wrong = await ana.post("/settings/account/leave", act="delete", typed="mira")
    assert wrong.status == 422 and await is_signed_in(ana)

    assert await ana.posted("/settings/account/leave", act="delete", typed="@Ana") == "/goodbye"

    assert not await is_signed_in(elsewhere)
    assert await sessions_of(moot, actor_id) == 0
    assert await moot.storage.read(lambda work: work.get(Account, actor_id)) is None
    assert (await moot.get("/u/ana")).status == 410
    assert "Beans, I say." not in (await moot.item(thread, 0)).html
    assert (await the_post(moot, "deleted")).to == "ana@coop.example"
    assert (await moot.browser().post("/sign-in", login="ana", password=PASSWORD)).status == 422
    with pytest.raises(Invalid, match="never given again"):
        await moot.storage.read(forum_people.free_name, "ana")


@pytest.mark.parametrize("act", ["deactivate", "delete"])
async def test_the_only_admin_cannot_leave_the_node_without_one(moot: Moot, clock: Clock, act: str) -> None:
    await member(moot, "mira", admin=True)
    mira = await sign_in(moot, "mira")

    answer = await mira.post("/settings/account/leave", act=act, typed="mira")

    assert answer.status == 403 and "only admin" in await answer.text()
    assert await is_signed_in(mira)


# ------------------------------------------------------------------ security


async def test_a_new_password_signs_out_everywhere_else_and_gives_this_browser_a_new_session(
    moot: Moot, ana: Browser
) -> None:
    """WEB-03, WEB-05"""
    elsewhere = await sign_in(moot)
    old = ana.cookies["session"]

    assert await ana.posted("/settings/security/password", password="barley and beans") == (
        "/settings/security?done=password"
    )

    assert ana.cookies["session"] != old
    assert await is_signed_in(ana)
    assert not await is_signed_in(elsewhere) and not await is_signed_in(Browser(moot, {"session": old}))
    assert (await the_post(moot, "password_changed")).to == "ana@coop.example"
    assert (await moot.browser().post("/sign-in", login="ana", password=PASSWORD)).status == 422
    await sign_in(moot, password="barley and beans")


@pytest.mark.parametrize("password", ["short", "1234567890", "aaaaaaaaaaaaa", "x" * 1025, ""])
async def test_a_password_that_is_guessed_first_is_refused(moot: Moot, ana: Browser, password: str) -> None:
    """WEB-06"""
    assert (await ana.post("/settings/security/password", password=password)).status == 422
    await sign_in(moot)


async def test_sessions_are_listed_with_when_and_where_and_can_be_ended(moot: Moot, ana: Browser) -> None:
    """WEB-05"""
    elsewhere = moot.browser()
    given = {"csrf": elsewhere.token(), "login": "ana", "password": PASSWORD}
    headers = elsewhere.headers | {"User-Agent": FIREFOX, "X-Forwarded-For": "203.0.113.77"}
    answer = await moot.client.post("/sign-in", data=given, headers=headers, allow_redirects=False)
    elsewhere.cookies["session"] = answer.cookies["__Host-session"].value

    page = await ana.page("/settings/security")
    words = page.text()
    assert "Firefox, Linux" in words and "203.0.113.0/24" in words and "203.0.113.77" not in words
    assert "this one" in words
    [number] = [it.get("value") for it in page.all("input", name="session") if it.get("value") != "others"]
    await ana.posted("/settings/security/sessions", session=number)

    assert not await is_signed_in(elsewhere)
    assert await is_signed_in(ana)
    third = await sign_in(moot)
    await ana.posted("/settings/security/sessions", session="others")
    assert not await is_signed_in(third) and await is_signed_in(ana)


async def test_nobody_ends_the_session_of_somebody_else(moot: Moot, ana: Browser) -> None:
    """WEB-18"""
    mira = await sign_in(moot, "mira")
    for number in range(1, 6):
        await mira.post("/settings/security/sessions", session=str(number))

    assert await is_signed_in(ana)


async def test_an_authenticator_app_is_set_up_once_it_has_shown_a_code(moot: Moot, ana: Browser, clock: Clock) -> None:
    """WEB-22: recovery codes are shown once, and kept as hashes."""
    page = await ana.page("/settings/security/app")
    assert "<svg" in page.source and not page.all("img")
    carried = page.one("input", name="carried").get("value")
    address = next(a.get("href") for a in page.all("a") if (a.get("href") or "").startswith("otpauth:"))
    found = re.search(r"secret=([A-Z2-7]+)", address)
    assert found
    secret = totp.base64.b32decode(found[1])
    codes = totp.TOTP(secret, 6, totp.SHA1(), totp.STEP)
    code = codes.generate(int(clock().timestamp())).decode()

    wrong = await ana.post("/settings/security/app", carried=carried, code="000000" if code != "000000" else "111111")
    assert wrong.status == 422
    shown = await ana.post("/settings/security/app", carried=carried, code=code)
    assert shown.status == 200 and shown.headers["Cache-Control"] == "no-store"
    recovery = [it.text for it in Page(await shown.text()).all("code")]
    assert len(recovery) == 10

    assert (await the_post(moot, "second_factor_changed")).to == "ana@coop.example"
    kept = await account_of(moot, (await actor(moot)).id)
    assert kept.totp_sealed is not None and secret not in kept.totp_sealed
    assert moot.node.sealing.unseal(entrance.SEALED_APP, kept.totp_sealed) == secret
    again = moot.browser()
    assert await again.posted("/sign-in", login="ana", password=PASSWORD) == "/sign-in/second"
    # The code that set it up was used by that.
    assert (await again.post("/sign-in/second", code=code)).status == 422
    assert await again.posted("/sign-in/second", code=recovery[0]) == "/"

    await ana.posted("/settings/security/app/off")
    assert await moot.browser().posted("/sign-in", login="ana", password=PASSWORD) == "/"


async def test_a_sealed_secret_of_one_is_of_no_use_to_another(moot: Moot, ana: Browser, clock: Clock) -> None:
    mira = await sign_in(moot, "mira")
    page = await mira.page("/settings/security/app")

    answer = await ana.post(
        "/settings/security/app", carried=page.one("input", name="carried").get("value"), code="123456"
    )

    assert answer.headers["Location"] == "/settings/security/app"


async def test_new_recovery_codes_are_shown_once(moot: Moot, ana: Browser) -> None:
    """WEB-22"""
    assert (await ana.post("/settings/security/codes")).status == 403  # there is no app

    def turn_on(work: Work) -> None:
        ana_now = people.by_name(work, "ana")
        assert ana_now is not None
        accounts.must_have_account(work, ana_now).totp_sealed = b"sealed"

    await moot.storage.write(turn_on)
    first, second = [
        [it.text for it in Page(await (await ana.post("/settings/security/codes")).text()).all("code")]
        for _ in range(2)
    ]
    assert len(first) == len(second) == 10
    assert not set(first) & set(second)


async def test_a_form_that_came_too_late_leads_back_to_its_page(ana: Browser, clock: Clock) -> None:
    clock.forward(minutes=16)
    asked = await ana.post("/settings/security/password", password="barley and beans")
    assert asked.headers["Location"] == "/sign-in/prove?next=%2Fsettings%2Fsecurity%2Fpassword"

    to = await ana.posted("/sign-in/prove", password=PASSWORD, next="/settings/security/password")

    assert (await ana.get(to)).headers["Location"] == "/settings/security"


# ------------------------------------------------------------------ small things


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        (FIREFOX, "Firefox, Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("curl/8.0", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_of_a_browser_its_name_and_system_are_kept(agent: str, family: str) -> None:
    assert agents.family(agent) == family


def test_a_page_is_an_address_and_nothing_else() -> None:
    assert profiles.web_page("https://coop.example/~ana?a=b#c") == "https://coop.example/~ana?a=b#c"
    for value in ("see https://coop.example", "https://", "https://[", "https://a@b", "http://x:99999", "HTTPS://x<b>"):
        assert profiles.web_page(value) is None
