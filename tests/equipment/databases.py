"""SQLite databases with their tables: the steps are taken once in a test process, and copied from then on."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from storage.work import Storage


def fresh_sqlite(file: Path) -> str:
    """The URL of a new database with its tables, in that file."""
    shutil.copyfile(_template(), file)
    return f"sqlite:///{file}"


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="folkmoot-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "template.sqlite3"
    storage = Storage(f"sqlite:///{file}", origin="https://node.test")
    storage.migrate()
    storage.close()  # the last connection takes the write-ahead log into the file
    return file
