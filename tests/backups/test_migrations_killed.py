"""Migrations that are killed, that meet each other, or that find somebody at work: all steps, or none."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from storage import migrations
from storage.work import Storage
from tests.equipment.postgres import Postgres
from tests.equipment.processes import ROOT

# Takes the steps as a node does, and dies before the statement of that number, as by kill -9.
DYING = """
import os, signal, sys
from sqlalchemy import event
from storage.work import Storage

storage, fatal, seen = Storage(sys.argv[1], origin="https://node.test"), int(sys.argv[2]), 0

@event.listens_for(storage._writing, "before_cursor_execute")
def count(connection, cursor, statement, *rest):
    global seen
    if statement.lstrip().upper().startswith(("ALTER", "CREATE", "UPDATE ALEMBIC", "INSERT INTO ALEMBIC", "DROP")):
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

@event.listens_for(storage._writing, "commit")
def committing(connection):
    if fatal == 0:
        os.kill(os.getpid(), signal.SIGKILL)

storage.migrate()
print(seen)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def former_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database as release 0.2.0 left it, on each engine in turn."""
    server: Postgres | None = None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'node.sqlite3'}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.database()
    take_steps(url, "0002")
    yield url
    if server is not None:
        server.drop(url)


def take_steps(url: str, to: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.take_steps(connection, to)
    engine.dispose()


def tables(url: str) -> object:
    """Revision, tables and columns: what a step changes."""
    engine = create_engine(url)
    with engine.connect() as connection:
        inspector = inspect(connection)
        found = {
            name: sorted(column["name"] for column in inspector.get_columns(name))
            for name in inspector.get_table_names()
        }
        at = migrations.current(connection)
    engine.dispose()
    return at, found


def dying(url: str, fatal: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DYING, url, str(fatal)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("fatal", [2, 11, 0], ids=["at its second statement", "in its middle", "at its commit"])
def test_a_step_that_is_killed_never_was_and_the_next_start_takes_it(former_url: str, fatal: int) -> None:
    """REL-33: kill -9 in step 0003 leaves the database as it was, on both engines."""
    before = tables(former_url)

    killed = dying(former_url, fatal)
    assert killed.returncode == -9, killed.stderr
    if former_url.startswith("postgresql"):
        wait_until_gone(former_url)
    assert tables(former_url) == before

    taken = dying(former_url, -1)
    assert taken.returncode == 0, taken.stderr
    assert int(taken.stdout) > 11, "the middle is not in the middle any more"
    assert tables(former_url) != before
    storage = Storage(former_url, origin="https://node.test")
    assert storage.pending_migrations() == []
    storage.close()


def wait_until_gone(url: str) -> None:
    """Until the server noticed that the process died."""
    engine = create_engine(url)
    for _ in range(500):
        with engine.connect() as connection:
            others = connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            ).scalar_one()
        if not others:
            break
        time.sleep(0.01)
    engine.dispose()


def test_two_processes_that_migrate_at_once_take_each_step_once(former_url: str) -> None:
    """REL-33: guarded by an advisory lock on PostgreSQL, and by the write lock of SQLite."""
    taken: list[list[str]] = []
    together = threading.Barrier(4)

    def migrate() -> None:
        storage = Storage(former_url, origin="https://node.test")
        together.wait()
        try:
            taken.append(storage.migrate())
        finally:
            storage.close()

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(len, taken)) == [0, 0, 0, 1]
    storage = Storage(former_url, origin="https://node.test")
    assert storage.pending_migrations() == []
    storage.close()


def test_a_step_steps_aside_for_whoever_holds_a_table_and_tries_again(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REL-34: a step that waits for a table makes everybody wait who comes after it, so it does not wait long."""
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 1)
    url = postgres.database()
    take_steps(url, "0002")
    engine = create_engine(url)
    storage = Storage(url, origin="https://node.test")
    done: list[list[str]] = []
    migrating = threading.Thread(target=lambda: done.append(storage.migrate()))
    with engine.begin() as reading:
        reading.execute(text("SELECT count(*) FROM hosts"))  # a long report, say
        migrating.start()
        migrating.join(2.5)  # more than one try takes
        assert migrating.is_alive() and done == []
    migrating.join(30)
    storage.close()
    engine.dispose()

    assert len(done[0]) == 1
    postgres.drop(url)
