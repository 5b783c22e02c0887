"""What was deleted is gone, from every table and every page, and whoever had it is told (LAW)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from node.forum import accounts as forum_accounts
from node.forum import people as forum_people
from node.forum import reactions as forum_reactions
from node.forum.errors import Invalid
from storage import letters, people, schema, sessions, threads
from storage.schema import Reaction, SignedIn
from storage.tokens import hashed
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.browsers import Browser, browser_of
from tests.equipment.nodes import AS2, Moot
from tests.peers.scripted import ScriptedServer

SAID = "Words to be forgotten"


async def where_it_stands(node: Moot, words: str) -> set[str]:
    """The tables and columns of the whole database that hold the words."""

    def look(work: Work) -> set[str]:
        found = set()
        for table in schema.Table.metadata.sorted_tables:
            for row in work.execute(select(table)).mappings():
                found |= {f"{table.name}.{column}" for column, value in row.items() if words in _words(value)}
        return found

    return await node.storage.read(look)


def _words(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def pages(node: Moot, *paths: str) -> str:
    """All that strangers get at these addresses, in either form."""
    told = ""
    for path in paths:
        for accept in ("text/html", AS2):
            told += (await node.get(path, accept))[2].decode("utf-8", "replace")
    return told


async def test_what_its_author_deletes_stands_in_no_table_and_whoever_had_it_is_told(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """LAW-01, LAW-05, LAW-08: words, drafts, history, read marks, queue and memory; Delete goes to all that got it."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    follower, watcher = world.actor("maria@mastodon.test"), world.actor("piet@lemmy.test")
    for actor in (follower, watcher):
        await actor.post(f"{node.origin}/inbox", actor.follow(f"{node.origin}/g/garden"))
    await node.settle()
    item = await node.say("liam", thread, f"{SAID} once")
    await node.settle()
    await node.edit("liam", item, f"{SAID} twice")
    await node.settle()
    await pages(node, thread, item, f"{node.origin}/g/garden/outbox")  # in memory from here on
    had = {letter.url for letter in world.letters if SAID.encode() in letter.body}
    assert had
    world.requests.clear()
    await node.erase("liam", item)
    await node.settle()

    assert await where_it_stands(node, SAID) == set()
    assert SAID not in await pages(node, thread, item, f"{item}/replies", f"{node.origin}/g/garden/outbox", "/")
    uid = item.rpartition("/")[2]
    liam = await browser_of(node, "liam")
    assert SAID not in (await liam.get(f"/items/{uid}/history")).source
    told = {letter.url for letter in world.letters if b'"Delete"' in letter.body and item.encode() in letter.body}
    assert told >= had


