"""Our documents as anybody gets them: types, negotiation, caching, discovery."""

import json

from tests.conftest import HeldClock
from tests.equipment.nodes import AS2, Moot
from tests.peers.scripted import PUBLIC, ScriptedServer


async def a_thread(node: Moot) -> tuple[str, str, str]:
    """A group with a member and a thread; answers the URIs of group, member and opening."""
    ana = await node.person("ana", "Ana Sol")
    garden = await node.group("garden", "ana", title="Garden talk", description="All about *sheds*.")
    return garden, ana, await node.start("ana", "garden", "Tools", "Who has a ladder?")


async def test_each_accept_gets_what_it_asks_for(node: Moot) -> None:
    garden, ana, thread = await a_thread(node)
    servers = (
        AS2,
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        "application/activity+json, application/ld+json",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams", application/activity+json,'
        " text/html;q=0.1",
    )
    browsers = ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "*/*", "text/html", "")
    for uri in (garden, ana, thread):
        for accept in servers:
            status, response, body = await node.get(uri, accept=accept)
            assert (status, response.headers["Content-Type"]) == (200, AS2), (uri, accept)
            assert json.loads(body)["id"] == uri
            assert "Accept" in response.headers["Vary"]
        for accept in browsers:
            status, response, _ = await node.get(uri, accept=accept)
            assert status in (200, 303), (uri, accept)
            assert "json" not in response.headers.get("Content-Type", "")
            assert "Accept" in response.headers["Vary"]


async def test_a_page_names_the_document_behind_it(node: Moot) -> None:
    garden, ana, thread = await a_thread(node)
    for uri in (garden, ana, thread):
        path = uri
        status, response, body = await node.get(path, accept="text/html")
        while status in (301, 303):
            status, response, body = await node.get(response.headers["Location"].partition("#")[0], accept="text/html")
        assert status == 200
        assert f'<link rel="alternate" type="application/activity+json" href="{uri}">' in body.decode()
        assert response.headers["Link"] == f'<{uri}>; rel="alternate"; type="application/activity+json"'


async def test_an_unchanged_document_is_answered_304_and_a_changed_one_is_not(node: Moot) -> None:
    _, _, thread = await a_thread(node)
    _, first, _ = await node.get(thread)
    etag = first.headers["ETag"]

    status, response, body = await node.get(thread, if_none_match=etag)
    assert (status, body) == (304, b"")
    assert response.headers["ETag"] == etag

    await node.say("ana", thread, "Nobody?")
    status, response, _ = await node.get(thread, if_none_match=etag)
    assert status == 200
    assert response.headers["ETag"] != etag


async def test_the_context_is_tagged_with_the_digest_of_its_items(node: Moot) -> None:
    from hashlib import sha256

    _, _, thread = await a_thread(node)
    comment = await node.say("ana", thread, "Nobody?")
    _, response, body = await node.get(f"{thread}/context")
    document = json.loads(body)
    digest = 0
    for uri in (thread, comment):
        digest ^= int.from_bytes(sha256(uri.encode()).digest(), "big")

    assert document["orderedItems"] == [thread, comment]
    assert document["attributedTo"] == f"{node.origin}/g/garden"
    assert response.headers["ETag"] == f'"{digest:064x}"'
    assert (await node.get(f"{thread}/context", if_none_match=f'"{digest:064x}"'))[0] == 304


async def test_the_collections_of_a_group(node: Moot) -> None:
    garden, ana, thread = await a_thread(node)
    outbox = await node.document(f"{garden}/outbox")
    [announce] = outbox["orderedItems"]
    assert (announce["type"], announce["object"]["type"]) == ("Announce", "Create")
    assert (announce["object"]["object"]["type"], announce["object"]["object"]["id"]) == ("Article", thread)
    assert (await node.document(announce["id"]))["object"]["object"]["id"] == thread
    assert (await node.document(announce["object"]["id"]))["object"]["id"] == thread
    assert (await node.document(f"{garden}/moderators"))["orderedItems"] == [ana]
    [welcome] = (await node.document(f"{garden}/featured"))["orderedItems"]
    assert (welcome["type"], welcome["attributedTo"], welcome["to"]) == ("Note", garden, [PUBLIC])
    assert (await node.document(welcome["id"]))["content"] == welcome["content"]
    for part in ("followers", "following"):
        assert (await node.document(f"{garden}/{part}"))["totalItems"] == 0
    assert (await node.document(f"{ana}/outbox"))["totalItems"] == 0
    assert (await node.get(f"{ana}/moderators"))[0] == 404


