"""Accounts of ours that move away: their followers are told, once the other account agrees, and they fall silent."""

from __future__ import annotations

from typing import Any

import pytest

from node.forum import moving, people
from node.forum.errors import NotAllowed
from storage import people as stored_people
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import Document, ScriptedActor, ScriptedServer


async def move(node: Moot, name: str, target: ScriptedActor) -> None:
    """What the page and the console do."""
    uri = f"{node.origin}/{'g' if name == 'garden' else 'u'}/{name}"
    target_id = await node.node.network.find_actor(target.uri)
    await node.node.network.must_agree(uri, target_id)

    def act(work: Work) -> None:
        actor = stored_people.by_name(work, name)
        assert actor is not None
        moving.move_away(work, actor, stored_people.by_id(work, target_id), by=None)

    await node.storage.write(act)
    await node.node.network.lead_followers(uri, target.uri)
    await node.settle()


def got(world: ScriptedServer, who: ScriptedActor) -> list[Document]:
    return [letter.json() for letter in world.letters if letter.url in (who.inbox, who.shared_inbox)]


async def followed_by(node: Moot, world: ScriptedServer, uri: str) -> ScriptedActor:
    maria = world.actor("maria@mastodon.test")
    await deliver(node, maria, maria.follow(uri))
    world.requests.clear()
    return maria


async def test_followers_are_told_and_the_document_says_where(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    maria = await followed_by(node, world, ana)
    there = world.actor("ana@victim.test", alsoKnownAs=[ana])

    await move(node, "ana", there)

    update, moved = got(world, maria)
    assert (update["type"], update["object"]["movedTo"]) == ("Update", there.uri)
    assert (moved["type"], moved["actor"], moved["object"], moved["target"]) == ("Move", ana, ana, there.uri)
    world.learn_actor(await node.document(ana))
    assert all(letter.verified for letter in world.letters)
    assert (await node.document(ana))["movedTo"] == there.uri


async def test_who_moved_says_nothing_more_and_cannot_be_followed(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    await node.person("ben")
    await node.group("garden", "ben", "ana")
    thread = await node.start("ben", "garden", "Tools")
    await move(node, "ana", world.actor("ana@victim.test", alsoKnownAs=[ana]))

    with pytest.raises(NotAllowed, match="moved to"):
        await node.say("ana", thread, "Still here")
    with pytest.raises(NotAllowed, match="moved to"):
        await node.start("ana", "garden", "Still here")
    lena = world.actor("lena@lemmy.test")
    await deliver(node, lena, lena.follow(ana))
    assert [it["type"] for it in got(world, lena)] == ["Reject"]
    await node.storage.write(lambda work: moving.stay(work, _named(work, "ana")))
    assert "movedTo" not in await node.document(ana)
    assert await node.say("ana", thread, "Back again")


async def test_nobody_moves_to_an_account_that_does_not_name_theirs(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """AUT-33"""
    ana = await node.person("ana")
    maria = await followed_by(node, world, ana)
    there = world.actor("ana@victim.test", alsoKnownAs=[ana])
    await node.node.network.find_actor(there.uri)
    there.publish(there.document | {"alsoKnownAs": []})  # what was remembered is not asked

    with pytest.raises(NotAllowed, match="does not say"):
        await move(node, "ana", there)

    await node.settle()
    assert got(world, maria) == []
    there.publish(there.document)
    await move(node, "ana", there)
    await node.storage.write(lambda work: moving.stay(work, _named(work, "ana")))
    with pytest.raises(NotAllowed, match="within the last 7 days"):
        await move(node, "ana", there)
    clock.forward(days=8)
    await move(node, "ana", there)


async def test_those_here_who_follow_are_led_along(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    await node.person("ben")
    await node.storage.write(lambda work: people.follow(work, _named(work, "ben"), _named(work, "ana")) and None)
    there = world.actor("ana@victim.test", alsoKnownAs=[ana])

    await move(node, "ana", there)

    assert [(it["type"], it["actor"]) for it in got(world, there)] == [("Follow", f"{node.origin}/u/ben")]


async def test_the_last_admin_of_a_group_does_not_leave_it_alone(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    await node.group("garden", "ana")

    with pytest.raises(NotAllowed, match="last admin"):
        await move(node, "ana", world.actor("ana@victim.test", alsoKnownAs=[ana]))


async def test_a_group_that_moves_is_archived(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = await followed_by(node, world, garden)

    await move(node, "garden", world.actor("garden@lemmy.test", "Group", alsoKnownAs=[garden]))

    assert {it["type"] for it in got(world, maria)} == {"Update", "Move"}
    assert (await node.document(garden))["postingRestrictedToMods"]
    with pytest.raises(NotAllowed, match="archived"):
        await node.start("ana", "garden", "One more")


def _named(work: Work, name: str) -> Any:
    actor = stored_people.by_name(work, name)
    assert actor is not None
    return actor
