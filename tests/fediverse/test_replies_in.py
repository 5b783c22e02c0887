"""Answers from other servers, and where they take their place."""

from node.forum import members, people, servers, upkeep
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Group, Thread
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import a_thread, copy, count_threads, deliver, items, notices, outcomes, visible
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Answer, ScriptedServer


async def test_a_public_answer_appears_in_its_place_and_an_answer_to_it_below(
    node: Moot, world: ScriptedServer
) -> None:
    thread = await a_thread(node)
    ours = await node.say("ana", thread, "Nobody?")
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    first = maria.note("<p>I have <em>one</em>.</p>", inReplyTo=ours, summary="Ladders", sensitive=True)
    first["tag"] = [
        {"type": "Emoji", "name": ":ladder:", "icon": {"type": "Image", "url": "https://mastodon.test/l.png"}}
    ]
    first["attachment"] = [
        {"type": "Document", "mediaType": "image/png", "url": "https://mastodon.test/1.png", "name": "A ladder"}
    ]
    first["contentMap"] = {"de": first["content"]}
    await deliver(node, maria, maria.create(first))
    second = bob.note("<p>Long?</p>", inReplyTo=first["id"], to=[bob.followers], cc=[PUBLIC, maria.uri])
    await deliver(node, bob, bob.create(second))

    found = await items(node, thread)
    assert list(found) == [thread, ours, first["id"], second["id"]]
    assert [item.depth for item in found.values()] == [0, 1, 2, 3]
    assert (found[first["id"]].parent, found[second["id"]].parent) == (ours, first["id"])
    assert "<em>one</em>" in found[first["id"]].html
    kept = await node.item(first["id"])
    assert kept is not None
    assert (kept.summary, kept.sensitive, kept.language) == ("Ladders", True, "de")
    assert kept.attachments == [
        {"kind": "Document", "url": "https://mastodon.test/1.png", "media_type": "image/png", "alt": "A ladder"}
    ]
    page = await node.page(thread)
    assert "Maria" in page and "Long?" in page
    assert found[second["id"]].state == "visible"  # unlisted is public
    assert (await node.document(thread))["replies"]["totalItems"] == 1


