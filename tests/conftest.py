"""Fixtures of every suite: both databases, held clocks, and nodes that meet on loopback."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.web_app import _cached_build_middleware

from storage.work import Storage
from tests.equipment.databases import fresh_sqlite
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node
from tests.equipment.postgres import Postgres
from tests.peers.scripted import ScriptedServer

IN_MEMORY = Path("/dev/shm")
ROOM = 4 << 30  # bytes


def pytest_configure() -> None:
    """Has tests keep their databases in memory where there is room: nodes sync each commit, which takes a disk long."""
    if IN_MEMORY.is_dir() and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
        tempfile.tempdir = os.environ["TMPDIR"] = str(IN_MEMORY)


# What takes minutes begins first, so that no process is left alone with it at the end.
LONGEST = (
    "test_every_page_in_browsers.py",
    "test_authorisation.py",
    "journeys",
    "kills",
    "faults",
    "attack",
    "test_bad_input.py",
)


# Tests that start whole processes, or walk far, run on SQLite; on PostgreSQL these of them, and all in long runs.
ON_POSTGRESQL = {
    "test_kills.py": {"test_what_was_committed_is_delivered_after_a_kill"},
    "test_backup_commands.py": {"test_a_running_node_is_backed_up_and_comes_back_elsewhere"},
    "test_restored_nodes.py": {
        "test_a_restored_node_has_the_same_rows_keys_and_media_on_either_engine",
        "test_a_restored_node_sends_exactly_what_was_owed_signed_with_the_same_keys",
        "test_a_backup_under_load_is_one_moment",
        "test_a_restore_that_fails_puts_the_old_node_back",
    },
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the longest files first, and leaves out what SQLite has shown; all others stay in their order."""
    if not os.environ.get("FOLKMOOT_LONG"):
        config.hook.pytest_deselected(items=[item for item in items if _is_repeated(item)])
        items[:] = [item for item in items if not _is_repeated(item)]
    items.sort(key=lambda item: next((at for at, name in enumerate(LONGEST) if name in item.path.parts), len(LONGEST)))


def pytest_collection_finish() -> None:
    """What was imported stays: to look through it again and again for what could go takes a tenth of a run."""
    gc.collect()
    gc.freeze()


def _is_repeated(item: pytest.Item) -> bool:
    chosen = ON_POSTGRESQL.get(item.path.name)
    return (
        chosen is not None
        and isinstance(item, pytest.Function)
        and item.originalname not in chosen
        and "postgresql" in item.name
    )


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Lets go of the test's nodes: aiohttp keeps what it built of each application for as long as the process runs."""
    _cached_build_middleware.cache_clear()


class HeldClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        """Moves on by `hours=1`, `seconds=30` and the like."""
        self.moment += timedelta(**by)


@pytest.fixture
def clock() -> HeldClock:
    """A clock that the test moves."""
    return HeldClock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The run's own PostgreSQL server."""
    with Postgres() as server:
        yield server


def make_database(folder: Path) -> str:
    """A SQLite database with its tables."""
    return fresh_sqlite(folder / "node.sqlite3")


def _migrate(url: str) -> None:
    storage = Storage(url, origin="https://node.test")
    storage.migrate()
    storage.close()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """A PostgreSQL database with its tables."""
    url = postgres.database(like=postgres.template("tables", _migrate))
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with its tables, on each engine in turn."""
    if request.param == "sqlite":
        return make_database(tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def storage(database_url: str, clock: HeldClock) -> AsyncIterator[Storage]:
    """A storage at work on each engine, at the held clock."""
    storage = Storage(database_url, origin="https://node.test", now=clock)
    storage.start()
    yield storage
    storage.close()


@pytest.fixture
def net() -> LoopbackNet:
    """The names that exist for a test, and the loopback ports behind them."""
    return LoopbackNet()


@pytest.fixture
async def world(net: LoopbackNet, clock: HeldClock) -> AsyncIterator[ScriptedServer]:
    """Every foreign host of a test: mallory.test, victim.test and whichever else is named."""
    async with ScriptedServer(clock=clock) as server:
        for host in ("mallory.test", "victim.test", "mastodon.test", "lemmy.test", "nodebb.test", "discourse.test"):
            net.add(host, server)
        yield server


@pytest.fixture
async def node(
    database_url: str, clock: HeldClock, net: LoopbackNet, world: ScriptedServer, tmp_path: Path
) -> AsyncIterator[Moot]:
    """A node at https://node.test, on each engine, in the same small internet as the scripted hosts."""
    async with AsyncExitStack() as stack:
        yield await raise_node(stack, "node.test", database_url, tmp_path / "node", net, world, clock)
