"""Accounts of other servers that move: who follows them here goes along, if both ends say so."""

from __future__ import annotations

from typing import Any

import pytest

from node.forum import blocking, moving, people
from node.forum import members as forum_members
from node.forum.errors import NotAllowed
from storage import blocks, groups
from storage import people as stored_people
from storage.schema import Actor, Follow, Group
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import a_thread, deliver, items, outcomes
from tests.equipment.nodes import Moot
from tests.peers.scripted import Document, ScriptedActor, ScriptedServer


def move(actor: ScriptedActor, target: str, **extra: Any) -> Document:
    """A Move as Mastodon writes it: no addressees."""
    return actor.activity("Move", actor.uri, target=target, **extra)


def agree(old: ScriptedActor, new: ScriptedActor) -> None:
    """Both documents say what a move needs."""
    old.publish(old.document | {"movedTo": new.uri})
    new.publish(new.document | {"alsoKnownAs": [new.document["url"], old.uri]})


async def follow(node: Moot, name: str, target: ScriptedActor) -> None:
    """One of ours follows them, and they said yes."""
    target_id = await node.node.network.find_actor(target.uri)

    def ask(work: Work) -> str:
        follower = stored_people.by_name(work, name)
        assert follower is not None
        return people.follow(work, follower, stored_people.by_id(work, target_id)).uri or ""

    uri = await node.storage.write(ask)
    await node.settle()
    theirs = {"id": uri, "type": "Follow", "actor": f"{node.origin}/u/{name}", "object": target.uri}
    await deliver(node, target, target.accept(theirs))


async def followed(node: Moot, name: str) -> dict[str, str]:
    """Whom one of ours follows or asked, and how far that came."""

    def ask(work: Work) -> dict[str, str]:
        follower = stored_people.by_name(work, name)
        assert follower is not None
        rows = work.query(Follow).filter(Follow.follower_id == follower.id)
        return {stored_people.by_id(work, row.target_id).uri: row.state for row in rows}

    return await node.storage.read(ask)


async def actor(node: Moot, uri: str) -> Actor:
    found = await node.storage.read(stored_people.by_uri, uri)
    assert found is not None
    return found


@pytest.fixture
async def old(node: Moot, world: ScriptedServer) -> ScriptedActor:
    """Maria, whom ana and ben follow."""
    maria = world.actor("maria@mastodon.test")
    for name in ("ana", "ben"):
        await node.person(name)
        await follow(node, name, maria)
    return maria


@pytest.fixture
def new(world: ScriptedServer) -> ScriptedActor:
    """Maria's other account."""
    return world.actor("maria@victim.test")


async def test_who_follows_goes_along_when_both_ends_agree(
    node: Moot, world: ScriptedServer, old: ScriptedActor, new: ScriptedActor
) -> None:
    agree(old, new)
    world.requests.clear()

    await deliver(node, old, move(old, new.uri))

    assert await followed(node, "ana") == {new.uri: "pending"}
    assert await followed(node, "ben") == {new.uri: "pending"}
    asked = [letter.json() for letter in world.letters_to(new.inbox)]
    assert [(it["type"], it["object"]) for it in asked] == [("Follow", new.uri)] * 2
    left = [letter.json() for letter in world.letters_to(old.inbox)]
    assert [(it["type"], it["object"]["type"]) for it in left] == [("Undo", "Follow")] * 2
    assert (await actor(node, old.uri)).moved_to == new.uri


async def test_a_move_that_comes_again_moves_nobody_twice(
    node: Moot, world: ScriptedServer, old: ScriptedActor, new: ScriptedActor
) -> None:
    """SIG-47"""
    agree(old, new)
    await deliver(node, old, move(old, new.uri))
    world.requests.clear()

    await deliver(node, old, move(old, new.uri), move(old, new.uri))

    assert world.letters == []
    assert await followed(node, "ana") == {new.uri: "pending"}


async def test_a_move_that_was_interrupted_goes_on_when_its_letter_is_read_again(
    node: Moot, old: ScriptedActor, new: ScriptedActor
) -> None:
    """REL-04"""
    agree(old, new)
    await node.node.network.find_actor(new.uri)

    def begin(work: Work) -> None:
        first, second = stored_people.by_uri(work, old.uri), stored_people.by_uri(work, new.uri)
        assert first is not None and second is not None
        moving.take(work, first, second)

    await node.storage.write(begin)  # and the process ends here
    assert await followed(node, "ana") == {old.uri: "accepted"}

    await deliver(node, old, move(old, new.uri))

    assert await followed(node, "ana") == {new.uri: "pending"}
    assert await followed(node, "ben") == {new.uri: "pending"}


