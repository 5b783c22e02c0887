"""Intake: letters that come at the same time are kept in one transaction, and each is answered after its commit."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from federation.errors import FederationError
from federation.inbox import Received
from node.forum.errors import Refusal
from storage.work import Storage, StorageUnavailable, Work

AT_ONCE = 64  # letters of one transaction: some milliseconds of work

Accept = Callable[[Work, Received, str], int | None]
Kept = int | None | Exception  # the letter's number, None when it was here before, or why it was not taken


@dataclass(frozen=True, slots=True)
class Arrived:
    """A letter that waits to be kept, and whoever waits for the answer."""

    received: Received
    path: str
    answer: asyncio.Future[int | None]


class Intake:
    """Keeps letters with `accept`, which refuses before it has written anything."""

    def __init__(self, storage: Storage, accept: Accept) -> None:
        self._storage = storage
        self._accept = accept
        self._waiting: deque[Arrived] = deque()
        self._keeping: asyncio.Task[None] | None = None

    async def keep(self, received: Received, path: str) -> int | None:
        """The letter's number once it is durable, None when it was here before; raises why it is not taken."""
        loop = asyncio.get_running_loop()
        arrived = Arrived(received, path, loop.create_future())
        self._waiting.append(arrived)
        if self._keeping is None or self._keeping.done():
            self._keeping = loop.create_task(self._keep_all())
        return await arrived.answer

    async def _keep_all(self) -> None:
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            for one, kept in zip(some, await self._kept(some), strict=True):
                if one.answer.done():
                    continue  # whoever waited has gone; the letter stands all the same
                if isinstance(kept, Exception):
                    one.answer.set_exception(kept)
                else:
                    one.answer.set_result(kept)

    async def _kept(self, some: Sequence[Arrived]) -> list[Kept]:
        try:
            return await self._storage.write(keep_all, self._accept, [(one.received, one.path) for one in some])
        except StorageUnavailable as error:
            return [error] * len(some)
        except Exception:  # of one of them; the others are not to blame
            return [await self._alone(one) for one in some]

    async def _alone(self, one: Arrived) -> Kept:
        try:
            return await self._storage.write(self._accept, one.received, one.path)
        except Exception as error:  # the door says what it means
            return error


def keep_all(work: Work, accept: Accept, letters: Sequence[tuple[Received, str]]) -> list[Kept]:
    """Keeps these letters, each for itself: what is wrong with one is its answer, and keeps no other out."""
    kept: list[Kept] = []
    for received, path in letters:
        try:
            kept.append(accept(work, received, path))
        except (FederationError, Refusal) as refusal:
            kept.append(refusal)
    return kept
