"""What moderators of other servers do: in groups of ours by their part, in theirs as their group passes it on."""

from __future__ import annotations

from typing import Any

import pytest

from node.forum import members as forum_members
from storage import groups, threads
from storage import people as stored_people
from storage.schema import Group
from storage.work import Work
from tests.equipment.incoming import a_thread, deliver, items, outcomes
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedActor, ScriptedServer


def lock(actor: ScriptedActor, thread: str, group: str, **extra: Any) -> Document:
    """A Lock as Lemmy writes it."""
    uri = f"{actor.base}/activities/lock/{actor.server.fresh()}"
    about = {"id": uri, "to": [PUBLIC], "cc": [group], "audience": group, "summary": "It is settled."}
    return actor.activity("Lock", thread, **about | extra)


def undo_lock(actor: ScriptedActor, locked: Document) -> Document:
    """Its Undo, as Lemmy writes it."""
    return actor.undo(locked, to=[PUBLIC], cc=locked["cc"], audience=locked["audience"])


def listing(actor: ScriptedActor, kind: str, about: str, group: str, collection: str) -> Document:
    """An Add or a Remove as Lemmy writes it."""
    uri = f"{actor.base}/activities/{kind.lower()}/{actor.server.fresh()}"
    to = {"to": [PUBLIC], "cc": [group], "audience": group}
    return actor.activity(kind, about, id=uri, target=f"{group}/{collection}", **to)


@pytest.fixture
async def thread(node: Moot) -> str:
    return await a_thread(node)


@pytest.fixture
async def mod(node: Moot, world: ScriptedServer, thread: str) -> ScriptedActor:
    """A moderator of the group garden, at home on a Lemmy which follows the group."""
    world.nodeinfo("lemmy.test", "lemmy", "0.19.11")
    lena = world.actor("lena@lemmy.test")
    await deliver(node, lena, lena.follow(f"{node.origin}/g/garden"))
    await seat(node, lena.uri, "moderator")
    return lena


async def seat(node: Moot, uri: str, role: str) -> None:
    def act(work: Work) -> None:
        group, person = stored_people.by_name(work, "garden"), stored_people.by_uri(work, uri)
        assert group is not None and person is not None
        forum_members.set_role(work, None, work.get_one(Group, group.id), person, role, "so")

    await node.storage.write(act)
    await node.settle()


async def role(node: Moot, uri: str) -> str | None:
    def ask(work: Work) -> str | None:
        group, person = stored_people.by_name(work, "garden"), stored_people.by_uri(work, uri)
        assert group is not None
        found = groups.membership(work, group.id, person.id) if person is not None else None
        return found.role if found is not None else None

    return await node.storage.read(ask)


async def state(node: Moot, thread: str) -> tuple[bool, bool]:
    """Whether the thread is locked, and pinned."""

    def ask(work: Work) -> tuple[bool, bool]:
        opening = threads.comment_by_uri(work, thread)
        assert opening is not None
        found = threads.by_id(work, opening.thread_id)
        return found.locked_at is not None, found.pinned_at is not None

    return await node.storage.read(ask)


# ------------------------------------------------------------------ locked


async def test_a_moderator_elsewhere_locks_a_thread_and_the_group_says_so(
    node: Moot, world: ScriptedServer, thread: str, mod: ScriptedActor
) -> None:
    garden = f"{node.origin}/g/garden"
    locked = lock(mod, thread, garden)
    world.requests.clear()

    await deliver(node, mod, locked, locked | {"published": "2026-11-22T11:00:00Z"})

    assert await state(node, thread) == (True, False)
    [announce] = [letter.json() for letter in world.letters if letter.json()["type"] == "Announce"]
    assert (announce["actor"], announce["object"]) == (garden, locked)
    maria = world.actor("maria@mastodon.test")
    await deliver(node, maria, maria.create(maria.note("<p>One more</p>", inReplyTo=thread)))
    assert [item.state for item in (await items(node, thread)).values()] == ["visible", "refused"]


async def test_a_lock_is_undone_by_any_moderator_and_does_not_come_back(
    node: Moot, thread: str, mod: ScriptedActor
) -> None:
    """REL-24"""
    garden = f"{node.origin}/g/garden"
    locked = lock(mod, thread, garden)

    await deliver(node, mod, locked, undo_lock(mod, locked), locked | {"published": "2026-11-22T11:00:00Z"})

    assert await state(node, thread) == (False, False)


