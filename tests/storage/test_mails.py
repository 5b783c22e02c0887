"""The queue of mails: who gets which, what becomes of it, and what is forgotten when, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage import mails
from storage.mails import ASIDE, KEPT, LEASE
from storage.schema import Mail
from storage.work import Storage, Work
from tests.conftest import HeldClock


@pytest.fixture
def write(storage: Storage) -> Callable[..., Any]:
    """Puts mails to these people into the queue."""

    async def write(*names: str) -> list[str]:
        return [
            await storage.write(
                mails.queue, kind="joined", to_address=f"{name}@coop.example", to_name=name, actor_id=None,
                subject="Welcome", text="Words", html="<p>Words</p>", headers={"List-Id": "<a.example>"},
            )
            for name in names
        ]  # fmt: skip

    return write


@pytest.fixture
def claim(storage: Storage) -> Callable[..., Any]:
    """Whom the mails go to that this sender gets now."""

    async def claim(owner: str = "one", limit: int = 10) -> dict[str, int]:
        return {mail.to_name: mail.id for mail in await storage.write(mails.claim, owner, limit)}

    return claim


async def row(storage: Storage, mail_id: int) -> Mail:
    return await storage.read(lambda work: work.get_one(Mail, mail_id))


# ------------------------------------------------------------------ taking out


async def test_mails_are_handed_out_oldest_first_and_each_once(write: Any, claim: Any) -> None:
    await write("ana", "ben", "cem")

    assert list(await claim(limit=2)) == ["ana", "ben"]
    assert list(await claim("two")) == ["cem"]
    assert await claim("three") == {}


async def test_a_mail_comes_with_all_that_is_needed_to_send_it(write: Any, storage: Storage) -> None:
    [uid] = await write("ana")

    [mail] = await storage.write(mails.claim, "one", 1)

    assert (mail.uid, mail.kind, mail.to_address, mail.to_name) == (uid, "joined", "ana@coop.example", "ana")
    assert (mail.subject, mail.text, mail.html) == ("Welcome", "Words", "<p>Words</p>")
    assert (mail.headers, mail.tries) == ({"List-Id": "<a.example>"}, 1)


async def test_a_lease_that_ran_out_is_given_to_another_who_alone_may_settle_it(
    write: Any, claim: Any, storage: Storage, clock: HeldClock
) -> None:
    await write("ana")
    ana = (await claim("one"))["ana"]
    clock.forward(seconds=LEASE.total_seconds())
    assert await claim("two") == {"ana": ana}

    await storage.write(mails.park, ana, "too late", owner="one")
    assert (await row(storage, ana)).parked_at is None

    await storage.write(mails.sent, ana, owner="two")
    assert (await row(storage, ana)).sent_at == clock()
    await storage.write(mails.later, ana, "too late", owner="two", after=timedelta(0))
    assert (await row(storage, ana)).last_error is None


async def test_what_the_dead_held_is_free_at_once(write: Any, claim: Any, storage: Storage) -> None:
    await write("ana", "ben")
    await claim("dead", 1)
    await claim("alive", 1)

    assert await storage.write(mails.take_over, lambda owner: owner == "dead") == 1

    assert list(await claim("next")) == ["ana"]


async def test_what_was_given_back_was_not_tried(write: Any, claim: Any, storage: Storage) -> None:
    await write("ana", "ben")
    taken = await claim("one")

    await storage.write(mails.release, "one", [taken["ana"]])

    [mail] = await storage.write(mails.claim, "two", 10)
    assert (mail.to_name, mail.tries) == ("ana", 1)


async def test_a_clock_that_went_astray_holds_no_mail_back(
    write: Any, claim: Any, storage: Storage, clock: HeldClock
) -> None:
    clock.forward(days=400)
    await write("ana")
    ana = (await claim())["ana"]
    await storage.write(mails.later, ana, "busy", owner="one", after=timedelta(hours=1))
    await write("ben")
    await claim("two")
    clock.forward(days=-400)

    assert set(await claim("three")) == {"ana", "ben"}


# ------------------------------------------------------------------ what becomes of it


async def test_what_was_sent_is_kept_without_its_words(write: Any, claim: Any, storage: Storage) -> None:
    await write("ana")
    ana = (await claim())["ana"]

    await storage.write(mails.sent, ana, owner="one")

    mail = await row(storage, ana)
    assert (mail.subject, mail.text, mail.html, mail.headers) == ("", "", "", None)
    assert mail.to_address == "ana@coop.example"
    assert await claim() == {}


async def test_what_was_put_aside_is_tried_again_when_somebody_asks(
    write: Any, claim: Any, storage: Storage, clock: HeldClock
) -> None:
    [uid] = await write("ana")
    await storage.write(mails.park, (await claim())["ana"], "550 no", owner="one")
    clock.forward(days=1)
    assert await claim() == {}

    assert await storage.write(mails.retry, uid) == 1

    assert list(await claim()) == ["ana"]


async def test_what_expired_has_no_words_and_is_tried_no_more(write: Any, claim: Any, storage: Storage) -> None:
    [uid] = await write("ana")
    ana = (await claim())["ana"]

    await storage.write(mails.expire, ana, "its link has ended", owner="one")

    assert (await row(storage, ana)).text == ""
    assert await storage.write(mails.retry, uid) == 0
    assert await storage.write(mails.retry) == 0


async def test_an_admin_sees_what_waits_and_what_was_put_aside(
    write: Any, claim: Any, storage: Storage, clock: HeldClock
) -> None:
    uids = await write("ana", "ben", "cem")
    taken = await claim()
    await storage.write(mails.sent, taken["ana"], owner="one")
    await storage.write(mails.park, taken["ben"], "550 no", owner="one")
    await storage.write(mails.later, taken["cem"], "450 later", owner="one", after=timedelta(hours=1))

    listed = await storage.read(mails.listed)
    counts = await storage.read(mails.counts)
    newest = await storage.read(mails.newest)

    assert [(mail.uid, mail.state, mail.last_error) for mail in listed] == [
        (uids[2], "waiting", "450 later"),
        (uids[1], "parked", "550 no"),
        (uids[0], "sent", None),
    ]
    assert [mail.next_try_at for mail in listed] == [clock() + timedelta(hours=1), None, None]
    assert (counts.waiting, counts.parked, counts.oldest) == (1, 1, clock())
    assert newest is not None
    assert newest.uid == uids[2]


async def test_old_mails_are_forgotten_and_those_that_wait_are_not(
    write: Any, claim: Any, storage: Storage, clock: HeldClock
) -> None:
    await write("ana", "ben", "cem")
    taken = await claim()
    await storage.write(mails.sent, taken["ana"], owner="one")
    await storage.write(mails.park, taken["ben"], "550 no", owner="one")

    async def left() -> list[str]:
        def look(work: Work) -> list[str]:
            return [name for (name,) in work.query(Mail.to_name).order_by(Mail.id)]

        return await storage.read(look)

    assert await storage.write(mails.prune) == 0
    clock.forward(days=KEPT.days)
    assert await storage.write(mails.prune) == 1
    assert await left() == ["ben", "cem"]
    clock.forward(days=ASIDE.days)
    assert await storage.write(mails.prune) == 1
    assert await left() == ["cem"]
