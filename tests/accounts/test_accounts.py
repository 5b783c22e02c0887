"""Accounts and sign-ups as verbs have them, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.forum import accounts, emails, people, second_factors, sign_ups, signing_in
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.sign_ups import Application, WayIn
from storage import accounts as stored
from storage import sign_ups as stored_sign_ups
from storage.people import by_name
from storage.schema import Account, Act, Bookmark, Mail, Passkey, RecoveryCode, SignedIn, SignUp, Submission, Token
from storage.work import Work
from tests.accounts.conftest import ELSEWHERE, HOME, Door

CLARA = Application("clara", "Clara", "clara@coop.example", "I grow leeks.", password_hash="kept")


async def asked(door: Door, mode: str = "approval", given: Application = CLARA) -> int | None:
    return await door.do(sign_ups.ask, mode, WayIn(), given, HOME.browser)


async def proved(door: Door, mode: str = "approval") -> int:
    await asked(door, mode)
    [mail] = await door.post()
    assert mail.kind == "sign_up"
    outcome = await door.do(sign_ups.confirm, mode, mail.secret)
    assert outcome.state == ("waiting" if mode == "approval" else "in")
    return await door.storage.read(lambda work: work.query(SignUp).one().id)


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ana@Coop.Example", "ana@coop.example"),
        ("  ana@coop.example ", "ana@coop.example"),
        ("ana+moot@coop.example", "ana+moot@coop.example"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("o'hara@a-b.example", "o'hara@a-b.example"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    """WEB-12"""
    assert emails.address(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "@",
        "ana",
        "ana@",
        "@coop.example",
        "a@x",
        '"a b"@coop.example',
        "a@coop.example\n",
        "a@coop.example\r\nBcc: x@y.z",
        "a\0@coop.example",
        "ána@coop.example",
        "a@b@coop.example",
        "a@coop.example.",
        "a@.coop.example",
        "a@[::1]",
        "a@10.0.0.1",
        "a@coop_.example",
        "a@coop.example\u200b",
        "x" * 65 + "@coop.example",
        "a@" + "b." * 130 + "example",
        "a@coop.123",
        "a,b@coop.example",
        "a@coop.example;b@coop.example",
        "<a@coop.example>",
        "a(c)@coop.example",
    ],
)
def test_what_is_no_address_or_two_is_refused(given: str) -> None:
    """WEB-12"""
    with pytest.raises(Invalid):
        emails.address(given)


# ------------------------------------------------------------------ made


async def test_of_two_who_take_one_address_at_once_one_gets_it(door: Door) -> None:
    def make(work: Work, name: str) -> None:
        accounts.make(work, people.create_person(work, name), email="same@coop.example")

    came = await asyncio.gather(*(door.do(make, f"n{number}") for number in range(4)), return_exceptions=True)

    assert sum(it is None for it in came) == 1
    assert sum(isinstance(it, Invalid) for it in came) == 3


async def test_a_first_link_gives_a_password_and_voids_itself(door: Door) -> None:
    """WEB-10"""

    def make(work: Work) -> str:
        return accounts.make(work, people.create_person(work, "ana"), email="ana@coop.example")

    secret = await door.do(make)
    [mail] = await door.post()
    assert (mail.kind, mail.secret) == ("first", secret)

    actor_id = await door.do(accounts.move_in, secret, password_hash="chosen")

    assert (await door.account(actor_id)).password_hash == "chosen"
    with pytest.raises(NotFound):
        await door.do(accounts.move_in, secret, password_hash="again")


async def test_of_many_who_follow_the_first_link_at_once_one_becomes_the_admin(door: Door) -> None:
    """WEB-10"""
    secret = await door.do(accounts.link_for_first_admin)
    assert secret is not None

    came = await asyncio.gather(
        *(door.do(accounts.move_in, secret, password_hash="kept", name=f"n{number}") for number in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(it, int) for it in came) == 1
    assert len(await door.storage.read(stored.admins)) == 1
    assert await door.do(accounts.link_for_first_admin) is None


async def test_a_first_link_is_void_once_there_is_an_admin(door: Door) -> None:
    secret = await door.do(accounts.link_for_first_admin)
    await door.member("mira", admin=True)
    assert secret is not None

    with pytest.raises(NotFound):
        await door.do(accounts.move_in, secret, password_hash="kept", name="thief")


# ------------------------------------------------------------------ signing up


async def test_nobody_is_made_before_the_address_is_proved_and_an_admin_said_yes(door: Door) -> None:
    await door.member("mira", admin=True)
    number = await proved(door)
    assert [mail.kind for mail in await door.post()] == ["sign_up_waiting"]
    assert await door.storage.read(by_name, "clara") is None

    actor_id = await door.as_actor("mira", sign_ups.approve, number)

    account = await door.account(actor_id)
    assert (account.email, account.password_hash, account.admin) == ("clara@coop.example", "kept", False)
    assert [mail.kind for mail in await door.post()] == ["sign_up_approved"]
    act = await door.storage.read(lambda work: work.query(Act).filter_by(verb="approve sign-up").one())
    assert act.about.endswith("/u/clara")


async def test_only_an_admin_decides(door: Door) -> None:
    """WEB-18"""
    await door.member("mira", admin=True)
    await door.member("ana")
    number = await proved(door)

    with pytest.raises(NotFound):
        await door.as_actor("ana", sign_ups.approve, number)
    with pytest.raises(NotFound):
        await door.as_actor("ana", sign_ups.refuse, number, "because")


async def test_of_two_admins_who_say_yes_at_once_one_makes_the_account(door: Door) -> None:
    await door.member("mira", admin=True)
    await door.member("noor", admin=True)
    number = await proved(door)

    came: list[Any] = await asyncio.gather(
        *(door.as_actor(name, sign_ups.approve, number) for name in ("mira", "noor")), return_exceptions=True
    )

    assert sum(isinstance(it, int) for it in came) == 1
    assert sum(isinstance(it, Refusal) for it in came) == 1


async def test_of_two_who_ask_for_a_handle_the_first_to_be_waited_for_holds_it(door: Door) -> None:
    """WEB-20"""
    await asked(door)

    with pytest.raises(Invalid, match="asked for"):
        await asked(door, given=Application("clara", "", "other@coop.example", "me too"))
    # They themselves may ask again, with other words.
    await asked(door, given=Application("clara", "", "clara@coop.example", "other words"))


async def test_an_applicant_who_waits_holds_their_handle_for_as_long_as_they_wait(door: Door) -> None:
    """WEB-20"""
    await door.member("mira", admin=True)
    await proved(door)
    door.clock.forward(days=30)
    await door.do(accounts.tidy)

    with pytest.raises(Invalid, match="asked for"):
        await asked(door, given=Application("clara", "", "other@coop.example", "me too"))


async def test_whoever_does_not_prove_their_address_is_forgotten_after_a_day(door: Door) -> None:
    """WEB-20"""
    await asked(door)
    door.clock.forward(days=1, seconds=1)

    await door.do(accounts.tidy)

    def left(work: Work) -> tuple[int, int]:
        return work.query(SignUp).count(), work.query(Token).filter(Token.sign_up_id.is_not(None)).count()

    assert await door.storage.read(left) == (0, 0)


async def test_of_many_who_follow_the_link_at_once_one_account_comes(door: Door) -> None:
    """WEB-10"""
    await asked(door, "open")
    [mail] = await door.post()

    came = await asyncio.gather(
        *(door.do(sign_ups.confirm, "open", mail.secret) for _ in range(6)), return_exceptions=True
    )

    assert sum(isinstance(it, sign_ups.Confirmed) for it in came) == 1
    assert await door.storage.read(lambda work: work.query(Account).count()) == 1


async def test_a_door_that_was_closed_meanwhile_stays_closed(door: Door) -> None:
    await asked(door, "open")
    [mail] = await door.post()

    with pytest.raises(NotAllowed):
        await door.do(sign_ups.confirm, "closed", mail.secret)


async def test_an_open_door_without_an_admin_for_a_week_asks_for_approval(door: Door) -> None:
    """WEB-20"""
    actor_id = await door.member("mira", admin=True)
    assert await door.storage.read(sign_ups.mode_now, "open") == "approval"  # never signed in
    await door.do(signing_in.arrive, actor_id, HOME)
    assert await door.storage.read(sign_ups.mode_now, "open") == "open"

    door.clock.forward(days=7, seconds=1)

    assert await door.storage.read(sign_ups.mode_now, "open") == "approval"
    for mode in ("approval", "invitation", "closed"):
        assert await door.storage.read(sign_ups.mode_now, mode) == mode


async def test_a_decision_is_kept_for_a_while_and_then_forgotten(door: Door) -> None:
    await door.member("mira", admin=True)
    number = await proved(door)
    await door.as_actor("mira", sign_ups.refuse, number, "We are full.")
    door.clock.forward(days=89)
    assert await door.do(stored_sign_ups.prune) == 0
    door.clock.forward(days=2)
    assert await door.do(stored_sign_ups.prune) == 1


# ------------------------------------------------------------------ left


async def test_whoever_leaves_leaves_nothing_of_the_door_behind(door: Door) -> None:
    await door.member("mira", admin=True)
    number = await proved(door)
    actor_id = await door.as_actor("mira", sign_ups.approve, number)
    await door.as_actor("clara", second_factors.turn_on_app, b"sealed", 0)
    await door.as_actor("clara", second_factors.add_passkey, "credential", b"key", 0, transports=[])
    await door.do(signing_in.arrive, actor_id, ELSEWHERE)
    await door.do(signing_in.ask_link, "clara", HOME.browser, HOME.network)

    await door.as_actor("clara", accounts.erase)

    def left(work: Work) -> list[int]:
        tables = (Account, SignedIn, Token, RecoveryCode, Passkey, Bookmark, Submission)
        return [work.query(table).filter_by(actor_id=actor_id).count() for table in tables]

    assert await door.storage.read(left) == [0] * 7
    assert await door.storage.read(lambda work: work.query(SignUp).count()) == 0
    kept = await door.storage.read(lambda work: [(mail.kind, mail.to_address) for mail in work.query(Mail).all()])
    assert [kind for kind, address in kept if address == "clara@coop.example"] == ["sign_up", "deleted"]


async def test_nobody_takes_the_last_admin_away(door: Door) -> None:
    await door.member("mira", admin=True)

    for verb in (accounts.erase, accounts.deactivate):
        with pytest.raises(NotAllowed, match="only admin"):
            await door.as_actor("mira", verb)
    for act in (
        lambda work: accounts.suspend(work, None, by_name(work, "mira"), ""),  # type: ignore[arg-type]
        lambda work: accounts.set_admin(work, None, by_name(work, "mira"), admin=False),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotAllowed, match="only admin"):
            await door.do(act)


@pytest.mark.parametrize(
    "password", ["", "short", "aaaaaaaaaaaa", "1234567890", "Clara@Coop.example", "x" * 1025, "with\0nul in it"]
)
def test_a_password_that_is_guessed_first_is_none(password: str) -> None:
    """WEB-06"""
    with pytest.raises(Invalid):
        accounts.must_be_strong(password, "clara", "clara@coop.example")


@pytest.mark.parametrize("password", ["beans and barley", "correct horse", "パスワードは豆と大麦です", "x7$kQ" * 20])
def test_a_good_password_is_let_be(password: str) -> None:
    accounts.must_be_strong(password, "clara", "clara@coop.example")
