"""Other servers that are away for days, or slow: what they are owed waits, goes in order, or is given up."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from datetime import timedelta

from aiohttp import web
from sqlalchemy import select

from storage import backoff
from storage.schema import Activity, Delivery, GivenUp, Host
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot
from tests.equipment.processes import Installation
from tests.faults import load
from tests.faults.ledger import Ledger
from tests.peers.scripted import Answer, Document, ScriptedActor, ScriptedServer

UP, SPEAKS, ANSWERS, NEVER = "mastodon.test", "lemmy.test", "nodebb.test", "victim.test"


class Talk:
    """A member's comments, and letters from elsewhere, in a thread that is followed from every host."""

    def __init__(self, node: Moot) -> None:
        self.node, self.ledger = node, Ledger()
        self.moot = Installation(node.node.settings)  # whose database the ledger asks

    async def begin(self, *followers: ScriptedActor) -> None:
        await self.node.person("ana")
        group = await self.node.group("garden", "ana")
        self.thread = await self.node.start("ana", "garden", "Tools")
        for follower in followers:
            await self.post(follower, follower.follow(group))
        await self.node.settle()
        await self.ledger.begin(self.moot)
        for follower in followers:
            self.ledger.follows(follower)

    async def say(self) -> str:
        """A comment of ours."""
        entry = self.ledger.form(load.new_token())
        uri = await self.node.say("ana", self.thread, f"Something to say: {entry.mark}")
        self.ledger.acknowledge(entry)
        return uri

    async def hear(self, actor: ScriptedActor, activity: Document | None = None) -> None:
        """A letter from elsewhere: a comment, unless it is said."""
        activity = activity or actor.create(actor.publish(actor.note("<p>From elsewhere</p>", inReplyTo=self.thread)))
        entry = self.ledger.letter(actor, activity)
        await self.post(actor, activity)
        self.ledger.acknowledge(entry)

    async def post(self, actor: ScriptedActor, activity: Document) -> None:
        """As servers do: again where the key could not be fetched, which takes too long on a machine that is busy."""
        for _ in range(5):
            if (await actor.post(f"{self.node.origin}/inbox", activity)).status == 202:
                return
        raise AssertionError("it was never taken")

    async def host(self, name: str) -> Host:
        """How a host is."""
        return await self.node.storage.read(lambda work: work.get_one(Host, name))


async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
    """The line breaks before there is an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response(status=503)  # for the list of what was taken; nobody gets it


def told(world: ScriptedServer, follower: ScriptedActor) -> dict[str, list[str]]:
    """What arrived at the follower's server: kinds of activities, in order, by the words or the id they are about."""
    heard = defaultdict(list)
    for letter in world.letters_to(follower.shared_inbox):
        if letter.status != 202:
            continue
        about = letter.json()["object"]
        heard[about["id"] if isinstance(about, dict) else about].append(letter.json()["type"])
    return heard


