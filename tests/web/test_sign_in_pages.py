"""Signing in and out through the pages, as a browser without JavaScript does it, and as somebody who guesses does."""

from __future__ import annotations

import asyncio
import resource
import statistics
import time
import unicodedata
from typing import Any

import argon2
import pytest
from aiohttp import ClientResponse

from node import passwords
from node.forum import accounts, second_factors, signing_in, totp
from node.web import entrance
from storage import people
from storage.schema import Account, SignedIn, Token
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

SECRET = b"twenty bytes of this"


@pytest.fixture
def clock(moot: Moot) -> Clock:
    """The clock of the moot, which the test moves."""
    return awaken(moot)


async def with_app(moot: Moot, actor_id: int) -> list[str]:
    sealed = moot.node.sealing.seal(entrance.SEALED_APP, SECRET)

    def turn_on(work: Work) -> list[str]:
        return second_factors.turn_on_app(work, people.by_id(work, actor_id), sealed, 0)

    codes = await moot.storage.write(turn_on)
    await post_of(moot)
    return codes


def app_code(clock: Clock, *, steps: int = 0) -> str:
    codes = totp.TOTP(SECRET, 6, totp.SHA1(), totp.STEP)
    return codes.generate((int(clock().timestamp()) // totp.STEP + steps) * totp.STEP).decode()


def must_be_safe(response: ClientResponse) -> int:
    """Every cookie of the answer is for this host alone, over TLS, unseen by scripts; answers how many there are."""
    lines = response.headers.getall("Set-Cookie", [])
    for line in lines:
        name, *flags = [part.strip() for part in line.split(";")]
        flags = [flag.lower() for flag in flags]
        assert name.startswith("__Host-"), line
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(flags), line
        assert not any(flag.startswith("domain") for flag in flags), line
    return len(lines)


# ------------------------------------------------------------------ a password


@pytest.mark.parametrize("login", ["ana", "@Ana", "ana@coop.example", "ANA@COOP.EXAMPLE"])
async def test_a_member_signs_in_with_handle_or_address(moot: Moot, clock: Clock, login: str) -> None:
    await member(moot)
    browser = moot.browser()

    assert await browser.posted("/sign-in", login=login, password=PASSWORD, next="/unread?a=b") == "/unread?a=b"

    assert await is_signed_in(browser)


async def test_every_cookie_is_for_this_host_alone(moot: Moot, clock: Clock) -> None:
    """WEB-04: on the way in, on the way out, and on pages with forms."""
    await member(moot)
    browser = moot.browser()
    answers = [await browser.get("/sign-in"), await browser.get("/sign-up"), await browser.get("/reset")]
    answers.append(await browser.post("/sign-in", login="ana", password=PASSWORD))
    answers += [await browser.get("/settings"), await browser.post("/sign-out")]

    assert sum(must_be_safe(answer) for answer in answers) >= 3


async def test_signing_in_gives_a_new_session_each_time_and_the_old_one_is_dead(moot: Moot, clock: Clock) -> None:
    """WEB-03"""
    actor_id = await member(moot)
    browser = await sign_in(moot)
    old = browser.cookies["session"]

    await browser.post("/sign-in", login="ana", password=PASSWORD)

    assert browser.cookies["session"] != old
    assert await sessions_of(moot, actor_id) == 1
    assert not await is_signed_in(Browser(moot, {"session": old}))


async def test_a_session_that_the_visitor_brought_along_is_not_taken(moot: Moot, clock: Clock) -> None:
    """WEB-03: fixation."""
    await member(moot)
    fixed = "x" * 43
    browser = Browser(moot, {"session": fixed})

    await browser.posted("/sign-in", login="ana", password=PASSWORD)

    assert browser.cookies["session"] != fixed
    assert not await is_signed_in(Browser(moot, {"session": fixed}))


@pytest.mark.parametrize(
    "to",
    [
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "https:evil.test",
        "javascript:alert(1)",
        "/%2f%2fevil.test",
        "/%5cevil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        " //evil.test",
        "///evil.test",
        "evil.test",
        "/\n/evil.test",
    ],
)
async def test_signing_in_leads_nowhere_but_here(moot: Moot, clock: Clock, to: str) -> None:
    """WEB-14"""
    await member(moot)

    assert await moot.browser().posted("/sign-in", login="ana", password=PASSWORD, next=to) == "/"
    signed_in = await sign_in(moot)
    answer = await moot.client.get("/sign-in", params={"next": to}, headers=signed_in.headers, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_a_form_of_another_site_signs_nobody_in_or_out(moot: Moot, clock: Clock) -> None:
    """WEB-01, WEB-02"""
    actor_id = await member(moot)
    browser = await sign_in(moot)
    given = {"login": "ana", "password": PASSWORD, "csrf": browser.token()}

    for path in ("/sign-in", "/sign-out", "/sign-in/code", "/reset", "/sign-up"):
        for headers in (
            {"Origin": "https://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):  # fmt: skip
            answer = await moot.client.post(path, data=given, headers=browser.headers | headers, allow_redirects=False)
            assert answer.status == 403, (path, headers)
            assert "__Host-session" not in answer.cookies

    assert await sessions_of(moot, actor_id) == 1
    assert await is_signed_in(browser)


@pytest.mark.parametrize("token", ["", "nonsense", None])
async def test_a_form_without_its_token_signs_nobody_in_or_out(moot: Moot, clock: Clock, token: str | None) -> None:
    """WEB-01, WEB-02"""
    await member(moot)
    browser = await sign_in(moot)
    given = {"login": "ana", "password": PASSWORD} | ({"csrf": token} if token is not None else {})

    for path in ("/sign-in", "/sign-out"):
        answer = await moot.client.post(path, data=given, headers=browser.headers, allow_redirects=False)
        assert answer.status == 403
        assert "__Host-session" not in answer.cookies

    assert await is_signed_in(browser)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
async def test_nothing_but_a_post_signs_out(moot: Moot, clock: Clock, method: str) -> None:
    """WEB-02, WEB-25"""
    await member(moot)
    browser = await sign_in(moot)

    answer = await moot.client.request(method, "/sign-out", headers=browser.headers, allow_redirects=False)

    assert answer.status == 405
    assert await is_signed_in(browser)


async def test_signing_out_ends_the_session_at_once(moot: Moot, clock: Clock) -> None:
    """WEB-05"""
    actor_id = await member(moot)
    browser = await sign_in(moot)
    secret = browser.cookies["session"]

    assert await browser.posted("/sign-out") == "/"

    assert "session" not in browser.cookies
    assert await sessions_of(moot, actor_id) == 0
    assert not await is_signed_in(Browser(moot, {"session": secret}))


async def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(moot: Moot, clock: Clock) -> None:
    """WEB-09"""
    await member(moot)
    await member(moot, "ben", password=None)
    browser = moot.browser()

    async def said(login: str) -> tuple[int, str]:
        answer = await browser.post("/sign-in", login=login, password="a wrong password")
        return answer.status, (await answer.text()).replace(f'value="{login}"', "")

    answers = [await said(login) for login in ("ana", "ben", "nobody", "ana@coop.example", "no@coop.example")]

    assert answers[0][0] == 422
    assert len(set(answers)) == 1


async def test_what_was_typed_comes_back_but_for_the_password(moot: Moot, clock: Clock) -> None:
    answer = await moot.browser().post("/sign-in", login="ana & co", password="a wrong password")
    page = Page(await answer.text())

    assert page.one("input", name="login").get("value") == "ana & co"
    assert page.one("input", name="password").get("value") == ""
    field = page.one("input", name="password")
    assert field.get("aria-invalid") == "true"
    assert page.one("p", id=field.get("aria-describedby"))


async def test_the_answer_takes_as_long_for_nobody_as_for_somebody(moot: Moot, clock: Clock) -> None:
    """WEB-09: a password is hashed for a name that nobody has, too."""
    await member(moot)
    browser = moot.browser()

    async def took(login: str) -> float:
        begun = time.perf_counter()
        await browser.post("/sign-in", login=login, password="a wrong password")
        return time.perf_counter() - begun

    times: dict[str, list[float]] = {"ana": [], "nobody": []}
    for _ in range(8):
        for login, taken in times.items():
            taken.append(await took(login))

    known, unknown = (statistics.median(taken) for taken in times.values())
    assert 0.5 < known / unknown < 2


async def test_guessing_is_answered_with_429_and_when_to_try_again(moot: Moot, clock: Clock) -> None:
    """WEB-08"""
    await member(moot)
    browser = moot.browser()
    answers = [await browser.post("/sign-in", login="ana", password=f"guess {number}") for number in range(11)]

    assert [answer.status for answer in answers] == [422] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 15 * 60
    # The right one is not let in either, or guessing would go on.
    assert (await browser.post("/sign-in", login="ana", password=PASSWORD)).status == 429
    clock.forward(minutes=16)
    assert (await browser.post("/sign-in", login="ana", password=PASSWORD)).status == 303


async def test_a_guesser_gets_no_new_tries_by_lying_about_where_they_are(moot: Moot, clock: Clock) -> None:
    """WEB-13, HTT-09: of X-Forwarded-For only what our own proxy added counts, and of IPv6 only the network."""
    await member(moot)
    browser = moot.browser()
    given = {"csrf": browser.token(), "login": "ana", "password": "a wrong password"}

    async def tried(forwarded: str) -> int:
        headers = browser.headers | {"X-Forwarded-For": forwarded}
        return (await moot.client.post("/sign-in", data=given, headers=headers, allow_redirects=False)).status

    v4 = [await tried(f"10.0.0.{number}, 203.0.113.7") for number in range(12)]
    v6 = [await tried(f"2001:db8:1:2::{number:x}") for number in range(1, 13)]

    assert v4 == [422] * 10 + [429] * 2
    assert v6 == [422] * 10 + [429] * 2


async def test_a_field_that_stands_twice_is_no_second_try(moot: Moot, clock: Clock) -> None:
    """WEB-13: parameter arrays."""
    await member(moot)
    browser = moot.browser()

    answer = await browser.post("/sign-in", login="ana", password=["a wrong password", PASSWORD])

    assert answer.status == 422


async def test_a_password_is_hashed_again_when_the_measure_has_grown(moot: Moot, clock: Clock) -> None:
    """WEB-06"""
    moot.node.passwords = passwords.Passwords()  # the real ones, that take their time
    actor_id = await member(moot)
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)

    def weaken(work: Work) -> None:
        work.get_one(Account, actor_id).password_hash = weak

    await moot.storage.write(weaken)

    await sign_in(moot)

    kept = (await account_of(moot, actor_id)).password_hash
    assert kept is not None and kept != weak
    parameters = argon2.extract_parameters(kept)
    assert parameters.type is argon2.Type.ID
    assert parameters.memory_cost >= 19 * 1024 and parameters.time_cost >= 2
    await sign_in(moot)


async def test_two_of_one_password_are_kept_differently(moot: Moot) -> None:
    """WEB-06: salt."""
    first, second = [await moot.node.passwords.hash(PASSWORD) for _ in range(2)]

    assert first != second


async def test_a_password_is_the_same_however_its_letters_were_composed(moot: Moot, clock: Clock) -> None:
    """WEB-06: NFC"""
    composed = unicodedata.normalize("NFC", "crème brûlée")
    await member(moot, password=composed)

    await sign_in(moot, password=unicodedata.normalize("NFD", composed))


@pytest.mark.parametrize("password", ["x" * 1025, "x" * 100_000, "\0" * 12, PASSWORD + "\0", "ä" * 600])
async def test_what_is_no_password_is_refused_without_much_ado(moot: Moot, clock: Clock, password: str) -> None:
    """WEB-06: at most 1024 bytes, and no NUL that would end it early."""
    await member(moot)

    answer = await moot.browser().post("/sign-in", login="ana", password=password)

    assert answer.status in (422, 413)


async def test_fifty_who_sign_in_at_once_need_bounded_memory_and_hold_up_no_page(moot: Moot, clock: Clock) -> None:
    """WEB-07"""
    await member(moot)
    await sign_in(moot)  # what is loaded at first is loaded
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    browsers = [moot.browser() for _ in range(50)]
    given = {"login": "ana", "password": "a wrong password"}
    tries = asyncio.gather(*(browser.post("/sign-in", **given) for browser in browsers))
    slowest = 0.0
    while not tries.done():
        begun = time.perf_counter()
        assert (await moot.get("/about")).status == 200
        slowest = max(slowest, time.perf_counter() - begun)
    answers = await tries

    assert sorted({answer.status for answer in answers}) == [422, 429]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < (passwords.AT_ONCE + 2) * passwords.MEMORY * 1024
    assert slowest < 2


async def test_whoever_is_suspended_hears_so_once_their_password_was_right(moot: Moot, clock: Clock) -> None:
    actor_id = await member(moot)
    await moot.storage.write(lambda work: setattr(people.by_id(work, actor_id), "state", "suspended"))
    browser = moot.browser()

    wrong = await browser.post("/sign-in", login="ana", password="a wrong password")
    right = await browser.post("/sign-in", login="ana", password=PASSWORD)

    assert "suspended" not in await wrong.text()
    assert right.status == 403 and "suspended" in await right.text()
    assert await sessions_of(moot, actor_id) == 0


async def test_whoever_is_signed_in_needs_no_form_for_it(moot: Moot, clock: Clock) -> None:
    await member(moot)
    browser = await sign_in(moot)

    answer = await browser.get("/sign-in?next=/about")

    assert (answer.status, answer.headers["Location"]) == (303, "/about")


# ------------------------------------------------------------------ a mailed link, and its digits


async def test_a_mailed_link_shows_a_button_and_signs_in_by_it(moot: Moot, clock: Clock) -> None:
    """A scanner of mail that follows the link changes nothing; WEB-25: nor does HEAD."""
    actor_id = await member(moot)
    browser = moot.browser()
    assert await browser.posted("/sign-in/code", login="ana", next="/unread") == "/sign-in/code"
    mail = await the_post(moot, "sign_in")

    for _ in range(3):
        page = await moot.page(mail.link)
        assert "ana" in page.text()
        assert (await moot.client.head(mail.link)).status in (200, 405)
    assert await sessions_of(moot, actor_id) == 0

    phone = moot.browser()
    assert await phone.posted(mail.link) == "/unread"
    assert await is_signed_in(phone)
    assert (await phone.post(mail.link)).status == 404
    assert (await moot.get(mail.link)).status == 404


async def test_the_six_digits_sign_in_where_they_were_asked_for(moot: Moot, clock: Clock) -> None:
    await member(moot)
    browser = moot.browser()
    await browser.posted("/sign-in/code", login="ana@coop.example")
    mail = await the_post(moot, "sign_in")

    stranger = moot.browser()
    assert (await stranger.post("/sign-in/code", code=mail.code)).status == 422
    assert await browser.posted("/sign-in/code", code=mail.code) == "/"

    assert await is_signed_in(browser)
    assert not await is_signed_in(stranger)


async def test_asking_for_a_link_looks_the_same_for_somebody_and_for_nobody(moot: Moot, clock: Clock) -> None:
    """WEB-09: answers, and the time that they take."""
    await member(moot)
    answers, times = [], []
    for login in ("ana", "nobody", "ana@coop.example", "no@coop.example"):
        browser = moot.browser()
        begun = time.perf_counter()
        answer = await browser.post("/sign-in/code", login=login)
        times.append(time.perf_counter() - begun)
        wrong = await browser.post("/sign-in/code", code="12345")
        token = browser.token()
        answers.append((answer.status, answer.headers["Location"], (await wrong.text()).replace(token, "")))

    assert len(set(answers)) == 1
    assert min(times) >= entrance.EVENLY * 0.95


async def test_links_are_on_the_address_of_the_node_whatever_host_was_asked(moot: Moot, clock: Clock) -> None:
    """WEB-11"""
    await member(moot)
    browser = moot.browser()
    given = {"csrf": browser.token(), "login": "ana"}

    for path in ("/sign-in/code", "/reset"):
        headers = browser.headers | {"Host": "evil.test", "X-Forwarded-Host": "evil.test"}
        await moot.client.post(path, data=given, headers=headers, allow_redirects=False)

    mails = await post_of(moot)
    assert [mail.kind for mail in mails] == ["sign_in", "reset"]
    for mail in mails:
        assert "evil.test" not in mail.words
        assert mail.link


async def test_a_page_with_a_secret_in_its_address_is_kept_nowhere_and_names_it_to_nobody(
    moot: Moot, clock: Clock
) -> None:
    """WEB-10: not in Referer, not in caches, not in search engines."""
    await member(moot)
    await moot.browser().post("/reset", login="ana")
    mail = await the_post(moot, "reset")

    answer = await moot.get(mail.link)

    assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer", "strict-origin")
    assert answer.headers["Cache-Control"] == "no-store"
    page = Page(await answer.text())
    assert page.meta("robots") == "noindex"
    assert not page.all("link", rel="canonical")


# ------------------------------------------------------------------ forgotten passwords


async def test_a_forgotten_password_is_chosen_anew_by_a_mailed_link(moot: Moot, clock: Clock) -> None:
    """WEB-05, WEB-10"""
    actor_id = await member(moot)
    elsewhere = await sign_in(moot)
    browser = moot.browser()
    assert await browser.posted("/reset", login="ana") == "/reset?sent=1"
    mail = await the_post(moot, "reset")
    page = await browser.page(mail.link)
    assert page.one("input", name="password").get("autocomplete") == "new-password"

    short = await browser.post(mail.link, password="short")
    assert short.status == 422
    assert await browser.posted(mail.link, password="barley and beans") == "/sign-in?done=reset"

    assert not await is_signed_in(elsewhere)
    assert not await is_signed_in(browser)
    assert (await browser.post("/sign-in", login="ana", password=PASSWORD)).status == 422
    await sign_in(moot, password="barley and beans")
    assert (await browser.post(mail.link, password="barley and peas")).status == 404
    assert await sessions_of(moot, actor_id) == 1


async def test_a_reset_does_not_pass_by_the_second_factor(moot: Moot, clock: Clock) -> None:
    """WEB-22"""
    actor_id = await member(moot)
    await with_app(moot, actor_id)
    browser = moot.browser()
    await browser.posted("/reset", login="ana")
    await browser.posted((await the_post(moot, "reset")).link, password="barley and beans")

    assert await browser.posted("/sign-in", login="ana", password="barley and beans") == "/sign-in/second"

    assert not await is_signed_in(browser)


async def test_a_reset_is_the_same_for_somebody_and_nobody(moot: Moot, clock: Clock) -> None:
    """WEB-09"""
    await member(moot)

    answers = [await moot.browser().posted("/reset", login=login) for login in ("ana", "nobody", "x@y.example")]

    assert answers == ["/reset?sent=1"] * 3
    assert len(await post_of(moot)) == 1


# ------------------------------------------------------------------ a second factor


async def test_a_code_of_the_app_is_asked_for_and_used_once(moot: Moot, clock: Clock) -> None:
    """WEB-22: a replayed code is refused."""
    actor_id = await member(moot)
    await with_app(moot, actor_id)
    browser, other = moot.browser(), moot.browser()
    for each in (browser, other):
        assert await each.posted("/sign-in", login="ana", password=PASSWORD, next="/unread") == "/sign-in/second"
        assert not await is_signed_in(each)
    code = app_code(clock)

    assert await browser.posted("/sign-in/second", code=code) == "/unread"

    assert await is_signed_in(browser)
    replayed = await other.post("/sign-in/second", code=code)
    assert replayed.status == 422
    assert not await is_signed_in(other)
    clock.forward(seconds=30)
    assert await other.posted("/sign-in/second", code=app_code(clock)) == "/unread"


async def test_a_recovery_code_lets_in_who_lost_their_phone(moot: Moot, clock: Clock) -> None:
    """WEB-22"""
    codes = await with_app(moot, await member(moot))
    browser = moot.browser()
    await browser.posted("/sign-in", login="ana", password=PASSWORD)

    assert await browser.posted("/sign-in/second", code=codes[0]) == "/"
    assert await is_signed_in(browser)


async def test_the_second_step_needs_the_first_one_in_the_same_browser(moot: Moot, clock: Clock) -> None:
    """WEB-22"""
    await with_app(moot, await member(moot))
    await moot.browser().posted("/sign-in", login="ana", password=PASSWORD)
    other = moot.browser()

    assert await other.posted("/sign-in/second", code=app_code(clock)) == "/sign-in"
    assert (await other.get("/sign-in/second")).headers["Location"] == "/sign-in"
    assert not await is_signed_in(other)


async def test_after_five_wrong_codes_one_begins_anew(moot: Moot, clock: Clock) -> None:
    """WEB-22"""
    await with_app(moot, await member(moot))
    browser = moot.browser()
    await browser.posted("/sign-in", login="ana", password=PASSWORD)
    for _ in range(5):
        assert (await browser.post("/sign-in/second", code="wrong!")).status == 422

    assert await browser.posted("/sign-in/second", code=app_code(clock)) == "/sign-in"
    assert not await is_signed_in(browser)


# ------------------------------------------------------------------ once more


async def test_what_is_dangerous_asks_once_more_who_it_is(moot: Moot, clock: Clock) -> None:
    await member(moot)
    browser = await sign_in(moot)
    assert (await browser.get("/settings/security")).status == 200
    clock.forward(minutes=16)

    asked = await browser.get("/settings/security")
    assert asked.headers["Location"] == "/sign-in/prove?next=%2Fsettings%2Fsecurity"
    assert (await browser.post("/sign-in/prove", password="a wrong password", next="/settings/security")).status == 422
    assert await browser.posted("/sign-in/prove", password=PASSWORD, next="/settings/security") == "/settings/security"

    assert (await browser.get("/settings/security")).status == 200


async def test_who_has_no_password_shows_it_by_mail(moot: Moot, clock: Clock) -> None:
    await member(moot, password=None)
    browser = moot.browser()
    await browser.posted("/sign-in/code", login="ana")
    await browser.posted("/sign-in/code", code=(await the_post(moot, "sign_in")).code)
    clock.forward(minutes=16)

    asked = await browser.post("/sign-in/prove", mail="1", next="/settings/security")
    assert asked.status == 200
    mail = await the_post(moot, "sign_in")
    assert (await browser.post("/sign-in/prove", code="000000x", next="/settings/security")).status == 422
    assert await browser.posted("/sign-in/prove", code=mail.code, next="/settings/security") == "/settings/security"

    assert (await browser.get("/settings/security")).status == 200


async def test_proving_is_guessed_only_so_often(moot: Moot, clock: Clock) -> None:
    """WEB-08"""
    await member(moot)
    browser = await sign_in(moot)

    answers = [(await browser.post("/sign-in/prove", password=f"guess {number}")).status for number in range(11)]

    assert answers == [422] * 10 + [429]


# ------------------------------------------------------------------ the first link


async def test_the_first_link_makes_an_admin_who_is_signed_in(moot: Moot, clock: Clock) -> None:
    """WEB-10: it works once, and not any more when there is an admin."""
    from_console = await moot.storage.write(_first_link)
    browser = moot.browser()
    page = await browser.page(f"/welcome/{from_console}")
    assert page.one("input", name="name").get("required") is not None

    refused = await browser.post(
        f"/welcome/{from_console}", name="mira", display_name="Mira", password="short", email=""
    )
    assert refused.status == 422
    assert Page(await refused.text()).one("input", name="name").get("value") == "mira"
    given: dict[str, Any] = {
        "name": "Mira",
        "display_name": "Mira Sol",
        "password": PASSWORD,
        "email": "m@coop.example",
    }
    assert await browser.posted(f"/welcome/{from_console}", given) == "/"

    assert (await browser.get("/admin")).status == 200
    assert (await moot.browser().get(f"/welcome/{from_console}")).status == 404
    # An address counts once it is confirmed, also that of an admin.
    mail = await the_post(moot, "new_email")
    assert mail.to == "m@coop.example"
    await browser.posted(mail.link)
    await sign_in(moot, "m@coop.example")


def _first_link(work: Work) -> str:
    secret = accounts.link_for_first_admin(work)
    assert secret is not None
    return secret


async def test_a_later_first_link_voids_the_earlier_one(moot: Moot, clock: Clock) -> None:
    first = await moot.storage.write(_first_link)
    second = await moot.storage.write(_first_link)

    assert (await moot.get(f"/welcome/{first}")).status == 404
    assert (await moot.get(f"/welcome/{second}")).status == 200
    clock.forward(days=7, seconds=1)
    assert (await moot.get(f"/welcome/{second}")).status == 404


async def test_no_secret_of_the_door_lies_in_the_database_as_it_is(moot: Moot, clock: Clock) -> None:
    """WEB-10: hashed at rest."""
    await member(moot)
    browser = moot.browser()
    await browser.posted("/sign-in/code", login="ana")
    mail = await the_post(moot, "sign_in")
    signed_in = await sign_in(moot)

    def everything(work: Work) -> str:
        rows = [*work.query(Token).all(), *work.query(SignedIn).all(), *work.query(Account).all()]
        return repr([vars(row) for row in rows])

    kept = await moot.storage.read(everything)
    for secret in (
        mail.link.rpartition("/")[2],
        mail.code,
        signed_in.cookies["session"],
        browser.cookies["visit"],
        PASSWORD,
    ):
        assert secret not in kept
    assert signing_in.LINK.total_seconds() <= 3600 and signing_in.RESET.total_seconds() <= 3600
