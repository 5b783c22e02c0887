"""A handful of failpoints and a short storm; `make faults` plays all of them, and longer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.equipment.postgres import Postgres
from tests.faults import load
from tests.faults.stage import Stage
from tests.faults.storm import storm
from tests.faults.workshop import Workshop

# Where the most would be lost: between a commit and its answer, between functions that share one, between a peer's
# answer and ours, between what a letter did and its end.
CHOSEN = {
    "sqlite": (
        ("web.composing.post.after-commit", "kill"),
        ("group-commit.before-commit", "kill"),
        ("reading.processed", "kill"),
        ("fediverse.intake.keep_all.after-commit", "raise"),
    ),
    "postgresql": (("sending.answered", "kill"),),
}


@pytest.fixture
async def workshop(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> AsyncIterator[Workshop]:
    """A furnished node on that engine, to be copied for each failpoint."""
    postgres: Postgres | None = request.getfixturevalue("postgres") if engine == "postgresql" else None
    async with load.peers(2) as peers:
        workshop = Workshop(engine, tmp_path / "furnished", peers, postgres)
        await workshop.furnish()
        yield workshop


@pytest.mark.timeout(600)  # ten starts of a node, on a machine that does other things too
@pytest.mark.parametrize("engine", sorted(CHOSEN))
async def test_nothing_is_lost_where_the_most_would_be(workshop: Workshop, engine: str) -> None:
    """REL-03, REL-04, REL-05, REL-06, REL-17, REL-45."""
    for point, action in CHOSEN[engine]:
        outcome = await workshop.fail(point, action, "talk")
        assert outcome.happened == "reached", outcome
        assert not outcome.wrong, outcome


@pytest.mark.timeout(600)
def test_a_form_and_a_command_leave_all_of_a_transaction_or_nothing(tmp_path: Path) -> None:
    """REL-01, REL-03: killed at each of their commits, looked at, and done again."""
    stage = Stage("sqlite", tmp_path, None, ("author: /items/{uid}/reply", "$ group archive"))
    stage.furnish()
    watched = stage.watch()
    assert not stage.troubles
    assert {"web.composing.post.before-commit", "cli.groups.archive.change.after-commit"} <= set(watched)
    assert watched["web.composing.post.after-commit"].changes
    outcomes = list(stage.kill([one for one in watched.values() if one.changes]))
    assert len(outcomes) >= 4
    assert {outcome.happened for outcome in outcomes} == {"reached"}
    assert [outcome.wrong for outcome in outcomes if outcome.wrong] == []
    # And what was lost would be seen.
    lost = replace(watched["web.composing.post.before-commit"], shape=watched["web.composing.post.after-commit"].shape)
    [outcome] = stage.kill([lost])
    assert outcome.wrong[0].startswith("left at the kill: ")


@pytest.mark.timeout(600)
async def test_nothing_is_lost_in_a_short_storm(tmp_path: Path, database_url: str) -> None:
    """REL-02, REL-10, REL-32, REL-45: web and worker are killed, stopped and frozen while everybody writes."""
    engine = "postgresql" if database_url.startswith("postgresql") else "sqlite"
    weather, balance = await storm(database_url, tmp_path, engine, seconds=60, strikes=3)
    assert not balance.wrong, (str(weather), str(balance), balance.wrong[:20])
    assert weather.strikes.total()
    assert balance.letters + balance.forms > 0
