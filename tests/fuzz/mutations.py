"""Documents bent as documents: JSON that is still JSON, with other values, keys and shapes than it had."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import orjson

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63 - 1, -(2**63), 1.5, 1e300, "", " ", "x" * 300, [], {}, [[]], [{}], {"id": None},
    PUBLIC, "as:Public", "https://peer.test/users/mira", "https://other.test/x", "https://peer.test", "http://[::1]/",
    "https://peer.test:443/a#b", "https://PEER.test/ü", "javascript:alert(1)", "data:text/html,x",
    "tag:x,2026:y", "//x",
    "https://x\\y.test/", "https://user@peer.test/", "2026-01-15T12:00:00Z", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "\u202e", "\ufffe", "\u0000", "a\u0301" * 50, "Note", "Create",
    "Announce", "Tombstone", "Group", "Person", "Collection", "OrderedCollectionPage", "Question", "text/markdown",
    "<p>x</p>", "<a href='https://x.test'>y.test</a>", "<script>x</script>", "#tag", "@mira@peer.test", "und", "de-CH",
)  # fmt: skip
KEYS = (
    "@context", "@id", "@type", "@graph", "id", "type", "actor", "object", "to", "cc", "audience", "target", "content",
    "contentMap", "name", "nameMap", "summary", "source", "mediaType", "attributedTo", "inReplyTo", "context",
    "conversation", "published", "updated", "url", "href", "tag", "icon", "image", "attachment", "replies", "first",
    "next", "items", "orderedItems", "totalItems", "oneOf", "anyOf", "endTime", "closed", "sensitive", "language",
    "commentsEnabled", "publicKey", "publicKeyPem", "owner", "inbox", "outbox", "endpoints", "sharedInbox", "followers",
    "preferredUsername", "alsoKnownAs", "movedTo", "quote", "links", "rel", "template", "software",
    "version", "subject",
)  # fmt: skip

Place = tuple[Any, Any]  # a list or dict in the document, and where in it


def bent(data: bytes, longest: int, random: Random) -> bytes | None:
    """A document like this one, changed in one to four places; None where it is no document or becomes too long."""
    try:
        document = orjson.loads(data)
    except ValueError:
        return None
    for _ in range(random.randint(1, 4)):
        places = _places(document)
        if not places:
            return None
        _change(random.choice(places), random.choice(places), random)
    try:
        made = orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError, RecursionError):
        return None
    return made if len(made) <= longest else None


def _places(document: Any) -> list[Place]:
    found: list[Place] = []
    waiting = [document]
    while waiting and len(found) < 500:
        value = waiting.pop()
        if isinstance(value, dict):
            found.extend((value, key) for key in value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            found.extend((value, at) for at in range(len(value)))
            waiting.extend(value)
    return found


def _change(place: Place, other: Place, random: Random) -> None:
    where, at = place
    value = where[at]
    match random.randrange(9):
        case 0:
            where[at] = copy.deepcopy(random.choice(VALUES))
        case 1:
            del where[at]
        case 2:
            where[at] = [value, copy.deepcopy(random.choice(VALUES))]
        case 3:
            where[at] = {"id": value, "type": random.choice(VALUES[-19:])}
        case 4:
            where[at] = copy.deepcopy(other[0].get(other[1]) if isinstance(other[0], dict) else None)
        case 5 if isinstance(where, dict):
            where[random.choice(KEYS)] = copy.deepcopy(value)
        case 6 if isinstance(where, dict):
            where[random.choice(KEYS)] = copy.deepcopy(random.choice(VALUES))
        case 7 if isinstance(value, str):
            cut = random.randint(0, len(value))
            extra = random.choice([each for each in VALUES if isinstance(each, str)])
            where[at] = value[:cut] + extra + value[cut + random.randint(0, 2) :]
        case 8 if isinstance(value, list):
            value.extend(copy.deepcopy(value[:20]) * random.randint(1, 10))
        case _:
            where[at] = copy.deepcopy(random.choice(VALUES))
