"""However letters are ordered, repeated, crowded or broken, what is left is the same, and none is lost."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.forum import members
from storage import people as stored_people
from storage.schema import Group
from storage.work import Work
from tests.conftest import HeldClock
from tests.equipment.incoming import a_thread, copy, deliver, items, outcomes, reactions, visible
from tests.equipment.nodes import Moot
from tests.peers.scripted import Answer, Document, ScriptedServer


async def test_any_order_with_any_repeats_ends_the_same(node: Moot, world: ScriptedServer) -> None:
    """REL-22, REL-23, REL-24, REL-27"""
    if not node.storage.sqlite:
        return  # the order of letters is the same matter on both engines, and this takes many of them
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    loop = asyncio.get_running_loop()

    def letters_about(number: int, *, erased: bool) -> list[Document]:
        note = maria.note("<p>One</p>", inReplyTo=thread, published="2026-11-22T11:00:00Z")
        newer = copy(note, content="<p>Two</p>", updated="2026-11-22T11:01:00Z")
        newest = copy(note, content="<p>Three</p>", updated="2026-11-22T11:02:00Z")
        like = maria.like(thread, content=f":mood{number}:")
        all_of_it = [maria.create(note), maria.update(newer), maria.update(newest), like, maria.undo(like)]
        return all_of_it + ([maria.delete(note["id"])] if erased else [])

    async def play(order: list[int], number: int, erased: bool) -> None:
        told = letters_about(number, erased=erased)
        uri = told[0]["object"]["id"]
        # All of them come, and whichever are drawn come again; the same letter in other bytes is read again.
        drawn = enumerate([*order, *range(len(told))])
        again = [copy(told[index % len(told)], published=f"2026-11-22T11:00:{turn:02}Z") for turn, index in drawn]
        await deliver(node, maria, *again)
        row = await node.item(uri)
        kinds = {kind for _, kind in await reactions(node, thread)}
        if erased:
            assert row is None or row.state == "deleted"
        else:
            assert row is not None and row.html == "<p>Three</p>"
        assert f":mood{number}:" not in kinds

    played = 0

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(order=st.lists(st.integers(0, 5), max_size=6), erased=st.booleans())
    def any_order(order: list[int], erased: bool) -> None:
        nonlocal played
        played += 1
        asyncio.run_coroutine_threadsafe(play(order, played, erased), loop).result(30)

    await asyncio.to_thread(any_order)


async def test_every_letter_that_was_taken_is_accounted_for(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """REL-45"""
    thread = await a_thread(node)
    maria, mallory, bob = (world.actor(f"{h}.test") for h in ("maria@mastodon", "mallory@mallory", "bob@victim"))
    await deliver(node, mallory, mallory.like(thread))

    def ban(work: Work) -> None:
        actor, group = stored_people.by_uri(work, mallory.uri), stored_people.by_name(work, "garden")
        assert actor and group
        members.set_role(work, None, work.get_one(Group, group.id), actor, "banned", "spam")

    await node.storage.write(ban)
    good = [maria.note(f"<p>{n}</p>", inReplyTo=thread) for n in range(5)]
    banned = [mallory.note("<p>Buy</p>", inReplyTo=thread) for _ in range(2)]
    waiting = maria.note("<p>Waits</p>", inReplyTo=f"{bob.uri}/statuses/1", cc=[f"{node.origin}/u/ana"])
    world.script("GET", f"{bob.uri}/statuses/1", Answer(503, b""))
    private = maria.note("<p>Psst</p>", to=[f"{node.origin}/u/ana"], cc=[])
    useless = [maria.note("<p>Alone</p>"), maria.note("  ", inReplyTo=thread)]
    sent = [(maria, note) for note in (waiting, *good, private, *useless)] + [(mallory, note) for note in banned]
    taken = 0
    for sender, note in sent:
        for activity in (sender.create(note), sender.create(note)):  # twice, byte for byte
            reply = await sender.post(f"{node.origin}/inbox", activity)
            assert reply.status == 202
        taken += 1
    await node.settle()

    ledger = {
        "visible": len(await visible(node, thread)),
        "refused": sum(item.state == "refused" for item in (await items(node, thread)).values()),
        "private": sum("private" in outcome for outcome in await outcomes(node)),
        "reason": sum(outcome.startswith(("notfound: ", "invalid: ")) for outcome in await outcomes(node)),
        "waiting": sum(outcome.startswith("waiting: ") for outcome in await outcomes(node)),
    }
    assert ledger == {"visible": 5, "refused": 2, "private": 1, "reason": 2, "waiting": 1}
    assert sum(ledger.values()) == taken
    for _ in range(10):
        clock.forward(hours=25)
        await node.settle()
    parked = [outcome for outcome in await outcomes(node) if outcome.startswith("parked: ")]
    assert len(parked) == ledger["waiting"]


async def test_known_actors_are_not_fetched_for_each_letter(
    node: Moot, world: ScriptedServer, clock: HeldClock
) -> None:
    """FET-16"""
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    await deliver(node, maria, maria.like(thread))
    world.requests.clear()
    for _ in range(5):
        await deliver(node, maria, maria.create(maria.note("<p>Hi</p>", inReplyTo=thread)), maria.announce(thread))
        clock.forward(hours=4)
    assert world.fetches == []
    clock.forward(hours=5)
    await deliver(node, maria, maria.like(thread))
    assert [fetch.url for fetch in world.fetches].count(maria.uri) == 1


async def test_many_letters_of_a_stranger_at_once_cost_one_fetch_of_the_key(node: Moot, world: ScriptedServer) -> None:
    """KEY-19"""
    thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    notes = [maria.note(f"<p>{number}</p>", inReplyTo=thread) for number in range(50)]
    replies = await asyncio.gather(*(maria.post(f"{node.origin}/inbox", maria.create(note)) for note in notes))
    assert {reply.status for reply in replies} == {202}
    assert [fetch.url for fetch in world.fetches].count(maria.uri) == 1
    assert len(await outcomes(node)) == 50
