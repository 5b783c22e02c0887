"""Somebody blocks somebody: folded away in threads, nothing new, no follows, and told to their server alone."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from node.forum import blocking, invitations, reading
from node.forum import people as forum_people
from node.forum.errors import NotAllowed
from storage import blocks, followed_posts, groups, mentions, pages, people, readings, tags, threads
from storage import invitations as stored_invitations
from storage.schema import Actor, Block, Follow, Group, Notice, Reaction
from storage.shown import Item
from storage.work import Work
from tests.equipment.incoming import deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, ScriptedActor, ScriptedServer


def named(work: Work, who: str) -> Actor:
    """Somebody of ours by handle, somebody elsewhere by id."""
    found = people.by_uri(work, who) if "://" in who else people.by_name(work, who)
    assert found is not None, who
    return found


async def bar(node: Moot, who: str, whom: str, *, undone: bool = False) -> None:
    """Somebody blocks somebody, or takes it back."""
    verb = blocking.unblock if undone else blocking.block
    await node.storage.write(lambda work: verb(work, named(work, who), named(work, whom)))
    await node.settle()


async def a_talk(node: Moot) -> str:
    """A thread of ana's in the group garden, of which ben and cleo are members too."""
    for name in ("ana", "ben", "cleo"):
        await node.person(name)
    await node.group("garden", "ana", "ben", "cleo")
    return await node.start("ana", "garden", "Tools", "Who has a ladder?")


async def seen(node: Moot, who: str | None, thread: str) -> dict[int, Item]:
    """The items of the thread as somebody's page shows them, by number."""

    def ask(work: Work) -> dict[int, Item]:
        opening = threads.comment_by_uri(work, thread)
        assert opening is not None
        viewer = named(work, who).id if who is not None else None
        page = pages.thread_page(work, opening.thread_id, viewer=viewer)
        assert page is not None
        return {item.number: item for item in (page.opening, *page.items)}

    return await node.storage.read(ask)


async def read_all(node: Moot, who: str, thread: str) -> None:
    def act(work: Work) -> None:
        opening = threads.comment_by_uri(work, thread)
        assert opening is not None
        reading.mark_all_read(work, named(work, who), opening.thread_id)

    await node.storage.write(act)


async def unread(node: Moot, who: str) -> int:
    return await node.storage.read(lambda work: readings.unread_threads(work, named(work, who).id))


async def new_authors(node: Moot, who: str) -> list[str]:
    """Who said what is new to somebody."""

    def ask(work: Work) -> list[str]:
        found, _hollow = readings.unread(work, named(work, who).id)
        return sorted({person.handle for one in found for person in one.authors})

    return await node.storage.read(ask)


def sent(world: ScriptedServer, *types: str) -> list[dict[str, Any]]:
    """What reached the other servers, of these types."""
    found = [json.loads(letter.body) for letter in world.letters]
    return [activity for activity in found if activity["type"] in types]


# ------------------------------------------------------------------ in threads


async def test_what_a_blocked_member_says_is_folded_for_whoever_blocked_them_and_for_nobody_else(node: Moot) -> None:
    """PRV-15: that something was said stays to be seen, with its words behind a fold; names are not on top of it."""
    thread = await a_talk(node)
    mine = await node.say("ana", thread, "I have one.")
    theirs = await node.say("ben", mine, "Yours is rotten.")
    await node.say("cleo", theirs, "Be kind.")
    await node.storage.write(
        lambda work: work.add(
            Reaction(
                comment_id=threads.comment_by_uri(work, mine).id,  # type: ignore[union-attr]
                actor_id=named(work, "ben").id, kind="👎", created_at=work.now,
            )
        )
    )  # fmt: skip
    await bar(node, "ana", "ben")

    items = await seen(node, "ana", thread)
    assert [number for number, item in items.items() if item.blocked] == [2]
    assert "rotten" in items[2].html and not items[2].new
    assert items[3].parent_author is None and items[3].parent_number == 2
    assert items[1].reactions == (("👎", 1),) and items[1].named == ()
    for other in ("ben", "cleo", None):
        as_others_see = await seen(node, other, thread)
        assert not any(item.blocked for item in as_others_see.values()), other
        assert as_others_see[3].parent_author == "Ben" and as_others_see[1].named
    assert "rotten" in await node.page(thread)

    await bar(node, "ana", "ben", undone=True)
    assert not any(item.blocked for item in (await seen(node, "ana", thread)).values())


