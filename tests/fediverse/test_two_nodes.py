"""Two nodes of ours, each with its own database, talk to each other over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from node.fediverse import remarks as other_remarks
from node.forum import people, remarks, threads
from storage import people as stored_people
from storage import remarks as stored_remarks
from storage.schema import Actor, Remark
from storage.work import Storage, Work
from tests.conftest import HeldClock
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node


@pytest.fixture
async def other(node: Moot, net: LoopbackNet, clock: HeldClock, tmp_path: Path) -> AsyncIterator[Moot]:
    """A second node, on SQLite, that the first can find."""
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    storage = Storage(url, origin="https://other.test")
    storage.migrate()
    storage.close()
    async with AsyncExitStack() as stack:
        yield await raise_node(stack, "other.test", url, tmp_path / "other", net, None, clock)


async def both_settle(*moots: Moot) -> None:
    """Until neither has anything left to do for the other."""
    for _ in range(4):
        for moot in moots:
            await moot.settle()


async def test_a_group_is_followed_and_answered_from_another_node(node: Moot, other: Moot) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    lia = await other.person("lia", "Lia Berg")

    # Lia follows the group.
    garden_there = await other.node.network.find_actor("@garden@node.test")
    await other.storage.write(_follow, lia, garden_there)
    await both_settle(other, node)
    assert await node.follower_count(garden) == 1
    assert await other.storage.read(_follow_state, lia, garden_there) == "accepted"

    # Her answer appears in its place and among the thread's replies.
    thread = await node.start("ana", "garden", "Tools", "Who has a ladder?")
    await both_settle(node, other)
    answered = await other_remarks.find_elsewhere(other.node, thread)
    remark = await other.storage.write(_answer, lia, answered, "I have one, a **long** one.")
    await both_settle(other, node)
    assert "a <strong>long</strong> one" in (await node.said(remark) or "")
    assert remark in (await node.document(thread))["replies"]["first"]["items"]
    page = await node.page(thread)
    assert "lia@other.test" in page and "a <strong>long</strong> one" in page

    # Her edit and her like.
    await other.storage.write(_edit, remark, "I have one, but it is short.")
    await other.storage.write(_like, lia, answered)
    await other.storage.write(_like, lia, answered)
    await both_settle(other, node)
    assert "but it is short" in (await node.said(remark) or "")
    assert (await node.document(thread))["likes"]["totalItems"] == 1

    # Somebody here answers her, and she is told: her node is among those that get the Create.
    comment = await node.say("ana", remark, "Short is fine.")
    await both_settle(node, other)
    assert (await node.document(comment))["inReplyTo"] == remark
    assert lia in (await node.document(comment))["cc"]

    # She takes her like back and deletes her answer: a placeholder holds Ana's comment in its place.
    await other.storage.write(_like, lia, answered, undone=True)
    await other.storage.write(_erase, remark)
    await both_settle(other, node)
    assert (await node.document(thread))["likes"]["totalItems"] == 0
    gone = await node.item(remark)
    assert gone is not None and gone.state == "deleted" and gone.html == ""
    assert await node.said(comment) is not None
    assert (await other.get(remark))[0] == 410
    assert "but it is short" not in await node.page(thread)


def _me(work: Work, uri: str) -> Actor:
    actor = stored_people.by_uri(work, uri)
    assert actor is not None
    return actor


def _follow(work: Work, follower: str, target_id: int) -> None:
    people.follow(work, _me(work, follower), stored_people.by_id(work, target_id))


def _follow_state(work: Work, follower: str, target_id: int) -> str | None:
    known = stored_people.follow_of(work, _me(work, follower).id, target_id)
    return known.state if known is not None else None


def _answer(work: Work, author: str, answered: remarks.Elsewhere, source: str) -> str:
    return remarks.answer(work, _me(work, author), answered, threads.compose(work, source)).uri


def _remark(work: Work, uri: str) -> Remark:
    remark = stored_remarks.by_uri(work, uri)
    assert remark is not None
    return remark


def _edit(work: Work, uri: str, source: str) -> None:
    remark = _remark(work, uri)
    remarks.edit(work, stored_people.by_id(work, remark.author_id), remark, threads.compose(work, source))


def _erase(work: Work, uri: str) -> None:
    remark = _remark(work, uri)
    remarks.erase(work, stored_people.by_id(work, remark.author_id), remark)


def _like(work: Work, actor: str, liked: remarks.Elsewhere, *, undone: bool = False) -> None:
    remarks.like(work, _me(work, actor), liked, undone=undone)
