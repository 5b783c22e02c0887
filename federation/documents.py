"""Documents: strict JSON from bytes, typed fields out of it, and the bytes of our own."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from federation.addresses import canonical
from federation.errors import Malformed, TooLarge

Document = dict[str, Any]
Embeddable = str | Mapping[str, Any] | orjson.Fragment

AS2 = "https://www.w3.org/ns/activitystreams"
PUBLIC = AS2 + "#Public"
_PUBLIC_NAMES = frozenset({PUBLIC, "as:Public", "Public"})  # all three are the same after JSON-LD compaction

# Mastodon and Discourse look for the plain AS2 URL, as a string, among the entries (Mastodon hard rule 6).
MICROBLOG_CONTEXT: list[Any] = [
    AS2,
    "https://w3id.org/security/v1",
    {
        "Hashtag": "as:Hashtag",
        "sensitive": "as:sensitive",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "ostatus": "http://ostatus.org#",
        "conversation": "ostatus:conversation",
        "toot": "http://joinmastodon.org/ns#",
        "votersCount": "toot:votersCount",
        "gts": "https://gotosocial.org/ns#",
        "interactionPolicy": {"@id": "gts:interactionPolicy", "@type": "@id"},
        "canQuote": {"@id": "gts:canQuote", "@type": "@id"},
        "automaticApproval": {"@id": "gts:automaticApproval", "@type": "@id"},
    },
]
FORUM_CONTEXT: list[Any] = ["https://join-lemmy.org/context.json", AS2]

LARGEST_BODY = 1024 * 1024  # what Mastodon accepts and sends; nothing honest is longer
DEEPEST = 32  # the deepest of real documents has nine levels; ours are walked by loops, peers' may recurse
MOST_ADDRESSEES = 200  # a busy Mastodon thread names a few dozen; more is a way to make us fetch (PAR-10)
_UNSUPPORTED = frozenset({"@graph", "@included", "@reverse"})  # would mean other things to a JSON-LD reader (PAR-18)


def parse_json(body: bytes) -> Document:
    """The one JSON object in `body`, read so that every other reader would read it the same; else Malformed."""
    if len(body) > LARGEST_BODY:
        raise TooLarge("The document is longer than 1 MiB.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise Malformed("The document begins with a byte order mark.")
    try:
        document = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_each_key_once,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_machine_integer,
        )
    except UnicodeDecodeError:
        raise Malformed("The document is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise Malformed("The document is not strict JSON.") from None
    if not isinstance(document, dict):
        raise Malformed("The document is not a JSON object.")
    _check_values(document)
    return document


def _each_key_once(pairs: list[tuple[str, Any]]) -> Document:
    # Python keeps the last of two equal keys, proxies and other parsers the first: what was checked must be
    # what is used (PAR-03).
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Malformed("The document has the same key twice.")
    return document


def _no_constant(name: str) -> float:
    raise Malformed(f"{name} is not JSON.")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Malformed("A number is too large.")
    return value


def _machine_integer(digits: str) -> int:
    # Nothing beyond 64 bits can be stored or written again, and int() of thousands of digits is slow (PAR-05).
    if len(digits) > 20 or not -(2**63) <= (value := int(digits)) < 2**63:
        raise Malformed("A number is too large.")
    return value


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL refuses NUL, UTF-8 refuses surrogates (PAR-11, PAR-12)


def _check_values(document: Document) -> None:
    waiting: list[tuple[Any, int, bool]] = [(document, 1, False)]
    while waiting:
        value, depth, in_context = waiting.pop()
        if isinstance(value, str):
            if _UNSTORABLE.search(value):
                raise Malformed("The document holds a character that cannot be stored.")
            continue
        if not isinstance(value, (dict, list)):
            continue
        if depth > DEEPEST:
            raise Malformed("The document is nested too deeply.")
        if isinstance(value, list):
            waiting.extend((member, depth + 1, in_context) for member in value)
            continue
        for key, member in value.items():
            if _UNSTORABLE.search(key):
                raise Malformed("The document holds a character that cannot be stored.")
            # A context may define a term by @reverse; a document that uses it says something we do not read.
            if key in _UNSUPPORTED and not in_context:
                raise Malformed(f"{key} is not supported.")
            waiting.append((member, depth + 1, in_context or key == "@context"))


def serialise(document: Mapping[str, Any]) -> bytes:
    """The bytes of a document as they are signed, stored and sent; an embedded Fragment stays as it came."""
    return orjson.dumps(document)


def verbatim(body: bytes) -> orjson.Fragment:
    """Received bytes to be carried as they stand, so that proofs in them survive (they must have been parsed)."""
    return orjson.Fragment(body)


def moment(value: datetime) -> str:
    """RFC 3339 in UTC with a Z, whole seconds: the only form that every peer reads."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def without_context(doc: Mapping[str, Any]) -> Document:
    """`doc` as it is embedded: PieFed and Mbin want the context outside only."""
    return {key: value for key, value in doc.items() if key != "@context"}