async def test_what_another_server_deletes_is_erased_here_and_its_answers_stay(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """LAW-02, LAW-14: text, history and pictures; its id stays out; the letter that brought it lasts a week."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    maria = world.actor("maria@mastodon.test")
    picture = {"type": "Document", "mediaType": "image/png", "url": "https://mastodon.test/p.png", "name": SAID}
    note = maria.note(f"<p>{SAID}</p>", inReplyTo=thread, summary=SAID, attachment=[picture])
    await maria.post(f"{node.origin}/inbox", maria.create(note))
    await node.settle()
    answer = await node.say("liam", note["id"], "I answered that")
    await maria.post(f"{node.origin}/inbox", maria.update(note | {"content": f"<p>{SAID} anew</p>"}))
    await node.settle()
    assert await where_it_stands(node, SAID) > {"letters.body"}
    await maria.post(f"{node.origin}/inbox", maria.delete(note["id"]))
    await maria.post(f"{node.origin}/inbox", maria.create(note))
    await node.settle()

    assert await where_it_stands(node, SAID) == {"letters.body"}, "what came in is kept for a while to be read again"
    page = await node.page(thread)
    assert SAID not in page
    assert "I answered that" in page
    assert await node.said(answer) is not None
    clock.forward(days=letters.KEPT.days, hours=1)
    await node.storage.write(letters.erase_bodies)
    assert await where_it_stands(node, SAID) == set()


async def test_a_member_who_leaves_is_gone_and_the_name_is_never_given_again(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """LAW-03: their Delete is signed by their own key, the address says 410 with a Tombstone."""
    await node.person("liam")
    await node.person("mira", "Mira Whoever")
    await node.group("garden", "liam", "mira")
    thread = await node.start("liam", "garden", "Sheds")
    await node.say("mira", thread, SAID)
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{node.origin}/inbox", maria.follow(f"{node.origin}/u/mira"))
    await node.settle()
    world.requests.clear()
    uri = f"{node.origin}/u/mira"
    world.learn_actor(await node.document("/u/mira"))
    await browser_of(node, "mira")

    def leave(work: Work) -> None:
        mira = people.by_name(work, "mira")
        assert mira is not None
        forum_accounts.erase(work, mira)

    await node.storage.write(leave)
    await node.settle()

    deletes = [
        letter for letter in world.letters if letter.json()["type"] == "Delete" and letter.json()["actor"] == uri
    ]
    assert all(letter.verified for letter in deletes)
    assert uri in [letter.json()["object"] for letter in deletes], "after its words the account itself"
    status, _, body = await node.get(uri)
    assert status == 410 and b"Tombstone" in body and b"Whoever" not in body
    assert await where_it_stands(node, "Mira Whoever") == set()
    with pytest.raises(Invalid):
        await node.storage.read(forum_people.free_name, "mira")


async def test_somebody_of_another_server_who_is_suspended_is_shown_nowhere(node: Moot, world: ScriptedServer) -> None:
    """LAW-04, AUT-43: on no page, in no document, in no list of who answers."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    maria = world.actor("maria@mastodon.test", name="Maria Whoever")
    note = maria.note(f"<p>{SAID}</p>", inReplyTo=thread)
    await maria.post(f"{node.origin}/inbox", maria.create(note))
    await node.settle()
    assert SAID in await node.page(thread)

    def suspend(work: Work) -> None:
        actor = people.by_uri(work, maria.uri)
        assert actor is not None
        forum_people.suspend(work, actor, "Because.")

    await node.storage.write(suspend)
    await node.settle()
    seen = await pages(
        node, thread, f"{thread}/replies", f"{thread}/context", "/g/garden", "/g/garden/outbox", "/", "/groups"
    )
    seen += await node.page(thread)
    assert SAID not in seen
    assert "Maria Whoever" not in seen
    assert note["id"] not in await pages(node, f"{thread}/replies", f"{thread}/context")
    later = maria.note(f"<p>{SAID} again</p>", inReplyTo=thread)
    await maria.post(f"{node.origin}/inbox", maria.create(later))
    await node.settle()
    assert await node.said(later["id"]) is None


async def test_a_reaction_that_is_taken_back_leaves_no_trace_of_whose_it_was(node: Moot, world: ScriptedServer) -> None:
    """LAW-12: neither here nor from another server; and one that only follows is forgotten with its Undo."""
    await node.person("liam")
    await node.person("mira")
    garden = await node.group("garden", "liam", "mira")
    thread = await node.start("liam", "garden", "Sheds")
    maria = world.actor("maria@mastodon.test")
    like, follow = maria.like(thread), maria.follow(garden)
    for activity in (like, follow, maria.undo(like), maria.undo(follow)):
        await maria.post(f"{node.origin}/inbox", activity)
    await node.settle()

    def of_mira(work: Work, *, undo: bool) -> None:
        mira, item = people.by_name(work, "mira"), threads.comment_by_uri(work, thread)
        assert mira is not None and item is not None
        (forum_reactions.unreact if undo else forum_reactions.react)(work, mira, item, "like")

    await node.storage.write(of_mira, undo=False)
    await node.storage.write(of_mira, undo=True)
    await node.settle()

    assert await node.storage.read(lambda work: len(list(work.scalars(select(Reaction.id))))) == 0
    assert await node.follower_count(garden) == 0
    item = await node.item(thread)
    assert item is not None and item.likes_count == 0


async def test_where_somebody_signed_in_is_forgotten_after_two_months(node: Moot, clock: HeldClock) -> None:
    """LAW-11, WEB-27: a session keeps the network, not the address, and goes when it was not used for so long."""
    await node.person("mira")
    await browser_of(node, "mira")

    def sign_in(work: Work) -> None:
        mira = people.by_name(work, "mira")
        assert mira is not None
        sessions.open_session(work, mira.id, hashed("another"), address="203.0.113.0/24", browser="Firefox, Linux")

    await node.storage.write(sign_in)
    clock.forward(days=sessions.LASTS.days, hours=1)
    await node.storage.write(forum_accounts.tidy)

    assert await node.storage.read(lambda work: len(list(work.scalars(select(SignedIn.id))))) == 0
    assert await where_it_stands(node, "203.0.113") == set()
    assert timedelta(days=90) >= sessions.LASTS


async def test_robots_are_told_what_is_not_for_them(node: Moot) -> None:
    """LAW-09, LAW-10: people who do not want to be found, and whatever is private, of which no browser keeps a copy."""
    await node.person("liam")
    await node.person("mira")
    await node.group("garden", "liam", "mira")
    await node.group("cellar", "liam", "mira", privacy="secret")
    public = await node.start("liam", "garden", "Sheds")
    private = await node.start("liam", "garden", "Keys", private=True)
    secret = await node.start("liam", "cellar", "Wine")

    def shy(work: Work) -> None:
        mira = people.by_name(work, "mira")
        assert mira is not None
        mira.indexable = False

    await node.storage.write(shy)
    status, response, body = await node.get("/robots.txt", "text/plain")
    assert (status, response.content_type) == (200, "text/plain")
    assert b"Disallow: /interact" in body
    stranger, member = Browser(node), await browser_of(node, "mira")
    assert 'content="noindex"' in (await stranger.page("/u/mira")).source
    assert 'content="noindex"' not in (await stranger.page("/u/liam")).source
    assert 'content="noindex"' not in (await stranger.page(await place(node, public))).source
    for uri in (private, secret):
        answer = await member.page(await place(node, uri))
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert 'content="noindex"' in answer.source
    assert (await member.page("/g/cellar")).headers["Cache-Control"] == "private, no-store"


async def place(node: Moot, uri: str) -> str:
    """The path of the page of a thread."""

    def find(work: Work) -> str:
        opening = threads.comment_by_uri(work, uri)
        assert opening is not None
        thread = threads.by_id(work, opening.thread_id)
        return f"/g/{people.by_id(work, thread.group_id).name}/{thread.uid}-{thread.slug}"

    return await node.storage.read(find)
