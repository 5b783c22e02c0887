"""One act in a process forked from one that has read the program: watched first, then killed at a failpoint.

A watched run notes at each failpoint what others could see in the database then. A killed one must leave exactly that:
nothing of a transaction before its commit, all of it after. What is noted is a shape, for keys and secrets differ.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Integer, text

from storage import failpoints
from storage.failpoints import Failpoints
from storage.schema import Table
from storage.work import Storage
from tests.faults.ledger import judge_database

SECONDS = 120.0  # an act takes a second, and many where others want the processor
FAULT = 70  # exit status of a child in which something was raised

Shape = dict[str, list[int]]


@dataclass(frozen=True)
class Place:
    """A folder with a node's data, and its database."""

    folder: Path
    database_url: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def said(self) -> Path:
        return self.folder / "said.txt"

    @property
    def notes(self) -> Path:
        return self.folder / "notes.jsonl"


@dataclass(frozen=True)
class Act:
    """Something that somebody does with a node, in this process; answers an exit status."""

    name: str
    do: Callable[[Place], int]
    again: bool = True  # it can be done once more on what is left


@dataclass
class Watched:
    """What a watched run noted at a failpoint, and at its end."""

    act: Act
    name: str
    shape: Shape
    first: Shape  # at the first failpoint of the run
    last: Shape = field(default_factory=dict)
    changes: bool = False  # the transaction around it leaves something in this run
    database: str = ""  # URL, where the act has one of its own


class Watching(Failpoints):
    """Notes what is durable at each failpoint when it is first reached."""

    def __init__(self, storage: Storage, notes: Path) -> None:
        super().__init__({failpoints.EVERYWHERE: "tell"})
        self._storage, self._notes = storage, notes

    def _act(self, name: str) -> None:
        if name in _noted:
            return
        _noted.add(name)
        with self._storage.connect() as connection:
            shape = shape_of(connection)
        with self._notes.open("a") as out:
            url = self._storage.url.render_as_string(hide_password=False)
            out.write(json.dumps({"name": name, "shape": shape, "url": url}) + "\n")


_noted: set[str] = set()  # in a child, by its one act


def watch(act: Act, place: Place) -> dict[str, Watched]:
    """Does it without a fault; answers what was to be seen at every failpoint that it reached."""
    place.notes.unlink(missing_ok=True)
    status = _in_a_child(act, place, lambda storage: Watching(storage, place.notes))
    if status != 0:
        raise AssertionError(f"{act.name} ended with {status}:\n{place.said.read_text()[-2000:]}")
    lines = [json.loads(line) for line in place.notes.read_text().splitlines()] if place.notes.exists() else []
    found = {
        line["name"]: Watched(act, line["name"], line["shape"], lines[0]["shape"], database=line["url"])
        for line in lines
    }
    if act.again:
        last = look(place.database_url)
        for watched in found.values():
            watched.last = last
    return found


def kill_at(watched: Watched, place: Place) -> tuple[bool, list[str]]:
    """Does it until the failpoint, where the process dies; says whether it did, and what is wrong with what is left."""
    act, name = watched.act, watched.name
    status = _in_a_child(act, place, lambda _: Failpoints({name: "kill"}))
    if status != -signal.SIGKILL:
        return False, [f"it was not reached: the act ended with {status}"]
    url = place.database_url if act.again else watched.database
    wrong = _differences("left at the kill", look(url), watched.shape) + _judged(url)
    if not act.again:
        return True, wrong
    status = _in_a_child(act, place, lambda _: failpoints.OFF)
    words = place.said.read_text()
    if "Traceback" in words or status not in (0, 1):
        wrong.append(f"done again, it ended with {status}: {words[-400:]}")
    if name.endswith(failpoints.BEFORE) and watched.shape == watched.first:
        wrong += _differences("done again", look(url), watched.last)  # nothing had been done: now it is, once
    return True, wrong + _judged(url)


def look(url: str) -> Shape:
    """What is durable now."""
    storage = Storage(url, origin="https://node.test")
    try:
        with storage.connect() as connection:
            return shape_of(connection)
    finally:
        storage.close()


def _judged(url: str) -> list[str]:
    storage = Storage(url, origin="https://node.test")
    try:
        return asyncio.run(storage.read(judge_database))
    finally:
        storage.close()


def shape_of(connection: Connection) -> Shape:
    """Of every table how many rows it has, of every column how many values, and the sum of numbers that are no ids."""
    shape = {}
    for name, question in _questions(connection.dialect.name).items():
        shape[name] = [int(value or 0) for value in connection.execute(text(question)).one()]
    return shape


@cache
def _questions(dialect: str) -> dict[str, str]:
    questions = {}
    for table in Table.metadata.sorted_tables:
        parts = ["count(*)"]
        for column in table.columns:
            parts.append(f'count("{column.name}")')
            if isinstance(column.type, Boolean):
                parts.append(f'sum(CASE WHEN "{column.name}" THEN 1 ELSE 0 END)')
            elif isinstance(column.type, Integer) and not (column.primary_key or column.foreign_keys):
                parts.append(f'sum("{column.name}")')
        questions[table.name] = f'SELECT {", ".join(parts)} FROM "{table.name}"'
    return questions


def _differences(when: str, there: Shape, wanted: Shape) -> list[str]:
    different = [name for name in wanted if there[name] != wanted[name]]
    if not different:
        return []
    words = "; ".join(f"{name} {there[name]} instead of {wanted[name]}" for name in different[:3])
    return [f"{when}: {words}"]


# ------------------------------------------------------------------ children


def share(hands: int, count: int, begin: Callable[[int], object], do: Callable[[int], object]) -> Iterator[Any]:
    """Does it for every number below `count` in so many processes forked from here; yields what comes, as JSON has it.

    A pool of the library would run threads here, and what is forked beside threads may stand still.
    """
    pipes = []
    for hand in range(1, hands + 1):
        out, into = os.pipe()
        if os.fork() == 0:
            os.close(out)
            with os.fdopen(into, "w") as answers:
                begin(hand)
                for number in range(hand - 1, count, hands):
                    answers.write(json.dumps(do(number)) + "\n")
                    answers.flush()
            os._exit(0)
        os.close(into)
        pipes.append(os.fdopen(out))
    waiting = selectors.DefaultSelector()
    for pipe in pipes:
        waiting.register(pipe, selectors.EVENT_READ)
    while waiting.get_map():
        for key, _ in waiting.select():
            line = key.fileobj.readline()  # type: ignore[union-attr]  # a hand writes whole lines, one at a time
            if line:
                yield json.loads(line)
            else:
                waiting.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                os.wait()
    waiting.close()


def _in_a_child(act: Act, place: Place, points: Callable[[Storage], Failpoints]) -> int:
    """Its exit status, or the signal that ended it with a minus."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _live(act, place, points)
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
    return -signal.SIGTERM


def _live(act: Act, place: Place, points: Callable[[Storage], Failpoints]) -> None:
    """All that a child does."""
    status = FAULT
    try:
        out = os.open(place.said, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(out, 1)
        os.dup2(out, 2)
        open_it: Any = Storage.__init__

        def armed(storage: Storage, *args: Any, **given: Any) -> None:
            open_it(storage, *args, **given)
            storage.points = points(storage)

        Storage.__init__ = armed  # type: ignore[method-assign]  # whoever opens one here has these failpoints
        status = act.do(place)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
