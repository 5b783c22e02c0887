"""Profiles on the wire: the table that others read, and the pages elsewhere that are asked whether they link back."""

from __future__ import annotations

from node.forum import accounts, profiles
from node.web import profile
from storage import people
from storage.work import Work
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer


async def test_the_table_of_a_profile_is_in_the_actors_document(node: Moot) -> None:
    uri = await node.person("ana")

    def edit(work: Work) -> None:
        actor = people.by_name(work, "ana")
        assert actor is not None
        rows = [("Page", "https://ana.example/a&b"), ("Town", "Porto <Foz>")]
        profiles.edit(work, actor, display_name="Ana", summary="", rows=rows)

    await node.storage.write(edit)

    document = await node.document(uri)
    assert document["attachment"] == [
        {
            "type": "PropertyValue",
            "name": "Page",
            "value": '<a href="https://ana.example/a&amp;b" rel="me nofollow noopener" target="_blank">'
            "ana.example/a&amp;b</a>",
        },
        {"type": "PropertyValue", "name": "Town", "value": "Porto &lt;Foz&gt;"},
    ]


async def test_a_page_elsewhere_verifies_a_row_and_the_change_is_sent_to_followers(
    node: Moot, world: ScriptedServer
) -> None:
    uri = await node.person("ana")
    ben = world.actor("ben@mastodon.test")
    await ben.post(f"{uri}/inbox", ben.follow(uri))
    await node.settle()
    world.serve("https://victim.test/ana", f'<a rel="me" href="{uri}">me</a>'.encode(), content_type="text/html")
    world.serve("https://victim.test/other", b"<p>nothing of ana</p>", content_type="text/html")
    pages = ("https://victim.test/ana", "https://victim.test/other", "https://mallory.test/nothing")

    def edit(work: Work) -> int:
        actor = people.by_name(work, "ana")
        assert actor is not None
        profiles.edit(work, actor, display_name="Ana", summary="", rows=[("Page", page) for page in pages])
        return actor.id

    actor_id = await node.storage.write(edit)
    await profile.verify(node.node, actor_id, uri, pages)
    await node.settle()

    kept = await node.storage.read(lambda work: profiles.fields(people.by_id(work, actor_id)))
    assert [bool(row.verified_at) for row in kept] == [True, False, False]
    updates = [letter for letter in world.letters if letter.json()["type"] == "Update"]
    assert updates and len(updates[-1].json()["object"]["attachment"]) == 3


async def test_our_own_machine_is_never_asked_for_a_page(node: Moot) -> None:
    """The one way out holds here too: no address of ours, none that is not public."""
    uri = await node.person("ana")

    for page in (
        "https://127.0.0.1/",
        "https://[::1]/",
        "http://10.0.0.1/",
        "https://node.test/u/ana",
        "https://localhost/",
    ):
        assert await node.node.network.links_back(page, uri) is False


async def test_somebody_who_leaves_is_deleted_elsewhere_too(node: Moot, world: ScriptedServer) -> None:
    uri = await node.person("ana")
    ben = world.actor("ben@mastodon.test")
    await ben.post(f"{uri}/inbox", ben.follow(uri))
    await node.settle()

    def leave(work: Work) -> None:
        actor = people.by_name(work, "ana")
        assert actor is not None
        accounts.make(work, actor, email="ana@coop.example")
        accounts.erase(work, actor)

    await node.storage.write(leave)
    await node.settle()

    assert [letter.json()["object"] for letter in world.letters if letter.json()["type"] == "Delete"] == [uri]
    status, _, _ = await node.get(uri)
    assert status == 410
