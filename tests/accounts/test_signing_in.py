"""Signing in as verbs have it: passwords, mailed links and codes, second factors, sessions, and their limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from node.forum import accounts, limits, second_factors, signing_in, totp
from node.forum import people as forum_people
from node.forum.errors import NotAllowed, NotFound
from node.forum.signing_in import Arrival, Wrong
from storage import sessions, tokens
from storage.people import by_name
from storage.schema import SignedIn, Tally, Token
from storage.work import Work
from tests.accounts.conftest import ELSEWHERE, HOME, Door

SECRET = b"twenty bytes of this"


async def signed_in(door: Door, actor_id: int, place: signing_in.Place = HOME) -> str:
    arrival = await door.do(signing_in.arrive, actor_id, place)
    assert arrival.step == "in"
    return arrival.secret


async def known(door: Door, secret: str) -> sessions.Known | None:
    return await door.storage.read(sessions.find, tokens.hashed(secret))


def code_at(door: Door, *, steps: int = 0) -> str:
    codes = totp.TOTP(SECRET, 6, totp.SHA1(), totp.STEP)
    return codes.generate((int(door.clock().timestamp()) // totp.STEP + steps) * totp.STEP).decode()


async def with_app(door: Door, actor: str = "ana") -> list[str]:
    return await door.as_actor(actor, second_factors.turn_on_app, b"sealed", 0)


# ------------------------------------------------------------------ passwords


@pytest.mark.parametrize(
    "login", ["ana", "Ana", "@ana", " ana ", "ana@node.test", "@ana@node.test", "ana@coop.example", "ANA@COOP.example."]
)
async def test_a_handle_and_an_address_lead_to_one_account_however_they_are_written(door: Door, login: str) -> None:
    actor_id = await door.member("ana")

    _, found = await door.do(signing_in.begin, login, HOME.network)

    assert (found.actor_id, found.password_hash) == (actor_id, "kept")


@pytest.mark.parametrize("login", ["", "@", "ben", "ana@elsewhere.test", "an\0a", "a" * 4000, "%", "ana'--"])
async def test_whoever_is_not_here_has_no_password(door: Door, login: str) -> None:
    await door.member("ana")

    _, found = await door.do(signing_in.begin, login, HOME.network)

    assert found == signing_in.Credentials(None, None)


async def test_ten_wrong_passwords_are_let_through_and_the_next_one_waits(door: Door) -> None:
    """WEB-08: a guesser is slowed, by account and network, until a quarter of an hour has passed."""
    await door.member("ana")

    waits = [(await door.do(signing_in.begin, "ana", ELSEWHERE.network))[0] for _ in range(11)]

    assert waits[:10] == [0] * 10
    assert waits[10] == 15 * 60
    door.clock.forward(minutes=15, seconds=1)
    assert (await door.do(signing_in.begin, "ana", ELSEWHERE.network))[0] == 0


async def test_a_limit_is_not_passed_by_writing_the_name_in_another_way(door: Door) -> None:
    """WEB-13: case, dots and the handle instead of the address are the same account."""
    await door.member("ana")
    names = [
        "ana",
        "ANA",
        "@ana",
        "ana.",
        "ana@coop.example",
        "Ana@Coop.Example.",
        "ana@node.test",
        " ana",
        "ana ",
        "a\uff4ea",
    ]

    for name in names:
        assert (await door.do(signing_in.begin, name, ELSEWHERE.network))[0] == 0

    assert (await door.do(signing_in.begin, "ana", ELSEWHERE.network))[0] > 0


async def test_strangers_do_not_lock_anybody_out(door: Door) -> None:
    """WEB-08: guesses from many networks stop strangers, but neither who is signed in there nor a mailed link."""
    actor_id = await door.member("ana")
    await signed_in(door, actor_id)
    for number in range(60):
        await door.do(signing_in.begin, "ana", f"10.0.{number}.0/24")

    assert (await door.do(signing_in.begin, "ana", "203.0.113.0/24"))[0] > 0
    assert (await door.do(signing_in.begin, "ana", HOME.network))[0] == 0
    assert await door.do(signing_in.ask_link, "ana", ELSEWHERE.browser, ELSEWHERE.network) == 0
    assert [mail.kind for mail in await door.post()] == ["sign_in"]


async def test_one_network_is_slowed_whatever_accounts_it_tries(door: Door) -> None:
    """WEB-08"""
    waits = [(await door.do(signing_in.begin, f"name{number}", ELSEWHERE.network))[0] for number in range(101)]

    assert max(waits[:100]) == 0
    assert waits[100] > 0


async def test_a_right_password_was_no_guess(door: Door) -> None:
    await door.member("ana")
    for _ in range(9):
        await door.do(signing_in.begin, "ana", HOME.network)

    await door.do(signing_in.be_right, "ana", HOME.network)

    assert [(await door.do(signing_in.begin, "ana", HOME.network))[0] for _ in range(10)] == [0] * 10


async def test_parallel_guesses_are_all_counted(door: Door) -> None:
    """WEB-07, WEB-08: what is counted before it is compared cannot be raced."""
    await door.member("ana")

    begun = await asyncio.gather(*(door.do(signing_in.begin, "ana", ELSEWHERE.network) for _ in range(50)))

    assert sum(wait == 0 for wait, _ in begun) == limits.PASSWORD_HERE.most


async def test_what_was_counted_is_no_list_of_people(door: Door) -> None:
    await door.do(signing_in.begin, "ana@coop.example", "192.0.2.0/24")

    keys = await door.storage.read(lambda work: [row.key for row in work.query(Tally).all()])

    assert keys and not any("ana" in key or "192.0.2" in key for key in keys)


# ------------------------------------------------------------------ sessions


async def test_a_session_is_found_by_its_secret_and_kept_as_a_hash(door: Door) -> None:
    actor_id = await door.member("ana")
    secret = await signed_in(door, actor_id)

    found = await known(door, secret)

    assert found is not None and (found.id, found.name) == (actor_id, "ana")
    row = await door.storage.read(lambda work: work.query(SignedIn).one())
    assert secret not in (row.secret_hash, row.browser, row.address)
    assert (row.address, row.browser) == (HOME.network, HOME.agent)


async def test_signing_in_again_ends_the_session_that_was_in_the_browser(door: Door) -> None:
    """WEB-03: the old id is dead."""
    actor_id = await door.member("ana")
    old = await signed_in(door, actor_id)
    session = await known(door, old)
    assert session is not None

    new = await signed_in(door, actor_id, replace(HOME, session_id=session.session_id))

    assert await known(door, old) is None
    assert await known(door, new) is not None


async def test_a_new_password_signs_out_everywhere_and_voids_every_link(door: Door) -> None:
    """WEB-05, WEB-10"""
    actor_id = await door.member("ana")
    secrets = [await signed_in(door, actor_id, place) for place in (HOME, ELSEWHERE)]
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    await door.do(signing_in.ask_reset, "ana", HOME.network)
    link, reset = await door.post()

    await door.as_actor("ana", accounts.choose_password, "another hash")

    assert [await known(door, secret) for secret in secrets] == [None, None]
    with pytest.raises(NotFound):
        await door.do(signing_in.follow_link, link.secret, HOME)
    with pytest.raises(NotFound):
        await door.do(signing_in.reset, reset.secret, "a third hash")
    assert [mail.kind for mail in await door.post()] == ["password_changed"]


@pytest.mark.parametrize("how", ["suspend", "console", "erase", "deactivate", "admin", "reset"])
async def test_whoever_is_suspended_reset_or_gone_is_signed_out_at_once(door: Door, how: str) -> None:
    """WEB-03, WEB-05"""
    await door.member("mira", admin=True)
    actor_id = await door.member("ana")
    secret = await signed_in(door, actor_id)

    def act(work: Work) -> Any:
        mira, ana = by_name(work, "mira"), by_name(work, "ana")
        assert ana is not None
        return {
            "suspend": lambda: accounts.suspend(work, mira, ana, "threats"),
            "console": lambda: forum_people.suspend(work, ana, ""),
            "erase": lambda: accounts.erase(work, ana),
            "deactivate": lambda: accounts.deactivate(work, ana),
            "admin": lambda: accounts.set_admin(work, mira, ana, "we need two"),
            "reset": lambda: accounts.reset(work, None, ana) and None,
        }[how]()

    await door.do(act)

    assert await known(door, secret) is None
    assert await door.storage.read(lambda work: work.query(SignedIn).count()) == 0


async def test_one_session_of_several_is_ended_and_nobody_ends_another_ones(door: Door) -> None:
    ana, ben = await door.member("ana"), await door.member("ben")
    first, second, bens = [
        await signed_in(door, who, place) for who, place in ((ana, HOME), (ana, ELSEWHERE), (ben, HOME))
    ]
    sessions_of = {secret: (await known(door, secret)).session_id for secret in (first, second, bens)}  # type: ignore[union-attr]

    await door.do(signing_in.end_session, ana, sessions_of[first])
    await door.do(signing_in.end_session, ana, sessions_of[bens])

    assert await known(door, first) is None
    assert await known(door, second) is not None
    assert await known(door, bens) is not None


async def test_sessions_and_links_that_expired_are_forgotten(door: Door) -> None:
    """WEB-27"""
    actor_id = await door.member("ana")
    await signed_in(door, actor_id)
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    door.clock.forward(days=90)

    await door.do(accounts.tidy)

    def left(work: Work) -> list[int]:
        return [work.query(table).count() for table in (SignedIn, Token, Tally)]

    assert await door.storage.read(left) == [0, 0, 0]


# ------------------------------------------------------------------ mailed links


async def test_a_mailed_link_signs_in_once(door: Door) -> None:
    """WEB-10"""
    await door.member("ana")
    await door.do(signing_in.ask_link, "ana@coop.example", HOME.browser, HOME.network, "/unread")
    [mail] = await door.post()
    assert (mail.kind, mail.to) == ("sign_in", "ana@coop.example")

    assert (await door.storage.read(signing_in.link, mail.secret)).name == "ana"  # looking at it uses nothing up
    arrival = await door.do(signing_in.follow_link, mail.secret, ELSEWHERE)

    assert (arrival.step, arrival.next) == ("in", "/unread")
    with pytest.raises(NotFound):
        await door.do(signing_in.follow_link, mail.secret, ELSEWHERE)


async def test_a_mailed_link_is_too_old_after_a_quarter_of_an_hour(door: Door) -> None:
    """WEB-10"""
    await door.member("ana")
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    [mail] = await door.post()
    door.clock.forward(minutes=15, seconds=1)

    with pytest.raises(NotFound):
        await door.do(signing_in.follow_link, mail.secret, HOME)


async def test_of_many_who_follow_a_link_at_once_one_is_let_in(door: Door) -> None:
    """WEB-10"""
    await door.member("ana")
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    [mail] = await door.post()

    came = await asyncio.gather(
        *(door.do(signing_in.follow_link, mail.secret, HOME) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(it, Arrival) for it in came) == 1
    assert sum(isinstance(it, NotFound) for it in came) == 7


async def test_a_link_for_one_thing_is_good_for_nothing_else(door: Door) -> None:
    """WEB-10"""
    await door.member("ana")
    await door.do(signing_in.ask_reset, "ana", HOME.network)
    [mail] = await door.post()

    with pytest.raises(NotFound):
        await door.do(signing_in.follow_link, mail.secret, HOME)
    with pytest.raises(NotFound):
        await door.do(accounts.confirm_email, mail.secret)


async def test_the_six_digits_are_good_in_the_browser_that_asked_and_in_no_other(door: Door) -> None:
    await door.member("ana")
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    [mail] = await door.post()

    assert await door.do(signing_in.give_code, mail.code, ELSEWHERE) == Wrong(0)
    arrival = await door.do(signing_in.give_code, f" {mail.code[:3]} {mail.code[3:]}", HOME)

    assert isinstance(arrival, Arrival) and arrival.step == "in"
    assert await door.do(signing_in.give_code, mail.code, HOME) == Wrong(0)


async def test_five_wrong_codes_void_the_code_and_the_link(door: Door) -> None:
    await door.member("ana")
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    [mail] = await door.post()
    wrong = "000000" if mail.code != "000000" else "111111"

    left = [await door.do(signing_in.give_code, wrong, HOME) for _ in range(5)]

    assert left == [Wrong(4), Wrong(3), Wrong(2), Wrong(1), Wrong(0)]
    assert await door.do(signing_in.give_code, mail.code, HOME) == Wrong(0)
    with pytest.raises(NotFound):
        await door.do(signing_in.follow_link, mail.secret, HOME)


async def test_a_link_for_nobody_looks_the_same_and_is_written_to_nobody(door: Door) -> None:
    """WEB-09"""
    await door.member("ana")

    assert await door.do(signing_in.ask_link, "nobody@coop.example", HOME.browser, HOME.network) == 0

    assert await door.post() == []
    assert await door.do(signing_in.give_code, "123456", HOME) == Wrong(4)


async def test_nobody_is_buried_in_mail(door: Door) -> None:
    await door.member("ana")

    for number in range(10):
        assert await door.do(signing_in.ask_link, "ana", HOME.browser, f"10.0.{number}.0/24") == 0

    assert len(await door.post()) == limits.MAIL_ADDRESS.most


async def test_one_network_asks_for_links_only_so_often(door: Door) -> None:
    waits = [await door.do(signing_in.ask_link, f"n{number}", HOME.browser, HOME.network) for number in range(21)]

    assert waits[:20] == [0] * 20
    assert waits[20] > 0


# ------------------------------------------------------------------ forgotten passwords


async def test_a_reset_link_changes_the_password_and_signs_nobody_in(door: Door) -> None:
    """WEB-10, WEB-22: a second factor is still asked for afterwards."""
    actor_id = await door.member("ana")
    await with_app(door)
    await door.post()
    await door.do(signing_in.ask_reset, "ana", HOME.network)
    [mail] = await door.post()

    assert await door.do(signing_in.reset, mail.secret, "new hash") == actor_id

    assert (await door.account(actor_id)).password_hash == "new hash"
    assert (await door.do(signing_in.arrive, actor_id, HOME)).step == "second"
    with pytest.raises(NotFound):
        await door.do(signing_in.reset, mail.secret, "newer hash")


async def test_a_reset_link_lasts_an_hour(door: Door) -> None:
    """WEB-10"""
    await door.member("ana")
    await door.do(signing_in.ask_reset, "ana", HOME.network)
    [mail] = await door.post()
    door.clock.forward(hours=1, seconds=1)

    with pytest.raises(NotFound):
        await door.do(signing_in.reset, mail.secret, "new hash")


async def test_a_reset_is_asked_for_nobody_without_a_word(door: Door) -> None:
    """WEB-09"""
    assert await door.do(signing_in.ask_reset, "nobody", HOME.network) == 0
    assert await door.post() == []


async def test_whoever_is_suspended_gets_neither_in_nor_mail(door: Door) -> None:
    actor_id = await door.member("ana")
    await door.do(lambda work: forum_people.suspend(work, by_name(work, "ana"), ""))  # type: ignore[arg-type]

    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network)
    await door.do(signing_in.ask_reset, "ana", HOME.network)

    assert await door.post() == []
    with pytest.raises(NotAllowed, match="suspended"):
        await door.do(signing_in.arrive, actor_id, HOME)


# ------------------------------------------------------------------ a second factor


async def test_a_second_factor_is_asked_for_after_a_password_and_after_a_link(door: Door) -> None:
    actor_id = await door.member("ana")
    await with_app(door)
    await door.post()
    await door.do(signing_in.ask_link, "ana", HOME.browser, HOME.network, "/unread")
    [mail] = await door.post()

    assert (await door.do(signing_in.arrive, actor_id, HOME)).step == "second"
    arrival = await door.do(signing_in.follow_link, mail.secret, HOME)
    assert arrival.step == "second"

    step = int(door.clock().timestamp()) // totp.STEP
    arrival = await door.do(signing_in.give_second, HOME, step, "")
    assert isinstance(arrival, Arrival) and (arrival.step, arrival.next) == ("in", "/unread")


async def test_a_code_of_the_app_is_used_once(door: Door) -> None:
    """WEB-22: a replayed code is refused, and so is every earlier one."""
    actor_id = await door.member("ana")
    await with_app(door)
    await door.do(signing_in.arrive, actor_id, HOME)
    assert isinstance(await door.do(signing_in.give_second, HOME, 1000, ""), Arrival)

    await door.do(signing_in.arrive, actor_id, ELSEWHERE)

    assert await door.do(signing_in.give_second, ELSEWHERE, 1000, "") == Wrong(4)
    assert await door.do(signing_in.give_second, ELSEWHERE, 999, "") == Wrong(3)
    assert isinstance(await door.do(signing_in.give_second, ELSEWHERE, 1001, ""), Arrival)


async def test_of_two_who_give_the_same_code_at_once_one_is_let_in(door: Door) -> None:
    """WEB-22"""
    actor_id = await door.member("ana")
    await with_app(door)
    for place in (HOME, ELSEWHERE):
        await door.do(signing_in.arrive, actor_id, place)

    came = await asyncio.gather(*(door.do(signing_in.give_second, place, 1000, "") for place in (HOME, ELSEWHERE)))

    assert sum(isinstance(it, Arrival) for it in came) == 1


async def test_a_recovery_code_lets_in_once(door: Door) -> None:
    """WEB-22"""
    actor_id = await door.member("ana")
    codes = await with_app(door)
    assert len(set(codes)) == 10
    await door.do(signing_in.arrive, actor_id, HOME)
    typed = codes[3].upper().replace("-", " ")

    assert isinstance(await door.do(signing_in.give_second, HOME, None, typed), Arrival)

    await door.do(signing_in.arrive, actor_id, HOME)
    assert await door.do(signing_in.give_second, HOME, None, typed) == Wrong(4)
    assert isinstance(await door.do(signing_in.give_second, HOME, None, codes[4]), Arrival)


async def test_new_recovery_codes_void_the_old_ones(door: Door) -> None:
    """WEB-22"""
    actor_id = await door.member("ana")
    old = await with_app(door)
    new = await door.as_actor("ana", second_factors.renew_codes)
    await door.do(signing_in.arrive, actor_id, HOME)

    assert await door.do(signing_in.give_second, HOME, None, old[0]) == Wrong(4)
    assert isinstance(await door.do(signing_in.give_second, HOME, None, new[0]), Arrival)


async def test_second_factors_are_guessed_only_so_often(door: Door) -> None:
    """WEB-22: a new password round does not give new guesses for ever."""
    actor_id = await door.member("ana")
    await with_app(door)
    outcomes = []
    for _ in range(4):
        await door.do(signing_in.arrive, actor_id, ELSEWHERE)
        outcomes += [await door.do(signing_in.give_second, ELSEWHERE, None, "nonsense") for _ in range(5)]

    assert [it.left for it in outcomes[:15]] == [4, 3, 2, 1, 0] * 3  # type: ignore[union-attr]
    assert all(it.wait > 0 for it in outcomes[15:])  # type: ignore[union-attr]


async def test_the_first_factor_is_forgotten_after_a_while(door: Door) -> None:
    actor_id = await door.member("ana")
    await with_app(door)
    await door.do(signing_in.arrive, actor_id, HOME)
    door.clock.forward(minutes=15, seconds=1)

    assert await door.do(signing_in.give_second, HOME, 1000, "") == Wrong(0)


async def test_a_break_is_ended_by_whoever_signs_in_and_says_so(door: Door) -> None:
    await door.member("mira", admin=True)
    actor_id = await door.member("ana")
    await with_app(door)
    await door.as_actor("ana", accounts.deactivate)

    assert (await door.do(signing_in.arrive, actor_id, HOME, next_path="/unread")).step == "second"
    arrival = await door.do(signing_in.give_second, HOME, 1000, "")
    assert isinstance(arrival, Arrival) and arrival.step == "awake"
    assert (await door.account(actor_id)).deactivated_at is not None
    arrival = await door.do(signing_in.wake, HOME)

    assert (arrival.step, arrival.next) == ("in", "/unread")
    assert (await door.account(actor_id)).deactivated_at is None


@pytest.mark.parametrize(("shift", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_code_counts_for_half_a_minute_and_its_neighbours(door: Door, shift: int, fits: bool) -> None:
    assert (totp.step_of(SECRET, code_at(door, steps=shift), door.clock()) is not None) is fits


def test_the_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, cut to six digits."""
    codes = totp.TOTP(b"12345678901234567890", 6, totp.SHA1(), totp.STEP, enforce_key_length=False)

    assert codes.generate(59) == b"287082"
    assert codes.generate(1111111109) == b"081804"


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "1" * 10000]
)
def test_what_is_no_code_is_none(code: str, clock: Any) -> None:
    assert totp.step_of(SECRET, code, clock()) is None
