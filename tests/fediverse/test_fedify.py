"""A foreign implementation on the other side: Fedify follows, answers, edits, likes, boosts, deletes, leaves.

It runs as a process of its own; the node is in development mode and may reach exactly the peer's port.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from storage import threads as stored_threads
from tests.conftest import make_database
from tests.equipment.fedify import FedifyPeer
from tests.equipment.nodes import Moot, raise_development_node


@pytest.fixture(params=["cavage", "rfc9421"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[FedifyPeer]:
    """Fedify, knocking with one signature scheme first."""
    async with FedifyPeer(first_knock=request.param) as peer:
        yield peer


@pytest.fixture
async def moot(peer: FedifyPeer, tmp_path: Path) -> AsyncIterator[Moot]:
    """A node on SQLite at the real time, since Fedify's clock cannot be held."""
    async with AsyncExitStack() as stack:
        yield await raise_development_node(stack, make_database(tmp_path), tmp_path / "node", peer.authority)


async def received(peer: FedifyPeer, type: str) -> list[dict[str, Any]]:
    """What the peer took in of that type, each proved by its signature."""
    return [entry for entry in await peer.get("/received", type=type) if entry["authenticated"]["how"] != "none"]


async def test_a_group_s_life_with_a_follower_on_fedify(peer: FedifyPeer, moot: Moot) -> None:
    ana = await moot.person("ana", "Ana Sol")
    garden = await moot.group("garden", "ana", comments="boosted")

    # It follows and is accepted.
    await peer.call("/follow", actor=garden)
    await moot.settle()
    following = (await peer.get("/state"))["actors"]["alice"]["following"]
    assert following[garden]["accepted"]
    assert await moot.follower_count(garden) == 1

    # A new thread and a comment arrive as boosts; it fetches the thread and reads it whole.
    thread = await moot.start("ana", "garden", "Tools & sheds", "Who has a *ladder*?")
    comment = await moot.say("ana", thread, "Nobody?")
    await moot.settle()
    boosts = await received(peer, "Announce")
    # Order is kept per object; a thread and its comment may overtake each other on the way.
    assert sorted(boost["object"] for boost in boosts) == sorted([thread, comment])
    assert all(boost["actor"] == garden for boost in boosts)
    seen = await peer.call("/lookup", query=thread)
    assert seen["type"] == "Note" and "<em>ladder</em>" in seen["content"]
    collection = await peer.call("/collection", url=f"{thread}/replies")
    assert [item["id"] for item in collection["items"]] == [comment]

    # It answers the nested comment, and the page shows it in its place.
    reply = await peer.call(
        "/post", content="<p>I have one.</p>", inReplyTo=comment, mentions=[ana, garden], context=seen["context"]
    )
    assert all(delivery["ok"] for delivery in reply["deliveries"]), reply
    await moot.settle()
    item = await moot.item(reply["object"])
    assert item is not None and (item.depth, item.state) == (2, "visible")
    page = await moot.page(thread)
    assert page.index("Nobody?") < page.index("I have one.") and f"alice@{peer.authority}" in page

    # It edits, likes, boosts and takes that back.
    await peer.call("/update", object=reply["object"], content="<p>I have two.</p>")
    like = await peer.call("/like", object=comment)
    boost = await peer.call("/announce", object=thread)
    await moot.settle()
    assert "I have two." in (await moot.said(reply["object"]) or "")
    assert (await moot.document(comment))["likes"]["totalItems"] == 1
    assert (await moot.document(thread))["shares"]["totalItems"] == 1
    await peer.call("/undo", activity=like["id"])
    await peer.call("/undo", activity=boost["id"])
    await moot.settle()
    assert (await moot.document(comment))["likes"]["totalItems"] == 0
    assert (await moot.document(thread))["shares"]["totalItems"] == 0

    # Our answer, its edit and its deletion reach it.
    await peer.call("/reset")
    answer = await moot.say("ana", reply["object"], "Splendid.")
    await moot.settle()
    await moot.edit("ana", answer, "Splendid!")
    await moot.settle()
    await moot.erase("ana", answer)
    await moot.settle()
    for type in ("Create", "Update", "Delete"):
        heard = await received(peer, type)
        assert [entry["object"] for entry in heard] == [answer], (type, heard, await peer.get("/refused"))
        assert heard[0]["authenticated"]["how"] == "http-signature"

    # It deletes its answer and unfollows.
    await peer.call("/delete", object=reply["object"], deliverTo=[ana])
    await moot.settle()
    assert (await moot.item(reply["object"])).state == "deleted"  # type: ignore[union-attr]
    assert "I have two." not in await moot.page(thread)
    await peer.call("/unfollow", actor=garden)
    await moot.settle()
    assert await moot.follower_count(garden) == 0


