"""Activities: what an actor did, read from a document or written as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from federation.documents import (
    AS2,
    FORUM_CONTEXT,
    Document,
    Embeddable,
    address,
    addressees,
    moment,
    refuse_keywords,
    type_of,
    without_context,
)
from federation.documents import PUBLIC as PUBLIC
from federation.documents import number as number
from federation.documents import parse_json as parse_json
from federation.documents import serialise as serialise
from federation.documents import text as text
from federation.documents import url as url
from federation.documents import urls as urls
from federation.documents import verbatim as verbatim
from federation.documents import when as when
from federation.errors import Malformed

ACTIVITY_TYPES = frozenset(
    {
        *("Follow", "Undo", "Accept", "Reject", "Create", "Update", "Delete", "Like", "Dislike", "EmojiReact"),
        *("Announce", "Block", "Flag", "Move", "Add", "Remove", "Lock", "QuoteRequest"),
    }
)

MOST_OBJECTS = 100  # Mastodon's longest report; more is a flood (AUT-34)


@dataclass(frozen=True)
class Activity:
    """What an actor did, as its document claims; only a Received one has been proved."""

    id: str | None
    type: str
    actor: str
    object: str | Document | None
    object_id: str | None
    to: tuple[str, ...]
    cc: tuple[str, ...]
    audience: tuple[str, ...]
    target: str | None
    raw: Document = field(repr=False)
    objects: tuple[str, ...] = ()  # the ids of all objects: a report names several, everything else one

    @classmethod
    def parse(cls, doc: Document) -> Activity:
        """The activity in `doc`; raises Malformed and nothing else."""
        if not isinstance(doc, dict):
            raise Malformed("The activity is not a JSON object.")
        refuse_keywords(doc)
        kind = type_of(doc, ACTIVITY_TYPES)
        about = _object(doc)
        objects = urls(doc, "object", MOST_OBJECTS)
        if kind in ACTIVITY_TYPES and about is None and not objects:
            raise Malformed(f"The {kind} has no object.")
        return cls(
            id=address(doc.get("id")),  # None also for the tag: URIs of GNU social: no one can be asked about them
            type=kind,
            actor=_actor(doc),
            object=about,
            object_id=address(about.get("id")) if isinstance(about, dict) else about,
            to=addressees(doc, "to"),
            cc=addressees(doc, "cc"),
            audience=addressees(doc, "audience"),
            target=url(doc, "target"),
            raw=doc,
            objects=objects,
        )

    @property
    def is_public(self) -> bool:
        """Addressed to everybody, listed or not."""
        return PUBLIC in self.to or PUBLIC in self.cc

    def inner(self) -> Activity | None:
        """The activity that this one carries (Announce, Undo, Accept, Reject); None for an id or a plain object."""
        if not isinstance(self.object, dict) or "actor" not in self.object:
            return None
        inside = Activity.parse(self.object)
        return inside if inside.type in ACTIVITY_TYPES else None  # the Events of Mobilizon have an actor too


def _actor(doc: Document) -> str:
    named = doc.get("actor")
    if isinstance(named, list):
        # With two actors one of them could be proved and the other one believed (AUT-31).
        if len(named) != 1:
            raise Malformed("The activity needs exactly one actor.")
        named = named[0]
    if isinstance(named, dict):
        refuse_keywords(named)
    found = address(named.get("id") if isinstance(named, dict) else named)
    if found is None:
        raise Malformed("The activity has no actor.")
    return found


def _object(doc: Document) -> str | Document | None:
    value = doc.get("object")
    if isinstance(value, list):
        if len(value) != 1:
            return None
        value = value[0]
    if isinstance(value, dict):
        refuse_keywords(value)
        return value
    return address(value)


def create(
    id: str,
    actor: str,
    object: Embeddable,
    to: Sequence[str],
    cc: Sequence[str],
    *,
    audience: str | None = None,
    published: datetime | None = None,
) -> Document:
    """A Create; `to`, `cc` and `audience` are the object's own, since peers read them from either."""
    return _activity("Create", id, actor, object, to=to, cc=cc, **_group(audience), **_moment_of(published))


def update(
    id: str, actor: str, object: Embeddable, to: Sequence[str], cc: Sequence[str], *, audience: str | None = None
) -> Document:
    """An Update of an object or, with the actor itself as object, of an actor."""
    return _activity("Update", id, actor, object, to=to, cc=cc, **_group(audience))


def delete(
    id: str,
    actor: str,
    object: Embeddable,
    to: Sequence[str],
    cc: Sequence[str] = (),
    *,
    audience: str | None = None,
    summary: str | None = None,
) -> Document:
    """A Delete; with a `summary`, even an empty one, Lemmy takes it as a moderator's removal."""
    reason = {} if summary is None else {"summary": summary}
    return _activity("Delete", id, actor, object, to=to, cc=cc, **_group(audience), **reason)


def announce(
    id: str, actor: str, object: Embeddable, to: Sequence[str], cc: Sequence[str], *, published: datetime | None = None
) -> Document:
    """A boost of an id, or, around an activity, a group's copy of it; a Fragment carries received bytes verbatim."""
    return _activity("Announce", id, actor, object, to=to, cc=cc, **_moment_of(published))


