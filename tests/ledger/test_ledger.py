"""The ledger: what is owed is waiting, arrived, or given up with a reason, whatever happens to it; on both engines."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from storage import deliveries, hosts, hours, ledger, letters, queues, settling
from storage.people import Inbox
from storage.schema import Activity, Actor, Delivery, GivenUp, Letter
from storage.settling import Result, Round
from storage.work import Work

ORIGIN = "https://node.test"


def make_ana(work: Work) -> int:
    ana = Actor(
        uri=f"{ORIGIN}/u/ana", kind="person", local=True, host="node.test", name="ana", inbox=f"{ORIGIN}/u/ana/inbox",
        created_at=work.now, updated_at=work.now,
    )  # fmt: skip
    work.add(ana)
    work.flush()
    return ana.id


@pytest.fixture
async def ana(storage) -> int:
    return await storage.write(make_ana)


@pytest.fixture
def say(storage, ana):
    async def say(uri: str, *names: str) -> int:
        to = {Inbox(f"https://{name}/inbox", name, "microblog") for name in names}
        return await storage.write(
            deliveries.enqueue, uri=f"{ORIGIN}/a/{uri}", actor_id=ana, type="Create", about=f"about {uri}", public=True,
            microblog=b"{}", forum=None, to=to,
        )  # fmt: skip

    return say


@pytest.fixture
def send(storage):
    """One round in which each host answers what is said of it."""

    async def send(**answers: int | str) -> None:
        claims = await storage.write(deliveries.claim_hosts, "worker", limit=50)
        rounds = []
        for claim in claims:
            answer = answers[claim.host.partition(".")[0]]
            status, error = (answer, None) if isinstance(answer, int) else (None, answer)
            results = tuple(Result(ready.id, status, error, took_ms=40) for ready in claim.ready)
            rounds.append(Round(claim.host, claim.token, results))
        await storage.write(settling.settle, rounds, chance=lambda: 0.5)

    return send


async def balance(storage, activity_id: int) -> tuple[int, int, int, int]:
    found = await storage.read(ledger.balance, activity_id)
    return found.owed, found.delivered, found.given_up, found.waiting


async def test_what_arrives_is_refused_or_waits_adds_up_to_what_was_owed(storage, say, send):
    """REL-45"""
    activity = await say("one", "good.test", "gone.test", "down.test")
    await send(good=202, gone=410, down="timeout")
    assert await balance(storage, activity) == (3, 1, 1, 1)
    [lost] = await storage.read(ledger.dead_letters)
    assert (lost.host, lost.fate, lost.why) == ("gone.test", "refused", "410")
    [waits, given_up] = await storage.read(ledger.destinations, activity)
    assert (waits.fate, waits.why, given_up.fate) == ("waiting", "timeout", "refused")
    assert await storage.read(ledger.imbalances) == []


async def test_a_delivery_told_twice_counts_once(storage, say):
    activity = await say("one", "good.test")
    [claim] = await storage.write(deliveries.claim_hosts, "worker", limit=5)
    again = Round(claim.host, "lost lease", (Result(claim.ready[0].id, 202),))
    await storage.write(settling.settle, [Round(claim.host, claim.token, again.results)])
    await storage.write(settling.settle, [again])
    assert await balance(storage, activity) == (1, 1, 0, 0)


async def test_what_waits_too_long_is_given_up_with_the_reason(storage, clock, say, send):
    activity = await say("one", "down.test", "good.test")
    await send(down="dns", good=202)
    clock.forward(days=14, minutes=1)
    assert await storage.write(queues.drop_old) == [("down.test", 1)]
    assert await storage.write(queues.drop_old) == []
    [lost] = await storage.read(ledger.dead_letters, fate="too old")
    assert "14 days" in lost.why
    assert await balance(storage, activity) == (2, 1, 1, 0)


async def test_what_was_blocked_while_it_waited_is_given_up(storage, say):
    """PRV-13"""
    activity = await say("one", "evil.test", "deep.evil.test", "good.test")
    await storage.write(hosts.block, "evil.test", "spam")
    assert await balance(storage, activity) == (3, 0, 2, 1)
    assert {row.fate for row in await storage.read(ledger.dead_letters)} == {"blocked"}
    assert await storage.read(ledger.imbalances) == []


async def test_what_was_hidden_while_it_waited_is_counted_and_no_failure(storage, ana, say, send):
    activity = await say("one", "good.test")

    def suspend(work: Work) -> None:
        work.get_one(Actor, ana).state = "suspended"

    await storage.write(suspend)
    await send(good=202)
    assert await balance(storage, activity) == (1, 0, 1, 0)
    [lost] = await storage.read(ledger.dead_letters)
    assert lost.fate == "hidden"
    assert (await storage.read(hours.total, lost.at - timedelta(hours=2))).given_up == 0


async def test_a_row_that_goes_without_a_trace_is_found(storage, say):
    activity = await say("one", "good.test", "other.test")

    def lose(work: Work) -> None:
        work.execute(delete(Delivery).where(Delivery.host == "other.test"))

    await storage.write(lose)
    [wrong] = await storage.read(ledger.imbalances)
    assert (wrong.activity_id, wrong.owed, wrong.waiting) == (activity, 2, 1)


async def test_what_was_given_up_is_owed_again_once_and_arrives(storage, say, send):
    activity = await say("one", "gone.test")
    await send(gone=410)
    again = await storage.write(queues.owe_again, GivenUp.host == "gone.test")
    assert (again.owed, again.kept, again.last) == (1, 0, None)
    assert (await storage.write(queues.owe_again, GivenUp.host == "gone.test")).owed == 0
    assert await balance(storage, activity) == (1, 0, 0, 1)
    await send(gone=202)
    assert await balance(storage, activity) == (1, 1, 0, 0)


async def test_what_may_not_go_stays_given_up(storage, say, send):
    await say("one", "evil.test")
    await storage.write(hosts.block, "evil.test", "spam")
    again = await storage.write(queues.owe_again, GivenUp.host == "evil.test")
    assert (again.owed, again.kept) == (0, 1)


async def test_many_are_owed_again_a_piece_at_a_time(storage, say, send):
    for number in range(5):
        await say(str(number), "gone.test")
        await send(gone=410)
    after, owed = 0, 0
    while True:
        again = await storage.write(queues.owe_again, GivenUp.host == "gone.test", after=after, limit=2)
        owed += again.owed
        if again.last is None:
            break
        after = again.last
    assert owed == 5
    assert await storage.read(ledger.imbalances) == []


async def test_the_hours_of_a_host_count_its_tries_and_how_long_they_took(storage, say, send):
    for number in range(3):
        await say(str(number), "good.test", "down.test")
    await send(good=202, down="timeout")
    since = hours.of(storage.now()) - timedelta(hours=1)
    good = await storage.read(hours.total, since, host="good.test")
    down = await storage.read(hours.total, since, host="down.test")
    assert (good.delivered, good.failed, good.took_ms, good.slowest_ms, good.average_ms) == (3, 0, 120, 40, 40)
    assert (down.delivered, down.failed) == (0, 3)
    assert [host for host, _ in await storage.read(hours.slowest, since)] == ["down.test", "good.test"]


async def test_a_letter_counts_once_for_the_hour_it_came_in(storage, clock):
    for number in range(2):
        await storage.write(
            letters.accept, signer=f"https://a.test/u/{number}", digest="d", key_id="k", host="a.test", body=b"{}"
        )
    came = hours.of(storage.now())
    for _ in range(3):
        for letter in await storage.write(letters.claim, "reader", 10):
            await storage.write(letters.later, letter.id, "later", owner="reader")
        clock.forward(hours=2)
    assert (await storage.read(hours.series, came))[came].received == 2


async def test_old_dead_letters_and_hours_go_and_the_sum_stays(storage, clock, say, send):
    activity = await say("one", "gone.test")
    await send(gone=410)
    clock.forward(days=31)
    assert await storage.write(ledger.prune) == 1
    assert await storage.write(hours.prune) == 0
    clock.forward(days=90)
    assert await storage.write(hours.prune) == 1
    assert await balance(storage, activity) == (1, 0, 1, 0)
    assert await storage.read(ledger.imbalances) == []


async def test_a_letter_thrown_away_is_never_read_and_keeps_repeats_out(storage):
    letter = {"signer": "https://a.test/u/x", "digest": "d", "key_id": "k", "host": "a.test", "body": b"{}"}
    await storage.write(letters.accept, **letter)
    letter_id = await storage.read(lambda work: work.scalar(select(Letter.id)))
    await storage.write(letters.park, letter_id, "broken")
    assert await storage.read(letters.body_of, letter_id) == b"{}"
    assert await storage.write(letters.throw_away, letter_id, "spam")
    assert not await storage.write(letters.accept, **letter)
    assert await storage.write(letters.claim, "reader", 10) == []


async def test_a_parked_delivery_thrown_away_is_in_the_ledger(storage, say):
    activity = await say("one", "good.test")

    def put_aside(work: Work) -> int:
        row = work.scalars(select(Delivery)).one()
        row.parked_at = work.now
        return row.id

    delivery_id = await storage.write(put_aside)
    assert await storage.write(queues.throw_away, delivery_id, "useless")
    [lost] = await storage.read(ledger.dead_letters)
    assert (lost.activity_id, lost.fate, lost.why) == (activity, "thrown away", "useless")
    assert (await storage.read(lambda work: work.get_one(Activity, activity).given_up)) == 1
