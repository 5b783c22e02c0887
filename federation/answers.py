"""Reading what another server answered: its status, its kind, and a body that stays within bounds."""

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from aiohttp import ClientResponse
from multidict import CIMultiDictProxy

from federation.documents import AS2, Document, parse_json
from federation.errors import Gone, Malformed, Refused, TooLarge, Unreachable, UnsupportedType

# One wording for whatever the silence of a server may mean: closed, filtered, unknown, broken are not told apart.
UNREACHABLE = "The other server cannot be reached at the moment."
GONE = "The other server says that there is nothing at this address."
DENIED = "The other server does not hand this out."
LARGE = "The document is longer than this server reads."
TYPE = "The address does not serve the kind of document that was asked for."
ODD = "The other server's answer could not be read."

# Answers to a question that may have another answer later. 401 too: most who give it could not fetch our key just then.
TEMPORARY = frozenset({401, 408, 425, 429, *range(500, 600)})
# Parsing more than this would hold up the loop for more than 10 ms.
LONG = 64 * 1024
LONGEST_WAIT = 24 * 3600


@dataclass(frozen=True)
class Kind:
    """What may be asked for: the Accept header, whether it is asked under our name, and the answers that count."""

    accept: str
    signed: bool
    fits: Callable[[str, str], bool]


# A media type with its `profile` parameter. Anything looser lets an upload pass for a document: KEY-08.
KINDS = {
    "activity": Kind(
        f'application/activity+json, application/ld+json; profile="{AS2}"',
        True,
        lambda kind, profile: (
            kind == "application/activity+json" or (kind == "application/ld+json" and AS2 in profile.split())
        ),
    ),
    "jrd": Kind(
        "application/jrd+json, application/json",
        False,
        lambda kind, profile: kind in ("application/jrd+json", "application/json"),
    ),
    "json": Kind("application/json", False, lambda kind, profile: kind == "application/json"),
    # Lists of servers, as people keep them beside their code: few who serve such a file say what it is.
    "list": Kind(
        "text/csv, text/plain;q=0.9, */*;q=0.1",
        False,
        lambda kind, profile: kind in ("text/csv", "application/csv", "text/plain", "application/octet-stream"),
    ),
    "page": Kind(
        "text/html, application/xhtml+xml",
        False,
        lambda kind, profile: kind in ("text/html", "application/xhtml+xml"),
    ),
}


def check_status(status: int, headers: CIMultiDictProxy[str], *, now: datetime, pause: int) -> None:
    """Raises what any status but 200 means; `pause` is when to ask again if the server does not say."""
    if status == 200:
        return
    if status in (404, 410):
        raise Gone(GONE)
    if status in TEMPORARY:
        raise Unreachable(UNREACHABLE, retry_after=retry_after(headers, now=now) or pause)
    if 400 <= status < 500:
        raise Refused(DENIED)
    raise Malformed(ODD)


def check_kind(kind: Kind, headers: CIMultiDictProxy[str]) -> None:
    """Raises UnsupportedType unless there is one content type, and it is one that was asked for."""
    given = headers.getall("Content-Type", [])
    # Of two content types each reader would believe another one.
    if len(given) != 1:
        raise UnsupportedType(TYPE)
    if not is_kind(kind, given[0]):
        raise UnsupportedType(TYPE)


def is_kind(kind: Kind, media_type: str) -> bool:
    """Whether a media type, parameters and all, is one that was asked for."""
    header = Message()
    header["Content-Type"] = media_type.replace("\r", " ").replace("\n", " ")
    name = header.get_content_type()
    # What `email` cannot read it takes for text/plain.
    if media_type.partition(";")[0].strip().lower() != name:
        return False
    profile = header.get_param("profile", "")
    return kind.fits(name, profile if isinstance(profile, str) else "")


async def read_body(response: ClientResponse, limit: int) -> bytes:
    """The whole body, decompressed, of at most `limit` bytes; stops reading at the first byte too many."""
    encodings = [value.strip().lower() for value in response.headers.getall("Content-Encoding", [])]
    if encodings not in ([], ["identity"], ["gzip"]):
        # We offer gzip alone: layers of encodings, and such as we did not ask for, are bombs or broken.
        raise UnsupportedType(TYPE)
    if (response.content_length or 0) > limit:
        raise TooLarge(LARGE)
    inflating = zlib.decompressobj(16 + zlib.MAX_WBITS) if encodings == ["gzip"] else None
    body, taken = bytearray(), 0
    async for chunk in response.content.iter_any():
        taken += len(chunk)
        try:
            # One byte more than allowed shows that there is more, and no more than that is ever inflated.
            body += inflating.decompress(chunk, limit + 1 - len(body)) if inflating else chunk
        except zlib.error as broken:
            raise Malformed(ODD) from broken
        if max(taken, len(body)) > limit:
            raise TooLarge(LARGE)
    if inflating and not inflating.eof:
        raise Unreachable(UNREACHABLE)
    if inflating and inflating.unused_data:
        raise Malformed(ODD)
    return bytes(body)


async def read_json(body: bytes) -> Document:
    """The document in a body; a long one is parsed in a thread."""
    return parse_json(body) if len(body) <= LONG else await asyncio.to_thread(parse_json, body)


def retry_after(headers: CIMultiDictProxy[str], *, now: datetime) -> int | None:
    """The seconds a server asks us to wait, between 1 and a day; None when it does not say anything sensible."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        # More digits than this are a day as well, and would only be long to read.
        seconds = int(value[:9])
    else:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, IndexError, OverflowError):
            return None
        seconds = int((when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
    return max(1, min(seconds, LONGEST_WAIT))
