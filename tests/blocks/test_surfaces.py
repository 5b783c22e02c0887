"""Blocked: not read, not fetched, not shown, not delivered to. Silenced: read, shown, and pushed at nobody."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import select

from node.fediverse import block_lists as fetching
from node.forum import block_lists as rules
from node.forum import people, servers
from node.forum.errors import NotFound
from storage import limits, pages, tags
from storage import people as stored_people
from storage.schema import Activity, Delivery, Letter
from storage.work import Work
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedActor, ScriptedServer
from tests.peers.wire import Outgoing

TAG = {"type": "Hashtag", "name": "#ladders", "href": "https://mallory.test/tags/ladders"}


async def a_thread(node: Moot) -> str:
    await node.person("ana")
    await node.group("garden", "ana", comments="boosted")
    return await node.start("ana", "garden", "Tools")


def block_of(host: str) -> Callable[[Work], object]:
    return lambda work: servers.block(work, None, host, "spam")


def unblock_of(host: str) -> Callable[[Work], object]:
    return lambda work: servers.unblock(work, None, host)


async def test_by_whatever_word_a_host_is_blocked_it_is_refused_hidden_and_owed_nothing(
    node: Moot, world: ScriptedServer, net: LoopbackNet
) -> None:
    """PRV-13, SIG-51"""
    net.add("mallory.test", world)
    thread = await a_thread(node)
    eve = world.actor("eve@mallory.test")
    note = eve.publish(eve.note("<p>Buy my #ladders</p>", inReplyTo=thread, tag=[TAG]))
    await eve.post(f"{node.origin}/inbox", eve.create(note))
    await eve.post(f"{node.origin}/inbox", eve.follow(f"{node.origin}/g/garden"))
    await node.settle()
    listed = rules.Read({"mallory.test": ("suspend", "spam")})
    eve_id = await node.storage.read(lambda work: stored_people.by_uri(work, eve.uri).id)  # type: ignore[union-attr]

    async def is_shown() -> list[bool]:
        page, said = await node.page(thread), await node.document(f"{thread}/context")
        tagged = await node.storage.read(tags.said_with, "ladders", viewer=None, limit=5)
        by = await node.storage.read(pages.said_by, eve_id, viewer=None, limit=5)
        return ["ladders" in page, note["id"] in str(said), bool(tagged), bool(by)]

    assert await is_shown() == [True] * 4
    words = (
        (block_of("mallory.test"), unblock_of("mallory.test")),
        (block_of("test"), unblock_of("test")),
        (lambda work: rules.add(work, None, "L", listed), lambda work: rules.remove(work, None, "L")),
        (lambda work: limits.set_mode(work, "allow-list"), lambda work: limits.set_mode(work, "open")),
    )  # fmt: skip
    for number, (block, unblock) in enumerate(words):
        await node.storage.write(block)
        world.requests.clear()
        assert await is_shown() == [False] * 4
        refused = await eve.post(f"{node.origin}/inbox", eve.create(eve.note(f"<p>{number}</p>", inReplyTo=thread)))
        if node.storage.sqlite:  # PostgreSQL is asked once a second; until then the letter is refused as it is stored
            stranger = world.actor(f"stranger{number}@mallory.test")
            assert (await stranger.post(f"{node.origin}/inbox", stranger.follow(node.origin))).status == 403
        assert refused.status == 403
        assert (await eve.get(thread)).status == 403
        await node.say("ana", thread, f"Peace {number}.")
        await node.settle()
        try:
            await node.node.network.find_actor(f"@unmet{number}@mallory.test")
            raise AssertionError("somebody was found there")
        except NotFound:
            pass
        assert [fetch for fetch in world.fetches if fetch.host == "mallory.test"] == []
        assert [letter for letter in world.letters if letter.host == "mallory.test"] == []
        assert await node.storage.read(lambda work: list(work.scalars(select(Delivery.id)))) == []
        await node.storage.write(unblock)
        assert await is_shown() == [True] * 4
        await eve.get(thread)  # a signed GET has the door look at the limits at once


async def test_nothing_is_fetched_from_a_blocked_host_by_a_redirect(
    node: Moot, world: ScriptedServer, net: LoopbackNet
) -> None:
    """AUT-43"""
    net.add("evil.test", world)
    await node.storage.write(servers.block, None, "evil.test", "spam")
    world.redirect("https://mastodon.test/led-away", "https://evil.test/users/eve")
    try:
        await node.node.network.find_actor("https://mastodon.test/led-away")
        raise AssertionError("somebody was found there")
    except NotFound:
        pass
    assert [request.host for request in world.fetches] == ["mastodon.test"]


async def test_whatever_comes_while_a_host_is_being_blocked_is_refused_or_kept_unread(
    node: Moot, world: ScriptedServer
) -> None:
    """PRV-13: a letter that was answered 202 is put aside or was read before; none is read after."""
    thread = await a_thread(node)
    eves = [world.actor(f"eve{number}@mallory.test") for number in range(8)]
    notes = [eve.publish(eve.note(f"<p>{number}</p>", inReplyTo=thread)) for number, eve in enumerate(eves)]
    posts = [eve.post(f"{node.origin}/inbox", eve.create(note)) for eve, note in zip(eves, notes, strict=True)]
    block = node.storage.write(servers.block, None, "mallory.test", "spam")
    *answers, _ = await asyncio.gather(*posts, block)
    await node.settle()
    taken = sum(answer.status == 202 for answer in answers)
    assert {answer.status for answer in answers} <= {202, 403, 503}
    states = await node.storage.read(lambda work: list(work.scalars(select(Letter.state))))
    assert len(states) == taken and "waiting" not in states
    page = await node.page(thread)
    assert not any(f"<p>{number}</p>" in page for number in range(8))


async def test_silence_shows_in_the_thread_and_pushes_nowhere(
    node: Moot, world: ScriptedServer, net: LoopbackNet
) -> None:
    """PRV-14"""
    net.add("loud.test", world)
    thread = await a_thread(node)
    ana = await node.storage.read(lambda work: stored_people.by_name(work, "ana").id)  # type: ignore[union-attr]
    await node.storage.write(servers.silence, None, "loud.test", "advertising")
    loud, maria = world.actor("loud@loud.test"), world.actor("maria@mastodon.test")
    await maria.post(f"{node.origin}/inbox", maria.follow(f"{node.origin}/g/garden"))
    await node.settle()
    note = loud.publish(loud.note("<p>Cheap #ladders</p>", inReplyTo=thread, tag=[TAG]))
    assert (await loud.post(f"{node.origin}/inbox", loud.create(note))).status == 202
    await node.settle()

    assert "ladders" in await node.page(thread)  # for those who open the thread
    assert note["id"] in str(await node.document(f"{thread}/context"))
    assert await node.storage.read(tags.said_with, "ladders", viewer=None, limit=5) == []
    assert await node.storage.read(tags.said_with, "ladders", viewer=ana, limit=5) == []

    def announced(work: Work) -> list[str]:
        return list(work.scalars(select(Activity.about).where(Activity.type.in_(("Announce", "relay")))))

    assert note["id"] not in await node.storage.read(announced)

    def follow(work: Work) -> None:
        target = stored_people.by_uri(work, loud.uri)
        assert target is not None
        people.follow(work, stored_people.by_id(work, ana), target).state = "accepted"

    await node.storage.write(follow)
    assert len(await node.storage.read(tags.said_with, "ladders", viewer=ana, limit=5)) == 1
    await node.storage.write(servers.unsilence, None, "loud.test", "")
    assert len(await node.storage.read(tags.said_with, "ladders", viewer=None, limit=5)) == 1


LIST = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\nmallory.test,suspend,,,spam,\n"


async def test_a_list_at_an_address_is_read_again_each_day_and_keeps_what_it_said_when_it_fails(
    node: Moot, world: ScriptedServer, net: LoopbackNet, clock
) -> None:
    """SSR-07"""
    net.add("lists.test", world)
    url = "https://lists.test/a.csv"
    world.serve(url, LIST.encode(), content_type="text/csv", headers={"ETag": '"1"'})
    found = await fetching.fetch(node.node, url)
    await node.storage.write(
        lambda work: rules.add(work, None, "tier", found.read, url=found.url, etag=found.etag) and None
    )
    assert await node.storage.read(limits.suspended, ["sub.mallory.test", "b.test"]) == {"sub.mallory.test"}

    world.serve(url, b"", status=304, headers={"ETag": '"1"'})
    clock.forward(hours=25)
    world.requests.clear()
    assert await fetching.update_due(node.node) == []
    assert [dict(fetch.headers).get("If-None-Match") for fetch in world.fetches] == ['"1"']
    assert await fetching.update_due(node.node) == [] and len(world.requests) == 1

    for body, status in (
        (b"<html>404</html>", 200),
        (b"", 200),
        (b"", 500),
        (b"\0" * 50, 200),
        (b"x" * 2_000_000, 200),
    ):
        clock.forward(hours=25)
        world.serve(url, body, status=status, content_type="text/csv")
        assert await fetching.update_due(node.node) == []
        assert await node.storage.read(limits.suspended, ["mallory.test"]) == {"mallory.test"}
        [row] = await node.storage.read(rules.block_lists.rows)
        assert row.last_error

    clock.forward(hours=25)
    changed = LIST.replace("mallory", "other")
    world.serve(url, changed.encode(), content_type="text/plain")
    await fetching.update_due(node.node)
    assert await node.storage.read(limits.suspended, ["mallory.test", "other.test"]) == {"other.test"}


async def test_a_preview_says_who_has_to_do_with_a_server_and_changes_nothing(
    node: Moot, world: ScriptedServer
) -> None:
    thread = await a_thread(node)
    eve = world.actor("eve@mallory.test")
    note = eve.publish(eve.note("<p>Hi</p>", inReplyTo=thread))
    await eve.post(f"{node.origin}/inbox", eve.create(note))
    await eve.post(f"{node.origin}/inbox", eve.follow(f"{node.origin}/g/garden"))
    await node.settle()
    read = rules.read_list(LIST.encode(), origin=node.origin)
    before = await node.storage.read(limits.version)
    [change] = (await node.storage.read(rules.preview, read)).changes
    assert (change.host, change.now, change.then) == ("mallory.test", None, "suspend")
    assert (change.followed, change.followers, change.comments) == (0, 1, 1)
    assert await node.storage.read(limits.version) == before
    [silenced] = (await node.storage.read(rules.preview, read, "silence")).changes
    assert silenced.then == "silence"


async def test_with_authorised_fetch_documents_are_for_servers_that_sign_and_are_not_blocked(
    node: Moot, world: ScriptedServer
) -> None:
    """PRV-16"""
    thread = await a_thread(node)
    node.node.settings = replace(node.node.settings, authorised_fetch=True)
    paths = [thread, f"{thread}/context", f"{node.origin}/u/ana", f"{node.origin}/g/garden/outbox"]
    assert {(await node.get(path))[0] for path in paths} == {401}
    assert (await node.get("/actor"))[0] == 200
    for path in ("/.well-known/webfinger?resource=acct:ana@node.test", "/.well-known/nodeinfo"):
        assert (await node.get(path, accept="*/*"))[0] == 200
    assert (await node.get("/g/garden", accept="text/html"))[0] == 200  # pages are for people
    maria, eve = world.actor("maria@mastodon.test"), world.actor("eve@mallory.test")
    for path in paths:
        for scheme in ("cavage", "rfc9421"):
            answer = await maria.get(path, scheme=scheme)
            assert answer.status == 200
            assert answer.headers["cache-control"].startswith("private")
    forged = signed_by(maria, eve, paths[0])
    assert (await world.send(forged)).status == 401
    await node.storage.write(servers.block, None, "mallory.test", "spam")
    assert (await eve.get(thread)).status == 403


def signed_by(named: ScriptedActor, signer: ScriptedActor, url: str) -> Outgoing:
    """A question that claims one's key and is signed with another's."""
    request = signer.signed(Outgoing.make("GET", url, now=signer.server.clock()))
    headers = [(name, value.replace(signer.key_id, named.key_id)) for name, value in request.headers]
    return replace(request, headers=headers)
