"""The commands of an admin: backup, restore, upgrade, on a node that runs and on one that was stopped."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pyrage
import pytest
from sqlalchemy import create_engine

from node.cli.setup import write_settings
from node.settings import Settings, load
from storage import migrations
from storage.work import Storage
from tests.backups.test_migrations_killed import tables, take_steps
from tests.equipment.postgres import Postgres
from tests.equipment.processes import ROOT, Installation, free_port
from tests.storage.test_migrations import FILLED

GROUP = ("group", "create", "garden", "--title", "The garden")


async def command(folder: Path, *words: str | Path, config: Path | None = None) -> tuple[int, str]:
    """A command as an admin types it, in that folder; answers its status and all that it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "node",
        *(["--config", str(config)] if config else []),
        *map(str, words),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """What `database_url` of a new node says."""
    if request.param == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.database()
    yield url.replace("postgresql+psycopg", "postgresql")
    server.drop(url)


@pytest.fixture
async def home(tmp_path: Path, empty_database: str) -> AsyncIterator[Path]:
    """The folder of a node that was set up with `folkmoot init`, with a group in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    origin = f"http://127.0.0.1:{free_port()}"
    wanted = ["--origin", origin, "--development", "--listen", origin.removeprefix("http://"), "--data", folder]
    wanted += ["--database-url", empty_database] if empty_database else []
    status, said = await command(folder, "init", "--name", "Moot", *wanted)
    assert status == 0, said
    status, said = await command(folder, *GROUP)
    assert status == 0, said
    yield folder


async def test_a_running_node_is_backed_up_and_comes_back_elsewhere(home: Path, tmp_path: Path) -> None:
    """REL-35: one command each; `--verify` proves it, and the restored node serves."""
    status, said = await command(home, "backup", tmp_path / "moot.tar", "--json")
    assert status == 0, said
    told = json.loads(said)
    assert told["rows"] > 3 and told["encrypted"] is False
    secret = (home / "secret").read_text().strip()
    assert secret not in said

    status, said = await command(tmp_path, "restore", tmp_path / "moot.tar", "--to", tmp_path / "there", "--verify")

    assert status == 0, said
    assert "WRONG" not in said and "each as it was" in said and "GET /" in said
    there = tmp_path / "there"
    assert (there / "secret").read_text().strip() == secret
    assert stat.S_IMODE((there / "folkmoot.toml").stat().st_mode) == 0o600
    restored = load(environment={}, file=there / "folkmoot.toml")
    assert (restored.data, restored.database_url) == (there, "")
    assert restored.origin == load(environment={}, file=home / "folkmoot.toml").origin
    status, said = await command(there, "group", "show", "garden")
    assert status == 0 and "The garden" in said

    status, said = await command(tmp_path, "restore", tmp_path / "moot.tar", "--to", there)
    assert status == 1 and "there is a node already" in said


async def test_old_backups_go_and_encrypted_ones_need_their_key(home: Path, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(f"# mine\n{key}\n")
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "folkmoot-other.test-20200101-000000.tar").write_text("another node's")
    authority = load(environment={}, file=home / "folkmoot.toml").authority.replace(":", "-")
    for old in ("20200101-000000.tar", "20200102-000000.tar.age", "20200103-000000.tar"):
        (kept / f"folkmoot-{authority}-{old}").write_text("old")

    status, said = await command(home, "backup", kept, "--keep", "2", "--recipient", key.to_public())

    assert status == 0, said
    names = sorted(file.name for file in kept.iterdir())
    assert len(names) == 3 and "folkmoot-other.test-20200101-000000.tar" in names
    [made] = kept.glob("*.tar.age")
    status, said = await command(tmp_path, "restore", made, "--dry-run")
    assert status == 1 and "encrypted" in said
    status, said = await command(tmp_path, "restore", made, "--dry-run", "--identity", tmp_path / "key")
    assert status == 0 and "each as it was" in said, said

    status, said = await command(home, "backup", tmp_path / "x.tar", "--recipient", "age1wrong")
    assert status == 1 and "age1" in said and not (tmp_path / "x.tar").exists()
    (tmp_path / "words").write_text("short\n")
    status, said = await command(home, "backup", tmp_path / "x.tar", "--passphrase-file", tmp_path / "words")
    assert status == 1 and "too short" in said


# ------------------------------------------------------------------ upgrade


@pytest.fixture
def former(tmp_path: Path, empty_database: str) -> Settings:
    """A node as release 0.2.0 left it, with something in it, and its settings in `old/folkmoot.toml`."""
    folder = tmp_path / "old"
    folder.mkdir()
    values = {"origin": "https://node.test", "data": str(folder), "database_url": empty_database}
    write_settings(folder / "folkmoot.toml", {name: value for name, value in values.items() if value})
    settings = load(environment={}, file=folder / "folkmoot.toml")
    take_steps(settings.database, "0002")
    engine = create_engine(settings.database)
    with engine.begin() as connection:
        for statement in FILLED:
            connection.exec_driver_sql(statement)
    engine.dispose()
    (folder / "secret").write_text("s" * 64)
    (folder / "secret").chmod(0o600)
    return settings


def revision(settings: Settings) -> str | None:
    storage = Storage(settings.database, origin=settings.origin)
    try:
        with storage.connect() as connection:
            return migrations.current(connection)
    finally:
        storage.close()


async def test_an_upgrade_leaves_a_backup_and_a_node_that_was_tried(former: Settings) -> None:
    """REL-33: also rehearsed in a copy first, which leaves the node as it is."""
    before = tables(former.database)

    status, said = await command(former.data, "upgrade", "--dry-run")
    assert status == 0 and "Took step 0003" in said, said
    assert tables(former.database) == before

    status, said = await command(former.data, "upgrade", "--json")
    assert status == 0, said
    told = json.loads(said)
    assert [step.partition(" ")[0] for step in told["steps"]] == ["0003"]
    assert all(finding["good"] for finding in told["findings"])
    assert revision(former) == migrations.known()[-1]
    assert stat.S_IMODE(os.stat(told["backup"]).st_mode) == 0o600

    status, said = await command(former.data, "upgrade")
    assert status == 0 and "up to date" in said
    # And the backup of the older release is one of the newer release, once it is restored.
    status, said = await command(former.data.parent, "restore", told["backup"], "--dry-run")
    assert status == 0 and "Took step 0003" in said, said


async def test_an_upgrade_that_does_not_work_is_undone(former: Settings) -> None:
    """What the steps cannot know shows in the trial: a page that fails; then all is as it was, rows and tables."""
    engine = create_engine(former.database)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE threads SET tags = '5'")  # which no page can read
    engine.dispose()
    before = tables(former.database)

    status, said = await command(former.data, "upgrade")

    assert status == 1 and "undone" in said and "as it was before" in said, said
    assert tables(former.database) == before
    assert revision(former) == "0002"


async def test_an_upgrade_waits_until_the_node_is_stopped(former: Settings) -> None:
    """What others write between the backup and a way back would be lost."""
    storage = Storage(former.database, origin=former.origin)
    with storage.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM actors").scalar_one()
        status, said = await command(former.data, "upgrade")
    storage.close()

    assert status == 1 and "stop the node first" in said
    assert revision(former) == "0002"


async def test_a_running_node_is_not_restored_over(tmp_path: Path) -> None:
    node = Installation.make(tmp_path / "node", "")
    process = await node.start("serve")
    try:
        await node.run("backup", str(tmp_path / "moot.tar"))
        environment = node._environment()
        again = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "node", "restore", str(tmp_path / "moot.tar"), "--force"),
            cwd=ROOT,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await again.communicate()
        assert again.returncode == 1 and b"stop the node first" in said
    finally:
        await node.clean_up()
    with sqlite3.connect(tmp_path / "node" / "folkmoot.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert process.returncode is not None
