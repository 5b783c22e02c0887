"""Actors: those of other servers as their documents claim, and the documents of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from federation.addresses import authority, registrable_domain, same_origin
from federation.documents import (
    AS2,
    Document,
    address,
    flag,
    members,
    moment,
    refuse_keywords,
    text,
    type_of,
    url,
    urls,
    when,
)
from federation.errors import Malformed
from federation.objects import page_of, url_of_image

ACTOR_TYPES = frozenset({"Person", "Group", "Application", "Service", "Organization"})

MOST_KEYS = 10  # as many as Mastodon reads of one actor
MOST_ALIASES = 20  # each may cost a fetch when somebody moves
LONGEST_PEM = 10_000  # RSA-8192 needs 1500
LONGEST_NAME = 500

# Whatever would end, split or turn around a handle in a line of text (AUT-36).
_USERNAME = re.compile(r"[^\s@/\\:?#<>\"'\x00-\x20\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]{1,255}")

ACTOR_CONTEXT: list[Any] = [
    AS2,
    "https://w3id.org/security/v1",
    "https://purl.archive.org/socialweb/webfinger",
    {
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
        "movedTo": {"@id": "as:movedTo", "@type": "@id"},
        "sensitive": "as:sensitive",
        "toot": "http://joinmastodon.org/ns#",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "suspended": "toot:suspended",
        "lemmy": "https://join-lemmy.org/ns#",
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "schema": "http://schema.org#",
        "PropertyValue": "schema:PropertyValue",
        "value": "schema:value",
    },
]


class KeyDocument(NamedTuple):
    """A public key as an actor lists it, not yet loaded."""

    id: str
    owner: str
    pem: str


def is_actor_type(kind: object) -> bool:
    """Whether a value of `type` is that of an actor."""
    return isinstance(kind, str) and kind in ACTOR_TYPES


def is_actor(doc: object) -> bool:
    """Whether `doc` is of a type that RemoteActor.parse reads; never raises."""
    try:
        return isinstance(doc, dict) and type_of(doc, ACTOR_TYPES) in ACTOR_TYPES
    except Malformed:
        return False


@dataclass(frozen=True)
class RemoteActor:
    """A person, group or server elsewhere, as its own document says."""

    id: str
    type: str
    preferred_username: str | None
    name: str | None
    summary: str | None
    url: str
    inbox: str
    shared_inbox: str | None
    outbox: str | None
    followers: str | None
    following: str | None
    featured: str | None
    moderators: str | None
    icon_url: str | None
    image_url: str | None
    keys: tuple[KeyDocument, ...]
    manually_approves: bool
    discoverable: bool
    indexable: bool
    suspended: bool
    posting_restricted: bool
    also_known_as: tuple[str, ...]
    moved_to: str | None
    published: datetime | None
    webfinger: str | None
    raw: Document = field(repr=False)

    @classmethod
    def parse(cls, doc: Document) -> RemoteActor:
        """The actor in `doc`; raises Malformed without an id, an inbox of the same site or an actor's type."""
        if not isinstance(doc, dict):
            raise Malformed("The actor is not a JSON object.")
        refuse_keywords(doc)
        kind = type_of(doc, ACTOR_TYPES)
        if kind not in ACTOR_TYPES:
            raise Malformed("The object is not an actor.")
        uri = address(doc.get("id"))
        if uri is None:
            raise Malformed("The actor has no id.")
        username = text(doc, "preferredUsername")
        page = page_of(doc)
        return cls(
            id=uri,
            type=kind,
            preferred_username=username if username and _USERNAME.fullmatch(username) else None,
            name=text(doc, "name", limit=LONGEST_NAME),
            summary=text(doc, "summary"),
            url=page if page and authority(page) == authority(uri) else uri,  # no page of somebody else's, as Mastodon
            inbox=_inbox(doc, uri),
            shared_inbox=_shared_inbox(doc, uri),
            outbox=_own(doc, "outbox", uri),
            followers=_own(doc, "followers", uri),
            following=_own(doc, "following", uri),
            featured=_own(doc, "featured", uri),
            moderators=_moderators(doc, kind, uri),
            icon_url=url_of_image(doc, "icon"),
            image_url=url_of_image(doc, "image"),
            keys=_keys(doc, uri),
            manually_approves=flag(doc, "manuallyApprovesFollowers") is True,
            discoverable=flag(doc, "discoverable") is True,
            indexable=flag(doc, "indexable") is True,
            suspended=flag(doc, "suspended") is True,
            posting_restricted=flag(doc, "postingRestrictedToMods") is True,
            also_known_as=urls(doc, "alsoKnownAs", MOST_ALIASES),
            moved_to=url(doc, "movedTo"),
            published=when(doc, "published"),
            webfinger=text(doc, "webfinger", limit=500),
            raw=doc,
        )


def _inbox(doc: Document, uri: str) -> str:
    inbox = url(doc, "inbox")
    if inbox is None:
        raise Malformed("The actor has no inbox.")
    # An inbox elsewhere would turn our deliveries on somebody else (AUT-37).
    if inbox.partition(":")[0] != uri.partition(":")[0] or _site(inbox) != _site(uri):
        raise Malformed("The actor's inbox is not on its own site.")
    return inbox


