"""What followed people of other servers publish comes into a list, for those who may read it and nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.forum import people, servers
from storage import followed_posts
from storage import people as stored_people
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import a_thread, copy, deliver, notices, outcomes, visible
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, ScriptedActor, ScriptedServer

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def maria(node: Moot, world: ScriptedServer, follow: Ask) -> ScriptedActor:
    """Someone elsewhere whom ana follows, and ben does not."""
    await node.person("ana")
    await node.person("ben")
    maria = world.actor("maria@mastodon.test")
    await follow("ana", maria)
    return maria


async def test_what_someone_publishes_is_read_by_who_follows_them_and_nobody_else(
    node: Moot, maria: ScriptedActor, read: Ask
) -> None:
    note = maria.note("<p>Good <em>morning</em><script>alert(1)</script></p>", summary="Weather", sensitive=True)
    note["attachment"] = [
        {"type": "Document", "mediaType": "image/png", "url": "https://mastodon.test/1.png", "name": "A sky"}
    ]
    article = maria.note("<p>At length.</p>", type="Article", name="On <b>weather</b>", summary="An excerpt")
    await deliver(node, maria, maria.create(note), maria.create(article))

    second, first = await read("ana")
    assert (first.uri, first.author.handle, first.group) == (note["id"], "maria@mastodon.test", None)
    assert first.html.startswith("<p>Good <em>morning</em>") and "script" not in first.html
    assert (first.summary, first.sensitive, first.language) == ("Weather", True, "en")
    assert first.attachments[0]["url"] == "https://mastodon.test/1.png"
    assert (first.page, first.public, first.liked) == (note["url"], True, False)
    assert (second.title, second.summary) == ("On <b>weather</b>", None)
    assert await read("ben") == []
    assert await node.item(note["id"]) is None


async def test_a_poll_is_kept_with_its_choices_to_read(node: Moot, maria: ScriptedActor, read: Ask) -> None:
    poll = maria.note("<p>Which?</p>", type="Question")
    poll["oneOf"] = [{"type": "Note", "name": name} for name in ("Oak", "<i>Ash</i>")]
    await deliver(node, maria, maria.create(poll))

    [listed] = await read("ana")
    assert listed.html.endswith("<ul><li>Oak</li><li>&lt;i&gt;Ash&lt;/i&gt;</li></ul>")


async def test_who_is_not_accepted_gets_nothing(node: Moot, world: ScriptedServer, follow: Ask, kept: Ask) -> None:
    await node.person("ana")
    maria = world.actor("maria@mastodon.test")
    await follow("ana", maria, accepted=False)
    await deliver(node, maria, maria.create(maria.note("<p>Too early</p>")))

    assert await kept() == set()
    assert (await outcomes(node))[-1] == "notfound: It answers nothing here and mentions no group."


async def test_a_group_of_ours_that_follows_reads_no_list(
    node: Moot, world: ScriptedServer, follow: Ask, kept: Ask
) -> None:
    await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    target_id = await node.node.network.find_actor(maria.uri)

    def ask(work: Work) -> str:
        group = stored_people.by_name(work, "garden")
        assert group is not None
        return people.follow(work, group, stored_people.by_id(work, target_id)).uri or ""

    uri = await node.storage.write(ask)
    theirs = {"id": uri, "type": "Follow", "actor": f"{node.origin}/g/garden", "object": maria.uri}
    await deliver(node, maria, maria.accept(theirs), maria.create(maria.note("<p>Hello</p>")))

    assert await kept() == set()


async def test_what_is_for_followers_is_read_by_followers_only(
    node: Moot, maria: ScriptedActor, read: Ask, kept: Ask, follow: Ask
) -> None:
    """PRV-09"""
    bob = maria.server.actor("bob@mastodon.test")
    await follow("ben", bob)
    to_followers = maria.note("<p>Among us</p>", to=[maria.followers], cc=[f"{node.origin}/u/ben"])
    direct = maria.note("<p>For ana alone</p>", to=[f"{node.origin}/u/ana"], cc=[])
    to_others = maria.note("<p>For the followers of bob</p>", to=[bob.followers], cc=[])
    await deliver(node, maria, *(maria.create(note) for note in (to_followers, direct, to_others)))

    [listed] = await read("ana")
    assert (listed.uri, listed.public) == (to_followers["id"], False)
    assert await read("ben") == []
    assert await kept() == {to_followers["id"]}
    # Whoever is named in it, and those it was written to, are told as ever.
    assert await notices(node) == [("ben", "<p>Among us</p>"), ("ana", "<p>For ana alone</p>")]


async def test_an_unlisted_post_is_public(node: Moot, maria: ScriptedActor, read: Ask) -> None:
    await deliver(node, maria, maria.create(maria.note("<p>Softly</p>", to=[maria.followers], cc=[PUBLIC])))

    assert [listed.public for listed in await read("ana")] == [True]


async def test_an_answer_to_somebody_else_is_kept_without_fetching_anything(
    node: Moot, maria: ScriptedActor, world: ScriptedServer, read: Ask
) -> None:
    world.requests.clear()
    away = "https://victim.test/users/bob/statuses/1"
    await deliver(node, maria, maria.create(maria.note("<p>To a friend</p>", inReplyTo=away)))

    assert [listed.in_reply_to for listed in await read("ana")] == [away]
    assert world.fetches == []


async def test_what_has_its_place_in_a_thread_here_is_not_listed_a_second_time(
    node: Moot, world: ScriptedServer, follow: Ask, read: Ask, kept: Ask
) -> None:
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    await follow("ana", maria)
    garden = f"{node.origin}/g/garden"
    mention = [{"type": "Mention", "href": garden, "name": "@garden@node.test"}]
    answer = maria.note("<p>I have one</p>", inReplyTo=thread)
    opening = maria.note("<p>@garden A new thing</p>", to=[PUBLIC, garden], tag=mention)
    await deliver(node, maria, maria.create(answer), maria.create(opening))

    assert answer["id"] in await visible(node, thread)
    assert await node.said(opening["id"]) is not None
    assert await kept() == set()

    # One that was in the list before a thread of ours took it up is read in the thread.
    first = maria.publish(maria.note("<p>First</p>", inReplyTo=f"{thread}-of-long-ago"))
    await deliver(node, maria, maria.create(first))
    assert [listed.uri for listed in await read("ana")] == [first["id"]]
    await deliver(node, maria, maria.update(copy(first, inReplyTo=thread, updated="2026-11-22T12:00:00Z")))
    assert first["id"] in await visible(node, thread)
    assert await read("ana") == []


# ------------------------------------------------------------------ changed and deleted


async def test_an_edit_changes_the_words_and_an_older_one_does_not(
    node: Moot, maria: ScriptedActor, read: Ask, clock: HeldClock
) -> None:
    note = maria.note("<p>One</p>", published="2026-11-22T11:00:00Z")
    newer = copy(note, content="<p>Two</p>", updated="2026-11-22T11:30:00Z")
    older = copy(note, content="<p>One and a half</p>", updated="2026-11-22T11:15:00Z")
    await deliver(node, maria, maria.create(note), maria.update(newer), maria.update(older))
    await deliver(node, maria, copy(maria.create(note), id=f"{note['id']}/again"))

    [listed] = await read("ana")
    assert listed.html == "<p>Two</p>"
    assert listed.edited_at is not None


async def test_an_edit_of_what_never_came_brings_it_unless_it_is_old(
    node: Moot, maria: ScriptedActor, read: Ask
) -> None:
    fresh = maria.note("<p>Fresh</p>", updated="2026-11-22T11:59:00Z", published="2026-11-20T11:00:00Z")
    old = maria.note("<p>Old</p>", updated="2026-11-22T11:59:00Z", published="2025-11-22T11:00:00Z")
    await deliver(node, maria, maria.update(old), maria.update(fresh))

    assert [listed.uri for listed in await read("ana")] == [fresh["id"]]


async def test_an_edit_may_make_it_one_for_fewer(node: Moot, maria: ScriptedActor, kept: Ask, read: Ask) -> None:
    note = maria.note("<p>Open</p>", published="2026-11-22T11:00:00Z")
    closer = copy(note, to=[maria.followers], cc=[], updated="2026-11-22T11:30:00Z")
    direct = copy(note, to=[f"{node.origin}/u/ben"], cc=[], updated="2026-11-22T11:40:00Z")
    await deliver(node, maria, maria.create(note), maria.update(closer))
    assert [listed.public for listed in await read("ana")] == [False]

    await deliver(node, maria, maria.update(direct))
    assert await kept() == set()


async def test_a_deleted_post_goes_and_stays_away(node: Moot, maria: ScriptedActor, kept: Ask) -> None:
    note, unborn = maria.note("<p>Oh</p>"), maria.note("<p>No</p>")
    await deliver(node, maria, maria.create(note), maria.delete(note["id"]), maria.delete(unborn["id"]))
    assert await kept() == set()

    again = copy(maria.create(note), id=f"{note['id']}/again")
    await deliver(node, maria, again, maria.create(unborn), maria.update(copy(note, updated="2026-11-22T12:00:00Z")))
    assert await kept() == set()


async def test_nobody_else_changes_or_deletes_a_post(
    node: Moot, maria: ScriptedActor, world: ScriptedServer, read: Ask, follow: Ask
) -> None:
    """AUT-19"""
    note = maria.note("<p>Mine</p>")
    mallory = world.actor("mallory@mastodon.test")  # a neighbour on the same server
    await follow("ben", mallory)
    await deliver(node, maria, maria.create(note))
    theft = copy(note, attributedTo=mallory.uri, content="<p>Stolen</p>", updated="2026-11-22T12:00:00Z")
    await deliver(node, mallory, mallory.delete(note["id"]), mallory.update(theft), mallory.create(theft))

    assert [listed.html for listed in await read("ana")] == ["<p>Mine</p>"]
    assert await read("ben") == []


async def test_with_their_account_all_their_posts_go(node: Moot, maria: ScriptedActor, kept: Ask) -> None:
    await deliver(node, maria, maria.create(maria.note("<p>One</p>")), maria.create(maria.note("<p>Two</p>")))
    assert len(await kept()) == 2
    await deliver(node, maria, maria.delete(maria.uri))

    assert await kept() == set()


# ------------------------------------------------------------------ no longer followed, hidden, old


async def test_what_nobody_follows_any_more_goes(
    node: Moot, maria: ScriptedActor, follow: Ask, read: Ask, kept: Ask
) -> None:
    await follow("ben", maria)
    await deliver(node, maria, maria.create(maria.note("<p>Hello</p>")))

    async def unfollow(name: str) -> None:
        def act(work: Work) -> None:
            follower, target = stored_people.by_name(work, name), stored_people.by_uri(work, maria.uri)
            assert follower is not None and target is not None
            people.unfollow(work, follower, target)

        await node.storage.write(act)

    await unfollow("ana")
    assert (await read("ana"), len(await read("ben"))) == ([], 1)
    await unfollow("ben")
    assert await kept() == set()


async def test_who_takes_their_yes_back_is_read_no_more(
    node: Moot, maria: ScriptedActor, read: Ask, kept: Ask, clock: HeldClock
) -> None:
    await deliver(node, maria, maria.create(maria.note("<p>Hello</p>")))
    await deliver(node, maria, maria.reject({"type": "Follow", "actor": f"{node.origin}/u/ana", "object": maria.uri}))

    assert await read("ana") == []
    clock.forward(hours=2)
    await node.settle()
    assert await kept() == set()


async def test_what_is_blocked_or_suspended_is_hidden_until_it_is_not(
    node: Moot, maria: ScriptedActor, read: Ask
) -> None:
    await deliver(node, maria, maria.create(maria.note("<p>Hello</p>")))

    def suspend(work: Work, suspended: bool) -> None:
        actor = stored_people.by_uri(work, maria.uri)
        assert actor is not None
        people.suspend(work, actor, "spam", suspended=suspended)

    await node.storage.write(servers.block, None, "mastodon.test", "spam")
    assert await read("ana") == []
    await node.storage.write(servers.unblock, None, "mastodon.test")
    assert len(await read("ana")) == 1
    await node.storage.write(suspend, True)
    assert await read("ana") == []
    await node.storage.write(suspend, False)
    assert len(await read("ana")) == 1


async def test_posts_are_kept_for_a_month(node: Moot, maria: ScriptedActor, kept: Ask, clock: HeldClock) -> None:
    await deliver(node, maria, maria.create(maria.note("<p>Old</p>")))
    clock.forward(days=20)
    young = maria.note("<p>Young</p>")
    await deliver(node, maria, maria.create(young))
    clock.forward(days=11)
    await node.settle()

    assert await kept() == {young["id"]}


async def test_a_flood_fills_nothing(
    node: Moot, maria: ScriptedActor, kept: Ask, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_posts, "PER_HOUR", 4)
    monkeypatch.setattr(followed_posts, "MOST", 6)
    told = []
    for _ in range(3):
        notes = [maria.note(f"<p>{number}</p>") for number in range(6)]
        told.append([note["id"] for note in notes])
        await deliver(node, maria, *map(maria.create, notes))
        clock.forward(hours=2)

    assert await kept() == {*told[1][2:4], *told[2][:4]}
