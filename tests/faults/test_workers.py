"""Workers that are killed in the middle, and two on one queue: what was begun is taken over, and little repeated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from storage.deliveries import LEASE, ROUND
from storage.schema import Host
from storage.work import Storage, Work
from tests.faults import load
from tests.faults.scenario import SECONDS, Scenario, played
from tests.peers.scripted import Answer, ScriptedActor

LATE = 15.0  # seconds that a machine with other things to do may take for what takes none


@pytest.fixture
async def scenario(database_url: str, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A node with two workers on one queue, on each engine."""
    async with played(tmp_path, database_url, "web", "worker", "worker") as scenario:
        yield scenario


@pytest.mark.timeout(600)
async def test_of_two_workers_one_is_killed_in_the_middle_of_a_delivery(scenario: Scenario) -> None:
    """REL-10, REL-06, REL-45: together they send each letter once; what the dead one held is taken over soon."""
    moot, ledger, noor = scenario.installation, scenario.ledger, load.resident(scenario.peers[1], "noor")
    async with scenario.load().running():
        await scenario.acknowledged(16)
    await scenario.quiet()
    assert (await ledger.holds(moot, scenario.peers, settled=True)).repeats == 0

    ends = time.monotonic() + SECONDS
    kills = 0
    while not kills or time.monotonic() < ends:
        alone = kills % 2 == 1  # nobody starts another one: it takes until the lease is over
        await _kill_whoever_sends_to(noor, scenario)
        began = time.monotonic()
        if not alone:
            await moot.start("worker")
        waited = await scenario.quiet(LEASE.total_seconds() + LATE)
        assert waited < (LEASE.total_seconds() if alone else 0) + LATE, time.monotonic() - began
        if alone:
            await moot.start("worker")
        kills += 1

    balance = await scenario.holds()
    assert 1 <= balance.repeats <= kills * ROUND  # as many as one round with one host
    assert balance.arrived == balance.owed
    assert balance.dead == 0


async def _kill_whoever_sends_to(follower: ScriptedActor, scenario: Scenario) -> None:
    """Has a delivery arrive there, and its sender die before it hears so."""
    moot, hold = scenario.installation, asyncio.Event()
    before = len(follower.server.letters_to(follower.shared_inbox))
    follower.server.script("POST", follower.shared_inbox, Answer(202, hold=hold), Answer(202))
    async with load.Member(moot, scenario.scene, scenario.ledger, "ana") as ana:
        assert await ana.write()
    await follower.server.arrival(lambda _: len(follower.server.letters_to(follower.shared_inbox)) > before, seconds=60)
    pid = await _sender_to(moot.settings.database, moot.origin, follower.host)
    [sender] = [process for process in moot.running if process.pid == pid]
    await moot.kill(sender)
    hold.set()


async def _sender_to(url: str, origin: str, host: str) -> int:
    def owner(work: Work) -> str:
        return work.scalars(select(Host.lease_owner).where(Host.host == host)).one() or ""

    storage = Storage(url, origin=origin)
    try:
        return int((await storage.read(owner)).split("/")[1])  # machine/process/…
    finally:
        storage.close()
