"""Transactions: a Work is one of them and what happened in it; Storage runs them, off the event loop."""

import asyncio
import importlib
import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import ModuleType
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import Connection, Engine, Row, Select, create_engine, event, exc, make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from storage import clock, failpoints, steps
from storage.failpoints import AFTER, BEFORE, Failpoints, Fault
from storage.snapshots import Snapshots

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Verb = Callable[Concatenate["Work", P], R]
Hear = Callable[[str, dict[str, Any]], None]
Measure = Callable[[int, float], None]  # functions in a transaction, and the seconds that it took

READERS = 4  # threads that read; two cores have no use for more, and PostgreSQL's pool stays small
BATCH = 64  # functions folded into one commit: a few milliseconds of work at the most
LOCKED_MS = 10_000  # how long SQLite waits for another process's transaction before we answer 503
RERUNS = 3  # of a function that PostgreSQL could not place among the others
RERUN_CODES = {"40001", "40P01", "23505"}  # serialization failure, deadlock, unique violation
UNSYNCED = {"synchronize_session": False}  # for a statement about rows of which no record is at hand
STEPS = 1_000_000  # of SQLite between two looks at the clock: some ten milliseconds


class StorageUnavailable(Exception):
    """The database did not take the work: locked, full, gone. Try later; nothing was changed."""


class OnEvent(Protocol):
    """What follows an event, inside the same transaction."""

    def __call__(self, work: "Work", event: object, /) -> None: ...


