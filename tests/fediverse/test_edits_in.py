"""Edits and deletions from other servers, in whatever order they come."""

from sqlalchemy import func, select

from node.forum import upkeep
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Actor, Letter, Revision
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import a_thread, copy, deliver, items, knows, outcomes, reactions, visible
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedServer


def edited(note: Document, content: str, at: str, **more: object) -> Document:
    return copy(note, content=content, contentMap={"en": content}, updated=f"2026-11-22T{at}Z", **more)


async def test_an_edit_shows_and_an_older_one_changes_nothing(node: Moot, world: ScriptedServer) -> None:
    """SIG-48, REL-22"""
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    note = copy(maria.note("<p>One</p>", inReplyTo=thread), published="2026-11-22T11:00:00Z")
    two, three = edited(note, "<p>Two</p>", "11:01:00"), edited(note, "<p>Three</p>", "11:02:00")
    update = maria.update(three)
    await deliver(node, maria, maria.create(note), update, maria.update(two), update)
    row = await node.item(note["id"])
    assert row is not None
    assert (row.html, row.edited_at and row.edited_at.minute) == ("<p>Three</p>", 2)

    # The words may come back to what they were: an edit from between stays old.
    back = edited(note, "<p>Three</p>", "11:04:00")
    await deliver(node, maria, maria.update(back), maria.update(edited(note, "<p>Between</p>", "11:03:00")))
    assert await node.said(note["id"]) == "<p>Three</p>"

    # Before its Create, the edit is what there is.
    late = copy(maria.note("<p>Early</p>", inReplyTo=thread), published="2026-11-22T11:00:00Z")
    await deliver(node, maria, maria.update(edited(late, "<p>Edited</p>", "11:05:00")), maria.create(late))
    await deliver(node, maria, maria.update(edited(late, "<p>Older</p>", "11:04:30")))
    assert await node.said(late["id"]) == "<p>Edited</p>"
    # One that claims to be of next year is of now, and cannot keep later ones out.
    ahead = copy(edited(late, "<p>Ahead</p>", "00:00:00"), updated="2027-11-22T00:00:00Z")
    await deliver(node, maria, maria.update(ahead))
    row = await node.item(late["id"])
    assert row is not None and row.edited_at == node.storage.now()
    assert await visible(node, thread) == {note["id"], late["id"]}


async def test_an_edit_changes_words_alone(node: Moot, world: ScriptedServer) -> None:
    """AUT-09, AUT-10, AUT-12, AUT-13, AUT-15"""
    thread = await a_thread(node)
    other = await node.start("ana", "garden", "Sheds")
    ours = await node.say("ana", thread, "Nobody?")
    maria, paul = world.actor("maria@mastodon.test"), world.actor("paul@mastodon.test")
    mallory = world.actor("mallory@mallory.test")
    note = maria.note("<p>One</p>", inReplyTo=thread)
    await deliver(node, maria, maria.create(note), maria.create(copy(note, content="<p>Again</p>")))
    moved = edited(
        note, "<p>Two</p>", "12:00:00", inReplyTo=other, context=f"{other}/context", published="2020-01-01T00:00:00Z"
    )
    before = await node.item(note["id"])
    await deliver(node, maria, maria.update(moved))
    for thief in (paul, mallory):
        for claimed in (thief.uri, maria.uri):
            forged = edited(note, "<p>Forged</p>", "12:00:00", attributedTo=claimed)
            await deliver(node, thief, thief.update(forged), thief.create(copy(forged)), thief.delete(note["id"]))
        for uri in (ours, thread):
            item = copy(note, id=uri, content="<p>Forged</p>", attributedTo=thief.uri)
            await deliver(node, thief, thief.update(item), thief.delete(uri), thief.delete(f"{node.origin}/g/garden"))

    after = await node.item(note["id"])
    assert before is not None and after is not None
    assert after.html == "<p>Two</p>"
    same = ("thread_id", "parent_id", "path", "author_id", "published_at", "number", "state")
    assert [getattr(before, name) for name in same] == [getattr(after, name) for name in same]
    assert await node.said(ours) == "<p>Nobody?</p>\n"
    assert await visible(node, thread) == {ours, note["id"]}
    assert (await node.get("/g/garden"))[0] == 200
    assert "Forged" not in await node.page(thread)


