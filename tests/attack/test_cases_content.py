"""What a document says of itself: proofs, sources, media types, files of ours that look like documents."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.web import look
from storage.schema import Comment, Letter
from tests.attack.test_cases_load import rows
from tests.equipment.nodes import AS2, Moot
from tests.peers.scripted import Document, ScriptedServer
from tests.peers.wire import Outgoing


@pytest.fixture
async def thread(node: Moot) -> str:
    """A thread of Liam's in the open group garden."""
    await node.person("liam")
    await node.group("garden", "liam")
    return await node.start("liam", "garden", "Sheds")


def proved(document: Document, method: str) -> Document:
    """The document with an eddsa-jcs-2022 proof as FEP-8b32 describes it, by a key of nobody."""
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
        "created": "2026-11-22T12:00:00Z",
    }
    hashed = b"".join(_sha256(json.dumps(part, sort_keys=True).encode()) for part in (proof, document))
    value = Ed25519PrivateKey.generate().sign(hashed)
    return document | {"proof": proof | {"proofValue": "u" + base64.urlsafe_b64encode(value).decode().rstrip("=")}}


def _sha256(data: bytes) -> bytes:
    made = hashes.Hash(hashes.SHA256())
    made.update(data)
    return made.finalize()


async def test_a_proof_within_a_document_gives_no_authority(node: Moot, world: ScriptedServer, thread: str) -> None:
    """SIG-55, SIG-54: object proofs are not supported, so none is believed: not alone, not in another's letter."""
    alice, mallory = world.actor("alice@victim.test"), world.actor("mallory@mallory.test")
    note = alice.note("<p>Forged</p>", inReplyTo=thread)
    like = proved(alice.like(thread), f"{alice.uri}#ed25519")
    world.fetches.clear()
    alone = Outgoing.make("POST", f"{node.origin}/inbox", json.dumps(like).encode(), now=world.clock())
    assert (await world.send(alone)).status == 401
    assert (await mallory.post(f"{node.origin}/inbox", like)).status in (401, 503)  # 503: the key did not come in time
    inside = proved(alice.create(proved(note, f"{alice.uri}#ed25519")), f"{alice.uri}#ed25519")
    assert (await mallory.post(f"{node.origin}/inbox", inside)).status in (202, 401, 503)
    await node.settle()

    assert await node.said(note["id"]) is None
    item = await node.item(thread)
    assert item is not None and item.likes_count == 0


async def test_no_file_of_ours_is_a_document_whatever_is_asked_for(node: Moot, thread: str) -> None:
    """AUT-49: nothing but documents is answered as ActivityPub; there are no uploads yet, and files are our own."""
    paths = [f"/static/{name}" for name in look.static_files()]
    paths += ["/favicon.ico", "/robots.txt", "/about", "/groups", "/.well-known/nodeinfo", "/nodeinfo/2.1", "/sign-in"]
    paths += [f"/items/{thread.rpartition('/')[2]}/fragment", "/static/none.json", "/media/none.json"]
    for path in paths:
        for accept in (AS2, 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'):
            _, response, _ = await node.get(path, accept)
            assert response.content_type not in (AS2, "application/ld+json"), path
            assert response.headers["X-Content-Type-Options"] == "nosniff", path


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"mediaType": "text/plain"}, True),
        ({"mediaType": "text/x-unknown"}, True),
        ({"source": {"content": "<script>FORGED</script>", "mediaType": "text/html"}}, True),
        ({"source": {"content": "FORGED", "mediaType": "text/x-unknown"}}, True),
        ({"source": "FORGED"}, True),
        ({"source": {"content": "<img src=x onerror=FORGED>", "mediaType": "text/markdown"}}, True),
        ({"source": {"content": "FORGED", "mediaType": "text/markdown"}, "content": None}, False),
        ({"mediaType": ["text/html", "image/svg+xml"]}, True),
    ],
)
async def test_the_content_is_what_counts_and_it_is_cleaned(
    node: Moot, world: ScriptedServer, thread: str, given: Document, shown: bool
) -> None:
    """PAR-24: a source is nothing that anybody reads here, and no media type makes HTML of something else safe."""
    maria = world.actor("maria@mastodon.test")
    words = "<p>Said <script>alert(1)</script><em onclick='x'>clearly</em></p>"
    note = maria.note(words, inReplyTo=thread) | given
    note = {key: value for key, value in note.items() if value is not None}
    if "content" not in note:
        note.pop("contentMap", None)
    assert (await maria.post(f"{node.origin}/inbox", maria.create(note))).status == 202
    await node.settle()
    page = await node.page(thread)

    assert "FORGED" not in page
    assert "alert(1)" not in page and "onclick" not in page
    html = await node.said(note["id"])
    assert (html is not None and "clearly" in html) == shown


async def test_replies_are_not_fetched_for_a_post_that_is_new(node: Moot, world: ScriptedServer, thread: str) -> None:
    """FET-14, FET-09: neither by URL nor by what is embedded of them, also where that holds itself."""
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{node.origin}/inbox", maria.like(thread))
    await node.settle()
    world.fetches.clear()
    replies = "https://mastodon.test/n/1/replies"
    loop = {"id": replies, "type": "Collection", "first": replies}
    page = {"id": f"{replies}?page=1", "type": "CollectionPage", "next": f"{replies}?page=1", "partOf": replies}
    for given in (replies, loop, loop | {"first": loop}, loop | {"first": page | {"items": [loop, page]}}):
        note = maria.note("<p>New</p>", inReplyTo=thread, replies=given, likes=given, shares=given, context=None)
        assert (await maria.post(f"{node.origin}/inbox", maria.create(note))).status == 202
        await node.settle()
        assert await node.said(note["id"]) is not None

    assert [fetch.target for fetch in world.fetches if "replies" in fetch.target] == []


async def test_one_object_that_comes_by_two_processes_at_once_is_one_row(
    node: Moot, world: ScriptedServer, thread: str
) -> None:
    """UID-07, SIG-46, REL-39: to three inboxes and in two spellings of its host, ten times, at once."""
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{node.origin}/inbox", maria.like(thread))
    await node.settle()
    note = maria.note("<p>Once</p>", inReplyTo=thread)
    create = maria.create(note)
    again = json.loads(json.dumps(create).replace("https://mastodon.test/", "https://MASTODON.test:443/"))
    inboxes = [f"{node.origin}/inbox", f"{node.origin}/g/garden/inbox", f"{node.origin}/u/liam/inbox"]
    replies = await asyncio.gather(
        *(maria.post(inbox, activity) for inbox in inboxes for activity in (create, again, create))
    )
    await node.settle()

    assert {reply.status for reply in replies} <= {202, 400, 401, 403}
    assert [reply.status for reply in replies].count(202) >= 6
    assert await rows(node, Comment) == 2
    assert await rows(node, Letter) <= 4
