"""The disk is full: who writes is told so and keeps their words, nothing is half done, and with room all goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.equipment.databases import fresh_sqlite
from tests.equipment.processes import Installation
from tests.faults import load
from tests.faults.ledger import Entry, Ledger
from tests.faults.scenario import Scenario, played
from tests.peers.scripted import Document, ScriptedActor

SIZE = 24 << 20  # bytes of the small disk
BACK = 30.0
KINDS = ("disk", "limit") if sys.platform == "linux" else ()


@dataclass
class Disk:
    """A place for a database, and how there is no room in it, and room again."""

    place: Path
    fill: Callable[[Installation], None]
    empty: Callable[[Installation], None]


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A small file system of its own; or, without the right to mount one, files that may not grow further."""
    if request.param == "limit":
        yield Disk(tmp_path, _limit, _unlimit)
        return
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount one: run as root; the case of files that may not grow runs")
    filler = place / "filler"

    def fill(_: Installation) -> None:
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                pass  # full

    try:
        yield Disk(place, fill, lambda _: filler.unlink())
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _limit(moot: Installation) -> None:
    """No file may become larger than the database's log is by now."""
    size = max(file.stat().st_size for file in _files(moot))
    for process in moot.running:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _unlimit(moot: Installation) -> None:
    for process in moot.running:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _files(moot: Installation) -> list[Path]:
    file = Path(moot.settings.database.removeprefix("sqlite:///"))
    return [path for path in file.parent.glob(f"{file.name}*") if path.suffix != ".sqlite3-shm"]


@pytest.fixture
async def scenario(disk: Disk, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A node with its database there."""
    async with played(tmp_path, fresh_sqlite(disk.place / "node.sqlite3"), "web", "worker") as scenario:
        yield scenario


@pytest.mark.timeout(600)
async def test_a_full_disk_takes_nothing_and_loses_nothing(disk: Disk, scenario: Scenario) -> None:
    """REL-14, REL-43, REL-01, REL-45: 503 with the words given back, reads go on, and so does all else with room."""
    moot, ledger = scenario.installation, scenario.ledger
    loop = asyncio.get_running_loop()
    maria = load.resident(scenario.peers[0], "maria")
    async with load.Member(moot, scenario.scene, ledger, "ana") as ana:
        async with scenario.load().running():
            await scenario.acknowledged(8)
        disk.fill(moot)
        refused: list[load.Answered] = []
        async with asyncio.timeout(60):
            while len(refused) < 3:  # some pages of the log may still be free
                if not await ana.write(tries=1):
                    refused.append(ana.answered)
        for answered in refused:
            assert answered.status in (503, 507), answered
            assert int(answered.headers["Retry-After"]) > 0
            assert "Something to say: word-" in answered.words  # it is given back
        entry, activity = _letter(ledger, maria, scenario.scene.opening)
        assert not await load.send_activity(moot, ledger, maria, activity, tries=1, entry=entry)
        assert entry.answers == ["503"]
        async with aiohttp.ClientSession() as stranger:
            async with stranger.get(scenario.scene.opening, headers={"Accept": "text/html"}) as page:
                assert page.status == 200
            async with stranger.get(f"{moot.origin}/livez") as alive:
                assert alive.status == 200

        disk.empty(moot)
        began = loop.time()
        assert await ana.write()
        assert loop.time() - began < BACK
        assert await load.send_activity(moot, ledger, maria, activity, entry=entry)
        async with scenario.load().running():
            await scenario.acknowledged(4)

    balance = await scenario.holds()  # with what SQLite itself says about the file
    assert balance.dead == 0
    assert balance.letters > 4 and balance.forms > 4


def _letter(ledger: Ledger, actor: ScriptedActor, parent: str) -> tuple[Entry, Document]:
    activity = actor.create(actor.publish(actor.note("<p>From elsewhere</p>" * 400, inReplyTo=parent)))
    return ledger.letter(actor, activity), activity
