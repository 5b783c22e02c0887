"""What a signed request says, before it is proved: the parts that both kinds of signatures share."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from federation.addresses import canonical
from federation.errors import Malformed, Unverified

Scheme = Literal["cavage", "rfc9421"]

OLDEST = timedelta(hours=12)  # Mastodon's window: queues of small servers are slow; replay is stopped by the unique id
SKEW = timedelta(hours=1)  # and their clocks are wrong
LONGEST_HEADER = 8192  # a signature by the longest key accepted takes 1368 characters
BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"  # b64decode skips what it does not know

_BASE64 = re.compile(BASE64)
_SECONDS = re.compile(r"[0-9]{1,11}")
_SHA256 = re.compile(r"[A-Za-z0-9+/]{43}=")
_PRINTABLE = re.compile(r"[\t -~]*")


@dataclass(frozen=True)
class Request:
    """A request as it came: the path with its query and the headers byte for byte; scheme and authority are *ours*."""

    method: str
    raw_path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    authority: str
    scheme: str


@dataclass(frozen=True)
class Message:
    """A request as the RFC 9421 library reads one, holding nothing but what was checked here."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Claim:
    """What a request says about its sender, complete and inside the time window; true only once verified."""

    scheme: Scheme
    key_id: str
    algorithm: str | None
    signature: bytes
    strings: tuple[bytes, ...] = ()  # draft-cavage: what was signed; for reads also without the query
    message: Message | None = None  # RFC 9421


def fields_of(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """All values of every header, by its name in lower case."""
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return fields


def only(fields: dict[str, list[str]], name: str) -> str | None:
    """The value of a header that may be there once; raises Malformed if it is there twice."""
    values = fields.get(name, [])
    if len(values) > 1:
        # aiohttp shows the first of them, a dict the last: whoever sends two wants one to be verified, the other used.
        raise Malformed(f"there is more than one {name} header")
    return values[0] if values else None


def covered_value(fields: dict[str, list[str]], name: str) -> str:
    """The value of a header that the signature lists, from the one place it may be in."""
    value = only(fields, name)
    if value is None:
        raise Unverified("a header listed as signed is missing")
    if not _PRINTABLE.fullmatch(value):
        raise Malformed("a signed header holds more than printable ASCII")
    return value


def key_named(text: str | None) -> str:
    """The canonical key id of a signature."""
    if text is None:
        raise Unverified("the signature names no key")
    return canonical(text, development=True)  # whether the host may be asked is the client's question


def decoded(text: str | None) -> bytes:
    """The bytes of a signature, which must be base64 and nothing else."""
    if not text or not _BASE64.fullmatch(text):
        raise Malformed("the signature is not base64")
    return base64.b64decode(text)


def has_body(request: Request) -> bool:
    """Whether the signature must cover a digest: always, unless the method only reads."""
    return request.method.upper() not in ("GET", "HEAD")


def check_age(made: datetime, now: datetime) -> None:
    """Raise Unverified outside the window in which a signature counts."""
    if made < now - OLDEST:
        raise Unverified("the signature is too old; if many are, our own clock is fast")
    if made > now + SKEW:
        raise Unverified("the signature is from the future; if many are, our own clock is slow")


def check_expiry(expires: datetime, created: datetime | None, now: datetime) -> None:
    """Raise Unverified when the time that the signer itself has set is over."""
    if expires <= now or (created is not None and expires < created):
        raise Unverified("the signature has expired")


def timestamp(text: str) -> datetime:
    """A time in whole seconds since 1970, as signatures give it."""
    if not _SECONDS.fullmatch(text):
        raise Unverified("a time of the signature is not a number of seconds")
    return datetime.fromtimestamp(int(text), UTC)


def check_sha256(encoded: str, body: bytes) -> None:
    """Raise unless `encoded` is the hash of these very bytes."""
    if not _SHA256.fullmatch(encoded):
        raise Malformed("the digest cannot be read")
    if encoded != digest_of(body).partition("=")[2]:
        raise Unverified("the body is not the one that was signed")


def digest_of(body: bytes) -> str:
    """The Digest of a body, `SHA-256=…`: computed once per activity, however many inboxes it goes to."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
