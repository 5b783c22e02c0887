"""The ledger itself: it holds for a node that was left in peace, and finds what is lost, invented or told twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from storage.schema import Activity, Comment, Delivery, Letter
from storage.work import Work
from tests.equipment.processes import Installation
from tests.faults import load
from tests.faults.ledger import Ledger
from tests.peers.scripted import ScriptedServer


@pytest.fixture
async def far() -> AsyncIterator[list[ScriptedServer]]:
    """Two foreign servers."""
    async with load.peers(2) as servers:
        yield servers


@pytest.fixture
async def moot(database_url: str, far: list[ScriptedServer], tmp_path: Path) -> AsyncIterator[Installation]:
    """A node on disk that may reach them."""
    moot = Installation.make(tmp_path / "node", database_url, *(f"127.0.0.1:{server.port}" for server in far))
    yield moot
    await moot.clean_up()


async def test_the_ledger_holds_for_a_node_left_in_peace_and_finds_what_is_wrong(
    moot: Installation, far: list[ScriptedServer]
) -> None:
    """REL-45: every 202 and every 303 is visible, held or dead, and what is owed arrived; anything else is named."""
    async with moot.inside() as parts:
        scene = await parts.node.storage.write(load.furnish)
    ledger = Ledger()
    await ledger.begin(moot)
    maria, noor = load.resident(far[0], "maria"), load.resident(far[1], "noor")
    await moot.start("serve")
    for follower in (maria, noor):
        await load.follow(moot, ledger, follower, scene.group)
        await far[0 if follower is maria else 1].arrival(lambda request: request.url.endswith("/inbox"))
    async with load.Member(moot, scene, ledger, "ana") as ana:
        assert await ana.write()
    assert await load.send(moot, ledger, maria, scene.opening)
    for server in far:
        await server.arrival(lambda request: b"word-" in request.body)
    await far[1].arrival(lambda request: b"From elsewhere" in request.body or b"Announce" in request.body)

    balance = await ledger.balance(moot, far, pages=True)
    assert not balance.wrong, balance.wrong
    assert (balance.letters, balance.forms) == (3, 1)

    await moot.clean_up()
    await moot.run("worker", "--until-idle")
    balance = await ledger.holds(moot, far, settled=True)
    assert (balance.visible, balance.held, balance.dead) == (4, 0, 0)
    assert (balance.owed, balance.arrived, balance.repeats) == (3, 3, 0)

    async with moot.inside() as parts:
        await parts.node.storage.write(_lose)
    wrong = "\n".join((await ledger.balance(moot, far)).wrong)
    assert "answered 303 and lost" in wrong
    assert "answered 202 and lost" in wrong
    assert "told and not written down" in wrong
    with pytest.raises(AssertionError, match="lost"):
        await ledger.holds(moot, far)


def _lose(work: Work) -> None:
    """What no program of ours does."""
    work.execute(delete(Delivery))
    work.execute(delete(Activity))
    work.execute(delete(Letter))
    work.execute(delete(Comment).where(Comment.source.contains("word-")))
