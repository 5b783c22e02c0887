"""Plays a corpus of attacks on a node raised for it: `python -m tests.attack.play CORPUS [--only PREFIX]`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.work import Storage
from tests.attack.corpus import Entry, read
from tests.attack.playing import Outcome, play_all
from tests.attack.scene import staged
from tests.equipment.postgres import Postgres

A_NODE = 150  # entries that are played on one node: a thread is left behind by each, and pages grow
IN_MEMORY = Path("/dev/shm")  # the node syncs each commit, which costs most of the time on a disk


class Noon:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


def main() -> int:
    """Prints what was not as expected and a table; answers how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--only", default="", help="entries whose id or case begins so")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--slow", type=float, help="name entries that took more seconds than this")
    arguments = parser.parse_args()
    entries = read(arguments.corpus, only=arguments.only)
    outcomes: list[Outcome] = []
    for target in dict.fromkeys(entry.target for entry in entries):
        of_target = [entry for entry in entries if entry.target == target]
        for start in range(0, len(of_target), A_NODE):
            outcomes += _play_on_a_node(of_target[start : start + A_NODE], arguments.engine, arguments.slow)
        _print_row(target, [outcome for outcome in outcomes if outcome.entry.target == target])
    print(f"\n{'target':<12}{'sent':>7}{'as expected':>14}{'not':>7}")
    for target in dict.fromkeys(entry.target for entry in entries):
        _print_row(target, [outcome for outcome in outcomes if outcome.entry.target == target])
    _print_row("all", outcomes)
    return 0 if all(outcome.as_expected for outcome in outcomes) else 1


def _play_on_a_node(entries: list[Entry], engine: str, slow: float | None) -> list[Outcome]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder, ExitStack() as stack:
        url = f"sqlite:///{folder}/node.sqlite3"
        if engine == "postgresql":
            url = stack.enter_context(Postgres()).database()
        storage = Storage(url, origin="https://node.test")
        storage.migrate()
        storage.close()
        return asyncio.run(_play(url, Path(folder), entries, slow))


async def _play(url: str, folder: Path, entries: list[Entry], slow: float | None) -> list[Outcome]:
    outcomes = []
    async with staged(url, folder / "data", Noon()) as stage:
        began = time.monotonic()
        async for outcome in play_all(stage, entries):
            outcomes.append(outcome)
            took, began = time.monotonic() - began, time.monotonic()
            if not outcome.as_expected:
                print(f"NOT {outcome.entry.id} ({outcome.entry.case}): {outcome.entry.description[:100]}")
                for line in outcome.wrong[:6]:
                    print(f"      {line}")
            if slow and took > slow:
                print(f"slow {outcome.entry.id}: {took:.1f} s")
            sys.stdout.flush()
    return outcomes


def _print_row(name: str, outcomes: list[Outcome]) -> None:
    good = sum(outcome.as_expected for outcome in outcomes)
    print(f"{name:<12}{len(outcomes):>7}{good:>14}{len(outcomes) - good:>7}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
