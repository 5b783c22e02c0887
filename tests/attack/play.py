"""Plays a corpus of attacks on nodes raised for it: `python -m tests.attack.play CORPUS`, on both engines."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.work import Storage
from tests.attack.corpus import Entry, read
from tests.attack.playing import Outcome, play_all
from tests.attack.scene import staged
from tests.equipment.postgres import Postgres

ENGINES = ("sqlite", "postgresql")
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
    parser.add_argument("--engine", choices=ENGINES, help="one of them; both where none is named")
    parser.add_argument("--slow", type=float, help="name entries that took more seconds than this")
    arguments = parser.parse_args()
    entries = read(arguments.corpus, only=arguments.only)
    engines = (arguments.engine,) if arguments.engine else ENGINES
    outcomes: dict[str, list[Outcome]] = {engine: [] for engine in engines}
    began = time.monotonic()
    for engine in engines:
        for some in _parties(entries):
            outcomes[engine] += _play_on_a_node(some, engine, arguments.slow)
            print(f"{engine}: {len(outcomes[engine])} of {len(entries)}, {time.monotonic() - began:.0f} s", flush=True)
    print_table(outcomes)
    return 0 if entries and all(outcome.as_expected for several in outcomes.values() for outcome in several) else 1


def _parties(entries: list[Entry]) -> Iterable[list[Entry]]:
    """Those of one target, not too many for one node."""
    for target in dict.fromkeys(entry.target for entry in entries):
        of_target = [entry for entry in entries if entry.target == target]
        for start in range(0, len(of_target), A_NODE):
            yield of_target[start : start + A_NODE]


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


def print_table(outcomes: dict[str, list[Outcome]]) -> None:
    """How it went: a row for each group of cases and for each target, on each engine."""
    print("\n" + "".join([f"{'':<12}", *(f"{engine:>34}" for engine in outcomes)]))
    print("".join([f"{'case group':<12}", *(f"{'sent':>12}{'as expected':>14}{'not':>8}" for _ in outcomes)]))
    every = [outcome.entry for several in outcomes.values() for outcome in several]
    for group in sorted({_group(entry) for entry in every}):
        _print_row(group, {e: [o for o in several if _group(o.entry) == group] for e, several in outcomes.items()})
    print("target")
    for target in dict.fromkeys(entry.target for entry in every):
        _print_row(target, {e: [o for o in several if o.entry.target == target] for e, several in outcomes.items()})
    _print_row("all", outcomes)


def _group(entry: Entry) -> str:
    """The family of the case, such as SIG."""
    return entry.case.partition("-")[0] or "none"


def _print_row(name: str, outcomes: dict[str, list[Outcome]]) -> None:
    cells = [f"{name:<12}"]
    for several in outcomes.values():
        good = sum(outcome.as_expected for outcome in several)
        cells.append(f"{len(several):>12}{good:>14}{len(several) - good:>8}")
    print("".join(cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())
