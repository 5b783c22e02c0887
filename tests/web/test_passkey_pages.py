"""Passkeys: added, used and taken away, with an authenticator in software; and what a forger sends instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storage import people
from storage.schema import Account, Passkey
from storage.work import Work
from tests.web.arrivals import Clock, awaken, is_signed_in, member, post_of, sessions_of, sign_in, the_post
from tests.web.authenticators import Authenticator
from tests.web.conftest import Browser, Moot

SIGN_IN, ADD = "/sign-in/passkey", "/settings/security/passkeys"


@pytest.fixture
def clock(moot: Moot) -> Clock:
    """The clock of the moot, which the test moves."""
    return awaken(moot)


@pytest.fixture
async def ana(moot: Moot, clock: Clock) -> Browser:
    """The browser in which Ana signed in with her password."""
    await member(moot, "ana")
    return await sign_in(moot)


@pytest.fixture
def key(moot: Moot) -> Authenticator:
    """A key of Ana's."""
    return Authenticator(moot.settings.origin, moot.settings.authority)


async def begun(browser: Browser, path: str) -> dict[str, Any]:
    answer = await browser.post(path, step="begin")
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    options: dict[str, Any] = json.loads(await answer.text())
    return options


async def add(browser: Browser, key: Authenticator, name: str = "My phone") -> None:
    made = key.make(await begun(browser, ADD))
    answer = await browser.post(ADD, step="finish", credential=made, name=name)
    assert answer.status == 200, await answer.text()


async def enter(browser: Browser, key: Authenticator, next_path: str = "/", **changed: Any) -> Any:
    signed = key.sign(await begun(browser, SIGN_IN), **changed)
    return await browser.post(SIGN_IN, step="finish", credential=signed, next=next_path)


async def keys(moot: Moot) -> list[Passkey]:
    return await moot.storage.read(lambda work: work.query(Passkey).all())


async def test_a_passkey_is_added_and_signs_in(moot: Moot, ana: Browser, key: Authenticator) -> None:
    await add(ana, key)
    assert (await the_post(moot, "second_factor_changed")).to == "ana@coop.example"
    assert "My phone" in (await ana.page("/settings/security")).text()
    [kept] = await keys(moot)
    assert kept.transports == ["internal"]

    other = moot.browser()
    answer = await enter(other, key, "/unread")

    assert answer.status == 200
    assert await answer.json() == {"to": "/unread"}
    assert await is_signed_in(other)
    [kept] = await keys(moot)
    assert kept.sign_count == 1 and kept.used_at is not None


async def test_a_passkey_is_both_factors(moot: Moot, ana: Browser, key: Authenticator) -> None:
    """WEB-22: it was had, and opened with a finger; so no code is asked for."""
    await add(ana, key)
    ana_id = (await keys(moot))[0].actor_id

    def turn_on(work: Work) -> None:
        work.get_one(Account, ana_id).totp_sealed = b"sealed"

    await moot.storage.write(turn_on)

    other = moot.browser()
    assert await (await enter(other, key)).json() == {"to": "/"}
    assert await is_signed_in(other)


async def test_a_key_that_nobody_opened_is_not_enough(moot: Moot, ana: Browser, key: Authenticator) -> None:
    """WEB-22: who finds it is not its owner."""
    await add(ana, key)
    key.verifies = False

    other = moot.browser()

    assert (await enter(other, key)).status == 403
    assert not await is_signed_in(other)


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://evil.test"},
        {"origin": "https://moot.example.evil.test"},
        {"host": "evil.test"},
        {"challenge": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE"},
    ],
)
async def test_what_was_signed_for_another_site_or_another_time_is_refused(
    moot: Moot, ana: Browser, key: Authenticator, changed: dict[str, str]
) -> None:
    await add(ana, key)
    other = moot.browser()

    assert (await enter(other, key, **changed)).status == 403
    assert not await is_signed_in(other)


async def test_what_was_signed_counts_once_and_in_the_browser_that_asked(
    moot: Moot, ana: Browser, key: Authenticator
) -> None:
    await add(ana, key)
    victim, thief = moot.browser(), moot.browser()
    signed = key.sign(await begun(victim, SIGN_IN))

    assert (await thief.post(SIGN_IN, step="finish", credential=signed)).status == 403
    assert (await victim.post(SIGN_IN, step="finish", credential=signed)).status == 200
    assert (await victim.post(SIGN_IN, step="finish", credential=signed)).status == 403
    assert not await is_signed_in(thief)


