"""Imports at the console."""

import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO

import click

from node.app import Parts
from node.cli.console import Console, Trouble, verb
from node.forum.imports import Source
from node.imports import loomio as bringing
from node.imports import loomio_file
from node.imports.loomio import Report
from storage import console as seen
from storage.console import ThreadRow
from storage.work import Work

SHOWN = 20  # threads that are named at the end


@click.group(name="import")
def imports() -> None:
    """Bring in what was said elsewhere.

    \b
    Example:
      folkmoot import loomio export.json --dry-run
    """


@verb(imports, "loomio")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--source", help="A name for this Loomio, where exports of more than one are imported.")
def loomio(console: Console, file: BinaryIO, dry_run: bool, source: str | None) -> None:
    """Import a Loomio group export: groups, people, threads, comments, reactions, and who has seen what.

    The export is the .json file that Loomio sends when a group's admin asks for it. Nothing is announced, nobody gets
    a way to sign in, private threads stay private, secrets in the file are dropped. What is not understood yet is
    kept and reported. Running it twice changes nothing; an import that was broken off goes on.

    \b
    Examples:
      folkmoot import loomio export.json --dry-run
      folkmoot import loomio export.json
    """
    try:
        export = loomio_file.read(file)
    except loomio_file.BadExport as error:
        raise Trouble(f"{file.name}: {error}") from None
    origin = Source(f"loomio/{source}"[:40] if source else "loomio")

    async def act(parts: Parts) -> tuple[Report, list[ThreadRow]]:
        storage = parts.node.storage
        if dry_run:
            return await bringing.rehearse(storage, export, origin), []
        with _progress(console, bringing.size(export)) as bar:
            report = await bringing.bring_in(storage, export, origin, bar.update if bar is not None else lambda n: None)
        return report, await storage.read(_rows, report.threads[:SHOWN])

    report, threads = console.act(act)
    console.answer(
        {
            "dry_run": dry_run,
            "lines": report.lines,
            "taken": report.taken,
            "known": report.known,
            "kept": report.kept,
            "left": report.left,
            "not_used": report.not_used,
            "secrets_dropped": report.secrets,
            "private_threads": report.private,
            "threads": threads,
            "advice": report.advice,
        },
        _words(report, threads, len(report.threads), dry_run=dry_run),
    )


def _rows(work: Work, thread_ids: list[int]) -> list[ThreadRow]:
    return [row for thread_id in thread_ids for row in seen.threads(work, thread_id=thread_id)]


def _progress(console: Console, length: int) -> AbstractContextManager[Any]:
    if console.as_json or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=length, label="Importing", file=sys.stderr)


def _words(report: Report, threads: list[ThreadRow], count: int, *, dry_run: bool) -> list[str]:
    would = "would be " if dry_run else ""
    lines = [f"{report.lines} records read."]
    for says, counted in (
        (f"{would}taken", report.taken),
        ("here already, left as they are", report.known),
        (f"{would}kept as they came, not shown yet", report.kept),
        ("columns not used yet, kept beside their record", report.not_used),
        ("secrets dropped", report.secrets),
    ):
        if counted:
            lines.append(f"{says}: {_listed(counted)}")
    lines += [f"{many} {why}" for why, many in sorted(report.left.items())]
    lines += [f"  “{row.title}”, {row.comments} comments: {row.page}" for row in threads]
    if count > len(threads):
        lines.append(f"  and {count - len(threads)} more: folkmoot thread list")
    return [*lines, *report.advice]


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{many} {name}" for name, many in sorted(counted.items()))
