"""What processes that share a database tell each other: over LISTEN and NOTIFY on PostgreSQL, or a look at SQLite."""

import asyncio
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import text

from storage import backoff
from storage.work import Hear, Storage, Work

log = logging.getLogger(__name__)

CHANNEL = "folkmoot"
LARGEST = 7999  # bytes that PostgreSQL takes in a notification
LONGEST = backoff.FIRST * 3  # between two tries to hear again
# A network that fell silent is noticed within a minute; PostgreSQL has nothing to say for hours.
KEEPALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def tell(work: Work, topic: str, event: dict[str, Any]) -> None:
    """Tells whoever listens, in every process, once this is durable. Ids only: those who hear look for themselves.

    On SQLite it is heard in this process; others find out with `changed_elsewhere`.
    """
    if work.dialect == "postgresql":
        notify(work, topic, event)
    elif work.hear is not None:
        work.after_commit(partial(work.hear, topic, event))


def notify(work: Work, topic: str, event: dict[str, Any]) -> None:
    """NOTIFY, which PostgreSQL holds back until the commit, and says once where the same is said twice."""
    payload = json.dumps([topic, event], separators=(",", ":"))
    if len(payload.encode()) > LARGEST:
        raise ValueError(f"{topic}: what is told to other processes has to be short")
    work.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


def changed_elsewhere(work: Work) -> int:
    """On SQLite, a number that changes when another process commits, and not when this one does.

    It is the writer's own connection that is asked: what it commits itself does not count. Call it with `write`.
    """
    version: int = work.connection().exec_driver_sql("PRAGMA data_version").scalar_one()
    return version


class Ear:
    """Hears what processes on the same PostgreSQL tell each other, and begins again whenever it lost the line."""

    def __init__(self, storage: Storage, hear: Hear, missed: Callable[[], None]) -> None:
        self._storage = storage
        self._hear = hear
        self._missed = missed  # called whenever something may have been said that was not heard
        self._failures = 0  # in a row
        self.hearing = asyncio.Event()

    async def run(self) -> None:
        """Hears until it is cancelled."""
        while True:
            try:
                await self._listen()
            except Exception as error:
                if self.hearing.is_set():
                    self._failures = 0
                self.hearing.clear()
                self._failures += 1
                log.warning("live: the line to PostgreSQL is lost, trying again: %s", " ".join(str(error).split()))
                await asyncio.sleep(backoff.after(self._failures, backoff.chance, longest=LONGEST).total_seconds() / 10)

    async def _listen(self) -> None:
        import psycopg  # only those who use PostgreSQL have it

        connection = await psycopg.AsyncConnection.connect(
            **self._storage.address() | KEEPALIVE, autocommit=True, application_name="folkmoot live"
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            if self._failures:
                log.info("live: hears PostgreSQL again")
            self.hearing.set()
            self._missed()
            async for notification in connection.notifies():
                topic, event = json.loads(notification.payload)
                self._hear(topic, event)
        raise ConnectionError("the connection was closed")
