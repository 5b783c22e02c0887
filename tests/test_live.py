"""Live: whoever has a page open hears what happens, in this process and in others, on both engines."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from node import live
from node.consequences import follow_up
from node.live import BACKLOG, LOOK, Closed, Event, Live, Subscription
from storage.schema import Fact
from storage.work import Storage, Work
from tests.conftest import HeldClock
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node
from tests.peers.scripted import ScriptedServer

POSTED: Event = {"kind": "posted", "uid": "u", "number": 4}


class Process:
    """A process of the node, as far as another one can tell."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.bells = {name: asyncio.Event() for name in ("letters", "deliveries", "mails")}
        self.live = Live(storage, self.bells)

    async def tell(self, topic: str, event: Event = POSTED) -> None:
        await self.storage.write(live.tell, topic, event)


@asynccontextmanager
async def running(url: str, clock: HeldClock) -> AsyncIterator[Process]:
    storage = Storage(url, origin="https://node.test", on_event=follow_up, now=clock)
    storage.start()
    process = Process(storage)
    async with process.live.open():
        yield process
    storage.close()


@pytest.fixture
async def here(database_url: str, clock: HeldClock) -> AsyncIterator[Process]:
    """The process that has the pages, on each engine."""
    async with running(database_url, clock) as process:
        yield process


@pytest.fixture
def elsewhere(database_url: str, clock: HeldClock) -> Callable[[], object]:
    """Another process on the same database."""
    return lambda: running(database_url, clock)


async def heard(events: Subscription) -> Event:
    event = await events.next(within=10)
    assert event is not None, "nothing was heard"
    return event


# ------------------------------------------------------------------ in one process


async def test_whoever_subscribed_hears_what_is_told_and_nobody_else(here: Process) -> None:
    async with here.live.subscribe("thread:1") as one, here.live.subscribe("thread:2", "session:5") as two:
        await here.tell("thread:1")
        await here.tell("session:5", {"kind": "ended"})

        assert await heard(one) == {"topic": "thread:1", **POSTED}
        assert await heard(two) == {"topic": "session:5", "kind": "ended"}
        assert await one.next(within=0) is None
        assert await two.next(within=0) is None


async def test_events_come_in_the_order_of_their_commits(here: Process) -> None:
    async with here.live.subscribe("thread:1") as events:
        for number in range(10):
            await here.tell("thread:1", {"number": number})

        assert [(await heard(events))["number"] for _ in range(10)] == list(range(10))


async def test_what_is_rolled_back_is_heard_by_nobody(here: Process) -> None:
    def fail(work: Work) -> None:
        live.tell(work, "thread:1", POSTED)
        raise ZeroDivisionError

    async with here.live.subscribe("thread:1") as events:
        with pytest.raises(ZeroDivisionError):
            await here.storage.write(fail)
        await here.tell("thread:1", {"kind": "edited"})

        assert (await heard(events))["kind"] == "edited"


async def test_a_subscriber_who_does_not_read_holds_nobody_up_and_is_let_go(here: Process) -> None:
    """DOS: one sleeping browser must not grow a queue without end."""
    async with here.live.subscribe("thread:1") as slow, here.live.subscribe("thread:1") as quick:
        for number in range(BACKLOG + 1):
            await here.tell("thread:1", {"number": number})
            assert (await heard(quick))["number"] == number

        assert slow.closed
        assert [event async for event in slow] == []
        with pytest.raises(Closed):
            await slow.next(within=1)
        assert not quick.closed


async def test_waiting_that_was_given_up_loses_no_event(here: Process) -> None:
    async with here.live.subscribe("thread:1") as events:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.01)
        await here.tell("thread:1")

        assert (await heard(events))["kind"] == "posted"


async def test_when_the_node_stops_every_subscription_ends(here: Process) -> None:
    async with here.live.subscribe("thread:1") as events:
        here.live.close()

        assert [event async for event in events] == []


async def test_whoever_has_gone_hears_nothing_more(here: Process) -> None:
    async with here.live.subscribe("thread:1") as gone:
        pass

    async with here.live.subscribe("thread:1") as staying:
        await here.tell("thread:1")
        assert (await heard(staying))["kind"] == "posted"
    assert await gone.next(within=0) is None


