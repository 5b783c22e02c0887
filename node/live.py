"""Live: who wants to hear at once of what happens, in this process; and what other processes say, handed on to them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self

from storage import listening
from storage.work import Storage, StorageUnavailable, Work

log = logging.getLogger(__name__)

Event = dict[str, Any]

LOOK: Event = {"kind": "look"}  # something may have happened: whoever hears it looks for themselves
BACKLOG = 64  # events that wait for one subscriber; who is slower than that is let go, and comes again
POLL = 1.0  # seconds between two looks for what other processes did, on SQLite
CALM = 0.05  # seconds between two calls to the workers of other processes
PATIENCE = 5.0  # seconds in which the line to PostgreSQL has to stand before we go on without it


def tell(work: Work, topic: str, event: Event) -> None:
    """Has everybody who subscribed to the topic hear of it, in every process, once this is durable.

    Topics are `thread:<id>`, `session:<id>`, `actor:<id>`; an event has a `kind` and ids, never words.
    """
    listening.tell(work, topic, event)


class Closed(Exception):
    """The subscription is over: the node stops, or its subscriber was too slow."""


class Subscription:
    """What one subscriber hears, in order; read it with `async for`, or with `next` when you cannot wait for ever."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = frozenset(topics)
        self.closed = False
        self._waiting: asyncio.Queue[Event | None] = asyncio.Queue()

    def hand(self, event: Event) -> None:
        """One more event; a subscriber that does not read is let go, and nobody waits for it."""
        if self.closed:
            return
        if self._waiting.qsize() >= BACKLOG:
            self.close()
            return
        self._waiting.put_nowait(event)

    def close(self) -> None:
        """Ends it: what was not read yet is dropped."""
        self.closed = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self, within: float) -> Event | None:
        """The next event, or None when there is none for so many seconds. Raises Closed."""
        try:
            async with asyncio.timeout(within):
                return await self._get()
        except TimeoutError:
            return None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            return await self._get()
        except Closed:
            raise StopAsyncIteration from None

    async def _get(self) -> Event:
        event = await self._waiting.get()
        if event is None:
            self._waiting.put_nowait(None)  # for whoever asks again
            raise Closed
        return event


class Live:
    """The subscribers of this process, and the bells of its worker, which other processes may ring too."""

    def __init__(self, storage: Storage, bells: Mapping[str, asyncio.Event]) -> None:
        self._storage = storage
        self._bells = bells  # by the name of a queue: letters, deliveries, mails
        self._subscriptions: dict[str, set[Subscription]] = {}
        self._somebody = asyncio.Event()
        self._seen: int | None = None  # of SQLite's counters of changes
        self._to_call: set[str] = set()
        self._call = asyncio.Event()

    # ---------------------------------------------------------------- hearing

    def listeners(self) -> int:
        """How many are told of something here."""
        return len({id(one) for some in self._subscriptions.values() for one in some})

    @contextmanager
    def _listed(self, subscription: Subscription) -> Iterator[None]:
        for topic in subscription.topics:
            self._subscriptions.setdefault(topic, set()).add(subscription)
        try:
            yield
        finally:
            for topic in subscription.topics:
                self._subscriptions[topic].discard(subscription)
                if not self._subscriptions[topic]:
                    del self._subscriptions[topic]
            if not self._subscriptions:
                self._somebody.clear()

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Subscription]:
        """What is told under these topics from now on; each event has its `topic` in it.

        `{"kind": "look"}` says that something may have happened that nobody told.
        """
        subscription = Subscription(topics)
        if self._storage.sqlite and not self._somebody.is_set():
            self._seen = self._storage.changes()
        with self._listed(subscription):
            self._somebody.set()
            yield subscription

    def publish(self, topic: str, event: Event) -> None:
        """Hands an event to the subscribers in this process, and rings the bell of a queue of that name."""
        if topic in self._bells:
            self._bells[topic].set()
        for subscription in tuple(self._subscriptions.get(topic, ())):
            subscription.hand({"topic": topic, **event})

    def look(self) -> None:
        """Has everybody look for themselves: something may have happened that was not heard."""
        for bell in self._bells.values():
            bell.set()
        for topic in tuple(self._subscriptions):
            self.publish(topic, LOOK)

    def close(self) -> None:
        """Ends every subscription: the node stops."""
        for subscription in {one for those in self._subscriptions.values() for one in those}:
            subscription.close()

    # ---------------------------------------------------------------- other processes

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hears what is told, here and by other processes, for as long as the block takes."""
        self._storage.hear = self.publish
        if self._storage.sqlite:
            tasks = [asyncio.create_task(self._watch())]
        else:
            ear = listening.Ear(self._storage, self.publish, self.look)
            tasks = [asyncio.create_task(ear.run()), asyncio.create_task(self._call_workers())]
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await ear.hearing.wait()
        try:
            yield
        finally:
            self.close()
            self._storage.hear = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self, queue: str) -> None:
        """Rings a bell here at once, and in other processes within CALM, however often it is asked for.

        For what comes in floods, such as letters: a NOTIFY in each transaction would have them commit one by one.
        """
        self._bells[queue].set()
        if not self._storage.sqlite:
            self._to_call.add(queue)
            self._call.set()

    async def _call_workers(self) -> None:
        while True:
            await self._call.wait()
            self._call.clear()
            queues, self._to_call = self._to_call, set()
            self._storage.points.reach("live.calling")
            try:
                await self._storage.write(_tell_all, queues)
            except StorageUnavailable as error:
                log.debug("live: workers will see for themselves: %s", error)
            await asyncio.sleep(CALM)

    async def _watch(self) -> None:
        """Looks for commits of other processes while anybody wants to know."""
        elsewhere = await self._storage.write(listening.changed_elsewhere)
        while True:
            await self._somebody.wait()
            await asyncio.sleep(POLL)
            changes = self._storage.changes()
            if changes == self._seen:
                continue
            self._seen = changes
            try:
                now = await self._storage.write(listening.changed_elsewhere)
            except StorageUnavailable as error:
                log.warning("live: cannot see what other processes do: %s", error)
                self._seen = None
                continue
            if now != elsewhere:
                elsewhere = now
                self.look()


def _tell_all(work: Work, queues: set[str]) -> None:
    for queue in sorted(queues):
        tell(work, queue, {})
