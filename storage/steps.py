"""Which step of the migrations a database stands at, known without Alembic: a start that has none to take is quick."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

STEPS = Path(__file__).parent / "migrations" / "versions"


class UnknownRevision(Exception):
    """The database was made by a newer release than this one."""


@cache
def newest() -> str:
    """The last step of this release: the files of the steps are named by their numbers."""
    return max(step.name.partition("_")[0] for step in STEPS.glob("[0-9]*_*.py"))


def is_newest(connection: Connection) -> bool:
    """Whether no step is left to take; an empty database has all of them before it."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [newest()]
