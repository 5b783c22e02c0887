"""The steps from one release's tables to the next's: Alembic, configured in code."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

ONE_AT_A_TIME = 0x666F6C6B  # our advisory lock on PostgreSQL; SQLite's BEGIN IMMEDIATE is lock enough


class UnknownRevision(Exception):
    """The database was made by a newer release than this one."""


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)


def current(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def pending(connection: Connection) -> list[str]:
    """The steps that `upgrade` would take, oldest first."""
    _, scripts = _scripts()
    known = {step.revision for step in scripts.walk_revisions()}
    at = current(connection)
    if at is not None and at not in known:
        raise UnknownRevision(f"this database is at {at}, which this release does not know: run a newer release")
    steps = list(scripts.iterate_revisions("head", at or "base"))
    return [f"{step.revision} {step.doc}" for step in reversed(steps)]


def upgrade(connection: Connection) -> list[str]:
    """Takes every pending step in one transaction and names them."""
    config, scripts = _scripts()
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        taken = pending(connection)
        with EnvironmentContext(
            config, scripts, fn=lambda revision, _context: scripts._upgrade_revs("head", revision)
        ) as environment:
            environment.configure(connection=connection, transactional_ddl=True)
            environment.run_migrations()
    return taken