def _site(uri: str) -> str:
    return registrable_domain(authority(uri))


def _shared_inbox(doc: Document, uri: str) -> str | None:
    endpoints = doc.get("endpoints")
    return _own(endpoints, "sharedInbox", uri) if isinstance(endpoints, dict) else None


def _own(doc: Document, key: str, uri: str) -> str | None:
    # A collection or inbox of another origin is neither asked nor posted to (AUT-38, AUT-39).
    found = url(doc, key)
    return found if found and same_origin(found, uri) else None


def _moderators(doc: Document, kind: str, uri: str) -> str | None:
    # Lemmy's groups are attributed to a collection; lists of people, as PieFed takes them, are no address to ask.
    value = doc.get("attributedTo")
    found = address(value) if kind == "Group" else None
    return found if found and same_origin(found, uri) else None


def _keys(doc: Document, uri: str) -> tuple[KeyDocument, ...]:
    found = []
    for entry in members(doc.get("publicKey"), MOST_KEYS):
        if not isinstance(entry, dict):
            continue
        key_id, owner, pem = address(entry.get("id")), address(entry.get("owner")), text(entry, "publicKeyPem")
        # A key that names another owner, or lives elsewhere, does not speak for this actor.
        if key_id and owner == uri and same_origin(key_id, uri) and pem and len(pem) <= LONGEST_PEM:
            found.append(KeyDocument(key_id, owner, pem))
    return tuple(found)


class Picture(NamedTuple):
    url: str
    media_type: str
    alt: str = ""


@dataclass(frozen=True, kw_only=True)
class OutActor:
    """What one of our actors shows the world; its collections are found below its id."""

    id: str
    username: str
    host: str
    page: str
    public_key_pem: str
    shared_inbox: str
    name: str = ""
    summary: str = ""  # HTML
    source: str | None = None  # the same in Markdown
    icon: Picture | None = None
    image: Picture | None = None
    fields: tuple[tuple[str, str], ...] = ()  # name and HTML of the table on the profile
    discoverable: bool = True
    indexable: bool = True
    manually_approves: bool = False
    posting_restricted: bool = False
    suspended: bool = False
    languages: tuple[tuple[str, str], ...] = ()
    also_known_as: tuple[str, ...] = ()
    moved_to: str | None = None
    published: datetime | None = None
    updated: datetime | None = None


def group_actor(actor: OutActor) -> Document:
    """A Group; Lemmy takes one that approves its followers for private and then refuses every public post of it."""
    group = _actor("Group", actor) | {
        "attributedTo": f"{actor.id}/moderators",
        "featured": f"{actor.id}/featured",
        "postingRestrictedToMods": actor.posting_restricted,
        "sensitive": False,
    }
    if actor.languages:
        group["language"] = [{"identifier": identifier, "name": name} for identifier, name in actor.languages]
    return group


def person_actor(actor: OutActor) -> Document:
    """A Person, always with an outbox: Lemmy cannot read one without."""
    return _actor("Person", actor)


def node_actor(actor: OutActor) -> Document:
    """The Application that signs our fetches; read unsigned, or two servers that want signatures would never meet."""
    node = _actor("Application", actor)
    for key in ("followers", "following", "discoverable", "indexable"):
        del node[key]
    return node


def _actor(kind: str, actor: OutActor) -> Document:
    document: Document = {
        "@context": ACTOR_CONTEXT,
        "id": actor.id,
        "type": kind,
        "preferredUsername": actor.username,
        "webfinger": f"{actor.username}@{actor.host}",
        "name": actor.name or actor.username,
        "summary": actor.summary,
        "url": actor.page,
        "inbox": f"{actor.id}/inbox",
        "outbox": f"{actor.id}/outbox",
        "followers": f"{actor.id}/followers",
        "following": f"{actor.id}/following",
        "endpoints": {"sharedInbox": actor.shared_inbox},
        "publicKey": {"id": f"{actor.id}#main-key", "owner": actor.id, "publicKeyPem": actor.public_key_pem},
        "manuallyApprovesFollowers": actor.manually_approves,
        "discoverable": actor.discoverable,
        "indexable": actor.indexable,
        # Mastodon wants an array, also of nothing.
        "attachment": [{"type": "PropertyValue", "name": name, "value": value} for name, value in actor.fields],
    }
    # What is not known is left out: Mbin and PieFed ask whether a key is there, not what it holds.
    if actor.source is not None:
        document["source"] = {"content": actor.source, "mediaType": "text/markdown"}
    for key, picture in (("icon", actor.icon), ("image", actor.image)):
        if picture is not None:
            document[key] = {"type": "Image", "mediaType": picture.media_type, "url": picture.url, "name": picture.alt}
    for key, at in (("published", actor.published), ("updated", actor.updated)):
        if at is not None:
            document[key] = moment(at)
    if actor.also_known_as:
        document["alsoKnownAs"] = list(actor.also_known_as)
    if actor.moved_to is not None:
        document["movedTo"] = actor.moved_to
    if actor.suspended:
        document["suspended"] = True
    return document
