"""Measures how fast the node is beside what this machine can do at all: `python -m tests.bench.run [--only inbox]`.

Every figure is the median of several runs, made in turn with those of its limit. The exit code is 1 when one is NOT
as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import cryptography
import sqlalchemy

from tests.bench.figures import HEAD, Figure, line
from tests.bench.rows import comments, destinations, grown, inbox, pages, queue, sending, starting, verifying
from tests.bench.stage import CORES, Stage, staged

ROWS = {
    "verifying": verifying.measure,
    "sending": sending.measure,
    "queue": queue.measure,
    "inbox": inbox.measure,
    "comments": comments.measure,
    "pages": pages.measure,
    "starting": starting.measure,
    "destinations": destinations.measure,
    "year": grown.measure,
}
LONG = {"year"}  # only when it is asked for by name


def main() -> int:
    """Prints the table, and answers how the process ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=ROWS, help="this row; may be given several times")
    parser.add_argument("--quick", action="store_true", help="short runs and generous floors, for every change")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # ends what was started, too
    with tempfile.TemporaryDirectory(prefix="folkmoot-bench-") as folder:
        names = given.only or [name for name in ROWS if name not in LONG]
        figures = asyncio.run(_measure(Path(folder), names, quick=given.quick))
    if given.json is not None:
        values = {name: [figure.as_values(quick=given.quick) for figure in found] for name, found in figures.items()}
        given.json.write_text(json.dumps({"machine": _machine(), "rows": values}, indent=1) + "\n")
    failed = [figure for found in figures.values() for figure in found if not figure.holds(quick=given.quick)]
    print(f"\n{len(failed)} not as they should be." if failed else "\nAll as it should be.")
    return 1 if failed else 0


async def _measure(folder: Path, names: list[str], *, quick: bool) -> dict[str, list[Figure]]:
    print(_machine())
    print(HEAD)
    figures: dict[str, list[Figure]] = {}
    async with staged(folder, quick=quick) as stage:
        for name in names:
            figures[name] = await _row(stage, name)
    return figures


async def _row(stage: Stage, name: str) -> list[Figure]:
    began = time.perf_counter()
    figures = await ROWS[name](stage)
    took, load = time.perf_counter() - began, os.getloadavg()[0]
    print(f'make bench ARGS="--only {name}"   ({took:.0f} s, load {load:.1f})')
    for figure in figures:
        print(line(figure, quick=stage.quick), flush=True)
    return figures


def _machine() -> str:
    versions = f"aiohttp {aiohttp.__version__}, SQLAlchemy {sqlalchemy.__version__}"
    return (
        f"{len(CORES)} cores, Python {platform.python_version()}, {versions}, "
        f"cryptography {cryptography.__version__}; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
