"""Copies of every row, as they stood at one moment, in a form that both engines read: a backup, and the way back."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from sqlalchemy import Boolean, Connection, DateTime, Integer, LargeBinary, Numeric, inspect, types
from sqlalchemy.types import JSON

from storage import migrations
from storage.work import Storage

AT_ONCE = 500  # rows held in memory
NOT_ROWS = {"alembic_version"}  # the revision, which is said beside the rows
LARGEST_SUM = 1 << 256
LOOKS, PAUSE = 20, 0.1  # seconds: PostgreSQL takes a moment to see that a process has gone

# What the rest of a node waits for, by a name that people read; columns that were there from the first release on.
WAITING = {
    "deliveries": "SELECT count(*) FROM deliveries",
    "letters": "SELECT count(*) FROM letters WHERE state = 'waiting'",
    "mails": "SELECT count(*) FROM mails WHERE sent_at IS NULL AND parked_at IS NULL",
}


class CopyRefused(Exception):
    """Rows that do not fit where they should go, or do not belong there."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with what is in it: integer, number, boolean, moment, json, bytes or text."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows a table has, what they add up to in any order, and the last number it gave to one."""

    rows: int
    sum: str
    last: int | None


class Sum:
    """What rows add up to, in whatever order they come: two engines order text differently."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line).digest())) % LARGEST_SUM

    def __str__(self) -> str:
        return f"{self._sum:064x}"


# ------------------------------------------------------------------ out


class Snapshot:
    """The database as it stood when this was opened; others go on writing meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.engine = connection.dialect.name
        revision = migrations.current(connection)
        if revision is None:
            raise CopyRefused("the database is empty: there is no node in it")
        self.revision = revision
        self.tables = {table: columns_of(connection, table) for table in tables_of(connection)}

    def lines(self, table: str) -> Iterator[bytes]:
        """Every row as one line of JSON, never more than some of them in memory."""
        columns = self.tables[table]
        read = [_OUT[self.engine].get(column.kind) for column in columns]
        named = ", ".join(_selected(self.engine, column) for column in columns)
        rows = self._connection.execution_options(stream_results=True, max_row_buffer=AT_ONCE).exec_driver_sql(
            f"SELECT {named} FROM {_quoted(table)}"
        )
        for some in rows.partitions(AT_ONCE):
            for row in some:
                values = [
                    value if value is None or way is None else way(value) for value, way in zip(row, read, strict=True)
                ]
                yield orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)

    def last_number(self, table: str) -> int | None:
        """The last id that the table gave; what was deleted since must not give its own to another."""
        return last_number(self._connection, table)

    def waiting(self) -> dict[str, int]:
        """How much of each kind waits to be done."""
        return waiting(self._connection, self.tables)

    def sealed_keys(self) -> Iterator[tuple[str, str, bytes]]:
        """Every key that we sign with: its address, its public half, and the private one as it is sealed."""
        rows = self._connection.exec_driver_sql(
            "SELECT uri, public_pem, private_sealed FROM keys WHERE private_sealed IS NOT NULL ORDER BY id"
        )
        for uri, public, private in rows:
            yield str(uri), str(public), bytes(private)

    def damage(self) -> list[str]:
        """What is wrong with the database itself: its pages, or rows that refer to what is not there."""
        return [
            *_damaged_pages(self._connection),
            *(f"{table} refers to what is not there" for table in broken_references(self._connection)),
        ]

    def facts(self) -> dict[str, str]:
        """What the database says of its node."""
        return {name: value for name, value in self._connection.exec_driver_sql("SELECT name, value FROM facts")}


@contextmanager
def snapshot(storage: Storage) -> Iterator[Snapshot]:
    """Opens the database at one moment, with no migration in between; nobody waits for it."""
    with storage.connect() as connection:
        if not storage.sqlite:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin() as transaction:
            if not storage.sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({migrations.ONE_AT_A_TIME})")
            yield Snapshot(connection)
            transaction.rollback()


def tally(storage: Storage) -> dict[str, Tally]:
    """What is in each table now."""
    with snapshot(storage) as taken:
        found = {}
        for table in taken.tables:
            summed = Sum()
            for line in taken.lines(table):
                summed.add(line)
            found[table] = Tally(summed.rows, str(summed), taken.last_number(table))
        return found


# ------------------------------------------------------------------ in


class Filling:
    """A database that is being filled with the rows of another: all of them, or none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.engine = connection.dialect.name

    def load(self, table: str, columns: list[Column], lines: Iterable[bytes]) -> int:
        """Puts rows into an empty table, which must have exactly these columns; says how many there were."""
        here = columns_of(self._connection, table)
        if {(column.name, column.kind) for column in here} != {(column.name, column.kind) for column in columns}:
            raise CopyRefused(f"the table {table} has other columns here than in the backup")
        write = [_IN[self.engine].get(column.kind) for column in columns]
        count = 0

        def rows() -> Iterator[list[Any]]:
            nonlocal count
            for line in lines:
                values = orjson.loads(line)
                if len(values) != len(columns):
                    raise CopyRefused(f"a row of {table} has {len(values)} values for {len(columns)} columns")
                count += 1
                yield [
                    value if value is None or way is None else way(value)
                    for value, way in zip(values, write, strict=True)
                ]

        driver = cast(Any, self._connection.connection.driver_connection)
        named = ", ".join(_quoted(column.name) for column in columns)
        if self.engine == "sqlite":
            places = ", ".join("?" * len(columns))
            driver.executemany(f"INSERT INTO {_quoted(table)} ({named}) VALUES ({places})", rows())
        else:
            with driver.cursor() as cursor, cursor.copy(f"COPY {_quoted(table)} ({named}) FROM STDIN") as copying:
                for row in rows():
                    copying.write_row(row)
        return count

    def count_on(self, table: str, last: int | None) -> None:
        """Has the table go on after the last number it ever gave."""
        if last is None:
            return
        if self.engine == "sqlite":
            self._connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self._connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))
            return
        sequence = _sequence_of(self._connection, table)
        if sequence is not None and last > 0:
            self._connection.exec_driver_sql("SELECT setval(%s, %s)", (sequence, last))


