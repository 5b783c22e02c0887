"""What is said to many arrives everywhere, once and in order; `make bench ARGS="--only destinations"` has thousands."""

from __future__ import annotations

from pathlib import Path

from tests.bench.rows import destinations
from tests.bench.stage import staged

FOLLOWERS = 500  # on a hundred hosts


async def test_a_thread_and_its_edit_reach_five_hundred_inboxes_in_order(tmp_path: Path) -> None:
    async with staged(tmp_path, quick=True) as stage:
        told = await destinations.tell(stage, "sqlite", FOLLOWERS)
    assert told.arrived == 1.0
    assert told.late < told.early * 1.3


async def test_one_destination_of_many_costs_no_more_than_one_of_few(tmp_path: Path) -> None:
    async with staged(tmp_path, quick=True) as stage:
        said, queued = await destinations.costs(stage, "sqlite", FOLLOWERS)
    assert said[1] < said[0] * 1.5
    assert queued[1] < queued[0] * 1.5
