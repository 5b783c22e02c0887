"""One thread, and its edit, to thousands of followers with an inbox each, on many hosts: all, in order, flat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select

from node.app import Parts, opened
from node.forum import groups, people, threads
from storage import deliveries, settling
from storage import threads as stored_threads
from storage.schema import Activity, Actor, Delivery, Follow, Group, Host
from storage.settling import Result, Round
from storage.work import Work
from tests.bench.crowd import asked, inbox_of, name_of
from tests.bench.figures import Figure, middle
from tests.bench.stage import ENGINES, Stage, memory_of
from tests.equipment.processes import Installation, free_port

FEW, MANY, PER_HOST = 100, 10_000, 5
MANY_IN_SHORT = 1_000
FLAT = 1.3  # what one of many destinations may cost more than one of few
GROWTH = 1.1  # memory of the sender from the first tenth to the last
TURNS = 3
AT_ONCE = 48  # hosts, as the sender has them
PATIENCE = 900.0  # seconds for all of it


@dataclass(frozen=True)
class Told:
    """What came of telling everybody."""

    rate: float
    arrived: float  # of what was owed, once each and in the order in which it was said
    early: float  # MB of the sender, when a tenth was there
    late: float


async def measure(stage: Stage) -> list[Figure]:
    """The rows of both engines."""
    figures = []
    for engine in ENGINES:
        figures += await _on(stage, engine)
    return figures


async def _on(stage: Stage, engine: str) -> list[Figure]:
    many = MANY_IN_SHORT if stage.quick else MANY
    said, queued = await costs(stage, engine, many)
    told = await tell(stage, engine, many)
    of_few = f"times what one of {FEW} costs"
    return [
        Figure(f"thread and edit to {many:,} followers, {engine}", told.rate, "/s", 1.0, told.arrived, quick_floor=1.0,
               limit=f"on {many // PER_HOST:,} hosts: all arrived, once, in order"),
        Figure("  memory of the sender", told.late, "MB", GROWTH, told.late / told.early, at_most=True,
               limit=f"times that after a tenth, {told.early:.0f} MB", quick_floor=1.3),
        Figure("  publishing, for a destination", said[1] * 1e6, "us", FLAT, said[1] / said[0], at_most=True,
               limit=f"{of_few}, {said[0] * 1e6:.0f} us"),
        Figure("  claiming and settling, for a destination", queued[1] * 1e6, "us", FLAT, queued[1] / queued[0],
               at_most=True, limit=f"{of_few}, {queued[0] * 1e6:.0f} us"),
    ]  # fmt: skip


# ------------------------------------------------------------------ the whole way


async def tell(stage: Stage, engine: str, followers: int) -> Told:
    """A thread and its edit, through the queue of a real worker to a crowd of hosts in a process of its own."""
    hosts, port = followers // PER_HOST, free_port()
    installation = await _made(stage, engine)
    async with installation.inside() as parts:
        await _gather(parts, followers)
        await _say_and_edit(parts)
        owed = await parts.node.storage.read(_waiting)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage.beside("crowd", port))
        sender = await installation.start(str(port), str(hosts), module="tests.bench.sender")
        stack.push_async_callback(installation.kill, sender)
        began = time.perf_counter()
        await _until(port, owed // 10)
        early = memory_of(sender.pid)
        await _until(port, owed)
        took, late = time.perf_counter() - began, memory_of(sender.pid)
        _, came = await asked(port, whole=True)
        async with installation.inside() as parts:
            await _settled(parts)
            in_order = await _in_order(parts, came)
    return Told(owed / took, in_order / owed, early, late)


async def _until(port: int, letters: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            came, _ = await asked(port)
            if came >= letters:
                return
            await asyncio.sleep(0.05)


async def _settled(parts: Parts) -> None:
    """What arrived is written down a moment later."""
    async with asyncio.timeout(60):
        while True:
            if not await parts.node.storage.read(_waiting):
                return
            await asyncio.sleep(0.05)


async def _in_order(parts: Parts, came: dict[str, list[str]]) -> int:
    """How many letters came once and in the order in which they were said."""
    places = await parts.node.storage.read(_places)
    good = 0
    for ids in came.values():
        numbers = [places[uri] for uri in ids]
        good += len(numbers) if numbers == sorted(set(numbers)) else 0
    return good


def _places(work: Work) -> dict[str, int]:
    rows = work.execute(select(Activity.uri, Activity.id, Activity.owed, Activity.delivered)).all()
    short = [row.uri for row in rows if row.owed != row.delivered]
    if short:
        raise RuntimeError(f"the ledger does not tell what arrived: {short}")
    return {row.uri: row.id for row in rows}


def _waiting(work: Work) -> int:
    return work.scalar(select(func.count(Delivery.id))) or 0


# ------------------------------------------------------------------ a node with followers


async def _made(stage: Stage, engine: str) -> Installation:
    data = stage.folder / f"destinations{free_port()}"
    data.mkdir()
    url = stage.raw_postgres() if engine == "postgresql" else f"sqlite:///{data / 'node.sqlite3'}"
    installation = Installation.make(data, url)
    async with opened(installation.settings, migrate=True):
        return installation


async def _gather(parts: Parts, followers: int) -> None:
    for actor_id in await parts.node.storage.write(_follow, followers):
        await parts.keyring.signer(actor_id)  # made here, not in the middle of a measurement


def _follow(work: Work, followers: int) -> tuple[int, int]:
    founder = people.create_person(work, "founder")
    group, _ = groups.create_group(work, "commons", title="The commons", creator=founder)
    hosts = followers // PER_HOST
    known = {"created_at": work.now, "asked_at": work.now, "last_success_at": work.now}
    work.execute(insert(Host), [{"host": name_of(number), **known} for number in range(hosts)])
    work.execute(insert(Actor), [_follower(work, number, hosts) for number in range(followers)])
    ids = work.scalars(select(Actor.id).where(Actor.local.is_(False)))
    follow = {"target_id": group.actor_id, "state": "accepted", "created_at": work.now}
    work.execute(insert(Follow), [follow | {"follower_id": actor_id} for actor_id in ids])
    return founder.id, group.actor_id


def _follower(work: Work, number: int, hosts: int) -> dict[str, Any]:
    inbox = inbox_of(number, hosts)
    return {
        "uri": inbox.removesuffix("/inbox"), "kind": "person", "local": False, "host": name_of(number % hosts),
        "name": f"u{number}", "inbox": inbox, "created_at": work.now, "updated_at": work.now,
        "refreshed_at": work.now,
    }  # fmt: skip


async def _say_and_edit(parts: Parts) -> float:
    """Seconds of the two transactions."""
    began = _clock(parts)()
    uri = await parts.node.storage.write(_start)
    await parts.node.storage.write(_edit, uri)
    return _clock(parts)() - began


def _clock(parts: Parts) -> Callable[[], float]:
    """The processor's time where the database is in the process: other work on the machine does not change it."""
    return time.process_time if parts.node.storage.sqlite else time.perf_counter