@contextmanager
def filled(storage: Storage, revision: str, *, replace: bool = False) -> Iterator[Filling]:
    """Makes the tables of a revision, lets them be filled, checks every reference, and commits all of it or nothing.

    A database with tables in it is refused, unless they are to be replaced.
    """
    with storage._writing.connect() as connection:
        if storage.sqlite:
            # Rows come table by table, and some tables refer to each other in a circle: references are checked below.
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[union-attr]
        try:
            with connection.begin():
                there = tables_of(connection)
                if there and not replace:
                    raise CopyRefused("there is a node in this database already")
                _drop(connection, there)
                migrations.take_steps(connection, to=revision)
                for table in tables_of(connection):  # what a step itself put there comes with the rows
                    connection.exec_driver_sql(f"DELETE FROM {_quoted(table)}")
                references = [] if storage.sqlite else _take_references_away(connection)
                yield Filling(connection)
                for table, name, definition in references:
                    connection.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
                broken = broken_references(connection)
                if broken:
                    raise CopyRefused(f"{len(broken)} rows refer to what is not there, such as one of {broken[0]}")
                if not storage.sqlite:
                    connection.exec_driver_sql("ANALYZE")  # without it the first plans would be guesses
                storage.points.reach("copies.before-commit")
        finally:
            if storage.sqlite and not connection.closed:
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[union-attr]


def is_empty(storage: Storage) -> bool:
    """Whether nothing is in the database yet."""
    with storage.connect() as connection:
        return not tables_of(connection) and migrations.current(connection) is None


