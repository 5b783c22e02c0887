"""Every failpoint once: reach it, die or fail there, start again, and hold what is left against what was acknowledged.

    make faults ARGS="--only web.composing"
    python -m tests.faults.points --engine sqlite --action kill --resume test-output/points.jsonl

What crosses the wire is played with real processes and a ledger (workshop.py); every other failpoint is reached by a
form, a command or a test that is watched first and then killed there (stage.py).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from node.cli.failpoints import names
from tests.equipment.postgres import Postgres
from tests.faults import load
from tests.faults.stage import Stage
from tests.faults.workshop import Outcome, Workshop

ENGINES = ("sqlite", "postgresql")
PARTS = "wire,rehearsed"
NO_RAISE = ("group-commit.between", "migrations.", "secret.", "copies.", "app.", "cli.")  # the start ends in an error

# Why a failpoint is not reached here; printed with it.
EXCUSED = {
    "demo.furnish": "of folkmoot demo alone, whose two nodes live in a folder that goes with it",
    "storage.letters.renew": "of a letter that takes longer than half its lease, minutes, to be read",
}
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a kill leaves what the kernel has; the disk is not asked
OF_SQLITE = "group-commit."
BY_TESTS = "reached on SQLite, by a test of a node of its own"


class Table:
    """The outcomes as they come, kept in a file where one is named."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.chosen = chosen
        self.outcomes: list[Outcome] = []
        self._known: dict[tuple[str, str, str], Outcome] = {}
        if chosen.resume and chosen.resume.exists():
            for line in chosen.resume.read_text().splitlines():
                outcome = Outcome(**json.loads(line))
                self._known[outcome.point, outcome.engine, outcome.action] = outcome

    def wanted(self, point: str) -> bool:
        return not self.chosen.only or any(point.startswith(only) for only in self.chosen.only)

    def known(self, point: str, engine: str, action: str) -> Outcome | None:
        """How it was, where it is not to be run again."""
        return self._known.get((point, engine, action))

    def add(self, outcome: Outcome) -> None:
        """A line of it."""
        self.outcomes.append(outcome)
        _say(outcome)
        key = (outcome.point, outcome.engine, outcome.action)
        if self.chosen.resume and key not in self._known:
            self.chosen.resume.parent.mkdir(parents=True, exist_ok=True)
            with self.chosen.resume.open("a") as out:
                out.write(json.dumps(asdict(outcome)) + "\n")

    def close(self, engine: str) -> None:
        """Names what was not reached, with the reason where there is one."""
        seen = {outcome.point for outcome in self.outcomes if outcome.engine == engine}
        for point in (name for name in names() if self.wanted(name) and name not in seen):
            outcome = Outcome(point, engine, "kill", "")
            why = excuse(point, engine)
            outcome.happened = "excused" if why else "not reached"
            outcome.ledger = why
            if not why:
                outcome.wrong.append("no act reaches it")
            self.outcomes.append(outcome)
            _say(outcome)

    def sum(self) -> str:
        """The last line."""
        lines = []
        for engine in ENGINES:
            there = [outcome for outcome in self.outcomes if outcome.engine == engine]
            if there:
                kinds = [outcome.happened for outcome in there]
                reached = kinds.count("reached")
                wrong = sum(bool(outcome.wrong) for outcome in there if outcome.happened == "reached")
                vain = sum("changes nothing" in outcome.ledger for outcome in there)
                lines.append(
                    f"{engine}: {len(names())} failpoints, {len(there)} lines: {reached} reached, of which "
                    f"{reached - wrong} hold and {wrong} do not ({vain} changed nothing in their act); "
                    f"{kinds.count('excused')} excused, {kinds.count('not reached')} not reached"
                )
        return "\n".join(lines)


def excuse(point: str, engine: str) -> str:
    """Why it need not be reached on this engine; nothing where it must be."""
    if engine == "postgresql":
        if point.startswith(OF_SQLITE):
            return "SQLite only"
        if point in _by_tests:
            return BY_TESTS
    stem = point.removesuffix(".before-commit").removesuffix(".after-commit")
    return EXCUSED.get(point) or EXCUSED.get(stem) or ""


_by_tests: set[str] = set()


async def over_the_wire(engine: str, folder: Path, postgres: Postgres | None, table: Table) -> set[str]:
    """The acts with real processes; answers what they reach."""
    async with load.peers(2) as peers:
        workshop = Workshop(engine, folder / "furnished", peers, postgres)
        await workshop.furnish()
        acts = await workshop.reached()
        print(f"{engine}: acts over the wire reach {len(acts)} failpoints", flush=True)
        for point in filter(table.wanted, sorted(acts)):
            for action in table.chosen.action.split(","):
                if action == "raise" and point.startswith(NO_RAISE):
                    continue
                outcome = table.known(point, engine, action)
                table.add(outcome or await workshop.fail(point, action, acts[point]))
        return set(acts)


def rehearsed(engine: str, folder: Path, postgres: Postgres | None, table: Table, but: set[str]) -> None:
    """Forms, commands and tests, killed at whatever the others do not reach."""
    stage = Stage(engine, folder, postgres, table.chosen.act)
    stage.furnish()
    watched = stage.watch()
    print(f"{engine}: forms, commands and tests reach {len(watched)} failpoints", flush=True)
    for words in stage.troubles:
        print(f"{engine}: {words}", flush=True)
    _by_tests.update(name for name, seen in watched.items() if not seen.act.again)
    chosen = []
    for point in filter(table.wanted, sorted(set(watched) - but)):
        if known := table.known(point, engine, "kill"):
            table.add(known)
        else:
            chosen.append(watched[point])
    for outcome in stage.kill(chosen):
        table.add(outcome)


def play(chosen: argparse.Namespace) -> int:
    """Plays the chosen failpoints and prints the table; answers how many do not hold."""
    table = Table(chosen)
    for engine in ENGINES:
        if chosen.engine not in (engine, "both"):
            continue
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="folkmoot-faults-", dir=MEMORY)))
            postgres = stack.enter_context(Postgres()) if engine == "postgresql" else None
            reached: set[str] = set()
            if "wire" in chosen.part:
                reached = asyncio.run(over_the_wire(engine, folder, postgres, table))
            if "rehearsed" in chosen.part and "kill" in chosen.action:
                rehearsed(engine, folder, postgres, table, reached)
            if chosen.part == PARTS:
                table.close(engine)
    print(table.sum())
    return sum(bool(outcome.wrong) for outcome in table.outcomes)


def _say(outcome: Outcome) -> None:
    holds = "" if outcome.happened == "excused" else "holds" if not outcome.wrong else "DOES NOT HOLD"
    words = outcome.wrong[0] if outcome.wrong else outcome.ledger
    print(
        f"{outcome.engine:10} {outcome.point:58} {outcome.action:5} {outcome.act[:40]:40} "
        f"{outcome.happened:11} {outcome.seconds:5} s  {holds}: {words}",
        flush=True,
    )


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.points", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="failpoints that begin so; may be given again")
    parser.add_argument("--act", action="append", default=[], help="rehearse acts with this in their names alone")
    parser.add_argument("--engine", choices=(*ENGINES, "both"), default="both")
    parser.add_argument("--action", default="kill", help="kill, raise, or kill,raise")
    parser.add_argument("--part", choices=(PARTS, *PARTS.split(",")), default=PARTS, help="which acts")
    parser.add_argument("--resume", type=Path, help="a file where each outcome is kept; what is in it is not run again")
    return parser


if __name__ == "__main__":
    sys.exit(bool(play(arguments().parse_args())))