def undo(id: str, actor: str, object: Mapping[str, Any], to: Sequence[str] = (), cc: Sequence[str] = ()) -> Document:
    """An Undo with what is undone embedded: Mastodon finds out by its type what to undo."""
    return _activity("Undo", id, actor, object, to=to, cc=cc)


def like(
    id: str, actor: str, object: str, to: Sequence[str] = (), cc: Sequence[str] = (), *, audience: str | None = None
) -> Document:
    return _activity("Like", id, actor, object, to=to, cc=cc, **_group(audience))


def dislike(
    id: str, actor: str, object: str, to: Sequence[str] = (), cc: Sequence[str] = (), *, audience: str | None = None
) -> Document:
    return _activity("Dislike", id, actor, object, to=to, cc=cc, **_group(audience))


def emoji_react(
    id: str, actor: str, object: str, content: str, to: Sequence[str] = (), cc: Sequence[str] = ()
) -> Document:
    return _activity("EmojiReact", id, actor, object, to=to, cc=cc, content=content)


def follow(id: str, actor: str, object: str) -> Document:
    return _activity("Follow", id, actor, object, to=[object])


def accept(id: str, actor: str, object: Embeddable, to: Sequence[str], *, result: str | None = None) -> Document:
    """An Accept; of a Follow it carries the Follow as it came, with its id. `result` is a quote's authorisation."""
    authorisation = {} if result is None else {"result": result}
    return _activity("Accept", id, actor, object, to=to, **authorisation)


def reject(id: str, actor: str, object: Embeddable, to: Sequence[str]) -> Document:
    """A Reject; of a Follow that was accepted before, it removes the follower."""
    return _activity("Reject", id, actor, object, to=to)


def add(
    id: str, actor: str, object: str, target: str, to: Sequence[str], cc: Sequence[str], *, audience: str
) -> Document:
    """An Add to one of a group's collections: `featured` pins a thread, `moderators` appoints a person."""
    return _activity("Add", id, actor, object, to=to, cc=cc, audience=audience, target=target)


def remove(
    id: str, actor: str, object: str, target: str, to: Sequence[str], cc: Sequence[str], *, audience: str
) -> Document:
    return _activity("Remove", id, actor, object, to=to, cc=cc, audience=audience, target=target)


def lock(
    id: str, actor: str, object: str, to: Sequence[str], cc: Sequence[str], *, audience: str, summary: str = ""
) -> Document:
    """A Lock of a thread; undone by an Undo around it."""
    return _activity("Lock", id, actor, object, to=to, cc=cc, audience=audience, summary=summary)


def block(
    id: str,
    actor: str,
    object: str,
    target: str,
    to: Sequence[str],
    cc: Sequence[str],
    *,
    summary: str = "",
    end: datetime | None = None,
    remove_data: bool = False,
) -> Document:
    """A ban of the person `object` from the group `target`, until `end` or for good."""
    ban: Document = {"audience": target, "target": target, "summary": summary, "removeData": remove_data}
    if end is not None:
        ban["endTime"] = moment(end)
    return _activity("Block", id, actor, object, to=to, cc=cc, **ban)


def personal_block(id: str, actor: str, object: str) -> Document:
    """A Block as Mastodon sends it: for the server of whom it is about, and nobody else."""
    return _activity("Block", id, actor, object, to=[object])


def report(id: str, actor: str, objects: Sequence[str], to: str, reason: str) -> Document:
    """A Flag: Lemmy reads `summary` and one object and wants exactly one `to`, Mastodon `content` and a list."""
    about = objects[0] if len(objects) == 1 else list(objects)
    return _document("Flag", id, actor, about, AS2) | {"to": [to], "summary": reason, "content": reason}


def move(id: str, actor: str, target: str, to: Sequence[str]) -> Document:
    """A Move of the actor itself to `target`, which must name it in `alsoKnownAs`."""
    return _activity("Move", id, actor, actor, to=to, target=target)


def relocate(
    id: str, actor: str, object: str, origin: str, target: str, to: Sequence[str], cc: Sequence[str]
) -> Document:
    """A Move of a thread, named by its context, from one group to another (FEP-f15d)."""
    return _activity("Move", id, actor, object, to=to, cc=cc, origin=origin, target=target)


def _activity(
    kind: str, id: str, actor: str, object: Embeddable, *, to: Iterable[str] = (), cc: Iterable[str] = (), **more: Any
) -> Document:
    context: Any = AS2
    if isinstance(object, orjson.Fragment):
        context = FORUM_CONTEXT  # only forum software is sent other people's activities wrapped
    elif isinstance(object, Mapping):
        context = object.get("@context", AS2)
        object = without_context(object)
    # Lemmy and Mbin fail on an activity without `to` or `cc`: both are always there.
    return _document(kind, id, actor, object, context) | {"to": list(to), "cc": list(cc)} | more


def _document(kind: str, id: str, actor: str, object: Any, context: Any) -> Document:
    return {"@context": context, "id": id, "type": kind, "actor": actor, "object": object}


def _group(audience: str | None) -> Document:
    return {} if audience is None else {"audience": audience}


def _moment_of(published: datetime | None) -> Document:
    return {} if published is None else {"published": moment(published)}