async def test_who_is_away_for_days_gets_all_of_it_in_order_or_it_is_given_up_with_a_reason(
    node: Moot, world: ScriptedServer, net: LoopbackNet, clock: HeldClock
) -> None:
    """REL-28, REL-29, REL-41, REL-45, DOS-24: down for 8 days; one speaks, one answers, one never comes back."""
    net.add(NEVER, world)
    maria, noor, nils, vera = (
        world.actor(f"{name}@{host}")
        for name, host in (("maria", UP), ("noor", SPEAKS), ("nils", ANSWERS), ("vera", NEVER))
    )
    talk = Talk(node)
    await talk.begin(maria, noor, nils, vera)
    away = (SPEAKS, ANSWERS, NEVER)
    for follower in (noor, nils, vera):
        world.script("POST", follower.shared_inbox, hang_up)
    began = clock.moment

    said: list[str] = []
    pauses: list[tuple[int, timedelta]] = []
    while clock.moment - began < timedelta(days=8):
        if len(said) < 6:
            said.append(await talk.say())
            await talk.hear(maria)
        if len(said) == 4:
            await node.edit("ana", said[0], "First, other words")
            await node.edit("ana", said[0], f"First, last words: {talk.ledger.entries[0].mark}")
        await node.settle()
        row = await talk.host(SPEAKS)
        if row.state == "dead":
            break
        assert row.next_try_at is not None
        assert row.last_error is not None
        pauses.append((row.failures, row.next_try_at - clock.moment))
        clock.moment = max([(await talk.host(host)).next_try_at or clock.moment for host in away])

    # As the documentation says: ten seconds, doubled each time up to a day, give or take a fifth; dead after a week.
    for failures, pause in pauses:
        middle = min(backoff.FIRST * 2 ** (failures - 1), backoff.LONGEST / (1 + backoff.SPREAD))
        assert (
            middle * (1 - backoff.SPREAD) * 0.99 <= pause <= min(middle * 1.21, backoff.LONGEST) + backoff.LONGEST / 4
        )
    assert timedelta(days=7) <= clock.moment - began <= timedelta(days=8, hours=6)
    assert len(told(world, maria)) == len(said)
    assert (await _waiting(node))[SPEAKS] >= len(said)

    # A letter from there brings it back at once; so does an answer to the probe of each day.
    world.script("POST", noor.shared_inbox, Answer(202))
    await talk.hear(noor, noor.like(talk.thread))  # a comment would not be owed to the one that is dead still
    await node.settle()
    await node.settle()
    assert (await talk.host(SPEAKS)).state == "live"
    world.script("POST", nils.shared_inbox, Answer(202))
    world.nodeinfo(ANSWERS, "mastodon", "4.4.0")
    clock.forward(days=1, hours=1)
    await node.settle()
    await node.settle()
    assert (await talk.host(ANSWERS)).state == "live"
    for follower in (noor, nils):
        heard = told(world, follower)
        assert heard.keys() >= set(said)
        assert heard[said[0]] in (["Create", "Update", "Update"], ["Create", "Update"])  # in the order of its history
        about = [letter.body for letter in world.letters_to(follower.shared_inbox) if letter.status == 202]
        assert b"last words" in [body for body in about if said[0].encode() in body][-1]
    assert (await _waiting(node)).keys() == {NEVER}

    # Nobody waits longer than two weeks, and the ledger says what became of it.
    clock.moment = began + timedelta(days=15)
    await node.settle()
    given_up = await node.storage.read(_given_up)
    assert {(host, fate) for host, fate, _ in given_up} == {(NEVER, "too old")}
    assert {uri for _, _, uri in given_up} >= set(said)
    balance = await talk.ledger.holds(talk.moot, [world], settled=True)
    assert balance.given_up > 0
    assert balance.waiting == 0
    assert balance.repeats == 0


async def test_slow_servers_hold_nobody_up(node: Moot, world: ScriptedServer, net: LoopbackNet) -> None:
    """REL-41, FET-17, REL-45: they take the connection and do not answer; all others hear in seconds."""
    maria = world.actor(f"maria@{UP}")
    slow = [world.actor(f"slow@h{number}.test") for number in range(5)]
    for actor in slow:
        net.add(actor.host, world)
    talk = Talk(node)
    await talk.begin(maria, *slow)
    hold = asyncio.Event()
    for actor in slow:
        world.script("POST", actor.shared_inbox, Answer(202, hold=hold))
    working = asyncio.create_task(node.parts.worker.run())
    try:
        began = time.monotonic()
        for _ in range(6):
            uri = await talk.say()
            node.node.deliveries_wait.set()
            async with asyncio.timeout(15):
                await world.arrival(
                    lambda letter, uri=uri: letter.url == maria.shared_inbox and uri.encode() in letter.body  # type: ignore[misc]
                )
        assert time.monotonic() - began < 20
        assert not any(letter.status for actor in slow for letter in world.letters_to(actor.shared_inbox))
    finally:
        hold.set()
        await node.parts.worker.stop()
        await working
    await node.settle()
    balance = await talk.ledger.holds(talk.moot, [world], settled=True)
    assert balance.arrived == balance.owed
    assert balance.repeats == 0


async def _waiting(node: Moot) -> dict[str, int]:
    def count(work: Work) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for host in work.scalars(select(Delivery.host)):
            found[host] += 1
        return found

    return await node.storage.read(count)


def _given_up(work: Work) -> list[tuple[str, str, str]]:
    rows = work.execute(
        select(GivenUp.host, GivenUp.fate, Activity.about).join(Activity, Activity.id == GivenUp.activity_id)
    )
    return [(host, fate, about) for host, fate, about in rows]
