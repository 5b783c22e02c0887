"""Questions without end: each is given up after a while, whoever waits behind them is answered, and writers go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.work import Storage, StorageUnavailable, Work
from tests.conftest import HeldClock
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import raise_node

PATIENCE = 0.3  # seconds
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) AS c FROM n"
# Longer than a hurried reader may take, on any machine.
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700000) SELECT sum(i) FROM n"


@pytest.fixture
async def hurried(database_url: str) -> AsyncIterator[Storage]:
    """A storage that gives questions up soon."""
    storage = Storage(database_url, origin="https://node.test", patience=PATIENCE)
    storage.start()
    yield storage
    storage.close()


def ask_endlessly(work: Work) -> object:
    return work.scalar(text(ENDLESS))


def ask(work: Work) -> object:
    return work.scalar(text("SELECT 1"))


async def test_a_question_without_end_is_given_up_and_its_connection_serves_again(hurried: Storage) -> None:
    """DOS-23: on both engines the database itself stops, not only whoever waits for it."""
    began = time.monotonic()
    outcomes = await asyncio.gather(*(hurried.read(ask_endlessly) for _ in range(4)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 4
    assert time.monotonic() - began < 10 * PATIENCE
    assert [await hurried.read(ask) for _ in range(8)] == [1] * 8
    if not hurried.sqlite:
        running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%RECURSIVE n%'"
        mine = " AND pid <> pg_backend_pid() AND datname = current_database()"
        assert await hurried.read(lambda work: work.scalar(text(running + mine))) == 0


async def test_of_a_hundred_such_questions_most_are_not_even_asked(hurried: Storage) -> None:
    """DOS-23: whoever waited longer than a question may take is told so, so that the queue is soon empty."""
    began = time.monotonic()
    slow = [asyncio.create_task(hurried.read(ask_endlessly)) for _ in range(100)]
    outcomes = await asyncio.gather(*slow, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    assert time.monotonic() - began < 20 * PATIENCE, "one after the other they would take 25 times as long"
    assert await hurried.read(ask) == 1


async def test_a_change_and_a_step_of_the_tables_may_take_longer(hurried: Storage) -> None:
    """DOS-23: writers, migrations and copies are not hurried: what they do has an end."""

    def change_slowly(work: Work) -> int:
        slow = "SELECT pg_sleep(0.4)" if work.dialect == "postgresql" else LONG
        work.execute(text(slow))
        return 1

    assert await hurried.write(change_slowly) == 1


async def test_a_page_whose_question_takes_too_long_is_a_503_in_words(
    database_url: str, clock: HeldClock, net: LoopbackNet, tmp_path: Path
) -> None:
    """DOS-23: with Retry-After; other pages stand, and so does this one once it can be answered."""
    async with AsyncExitStack() as stack:
        node = await raise_node(
            stack, "node.test", database_url, tmp_path / "node", net, None, clock, patience=PATIENCE
        )
        await node.person("liam")
        await node.group("garden", "liam")

        await node.start("liam", "garden", "Beans", "All about #beans")

        def slow_down(work: Work) -> None:
            work.execute(text("ALTER TABLE taggings RENAME TO taggings_kept"))
            work.execute(text(f"CREATE VIEW taggings AS SELECT * FROM taggings_kept WHERE ({ENDLESS}) > 0"))

        await node.storage.write(slow_down)
        status, answer, body = await node.get("/tags/beans", "text/html")

        assert status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert b"Not just now" in body and b"Traceback" not in body
        assert (await node.get("/about", "text/html"))[0] == 200
