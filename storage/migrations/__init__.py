"""The steps from one release's tables to the next's: Alembic, configured in code."""

import time
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc, text

from storage.failpoints import OFF, Failpoints
from storage.steps import UnknownRevision as UnknownRevision

ONE_AT_A_TIME = 0x666F6C6B  # our advisory lock on PostgreSQL; SQLite's BEGIN IMMEDIATE is lock enough
LOCK_SECONDS = 5  # a step that waits for a table holds up all who come after it; it steps aside, and tries again
TRIES = 6  # of a step that could not have its table
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config)


def current(connection: Connection) -> str | None:
    """The revision the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def known() -> list[str]:
    """Every revision of this release, oldest first."""
    _, scripts = _scripts()
    return [step.revision for step in reversed(list(scripts.walk_revisions()))]


def pending(connection: Connection, to: str = "head") -> list[str]:
    """The steps that `upgrade` would take, oldest first."""
    _, scripts = _scripts()
    at = current(connection)
    if at is not None and at not in known():
        raise UnknownRevision(f"this database is at {at}, which this release does not know: run a newer release")
    steps = list(scripts.iterate_revisions(to, at or "base"))
    return [f"{step.revision} {step.doc}" for step in reversed(steps)]


def upgrade(connection: Connection, points: Failpoints = OFF) -> list[str]:
    """Takes every pending step in one transaction, while nobody else takes any, and names them."""
    for attempt in range(1, TRIES + 1):
        try:
            with connection.begin():
                taken = take_steps(connection, points=points)
                points.reach("migrations.before-commit")
            points.reach("migrations.after-commit")
            return taken
        except exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in (LOCK_NOT_AVAILABLE, DEADLOCK) or attempt == TRIES:
                raise
            time.sleep(attempt)  # whoever waited behind us goes first
    raise AssertionError("the last try answers or raises")


def take_steps(connection: Connection, to: str = "head", *, points: Failpoints = OFF) -> list[str]:
    """`upgrade` within a transaction that is open already, as far as the revision `to`."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
    config, scripts = _scripts()
    taken = pending(connection, to)
    with EnvironmentContext(
        config, scripts, fn=lambda revision, _context: scripts._upgrade_revs(to, revision)
    ) as environment:
        environment.configure(
            connection=connection,
            transactional_ddl=True,
            on_version_apply=lambda **_: points.reach("migrations.step"),
        )
        environment.run_migrations()
    return taken
