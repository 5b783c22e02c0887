"""The clock is set on, back, and a year ahead by mistake: nothing is sent twice, lost, or thrown away."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from storage import queues
from tests.conftest import HeldClock
from tests.equipment.nodes import Moot
from tests.faults import load
from tests.faults.ledger import Ledger
from tests.faults.scenario import until
from tests.faults.test_peers import Talk
from tests.peers.scripted import Answer, ScriptedServer

LEAPS = (timedelta(hours=2), timedelta(hours=-4), timedelta(hours=2), timedelta(days=10), timedelta(days=-10))


async def test_a_clock_that_leaps_holds_no_queue_up_and_sends_nothing_twice(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """REL-31, SIG-25, REL-45: whatever it is set to, letters are read, and deliveries go, signed now."""
    maria, noor = world.actor("maria@mastodon.test"), world.actor("noor@lemmy.test")
    talk = Talk(node)
    await talk.begin(maria, noor)
    for leap in LEAPS:
        clock.moment += leap
        world.script("POST", noor.shared_inbox, Answer(503), Answer(202))  # one waits when the clock is set again
        uri = await talk.say()
        await talk.hear(maria)
        await node.settle()
        told = [letter for letter in world.letters_to(maria.shared_inbox) if uri.encode() in letter.body]
        assert len(told) == 1
        [date] = [value for name, value in told[0].headers if name.lower() == "date"]
        assert abs(parsedate_to_datetime(date) - clock.moment) < timedelta(seconds=2)
    for _ in range(20):
        clock.forward(hours=1)
        await node.settle()
    balance = await talk.ledger.holds(talk.moot, [world], settled=True)
    assert balance.arrived == balance.owed
    assert balance.repeats == 0


async def test_a_clock_that_is_a_year_ahead_for_a_while_lets_nothing_grow_old(
    node: Moot, world: ScriptedServer, clock: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    """REL-31: a worker that wakes in another year gives nothing up; members are signed in when it is back."""
    noor = world.actor("noor@lemmy.test")
    talk = Talk(node)
    scene = await node.storage.write(load.furnish)
    talk.thread, ledger = scene.opening, Ledger()
    talk.ledger = ledger
    await talk.post(noor, noor.follow(scene.group))
    await node.settle()
    await ledger.begin(talk.moot)
    ledger.follows(noor)
    world.script("POST", noor.shared_inbox, Answer(503))
    await talk.say()
    await node.settle()
    assert (await node.storage.read(queues.counts)).deliveries_waiting == 1

    clock.forward(days=365)
    with caplog.at_level(logging.WARNING, "node.worker"):
        working = asyncio.create_task(node.parts.worker.run())
        await until(lambda: "the clock was set" in caplog.text, seconds=30)
        await node.parts.worker.stop()
        await working
    assert (await node.storage.read(queues.counts)).deliveries_waiting == 1
    clock.forward(days=-365)

    cookie = {"Cookie": f"__Host-session={scene.sessions['ana']}"}
    _, _, page = await node.get("/settings/account", "text/html", **cookie)
    assert b"ana@coop.example" in page
    world.script("POST", noor.shared_inbox, Answer(202))
    for _ in range(20):
        clock.forward(hours=1)
        await node.settle()
    balance = await ledger.holds(talk.moot, [world], settled=True)
    assert (balance.arrived, balance.given_up) == (1, 0)
