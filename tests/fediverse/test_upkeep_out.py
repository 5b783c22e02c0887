"""What other servers get when moderators tend a thread: locked, pinned, tagged, moved, split, taken off the wire."""

from __future__ import annotations

from typing import Any

from node.fediverse import upkeep as fediverse_upkeep
from node.forum import moves, reports, tags, threads, upkeep
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Actor, Comment, Group, Report
from storage.work import Work
from tests.equipment.incoming import deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedActor, ScriptedServer


async def _followed(node: Moot, world: ScriptedServer, group: str, handle: str) -> ScriptedActor:
    follower = world.actor(handle)
    await follower.post(f"{group}/inbox", follower.follow(group))
    await node.settle()
    return follower


async def _garden(node: Moot, world: ScriptedServer) -> tuple[str, ScriptedActor, ScriptedActor]:
    """The group garden of ana with the member ben, followed from a microblog and from a forum."""
    for name in ("ana", "ben"):
        await node.person(name)
    garden = await node.group("garden", "ana", "ben")
    world.nodeinfo("lemmy.test", "lemmy", "0.19.11")
    maria = await _followed(node, world, garden, "maria@mastodon.test")
    liam = await _followed(node, world, garden, "liam@lemmy.test")
    return garden, maria, liam


def _actor(work: Work, name: str) -> Actor:
    found = stored_people.by_name(work, name)
    assert found is not None
    return found


def _item(work: Work, uri: str) -> Comment:
    found = stored_threads.comment_by_uri(work, uri)
    assert found is not None
    return found


async def _tend(node: Moot, world: ScriptedServer, verb: Any, who: str, uri: str, *rest: Any, **more: Any) -> None:
    """Does it, and has nothing in the world's post but what follows."""
    await node.settle()
    world.requests.clear()
    await node.storage.write(
        lambda work: verb(work, _actor(work, who), _item(work, uri).thread_id, *rest, **more) and None
    )
    await node.settle()


def _got(world: ScriptedServer, who: ScriptedActor) -> list[Document]:
    return [letter.json() for letter in world.letters if letter.url in (who.inbox, who.shared_inbox)]


async def test_a_lock_and_its_end_are_told_to_forums_by_the_moderator(node: Moot, world: ScriptedServer) -> None:
    garden, maria, liam = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")

    await _tend(node, world, upkeep.lock_thread, "ana", thread, "It is settled.")

    [announce] = _got(world, liam)
    lock = announce["object"]
    assert (announce["type"], announce["actor"]) == ("Announce", garden)
    assert (lock["type"], lock["actor"], lock["object"]) == ("Lock", f"{node.origin}/u/ana", thread)
    assert (lock["to"], lock["audience"], lock["summary"]) == ([garden, PUBLIC], garden, "It is settled.")
    assert _got(world, maria) == []
    await _tend(node, world, upkeep.lock_thread, "ana", thread, "Not quite.", locked=False)
    [announce] = _got(world, liam)
    assert (announce["object"]["type"], announce["object"]["object"]["type"]) == ("Undo", "Lock")


async def test_a_pinned_thread_is_featured(node: Moot, world: ScriptedServer) -> None:
    garden, _, liam = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")
    assert (await node.document(f"{garden}/featured"))["totalItems"] == 1

    await _tend(node, world, upkeep.pin_thread, "ana", thread)

    [announce] = _got(world, liam)
    add = announce["object"]
    assert (add["type"], add["object"], add["target"]) == ("Add", thread, f"{garden}/featured")
    featured = await node.document(f"{garden}/featured")
    assert [item["id"] for item in featured["orderedItems"]] == [f"{garden}/welcome", thread]
    await _tend(node, world, upkeep.pin_thread, "ana", thread, pinned=False)
    assert [announce["object"]["type"] for announce in _got(world, liam)] == ["Remove"]
    assert (await node.document(f"{garden}/featured"))["totalItems"] == 1


async def test_tags_that_are_given_go_out_as_hashtags(node: Moot, world: ScriptedServer) -> None:
    _, maria, _ = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools", "A #ladder?")

    await _tend(node, world, tags.set_tags, "ana", thread, ["open air", "Fair"], "so that it is found")

    [update] = _got(world, maria)
    names = [tag["name"] for tag in update["object"]["tag"] if tag["type"] == "Hashtag"]
    assert (update["type"], update["actor"], names) == (
        "Update",
        f"{node.origin}/u/ben",
        ["#ladder", "#openAir", "#Fair"],
    )