async def test_what_is_deleted_stays_deleted_whatever_comes_after(node: Moot, world: ScriptedServer) -> None:
    """REL-23, AUT-18"""
    thread = await a_thread(node)
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    notes = [maria.note(f"<p>Word {n}: 4711</p>", inReplyTo=thread) for n in range(6)]
    early = maria.note("<p>Too late</p>", inReplyTo=thread)
    await deliver(node, maria, *(maria.create(note) for note in notes))
    below = bob.note("<p>Below</p>", inReplyTo=notes[0]["id"])
    await deliver(node, bob, bob.create(below), bob.like(notes[0]["id"]))
    await deliver(node, maria, maria.update(edited(notes[0], "<p>Word 0, edited: 4711</p>", "12:00:00")))
    ids = [note["id"] for note in notes]
    deletes = (
        maria.delete(ids[0]),
        maria.activity("Delete", ids[1], to=[PUBLIC]),
        maria.activity("Delete", {"id": ids[2], "type": "Note"}),
        copy(maria.delete(ids[3]), object=[ids[3], {"id": ids[4], "type": "Tombstone"}]),
        # One list with somebody else's in it is no honest list.
        copy(maria.delete(ids[5]), object=[ids[5], below["id"]]),
        maria.delete(early["id"]),
    )
    for delete in deletes:
        for _ in range(2):
            await deliver(node, maria, delete)
    again = [maria.update(edited(notes[0], "<p>Back: 4711</p>", "12:30:00")), maria.create(early), maria.update(early)]
    again += [maria.create(copy(notes[1], content="<p>Back: 4711</p>"))]
    await deliver(node, maria, *again)

    found = await items(node, thread)
    assert [found[uri].state for uri in ids] == ["deleted"] * 5 + ["visible"]
    assert found[below["id"]].parent == ids[0]  # the placeholder holds the tree
    assert early["id"] not in found
    assert await reactions(node, ids[0]) == []
    page = await node.page(thread)
    assert "Below" in page and page.count("4711") == 1
    assert await node.storage.read(lambda work: work.scalar(select(func.count(Revision.id)))) == 0


