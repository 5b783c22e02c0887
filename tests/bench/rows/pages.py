"""Pages and documents: out of memory, by revalidation, and made anew."""

from __future__ import annotations

import asyncio
import re

from tests.bench.figures import Figure, middle
from tests.bench.stage import ENGINES, Answered, Stage, by_core, share
from tests.bench.world import World, get
from tests.equipment.processes import free_port

HTML = {"Accept": "text/html"}
AS2 = {"Accept": "application/activity+json"}
ETAG = re.compile(rb"\r\netag: ([^\r]+)", re.IGNORECASE)
ANEW = 400  # pages in turn, more than are kept: none of them is in memory when it is asked for again
FLOORS = {"sqlite": 0.6, "postgresql": 0.3}
RENDERED = 2000  # a second


async def measure(stage: Stage) -> list[Figure]:
    """The rows of both engines."""
    figures = []
    for engine in ENGINES:
        figures += await _on(stage, engine)
    return figures


async def _on(stage: Stage, engine: str) -> list[Figure]:
    installation, world = await stage.node(engine)
    port = free_port()
    async with stage.beside("empty", port) as empty, stage.running(installation, "web") as web:
        page, note = get(world.thread, world, **HTML), get(world.notes[7], world, **AS2)
        held = (
            await _revalidating(stage, world.thread, world, HTML),
            await _revalidating(stage, world.notes[7], world, AS2),
        )
        anew = [get(f"{world.thread}?after={7 * n + 1}", world, **HTML) for n in range(ANEW)]
        asked = {"page": [page], "page 304": [held[0]], "note": [note], "note 304": [held[1]], "anew": anew}
        limits: list[Answered] = []
        runs: dict[str, list[Answered]] = {name: [] for name in asked}
        for name in asked:
            await stage.ask(web, stage.port, asked[name], seconds=0.5)  # warm
        for _ in range(stage.runs):
            limits.append(await stage.ask(empty, port, [page]))
            for name, requests in asked.items():
                runs[name].append(await stage.ask(web, stage.port, requests))
    for name, status in (("page", "200"), ("page 304", "304"), ("note", "200"), ("note 304", "304"), ("anew", "200")):
        for run in runs[name]:
            if set(run.statuses) != {status}:
                raise RuntimeError(f"{engine} {name}: {run.statuses}")
    words = {
        "page": "50 comments of 10,000 from memory", "page 304": "the same, not modified",
        "note": "a public Note", "note 304": "the same, not modified",
    }  # fmt: skip
    figures = [_figure(f"{words[name]}, {engine}", runs[name], limits, FLOORS[engine]) for name in words]
    rates, free = [run.rate for run in runs["anew"]], [run.rate_of_a_core for run in runs["anew"]]
    figures.append(
        Figure(
            f"50 comments rendered anew, {engine}",
            middle(rates),
            "/s",
            RENDERED,
            middle(free),
            limit="a second on a core of its own",
            note=by_core(runs["anew"], limits),
            quick_floor=RENDERED * 0.4,
        )
    )
    return figures


def _figure(name: str, runs: list[Answered], limits: list[Answered], floor: float) -> Figure:
    return Figure(
        name, middle([run.rate for run in runs]), "/s", floor, share(runs, limits),
        limit="of the empty handler, 32 connections", note=by_core(runs, limits),
    )  # fmt: skip


async def _revalidating(stage: Stage, path: str, world: World, accept: dict[str, str]) -> bytes:
    """The request of whoever holds what was answered before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(get(path, world, Connection="close", **accept))
    answer = await reader.read()
    writer.close()
    found = ETAG.search(answer)
    assert found is not None, answer[:500]
    return get(path, world, If_None_Match=found[1].decode(), **accept)
