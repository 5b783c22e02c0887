"""Short words from strangers: what they accept, where they are, how long we shall wait, and who they say they are."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict, CIMultiDictProxy

from federation import addresses, answers
from federation.errors import FederationError, Malformed
from node import languages
from node.fediverse.routes import wants_document
from node.forum.errors import Invalid
from node.forum.host_names import host_name
from tests.fuzz.reader import Reader

REQUEST = make_mocked_request("GET", "/")  # to be cloned: each one anew takes 60 ms
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def seeds() -> list[bytes]:
    return [
        b'application/ld+json; profile="https://www.w3.org/ns/activitystreams"; q=0.9, text/html;q=0.8, */*',
        b"de-CH,de;q=0.9,en;q=0.5,*;q=0",
        b"Thu, 15 Jan 2026 13:00:00 GMT",
        b"120",
        b"https://user@peer.test:8443/a/../b?c#d",
        "https://bücher.test/ü".encode(),
        b"http://[2001:db8::1]:443/",
        b"https://127.1/",
        b"application/activity+json; charset=utf-8",
    ]


def read(data: bytes) -> None:
    """The words as every kind of header and address; raises where they are not judged or have two spellings."""
    words = data.decode("utf-8", "replace")
    _as_header(data.decode("latin-1").replace("\r", "").replace("\n", ""))
    for development in (False, True):
        try:
            url = addresses.canonical(words, development=development)
        except Malformed:
            continue
        assert addresses.canonical(url, development=development) == url, "the one spelling has another spelling"
        assert addresses.same_origin(words, url)
        assert addresses.origin(url).endswith(addresses.authority(url))
        addresses.registrable_domain(addresses.authority(url))
        with suppress(FederationError):
            addresses.require_public(url)
    try:
        host = host_name(words)
        assert host_name(host) == host
    except Invalid:
        pass


def _as_header(value: str) -> None:
    wants_document(REQUEST.clone(headers={"Accept": value}))
    languages.best(*languages.accepted(value))
    headers = CIMultiDictProxy(CIMultiDict([("Retry-After", value), ("Content-Type", value)]))
    wait = answers.retry_after(headers, now=NOW)
    assert wait is None or 1 <= wait <= answers.LONGEST_WAIT
    for kind in answers.KINDS.values():
        try:
            answers.check_kind(kind, headers)
        except FederationError:
            continue
    for status in (200, 301, 404, 429, 500):
        try:
            answers.check_status(status, headers, now=NOW, pause=60)
        except FederationError:
            continue


READER = Reader(
    "headers",
    read,
    seeds,
    words=("application/activity+json", "text/html", ";q=", "profile=", "charset=", "https://", "xn--",
           "[::ffff:", "%2e",
           "\u3002", "\uff0e", ":443", "@", "\\", "0x7f.1", "GMT", "-0000", "Jan", "*/*", "de", "zh-Hant", ".."),
    longest=1024,
)  # fmt: skip
