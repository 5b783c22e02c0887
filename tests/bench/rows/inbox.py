"""The inbox: letters taken in durably before they are answered."""

from __future__ import annotations

from tests.bench import limits
from tests.bench.figures import Figure, middle, ratio
from tests.bench.stage import ENGINES, Answered, Stage, by_core, share
from tests.bench.world import posted
from tests.equipment.processes import free_port

CONNECTIONS = 64
PART = 0.12
SLOWEST = 30.0  # milliseconds


async def measure(stage: Stage) -> list[Figure]:
    """The rows of both engines."""
    _, world = await stage.node("sqlite")
    count = 1200 if stage.quick else 4000
    letters = [posted(world, stage.private, number) for number in range(count * stage.runs)]
    figures = []
    for engine in ENGINES:
        figures += await _on(stage, engine, letters, count)
    return figures


async def _on(stage: Stage, engine: str, letters: list[bytes], count: int) -> list[Figure]:
    installation, _ = await stage.node(engine)
    raw = stage.raw_postgres() if engine == "postgresql" else ""
    port = free_port()
    empties: list[Answered] = []
    taken: list[Answered] = []
    rows: list[float] = []
    async with stage.beside("empty", port) as empty, stage.running(installation, "web") as web:
        for run in range(stage.runs):
            some = letters[run * count : (run + 1) * count]
            empties.append(await stage.ask(empty, port, some, connections=CONNECTIONS))
            taken.append(await stage.ask(web, stage.port, some, connections=CONNECTIONS, once=True))
            if set(taken[-1].statuses) != {"202"}:
                raise RuntimeError(f"{engine}: {taken[-1].statuses}")
            rows.append(limits.postgres_rate(raw, 0.3) if raw else limits.sqlite_rate(stage.folder, 0.3))
    rates = [run.rate for run in taken]
    of_rows = f"{ratio(rates, rows):.2f} of the raw writer's {middle(rows):,.0f} rows/s"
    p99 = middle([run.p99 for run in taken])
    return [
        Figure(
            f"durable inbox, {engine}", middle(rates), "/s", PART, share(taken, empties),
            limit=f"of the empty handler, {CONNECTIONS} connections", note=f"{by_core(taken, empties)}; {of_rows}",
        ),
        Figure(
            f"  its slowest hundredth, {engine}", p99, "ms", SLOWEST, p99, at_most=True,
            note=f"p50 {middle([run.p50 for run in taken]):.1f} ms", quick_floor=SLOWEST * 10,
        ),
    ]  # fmt: skip