def text(doc: Mapping[str, Any], key: str, *, limit: int | None = None) -> str | None:
    """The string at `key`, cut to `limit` characters where one is given (never for HTML: a cut breaks a tag)."""
    value = doc.get(key)
    if not isinstance(value, str):
        return None
    return value if limit is None else value[:limit]


def url(doc: Mapping[str, Any], key: str) -> str | None:
    """The first http(s) address at `key`: a string, an object with `href`, `id` or `url`, or a list of these."""
    return next(_addresses(doc.get(key), 20), None)


def urls(doc: Mapping[str, Any], key: str, cap: int = MOST_ADDRESSEES) -> tuple[str, ...]:
    """Every http(s) address at `key`, each once, in order; of a longer list the first `cap` entries are read."""
    return tuple(dict.fromkeys(_addresses(doc.get(key), cap)))


def address(value: object) -> str | None:
    """`value` as a canonical http(s) address, or None: also for javascript:, data: and relative ones (XSS-14)."""
    if not isinstance(value, str):
        return None
    try:
        return canonical(value, development=True)  # whether http may be fetched is the client's question
    except Malformed:
        return None


def members(value: object, cap: int) -> list[Any]:
    """`value` as a list of at most `cap`: a list as it is, nothing as (), anything else as the only member."""
    if value is None:
        return []
    return value[:cap] if isinstance(value, list) else [value]


def _addresses(value: object, cap: int) -> Iterator[str]:
    for member in members(value, cap):
        candidates = [member.get(key) for key in ("href", "id", "url")] if isinstance(member, dict) else [member]
        found = next((found for found in map(address, candidates) if found), None)
        if found:
            yield found


def addressees(doc: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Who `key` (to, cc, audience) names, each once, the public under its one full name."""
    found: dict[str, None] = {}
    for member in members(doc.get(key), MOST_ADDRESSEES):
        name = member.get("id") if isinstance(member, dict) else member
        resolved = PUBLIC if isinstance(name, str) and name in _PUBLIC_NAMES else address(name)
        if resolved:
            found[resolved] = None
    return tuple(found)


# Older or later than these no discussion is; they also fit every database and time zone (PAR-20).
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def when(doc: Mapping[str, Any], key: str) -> datetime | None:
    """The moment at `key`, aware and in UTC; one without an offset is taken as UTC, an impossible one as None."""
    value = doc.get(key)
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _EARLIEST <= moment <= _LATEST else None


def number(doc: Mapping[str, Any], key: str) -> int | None:
    """The count at `key`: a whole number from 0 that a database column can hold (PAR-06, PAR-31)."""
    value = doc.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**63 else None


def flag(doc: Mapping[str, Any], key: str) -> bool | None:
    """The JSON true or false at `key`; "false" and 0 are neither (PAR-21)."""
    value = doc.get(key)
    return value if isinstance(value, bool) else None


def type_of(doc: Mapping[str, Any], known: frozenset[str]) -> str:
    """The type of a document: a string, or of a list the only entry that is `known`; else Malformed (PAR-27)."""
    value = doc.get("type")
    if isinstance(value, list):
        candidates = {entry for entry in value[:20] if isinstance(entry, str) and entry in known}
        if len(candidates) != 1:
            raise Malformed("The type is ambiguous.")
        return candidates.pop()
    if not isinstance(value, str) or not value or len(value) > 200:
        raise Malformed("The type is missing.")
    return value


def refuse_keywords(doc: Mapping[str, Any]) -> None:
    """Malformed where a JSON-LD keyword would make the document mean something else than its plain keys (PAR-18)."""
    for keyword in (*_UNSUPPORTED, "@id", "@type"):  # who is meant, the id or the @id beside it?
        if keyword in doc:
            raise Malformed(f"{keyword} is not supported.")
