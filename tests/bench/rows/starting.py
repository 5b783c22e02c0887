"""A start: the time to the first page, and what the process holds when it has nothing to do."""

from __future__ import annotations

import asyncio
import time

from tests.bench.figures import Figure, middle
from tests.bench.stage import Stage, memory_of
from tests.bench.world import get

FIRST_PAGE = 0.8  # seconds
MEMORY = 110.0  # MB


async def measure(stage: Stage) -> list[Figure]:
    """`folkmoot serve` on SQLite, the long thread as its first page."""
    installation, world = await stage.node("sqlite")
    times, held = [], []
    for _ in range(stage.runs):
        began = time.perf_counter()
        starting = asyncio.create_task(installation.start("serve"))
        await _first_answer(stage.port, get(world.thread, world, Accept="text/html", Connection="close"))
        times.append(time.perf_counter() - began)
        process = await starting
        await asyncio.sleep(0.5)
        held.append(memory_of(process.pid))
        await installation.kill(process)
    return [
        Figure("start to the first page, 50 comments of 10,000", middle(times), "s", FIRST_PAGE, middle(times),
               at_most=True, note="folkmoot serve, sqlite", quick_floor=FIRST_PAGE * 4),
        Figure("  memory of the process, idle", middle(held), "MB", MEMORY, middle(held), at_most=True,
               quick_floor=MEMORY * 1.3),
    ]  # fmt: skip


async def _first_answer(port: int, request: bytes) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.005)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer[:300].decode())