async def test_lists_show_nothing_of_whom_one_blocked_and_a_thread_of_theirs_without_its_words(node: Moot) -> None:
    """PRV-15: tags, profiles and whatever asks the one predicate; what is asked for by its address is there."""
    thread = await a_talk(node)
    theirs = await node.say("ben", thread, "Look for #ladders.")
    own = await node.start("ben", "garden", "Mine", "All about #ladders")
    await bar(node, "ana", "ben")

    async def listed(who: str) -> tuple[int, int, list[tuple[str, bool, bool]]]:
        def ask(work: Work) -> tuple[int, int, list[tuple[str, bool, bool]]]:
            viewer, ben = named(work, who).id, named(work, "ben").id
            cards = pages.cards(work, viewer=viewer)
            return (
                len(tags.said_with(work, "ladders", viewer=viewer, limit=9)),
                len(pages.said_by(work, ben, viewer=viewer)),
                sorted((card.title, bool(card.html), card.author is not None) for card in cards),
            )

        return await node.storage.read(ask)

    assert await listed("ana") == (0, 0, [("Mine", False, False), ("Tools", True, True)])
    assert await listed("cleo") == (2, 2, [("Mine", True, True), ("Tools", True, True)])

    def asked(work: Work) -> list[bool]:
        item = threads.comment_by_uri(work, theirs)
        assert item is not None
        ana = named(work, "ana").id
        by_name = [person.handle for person in mentions.beginning_with(work, "be", thread_id=None, viewer=ana)]
        return [threads.is_visible(work, item.id, ana), "ben" in by_name]

    assert await node.storage.read(asked) == [True, False]  # she may still open and report it
    assert (await seen(node, "ana", own))[0].blocked


async def test_nothing_that_a_blocked_member_says_is_new_to_whoever_blocked_them(node: Moot) -> None:
    """PRV-15: no unread count from them, in a thread that was read, in one they start, and of what waited before."""
    thread = await a_talk(node)
    await read_all(node, "ana", thread)
    await node.say("ben", thread, "Not I.")
    assert await unread(node, "ana") == 1
    await bar(node, "ana", "ben")
    assert await unread(node, "ana") == 0

    await node.say("ben", thread, "Still not.")
    own = await node.start("ben", "garden", "Mine", "All about ladders")
    await node.say("ben", own, "More of it.")
    assert await unread(node, "ana") == 0
    assert await unread(node, "cleo") == 2

    await node.say("cleo", own, "I see.")
    assert await unread(node, "ana") == 1
    assert await new_authors(node, "ana") == ["cleo"]
    await node.say("cleo", thread, "Neither I.")
    await node.say("ben", thread, "Told you.")
    assert await unread(node, "ana") == 2
    assert await new_authors(node, "ana") == ["cleo"]


async def test_an_invitation_by_whom_one_blocked_is_there_for_its_sender_and_reaches_nobody(node: Moot) -> None:
    """PRV-15: neither as a notice, nor in the list, nor by mail; the sender cannot tell."""
    await a_talk(node)
    await node.group("shed", "ben", "cleo")
    await bar(node, "ana", "ben")

    async def invite(who: str) -> tuple[int, int, int]:
        def act(work: Work) -> None:
            shed = work.get_one(Group, named(work, "shed").id)
            part = groups.membership(work, shed.actor_id, named(work, who).id)
            assert part is not None
            part.role = "admin"
            invitations.invite_actor(work, named(work, who), shed, named(work, "ana"))

        await node.storage.write(act)

        def ask(work: Work) -> tuple[int, int, int]:
            ana = named(work, "ana").id
            told = list(work.scalars(select(Notice).where(Notice.actor_id == ana, Notice.kind == "invitation")))
            open_ones = stored_invitations.of_group(work, named(work, "shed").id)
            return len(told), len(stored_invitations.waiting_for(work, ana)), len(open_ones)

        return await node.storage.read(ask)

    assert await invite("ben") == (0, 0, 1)
    assert await invite("cleo") == (1, 1, 1)


# ------------------------------------------------------------------ other servers


async def follow_each_other(node: Moot, maria: ScriptedActor) -> None:
    ana = f"{node.origin}/u/ana"
    await deliver(node, maria, maria.follow(ana))

    def ask(work: Work) -> str:
        return forum_people.follow(work, named(work, "ana"), named(work, maria.uri)).uri or ""

    uri = await node.storage.write(ask)
    await node.settle()
    await deliver(node, maria, maria.accept({"id": uri, "type": "Follow", "actor": ana, "object": maria.uri}))


async def follows(node: Moot) -> int:
    return len(await node.storage.read(lambda work: list(work.scalars(select(Follow.id)))))