async def test_many_followers_go_along_in_pieces(
    node: Moot, old: ScriptedActor, new: ScriptedActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "PIECE", 1)
    agree(old, new)

    await deliver(node, old, move(old, new.uri))

    assert await followed(node, "ana") == await followed(node, "ben") == {new.uri: "pending"}


@pytest.mark.parametrize("missing", ["alsoKnownAs", "movedTo", "both", "another"])
async def test_a_move_that_one_end_does_not_confirm_has_no_effect(
    node: Moot, world: ScriptedServer, old: ScriptedActor, new: ScriptedActor, missing: str
) -> None:
    """AUT-33: without reciprocal alsoKnownAs"""
    if missing == "alsoKnownAs":
        old.publish(old.document | {"movedTo": new.uri})
    elif missing == "movedTo":
        new.publish(new.document | {"alsoKnownAs": [old.uri]})
    elif missing == "another":
        old.publish(old.document | {"movedTo": world.actor("other@victim.test").uri})
        new.publish(new.document | {"alsoKnownAs": [old.uri]})

    await deliver(node, old, move(old, new.uri))

    assert await followed(node, "ana") == {old.uri: "accepted"}
    assert (await actor(node, old.uri)).moved_to is None


async def test_nobody_moves_another(node: Moot, world: ScriptedServer, old: ScriptedActor, new: ScriptedActor) -> None:
    """AUT-33: of another"""
    mallory = world.actor("mallory@mallory.test")
    agree(old, new)

    await deliver(
        node,
        mallory,
        mallory.activity("Move", old.uri, target=new.uri),
        mallory.activity("Move", old.uri, target=mallory.uri),
    )
    reply = await mallory.post(f"{node.origin}/inbox", move(old, new.uri))
    await node.settle()

    assert reply.status == 401
    assert await followed(node, "ana") == {old.uri: "accepted"}


async def test_a_stranger_cannot_move_to_whom_it_names(node: Moot, world: ScriptedServer, old: ScriptedActor) -> None:
    """AUT-33: the account that is moved to has to say so itself"""
    mallory = world.actor("mallory@mallory.test")
    mallory.publish(mallory.document | {"movedTo": old.uri, "alsoKnownAs": [old.uri]})

    await deliver(node, mallory, move(mallory, old.uri))

    assert (await outcomes(node))[-1].endswith("does not say that it is the same one")


async def test_moves_in_a_circle_and_to_oneself_have_no_effect(
    node: Moot, old: ScriptedActor, new: ScriptedActor
) -> None:
    """AUT-33: in loops"""
    old.publish(old.document | {"movedTo": old.uri, "alsoKnownAs": [old.uri]})
    await deliver(node, old, move(old, old.uri))
    old.publish(old.document | {"movedTo": new.uri, "alsoKnownAs": [new.uri]})
    new.publish(new.document | {"movedTo": old.uri, "alsoKnownAs": [old.uri]})

    for _ in range(2):
        await deliver(node, old, move(old, new.uri))
        await deliver(node, new, move(new, old.uri))

    assert await followed(node, "ana") == {old.uri: "accepted"}


async def test_after_a_move_the_next_one_waits_seven_days(
    node: Moot, world: ScriptedServer, old: ScriptedActor, new: ScriptedActor, clock: HeldClock
) -> None:
    """AUT-33: cooldown 7 days"""
    agree(old, new)
    await deliver(node, old, move(old, new.uri))
    third = world.actor("maria@lemmy.test")
    old.publish(old.document)
    await deliver(node, old, old.update(old.document))
    await follow(node, "ana", old)
    agree(old, third)

    await deliver(node, old, move(old, third.uri))
    assert await followed(node, "ana") == {new.uri: "pending", old.uri: "accepted"}
    clock.forward(days=7, seconds=1)
    await deliver(node, old, move(old, third.uri, again=True))

    assert await followed(node, "ana") == {new.uri: "pending", third.uri: "pending"}


async def test_who_moved_cannot_be_followed_and_can_once_it_came_back(
    node: Moot, old: ScriptedActor, new: ScriptedActor, clock: HeldClock
) -> None:
    agree(old, new)
    await deliver(node, old, move(old, new.uri))

    with pytest.raises(NotAllowed, match="moved to"):
        await follow(node, "ana", old)
    old.publish(old.document)
    clock.forward(days=2)
    await deliver(node, old, old.update(old.document))
    await follow(node, "ana", old)

    assert (await followed(node, "ana"))[old.uri] == "accepted"


