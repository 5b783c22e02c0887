"""A node with something of everything in it, and empty places where it can be restored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from node.settings import Settings
from tests.conftest import HeldClock
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node
from tests.equipment.postgres import Postgres
from tests.peers.scripted import ScriptedServer

Place = Callable[[str], Settings]


@pytest.fixture
async def full(
    database_url: str, clock: HeldClock, net: LoopbackNet, world: ScriptedServer, tmp_path: Path
) -> AsyncIterator[Moot]:
    """A node at https://node.test whose group is followed from mastodon.test, with a thread that is not sent yet."""
    async with AsyncExitStack() as stack:
        moot = await raise_node(
            stack, "node.test", url_of_node(database_url, tmp_path), tmp_path / "node", net, world, clock
        )
        await moot.person("ana")
        await moot.person("ben")
        garden = await moot.group("garden", "ana", "ben")
        carla = world.actor("carla@mastodon.test")
        assert (await carla.post(f"{garden}/inbox", carla.follow(garden))).status == 202
        await moot.settle()
        opening = await moot.start("ana", "garden", "Beans?", "Where shall they go? 🌱\x0bHere, or “there”?")
        await moot.say("ben", opening, "By the *wall*.")
        assert (
            await carla.post(f"{garden}/inbox", carla.create(carla.note("<p>No!</p>", inReplyTo=opening)))
        ).status == 202
        (moot.node.settings.data / "media" / "icons").mkdir(parents=True)
        (moot.node.settings.data / "media" / "icons" / "ana.png").write_bytes(b"\x89PNG" + bytes(range(256)) * 500)
        yield moot


def url_of_node(url: str, folder: Path) -> str:
    """Where a node itself would have its SQLite: the settings of a node on SQLite name none."""
    if not url.startswith("sqlite"):
        return url
    (folder / "node").mkdir()
    (folder / "node.sqlite3").rename(folder / "node" / "folkmoot.sqlite3")
    return ""


@pytest.fixture
def place(postgres: Postgres, tmp_path: Path) -> Iterator[Place]:
    """Makes an empty place for a node at https://node.test, on the engine of that name."""
    made: list[str] = []

    def make(engine: str) -> Settings:
        settings = Settings(origin="https://node.test", data=tmp_path / f"restored-{len(made)}")
        made.append(postgres.database() if engine == "postgresql" else "")
        return replace(settings, database_url=made[-1])

    yield make
    for url in made:
        if url:
            postgres.drop(url)
