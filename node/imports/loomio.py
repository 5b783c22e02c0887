"""Bringing a Loomio export in: checked first, then taken piece by piece, so that a running node hardly notices.

Every piece is idempotent: an import that was broken off is finished by running it again.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import orjson

from node.forum import imports as forum_imports
from node.forum.errors import NotAllowed
from node.forum.imports import KNOWN, TAKEN, Record, Source
from node.imports.loomio_file import Export
from storage import imports
from storage.work import Storage, Work

T = TypeVar("T")
Progress = Callable[[int], None]

PIECE = 0.03  # seconds of writing at a time: whoever posts meanwhile waits for no more
ROWS = 100  # records that are kept as they came, in one piece


@dataclass
class Report:
    """What became of an export."""

    lines: int
    taken: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)  # here already, and left as it is here
    kept: Counter[str] = field(default_factory=Counter)  # as they came, for a later release
    left: Counter[str] = field(default_factory=Counter)
    not_used: Counter[str] = field(default_factory=Counter)
    secrets: Counter[str] = field(default_factory=Counter)
    threads: list[int] = field(default_factory=list)  # their ids here
    private: int = 0
    advice: list[str] = field(default_factory=list)


def size(export: Export) -> int:
    """How many steps an import takes, for whoever shows how far it is."""
    return sum(len(records) for records in _records(export)) + len(export.raw)


async def bring_in(storage: Storage, export: Export, source: Source, progress: Progress) -> Report:
    """Takes everything that is not here yet; nothing is announced. Raises NotAllowed for another Loomio's ids."""
    await storage.read(_refuse_another, export, source)
    report = _report(export)
    steps: tuple[tuple[Sequence[Record], Callable[..., str]], ...] = (
        (export.groups, forum_imports.take_group),
        (export.people, forum_imports.take_person),
        (export.memberships, forum_imports.take_membership),
        (export.threads, forum_imports.take_thread),
        (export.comments, forum_imports.take_comment),
        (export.threads, forum_imports.close_numbers),
        (export.reactions, forum_imports.take_reaction),
    )
    for records, take in steps:
        done = 0
        while done < len(records):
            outcomes = await storage.write(_piece, records, done, partial(_take, take, source))
            if take is not forum_imports.close_numbers:
                _count(report, records[done : done + len(outcomes)], outcomes)
                progress(len(outcomes))
            done += len(outcomes)
    for start in range(0, len(export.raw), ROWS):
        rows = export.raw[start : start + ROWS]
        await storage.write(imports.keep, source.name, rows)
        progress(len(rows))
    report.threads = await storage.read(_threads, export, source)
    return report


async def rehearse(storage: Storage, export: Export, source: Source) -> Report:
    """What `bring_in` would do; changes nothing."""
    await storage.read(_refuse_another, export, source)
    report = _report(export)
    for records in _records(export):
        known = await storage.read(_known, source, records)
        _count(report, records, [KNOWN if record.key in known else TAKEN for record in records])
    return report


def _records(export: Export) -> tuple[Sequence[Record], ...]:
    return (export.groups, export.people, export.memberships, export.threads, export.comments, export.reactions)


def _take(take: Callable[..., str], source: Source, work: Work, record: Record) -> str:
    return take(work, source, record)


def _piece(work: Work, records: Sequence[T], start: int, step: Callable[[Work, T], str]) -> list[str]:
    """As many steps as fit into a short transaction, one at least; what came of each."""
    began = time.monotonic()
    outcomes = []
    for position in range(start, len(records)):
        outcomes.append(step(work, records[position]))
        if time.monotonic() - began > PIECE:
            break
    return outcomes


def _refuse_another(work: Work, export: Export, source: Source) -> None:
    """Ids are numbers that every Loomio counts from 1: those of another one would be taken for people here."""
    for records in (export.groups, export.people, export.threads):
        known = _known(work, source, records)
        for record in records:
            raw = known.get(record.key)
            marks = orjson.loads(raw)["marks"] if raw else []
            if marks and record.marks and not set(marks) & set(record.marks):
                raise NotAllowed(
                    f"Record {record.key} of {record.table} is another one than was imported before: this is the "
                    f"export of another Loomio. Give it a name of its own: --source NAME"
                )


def _known(work: Work, source: Source, records: Sequence[Record]) -> dict[str, str | None]:
    return imports.known(work, source.name, records[0].table, [r.key for r in records]) if records else {}


def _threads(work: Work, export: Export, source: Source) -> list[int]:
    ids = (imports.local_id(work, source.name, it.table, it.key) for it in export.threads)
    return [thread_id for thread_id in ids if thread_id is not None]


def _count(report: Report, records: Sequence[Record], outcomes: Sequence[str]) -> None:
    for record, outcome in zip(records, outcomes, strict=True):
        (report.taken if outcome == TAKEN else report.known)[record.table] += 1


def _report(export: Export) -> Report:
    report = Report(
        export.lines,
        kept=Counter(row.table for row in export.raw),
        left=export.left,
        not_used=export.not_used,
        secrets=export.secrets,
        private=sum(it.private for it in export.threads),
    )
    if export.people:
        report.advice.append("Nobody can sign in because of this: people are here by name, and can claim it later.")
    files = report.kept["attachments"] + report.kept["documents"]
    if files:
        report.advice.append(f"{files} files are still on the old server only: keep it up until they are fetched.")
    if report.private:
        report.advice.append(f"{report.private} threads are private: their members alone see them.")
    if report.kept["polls"]:
        report.advice.append(f"{report.kept['polls']} polls are kept, and not shown yet.")
    report.advice.append("Not in Loomio's exports: earlier wordings, tasks, translations, received mail, bookmarks.")
    report.advice.append("Old links (/d/KEY, /c/ID, /g/KEY, /u/NAME) lead here once the old domain does.")
    return report
