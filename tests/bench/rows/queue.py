"""The queue of deliveries: what it costs to claim one and to write down that it arrived, without sending it."""

from __future__ import annotations

import time

from storage import deliveries, settling
from storage.settling import Result, Round
from tests.bench import limits
from tests.bench.figures import Figure, middle
from tests.bench.stage import ENGINES, Stage
from tests.bench.world import write_deliveries

HOSTS = 200
PART = 0.05
AT_ONCE = 48  # hosts, as the sender has them


async def measure(stage: Stage) -> list[Figure]:
    """What a delivery costs in the queue, as a part of its signature."""
    return [await _on(stage, engine) for engine in ENGINES]


async def _on(stage: Stage, engine: str) -> Figure:
    costs, signatures = [], []
    for _ in range(3):
        signatures.append(1e6 / limits.rsa_rate(stage.private, 0.5))
        costs.append(await _cost(stage, engine))
    return Figure(
        f"queue, for a delivery, {engine}", middle(costs), "us", PART,
        middle([one / other for one, other in zip(costs, signatures, strict=True)]), at_most=True,
        limit=f"of its signature, {middle(signatures):.0f} us", quick_floor=PART * 4,
    )  # fmt: skip


async def _cost(stage: Stage, engine: str) -> float:
    installation, world = await stage.node(engine, hosts=HOSTS)
    done = 0
    async with installation.inside() as parts:
        storage = parts.node.storage
        await storage.write(
            write_deliveries, world, hosts=HOSTS, port=stage.sink_port, activities=15 if stage.quick else 64
        )
        began = time.process_time() if engine == "sqlite" else time.perf_counter()
        while claims := await storage.write(deliveries.claim_hosts, "bench", limit=AT_ONCE, steady=True):
            rounds = [
                Round(claim.host, claim.token, tuple(Result(ready.id, 202) for ready in claim.ready))
                for claim in claims
            ]
            await storage.write(settling.settle, rounds)
            done += sum(len(claim.ready) for claim in claims)
        ended = time.process_time() if engine == "sqlite" else time.perf_counter()
    return (ended - began) / done * 1e6
