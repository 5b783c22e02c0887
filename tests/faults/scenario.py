"""A scenario: a furnished node as processes, foreign servers that follow its group, and the ledger of all of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from storage import queues
from storage.work import Storage, StorageUnavailable
from tests.equipment.processes import Installation
from tests.faults import load
from tests.faults.ledger import Balance, Ledger
from tests.faults.load import Scene
from tests.peers.scripted import ScriptedActor, ScriptedServer

SECONDS = float(os.environ.get("FOLKMOOT_FAULT_MINUTES", "0")) * 60  # a bounded part where nothing is said
QUIET = 75.0  # seconds: a lease of somebody who is gone is over after 60
PAUSE = 0.05


@dataclass
class Scenario:
    """What a scenario works with."""

    installation: Installation
    scene: Scene
    ledger: Ledger
    peers: list[ScriptedServer]
    writers: list[ScriptedActor]

    def load(self, pause: float = 0.1) -> load.Load:
        """Everybody writes."""
        return load.Load(self.installation, self.scene, self.ledger, self.writers, pause=pause)

    async def acknowledged(self, more: int, *, seconds: float = 60) -> None:
        """Until so many more letters and forms were taken."""
        wanted = self.ledger.acknowledged + more
        await until(lambda: self.ledger.acknowledged >= wanted, seconds=seconds)

    async def quiet(self, seconds: float = QUIET) -> float:
        """Until nothing waits any more; says how many seconds that took."""
        began = time.monotonic()
        storage = Storage(self.installation.settings.database, origin=self.installation.origin)
        try:
            while time.monotonic() - began < seconds:
                try:
                    counts = await storage.read(queues.counts)
                except StorageUnavailable:
                    counts = None
                if counts is not None and not counts.letters_waiting and not counts.deliveries_waiting:
                    return time.monotonic() - began
                await asyncio.sleep(PAUSE)
            raise AssertionError(f"it does not come to rest: {counts}")
        finally:
            storage.close()

    async def holds(self) -> Balance:
        """Comes to rest, ends, and asserts the conservation law, and that nothing broke on the way (REL-45)."""
        await self.quiet()
        balance = await self.ledger.holds(self.installation, self.peers, settled=True, pages=True)
        await self.installation.stop()
        said = "".join(self.installation.said)
        assert "Traceback" not in said, said[said.index("Traceback") :][:9000]
        return balance


async def until(ready: Callable[[], bool], *, seconds: float) -> None:
    """Looks again and again until it is so."""
    async with asyncio.timeout(seconds):
        while True:
            if ready():
                return
            await asyncio.sleep(PAUSE)


def migrate(url: str) -> None:
    """Has the tables in an empty database."""
    storage = Storage(url, origin="https://node.test")
    storage.migrate()
    storage.close()


@asynccontextmanager
async def played(folder: Path, database_url: str, *roles: str, members: int = 2) -> AsyncIterator[Scenario]:
    """A node at work in these processes, followed from two servers."""
    async with load.peers(2) as peers:
        moot = Installation.make(folder / "node", database_url, *(f"127.0.0.1:{peer.port}" for peer in peers))
        try:
            async with moot.inside() as parts:
                scene = await parts.node.storage.write(load.furnish, ("ana", "ben", "cas", "dov")[:members])
            ledger = Ledger()
            await ledger.begin(moot)
            for role in roles:
                await moot.start(role)
            for peer, name in zip(peers, ("maria", "noor"), strict=True):
                await load.follow(moot, ledger, load.resident(peer, name), scene.group)
            writers = [load.resident(peer, name) for peer in peers for name in ("rosa", "tom")]
            yield Scenario(moot, scene, ledger, peers, writers)
        finally:
            await moot.clean_up()
