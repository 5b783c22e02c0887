"""Threads that a followed group of another server passes on come into the list, as their own server has them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.forum import people, servers
from storage import followed_posts
from storage import people as stored_people
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import copy, deliver, outcomes
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedActor, ScriptedServer

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def bikes(node: Moot, world: ScriptedServer, follow: Ask) -> ScriptedActor:
    """A community on a Lemmy that ana follows, and ben does not."""
    await node.person("ana")
    await node.person("ben")
    bikes = world.actor("bikes@lemmy.test", "Group")
    await follow("ana", bikes)
    return bikes


@pytest.fixture
def lena(world: ScriptedServer) -> ScriptedActor:
    """Someone who writes in it, whom nobody here follows."""
    return world.actor("lena@lemmy.test")


def page(author: ScriptedActor, group: ScriptedActor, **extra: Any) -> Document:
    """A thread as Lemmy writes it, served at its id."""
    made = author.note("<p>Which pump?</p>", type="Page", name="Pumps", audience=group.uri)
    made |= {"to": [group.uri, PUBLIC], "cc": [], "attachment": [{"type": "Link", "href": "https://pumps.test/"}]}
    return author.publish(made | extra)


def wrapped(group: ScriptedActor, activity: Document) -> Document:
    return group.announce({key: value for key, value in activity.items() if key != "@context"})


async def test_a_lemmy_s_thread_is_listed_with_its_author_and_the_group(
    node: Moot, bikes: ScriptedActor, lena: ScriptedActor, read: Ask
) -> None:
    thread = page(lena, bikes)
    created = lena.create(thread)
    bikes.server.serve(created["id"], created)
    await deliver(node, bikes, wrapped(bikes, created), bikes.announce(thread["id"]))

    [listed] = await read("ana")
    assert (listed.title, listed.author.handle) == ("Pumps", "lena@lemmy.test")
    assert listed.group is not None and listed.group.handle == "bikes@lemmy.test"
    assert listed.attachments[0]["url"] == "https://pumps.test/"
    assert await read("ben") == []


async def test_a_plain_announce_is_fetched_from_its_origin_once(
    node: Moot, bikes: ScriptedActor, world: ScriptedServer, read: Ask
) -> None:
    bob = world.actor("bob@victim.test")
    note = bob.publish(bob.note("<p>Look here</p>"))
    await deliver(node, bikes, bikes.announce(note["id"]))
    assert [listed.author.handle for listed in await read("ana")] == ["bob@victim.test"]

    world.requests.clear()
    await deliver(node, bikes, bikes.announce(note["id"]))
    assert world.fetches == []


async def test_a_group_that_writes_itself_is_listed(node: Moot, bikes: ScriptedActor, read: Ask) -> None:
    thread = page(bikes, bikes)
    other = page(bikes, bikes, name="Saddles")
    await deliver(node, bikes, bikes.create(thread), wrapped(bikes, bikes.create(other)))

    assert [listed.title for listed in await read("ana")] == ["Saddles", "Pumps"]


async def test_a_group_is_believed_only_as_far_as_the_author_s_server_confirms(
    node: Moot, bikes: ScriptedActor, world: ScriptedServer, kept: Ask, read: Ask
) -> None:
    """AUT: what a group says that somebody said."""
    bob = world.actor("bob@victim.test")
    forged = bob.note("<p>I never said that</p>")
    other = bob.publish(bob.note("<p>What I said</p>"))
    await deliver(
        node,
        bikes,
        wrapped(bikes, bob.create(forged)),
        wrapped(bikes, bob.create(copy(other, content="<p>What I did not say</p>"))),
        bikes.announce(copy(forged, id=f"{bikes.base}/notes/1")),
    )

    assert await kept() == {other["id"]}
    assert [listed.html for listed in await read("ana")] == ["<p>What I said</p>"]


async def test_answers_in_a_group_and_what_is_not_public_are_not_listed_nor_asked_for(
    node: Moot, bikes: ScriptedActor, lena: ScriptedActor, kept: Ask, world: ScriptedServer
) -> None:
    thread = page(lena, bikes)
    answer = lena.publish(lena.note("<p>That one</p>", inReplyTo=thread["id"], to=[bikes.uri, PUBLIC]))
    private = lena.publish(lena.note("<p>Among us</p>", to=[lena.followers], cc=[]))
    vote = lena.vote(thread["id"], bikes.uri, "Yes")["object"]
    lena.publish(vote)
    world.requests.clear()
    await deliver(node, bikes, wrapped(bikes, lena.create(answer)))
    assert world.fetches == []
    assert (await outcomes(node))[-1] == "refused: a group tells what concerns nothing here"

    await deliver(node, bikes, *(bikes.announce(it["id"]) for it in (answer, private, vote)))
    assert await kept() == set()


async def test_boosts_by_people_and_by_groups_that_nobody_follows_fetch_nothing(
    node: Moot, bikes: ScriptedActor, world: ScriptedServer, follow: Ask, kept: Ask
) -> None:
    maria, other = world.actor("maria@mastodon.test"), world.actor("cars@lemmy.test", "Group")
    bob = world.actor("bob@victim.test")
    await follow("ana", maria)
    note = bob.publish(bob.note("<p>Look here</p>"))
    await deliver(node, other, other.follow(f"{node.origin}/u/ana"))  # it is known, and that is all
    world.requests.clear()
    await deliver(node, maria, maria.announce(note["id"]))
    await deliver(node, other, other.announce(note["id"]), wrapped(other, bob.create(note)))

    assert await kept() == set()
    assert world.fetches == []


async def test_an_edit_and_a_deletion_come_through_the_group_as_well(
    node: Moot, bikes: ScriptedActor, lena: ScriptedActor, read: Ask, kept: Ask, world: ScriptedServer
) -> None:
    thread = page(lena, bikes)
    await deliver(node, bikes, wrapped(bikes, lena.create(thread)))
    edited = lena.publish(copy(thread, content="<p>Which pump, then?</p>", updated="2026-11-22T11:59:00Z"))
    await deliver(node, bikes, wrapped(bikes, lena.update(edited)))
    assert [listed.html for listed in await read("ana")] == ["<p>Which pump, then?</p>"]

    world.gone(thread["id"])
    await deliver(node, bikes, wrapped(bikes, lena.delete(thread["id"])))
    assert await kept() == set()
    lena.publish(thread)
    await deliver(node, bikes, bikes.announce(thread["id"]), wrapped(bikes, lena.create(thread)))
    assert await kept() == set()


async def test_a_group_takes_back_only_what_it_passed_on(
    node: Moot, bikes: ScriptedActor, lena: ScriptedActor, world: ScriptedServer, follow: Ask, read: Ask, kept: Ask
) -> None:
    cars = world.actor("cars@lemmy.test", "Group")
    await follow("ben", lena)
    await follow("ben", cars)
    thread, second = page(lena, bikes), page(lena, bikes)
    announce = bikes.announce(second["id"])
    await deliver(node, bikes, wrapped(bikes, lena.create(thread)), announce)
    await deliver(node, cars, wrapped(cars, lena.delete(thread["id"])))
    assert len(await read("ana")) == 2

    await deliver(node, bikes, wrapped(bikes, lena.delete(thread["id"])), bikes.undo(announce))
    assert await read("ana") == []
    assert len(await read("ben")) == 2  # who follows the author reads it still
    await deliver(node, bikes, copy(announce, published="2026-11-22T11:00:00Z"))
    assert await read("ana") == []


async def test_with_the_group_goes_what_it_passed_on(
    node: Moot, bikes: ScriptedActor, lena: ScriptedActor, read: Ask, kept: Ask
) -> None:
    await deliver(node, bikes, wrapped(bikes, lena.create(page(lena, bikes))))

    def suspend(work: Work, suspended: bool) -> None:
        actor = stored_people.by_uri(work, bikes.uri)
        assert actor is not None
        people.suspend(work, actor, "spam", suspended=suspended)

    await node.storage.write(suspend, True)
    assert await read("ana") == []
    await node.storage.write(suspend, False)
    assert len(await read("ana")) == 1

    def unfollow(work: Work) -> None:
        follower, target = stored_people.by_name(work, "ana"), stored_people.by_uri(work, bikes.uri)
        assert follower is not None and target is not None
        people.unfollow(work, follower, target)

    await node.storage.write(unfollow)
    assert await kept() == set()


async def test_nothing_is_fetched_from_a_blocked_server(
    node: Moot, bikes: ScriptedActor, world: ScriptedServer, kept: Ask
) -> None:
    """AUT-43"""
    bob = world.actor("bob@victim.test")
    note = bob.publish(bob.note("<p>Buy</p>"))
    await node.storage.write(servers.block, None, "victim.test", "spam")
    world.requests.clear()
    await deliver(node, bikes, bikes.announce(note["id"]), wrapped(bikes, bob.create(note)))

    assert await kept() == set()
    assert [fetch for fetch in world.fetches if fetch.host == "victim.test"] == []


async def test_a_group_that_floods_is_heard_up_to_a_measure(
    node: Moot, bikes: ScriptedActor, lena: ScriptedActor, kept: Ask, world: ScriptedServer, clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """FET-12: what it makes us fetch is bounded as well."""
    monkeypatch.setattr(followed_posts, "PER_HOUR", 3)
    threads = [page(lena, bikes) for _ in range(6)]
    await deliver(node, bikes, *(bikes.announce(thread["id"]) for thread in threads))

    assert await kept() == {thread["id"] for thread in threads[:3]}
    assert not {thread["id"] for thread in threads[3:]} & {fetch.url for fetch in world.fetches}
    clock.forward(hours=2)
    late = page(lena, bikes)
    await deliver(node, bikes, bikes.announce(late["id"]))
    assert late["id"] in await kept()
