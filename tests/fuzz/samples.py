"""Documents to begin with, worded as the servers of the field word theirs."""

from __future__ import annotations

from typing import Any

import orjson

AS2 = "https://www.w3.org/ns/activitystreams"
MIRA = "https://peer.test/users/mira"
GROUP = "https://lemmy.test/c/garden"
Document = dict[str, Any]


def as_bytes(documents: list[Document]) -> list[bytes]:
    return [orjson.dumps(document) for document in documents]


def note(**more: Any) -> Document:
    return {
        "@context": AS2,
        "id": "https://peer.test/notes/1",
        "type": "Note",
        "attributedTo": MIRA,
        "content": '<p><span class="h-card"><a href="https://node.test/g/garden" class="u-url mention">@garden</a>'
        '</span> Sheds? <a href="https://peer.test/tags/sheds" class="mention hashtag">#<span>sheds</span></a></p>',
        "contentMap": {"de": "<p>Schuppen?</p>"},
        "inReplyTo": "https://node.test/post/aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "published": "2026-01-15T12:00:00Z",
        "url": "https://peer.test/@mira/1",
        "to": [f"{AS2}#Public"],
        "cc": [f"{MIRA}/followers", "https://node.test/g/garden"],
        "conversation": "tag:peer.test,2026-01-15:objectId=1:objectType=Conversation",
        "sensitive": False,
        "tag": [
            {"type": "Mention", "href": "https://node.test/g/garden", "name": "@garden@node.test"},
            {"type": "Hashtag", "href": "https://peer.test/tags/sheds", "name": "#sheds"},
            {"type": "Emoji", "name": ":blob:", "icon": {"type": "Image", "url": "https://peer.test/blob.png"}},
        ],
        "attachment": [{"type": "Document", "mediaType": "image/png", "url": "https://peer.test/1.png", "name": "Alt"}],
        "replies": {"id": "https://peer.test/notes/1/replies", "type": "Collection", "first": {"items": []}},
    } | more


def posts() -> list[Document]:
    """Posts of Mastodon, Lemmy, NodeBB, PeerTube, Mobilizon and Misskey, and a poll."""
    options = [{"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 3}} for name in "ab"]
    page = {
        "type": "Page",
        "name": "A title",
        "source": {"content": "*x*", "mediaType": "text/markdown"},
        "inReplyTo": None,
    }
    people = [{"type": "Person", "id": MIRA}, {"type": "Group", "id": GROUP}]
    return [
        note(),
        note(**page, audience=GROUP, language={"identifier": "de", "name": "Deutsch"}, commentsEnabled=False),
        note(type="Question", oneOf=options, endTime="2026-02-01T00:00:00Z", closed="2026-02-01T00:00:00Z"),
        note(type="Video", attributedTo=people, url=[{"mediaType": "text/html", "href": "https://peer.test/w/1"}]),
        note(
            type="Event", attributedTo=None, actor=MIRA, inLanguage="fr", mediaType="text/markdown", content="# x *y*"
        ),
        note(content=None, name="a", to=[MIRA], _misskey_quote="https://other.test/notes/2"),
    ]


def actors() -> list[Document]:
    """A person, a group of Lemmy and a server."""
    key = {"id": f"{MIRA}#main-key", "owner": MIRA, "publicKeyPem": PEM}
    person: Document = {
        "@context": [AS2, "https://w3id.org/security/v1"],
        "id": MIRA,
        "type": "Person",
        "preferredUsername": "mira",
        "name": "Mira",
        "summary": "<p>Hello</p>",
        "url": "https://peer.test/@mira",
        "inbox": f"{MIRA}/inbox",
        "outbox": f"{MIRA}/outbox",
        "followers": f"{MIRA}/followers",
        "endpoints": {"sharedInbox": "https://peer.test/inbox"},
        "manuallyApprovesFollowers": False,
        "alsoKnownAs": ["https://other.test/u/mira"],
        "movedTo": "https://other.test/u/mira",
        "published": "2024-03-01T00:00:00Z",
        "icon": {"type": "Image", "url": "https://peer.test/a.png"},
        "publicKey": key,
        "webfinger": "mira@peer.test",
    }
    group = person | {
        "id": GROUP,
        "type": "Group",
        "attributedTo": f"{GROUP}/moderators",
        "postingRestrictedToMods": True,
    }
    group |= {"inbox": f"{GROUP}/inbox", "publicKey": [key, key | {"id": f"{GROUP}#main-key", "owner": GROUP}]}
    return [person, group, person | {"type": "Application", "url": None}]


def collections() -> list[Document]:
    """A collection, a page of one, and replies with their first page in them."""
    first = {"type": "CollectionPage", "next": "https://peer.test/r?page=2", "items": ["https://peer.test/notes/2"]}
    return [
        {
            "id": "https://peer.test/o",
            "type": "OrderedCollection",
            "totalItems": 2,
            "first": "https://peer.test/o?page=1",
        },
        {"id": "https://peer.test/r", "type": "Collection", "first": first},
        {"id": "https://peer.test/o?page=1", "type": "OrderedCollectionPage", "orderedItems": [note(), MIRA]},
    ]


def activities() -> list[Document]:
    """Everything that comes to an inbox."""
    about: list[tuple[str, Any]] = [
        ("Create", note()), ("Update", note(updated="2026-01-15T13:00:00Z")), ("Delete", "https://peer.test/notes/1"),
        ("Delete", {"id": "https://peer.test/notes/1", "type": "Tombstone"}), ("Like", "https://node.test/post/x"),
        ("Follow", "https://node.test/g/garden"), ("Block", GROUP), ("Flag", [MIRA, "https://node.test/post/x"]),
        ("Move", MIRA), ("Add", "https://peer.test/notes/1"), ("Lock", "https://peer.test/notes/1"),
    ]  # fmt: skip
    made = [activity(kind, object) for kind, object in about]
    made += [activity(kind, activity("Follow", "https://node.test/g/garden")) for kind in ("Undo", "Accept", "Reject")]
    announced = activity("Create", note(), actor="https://other.test/u/x")
    return [*made, activity("Announce", announced, actor=GROUP, id="https://lemmy.test/activities/1")]


def activity(kind: str, object: Any, **more: Any) -> Document:
    return {
        "@context": AS2,
        "id": "https://peer.test/activities/1",
        "type": kind,
        "actor": MIRA,
        "object": object,
        "to": [f"{AS2}#Public"],
        "cc": [GROUP],
        "target": f"{GROUP}/featured",
    } | more


PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
"""
