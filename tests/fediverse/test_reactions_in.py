"""Likes, boosts, reports and all that takes them back, from other servers."""

from sqlalchemy import select

from storage import people as stored_people
from storage.schema import Block, Follow, Report
from storage.work import Work
from tests.equipment.incoming import a_thread, copy, count_threads, deliver, items, outcomes, reactions, visible
from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, Document, ScriptedServer


async def test_reactions_are_counted_once_each_and_can_be_taken_back(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    theirs = bob.note("<p>Mine</p>", inReplyTo=thread)
    await deliver(node, bob, bob.create(theirs))
    given: list[Document] = []
    for uri in (thread, theirs["id"]):
        given += [
            maria.like(uri),
            maria.like(uri),
            maria.activity("EmojiReact", uri, content="🎉"),
            maria.like(uri, content="👍"),  # Misskey's way to say it
            maria.like(uri, content=":blob:"),
            maria.announce(uri),
            maria.activity("EmojiReact", uri, content="x" * 500),
        ]
    await deliver(node, maria, *given)
    expected = [("maria@mastodon.test", kind) for kind in ("like", "🎉", ":blob:", "boost")]
    for uri in (thread, theirs["id"]):
        assert await reactions(node, uri) == expected
        row = await node.item(uri)
        assert row is not None and (row.likes_count, row.boosts_count) == (1, 1)
    assert (await node.document(thread))["likes"]["totalItems"] == 1
    assert "🎉" in await node.page(thread)

    # A dislike is the other way round of a like, as on Lemmy.
    await deliver(node, maria, maria.activity("Dislike", thread))
    assert ("maria@mastodon.test", "like") not in await reactions(node, thread)
    await deliver(node, maria, maria.like(thread))
    assert ("maria@mastodon.test", "dislike") not in await reactions(node, thread)

    # Taken back by the embedded activity, by its id alone, or, as Lemmy does, by one with a new id.
    emoji, blob, boost = given[2], given[4], given[5]
    new_id = copy(maria.like(thread))
    await deliver(node, maria, maria.undo(emoji), maria.activity("Undo", blob["id"]), maria.undo(boost))
    await deliver(node, maria, maria.undo(new_id), maria.undo(new_id), maria.undo(emoji))
    assert await reactions(node, thread) == []
    row = await node.item(thread)
    assert row is not None and (row.likes_count, row.boosts_count) == (0, 0)
    # REL-24: what was undone does not come back.
    early = maria.like(thread)
    await deliver(node, maria, maria.undo(early), early, emoji, blob, boost)
    assert await reactions(node, thread) == []


async def test_nobody_takes_back_what_another_did(node: Moot, world: ScriptedServer) -> None:
    """AUT-19, AUT-20, AUT-21, AUT-22, AUT-23"""
    thread = await a_thread(node)
    ana = f"{node.origin}/u/ana"
    maria, mallory = world.actor("maria@mastodon.test"), world.actor("mallory@mastodon.test")
    like, boost = maria.like(thread), maria.announce(thread)
    block = maria.activity("Block", ana)
    await deliver(node, maria, like, boost, block)
    for activity in (like, boost, block):
        forged = copy(activity, actor=mallory.uri)
        await deliver(
            node,
            mallory,
            mallory.undo(activity),
            mallory.undo(forged),
            mallory.activity("Undo", activity["id"]),
            mallory.undo({"type": activity["type"], "actor": mallory.uri, "object": activity["object"]}),
        )
    follow = copy(mallory.follow(f"{node.origin}/g/garden"), actor=maria.uri)
    assert (await mallory.post(f"{node.origin}/inbox", follow)).status == 401
    invented = {"id": f"{node.origin}/a/{'a' * 26}", "type": "Follow", "actor": ana, "object": mallory.uri}
    await deliver(node, mallory, mallory.accept(invented), mallory.reject(invented), mallory.accept(like["id"]))

    assert await reactions(node, thread) == [("maria@mastodon.test", "like"), ("maria@mastodon.test", "boost")]
    assert len(await node.storage.read(lambda work: list(work.scalars(select(Block.id))))) == 1
    assert await node.storage.read(lambda work: list(work.scalars(select(Follow.id)))) == []


async def test_a_block_ends_follows_until_it_is_lifted(node: Moot, world: ScriptedServer) -> None:
    await a_thread(node)
    ana = f"{node.origin}/u/ana"
    maria = world.actor("maria@mastodon.test")
    await deliver(node, maria, maria.follow(ana))
    blocks = [maria.activity("Block", ana) for _ in range(3)]

    async def blocked() -> bool:
        return bool(await node.storage.read(lambda work: list(work.scalars(select(Block.id)))))

    await deliver(node, maria, blocks[0], blocks[0])
    assert await blocked() and await node.follower_count(ana) == 0
    await deliver(node, maria, maria.undo(blocks[0]))
    assert not await blocked()
    await deliver(node, maria, blocks[1], maria.activity("Undo", blocks[1]["id"]))
    assert not await blocked()


async def test_a_report_is_kept_once_with_all_it_is_about(node: Moot, world: ScriptedServer) -> None:
    """AUT-34"""
    thread = await a_thread(node)
    ana = f"{node.origin}/u/ana"
    mastodon = world.actor("mastodon.test@mastodon.test", type="Application")
    flag = mastodon.activity("Flag", "x") | {"object": [ana, thread], "content": "Rude <script>alert(1)</script>"}
    long = mastodon.activity("Flag", "x") | {"object": [f"{thread}/{n}" for n in range(5000)], "content": "y" * 9000}
    replies = await deliver(node, mastodon, flag, copy(flag, to=[ana]), long)
    lemmy = world.actor("bo@lemmy.test")
    replies += await deliver(
        node, lemmy, lemmy.activity("Flag", thread, summary="spam", to=[f"{node.origin}/g/garden"])
    )

    def kept(work: Work) -> list[Report]:
        return list(work.scalars(select(Report).order_by(Report.id)))

    one, two, three = await node.storage.read(kept)
    assert [reply.status for reply in replies] == [202] * 4
    assert (one.objects, one.words) == ([ana, thread], "Rude <script>alert(1)</script>")
    assert (len(two.objects), len(two.words)) == (100, 5000)
    assert (three.objects, three.words) == ([thread], "spam")
    assert "Rude" not in await node.page(thread)


async def test_what_nobody_may_ask_and_what_we_do_not_know_is_answered_and_noted(
    node: Moot, world: ScriptedServer
) -> None:
    """AUT-25, AUT-33, AUT-52, AUT-56, PAR-23"""
    thread = await a_thread(node)
    garden = f"{node.origin}/g/garden"
    mallory = world.actor("mallory@mallory.test")
    noted = [
        mallory.activity("Move", mallory.uri, target="https://victim.test/users/bob"),
        mallory.activity("Add", mallory.uri, target=f"{garden}/moderators"),
        mallory.activity("Remove", f"{node.origin}/u/ana", target=f"{garden}/moderators"),
        mallory.activity("Lock", thread),
        mallory.activity("QuoteRequest", thread, instrument=f"{mallory.uri}/q"),
        mallory.activity("like", thread),
        mallory.activity("https://www.w3.org/ns/activitystreams#Like", thread),
        mallory.activity("TentativeAccept", thread),
    ]
    person = copy(mallory.document, id=f"{mallory.base}/users/other")
    useless = [
        mallory.create(copy(person, to=[PUBLIC])),
        mallory.create(mallory.follow(garden) | {"attributedTo": mallory.uri}),
        mallory.create(copy(mallory.note("<p>x</p>", inReplyTo=thread), id=None) | {"id": None}, id=None),
        mallory.like(f"{node.origin}/comment/{'b' * 26}"),
        mallory.undo(mallory.activity("Add", mallory.uri, target=f"{garden}/moderators")),
    ]
    replies = await deliver(node, mallory, *noted, *useless)

    assert [reply.status for reply in replies] == [202] * len(replies)
    said = await outcomes(node)
    assert said[0] == "Move: the new account is gone"
    assert said[1:4] == ["notallowed: Only moderators of this group may do this."] * 3
    assert said[4] == "QuoteRequest: noted"
    assert all(outcome.endswith("not understood") for outcome in said[5:8])
    assert not any(outcome.startswith(("waiting", "parked")) for outcome in said)
    assert await visible(node, thread) == set()
    assert (await node.document(f"{garden}/moderators"))["orderedItems"] == [f"{node.origin}/u/ana"]
    row = await node.storage.read(stored_people.by_uri, person["id"])
    assert row is None


async def test_two_actors_or_one_of_ours_are_turned_away_at_the_door(node: Moot, world: ScriptedServer) -> None:
    """AUT-31, AUT-50, AUT-51, AUT-11"""
    thread = await a_thread(node)
    maria, mallory = world.actor("maria@mastodon.test"), world.actor("mallory@mallory.test")
    statuses = []
    for actor in ([mallory.uri, maria.uri], maria.uri, f"{node.origin}/u/ana", f"{node.origin}/actor"):
        like = copy(mallory.like(thread), actor=actor)
        statuses.append((await mallory.post(f"{node.origin}/inbox", like)).status)
        statuses.append((await mallory.post(f"{node.origin}/inbox", like | {"id": f"{maria.uri}#likes/1"})).status)
    assert set(statuses) <= {400, 401, 403}
    await node.settle()
    assert await reactions(node, thread) == []
    # What was refused is not in the way of the true one.
    [reply] = await deliver(node, maria, maria.like(thread, id=f"{maria.uri}#likes/1"))
    assert reply.status == 202
    assert await reactions(node, thread) == [("maria@mastodon.test", "like")]


# ------------------------------------------------------------------ what others pass on


async def test_what_others_embed_is_never_believed(node: Moot, world: ScriptedServer) -> None:
    """AUT-04, AUT-05, AUT-06, AUT-07, AUT-08, AUT-14"""
    thread = await a_thread(node)
    alice, mallory, carol = (world.actor(f"{h}.test") for h in ("alice@victim", "mallory@mallory", "carol@mallory"))
    true = alice.publish(alice.note("<p>True</p>", inReplyTo=thread))
    forged = copy(true, content="<p>Forged</p>", contentMap=None)
    own = mallory.note("<p>Forged</p>", inReplyTo=thread)
    for activity in (mallory.create(forged), mallory.update(forged)):
        await deliver(node, mallory, activity)
    attributed: list[object] = [alice.uri, carol.uri, [mallory.uri, alice.uri], [alice.uri, mallory.uri]]
    attributed += [{"id": alice.uri}, {"type": "Link", "href": alice.uri}, [], None]
    for number, author in enumerate(attributed):
        note = copy(own, id=f"{own['id']}{number}") | {"attributedTo": author}
        await deliver(node, mallory, mallory.create(note), mallory.update(note))
    ours = copy(own, id=thread)
    group = copy(own, id=f"{node.origin}/g/garden")
    await deliver(node, mallory, *(mallory.create(note, id=f"{own['id']}/{i}") for i, note in enumerate((ours, group))))

    assert await visible(node, thread) == set()
    assert "Forged" not in await node.page(thread)


async def test_what_a_group_passes_on_is_asked_for_at_its_origin(node: Moot, world: ScriptedServer) -> None:
    """AUT-26, AUT-27, AUT-28, AUT-29, AUT-30, AUT-32"""
    thread = await a_thread(node)
    alice, bob = world.actor("alice@victim.test"), world.actor("bob@mastodon.test")
    group = world.actor("saws@mallory.test", type="Group")
    true = alice.publish(alice.note("<p>True</p>", inReplyTo=thread))
    create = alice.create(copy(true, content="<p>Forged</p>", contentMap=None))
    await deliver(node, group, group.announce(create))
    assert await node.said(true["id"]) == "<p>True</p>"

    # What is not there, or private there, comes to nothing; nor do acts that only their own actor can prove.
    absent = alice.note("<p>Invented</p>", inReplyTo=thread)
    private = alice.publish(alice.note("<p>Private</p>", inReplyTo=thread, to=[alice.followers], cc=[]))
    disguised = copy(private, to=[PUBLIC])
    await deliver(node, alice, alice.like(thread), alice.follow(f"{node.origin}/g/garden"))
    inner = [
        alice.create(absent),
        alice.create(disguised),
        alice.update(copy(alice.document, name="Forged")),
        alice.delete(alice.uri),
        alice.delete(true["id"]),
        alice.undo(alice.like(thread)),
        alice.activity("Flag", thread),
        alice.activity("Block", f"{node.origin}/u/ana"),
        alice.activity("Move", alice.uri),
        alice.announce(alice.create(absent)),
        bob.follow(f"{node.origin}/g/garden"),
        bob.create(copy(true, id=f"{bob.uri}/1", attributedTo=f"{node.origin}/u/ana")),
    ]
    inner += [copy(alice.like(thread), actor=f"https://victim.test/users/{n}") for n in range(3)]
    announces = [group.announce(activity) for activity in inner]
    itself = group.announce("x")
    announces += [copy(itself, object=itself["id"]), group.announce(copy(itself, object=itself["id"]))]
    replies = await deliver(node, group, *announces)
    assert {reply.status for reply in replies} == {202}
    assert await visible(node, thread) == {true["id"]}
    assert await reactions(node, thread) == [("alice@victim.test", "like")]
    assert await node.follower_count(f"{node.origin}/g/garden") == 1
    actor = await node.storage.read(stored_people.by_uri, alice.uri)
    assert actor is not None and (actor.display_name, actor.state) == ("Alice", "active")
    assert not any(outcome.startswith(("waiting", "parked")) for outcome in await outcomes(node))

    # Edits and deletions count as far as the origin has them.
    alice.publish(copy(true, content="<p>Truer</p>", contentMap=None, updated="2026-11-22T12:00:01Z"))
    await deliver(node, group, group.announce(alice.update(copy(true, content="<p>Forged</p>"))))
    assert await node.said(true["id"]) == "<p>Truer</p>"
    world.gone(true["id"])
    await deliver(node, group, group.announce(alice.delete(true["id"])))
    assert (await items(node, thread))[true["id"]].state == "deleted"


async def test_a_forwarded_letter_is_asked_for_at_its_origin(node: Moot, world: ScriptedServer) -> None:
    """AUT-53, AUT-54, AUT-55, SIG-54"""
    thread = await a_thread(node)
    garden = f"{node.origin}/g/garden"
    alice, mallory, bob = (world.actor(f"{h}.test") for h in ("alice@victim", "mallory@mallory", "bob@mastodon"))
    await deliver(node, bob, bob.follow(garden))
    world.requests.clear()
    true = alice.publish(alice.note("<p>True</p>", inReplyTo=thread))
    forged = alice.create(copy(true, content="<p>Forged</p>", contentMap=None))
    forged["signature"] = {"type": "RsaSignature2017", "creator": alice.key_id, "signatureValue": "AAAA"}
    [reply] = await deliver(node, mallory, forged)
    assert reply.status == 202
    assert await node.said(true["id"]) == "<p>True</p>"
    assert not any("Forged" in letter.body.decode() for letter in world.letters)

    # What hidden recipients it had is for nobody else's eyes.
    world.requests.clear()
    hidden = alice.note("<p>Psst</p>", inReplyTo=thread, bcc=["https://nodebb.test/uid/1"])
    await deliver(node, alice, alice.create(hidden))
    assert await node.said(hidden["id"]) == "<p>Psst</p>"
    assert not any("nodebb.test/uid/1" in letter.body.decode() for letter in world.letters)
    # Only what a server can be asked for is taken from a third one.
    like = alice.like(thread)
    assert (await mallory.post(f"{node.origin}/inbox", like)).status == 401


async def test_a_boost_of_what_is_not_here_or_not_public_shows_nothing(node: Moot, world: ScriptedServer) -> None:
    await a_thread(node)
    private = await node.start("ana", "garden", "Keys", "Under the mat.", private=True)
    maria = world.actor("maria@mastodon.test")
    note = maria.publish(maria.note("<p>Elsewhere</p>"))
    boosts = [maria.announce(note["id"]), maria.announce(private), maria.announce("https://nowhere.test/1")]
    await deliver(node, maria, *boosts, maria.like(private))

    assert await reactions(node, private) == []
    assert await count_threads(node) == 2
    assert await node.item(note["id"]) is None
