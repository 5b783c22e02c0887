"""Deliveries: signed and sent by the node's own workers to hosts on loopback that take everything."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from tests.bench import limits
from tests.bench.figures import Figure, middle, ratio
from tests.bench.stage import CORES, Stage, pin
from tests.bench.world import write_deliveries

HOSTS = 200
SILENT = HOSTS // 20
ONE_CORE, WITH_THREADS, TWO = 0.55, 0.75, 1.8
SHARE_OF_QUEUE, DEAD = 0.05, 0.9
TURNS = 3


async def measure(stage: Stage) -> list[Figure]:
    """One worker on one core, one with its signing threads, two; and one that has dead hosts among the others."""
    signing: list[float] = []
    rates: dict[str, list[float]] = {"one": [], "threads": [], "two": [], "dead": []}
    two_of = CORES[:2] if len(CORES) > 1 else CORES * 2
    for _ in range(TURNS):
        signing.append(limits.rsa_rate(stage.private, stage.seconds / 2))
        rates["one"].append(await _send(stage, [CORES[:1]]))
        rates["two"].append(await _send(stage, [[two_of[0]], [two_of[1]]]))
        rates["threads"].append(await _send(stage, [CORES]))
        rates["dead"].append(await _send(stage, [CORES], silent=SILENT))
    rsa, unit = f"of {middle(signing):,.0f} RSA signatures/s of one thread", "/s"
    return [
        Figure("signed warm deliveries, a worker on one core", middle(rates["one"]), unit, ONE_CORE,
               ratio(rates["one"], signing), limit=rsa),
        Figure("  a worker with its signing threads", middle(rates["threads"]), unit, WITH_THREADS,
               ratio(rates["threads"], signing), limit=rsa),
        Figure("  two workers, each on a core", middle(rates["two"]), unit, TWO, ratio(rates["two"], rates["one"]),
               limit="times one of them", quick_floor=1.0),
        Figure("  with 5 % of the hosts silent", middle(rates["dead"]), unit, DEAD,
               ratio(rates["dead"], rates["threads"]), limit="of what goes without them", quick_floor=0.5),
    ]  # fmt: skip


async def _send(stage: Stage, workers: list[list[int]], *, silent: int = 0) -> float:
    """Deliveries a second, from when the workers have found their stride."""
    installation, world = await stage.node("sqlite", hosts=HOSTS)
    count = 15 if stage.quick else 60
    async with installation.inside() as parts:
        await parts.node.storage.write(write_deliveries, world, hosts=HOSTS, port=stage.sink_port, activities=count)
    whole = count * (HOSTS - silent)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage.beside("sink", stage.sink_port, HOSTS, "--silent", silent))
        for cores in workers:
            pin((await stack.enter_async_context(stage.running(installation, "worker"))).pid, *cores)
        # The connections are made in the first round of each host.
        first = await _until(stage, HOSTS * len(workers))
        began = time.perf_counter()
        last = await _until(stage, int(whole * 0.95))
        return (last - first) / (time.perf_counter() - began)


async def _until(stage: Stage, wanted: int) -> int:
    """Waits until so many letters came, and says how many it were then."""
    async with asyncio.timeout(120):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.sink_port)
            count = int(await reader.read())
            writer.close()
            if count >= wanted:
                return count
            await asyncio.sleep(0.01)