# ------------------------------------------------------------------ from other processes


async def test_a_reader_hears_of_what_another_process_wrote(here: Process, elsewhere: Callable[[], object]) -> None:
    """In words on PostgreSQL; on SQLite they are told to look for themselves."""

    def write(work: Work) -> None:
        work.add(Fact(name="said", value="elsewhere"))
        live.tell(work, "thread:1", POSTED)

    async with here.live.subscribe("thread:1") as events, elsewhere() as other:  # type: ignore[attr-defined]
        await other.storage.write(write)
        event = await heard(events)

    expected = LOOK if here.storage.sqlite else POSTED
    assert event == {"topic": "thread:1", **expected}


async def test_what_this_process_wrote_makes_nobody_look(here: Process) -> None:
    """On SQLite the counter of changes grows by our own commits too; those were told already."""

    async with here.live.subscribe("thread:1") as events:
        for number in range(5):
            await here.storage.write(_note, f"fact {number}")
            assert await events.next(within=0.25) is None


def _note(work: Work, name: str) -> None:
    work.add(Fact(name=name, value="here"))


async def test_a_bell_that_rings_here_rings_in_every_process_on_postgresql(postgres_url: str, clock: HeldClock) -> None:
    async with running(postgres_url, clock) as web, running(postgres_url, clock) as worker:
        for bell in worker.bells.values():
            bell.clear()

        for _ in range(100):
            web.live.wake("letters")

        assert web.bells["letters"].is_set()
        async with asyncio.timeout(10):
            await worker.bells["letters"].wait()
        assert not worker.bells["mails"].is_set()


# ------------------------------------------------------------------ whole nodes


async def test_an_item_that_is_posted_edited_liked_and_deleted_is_told_to_its_thread(node: Moot) -> None:
    await node.person("ana")
    await node.group("garden", "ana")
    opening = await node.start("ana", "garden", "Tools")
    item = await node.item(opening)
    assert item is not None

    async with node.node.live.subscribe(f"thread:{item.thread_id}") as events:
        answer = await node.say("ana", opening, "I have a ladder.")
        await node.edit("ana", answer, "I have two.")
        await node.erase("ana", answer)
        told = [await heard(events) for _ in range(3)]

    said = await node.item(answer)
    assert said is not None
    assert [event["kind"] for event in told] == ["posted", "edited", "erased"]
    assert {(event["uid"], event["number"]) for event in told} == {(said.uid, said.number)}


async def test_a_worker_of_another_process_sends_at_once_what_this_one_wrote(
    postgres_url: str, tmp_path: Path, net: LoopbackNet, world: ScriptedServer, clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("node.fediverse.sending.POLL", 60.0)  # only a bell can wake it in time
    async with AsyncExitStack() as stack:
        web = await raise_node(stack, "node.test", postgres_url, tmp_path / "web", net, world, clock)
        shutil.copytree(tmp_path / "web", tmp_path / "worker")  # the same secret
        working = await raise_node(stack, "node.test", postgres_url, tmp_path / "worker", net, world, clock)
        await web.person("ana")
        garden = await web.group("garden", "ana")
        await working.document("/actor")  # has its key made, which takes longer than a fetch may
        maria = world.actor("maria@mastodon.test")
        assert (await maria.post(f"{web.origin}/inbox", maria.follow(garden))).status == 202
        await working.settle()
        inbox = "https://mastodon.test/inbox"
        task = asyncio.create_task(working.parts.worker.run())
        try:
            for title, count in (("Tools", 1), ("Seeds", 2)):
                await web.start("ana", "garden", title)
                await world.arrival(lambda _, count=count: len(world.letters_to(inbox)) == count, seconds=20)
        finally:
            await working.parts.worker.stop()
            await task


async def test_letters_wake_the_worker(node: Moot) -> None:
    node.node.letters_came.clear()

    node.node.live.wake("letters")

    assert node.node.letters_came.is_set()
