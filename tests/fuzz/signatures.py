"""Signatures: whatever is done to a signed request, it counts only for what was signed."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federation.errors import Malformed, Unverified
from federation.signatures import PublicKey, Request, claimed_host, read_claim, verify
from tests.fuzz.reader import Reader
from tests.peers.wire import Outgoing

KEY = Ed25519PrivateKey.from_private_bytes(b"a key for nothing but the fuzzer")
KEY_ID = "https://peer.test/users/mira#main-key"
PUBLIC_KEY = PublicKey(KEY_ID, "https://peer.test/users/mira", KEY.public_key())
NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
BODY = b'{"type":"Follow","id":"https://peer.test/f/1","actor":"https://peer.test/users/mira","object":"https://node.test/g/a"}'


def requests() -> list[Outgoing]:
    """Honest requests of one key, as the servers of the field sign them."""
    post = Outgoing.make("POST", "https://node.test/inbox", BODY, now=NOW)
    get = Outgoing.make("GET", "https://node.test/g/garden?page=1", now=NOW)
    created = ["(request-target)", "host", "(created)", "(expires)", "digest"]
    return [
        post.sign_cavage(KEY, KEY_ID, algorithm="hs2019"),
        post.sign_cavage(KEY, KEY_ID, algorithm=None),
        post.sign_cavage(KEY, KEY_ID, algorithm="ed25519", covered=created, created=STAMP, expires=STAMP + 300),
        get.sign_cavage(KEY, KEY_ID, algorithm="hs2019"),
        post.sign_rfc9421(KEY, KEY_ID, algorithm="ed25519", now=NOW),
        post.sign_rfc9421(KEY, KEY_ID, algorithm=None, now=NOW, expires=STAMP + 300, parameters=';nonce="x";tag="y"'),
        get.sign_rfc9421(
            KEY, KEY_ID, algorithm=None, now=NOW, covered=["@method", "@target-uri", "@authority", "date"]
        ),
    ]


def seeds() -> list[bytes]:
    return [request.raw() for request in requests()]


def _signed() -> frozenset[tuple[str, str, bytes]]:
    return frozenset((each.method, each.target, each.body) for each in requests())


SIGNED = _signed()
# The path alone may be signed for what only reads, which nobody of these did.
TARGETS = frozenset(target for _, target, _ in SIGNED)


def read(data: bytes) -> None:
    """A request as its bytes say; raises where one that nobody signed is taken for signed."""
    request = _request(data)
    if request is None:
        return
    claimed_host(request.headers)
    try:
        claim = read_claim(request, now=NOW)
        again = read_claim(request, now=NOW)
    except (Unverified, Malformed):
        return
    assert claim == again, "read twice, it says two things"
    try:
        verify(claim, PUBLIC_KEY)
    except Unverified:
        return
    method = request.method.upper()
    assert method in ("GET", "POST"), f"nobody signed a {method}"
    assert request.raw_path in TARGETS, f"nobody signed {request.raw_path!r}"
    if method == "POST":
        assert (method, request.raw_path, request.body) in SIGNED, "another body than the one that was signed"
    host = [value for name, value in request.headers if name.lower() == "host"]
    assert [value.strip().lower() for value in host] == ["node.test"], host


def _request(data: bytes) -> Request | None:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    # Anything else the HTTP parser refuses before it comes here.
    if len(words) < 2 or not re.fullmatch(rb"[A-Za-z]{1,20}", words[0]):
        return None
    pairs = [line.partition(b":") for line in lines]
    headers = tuple((name.decode("latin-1"), value.decode("latin-1").strip(" \t")) for name, _, value in pairs)
    return Request(words[0].decode(), words[1].decode("latin-1"), headers, body, "node.test", "https")


READER = Reader(
    "signatures",
    read,
    seeds,
    words=(
        "Signature", "Signature-Input", "Digest", "Content-Digest", "Host", "Date", "keyId=", "algorithm=", "headers=",
        "signature=", "created=", "expires=", "hs2019", "rsa-sha256", "(request-target)", "(created)", "(expires)",
        "@method", "@target-uri", "@authority", "@query", "content-digest", ";keyid=", ";alg=", ";sf", ";bs", ";req",
        "sig1=", "SHA-256=", "sha-256=:", "node.test", "\r\n", "HEAD", "GET /inbox", "/g/garden",
    ),
)  # fmt: skip
