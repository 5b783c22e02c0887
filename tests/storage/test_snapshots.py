"""Whether anybody committed anything: asked of the database before a page out of memory is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from node.forum import threads as forum
from node.forum import upkeep
from storage import people, threads
from storage.schema import Fact
from storage.work import Storage
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import raise_node


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Storage]:
    """Another process on the same database, as far as the database can tell."""
    storage = Storage(database_url, origin="https://node.test")
    storage.start()
    yield storage
    storage.close()


def _write(work: Any, name: str) -> None:
    work.add(Fact(name=name, value="x"))


async def test_the_state_stays_while_nobody_commits_and_changes_with_every_commit_of_anybody(
    storage: Storage, elsewhere: Storage
) -> None:
    before = await storage.state()
    assert before is not None
    await storage.read(lambda work: work.get(Fact, "one"))
    assert await storage.state() == before
    await elsewhere.write(_write, "one")
    after = await storage.state()
    assert after != before
    await storage.write(_write, "two")
    assert await storage.state() not in (before, after)


async def test_those_who_ask_at_the_same_time_are_answered_together(postgres_url: str) -> None:
    storage = Storage(postgres_url, origin="https://node.test")
    snapshots, asked = storage._snapshots, []
    assert snapshots is not None
    ask = snapshots._ask

    def count() -> str:
        asked.append(True)
        return ask()

    snapshots._ask = count  # type: ignore[method-assign]
    answers = await asyncio.gather(*(storage.state() for _ in range(50)))
    assert len(set(answers)) == 1 and answers[0] is not None
    assert len(asked) <= 2
    storage.close()


async def test_a_lost_connection_costs_the_answer_and_not_the_next_one(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.snapshots.AGAIN_AFTER", 0.0)
    storage = Storage(postgres_url, origin="https://node.test")
    assert await storage.state() is not None
    assert storage._snapshots is not None
    storage._snapshots._connection.close()
    assert await storage.state() is None
    assert await storage.state() is not None
    storage.close()


async def test_what_another_process_removed_is_never_shown_out_of_memory(
    database_url: str, elsewhere: Storage, net: LoopbackNet, tmp_path: Path
) -> None:
    """Page and document, at each of many removals: not once is the answer older than the commit."""
    async with AsyncExitStack() as stack:
        node = await raise_node(stack, "node.test", database_url, tmp_path / "node", net)
        await node.person("ana")
        await node.group("garden", "ana")
        opening = await node.start("ana", "garden", "Tools", "Who has a ladder?")
        path = opening
        for number in range(8):
            words = f"Word number {number}."
            uri = await node.say("ana", opening, words)
            path = path if number else (await node.get(opening, accept="text/html"))[1].headers["Location"]
            path = path.partition("#")[0]
            for _ in range(2):
                assert words in (await node.page(path))
                assert (await node.get(uri))[0] == 200

            def remove(work: Any, uri: str = uri, number: int = number) -> None:
                comment, ana = threads.comment_by_uri(work, uri), people.by_name(work, "ana")
                assert comment is not None and ana is not None
                if number % 2:
                    forum.erase_comment(work, ana, comment)
                else:
                    upkeep.remove_comment(work, ana, comment, "an advertisement")

            await elsewhere.write(remove)
            assert words not in (await node.page(path))
            assert (await node.get(uri))[0] in (404, 410)