class Work(Session):
    """One transaction, and what happened in it.

    A function that gets one may run twice: what it takes and returns are values, never mapped rows.
    """

    now: datetime
    origin: str
    cause: object = None  # the letter that brought this work about, if one did
    hear: "Hear | None" = None  # who hears in this process what `storage.listening.tell` says
    dialect: str

    def __init__(self, connection: Connection, *, now: datetime, origin: str, writes: bool = True) -> None:
        # What only reads is rolled back as a whole, and needs no savepoint.
        mode: Literal["create_savepoint", "rollback_only"] = "create_savepoint" if writes else "rollback_only"
        super().__init__(connection, join_transaction_mode=mode, expire_on_commit=False)
        self.now = now
        self.origin = origin
        self.dialect = connection.dialect.name
        self.events: deque[object] = deque()
        self.callbacks: list[Callable[[], None]] = []

    def happened(self, event: object) -> None:
        """Tells the consequences, which run before the commit, of an event."""
        self.events.append(event)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Has `callback` called on the event loop once this is durable, and never if it is not."""
        self.callbacks.append(callback)

    def rows(
        self, statement: Select[*tuple[Any, ...]], values: Mapping[str, Any] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """What a question that names columns and no entity finds: it needs no mapping, which costs as much again."""
        self.flush()
        return self.connection().execute(statement, values or {}).all()

    def mint(self) -> str:
        """A new id, time-ordered and random."""
        return clock.mint(self.now)


class Job:
    """A function that waits for the writer, and the future that waits for its answer."""

    def __init__(self, verb: Callable[..., Any], call: Callable[[Work], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.verb = verb
        self.call = call
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None
        self.callbacks: list[Callable[[], None]] = []

    def answer(self) -> None:
        """Hands result or error to whoever waits, after the commit."""

        def settle() -> None:
            if self.error is None:
                for callback in self.callbacks:
                    callback()
            if self.future.done():  # whoever waited has gone; the work stands all the same
                return
            if self.error is not None:
                self.future.set_exception(self.error)
            else:
                self.future.set_result(self.result)

        try:
            self.loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop closed while we worked
            log.debug("nobody waits any more for %r", self.call)


class Storage:
    """The database behind its own threads: one transaction is one hop."""

    def __init__(
        self,
        url: str,
        *,
        origin: str,
        on_event: OnEvent | None = None,
        now: clock.Clock = clock.now,
        points: Failpoints = failpoints.OFF,
        patience: float | None = None,
    ) -> None:
        """`patience`: seconds for one question of `read`, which is given up then (DOS-23); None lets it go on."""
        self.url = make_url(url)
        self.origin = origin
        self.on_event = on_event
        self.now = now
        self.points = points
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.patience = patience
        self._writing: Engine = _sqlite_engine(url, begin="BEGIN IMMEDIATE") if self.sqlite else _postgres_engine(url)
        if self.sqlite:
            self._reading = _sqlite_engine(url, begin="BEGIN", patience=patience)
        else:
            self._reading = self._writing if patience is None else _postgres_engine(url, patience=patience)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="storage")
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._watching: sqlite3.Connection | None = None
        self._snapshots = None if self.sqlite else Snapshots(self._connect_alone)
        self.hear: Hear | None = None
        self.measure: Measure | None = None  # told of each transaction that wrote, in its own thread

    def start(self) -> None:
        """Starts the writer; the tables must be there (see `migrate`)."""
        if self.sqlite and self._writer is None:
            self._writer = threading.Thread(target=self._write_on, name="storage-writer", daemon=True)
            self._writer.start()

    def close(self) -> None:
        """Finishes what waits and lets go of the database."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        if self._watching is not None:
            self._watching.close()
            self._watching = None
        if self._snapshots is not None:
            self._snapshots.close()
        self._threads.shutdown(wait=True)
        self._reading.dispose()
        self._writing.dispose()

    def migrate(self) -> list[str]:
        """Brings the tables up to date and names the steps taken."""
        with self._reading.connect() as connection:
            if steps.is_newest(connection):
                return []
        with self._writing.connect() as connection:
            named: list[str] = _migrations().upgrade(connection, self.points)
            return named

    def pending_migrations(self) -> list[str]:
        """The steps that `migrate` would take."""
        with self._reading.connect() as connection:
            if steps.is_newest(connection):
                return []
            named: list[str] = _migrations().pending(connection)
            return named

    def changes(self) -> int | None:
        """A number that grows whenever anybody commits; None on PostgreSQL, which has no such cheap thing.

        For the event loop's thread alone: it takes microseconds, a hop to another thread would take longer.
        """
        if not self.sqlite:
            return None
        if self._watching is None:
            self._watching = sqlite3.connect(str(self.url.database), isolation_level=None)
        version: int = self._watching.execute("PRAGMA data_version").fetchone()[0]
        return version

    async def state(self) -> object | None:
        """Equal to what it was before for as long as nobody has committed anything; None when that cannot be said."""
        return self.changes() if self._snapshots is None else await self._snapshots.now()

    def connect(self) -> Connection:
        """A connection of one's own, for tools that look from outside (checks, tests)."""
        return self._reading.connect()

    def address(self) -> dict[str, Any]:
        """How the driver finds the database, for a connection that is not one of ours."""
        _, parameters = self._reading.dialect.create_connect_args(self.url)
        return dict(parameters)

    def _connect_alone(self) -> Any:
        driver: Any = self._reading.dialect.loaded_dbapi
        return driver.connect(**self.address(), autocommit=True)

    async def read(self, verb: Verb[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Answers from one consistent snapshot; what it changes is rolled back."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, _call(verb, args, kwargs), time.monotonic())

    async def write(self, verb: Verb[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs the function and its consequences as one transaction and returns once that is durable."""
        call = _call(verb, args, kwargs)
        loop = asyncio.get_running_loop()
        if not self.sqlite:
            job = Job(verb, call, loop)
            await loop.run_in_executor(self._threads, self._write_measured, job)
            job.answer()
            return cast(R, await job.future)
        if self._writer is None:
            raise RuntimeError("the storage was not started")
        job = Job(verb, call, loop)
        self._jobs.put(job)
        return cast(R, await job.future)

    def _read(self, call: Callable[[Work], R], asked: float) -> R:
        if self.patience is not None and time.monotonic() - asked > self.patience:
            # Whoever stands this far back in the queue has waited enough, and those behind are reached the sooner.
            raise StorageUnavailable("everybody who reads was busy with other questions")
        try:
            with self._reading.connect() as connection, connection.begin() as transaction:
                with self._work(connection, writes=False) as work:
                    result = call(work)
                transaction.rollback()
                return result
        except exc.OperationalError as error:
            raise StorageUnavailable(str(error.orig)) from error

    def _work(self, connection: Connection, *, writes: bool = True) -> Work:
        work = Work(connection, now=self.now(), origin=self.origin, writes=writes)
        work.hear = self.hear
        return work

    def _run(self, connection: Connection, job: Job) -> None:
        """Runs one function with its consequences in a savepoint of the open transaction."""
        job.result, job.error, job.callbacks = None, None, []
        with self._work(connection) as work:
            try:
                result = job.call(work)
                while work.events:
                    happened = work.events.popleft()
                    if self.on_event is not None:
                        self.on_event(work, happened)
                self.points.reach_commit(job.verb, BEFORE)
                work.commit()  # RELEASE: the real COMMIT is ours
            except BaseException:
                if connection.in_transaction() and _driver_in_transaction(connection):
                    work.rollback()
                raise
            job.result, job.callbacks = result, work.callbacks

    # -------------------------------------------------------------- SQLite: one writer folds what waits

    def _write_on(self) -> None:
        closing = False
        while not closing:
            job = self._jobs.get()
            if job is None:
                return
            batch = [job]
            while len(batch) < BATCH:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    closing = True
                    break
                batch.append(following)
            began = time.perf_counter()
            if not self._commit_together(batch):
                # Nobody was answered: each runs again, alone, so that one cannot spoil the others.
                for lonely in batch:
                    if not self._commit_together([lonely], last=True):
                        raise AssertionError("a lonely function is always answered")
            if self.measure is not None:
                self.measure(len(batch), time.perf_counter() - began)
            for done in batch:
                done.answer()

    def _commit_together(self, batch: list[Job], *, last: bool = False) -> bool:
        """Runs the functions in one transaction; says False when all must run again alone."""
        began = False
        try:
            with self._writing.connect() as connection, connection.begin() as transaction:
                began = True
                for job in batch:
                    try:
                        self._run(connection, job)
                    except Exception as error:
                        if not _driver_in_transaction(connection):
                            raise  # a full disk rolls everything back under us
                        job.error = _named(error) if isinstance(error, Fault) else error
                    self.points.reach("group-commit.between")
                self.points.reach("group-commit.before-commit")
                transaction.commit()
            self._committed(batch)
            return True
        except Exception as error:
            if began and not last:
                return False
            # Where the lock was not to be had none of them is to blame, and none waits as long once more (REL-13).
            for job in batch:
                job.error = _named(error)
            return True

    def _committed(self, batch: list[Job]) -> None:
        """All of these are durable; whoever is not told so all the same does not know it."""
        for job in batch:
            try:
                self.points.reach("group-commit.after-commit")
                if job.error is None:
                    self.points.reach_commit(job.verb, AFTER)
            except Fault as fault:
                job.error = _named(fault)

    # -------------------------------------------------------------- PostgreSQL: each its own transaction

    def _write_measured(self, job: Job) -> None:
        began = time.perf_counter()
        self._write_alone(job)
        if self.measure is not None:
            self.measure(1, time.perf_counter() - began)

    def _write_alone(self, job: Job) -> None:
        for attempt in range(RERUNS):
            try:
                with self._writing.connect() as connection, connection.begin():
                    self._run(connection, job)
                self.points.reach_commit(job.verb, AFTER)
                return
            except exc.DBAPIError as error:
                code = getattr(error.orig, "sqlstate", None)
                if code in RERUN_CODES and attempt + 1 < RERUNS:
                    time.sleep(0.01 * 2**attempt)  # in the storage's own thread
                    continue
                if isinstance(error, exc.OperationalError) or error.connection_invalidated:
                    job.error = StorageUnavailable(str(error.orig))
                    job.error.__cause__ = error
                else:
                    job.error = error
                return
            except Exception as error:
                job.error = _named(error) if isinstance(error, Fault) else error
                return


def _named(error: Exception) -> Exception:
    """What a function raised, or that the database did not take it."""
    if not isinstance(error, exc.DBAPIError | Fault):
        return error
    unavailable = StorageUnavailable(str(error))
    unavailable.__cause__ = error
    return unavailable


def _migrations() -> ModuleType:
    """Alembic and what it brings are read by whoever has steps to take, and by no other start."""
    return importlib.import_module("storage.migrations")


def _call(verb: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Work], R]:
    return lambda work: verb(work, *args, **kwargs)


def _driver_in_transaction(connection: Connection) -> bool:
    if connection.invalidated:
        return False  # the line was lost in the middle, and with it all that was begun (REL-16)
    driver = connection.connection.driver_connection
    return driver.in_transaction if isinstance(driver, sqlite3.Connection) else True


class Until:
    """When the transaction of a connection to SQLite is given up; asked by SQLite itself, every so many steps."""

    def __init__(self) -> None:
        self.moment = float("inf")

    def __call__(self) -> bool:
        return time.monotonic() > self.moment


def _sqlite_engine(url: str, *, begin: str, patience: float | None = None) -> Engine:
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=READERS, max_overflow=2, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # BEGIN, SAVEPOINT and COMMIT are ours
        for pragma in (
            f"busy_timeout={LOCKED_MS}",  # first: to turn to the log is to wait for whoever has just left it
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-16000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if patience is not None:
            record.info["until"] = Until()
            connection.set_progress_handler(record.info["until"], STEPS)

    @event.listens_for(engine, "begin")
    def open_transaction(connection: Connection) -> None:
        if patience is not None:
            connection.info["until"].moment = time.monotonic() + patience
        connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(url: str, *, patience: float | None = None) -> Engine:
    engine = create_engine(url, pool_size=READERS, max_overflow=2, pool_pre_ping=True, isolation_level="READ COMMITTED")
    if patience is not None:

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: object) -> None:
            connection.autocommit = True
            connection.execute(f"SET statement_timeout TO {int(patience * 1000)}")  # of this connection, while it lasts
            connection.autocommit = False

    return engine