async def test_a_challenge_is_too_old_after_ten_minutes(
    moot: Moot, ana: Browser, key: Authenticator, clock: Clock
) -> None:
    await add(ana, key)
    other = moot.browser()
    signed = key.sign(await begun(other, SIGN_IN))
    clock.forward(minutes=10, seconds=1)

    assert (await other.post(SIGN_IN, step="finish", credential=signed)).status == 403


async def test_another_key_does_not_sign_for_a_known_one(moot: Moot, ana: Browser, key: Authenticator) -> None:
    await add(ana, key)
    forged = Authenticator(key.origin, key.host, credential=key.credential)
    unknown = Authenticator(key.origin, key.host)

    for wrong in (forged, unknown):
        other = moot.browser()
        assert (await enter(other, wrong)).status == 403
        assert not await is_signed_in(other)


async def test_a_key_that_was_copied_is_noticed_by_its_count(moot: Moot, ana: Browser, key: Authenticator) -> None:
    await add(ana, key)
    copy = Authenticator(key.origin, key.host, key=key.key, credential=key.credential)
    for _ in range(3):
        assert (await enter(moot.browser(), key)).status == 200

    assert (await enter(moot.browser(), copy)).status == 403


@pytest.mark.parametrize(
    "credential", ["", "{}", "[]", "null", "{", "[" * 100_000, '{"id": "x", "response": 1}', "x" * 50_000]
)
async def test_nonsense_is_refused_in_a_line_of_json(moot: Moot, ana: Browser, credential: str) -> None:
    for path in (SIGN_IN, ADD):
        await begun(ana, path)
        headers = ana.headers | {"Accept": "application/json"}
        given = {"csrf": ana.token(), "step": "finish", "credential": credential}
        answer = await moot.client.post(path, data=given, headers=headers)
        assert answer.status == 403
        assert (await answer.json())["error"]


async def test_a_passkey_of_one_cannot_become_that_of_another(moot: Moot, ana: Browser, key: Authenticator) -> None:
    await add(ana, key)
    await member(moot, "ben")
    ben = await sign_in(moot, "ben")

    answer = await ben.post(ADD, step="finish", credential=key.make(await begun(ben, ADD)), name="mine")

    assert answer.status == 400
    [kept] = await keys(moot)
    assert kept.actor_id == (await moot.storage.read(people.by_name, "ana")).id  # type: ignore[union-attr]


async def test_nobody_takes_away_the_passkey_of_somebody_else(moot: Moot, ana: Browser, key: Authenticator) -> None:
    await add(ana, key)
    await post_of(moot)
    [kept] = await keys(moot)
    await member(moot, "ben")
    ben = await sign_in(moot, "ben")

    assert (await ben.post(f"{ADD}/remove", passkey=str(kept.id))).status == 404
    assert len(await keys(moot)) == 1
    assert await ana.posted(f"{ADD}/remove", passkey=str(kept.id)) == "/settings/security?done=passkey-removed"

    assert (await the_post(moot, "second_factor_changed")).to == "ana@coop.example"
    assert (await enter(moot.browser(), key)).status == 403


async def test_adding_one_needs_a_password_of_a_moment_ago(moot: Moot, ana: Browser, clock: Clock) -> None:
    clock.forward(minutes=16)

    answer = await ana.post(ADD, step="begin")

    assert answer.status == 303 and answer.headers["Location"].startswith("/sign-in/prove")


async def test_whoever_is_suspended_is_not_let_in_by_their_key(moot: Moot, ana: Browser, key: Authenticator) -> None:
    """WEB-05"""
    await add(ana, key)
    ana_id = (await keys(moot))[0].actor_id
    await moot.storage.write(lambda work: setattr(people.by_id(work, ana_id), "state", "suspended"))

    other = moot.browser()

    assert (await enter(other, key)).status == 403
    assert not await is_signed_in(other)
    assert await sessions_of(moot, ana_id) == 1  # the one from before, which is of no use


async def test_who_has_passkeys_is_not_told(moot: Moot, ana: Browser, key: Authenticator) -> None:
    """WEB-09"""
    await add(ana, key)

    options = await begun(moot.browser(), SIGN_IN)

    assert not options.get("allowCredentials")
    assert options["userVerification"] == "required"
    assert options["rpId"] == "moot.example"


async def test_the_button_is_hidden_without_a_script(moot: Moot, ana: Browser) -> None:
    page = await moot.page("/sign-in")
    [button] = [it for it in page.all("button") if it.get("data-passkey")]

    assert button.get("hidden") is not None
    assert page.all("script", type="module")