async def test_what_a_member_changes_on_a_whiteboard_its_author_signs(node: Moot, world: ScriptedServer) -> None:
    _, maria, _ = await _garden(node, world)
    thread = await node.start("ana", "garden", "Tools", whiteboard=True)
    await node.settle()
    world.requests.clear()

    await node.edit("ben", thread, "What *we* think.")
    await node.settle()

    [letter] = [letter for letter in world.letters if letter.url == maria.shared_inbox]
    world.learn_actor(await node.document("/u/ana"))
    assert letter.verified and letter.key_id == f"{node.origin}/u/ana#main-key"
    update = letter.json()
    assert (update["type"], update["actor"]) == ("Update", f"{node.origin}/u/ana")
    assert update["object"]["attributedTo"] == f"{node.origin}/u/ana"
    assert "we" in update["object"]["content"]


async def test_a_thread_that_becomes_private_is_deleted_everywhere_and_gone_for_ever(
    node: Moot, world: ScriptedServer
) -> None:
    garden, maria, liam = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")
    comment = await node.say("ana", thread, "In the shed.")
    theirs = maria.publish(maria.note("<p>Which?</p>", inReplyTo=comment))
    await deliver(node, maria, maria.create(theirs))
    activity = next(it["id"] for it in _got(world, maria) if it["type"] == "Create")
    unfollow = maria.undo(maria.follow(garden))
    await deliver(node, maria, unfollow)

    await _tend(node, world, upkeep.make_private, "ben", thread)

    assert {(it["type"], it["actor"], it["object"]) for it in _got(world, maria)} == {
        ("Delete", f"{node.origin}/u/ben", thread),
        ("Delete", f"{node.origin}/u/ana", comment),
    }
    wrapped = [it["object"] for it in _got(world, liam) if it["type"] == "Announce"]
    assert {(it["type"], it["object"]) for it in wrapped} == {
        ("Delete", thread),
        ("Delete", comment),
        ("Delete", theirs["id"]),
    }
    for uri in (thread, comment, f"{thread}/context", f"{thread}/replies", activity):
        assert (await node.get(uri))[0] == 404, uri
    assert (await node.get(thread, accept="text/html"))[0] == 404
    assert (await node.document(f"{garden}/outbox"))["totalItems"] == 0
    world.requests.clear()
    await node.say("ana", thread, "Only we read this.")
    await node.erase("ana", comment)
    await node.settle()
    assert world.letters == []


async def test_a_long_thread_is_taken_back_to_its_last_item(node: Moot, world: ScriptedServer) -> None:
    _, maria, _ = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")
    many = 2 * fediverse_upkeep.PIECE + 5

    def say(work: Work) -> set[str]:
        opening, ben = _item(work, thread), _actor(work, "ben")
        words = threads.compose(work, "More.")
        return {threads.post_comment(work, ben, opening, words).uri for _ in range(many)}

    said = await node.storage.write(say) | {thread}

    await _tend(node, world, upkeep.make_private, "ben", thread)

    deleted = [it["object"] for it in _got(world, maria) if it["type"] == "Delete"]
    assert sorted(deleted) == sorted(said)


async def test_what_waits_to_be_sent_stays_here_when_its_thread_becomes_private(
    node: Moot, world: ScriptedServer
) -> None:
    _, maria, _ = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")

    await node.storage.write(lambda work: upkeep.make_private(work, _actor(work, "ben"), _item(work, thread).thread_id))
    await node.settle()

    assert {it["type"] for it in _got(world, maria)} <= {"Accept", "Delete"}


async def test_a_thread_keeps_its_ids_in_its_new_group_which_announces_it(node: Moot, world: ScriptedServer) -> None:
    garden, maria, liam = await _garden(node, world)
    kitchen = await node.group("kitchen", "ana", "ben")
    vera = await _followed(node, world, kitchen, "vera@victim.test")
    world.nodeinfo("nodebb.test", "nodebb", "4.15.0")
    nora = await _followed(node, world, kitchen, "nora@nodebb.test")
    thread = await node.start("ben", "garden", "Tools")
    comment = await node.say("ana", thread, "In the shed.")
    _, response, _ = await node.get(thread, accept="text/html")
    old_page = response.headers["Location"]

    def move(work: Work, who: Actor, thread_id: int, reason: str) -> None:
        moves.move_thread(work, who, thread_id, work.get_one(Group, _actor(work, "kitchen").id), reason)

    await _tend(node, world, move, "ana", thread, "It is about soup.")

    [update] = _got(world, maria)
    assert (update["type"], update["actor"]) == ("Update", f"{node.origin}/u/ben")
    assert (update["object"]["id"], update["object"]["audience"]) == (thread, kitchen)
    assert update["object"]["to"] == [kitchen, PUBLIC]
    [boost] = [it for it in _got(world, vera) if it["type"] == "Announce"]
    assert (boost["actor"], boost["object"]) == (kitchen, thread)
    for forum in (liam, nora):
        [relocated] = [it for it in _got(world, forum) if it["type"] == "Move"]
        assert relocated["object"] == f"{thread}/context"
        assert (relocated["origin"], relocated["target"], relocated["actor"]) == (
            garden,
            kitchen,
            f"{node.origin}/u/ana",
        )
    [create] = [it["object"] for it in _got(world, nora) if it["object"] != thread and it["actor"] == kitchen][-1:]
    assert (create["type"], create["object"]["id"], create["object"]["audience"]) == ("Create", thread, kitchen)
    note = await node.document(comment)
    assert (note["audience"], note["inReplyTo"], note["context"]) == (kitchen, thread, f"{thread}/context")
    status, response, _ = await node.get(old_page, accept="text/html")
    assert (status, response.headers["Location"].startswith("/g/kitchen/")) == (301, True)