async def test_it_starts_a_thread_by_mentioning_the_group(peer: FedifyPeer, moot: Moot) -> None:
    await moot.person("ana")
    garden = await moot.group("garden", "ana")
    post = await peer.call("/post", content="<p>Where do I find the shed key?</p>", mentions=[garden])
    await moot.settle()

    item = await moot.item(post["object"])
    assert item is not None and item.number == 0
    thread = await moot.storage.read(stored_threads.by_id, item.thread_id)
    assert thread.title == "Where do I find the shed key?"


async def test_a_node_on_postgresql_is_followed_and_answered(postgres_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(FedifyPeer())
        moot = await raise_development_node(stack, postgres_url, tmp_path / "node", peer.authority)
        await moot.person("ana")
        garden = await moot.group("garden", "ana")
        await peer.call("/follow", actor=garden)
        await moot.settle()
        thread = await moot.start("ana", "garden", "Tools", "Who has a ladder?")
        await moot.settle()
        assert [boost["object"] for boost in await received(peer, "Announce")] == [thread]
        reply = await peer.call("/post", content="<p>I have one.</p>", inReplyTo=thread)
        await moot.settle()
        assert "I have one." in await moot.page(thread)
        await peer.call("/delete", object=reply["object"])
        await moot.settle()
        assert "I have one." not in await moot.page(thread)


async def test_what_is_forged_or_tampered_with_is_refused(peer: FedifyPeer, moot: Moot) -> None:
    await moot.person("ana")
    await moot.group("garden", "ana")
    thread = await moot.start("ana", "garden", "Tools")
    inbox = f"{moot.origin}/inbox"

    def like(number: int) -> dict[str, Any]:
        return {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{peer.user}#like-{number}",
            "type": "Like",
            "actor": peer.user,
            "object": thread,
        }

    async def raw(number: int, **how: Any) -> int:
        return (await peer.call("/raw", inbox=inbox, activity=like(number), **how))["status"]

    assert await raw(1, http="none") == 401
    assert await raw(2, http="none", ld=True) == 401  # signatures inside documents give no authority
    assert await raw(3, http="cavage", bodyAfter=str(like(4)).replace("'", '"')) == 401
    assert await raw(5, http="rfc9421", bodyAfter=str(like(6)).replace("'", '"')) == 401
    assert await raw(7, http="cavage", date="2020-01-01T00:00:00Z") == 401
    assert await raw(8, http="rfc9421", date="2020-01-01T00:00:00Z") == 401
    forged = like(9) | {"actor": f"{moot.origin}/u/ana", "id": f"{moot.origin}/a/forged"}
    assert (await peer.call("/raw", inbox=inbox, activity=forged))["status"] in (401, 403)
    neighbour = like(10) | {"actor": peer.group}
    assert (await peer.call("/raw", inbox=inbox, activity=neighbour))["status"] == 401
    await moot.settle()
    assert (await moot.document(thread))["likes"]["totalItems"] == 0

    assert await raw(11, http="cavage") == 202
    await moot.settle()
    assert (await moot.document(thread))["likes"]["totalItems"] == 1


@pytest.mark.parametrize("dialect", ["forum"])
async def test_forum_software_gets_everything_wrapped(dialect: str, peer: FedifyPeer, moot: Moot) -> None:
    from storage import hosts

    await moot.person("ana")
    garden = await moot.group("garden", "ana")
    await moot.storage.write(hosts.set_dialect, peer.authority, dialect)
    await peer.call("/follow", actor=garden)
    await moot.settle()
    thread = await moot.start("ana", "garden", "Tools", "Who has a ladder?")
    comment = await moot.say("ana", thread, "Nobody?")
    await moot.settle()

    wrapped = [_inside(entry["activity"]) for entry in await received(peer, "Announce")]
    assert [create["type"] for create in wrapped] == ["Create", "Create"]
    objects = {_inside(create)["id"]: _inside(create)["type"] for create in wrapped}
    assert objects == {thread: "Article", comment: "Note"}
    assert (await peer.call("/lookup", query=thread))["type"] == "Article"


def _inside(activity: dict[str, Any]) -> dict[str, Any]:
    inner = activity["object"]
    assert isinstance(inner, dict), activity
    return inner
