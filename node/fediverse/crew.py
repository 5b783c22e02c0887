"""Tasks that are owned: started, waited for, and over before their owner is."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Crew:
    """So many tasks at a time, and none that is forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        return self.most - len(self.tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lease runs out, and what it was about is taken up again.
            log.error("worker task failed (fault %s)", secrets.token_hex(4), exc_info=error)

    async def finish(self, seconds: float | None = None) -> None:
        """Waits until all are done; after so many seconds it does not ask them any more."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)
        for task in list(self.tasks):
            task.cancel()
        while self.tasks:
            await asyncio.wait(self.tasks)


async def pause(*crews: Crew, bells: tuple[asyncio.Event, ...], seconds: float) -> None:
    """Until a task of one of the crews is done, or a bell rings, or that time is over."""
    rings = [asyncio.create_task(bell.wait()) for bell in bells]
    tasks = [task for crew in crews for task in crew.tasks]
    try:
        await asyncio.wait([*tasks, *rings], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for ring in rings:
            ring.cancel()
        await asyncio.gather(*rings, return_exceptions=True)