async def test_an_edit_of_what_a_moderator_removed_stays_hidden(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    note = maria.note("<p>Rude</p>", inReplyTo=thread)
    await deliver(node, maria, maria.follow(f"{node.origin}/g/garden"), maria.create(note))

    def judge(work: Work, verb: str) -> None:
        comment = stored_threads.comment_by_uri(work, note["id"])
        assert comment is not None
        (upkeep.remove_comment if verb == "remove" else upkeep.restore_comment)(work, None, comment, "rude")

    await node.storage.write(judge, "remove")
    world.requests.clear()
    await deliver(node, maria, maria.update(edited(note, "<p>Kind</p>", "12:00:00")), maria.create(copy(note, cc=[])))
    assert await visible(node, thread) == set()
    assert "Kind" not in await node.page(thread)
    assert not any("Kind" in letter.body.decode() for letter in world.letters)

    await node.storage.write(judge, "restore")
    assert await node.said(note["id"]) == "<p>Kind</p>"
    await node.storage.write(judge, "remove")
    await deliver(node, maria, maria.delete(note["id"]))
    assert (await items(node, thread))[note["id"]].state == "deleted"


async def test_a_hole_is_not_closed_by_a_neighbour_of_its_author(node: Moot, world: ScriptedServer) -> None:
    """AUT-17"""
    thread = await a_thread(node)
    maria, paul = world.actor("maria@mastodon.test"), world.actor("paul@mastodon.test")
    bob = world.actor("bob@victim.test")
    lost = maria.note("<p>Lost</p>", inReplyTo=thread)
    answer = bob.note("<p>Yes</p>", inReplyTo=lost["id"], context=f"{thread}/context")
    await deliver(node, bob, bob.create(answer))
    await deliver(node, paul, paul.delete(lost["id"]))
    await deliver(node, maria, maria.create(lost))

    assert await visible(node, thread) == {lost["id"], answer["id"]}


# ------------------------------------------------------------------ actors


async def test_an_account_that_deletes_itself_takes_its_words_along(node: Moot, world: ScriptedServer) -> None:
    """KEY-13, KEY-14"""
    thread = await a_thread(node)
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    note, answer = maria.note("<p>Mine</p>", inReplyTo=thread), bob.note("<p>Mine too</p>")
    answer["inReplyTo"] = note["id"]
    await deliver(node, maria, maria.create(note), maria.like(thread), maria.follow(f"{node.origin}/g/garden"))
    await deliver(node, bob, bob.create(answer))
    world.gone(maria.uri)
    stranger = world.actor("eve@nodebb.test")
    world.gone(stranger.uri)
    world.requests.clear()
    # Nobody can be asked for a stranger's key, and there is nothing of theirs here.
    [ignored] = await deliver(node, stranger, stranger.activity("Delete", stranger.uri, to=[PUBLIC]))
    [known] = await deliver(node, maria, maria.activity("Delete", maria.uri, to=[PUBLIC]))

    assert (ignored.status, known.status) == (202, 202)
    assert {fetch.host for fetch in world.fetches} == set()
    assert not await knows(node, stranger.uri)
    letters = await node.storage.read(lambda work: set(work.scalars(select(Letter.signer))))
    assert stranger.uri not in letters
    found = await items(node, thread)
    assert [found[uri].state for uri in (note["id"], answer["id"])] == ["deleted", "visible"]
    assert await reactions(node, thread) == []
    assert await node.follower_count(f"{node.origin}/g/garden") == 0
    assert "Maria" not in await node.page(thread)

    # What comes after is of nobody; so is an account's end that another one tells of.
    await deliver(node, maria, maria.create(copy(note, id=f"{note['id']}9")))
    mallory = world.actor("mallory@mallory.test")
    world.gone(bob.uri)
    forged = copy(mallory.delete(bob.uri), actor=bob.uri, object=bob.uri, id=f"{bob.uri}#delete")
    await deliver(node, mallory, forged)
    assert await visible(node, thread) == {answer["id"]}


async def test_an_actor_says_what_is_new_of_itself_and_of_nobody_else(node: Moot, world: ScriptedServer) -> None:
    """AUT-16, KEY-13"""
    thread = await a_thread(node)
    maria, mallory = world.actor("maria@mastodon.test"), world.actor("mallory@mastodon.test")
    for actor in (maria, mallory):
        await deliver(node, actor, actor.create(actor.note("<p>Hi</p>", inReplyTo=thread)))
    world.requests.clear()
    document = copy(maria.document, name="Mia <b>", summary="<p>New<script>x</script></p>")
    await deliver(node, maria, maria.update(document))
    for forged in (
        copy(document, name="Forged"),
        copy(mallory.document, type="Group", name="Forged"),
        copy(mallory.document, inbox="https://victim.test/inbox", name="Forged"),
    ):
        await deliver(node, mallory, mallory.update(forged))
    unknown = world.actor("eve@nodebb.test")
    [reply] = await deliver(node, unknown, unknown.update(unknown.document))

    def look(work: Work) -> list[Actor | None]:
        return [stored_people.by_uri(work, actor.uri) for actor in (maria, mallory, unknown)]

    one, two, three = await node.storage.read(look)
    assert one is not None and (one.display_name, one.summary) == ("Mia <b>", "<p>New</p>")
    assert two is not None and (two.display_name, two.kind, two.inbox) == ("Mallory", "person", mallory.inbox)
    assert (reply.status, three) == (202, None)
    assert world.fetches == []
    assert "Mia &lt;b&gt;" in await node.page(thread)


async def test_a_new_key_is_asked_for_once_and_the_old_one_ends(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """KEY-09, KEY-10"""
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    await deliver(node, maria, maria.like(thread))
    old = maria.key
    clock.forward(minutes=10)
    maria.rotate_key()
    world.requests.clear()
    [renewed] = await deliver(node, maria, maria.create(maria.note("<p>New key</p>", inReplyTo=thread)))
    assert renewed.status == 202
    assert [fetch.url for fetch in world.fetches] == [maria.uri]
    replies = [await maria.post(f"{node.origin}/inbox", maria.like(thread), key=old) for _ in range(5)]
    assert {reply.status for reply in replies} == {401}
    assert len(world.fetches) == 1  # the origin was asked just now

    # It may also tell of its next key itself, under another name: the one before speaks no more.
    second, second_id = maria.key, maria.key_id
    maria.rotate_key(key_id=f"{maria.uri}#key-2")
    update = maria.update(maria.document)
    assert (await maria.post(f"{node.origin}/inbox", update, key=second, key_id=second_id)).status == 202
    await node.settle()
    clock.forward(minutes=2)
    refused = await maria.post(f"{node.origin}/inbox", maria.like(thread), key=second, key_id=second_id)
    [taken] = await deliver(node, maria, maria.create(maria.note("<p>Third</p>", inReplyTo=thread)))
    assert (refused.status, taken.status) == (401, 202)
    assert len(await visible(node, thread)) == 2


async def test_everything_twice_is_as_once(node: Moot, world: ScriptedServer) -> None:
    """SIG-46"""
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    note = maria.note("<p>Once</p>", inReplyTo=thread)
    like, follow = maria.like(thread), maria.follow(f"{node.origin}/g/garden")
    for activity in (maria.create(note), like, follow):
        signed = maria.signed(maria.letter(f"{node.origin}/inbox", activity))
        for _ in range(3):
            assert (await world.send(signed)).status == 202
        await node.settle()
        await deliver(node, maria, activity, copy(activity, published="2026-11-22T11:59:00Z"))

    assert list(await items(node, thread)) == [thread, note["id"]]
    assert await reactions(node, thread) == [("maria@mastodon.test", "like")]
    opening = await node.item(thread)
    assert opening is not None and (opening.likes_count, opening.replies_count) == (1, 1)
    assert await node.follower_count(f"{node.origin}/g/garden") == 1
    assert len(await outcomes(node)) == 6  # each came in two wordings
