"""A storm: members and other servers write all the time, while web and worker are killed, stopped and frozen at random.

    make faults                                  # after every failpoint; FOLKMOOT_FAULT_MINUTES an engine, else 2
    python -m tests.faults.storm --engine sqlite --minutes 0.5 --seed 7

REL-02, REL-04, REL-06, REL-10, REL-32, REL-45. What a seed chooses is the same each time; when it strikes is not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.equipment.databases import fresh_sqlite
from tests.equipment.postgres import Postgres
from tests.equipment.processes import Installation
from tests.faults import load
from tests.faults.ledger import Balance, Ledger
from tests.faults.workshop import Run, migrate
from tests.peers.scripted import ScriptedServer

MINUTES = float(os.environ.get("FOLKMOOT_FAULT_MINUTES", "2"))
ROLES = {"sqlite": ("web", "worker"), "postgresql": ("web", "worker", "worker")}
STRIKES = {"kill": 5, "stop": 2, "freeze": 3}  # how often each is chosen
CALM = (0.2, 2.5)  # seconds between two strikes
FROZEN = (0.3, 3.0)  # seconds
AFTERWARDS = 120.0  # seconds: a lease of somebody who was killed is over after 60, and then there is work to do


@dataclass
class Weather:
    """What was done to whom."""

    strikes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __str__(self) -> str:
        done = ", ".join(f"{many} x {strike}" for strike, many in sorted(self.strikes.items()))
        return f"{self.seconds:.0f} s, {done}"


async def storm(
    database_url: str, folder: Path, engine: str, *, seconds: float, seed: int = 2026, strikes: int | None = None
) -> tuple[Weather, Balance]:
    """A storm of so many seconds, or strikes, over a new node; answers what it did, and what the ledger says."""
    async with load.peers(2) as peers:
        moot = Installation.make(folder / "node", database_url, *(f"127.0.0.1:{peer.port}" for peer in peers))
        try:
            return await _over(moot, peers, engine, seconds, random.Random(seed), strikes)
        finally:
            await moot.clean_up()


async def _over(
    moot: Installation,
    peers: list[ScriptedServer],
    engine: str,
    seconds: float,
    chance: random.Random,
    strikes: int | None,
) -> tuple[Weather, Balance]:
    async with moot.inside() as parts:
        scene = await parts.node.storage.write(load.furnish)
    ledger, weather = Ledger(), Weather()
    await ledger.begin(moot)
    processes = [await moot.start(role) for role in ROLES[engine]]
    for peer, name in zip(peers, ("maria", "noor"), strict=True):
        await load.follow(moot, ledger, load.resident(peer, name), scene.group)
    writers = [load.resident(peer, name) for peer in peers for name in ("rosa", "tom")]
    run = Run(moot, scene, ledger, peers)
    began = time.monotonic()
    async with load.Load(moot, scene, ledger, writers, pause=0.1, chance=chance).running():
        while time.monotonic() - began < seconds and (strikes is None or weather.strikes.total() < strikes):
            await asyncio.sleep(chance.uniform(*CALM))
            place = chance.randrange(len(processes))
            strike = chance.choices(list(STRIKES), list(STRIKES.values()))[0]
            weather.strikes[f"{strike} {ROLES[engine][place]}"] += 1
            processes[place] = await _strike(moot, processes[place], strike, ROLES[engine][place], chance)
    weather.seconds = time.monotonic() - began
    calm = await run.quiet(AFTERWARDS)
    balance = await ledger.balance(moot, peers, settled=calm, pages=True)
    await moot.stop()
    if not calm:
        balance.wrong.append("something waits still")
    faults = [line for line in moot.said if "Traceback" in line]
    balance.wrong += [f"{len(faults)} tracebacks were logged"] if faults else []
    return weather, balance


async def _strike(moot: Installation, process: Process, strike: str, role: str, chance: random.Random) -> Process:
    """Does it to the process; answers the one that runs in its place."""
    if strike == "freeze":
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(chance.uniform(*FROZEN))
        process.send_signal(signal.SIGCONT)
        return process
    if strike == "kill":
        await moot.kill(process)
    else:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0, "it did not end as it should"
        moot.running.remove(process)
    return await moot.start(role)


async def play(chosen: argparse.Namespace) -> int:
    """A storm on each engine, with its line; answers how many do not hold."""
    bad = 0
    for engine in ("sqlite", "postgresql"):
        if chosen.engine not in (engine, "both"):
            continue
        with tempfile.TemporaryDirectory(prefix="folkmoot-storm-") as place:
            async with AsyncExitStack() as stack:
                if engine == "sqlite":
                    url = fresh_sqlite(Path(place) / "node.sqlite3")
                else:
                    postgres = stack.enter_context(Postgres())
                    url = postgres.database(like=postgres.template("tables", migrate))
                weather, balance = await storm(url, Path(place), engine, seconds=chosen.minutes * 60, seed=chosen.seed)
        bad += bool(balance.wrong)
        print(f"{engine:10} storm: {weather}: {'DOES NOT HOLD' if balance.wrong else 'holds'}  {balance}", flush=True)
        for words in balance.wrong[:10]:
            print(f"    {words}")
    return bad


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.storm", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of each engine")
    parser.add_argument("--seed", type=int, default=2026)
    return parser


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(play(arguments().parse_args()))))