async def test_the_undo_of_a_lock_that_comes_first_keeps_it_out(node: Moot, thread: str, mod: ScriptedActor) -> None:
    """REL-24"""
    locked = lock(mod, thread, f"{node.origin}/g/garden")

    await deliver(node, mod, undo_lock(mod, locked), locked)

    assert await state(node, thread) == (False, False)


# ------------------------------------------------------------------ pinned, appointed


async def test_a_moderator_elsewhere_pins_a_thread_and_unpins_it(
    node: Moot, world: ScriptedServer, thread: str, mod: ScriptedActor
) -> None:
    garden = f"{node.origin}/g/garden"
    added = listing(mod, "Add", thread, garden, "featured")
    world.requests.clear()

    await deliver(node, mod, added, added | {"published": "2026-11-22T11:00:00Z"})

    assert await state(node, thread) == (False, True)
    [announce] = [letter.json() for letter in world.letters if letter.json()["type"] == "Announce"]
    assert announce["object"] == added
    removed = listing(mod, "Remove", thread, garden, "featured")
    await deliver(node, mod, removed, removed | {"published": "2026-11-22T11:00:00Z"})
    assert await state(node, thread) == (False, False)


async def test_only_admins_appoint_moderators(
    node: Moot, world: ScriptedServer, thread: str, mod: ScriptedActor
) -> None:
    """AUT-25"""
    garden, maria = f"{node.origin}/g/garden", world.actor("maria@mastodon.test")
    await deliver(node, mod, listing(mod, "Add", maria.uri, garden, "moderators"))
    assert await role(node, maria.uri) is None
    await seat(node, mod.uri, "admin")

    await deliver(node, mod, listing(mod, "Add", maria.uri, garden, "moderators"))

    assert await role(node, maria.uri) == "moderator"
    removed = listing(mod, "Remove", maria.uri, garden, "moderators")
    await deliver(node, mod, removed, removed | {"published": "2026-11-22T11:00:00Z"})
    assert await role(node, maria.uri) == "member"


@pytest.mark.parametrize("part", [None, "member", "banned"])
async def test_who_is_no_moderator_has_no_effect(
    node: Moot, world: ScriptedServer, thread: str, part: str | None
) -> None:
    """AUT-25: a stranger, a member, someone banned; raw, and wrapped by a group of theirs (AUT-27)"""
    garden = f"{node.origin}/g/garden"
    mallory, bikes = world.actor("mallory@mallory.test"), world.actor("bikes@mallory.test", "Group")
    await deliver(node, mallory, mallory.like(thread))
    if part is not None:
        await seat(node, mallory.uri, part)
    acts = [
        lock(mallory, thread, garden),
        listing(mallory, "Add", thread, garden, "featured"),
        listing(mallory, "Add", mallory.uri, garden, "moderators"),
        listing(mallory, "Remove", f"{node.origin}/u/ana", garden, "moderators"),
    ]

    await deliver(node, mallory, *acts)
    await deliver(node, bikes, *(bikes.announce({k: v for k, v in act.items() if k != "@context"}) for act in acts))

    assert await state(node, thread) == (False, False)
    assert (await role(node, mallory.uri), await role(node, f"{node.origin}/u/ana")) == (part, "admin")


async def test_nobody_opens_what_a_moderator_locked(
    node: Moot, world: ScriptedServer, thread: str, mod: ScriptedActor
) -> None:
    """AUT-19, AUT-25"""
    mallory = world.actor("mallory@mallory.test")
    locked = lock(mod, thread, f"{node.origin}/g/garden")
    await deliver(node, mod, locked)

    await deliver(
        node, mallory, undo_lock(mallory, locked), undo_lock(mallory, lock(mallory, thread, locked["audience"]))
    )

    assert await state(node, thread) == (True, False)


async def test_pins_of_a_profile_are_not_kept(node: Moot, world: ScriptedServer) -> None:
    """Mastodon's Add has no id and no addressees."""
    maria = world.actor("maria@mastodon.test")
    pin = maria.activity("Add", f"{maria.uri}/statuses/1", target=f"{maria.uri}/collections/featured")
    del pin["id"]

    await deliver(node, maria, pin)

    assert await outcomes(node) == ["Add: about a list that is not kept here"]
