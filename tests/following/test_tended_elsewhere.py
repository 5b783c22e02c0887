"""What moderators of a followed group elsewhere do is seen in the list, as the group itself passes it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.forum import remarks, threads
from node.forum.errors import NotAllowed
from storage import people as stored_people
from storage.work import Work
from tests.equipment.incoming import deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedActor, ScriptedServer

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def bikes(node: Moot, world: ScriptedServer, follow: Ask) -> ScriptedActor:
    """A community on a Lemmy that ana follows."""
    await node.person("ana")
    bikes = world.actor("bikes@lemmy.test", "Group")
    bikes.publish(bikes.document | {"featured": f"{bikes.uri}/featured", "attributedTo": f"{bikes.uri}/moderators"})
    await follow("ana", bikes)
    return bikes


@pytest.fixture
async def pumps(node: Moot, world: ScriptedServer, bikes: ScriptedActor) -> str:
    """A thread that it passed on; answers its id."""
    lena = world.actor("lena@lemmy.test")
    page = lena.note("<p>Which pump?</p>", type="Page", name="Pumps", audience=bikes.uri)
    page = lena.publish(page | {"to": [bikes.uri, PUBLIC], "cc": []})
    await deliver(node, bikes, bikes.announce(page["id"]))
    return str(page["id"])


def by(actor: ScriptedActor, kind: str, about: str, group: ScriptedActor, **extra: Any) -> Document:
    uri = f"{actor.base}/activities/{kind.lower()}/{actor.server.fresh()}"
    return actor.activity(kind, about, id=uri, to=[PUBLIC], cc=[group.uri], audience=group.uri, **extra)


def wrapped(group: ScriptedActor, activity: Document) -> Document:
    return group.announce({key: value for key, value in activity.items() if key != "@context"})


async def test_a_thread_that_is_locked_there_is_marked_and_not_answered_from_here(
    node: Moot, world: ScriptedServer, bikes: ScriptedActor, pumps: str, read: Ask
) -> None:
    mod = world.actor("mod@lemmy.test")
    locked = by(mod, "Lock", pumps, bikes)
    found = await node.node.network.find_elsewhere(pumps)

    def answer(work: Work) -> str:
        ana = stored_people.by_name(work, "ana")
        assert ana is not None
        return remarks.answer(work, ana, found, threads.compose(work, "A foot pump.")).uri

    await deliver(node, bikes, wrapped(bikes, locked), wrapped(bikes, locked))
    [listed] = await read("ana")
    assert listed.locked
    with pytest.raises(NotAllowed, match="locked on its own server"):
        await node.storage.write(answer)

    undo = mod.undo(locked, to=[PUBLIC], cc=[bikes.uri], audience=bikes.uri)
    await deliver(node, bikes, wrapped(bikes, undo), wrapped(bikes, locked))
    [listed] = await read("ana")
    assert not listed.locked  # and what was undone does not come back (REL-24)
    assert await node.storage.write(answer)


async def test_a_post_that_says_itself_that_it_takes_no_answers_is_not_answered(
    node: Moot, world: ScriptedServer
) -> None:
    await node.person("ana")
    lena = world.actor("lena@lemmy.test")
    page = lena.publish(lena.note("<p>Closed</p>", type="Page", name="Closed", commentsEnabled=False))
    found = await node.node.network.find_elsewhere(page["id"])

    def answer(work: Work) -> None:
        ana = stored_people.by_name(work, "ana")
        assert ana is not None
        remarks.answer(work, ana, found, threads.compose(work, "Still"))

    with pytest.raises(NotAllowed, match="locked"):
        await node.storage.write(answer)


async def test_a_thread_that_is_pinned_there_is_marked_until_it_is_not(
    node: Moot, world: ScriptedServer, bikes: ScriptedActor, pumps: str, read: Ask
) -> None:
    mod = world.actor("mod@lemmy.test")
    added = by(mod, "Add", pumps, bikes, target=f"{bikes.uri}/featured")
    await deliver(node, bikes, wrapped(bikes, added), wrapped(bikes, added))
    assert [listed.pinned for listed in await read("ana")] == [True]

    await deliver(node, bikes, wrapped(bikes, by(mod, "Remove", pumps, bikes, target=f"{bikes.uri}/featured")))

    assert [listed.pinned for listed in await read("ana")] == [False]


async def test_nobody_but_the_group_that_passed_it_on_marks_a_thread(
    node: Moot, world: ScriptedServer, bikes: ScriptedActor, pumps: str, follow: Ask, read: Ask
) -> None:
    """AUT-25, AUT-27"""
    mallory, other = world.actor("mallory@mallory.test"), world.actor("other@mallory.test", "Group")
    other.publish(other.document | {"featured": f"{other.uri}/featured"})
    await follow("ana", other)
    locked = by(mallory, "Lock", pumps, bikes)
    pinned = by(mallory, "Add", pumps, bikes, target=f"{bikes.uri}/featured")
    theirs = by(mallory, "Add", pumps, other, target=f"{other.uri}/featured")

    await deliver(node, mallory, locked, pinned, wrapped(mallory, locked))
    await deliver(node, other, wrapped(other, locked), wrapped(other, pinned), wrapped(other, theirs))

    assert [(listed.locked, listed.pinned) for listed in await read("ana")] == [(False, False)]
