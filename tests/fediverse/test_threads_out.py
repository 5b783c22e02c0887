"""What other servers get when somebody here writes."""

from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, ScriptedActor, ScriptedServer


async def followed(node: Moot, world: ScriptedServer, group: str, handle: str) -> ScriptedActor:
    """Somebody elsewhere who follows the group."""
    follower = world.actor(handle)
    await follower.post(f"{group}/inbox", follower.follow(group))
    await node.settle()
    return follower


async def test_a_new_thread_is_announced_to_the_group_s_followers(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = await followed(node, world, garden, "maria@mastodon.test")

    thread = await node.start("ana", "garden", "Tools & sheds", "Who has a *ladder*?")
    await node.settle()

    [announce] = [letter.json() for letter in world.letters_to(maria.shared_inbox)]
    assert announce["type"] == "Announce"
    assert announce["actor"] == garden
    assert announce["object"] == thread
    assert announce["to"] == [PUBLIC]
    assert announce["cc"] == [f"{garden}/followers", ana]
    note = await node.document(thread)
    assert note["type"] == "Note"
    assert note["content"].startswith("<p><strong>Tools &amp; sheds</strong></p>")
    assert "name" not in note and "summary" not in note
    assert note["attributedTo"] == ana
    assert note["to"] == [garden, PUBLIC]
    assert note["context"] == note["conversation"] == f"{thread}/context"


async def test_forum_software_gets_the_thread_as_an_article_in_a_create(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    garden = await node.group("garden", "ana")
    world.nodeinfo("lemmy.test", "lemmy", "0.19.11")
    liam = await followed(node, world, garden, "liam@lemmy.test")

    thread = await node.start("ana", "garden", "Tools", "Who has a *ladder*?")
    await node.settle()

    [announce] = [letter.json() for letter in world.letters_to(liam.shared_inbox)]
    create = announce["object"]
    assert (announce["type"], create["type"], create["actor"]) == ("Announce", "Create", ana)
    article = create["object"]
    assert (article["type"], article["name"], article["id"]) == ("Article", "Tools", thread)
    assert "<strong>Tools" not in article["content"]
    assert announce["to"] == [garden, PUBLIC]
    answer = await liam.get(thread)
    assert answer.json()["type"] == "Article"
    assert answer.headers["cache-control"].startswith("private")
    assert (await node.document(thread))["type"] == "Note"


async def test_comments_are_relayed_quietly_unless_the_group_says_otherwise(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    await node.person("ben")
    garden = await node.group("garden", "ana", "ben")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    thread = await node.start("ana", "garden", "Tools")
    await node.settle()
    world.requests.clear()

    comment = await node.say("ben", thread, "I have one.")
    await node.settle()

    [relayed] = world.letters_to(maria.shared_inbox)
    world.learn_actor(await node.document(garden))
    assert relayed.verified
    assert relayed.json()["type"] == "Create"
    assert relayed.json()["object"]["id"] == comment
    assert relayed.json()["object"]["inReplyTo"] == thread
    assert [tag["href"] for tag in relayed.json()["object"]["tag"] if tag["type"] == "Mention"] == [garden, ana]


async def test_a_group_that_boosts_announces_each_comment(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana", comments="boosted")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    thread = await node.start("ana", "garden", "Tools")
    await node.settle()
    world.requests.clear()

    comment = await node.say("ana", thread, "Nobody?")
    await node.settle()

    [announce] = [letter.json() for letter in world.letters_to(maria.shared_inbox)]
    assert (announce["type"], announce["object"]) == ("Announce", comment)


async def test_a_group_that_passes_nothing_on_still_tells_forums(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana", comments="none")
    world.nodeinfo("lemmy.test", "lemmy", "0.19.11")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    liam = await followed(node, world, garden, "liam@lemmy.test")
    thread = await node.start("ana", "garden", "Tools")
    await node.settle()
    world.requests.clear()

    await node.say("ana", thread, "Nobody?")
    await node.settle()

    assert world.letters_to(maria.shared_inbox) == []
    [wrapped] = [letter.json() for letter in world.letters_to(liam.shared_inbox)]
    assert (wrapped["type"], wrapped["object"]["type"], wrapped["object"]["object"]["type"]) == (
        "Announce",
        "Create",
        "Note",
    )


async def test_an_edit_reaches_the_followers_and_keeps_its_time(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    thread = await node.start("ana", "garden", "Tools")
    await node.settle()
    world.requests.clear()
    assert "updated" not in await node.document(thread)

    await node.edit("ana", thread, "Who has a ladder, a long one?", title="Ladders")
    await node.settle()

    [update] = [letter.json() for letter in world.letters_to(maria.shared_inbox)]
    assert update["type"] == "Update"
    assert "a long one" in update["object"]["content"]
    assert "Ladders" in update["object"]["content"]
    assert update["object"]["updated"] == (await node.document(thread))["updated"]


async def test_what_its_author_deletes_is_gone_for_ever(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    thread = await node.start("ana", "garden", "Tools")
    comment = await node.say("ana", thread, "A private number: 4711")
    await node.settle()
    world.requests.clear()

    await node.erase("ana", comment)
    await node.settle()

    [delete] = [letter.json() for letter in world.letters_to(maria.shared_inbox)]
    assert (delete["type"], delete["actor"], delete["object"]) == ("Delete", ana, comment)
    status, _, body = await node.get(comment)
    assert status == 410
    assert b"Tombstone" in body and b"4711" not in body
    assert "4711" not in await node.page(thread)


async def test_who_unfollowed_still_hears_of_a_deletion(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = world.actor("maria@mastodon.test")
    follow = maria.follow(garden)
    await maria.post(f"{garden}/inbox", follow)
    await node.settle()
    thread = await node.start("ana", "garden", "Tools")
    await node.settle()
    await maria.post(f"{garden}/inbox", maria.undo(follow))
    await node.settle()
    world.requests.clear()

    await node.erase("ana", thread)
    await node.settle()

    assert [letter.json()["type"] for letter in world.letters_to(maria.shared_inbox)] == ["Delete"]


async def test_what_is_private_never_leaves(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    await followed(node, world, garden, "maria@mastodon.test")
    world.requests.clear()

    thread = await node.start("ana", "garden", "Keys", "Under the mat.", private=True)
    comment = await node.say("ana", thread, "No, behind the shed.")
    await node.settle()

    assert world.letters == []
    for uri in (thread, comment, f"{thread}/context", f"{thread}/replies", f"{comment}/likes"):
        assert (await node.get(uri))[0] == 404, uri
        assert (await node.get(uri, accept="text/html"))[0] == 404, uri
    outbox = await node.document(f"{garden}/outbox")
    assert (outbox["totalItems"], outbox["orderedItems"]) == (0, [])


async def test_the_first_page_of_replies_holds_all_direct_replies(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    thread = await node.start("ana", "garden", "Tools")
    ours = [await node.say("ana", thread, f"Idea {n}") for n in range(6)]
    theirs = maria.publish(maria.note("<p>Mine</p>", inReplyTo=thread))
    await maria.post(f"{node.origin}/inbox", maria.create(theirs))
    await node.settle()

    replies = (await node.document(thread))["replies"]

    assert replies["totalItems"] == 7
    assert replies["first"]["items"] == [*ours, theirs["id"]]
    assert (await node.document(f"{thread}/context"))["orderedItems"] == [thread, *ours, theirs["id"]]


async def test_a_remote_reply_is_passed_on_byte_for_byte_and_its_fetched_parent_is_not(
    node: Moot, world: ScriptedServer
) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    world.nodeinfo("lemmy.test", "lemmy", "0.19.11")
    liam = await followed(node, world, garden, "liam@lemmy.test")
    maria = await followed(node, world, garden, "maria@mastodon.test")
    thread = await node.start("ana", "garden", "Tools")
    await node.settle()
    world.requests.clear()
    vera = world.actor("vera@victim.test")
    parent = vera.publish(vera.note("<p>First</p>", inReplyTo=thread))
    reply = vera.publish(vera.note("<p>Second</p>", inReplyTo=parent["id"], context=f"{thread}/context"))
    create = vera.create(reply)

    await vera.post(f"{node.origin}/inbox", create)
    await node.settle()

    assert await node.said(parent["id"]) and await node.said(reply["id"])
    [wrapped] = [letter.json() for letter in world.letters_to(liam.shared_inbox)]
    assert wrapped["object"] == create
    [relayed] = world.letters_to(maria.shared_inbox)
    assert relayed.json() == create
    assert relayed.key_id == f"{garden}#main-key"
