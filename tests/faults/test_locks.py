"""Another process holds SQLite's lock for longer than anybody waits: who writes is told so, and then all goes on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from storage.work import LOCKED_MS
from tests.equipment.databases import fresh_sqlite
from tests.faults import load
from tests.faults.scenario import SECONDS, Scenario, played

WAITS = LOCKED_MS / 1000  # seconds that SQLite waits, as each of ours has it
HEARS = WAITS + 15  # seconds until everybody has heard that it does not get through, on a machine that does much else
BACK = 20.0


@pytest.fixture
async def scenario(tmp_path: Path) -> AsyncIterator[Scenario]:
    """A node on SQLite, with the worker in a process of its own."""
    async with played(tmp_path, fresh_sqlite(tmp_path / "node.sqlite3"), "web", "worker") as scenario:
        yield scenario


@contextmanager
def locked(scenario: Scenario) -> Iterator[None]:
    """Somebody writes, and does not end."""
    connection = sqlite3.connect(scenario.installation.settings.database.removeprefix("sqlite:///"), timeout=30)
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@pytest.mark.timeout(600)
async def test_a_lock_that_is_held_too_long_costs_a_wait_and_nothing_else(scenario: Scenario) -> None:
    """REL-13, REL-01, REL-11, REL-45: who writes hears 503 after a wait or two, all together; pages are shown."""
    moot, ledger = scenario.installation, scenario.ledger
    loop = asyncio.get_running_loop()
    maria = load.resident(scenario.peers[0], "maria")
    notes = [maria.publish(maria.note("<p>From elsewhere</p>", inReplyTo=scenario.scene.opening)) for _ in range(6)]
    activities = [maria.create(note) for note in notes]
    letters = [ledger.letter(maria, activity) for activity in activities]
    async with (
        load.Member(moot, scenario.scene, ledger, "ana") as ana,
        load.Member(moot, scenario.scene, ledger, "ben") as ben,
    ):
        assert await ana.write()
        assert await ben.write()
        with locked(scenario):
            began = loop.time()
            async with asyncio.TaskGroup() as asking:
                forms = [asking.create_task(member.write(tries=1)) for member in (ana, ben)]
                sent = [
                    asking.create_task(load.send_activity(moot, ledger, maria, activity, tries=1, entry=letter))
                    for activity, letter in zip(activities, letters, strict=True)
                ]
                async with aiohttp.ClientSession() as stranger, stranger.get(f"{moot.origin}/") as page:
                    assert page.status == 200  # whoever only reads is not held up
                    assert loop.time() - began < WAITS
            took = loop.time() - began
            assert not any(task.result() for task in (*forms, *sent))
            for member in (ana, ben):
                assert member.answered.status == 503
                assert int(member.answered.headers["Retry-After"]) > 0
                assert "Something to say: word-" in member.answered.words  # it is given back
            answers = {answer for letter in letters for answer in letter.answers}
            assert "503" in answers
            assert answers <= {"503", "TimeoutError"}  # whoever posts a letter has less patience than a browser
            assert took < 2 * HEARS  # those who came while others waited, wait as long at most
        began = loop.time()
        assert await ana.write()
        assert loop.time() - began < BACK
    for activity, letter in zip(activities, letters, strict=True):
        assert await load.send_activity(moot, ledger, maria, activity, entry=letter)
    ends = loop.time() + SECONDS
    while loop.time() < ends:
        async with scenario.load().running():
            await scenario.acknowledged(6)
            with locked(scenario):
                await asyncio.sleep(HEARS)
            await scenario.acknowledged(6)

    balance = await scenario.holds()
    assert balance.dead == 0
    assert balance.letters >= 2 + len(letters)