async def test_a_thread_that_moves_to_a_stricter_group_is_deleted_elsewhere(node: Moot, world: ScriptedServer) -> None:
    _, maria, _ = await _garden(node, world)
    await node.group("cellar", "ana", privacy="secret")
    thread = await node.start("ben", "garden", "Tools")

    def move(work: Work, who: Actor, thread_id: int, reason: str) -> None:
        moves.move_thread(work, who, thread_id, work.get_one(Group, _actor(work, "cellar").id), reason)

    await _tend(node, world, move, "ana", thread, "hush")

    assert [(it["type"], it["object"]) for it in _got(world, maria)] == [("Delete", thread)]
    assert (await node.get(thread))[0] == 404
    assert b"cellar" not in b"".join(letter.body for letter in world.letters)


async def test_a_branch_that_became_a_thread_is_announced_and_its_items_keep_their_ids(
    node: Moot, world: ScriptedServer
) -> None:
    garden, maria, _ = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")
    branch = await node.say("ben", thread, "And seeds?")
    reply = await node.say("ana", branch, "Here.")
    theirs = maria.publish(maria.note("<p>Mine</p>", inReplyTo=reply))
    await deliver(node, maria, maria.create(theirs))
    await node.settle()
    world.requests.clear()

    def split(work: Work) -> str:
        words = threads.compose(work, "About seeds, then.")
        return moves.split_branch(work, _actor(work, "ana"), _item(work, branch), "Seeds", words).uri

    opening = await node.storage.write(split)
    await node.settle()

    got = _got(world, maria)
    assert [it["object"] for it in got if it["type"] == "Announce" and it["actor"] == garden] == [opening]
    updated = {it["object"]["id"]: it for it in got if it["type"] == "Update"}
    assert set(updated) == {branch, reply}
    assert updated[branch]["actor"] == f"{node.origin}/u/ben"
    assert updated[branch]["object"]["inReplyTo"] == opening
    assert all(it["object"]["context"] == f"{opening}/context" for it in updated.values())
    assert (await node.document(opening))["replies"]["first"]["items"] == [branch]
    context = await node.document(f"{opening}/context")
    assert context["orderedItems"] == [opening, branch, reply, theirs["id"]]
    assert (await node.document(f"{thread}/context"))["orderedItems"] == [thread]
    later = maria.publish(maria.note("<p>More</p>", inReplyTo=theirs["id"], context=f"{thread}/context"))
    await deliver(node, maria, maria.create(later))
    assert (await node.document(f"{opening}/context"))["orderedItems"][-1] == later["id"]


async def test_a_report_goes_to_their_server_in_the_name_of_the_node(node: Moot, world: ScriptedServer) -> None:
    _, maria, liam = await _garden(node, world)
    thread = await node.start("ben", "garden", "Tools")
    theirs = {}
    for who in (maria, liam):
        note = who.publish(who.note("<p>Buy!</p>", inReplyTo=thread))
        theirs[who.handle] = note["id"]
        await deliver(node, who, who.create(note))
    await node.settle()
    world.requests.clear()

    def tell(work: Work, forward: bool) -> None:
        for uri in theirs.values():
            reports.report_item(work, _actor(work, "ben"), _item(work, uri), "spam", "An advert.", forward=forward)

    await node.storage.write(tell, False)
    await node.settle()
    assert world.letters == []
    await node.storage.write(_forget_reports)
    await node.storage.write(tell, True)
    await node.settle()

    [to_mastodon] = _got(world, maria)
    [to_lemmy] = _got(world, liam)
    assert (to_mastodon["type"], to_mastodon["actor"]) == ("Flag", f"{node.origin}/actor")
    assert to_mastodon["object"] == [maria.uri, theirs[maria.handle]]
    assert (to_lemmy["object"], to_lemmy["summary"]) == (theirs[liam.handle], "An advert.")
    assert b"/u/ben" not in b"".join(letter.body for letter in world.letters)


def _forget_reports(work: Work) -> None:
    work.query(Report).delete()
