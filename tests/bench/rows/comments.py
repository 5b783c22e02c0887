"""Comments from elsewhere, from the letter that was taken in to what everybody sees, with all that follows."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from sqlalchemy import func, select

from storage.schema import Comment, Delivery, Letter
from storage.work import Work
from tests.bench import limits
from tests.bench.figures import Figure, middle, ratio
from tests.bench.stage import ENGINES, Stage
from tests.bench.world import write_letters

WANTED = 400  # a second
WORKERS = {"sqlite": 1, "postgresql": 2}
ROWS = 15  # written for each: comment, letter, thread, parent, contexts, activities, deliveries


async def measure(stage: Stage) -> list[Figure]:
    """The rows of both engines."""
    return [await _on(stage, engine) for engine in ENGINES]


async def _on(stage: Stage, engine: str) -> Figure:
    raw = stage.raw_postgres() if engine == "postgresql" else ""
    rates, rows = [], []
    for _ in range(3):
        rows.append(limits.postgres_rate(raw, 0.3) if raw else limits.sqlite_rate(stage.folder, 0.3))
        rates.append(await _read(stage, engine))
    return Figure(
        f"comments received, through to visible, {engine}", middle(rates), "/s", WANTED, middle(rates),
        limit=f"{ratio([rate * ROWS for rate in rates], rows):.2f} of the raw writer's {middle(rows):,.0f} rows/s",
        note=f"{WORKERS[engine]} worker{'s' * (WORKERS[engine] > 1)}, {ROWS} rows each", quick_floor=WANTED * 0.2,
    )  # fmt: skip


async def _read(stage: Stage, engine: str) -> float:
    """How many a second the workers read of those that wait."""
    count = 400 if stage.quick else 1500
    installation, world = await stage.node(engine)
    async with installation.inside() as parts:
        await parts.node.storage.write(write_letters, world, 0, count)
        async with AsyncExitStack() as stack:
            for _ in range(WORKERS[engine]):
                await stack.enter_async_context(stage.running(installation, "worker"))
            done, began = await parts.node.storage.read(_done), time.perf_counter()
            while (now := await parts.node.storage.read(_done)) < count:
                if time.perf_counter() - began > 60:
                    raise RuntimeError(f"{engine}: {now} of {count} letters were read in a minute")
                await asyncio.sleep(0.05)
            took = time.perf_counter() - began
        comments, owed = await parts.node.storage.read(_came)
        if comments < count or owed < count * 7:
            raise RuntimeError(f"{engine}: {comments} comments and {owed} deliveries came of {count} letters")
    return (count - done) / took


def _done(work: Work) -> int:
    return work.scalar(select(func.count()).where(Letter.state == "done")) or 0


def _came(work: Work) -> tuple[int, int]:
    comments = work.scalar(select(func.count()).where(Comment.page_url.is_not(None), Comment.state == "visible"))
    return comments or 0, work.scalar(select(func.count(Delivery.id))) or 0