async def test_a_block_of_somebody_elsewhere_ends_follows_and_is_told_to_their_server_alone(
    node: Moot, world: ScriptedServer
) -> None:
    """PRV-15: Block to their own inbox, never in the outbox; a follow that comes again is rejected; Undo at the end."""
    await a_talk(node)
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    await follow_each_other(node, maria)
    await deliver(node, bob, bob.follow(f"{node.origin}/u/ana"))
    assert await follows(node) == 3
    world.requests.clear()

    await bar(node, "ana", maria.uri)
    await bar(node, "ana", maria.uri)  # again, which changes nothing
    assert await follows(node) == 1  # bob's
    ana = f"{node.origin}/u/ana"
    [block] = sent(world, "Block")
    assert (block["actor"], block["object"], block["to"]) == (ana, maria.uri, [maria.uri])
    assert {(letter.host, letter.target) for letter in world.letters} == {("mastodon.test", "/users/maria/inbox")}
    assert [activity["object"]["type"] for activity in sent(world, "Undo", "Reject")] == ["Follow", "Follow"]
    assert (await node.get(block["id"].removeprefix(node.origin)))[0] == 404
    assert "Block" not in json.dumps(await node.document(f"{ana}/outbox?page=true"))

    await deliver(node, maria, maria.follow(ana))
    assert await follows(node) == 1
    assert [activity["type"] for activity in sent(world, "Reject", "Accept")] == ["Reject", "Reject"]
    with pytest.raises(NotAllowed, match="You blocked this account"):
        await node.storage.write(lambda work: forum_people.follow(work, named(work, "ana"), named(work, maria.uri)))

    world.requests.clear()
    await bar(node, "ana", maria.uri, undone=True)
    [undo] = sent(world, "Undo")
    assert (undo["object"]["type"], undo["object"]["id"]) == ("Block", block["id"])
    await deliver(node, maria, maria.follow(ana))
    assert await follows(node) == 2


async def test_nothing_private_comes_from_whom_one_blocked_and_nothing_new_goes_there(
    node: Moot, world: ScriptedServer
) -> None:
    """PRV-15: direct messages, mentions, posts that a third passes on; to them no answer, and still what takes back."""
    thread = await a_talk(node)
    maria = world.actor("maria@mastodon.test")
    ana = f"{node.origin}/u/ana"
    note = maria.publish(maria.note("<p>Here</p>", inReplyTo=thread))
    direct = maria.note("<p>Psst</p>", to=[ana], cc=[])
    await deliver(node, maria, maria.create(note), maria.create(direct))

    async def told() -> list[str]:
        return await node.storage.read(
            lambda work: [notice.html for notice in readings.notices(work, named(work, "ana").id)]
        )

    assert len(await told()) == 1
    await bar(node, "ana", maria.uri)
    assert await told() == []
    again = maria.note("<p>Hear me</p>", to=[ana], cc=[])
    mention = maria.note(
        "<p>@ana look</p>", inReplyTo=thread, tag=[{"type": "Mention", "href": ana, "name": "@ana"}], cc=[ana]
    )
    await deliver(node, maria, maria.create(again), maria.create(mention))
    assert await told() == []
    assert await node.storage.read(lambda work: len(list(work.scalars(select(Notice.id))))) == 1
    items = await seen(node, "ana", thread)
    assert [item.blocked for number, item in items.items() if number] == [True, True]

    world.requests.clear()
    await node.say("ana", thread, "Thank you all.")
    await node.settle()
    assert sent(world, "Create") == []
    await node.say("cleo", thread, "And I.")
    await node.settle()
    assert [activity["actor"] for activity in sent(world, "Create")] == [f"{node.origin}/u/cleo"]


async def test_what_a_followed_group_passes_on_of_whom_one_blocked_is_not_listed(
    node: Moot, world: ScriptedServer
) -> None:
    """PRV-15: through an Announce of a third"""
    await a_talk(node)
    lemmy = world.actor("tools@lemmy.test", type="Group")
    bob = world.actor("bob@victim.test")
    for name in ("ana", "cleo"):
        target_id = await node.node.network.find_actor(lemmy.uri)

        def ask(work: Work, name: str = name, target_id: int = target_id) -> str:
            return forum_people.follow(work, named(work, name), people.by_id(work, target_id)).uri or ""

        uri = await node.storage.write(ask)
        await node.settle()
        asked = {"id": uri, "type": "Follow", "actor": f"{node.origin}/u/{name}", "object": lemmy.uri}
        await deliver(node, lemmy, lemmy.accept(asked))
    post = bob.publish(bob.note("<p>Saws</p>", to=[PUBLIC], cc=[lemmy.uri]))
    await deliver(node, lemmy, lemmy.announce(post["id"]))
    await bar(node, "ana", bob.uri)

    async def listed(who: str) -> int:
        return len((await node.storage.read(lambda work: followed_posts.listed(work, named(work, who).id)))[0])

    assert (await listed("ana"), await listed("cleo")) == (0, 1)


async def test_who_may_block_whom(node: Moot, world: ScriptedServer) -> None:
    """PRV-15: nobody themselves, no group of this node; a block goes with the account that has it."""
    await a_talk(node)
    for target in ("ana", "garden"):
        with pytest.raises(NotAllowed):
            await bar(node, "ana", target)
    lemmy = world.actor("tools@lemmy.test", type="Group")
    await node.node.network.find_actor(lemmy.uri)
    await bar(node, "ana", lemmy.uri)
    await bar(node, "ana", "ben")
    found = await node.storage.read(lambda work: blocks.blocked_by(work, named(work, "ana").id))
    assert [one.person.handle for one in found] == ["ben", "tools@lemmy.test"]
    await node.storage.write(lambda work: forum_people.erase_actor(work, named(work, "ana")))
    assert await node.storage.read(lambda work: list(work.scalars(select(Block.id)))) == []
