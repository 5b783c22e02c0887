"""Transactions: folded, durable before they are answered, and never half done."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from storage import work as storage_work
from storage.schema import Fact
from storage.work import Storage, StorageUnavailable, Work


def put(work: Work, name: str, value: str = "x") -> str:
    """A verb that writes one fact."""
    work.add(Fact(name=name, value=value))
    work.flush()
    return name


def names(work: Work) -> set[str]:
    return set(work.scalars(select(Fact.name)))


async def test_what_is_answered_is_there_for_everybody(storage: Storage) -> None:
    assert await storage.write(put, "a") == "a"
    assert "a" in await storage.read(names)


async def test_a_refusal_rolls_back_its_own_work_and_nobody_else_s(storage: Storage) -> None:
    def refuse(work: Work) -> None:
        put(work, "refused")
        raise ValueError("no")

    outcomes = await asyncio.gather(
        *(storage.write(put, f"n{i}") for i in range(20)), storage.write(refuse), return_exceptions=True
    )

    assert [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == ["no"]
    assert await storage.read(names) == {f"n{i}" for i in range(20)}


async def test_what_a_read_changes_is_rolled_back(storage: Storage) -> None:
    await storage.read(put, "never")
    assert await storage.read(names) == set()


async def test_what_follows_an_event_is_in_the_same_transaction(database_url: str) -> None:
    seen: list[str] = []

    def follow_up(work: Work, event: object) -> None:
        put(work, f"after {event}")
        if event == "first":
            work.happened("second")
        if event == "bad":
            raise ValueError("the consequence failed")

    storage = Storage(database_url, origin="https://node.test", on_event=follow_up)
    storage.start()

    def happens(work: Work, event: str) -> None:
        put(work, f"at {event}")
        work.happened(event)
        work.after_commit(lambda: seen.append(event))

    await storage.write(happens, "first")
    with pytest.raises(ValueError, match="consequence"):
        await storage.write(happens, "bad")

    assert await storage.read(names) == {"at first", "after first", "after second"}
    assert seen == ["first"]
    storage.close()


async def test_after_commit_is_called_once_it_is_visible_to_others(storage: Storage) -> None:
    called: list[bool] = []

    def act(work: Work) -> None:
        put(work, "a")

        def look() -> None:
            with storage.connect() as connection:
                called.append(connection.scalar(select(func.count()).select_from(Fact)) == 1)

        work.after_commit(look)

    await storage.write(act)
    assert called == [True]


async def test_two_who_write_the_same_make_one_row(storage: Storage) -> None:
    """A unique violation runs the whole function again, which then finds the other's row (PostgreSQL)."""

    def once(work: Work) -> str:
        known = work.get(Fact, "one")
        if known is None:
            put(work, "one", "made")
            return "made"
        return "found"

    outcomes = await asyncio.gather(*(storage.write(once) for _ in range(8)))
    assert sorted(outcomes) == ["found"] * 7 + ["made"]


async def test_waiting_functions_share_one_commit(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'n.sqlite3'}", origin="https://node.test")
    storage.migrate()
    storage.start()
    began, go_on = threading.Event(), threading.Event()

    def hold(work: Work) -> None:
        began.set()
        go_on.wait(10)

    holding = asyncio.create_task(storage.write(hold))
    await asyncio.to_thread(began.wait, 10)
    before = storage.changes()
    waiting = [asyncio.create_task(storage.write(put, f"n{i}")) for i in range(50)]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(holding, *waiting)

    assert storage.changes() == before + 1  # type: ignore[operator]
    assert len(await storage.read(names)) == 50
    storage.close()


async def test_sqlite_is_set_up_to_keep_what_it_was_given(tmp_path: Path) -> None:
    """REL-12"""
    storage = Storage(f"sqlite:///{tmp_path / 'n.sqlite3'}", origin="https://node.test")
    storage.migrate()
    storage.start()

    def pragmas(work: Work) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [work.scalar(text(f"PRAGMA {name}")) for name in names]

    assert await storage.write(pragmas) == ["wal", 2, 1, storage_work.LOCKED_MS]
    assert await storage.read(pragmas) == ["wal", 2, 1, storage_work.LOCKED_MS]
    storage.close()


async def test_a_database_locked_by_another_process_answers_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REL-13"""
    monkeypatch.setattr(storage_work, "LOCKED_MS", 50)
    file = tmp_path / "n.sqlite3"
    storage = Storage(f"sqlite:///{file}", origin="https://node.test")
    storage.migrate()
    storage.start()
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageUnavailable):
        await storage.write(put, "locked out")
    assert await storage.read(names) == set()  # reading goes on

    other.execute("ROLLBACK")
    other.close()
    await storage.write(put, "let in")
    assert await storage.read(names) == {"let in"}
    storage.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes; needs the right to mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a full disk needs the right to mount a small one (root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_disk_that_fills_up_in_the_middle_of_a_batch_spoils_nothing(small_disk: Path) -> None:
    """REL-14: who was answered is kept, who was not is told, and it goes on when there is space again."""
    storage = Storage(f"sqlite:///{small_disk / 'n.sqlite3'}", origin="https://node.test")
    storage.migrate()
    storage.start()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 900_000)

    async def fill(i: int) -> str:
        return await storage.write(put, f"n{i}", "v" * 20_000)

    outcomes = await asyncio.gather(*(fill(i) for i in range(120)), return_exceptions=True)
    kept = {outcome for outcome in outcomes if isinstance(outcome, str)}
    told = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]

    assert told and all(isinstance(outcome, StorageUnavailable) for outcome in told)
    ballast.unlink()
    assert await storage.read(names) == kept
    assert await storage.write(put, "again") == "again"
    storage.close()
    whole = sqlite3.connect(small_disk / "n.sqlite3")
    assert whole.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    whole.close()


async def test_a_database_of_a_newer_release_is_not_touched(storage: Storage) -> None:
    from storage.migrations import UnknownRevision

    await storage.write(lambda work: work.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    with pytest.raises(UnknownRevision, match="newer release"):
        storage.migrate()
