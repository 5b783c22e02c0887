"""Whether anybody committed anything: PostgreSQL's answer, asked once for all who wait for it at the same time."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

# Which transactions were over, and which were not: while that is the same, so is everything that can be read.
QUESTION = "SELECT pg_current_snapshot()::text"
AGAIN_AFTER = 1.0  # seconds for which nobody is asked when there was no answer


class Snapshots:
    """Asks on a connection of its own: no transaction is begun, and nobody's place in the pool is taken."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshots")
        self._connection: Any = None
        self._asked: asyncio.Task[str | None] | None = None  # is with the database
        self._next: asyncio.Task[str | None] | None = None  # will be asked when that is answered
        self._silent_until = 0.0

    async def now(self) -> str | None:
        """The snapshot that the database gives now, taken after this was called; None when it does not answer."""
        if self._next is None or self._next.done():
            # What is with the database already may have been answered before us: that would be too old.
            self._next = asyncio.get_running_loop().create_task(self._ask_after(self._asked))
        return await asyncio.shield(self._next)

    def close(self) -> None:
        """Lets go of the database."""
        self._thread.shutdown(wait=True)
        self._forget()

    async def _ask_after(self, earlier: "asyncio.Task[str | None] | None") -> str | None:
        if earlier is not None and not earlier.done():
            await asyncio.wait({earlier})
        loop = asyncio.get_running_loop()
        self._asked, self._next = self._next, None  # whoever comes from here on has to wait for the one after
        if loop.time() < self._silent_until:
            return None
        try:
            return await loop.run_in_executor(self._thread, self._ask)
        except Exception as error:  # the driver is not known here; whoever asked goes to the database the usual way
            log.debug("the database does not say whether anything changed: %s", error)
            self._silent_until = loop.time() + AGAIN_AFTER
            return None

    def _ask(self) -> str:
        if self._connection is None:
            self._connection = self._connect()
        try:
            [answer] = self._connection.execute(QUESTION).fetchone()
        except Exception:
            self._forget()
            raise
        return str(answer)

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is of no use any more, however it ends
                connection.close()