async def test_a_move_to_one_of_ours_counts_when_they_said_so(
    node: Moot, world: ScriptedServer, old: ScriptedActor
) -> None:
    """AUT-33: to a local actor"""
    carla = await node.person("carla")
    old.publish(old.document | {"movedTo": carla})
    await deliver(node, old, move(old, carla))
    assert await followed(node, "ana") == {old.uri: "accepted"}

    def say_so(work: Work) -> None:
        member = stored_people.by_name(work, "carla")
        assert member is not None
        moving.set_aliases(work, member, [old.uri])

    await node.storage.write(say_so)
    await deliver(node, old, move(old, carla, again=True))

    assert (await node.document("/u/carla"))["alsoKnownAs"] == [old.uri]
    assert await followed(node, "ana") == await followed(node, "ben") == {carla: "accepted"}


async def test_a_seat_in_a_group_goes_over_and_words_keep_their_author(
    node: Moot, world: ScriptedServer, new: ScriptedActor
) -> None:
    thread = await a_thread(node)
    old = world.actor("maria@mastodon.test")
    note = old.note("<p>I have one.</p>", inReplyTo=thread)
    await deliver(node, old, old.create(note))
    await _seat(node, old.uri, "moderator")
    agree(old, new)

    await deliver(node, old, move(old, new.uri))

    assert await _role(node, new.uri) == "moderator"
    assert await _role(node, old.uri) is None
    assert (await items(node, thread))[note["id"]].author == old.uri
    moderators = (await node.document("/g/garden/moderators"))["orderedItems"]
    assert new.uri in moderators and old.uri not in moderators


async def test_a_ban_is_not_left_behind_by_moving(node: Moot, world: ScriptedServer, new: ScriptedActor) -> None:
    thread = await a_thread(node)
    old = world.actor("maria@mastodon.test")
    await deliver(node, old, old.like(thread))
    await _seat(node, old.uri, "banned")
    agree(old, new)

    await deliver(node, old, move(old, new.uri))
    await deliver(node, new, new.create(new.note("<p>Here again</p>", inReplyTo=thread)))

    assert (await _role(node, old.uri), await _role(node, new.uri)) == ("banned", "banned")
    assert [it.state for it in (await items(node, thread)).values()] == ["visible", "refused"]


async def test_whoever_blocked_somebody_blocks_them_where_they_moved(
    node: Moot, world: ScriptedServer, old: ScriptedActor, new: ScriptedActor
) -> None:
    """PRV-15"""

    def block(work: Work) -> None:
        ana, target = stored_people.by_name(work, "ana"), stored_people.by_uri(work, old.uri)
        assert ana is not None and target is not None
        blocking.block(work, ana, target)

    def blocked(work: Work) -> list[str]:
        ana = stored_people.by_name(work, "ana")
        assert ana is not None
        return sorted(one.person.uri for one in blocks.blocked_by(work, ana.id))

    await node.storage.write(block)
    await node.settle()
    agree(old, new)
    await deliver(node, old, move(old, new.uri))
    assert await node.storage.read(blocked) == sorted([old.uri, new.uri])
    assert await followed(node, "ana") == {}
    assert new.uri in await followed(node, "ben")


async def test_a_group_that_moved_is_followed_where_it_is(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    bikes, cycling = world.actor("bikes@lemmy.test", "Group"), world.actor("cycling@victim.test", "Group")
    await follow(node, "ana", bikes)
    agree(bikes, cycling)

    await deliver(node, bikes, move(bikes, cycling.uri))

    assert await followed(node, "ana") == {cycling.uri: "pending"}


async def test_a_person_does_not_become_a_group(node: Moot, world: ScriptedServer, old: ScriptedActor) -> None:
    group = world.actor("all@victim.test", "Group")
    agree(old, group)

    await deliver(node, old, move(old, group.uri))

    assert await followed(node, "ana") == {old.uri: "accepted"}


async def test_a_thread_of_others_that_moves_is_not_an_account(
    node: Moot, world: ScriptedServer, old: ScriptedActor
) -> None:
    relocation = old.activity(
        "Move", f"{old.uri}/context/1", origin=f"{old.base}/c/a", target=f"{old.base}/c/b", to=[], cc=[]
    )

    await deliver(node, old, relocation)

    assert (await outcomes(node))[-1] == "Move: an actor moves itself alone"


async def _seat(node: Moot, uri: str, role: str) -> None:
    def act(work: Work) -> None:
        group, person = stored_people.by_name(work, "garden"), stored_people.by_uri(work, uri)
        assert group is not None and person is not None
        forum_members.set_role(work, None, work.get_one(Group, group.id), person, role, "so")

    await node.storage.write(act)
    await node.settle()


async def _role(node: Moot, uri: str) -> str | None:
    def ask(work: Work) -> str | None:
        group, person = stored_people.by_name(work, "garden"), stored_people.by_uri(work, uri)
        assert group is not None and person is not None
        seat = groups.membership(work, group.id, person.id)
        return seat.role if seat is not None else None

    return await node.storage.read(ask)
