"""A year of a busy node beside a small one, in turn: what is asked of both is the same, and may cost little more.

How much of a year, and on which engines: `FOLKMOOT_YEAR=0.1,sqlite`. A whole one needs 5 GB for each engine
(`TMPDIR` says where) and several minutes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from sqlalchemy import select, text

from node.app import Parts, opened
from storage import deliveries, sessions, settling, tokens
from storage.schema import Account, Actor
from storage.settling import Result, Round
from storage.work import Work
from tests.bench import world as worlds
from tests.bench import year
from tests.bench.figures import Figure, middle, ratio
from tests.bench.stage import ENGINES, Stage, cpu_of
from tests.bench.world import World, get, owe, posted, write_hosts, write_letters
from tests.bench.year import Scale
from tests.equipment.processes import Installation

TIMES = 1.5  # what the year may cost more
TURNS = 5
ASKED = 30  # requests of a kind in a turn
PATIENCE = 3000  # milliseconds for the requests of one kind in a turn
READER, ADMIN = "person1", "person0"
COMMENTS = 479  # of the world's one long thread: with its twenty others and the small node's own it is a thousand
HOSTS = 200
SECRETS = {READER: "a-browser-of-a-reader", ADMIN: "a-browser-of-an-admin"}


@dataclass
class Side:
    """One of the two nodes."""

    installation: Installation
    world: World
    pid: int = 0
    letters: int = 0

    @property
    def port(self) -> int:
        return self.installation.settings.listen_port

    def page(self, path: str, who: str) -> bytes:
        """A request of somebody who is signed in."""
        return get(path, self.world, Accept="text/html", Cookie=f"session={SECRETS[who]}")


async def measure(stage: Stage) -> list[Figure]:
    """The rows of each engine."""
    part, _, engines = os.environ.get("FOLKMOOT_YEAR", "0.01" if stage.quick else "1").partition(",")
    figures: list[Figure] = []
    for engine in engines.split(",") if engines else ENGINES:
        figures += await _on(stage, engine, year.BUSY.times(float(part)))
    return figures


async def _on(stage: Stage, engine: str, scale: Scale) -> list[Figure]:
    began = time.perf_counter()
    small, _ = await _made(stage, engine, "small", year.SMALL)
    busy, counts = await _made(stage, engine, "year", scale)
    print(f"{engine}: {year.in_words(counts)}; made in {time.perf_counter() - began:.0f} s", flush=True)
    async with busy.installation.inside() as parts:
        tables = await parts.node.storage.read(year.sizes)
    print(f"{engine}: {sum(size for _, size in tables):,.0f} MB on disk: " + _largest(tables), flush=True)
    figures = await _asked(stage, engine, small, busy)
    return figures + await _worked(stage, engine, small, busy)


def _largest(tables: list[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {size:,.0f}" for name, size in tables[:12])


async def _made(stage: Stage, engine: str, name: str, scale: Scale) -> tuple[Side, dict[str, int]]:
    data = stage.folder / f"{engine}-{name}"
    data.mkdir()
    url = stage.raw_postgres() if engine == "postgresql" else f"sqlite:///{data / 'node.sqlite3'}"
    installation = Installation.make(data, url, *stage.peers(HOSTS))
    pem = worlds.public_pem(stage.private)
    async with opened(installation.settings, migrate=True) as parts:
        world = await worlds.make(parts, stage.private, size=COMMENTS)
        await parts.node.storage.write(_open_browsers)
        await parts.node.storage.write(write_hosts, hosts=HOSTS, port=stage.sink_port)
        counts = await parts.node.storage.write(year.pour, scale, READER, pem)
        await parts.node.storage.write(_let_it_know)
    return Side(installation, world), counts


def _open_browsers(work: Work) -> None:
    for name, secret in SECRETS.items():
        actor_id = work.scalars(select(Actor.id).where(Actor.name == name)).one()
        work.add(Account(actor_id=actor_id, admin=name == ADMIN, created_at=work.now))
        sessions.open_session(work, actor_id, tokens.hashed(secret))


def _let_it_know(work: Work) -> None:
    """What autovacuum would have done in the course of a year; SQLite plans without."""
    if work.dialect == "postgresql":
        work.execute(text("ANALYZE"))


# ------------------------------------------------------------------ what is asked over HTTP


async def _asked(stage: Stage, engine: str, small: Side, busy: Side) -> list[Figure]:
    """One connection asks the one node and then the other: how long an answer takes, database and all."""
    async with AsyncExitStack() as stack:
        for side in (small, busy):
            side.pid = (await stack.enter_async_context(stage.running(side.installation, "web"))).pid
        times: dict[str, tuple[list[float], list[float]]] = {}
        for turn in range(TURNS + 1):
            for of_side, side in enumerate((small, busy)):
                for name, requests in _requests(stage, side).items():
                    took = await _cost(engine, side, requests)
                    if turn:  # the first one is warming up
                        times.setdefault(name, ([], []))[of_side].append(took)
    return [_figure(f"{name}, {engine}", *both) for name, both in times.items()]


def _requests(stage: Stage, side: Side) -> dict[str, list[bytes]]:
    pages = {
        "home": "/", "a group": "/g/commons", "a larger group": "/g/circle0", "what is unread": "/unread",
        "thread, first page": side.world.thread,
    }  # fmt: skip
    found = {name: [side.page(path, READER)] * ASKED for name, path in pages.items()}
    found["thread, in the middle"] = [
        side.page(f"{side.world.thread}?after={7 * number % 400}", READER) for number in range(ASKED)
    ]
    found["a stranger's page, made anew"] = [
        get(f"{side.world.thread}?after={(side.letters + number) % 420 + 1}", side.world, Accept="text/html")
        for number in range(ASKED)
    ]
    found["a person elsewhere"] = [side.page("/people/u7@far7.example", READER)] * ASKED
    for name in ("", "/people", "/federation", "/federation/hosts/far9.example", "/servers"):
        found[f"/admin{name}"] = [side.page(f"/admin{name}", ADMIN)] * ASKED
    found["inbox"] = [posted(side.world, stage.private, side.letters + number) for number in range(ASKED)]
    side.letters += ASKED
    return found


async def _cost(engine: str, side: Side, requests: list[bytes]) -> float:
    """Milliseconds of an answer: of the processor where the database is in the process, of the clock where not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
    times = []
    before = cpu_of(side.pid)
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:12] not in (b"200", b"202"):
            raise RuntimeError(f"{request[:100]!r}: {head!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        times.append((time.perf_counter() - began) * 1000)
        if sum(times) > PATIENCE:
            break
    cpu = (cpu_of(side.pid) - before) / len(times) * 1000
    writer.close()
    return cpu if engine == "sqlite" else middle(times)


# ------------------------------------------------------------------ what the worker does


async def _worked(stage: Stage, engine: str, small: Side, busy: Side) -> list[Figure]:
    async with small.installation.inside() as parts, busy.installation.inside() as busy_parts:
        nodes = ((parts, small), (busy_parts, busy))
        for inside, _ in nodes:
            await inside.worker.until_idle()  # what was posted above, and the first look at the clock
        acts: dict[str, Callable[[Stage, Parts, Side], Awaitable[float]]] = {
            "a letter, through to visible": _read, "a delivery, claimed and settled": _deliver, "nothing due": _idle,
        }  # fmt: skip
        figures = []
        for name, act in acts.items():
            both: tuple[list[float], list[float]] = ([], [])
            for turn in range(TURNS + 1):
                for of_side, (inside, side) in enumerate(nodes):
                    took = await act(stage, inside, side)
                    if turn:
                        both[of_side].append(took)
            figures.append(_figure(f"{name}, {engine}", *both))
    return figures


def _clock(parts: Parts) -> float:
    return time.process_time() if parts.node.storage.sqlite else time.perf_counter()


async def _read(_stage: Stage, parts: Parts, side: Side) -> float:
    count = 60
    await parts.node.storage.write(write_letters, side.world, 1_000_000 + side.letters, count)
    side.letters += count
    began = _clock(parts)
    await parts.worker.until_idle()
    return (_clock(parts) - began) / count * 1000


async def _deliver(stage: Stage, parts: Parts, side: Side) -> float:
    storage, done = parts.node.storage, 0
    await storage.write(owe, side.world, hosts=HOSTS, port=stage.sink_port, activities=5)
    began = _clock(parts)
    while claims := await storage.write(deliveries.claim_hosts, "bench", limit=48, steady=True):
        rounds = [Round(one.host, one.token, tuple(Result(ready.id, 202) for ready in one.ready)) for one in claims]
        await storage.write(settling.settle, rounds)
        done += sum(len(claim.ready) for claim in claims)
    return (_clock(parts) - began) / done * 1000


async def _idle(_stage: Stage, parts: Parts, _side: Side) -> float:
    began = _clock(parts)
    await parts.worker.until_idle()
    return (_clock(parts) - began) * 1000


def _figure(name: str, small: list[float], busy: list[float]) -> Figure:
    return Figure(
        name, middle(busy), "ms", TIMES, ratio(busy, small), at_most=True,
        limit=f"times the small node's {middle(small):.2f} ms", quick_floor=TIMES * 2,
    )  # fmt: skip
