"""A wire between the node and PostgreSQL that can be cut at a COMMIT: before it arrives, or before its answer does."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from sqlalchemy import make_url

SOCKET = ".s.PGSQL.5432"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # a simple query, as libpq sends it

Lost = Literal["commit", "answer"]


class Wire:
    """Listens as PostgreSQL does, and passes on all that is said, until it is told to lose something.

    What PostgreSQL is told in a transaction is looked at, so that the COMMIT of a certain one can be chosen.
    """

    def __init__(self, url: str) -> None:
        self._there = make_url(url)
        self._folder = Path(tempfile.mkdtemp(prefix="folkmoot-wire-"))  # short: a socket's path has 107 bytes at most
        self._tasks: set[asyncio.Task[None]] = set()
        self._chosen: tuple[bytes, Lost] | None = None
        self._every = 0
        self._commits = 0
        self.lost: Counter[Lost] = Counter()

    @property
    def url(self) -> str:
        """The same database, by this wire."""
        here = self._there.set(query={"host": str(self._folder)})
        return here.render_as_string(hide_password=False)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._connected, self._folder / SOCKET)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def lose_once(self, lost: Lost, holding: bytes) -> None:
        """Cuts the line at the next COMMIT of a transaction in which these bytes were sent."""
        self._chosen = holding, lost

    def lose_every(self, many: int) -> None:
        """Cuts a line at every so-manieth COMMIT, of any transaction; 0 is never."""
        self._every = many

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, node: asyncio.StreamReader, to_node: asyncio.StreamWriter) -> None:
        try:
            database, to_database = await asyncio.open_unix_connection(str(self._there.query["host"]) + "/" + SOCKET)
        except OSError:
            to_node.close()
            return
        passing = asyncio.create_task(_pass_on(database, to_node))
        said = b""
        try:
            while some := await node.read(1 << 16):
                said += some
                if COMMIT not in some:
                    to_database.write(some)
                    continue
                if (lost := self._loses(said)) is None:
                    said = b""
                    to_database.write(some)
                    continue
                self.lost[lost] += 1
                passing.cancel()  # from here on the node hears nothing
                await asyncio.gather(passing, return_exceptions=True)
                if lost == "answer":
                    to_database.write(some)
                    await database.read(1)  # it is committed
                return
        except OSError:
            pass
        finally:
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)
            to_node.close()
            to_database.close()

    def _loses(self, said: bytes) -> Lost | None:
        if self._chosen is not None:
            holding, lost = self._chosen
            if holding in said:
                self._chosen = None
                return lost
        self._commits += 1
        if self._every and self._commits % self._every == 0:
            return "answer" if self.lost.total() % 3 < 2 else "commit"
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await reader.read(1 << 16):
            writer.write(some)
            await writer.drain()
    writer.close()