def _start(work: Work) -> str:
    founder = people_named(work, "founder")
    group = work.scalars(select(Group)).one()
    return threads.start_thread(work, founder, group, "A pot for all", threads.compose(work, "Who pays?")).uri


def _edit(work: Work, uri: str) -> None:
    opening = stored_threads.comment_by_uri(work, uri)
    assert opening is not None
    threads.edit_comment(work, people_named(work, "founder"), opening, threads.compose(work, "Who pays for what?"))


def people_named(work: Work, name: str) -> Actor:
    """One of ours."""
    return work.scalars(select(Actor).where(Actor.name == name, Actor.local.is_(True))).one()


# ------------------------------------------------------------------ what one of them costs


async def costs(stage: Stage, engine: str, many: int) -> tuple[list[float], list[float]]:
    """Seconds for a destination, of few and of many: of saying it, and of claiming and settling it."""
    said: list[list[float]] = [[], []]
    queued: list[list[float]] = [[], []]
    for of_many, followers in enumerate((FEW, many)):
        installation = await _made(stage, engine)
        async with installation.inside() as parts:
            await _gather(parts, followers)
            # Of few it is done more often, so that what is measured is not the start of a clock's tick.
            for turn in range(TURNS * (1 if of_many else 4) + 1):
                took = await _say_and_edit(parts)
                owed = await parts.node.storage.read(_waiting)
                queue = await _empty_the_queue(parts)
                if turn:
                    said[of_many].append(took / owed)
                    queued[of_many].append(queue / owed)
    return [middle(times) for times in said], [middle(times) for times in queued]


async def _empty_the_queue(parts: Parts) -> float:
    storage = parts.node.storage
    began = _clock(parts)()
    after = ""
    while claims := await storage.write(deliveries.claim_hosts, "bench", limit=AT_ONCE, steady=True, after=after):
        rounds = [Round(one.host, one.token, tuple(Result(ready.id, 202) for ready in one.ready)) for one in claims]
        await storage.write(settling.settle, rounds)
        after = max((claim.host for claim in claims), key=lambda host: (host <= after, host))
    return _clock(parts)() - began