async def test_missing_parents_are_fetched_upwards_and_placed_from_the_top(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    top = maria.publish(maria.note("<p>Top</p>", inReplyTo=thread))
    middle = bob.publish(bob.note("<p>Middle</p>", inReplyTo=top["id"]))
    low = maria.note("<p>Low</p>", inReplyTo=middle["url"])  # some answer the page
    world.redirect(middle["url"], middle["id"])
    await deliver(node, maria, maria.create(copy(low, to=[PUBLIC, f"{node.origin}/u/ana"])))

    found = await items(node, thread)
    assert [(item.author, item.depth) for item in found.values()] == [
        (f"{node.origin}/u/ana", 0),
        (maria.uri, 1),
        (bob.uri, 2),
        (maria.uri, 3),
    ]
    assert [item.number for item in found.values()] == [0, 1, 2, 3]


async def test_a_hole_is_left_for_what_cannot_be_had_and_filled_in_place(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    context = (await node.document(thread))["context"]
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    ours = await node.say("ana", thread, "Nobody?")
    lost = bob.note("<p>Lost</p>", inReplyTo=ours)
    world.serve(lost["id"], b"", status=500)
    answer = maria.note("<p>To the lost one</p>", inReplyTo=lost["id"], context=context)
    await deliver(node, maria, maria.create(answer))

    before = await items(node, thread)
    assert (before[lost["id"]].state, before[lost["id"]].author, before[lost["id"]].parent) == ("missing", None, thread)
    assert before[answer["id"]].parent == lost["id"]
    assert "To the lost one" in await node.page(thread)
    assert lost["id"] not in str(await node.document(f"{thread}/context"))

    await deliver(node, bob, bob.create(lost))
    after = await items(node, thread)
    assert (after[lost["id"]].state, after[lost["id"]].path) == ("visible", before[lost["id"]].path)
    assert after[lost["id"]].parent == ours
    assert after[answer["id"]] == before[answer["id"]]


async def test_holes_are_fetched_when_asked_for_or_closed_when_gone(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    thread = await a_thread(node)
    context = (await node.document(thread))["context"]
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    lost, dead = (bob.note(f"<p>{word}</p>", inReplyTo=thread) for word in ("Lost", "Dead"))
    for hole in (lost, dead):
        world.serve(hole["id"], b"", status=503)
        await deliver(node, maria, maria.create(maria.note("<p>Yes</p>", inReplyTo=hole["id"], conversation=context)))
    clock.forward(hours=3)
    bob.publish(lost)
    world.gone(dead["id"])
    item = await node.item(thread)
    assert item is not None

    assert await node.node.network.fetch_missing(item.thread_id) == 1
    found = await items(node, thread)
    assert (found[lost["id"]].state, found[dead["id"]].state) == ("visible", "deleted")


async def test_an_answer_is_placed_by_its_context_alone_but_not_in_another_thread(
    node: Moot, world: ScriptedServer
) -> None:
    """AUT-41, AUT-42"""
    thread = await a_thread(node)
    other = await node.start("ana", "garden", "Sheds")
    context, elsewhere = f"{thread}/context", f"{other}/context"
    maria, mallory = world.actor("maria@mastodon.test"), world.actor("mallory@mallory.test")
    by_context = maria.note("<p>By context</p>", context=context)
    astray = maria.note("<p>The parent decides</p>", inReplyTo=thread, context=elsewhere)
    to_nothing = maria.note("<p>To nothing</p>", inReplyTo=f"{node.origin}/comment/{'a' * 26}", context=context)
    await deliver(node, maria, *(maria.create(note) for note in (by_context, astray, to_nothing)))
    # A stranger says that somebody's conversation is held here: it is not believed.
    claimed = "https://victim.test/contexts/1"
    theft = mallory.note("<p>Theft</p>", inReplyTo=thread, context=claimed)
    await deliver(node, mallory, mallory.create(theft))
    bob = world.actor("bob@victim.test")
    private = bob.note("<p>Elsewhere</p>", context=claimed, cc=[f"{node.origin}/u/ana"])
    await deliver(node, bob, bob.create(private))
    # Nor is a hole that somebody made in the wrong thread in the way of the true one.
    true = bob.note("<p>True</p>", inReplyTo=other)
    await deliver(node, mallory, mallory.create(mallory.note("<p>x</p>", inReplyTo=true["id"], context=context)))
    await deliver(node, bob, bob.create(true))

    assert {by_context["id"], astray["id"]} <= await visible(node, thread)
    assert await node.item(to_nothing["id"]) is None
    assert await node.item(private["id"]) is None
    assert await visible(node, other) == {true["id"]}
    assert (await items(node, other))[true["id"]].parent == other


async def test_loops_and_endless_chains_of_parents_end(node: Moot, world: ScriptedServer, net: LoopbackNet) -> None:
    """FET-07, FET-12"""
    thread = await a_thread(node)
    context = f"{thread}/context"
    mallory = world.actor("mallory@mallory.test")

    loop = mallory.note("<p>Me</p>", context=context)
    loop["inReplyTo"] = loop["id"]
    one, two = mallory.note("<p>1</p>", context=context), mallory.note("<p>2</p>")
    one["inReplyTo"], two["inReplyTo"] = two["id"], one["id"]
    mallory.publish(two)
    for note in (loop, one):
        await deliver(node, mallory, mallory.create(mallory.publish(note)))
    chain = [f"{mallory.uri}/endless"]
    for number in range(30):
        chain.append(f"https://h{number}.test/notes/1")
        net.add(f"h{number}.test", world)
        author = copy(mallory.document, id=f"https://h{number}.test/users/troll", inbox=f"https://h{number}.test/inbox")
        world.serve(author["id"], copy(author, endpoints=None, publicKey=None))
        world.serve(
            chain[-1], copy(mallory.note("<p>.</p>", inReplyTo=chain[-2]), id=chain[-1], attributedTo=author["id"])
        )
    last = mallory.note("<p>Endless</p>", inReplyTo=chain[-1], context=context)
    stranger = world.actor("liam@lemmy.test")
    world.requests.clear()
    await deliver(node, stranger, stranger.create(stranger.note("<p>!</p>", inReplyTo=chain[-1], context=context)))
    assert 10 < len(world.fetches) <= 20  # with its key and what it runs
    world.requests.clear()
    await deliver(node, mallory, mallory.create(last))
    assert len(world.fetches) <= 20
    assert "Endless" in await node.page(thread)
    found = await items(node, thread)
    assert found[loop["id"]].state == found[last["id"]].state == "visible"
    assert sorted(item.number for item in found.values()) == list(range(len(found)))


async def test_what_is_not_public_is_told_to_those_addressed_alone(node: Moot, world: ScriptedServer) -> None:
    """PRV-09"""
    thread = await a_thread(node)
    ana = f"{node.origin}/u/ana"
    await node.person("ben")
    maria = world.actor("maria@mastodon.test")
    direct = maria.note("<p>Between us: 4711</p>", inReplyTo=thread, to=[ana], cc=[])
    followers_only = maria.note("<p>For friends: 4712</p>", inReplyTo=thread, to=[maria.followers], cc=[ana])
    nobody = maria.note("<p>For others: 4713</p>", inReplyTo=thread, to=[maria.followers], cc=[])
    await deliver(node, maria, *(maria.create(note) for note in (direct, followers_only, nobody)))

    assert await notices(node) == [("ana", "<p>Between us: 4711</p>"), ("ana", "<p>For friends: 4712</p>")]
    assert await visible(node, thread) == set()
    everything = await node.page(thread) + await node.page("/g/garden") + str(await node.document(f"{thread}/context"))
    everything += str(await node.document(thread)) + str(await node.document(f"{node.origin}/g/garden/outbox"))
    assert "471" not in everything
    later = copy(direct, content="<p>Between us: 4714</p>", updated="2026-11-22T12:00:05Z")
    await deliver(node, maria, maria.update(later), maria.delete(followers_only["id"]))
    assert await notices(node) == [("ana", "<p>Between us: 4714</p>")]
    wider = copy(direct, to=[PUBLIC], content="<p>To all</p>")
    await deliver(node, maria, maria.create(wider))  # its author's own choice


async def test_an_answer_to_what_is_private_or_gone_is_not_let_in(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    private = await node.start("ana", "garden", "Keys", private=True)
    removed = await node.start("ana", "garden", "Noise")
    noise = await node.say("ana", thread, "Noise")
    maria = world.actor("maria@mastodon.test")

    def take_away(work: Work) -> None:
        row = stored_threads.comment_by_uri(work, removed)
        assert row is not None
        work.get_one(Thread, row.thread_id).state = "removed"
        comment = stored_threads.comment_by_uri(work, noise)
        assert comment is not None
        upkeep.remove_comment(work, None, comment, "noise")

    await node.storage.write(take_away)
    answers = [maria.note("<p>Yes</p>", inReplyTo=uri) for uri in (private, removed, noise)]
    hole = maria.note("<p>Yes</p>", inReplyTo="https://nowhere.test/1", context=f"{private}/context")
    await deliver(node, maria, *(maria.create(note) for note in (*answers, hole)))

    assert [await node.said(note["id"]) is not None for note in (*answers, hole)] == [False, False, True, False]
    assert len(await items(node, private)) == len(await items(node, removed)) == 1
    assert (await items(node, thread))[answers[2]["id"]].parent == noise  # its placeholder holds the tree


async def test_who_may_not_comment_is_refused_with_a_reason_and_never_announced(
    node: Moot, world: ScriptedServer
) -> None:
    """AUT-43"""
    thread = await a_thread(node)
    maria, mallory, troll = (
        world.actor(f"{name}.test") for name in ("maria@mastodon", "mallory@mallory", "troll@victim")
    )
    for actor in (maria, mallory, troll):
        await deliver(node, actor, actor.create(actor.note("<p>Hello</p>", inReplyTo=thread)))
    world.nodeinfo("lemmy.test", "lemmy", "0.19.11")
    liam = world.actor("liam@lemmy.test")
    await deliver(node, liam, liam.follow(f"{node.origin}/g/garden"))

    def judge(work: Work) -> None:
        banned, suspended = (stored_people.by_uri(work, actor.uri) for actor in (mallory, troll))
        group = stored_people.by_name(work, "garden")
        assert banned and suspended and group
        members.set_role(work, None, work.get_one(Group, group.id), banned, "banned", "spam")
        people.suspend(work, suspended, "spam")

    await node.storage.write(judge)
    world.requests.clear()
    spam = mallory.publish(mallory.note("<p>Buy</p>", inReplyTo=thread))
    under = maria.note("<p>No thanks</p>", inReplyTo=spam["id"])
    [refused] = await deliver(node, mallory, mallory.create(spam))
    assert refused.status == 202
    # A suspended one is turned away at the door, and found out as a parent too.
    hidden = troll.publish(troll.note("<p>Buy more</p>", inReplyTo=thread))
    assert [reply.status for reply in await deliver(node, troll, troll.create(hidden))] == [403]
    below = maria.note("<p>Go away</p>", inReplyTo=hidden["id"], context=f"{thread}/context")
    await deliver(node, maria, maria.create(under), maria.create(below))

    found = await items(node, thread)
    assert (found[spam["id"]].state, found[spam["id"]].reason) == ("refused", "This account is banned from the group.")
    assert found[hidden["id"]].state == "refused"
    assert (found[under["id"]].parent, found[below["id"]].parent) == (spam["id"], hidden["id"])
    page = await node.page(thread)
    assert "Buy" not in page and "No thanks" in page and "Go away" in page
    assert not any("Buy" in str(letter.json()) for letter in world.letters)
    assert any("Go away" in str(letter.json()) for letter in world.letters_to(liam.shared_inbox))

    def close(work: Work) -> None:
        row = stored_threads.comment_by_uri(work, thread)
        assert row is not None
        upkeep.lock_thread(work, None, row.thread_id, "It is settled.")

    await node.storage.write(close)
    late = maria.note("<p>Late</p>", inReplyTo=thread)
    await deliver(node, maria, maria.create(late))
    assert (await items(node, thread))[late["id"]].reason == "This thread is locked: it can be read, but not answered."


async def test_a_group_may_keep_outsiders_out(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node, outsiders_may_comment=False, outsiders_may_start=False)
    garden = f"{node.origin}/g/garden"
    maria = world.actor("maria@mastodon.test")
    answer = maria.note("<p>May I?</p>", inReplyTo=thread)
    mention = [{"type": "Mention", "href": garden, "name": "@garden@node.test"}]
    opening = maria.note("<p>@garden A new thing</p>", to=[PUBLIC, garden], tag=mention)
    await deliver(node, maria, maria.create(answer), maria.create(opening), maria.update(opening))

    assert (await items(node, thread))[answer["id"]].reason == "This group takes comments from its members only."
    assert await count_threads(node) == 1
    [told] = world.letters_to(maria.inbox)
    note = told.json()["object"]
    assert (told.json()["actor"], told.json()["to"], note["inReplyTo"]) == (garden, [maria.uri], opening["id"])
    assert "Only members of this group may start threads in it." in note["content"]

    def join(work: Work) -> None:
        actor, group = stored_people.by_uri(work, maria.uri), stored_people.by_name(work, "garden")
        assert actor and group
        members.join(work, actor, work.get_one(Group, group.id))

    await node.storage.write(join)
    member = maria.note("<p>Now I may</p>", inReplyTo=thread)
    await deliver(node, maria, maria.create(member))
    assert await visible(node, thread) == {member["id"]}


async def test_times_votes_polls_and_texts_are_taken_as_they_can_be(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    early = maria.note("<p>Early</p>", inReplyTo=thread, published="2001-01-01T00:00:00Z")
    late = maria.note("<p>Late</p>", inReplyTo=thread, published="2027-01-01T00:00:00Z")
    empty = maria.note(" ", inReplyTo=thread)
    large = maria.note("<p>Large</p>" + "<p>word word</p>" * 5000, inReplyTo=thread)
    too_large = copy(maria.note("<p>word</p>" * 60_000, inReplyTo=thread), contentMap=None)
    poll = copy(maria.note("<p>Which?</p>", inReplyTo=thread), type="Question", endTime="2026-12-01T00:00:00Z")
    poll["oneOf"] = [
        {"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 2}} for name in ("Oak", "Ash")
    ]
    evil = maria.note("<p>Hi<script>alert(1)</script><img src=x onerror=alert(1)></p>", inReplyTo=thread)
    for note in (early, late, empty, large, too_large, poll, evil):
        [reply] = await deliver(node, maria, maria.create(note))
        assert reply.status == 202
    await deliver(node, maria, maria.vote(thread, f"{node.origin}/u/ana", "Oak"))
    public_vote = copy(maria.note("", inReplyTo=thread), name="Oak", content=None, contentMap=None)
    await deliver(node, maria, maria.create(public_vote))

    opening = await node.item(thread)
    rows = [await node.item(note["id"]) for note in (early, late, poll)]
    assert opening is not None
    assert all(row is not None and row.published_at == opening.published_at for row in rows)
    assert rows[2] is not None and rows[2].question is not None
    assert rows[2].question["options"] == [["Oak", 2], ["Ash", 2]]
    assert await node.item(empty["id"]) is None
    assert await node.said(large["id"]) is not None
    assert await node.item(public_vote["id"]) is None
    assert await visible(node, thread) == {note["id"] for note in (early, late, large, poll, evil)}
    page = await node.page(thread)
    assert "Ash" in page and "<script>alert" not in page and "onerror" not in page
    said = await outcomes(node)
    assert said[-2:] == ["Create: a vote, and voting is not open"] * 2
    assert [outcome for outcome in said if outcome.startswith("Create: A text")] != []


async def test_what_concerns_nothing_here_is_neither_kept_nor_followed_up(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    await deliver(node, maria, maria.create(maria.note("<p>Hello</p>", inReplyTo=thread)))
    world.requests.clear()
    away = maria.note("<p>To a friend</p>", inReplyTo="https://victim.test/users/bob/statuses/1")
    alone = maria.note("<p>Good morning</p>")
    await deliver(node, maria, maria.create(away), maria.create(alone))

    assert await node.item(away["id"]) is None and await node.item(alone["id"]) is None
    assert world.fetches == []
    assert (await outcomes(node))[-2:] == [
        "Create: it answers nothing that is here, and names nobody of ours",
        "notfound: It answers nothing here and mentions no group.",
    ]


async def test_a_parent_that_is_out_of_reach_is_tried_again_later(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """REL-25"""
    thread = await a_thread(node)
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    parent = bob.note("<p>Parent</p>", inReplyTo=thread)
    world.script("GET", parent["id"], Answer(503, b""))
    answer = maria.note("<p>Answer</p>", inReplyTo=parent["id"], cc=[f"{node.origin}/u/ana"])
    await deliver(node, maria, maria.create(answer))
    assert (await outcomes(node))[0].startswith("waiting: ")
    assert await node.item(answer["id"]) is None

    bob.publish(parent)
    clock.forward(hours=2)
    await node.settle()
    assert await visible(node, thread) == {parent["id"], answer["id"]}


async def test_a_blocked_host_is_hidden_and_refused_and_comes_back(
    node: Moot, world: ScriptedServer, net: LoopbackNet
) -> None:
    """SIG-51, PRV-13, AUT-43"""
    thread = await a_thread(node)
    hosts = ("victim.test", "sub.victim.test", "notvictim.test")
    for host in hosts[1:]:
        net.add(host, world)
    authors = [world.actor(f"bob@{host}") for host in hosts]
    notes = [author.publish(author.note(f"<p>From {author.host}!</p>", inReplyTo=thread)) for author in authors]
    for author, note in zip(authors, notes, strict=True):
        await deliver(node, author, author.create(note))
    page = await node.page(thread)
    assert all(f"From {host}!" in page for host in hosts)

    await node.storage.write(servers.block, None, "Victim.test.", "spam")
    world.requests.clear()
    page, context = await node.page(thread), str(await node.document(f"{thread}/context"))
    assert [f"From {host}!" in page for host in hosts] == [False, False, True]
    assert [note["id"] in context for note in notes] == [False, False, True]
    strangers = [world.actor(f"carol@{host}") for host in hosts[:2]]
    for stranger in strangers:
        [reply] = await deliver(node, stranger, stranger.create(stranger.note("<p>Hi</p>", inReplyTo=thread)))
        assert reply.status == 403
    if node.storage.sqlite:  # PostgreSQL is asked once a second; until then the database alone refuses
        assert world.fetches == []
    world.requests.clear()
    maria = world.actor("maria@mastodon.test")
    answered = authors[1].publish(authors[1].note("<p>More</p>", inReplyTo=thread))
    below = maria.note("<p>Below</p>", inReplyTo=answered["id"], context=f"{thread}/context")
    await deliver(node, maria, maria.create(below))
    assert {fetch.host for fetch in world.fetches} == {"mastodon.test"}
    assert (await items(node, thread))[answered["id"]].state == "missing"

    await node.storage.write(servers.unblock, None, "victim.test")
    page = await node.page(thread)
    assert all(f"From {host}!" in page for host in hosts)
    await maria.get(thread)  # a signed GET has the door look at the hosts at once
    [reply] = await deliver(node, strangers[1], strangers[1].follow(f"{node.origin}/g/garden"))
    assert reply.status == 202