def broken_references(connection: Connection) -> list[str]:
    """The tables that have a row which refers to a missing one; PostgreSQL never lets it come so far."""
    if connection.dialect.name != "sqlite":
        return []
    return sorted({str(row[0]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")})


def _damaged_pages(connection: Connection) -> list[str]:
    # SQLite alone can be asked
    if connection.dialect.name != "sqlite":
        return []
    said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [] if said == ["ok"] else said


def others_at_work(storage: Storage) -> bool:
    """Whether somebody else has the database open; a process that ended a moment ago does not count."""
    if storage.sqlite:
        return not _alone(storage)
    with storage.connect() as connection:
        for _ in range(LOOKS):
            others = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ).scalar_one()
            connection.rollback()  # the next look sees anew
            if not others:
                return False
            time.sleep(PAUSE)
    return True


def _alone(storage: Storage) -> bool:
    """Leaving the write-ahead log needs the file to oneself, which proves that nobody else has it open."""
    storage._reading.dispose()  # what we had open ourselves
    with storage._writing.connect() as connection:
        driver = cast(Any, connection.connection.driver_connection)
        driver.execute("PRAGMA busy_timeout=200")
        try:
            alone: bool = driver.execute("PRAGMA journal_mode=DELETE").fetchone()[0] == "delete"
        except driver.OperationalError:
            alone = False
        connection.invalidate()  # the next connection sets its pragmas anew, and the log with them
    return alone


# ------------------------------------------------------------------ tables as both engines tell of them


def tables_of(connection: Connection) -> list[str]:
    """The tables that have rows of the node, by name."""
    return sorted(set(inspect(connection).get_table_names()) - NOT_ROWS)


def columns_of(connection: Connection, table: str) -> list[Column]:
    """The columns of a table, in their order."""
    return [Column(it["name"], _kind(it["type"])) for it in inspect(connection).get_columns(table)]


def _kind(kind: types.TypeEngine[Any]) -> str:
    for name, known in _KINDS.items():
        if isinstance(kind, known):
            return name
    return "text"


_KINDS: dict[str, type[types.TypeEngine[Any]]] = {
    "boolean": Boolean,
    "integer": Integer,
    "number": Numeric,
    "moment": DateTime,
    "json": JSON,
    "bytes": LargeBinary,
}


def last_number(connection: Connection, table: str) -> int | None:
    """The last id that a table gave by itself; None where ids come from elsewhere."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).first()
        if found is not None:
            return int(found[0])
        counted = [column for column in inspect(connection).get_pk_constraint(table)["constrained_columns"]]
        if counted != ["id"]:
            return None
        return int(connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {_quoted(table)}").scalar_one())
    sequence = _sequence_of(connection, table)
    if sequence is None:
        return None
    last, called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()
    return int(last) if called else 0


def waiting(connection: Connection, tables: Iterable[str]) -> dict[str, int]:
    """How much of each kind waits to be done, of those that these tables know."""
    there = set(tables)
    return {
        name: int(connection.exec_driver_sql(question).scalar_one())
        for name, question in WAITING.items()
        if name in there
    }


def _sequence_of(connection: Connection, table: str) -> str | None:
    if "id" not in {column["name"] for column in inspect(connection).get_columns(table)}:
        return None
    found = connection.exec_driver_sql("SELECT pg_get_serial_sequence(%s, 'id')", (_quoted(table),)).scalar_one()
    return None if found is None else str(found)


def _take_references_away(connection: Connection) -> list[tuple[str, str, str]]:
    """Drops the foreign keys, to be put back when all rows are there; then each is checked at once."""
    found = [
        (str(table), _quoted(name), str(definition))
        for table, name, definition in connection.exec_driver_sql(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY 1, 2"
        )
    ]
    for table, name, _ in found:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    return found


def _drop(connection: Connection, tables: list[str]) -> None:
    cascade = "" if connection.dialect.name == "sqlite" else " CASCADE"
    for table in [*tables, *NOT_ROWS]:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_quoted(table)}{cascade}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _selected(engine: str, column: Column) -> str:
    """How a column is read: JSON as the text that it is, which the driver would read and we would write otherwise."""
    name = _quoted(column.name)
    return f"{name}::text" if engine == "postgresql" and column.kind == "json" else name


# ------------------------------------------------------------------ values

Way = Callable[[Any], Any]


def _moment_out(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _moment_text(value: str) -> str:
    return value if "." in value else f"{value}.000000"


def _bytes_out(value: bytes) -> str:
    return base64.b64encode(value).decode()


# The form in a file is SQLite's, where there is a choice; bytes are base64, and a switch is one.
_OUT: dict[str, dict[str, Way]] = {
    "sqlite": {"boolean": bool, "moment": _moment_text, "bytes": _bytes_out},
    "postgresql": {"moment": _moment_out, "bytes": _bytes_out, "number": float},
}
_IN: dict[str, dict[str, Way]] = {
    "sqlite": {"boolean": int, "bytes": base64.b64decode},
    "postgresql": {"moment": lambda value: f"{value}+00:00", "bytes": base64.b64decode},
}
