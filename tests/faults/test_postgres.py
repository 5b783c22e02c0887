"""PostgreSQL is stopped at once and started again while everybody writes: who asks is told to come again, and does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.equipment.postgres import Postgres
from tests.faults import load
from tests.faults.scenario import SECONDS, Scenario, migrate, played

# What was committed outlives an immediate stop, as on every node; the machine itself stays up, so fsync may be off.
SETTINGS = """
fsync = off
max_connections = 100
shared_buffers = 32MB
autovacuum = off
"""
BACK = 20.0  # seconds until a form is taken again; on a quiet machine it is less than one
EVERY = 10.0  # seconds between two restarts, where there are many


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of this file's own, to be stopped."""
    with Postgres(SETTINGS) as server:
        yield server


@pytest.fixture
async def scenario(server: Postgres, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A node on it, with the worker in a process of its own."""
    url = server.database(like=server.template("tables", migrate))
    async with played(tmp_path, url, "web", "worker") as scenario:
        yield scenario


async def still_down(scenario: Scenario) -> None:
    """A page, a form and a letter while there is no database: 503 with when to come again, and no word is lost."""
    moot = scenario.installation
    async with aiohttp.ClientSession() as stranger:
        for path in ("/", "/readyz"):
            async with stranger.get(f"{moot.origin}{path}") as response:
                assert response.status == 503, (path, response.status)
                assert int(response.headers["Retry-After"]) > 0
        async with stranger.get(f"{moot.origin}/livez") as response:
            assert response.status == 200  # nobody need start it again
    maria = load.resident(scenario.peers[0], "maria")
    reply = await maria.post(f"{moot.origin}/inbox", maria.like(scenario.scene.opening))
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0


@pytest.mark.timeout(600)
async def test_postgresql_is_restarted_at_once_under_load(server: Postgres, scenario: Scenario) -> None:
    """REL-16, REL-01, REL-45: 503 meanwhile; pool, worker and LISTEN recover by themselves, and nothing is lost."""
    moot, ledger = scenario.installation, scenario.ledger
    loop = asyncio.get_running_loop()
    ends = loop.time() + SECONDS
    restarts = 0
    async with load.Member(moot, scenario.scene, ledger, "ana") as ana, scenario.load().running():
        assert await ana.write()
        while not restarts or loop.time() < ends:
            await scenario.acknowledged(6)
            await asyncio.to_thread(server.stop_at_once)
            if not restarts:
                await still_down(scenario)
                assert not await ana.write(tries=1)
                assert ana.answered.status == 503
                assert int(ana.answered.headers["Retry-After"]) > 0
                assert "Something to say: word-" in ana.answered.words  # it is given back
            await asyncio.to_thread(server.start_again)
            began = loop.time()
            assert await ana.write()
            assert loop.time() - began < BACK
            restarts += 1
            await asyncio.sleep(min(EVERY, max(0.0, ends - loop.time())))

        # Whoever listens hears again what the other process says.
        await asyncio.wait_for(_hears(scenario), BACK)
    waited = await scenario.quiet()
    assert waited < 50  # nobody has to wait for the lease of a worker that is alive

    balance = await scenario.holds()
    assert balance.letters > 2 and balance.forms > 2
    assert balance.dead == 0


async def _hears(scenario: Scenario) -> None:
    while True:
        lost = [line for line in scenario.installation.said if "the line to PostgreSQL is lost" in line]
        found = [line for line in scenario.installation.said if "hears PostgreSQL again" in line]
        assert lost
        if {line.split()[0] for line in lost} <= {line.split()[0] for line in found}:
            return
        await asyncio.sleep(0.1)