async def test_activities_can_be_fetched_by_their_id(node: Moot, world: ScriptedServer) -> None:
    garden, _, thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{garden}/inbox", maria.follow(garden))
    await node.settle()
    await node.say("ana", thread, "Nobody?")
    await node.settle()
    [relayed] = [letter.json() for letter in world.letters_to(maria.shared_inbox)]

    assert len(relayed["id"]) < 100
    assert await node.document(relayed["id"]) == relayed
    [accept] = [letter.json() for letter in world.letters_to(maria.inbox)]
    assert (await node.get(accept["id"]))[0] == 404  # an answer is nobody else's business


async def test_webfinger_finds_groups_people_and_the_node(node: Moot) -> None:
    garden, _, _ = await a_thread(node)
    for resource in ("acct:garden@node.test", "acct:GARDEN@NODE.test", "garden@node.test", garden):
        status, response, body = await node.get(
            f"/.well-known/webfinger?resource={resource}", accept="application/jrd+json"
        )
        document = json.loads(body)
        assert status == 200, resource
        assert response.headers["Content-Type"].startswith("application/jrd+json")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert document["subject"] == "acct:garden@node.test"
        assert {"rel": "self", "type": AS2, "href": garden}.items() <= document["links"][0].items()
    node_actor = await node.document("/actor")
    assert node_actor["type"] == "Application"
    finger = f"/.well-known/webfinger?resource=acct:{node_actor['preferredUsername']}@node.test"
    assert json.loads((await node.get(finger))[2])["links"][0]["href"] == node_actor["id"]
    assert (await node.get("/.well-known/webfinger?resource=https://node.test/"))[0] == 200
    assert (await node.get("/.well-known/webfinger?resource=acct:nobody@node.test"))[0] == 404
    assert (await node.get("/.well-known/webfinger?resource=acct:garden@elsewhere.test"))[0] == 404
    assert (await node.get("/.well-known/webfinger"))[0] == 400


async def test_nodeinfo_and_host_meta(node: Moot) -> None:
    await a_thread(node)
    _, _, body = await node.get("/.well-known/nodeinfo", accept="application/json")
    for link in json.loads(body)["links"]:
        if "nodeinfo" not in link["rel"]:
            continue
        status, _, body = await node.get(link["href"], accept="application/json")
        info = json.loads(body)
        assert status == 200
        assert info["software"]["name"] == "folkmoot"
        assert info["usage"]["users"]["total"] == 1
        assert info["usage"]["localPosts"] == 1
    status, response, body = await node.get("/.well-known/host-meta", accept="application/xrd+xml")
    assert (status, response.headers["Content-Type"].partition(";")[0]) == (200, "application/xrd+xml")
    assert b"webfinger?resource={uri}" in body


async def test_the_numbers_of_nodeinfo_are_counted_once_an_hour(node: Moot, clock: HeldClock) -> None:
    """Counting takes a second where much was said, and every server that crawls asks."""
    _, _, thread = await a_thread(node)

    async def comments() -> int:
        _, _, body = await node.get("/nodeinfo/2.1", accept="application/json")
        return int(json.loads(body)["usage"]["localComments"])

    assert await comments() == 0
    await node.say("ana", thread, "One more.")
    clock.forward(minutes=59)
    assert await comments() == 0
    clock.forward(minutes=2)
    assert await comments() == 1


async def test_a_deleted_member_is_gone_everywhere(node: Moot, world: ScriptedServer) -> None:
    from node.forum import people
    from storage import people as stored

    garden, ana, thread = await a_thread(node)
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{garden}/inbox", maria.follow(garden))
    await node.settle()
    comment = await node.say("ana", thread, "My number is 4711.")
    await node.settle()
    world.requests.clear()

    def erase(work):  # type: ignore[no-untyped-def]
        people.erase_actor(work, stored.by_uri(work, ana))

    await node.storage.write(erase)
    await node.settle()

    told = [letter.json() for letter in world.letters_to(maria.shared_inbox)]
    assert ana in [activity["object"] for activity in told if activity["type"] == "Delete"]
    assert {activity["type"] for activity in told} == {"Delete"}
    for uri in (ana, thread, comment):
        status, _, body = await node.get(uri)
        assert status == 410, uri
        assert b"4711" not in body
    assert (await node.get("/.well-known/webfinger?resource=acct:ana@node.test"))[0] == 410


async def test_our_keys_stay_at_home(node: Moot) -> None:
    """KEY-22"""
    garden, ana, thread = await a_thread(node)
    for uri in (garden, ana, thread, f"{node.origin}/actor"):
        document = json.dumps(await node.document(uri))
        assert "PRIVATE" not in document
    sealed = await node.storage.read(lambda work: [row[0] for row in work.execute(_sealed())])
    assert sealed and all(b"PRIVATE" not in secret for secret in sealed)
    assert (node.node.settings.data / "secret").stat().st_mode & 0o077 == 0


def _sealed():  # type: ignore[no-untyped-def]
    from sqlalchemy import select

    from storage.schema import Key

    return select(Key.private_sealed).where(Key.private_sealed.is_not(None))
