"""Collections: lists of ids, read with every cap there must be and written in the one shape each peer can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from federation.addresses import same_origin
from federation.documents import (
    AS2,
    FORUM_CONTEXT,
    Document,
    address,
    members,
    moment,
    number,
    refuse_keywords,
    type_of,
    url,
    without_context,
)
from federation.errors import Malformed

COLLECTION_TYPES = frozenset({"Collection", "OrderedCollection", "CollectionPage", "OrderedCollectionPage"})
MOST_ITEMS = 500  # what Mastodon takes of one collection, and all that the first page of ours may hold


def is_collection(doc: object) -> bool:
    """Whether `doc` is of a type that Collection.parse reads; never raises."""
    try:
        return isinstance(doc, dict) and type_of(doc, COLLECTION_TYPES) in COLLECTION_TYPES
    except Malformed:
        return False


@dataclass(frozen=True)
class Collection:
    """A collection or one page of it: ids only, whatever was embedded (AUT-40), and pages of its own origin only."""

    id: str | None
    type: str
    total_items: int | None
    items: tuple[str, ...]
    first: str | None
    next: str | None
    attributed_to: str | None

    @classmethod
    def parse(cls, doc: Document, fetched_from: str | None = None) -> Collection:
        """The collection in `doc` with what its embedded first page holds; raises Malformed if it is none."""
        if not isinstance(doc, dict):
            raise Malformed("The collection is not a JSON object.")
        refuse_keywords(doc)
        kind = type_of(doc, COLLECTION_TYPES)
        if kind not in COLLECTION_TYPES:
            raise Malformed("The object is not a collection.")
        uri = address(doc.get("id"))
        home = fetched_from or uri  # PieFed's replies have no id
        page = doc.get("first")
        embedded = page if isinstance(page, dict) and ("items" in page or "orderedItems" in page) else {}
        items = [*_ids(doc), *_ids(embedded)]
        return cls(
            id=uri,
            type=kind,
            total_items=number(doc, "totalItems"),
            items=tuple(dict.fromkeys(items))[:MOST_ITEMS],
            first=None if embedded else _page(doc, "first", home),
            next=_page(embedded or doc, "next", home),
            attributed_to=url(doc, "attributedTo"),
        )


def _ids(doc: Document) -> Iterable[str]:
    for key in ("orderedItems", "items"):
        for member in members(doc.get(key), MOST_ITEMS):
            found = address(member.get("id") if isinstance(member, dict) else member)
            if found:
                yield found


def _page(doc: Document, key: str, home: str | None) -> str | None:
    found = url(doc, key)
    return found if found and home and same_origin(found, home) else None  # AUT-39


def collection(id: str, total: int) -> Document:
    """A count without members (followers, following, likes, shares); Lemmy fails without an `items` list."""
    return {"@context": AS2, "id": id, "type": "Collection", "totalItems": total, "items": []}


def count(id: str, total: int) -> Document:
    """The same embedded in an object: Mastodon shows such totals of likes and shares."""
    return {"id": id, "type": "Collection", "totalItems": total}


def ordered_collection(id: str, items: Sequence[str | Mapping[str, Any]], total: int | None = None) -> Document:
    """All of a list inline and unpaginated, as Lemmy and PieFed want outbox, featured and moderators."""
    return {
        "@context": FORUM_CONTEXT,
        "id": id,
        "type": "OrderedCollection",
        "totalItems": len(items) if total is None else total,
        "orderedItems": [item if isinstance(item, str) else without_context(item) for item in items],
    }


def replies(object_id: str, ids: Sequence[str], total: int | None = None) -> Document:
    """The direct answers to an object as ids, to be embedded in it.

    All are on the one embedded page: Mastodon stops turning pages once it has five, GoToSocial reads one.
    """
    uri = f"{object_id}/replies"
    page = {"id": f"{uri}?page=1", "type": "CollectionPage", "partOf": uri, "items": list(ids[:MOST_ITEMS])}
    return {"id": uri, "type": "Collection", "totalItems": len(ids) if total is None else total, "first": page}


def replies_collection(object_id: str, ids: Sequence[str], total: int | None = None) -> Document:
    """The same as a document of its own."""
    return {"@context": AS2, **replies(object_id, ids, total)}


def replies_page(object_id: str, ids: Sequence[str], total: int | None = None) -> Document:
    """The first page, for those who fetch it although it came embedded."""
    return {"@context": AS2, **replies(object_id, ids, total)["first"]}


def conversation(
    id: str, ids: Sequence[str], *, title: str, page: str, group: str, published: datetime | None = None
) -> Document:
    """A thread's context: every item's id, the opening first, then in order of time (FEP-7888, f228, 11dd)."""
    document: Document = {
        "@context": AS2,
        "id": id,
        "type": "OrderedCollection",
        "name": title,
        "url": page,
        "attributedTo": group,
        "audience": group,
        "totalItems": len(ids),
    }
    if published is not None:
        document["published"] = moment(published)
    if len(ids) <= MOST_ITEMS:
        return document | {"orderedItems": list(ids)}
    return document | {"first": f"{id}?page=1"}


def conversation_page(id: str, ids: Sequence[str], page: int) -> Document | None:
    """Page `page`, from 1, of a context too long to be inline; None beyond its end."""
    start = (page - 1) * MOST_ITEMS
    if page < 1 or start >= len(ids):
        return None
    document: Document = {
        "@context": AS2,
        "id": f"{id}?page={page}",
        "type": "OrderedCollectionPage",
        "partOf": id,
        "totalItems": len(ids),
        "orderedItems": list(ids[start : start + MOST_ITEMS]),
    }
    if start + MOST_ITEMS < len(ids):
        document["next"] = f"{id}?page={page + 1}"
    return document


def xor_digest(ids: Iterable[str]) -> str:
    """The SHA-256 of each id, XORed, in hex: FEP-8fcf's digest, and the ETag NodeBB asks for a context with."""
    total = 0
    for id in set(ids):
        total ^= int.from_bytes(sha256(id.encode()).digest())
    return f"{total:064x}"
