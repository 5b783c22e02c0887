"""Listening: what processes with one database tell each other, on PostgreSQL in words and on SQLite by its counters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage import listening
from storage.schema import Fact
from storage.work import Storage, Work
from tests.conftest import HeldClock, make_database

Heard = asyncio.Queue[tuple[str, dict[str, Any]]]


def open_storage(url: str, clock: HeldClock) -> Storage:
    storage = Storage(url, origin="https://node.test", now=clock)
    storage.start()
    return storage


@asynccontextmanager
async def hearing(storage: Storage, missed: Callable[[], None] = lambda: None) -> AsyncIterator[Heard]:
    """What a process hears, once the line stands."""
    heard: Heard = asyncio.Queue()
    ear = listening.Ear(storage, lambda topic, event: heard.put_nowait((topic, event)), missed)
    task = asyncio.create_task(ear.run())
    try:
        async with asyncio.timeout(10):
            await ear.hearing.wait()
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def next_of(heard: Heard) -> tuple[str, dict[str, Any]]:
    async with asyncio.timeout(10):
        return await heard.get()


def note(work: Work, name: str) -> None:
    work.add(Fact(name=name, value="here"))


# ------------------------------------------------------------------ PostgreSQL


@pytest.fixture
def moot(postgres_url: str, clock: HeldClock) -> Any:
    """A storage on PostgreSQL."""
    storage = open_storage(postgres_url, clock)
    yield storage
    storage.close()


async def test_what_one_process_tells_another_hears(moot: Storage, postgres_url: str, clock: HeldClock) -> None:
    other = open_storage(postgres_url, clock)
    async with hearing(moot) as here, hearing(other) as there:
        await other.write(listening.tell, "thread:7", {"kind": "posted", "number": 3})

        assert await next_of(here) == ("thread:7", {"kind": "posted", "number": 3})
        assert await next_of(there) == ("thread:7", {"kind": "posted", "number": 3})
        assert (here.empty(), there.empty()) == (True, True)
    other.close()


async def test_what_is_rolled_back_was_never_told(moot: Storage) -> None:
    def fail(work: Work) -> None:
        listening.tell(work, "thread:7", {"kind": "posted"})
        raise ZeroDivisionError

    async with hearing(moot) as heard:
        with pytest.raises(ZeroDivisionError):
            await moot.write(fail)
        await moot.write(listening.tell, "thread:8", {"kind": "posted"})

        assert await next_of(heard) == ("thread:8", {"kind": "posted"})


async def test_a_lost_line_is_taken_up_again_and_said_to_have_missed_something(
    moot: Storage, postgres_url: str
) -> None:
    missed = asyncio.Semaphore(0)
    async with hearing(moot, missed.release) as heard:
        await missed.acquire()
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'folkmoot live'"
            )
        async with asyncio.timeout(20):
            await missed.acquire()
        await moot.write(listening.tell, "thread:7", {"kind": "posted"})

        assert await next_of(heard) == ("thread:7", {"kind": "posted"})


async def test_nothing_long_is_told(moot: Storage) -> None:
    with pytest.raises(ValueError, match="short"):
        await moot.write(listening.tell, "thread:7", {"words": "x" * 8000})


# ------------------------------------------------------------------ SQLite


@pytest.fixture
def file(tmp_path: Path, clock: HeldClock) -> Any:
    """A storage on SQLite, and the way to another process's."""
    url = make_database(tmp_path)
    storage = open_storage(url, clock)
    yield storage, lambda: open_storage(url, clock)
    storage.close()


async def test_on_sqlite_it_is_heard_here_after_the_commit(file: Any) -> None:
    storage, _ = file
    heard = []
    storage.hear = lambda topic, event: heard.append((topic, event))

    def fail(work: Work) -> None:
        listening.tell(work, "thread:7", {"kind": "posted"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await storage.write(fail)
    await storage.write(listening.tell, "thread:8", {"kind": "posted"})

    assert heard == [("thread:8", {"kind": "posted"})]


async def test_only_what_another_process_commits_counts_as_changed_elsewhere(file: Any) -> None:
    storage, other_process = file
    before = await storage.write(listening.changed_elsewhere)

    await storage.write(note, "ours")
    assert await storage.write(listening.changed_elsewhere) == before

    other = other_process()
    await other.write(note, "theirs")
    other.close()
    assert await storage.write(listening.changed_elsewhere) != before
