"""Requests made and judged byte by byte: HTTP signatures by hand, with no code of the federation library.

A request starts honest and is bent from there: each method answers a changed copy, in the order an attacker would work.

    letter = Outgoing.make("POST", inbox, body).without("digest").sign_cavage(key, key_id).with_body(b"{}")
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ed25519.Ed25519PublicKey
Headers = tuple[tuple[str, str], ...]

ACTIVITY_JSON = "application/activity+json"


class BadSignature(Exception):
    """The reason why a request's signature is not what a strict server takes."""


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Outgoing:
    """A request about to be sent, exactly as it will go over the socket."""

    method: str
    url: str
    headers: Headers
    body: bytes = b""

    @classmethod
    def make(
        cls,
        method: str,
        url: str,
        body: bytes = b"",
        *,
        now: datetime | None = None,
        content_type: str = ACTIVITY_JSON,
        accept: str = ACTIVITY_JSON,
    ) -> Outgoing:
        """An honest request, not yet signed: Host and Date, and Digest and Content-Type where there is a body."""
        headers = [("Host", urlsplit(url).netloc), ("Date", http_date(now or datetime.now(UTC)))]
        if method == "POST":
            headers += [("Digest", digest_of(body)), ("Content-Type", content_type)]
        else:
            headers += [("Accept", accept)]
        return cls(method, url, tuple(headers), body)

    @property
    def target(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def value(self, name: str) -> str:
        """All values of a header as a signature covers them; raises KeyError where there is none."""
        return header_value(self.headers, name)

    def having(self, name: str, value: str) -> Outgoing:
        """With this header, and no other of its name."""
        return self.without(name).adding(name, value)

    def adding(self, name: str, value: str) -> Outgoing:
        """With one more header, beside any other of its name."""
        return replace(self, headers=(*self.headers, (name, value)))

    def without(self, name: str) -> Outgoing:
        return replace(self, headers=tuple(h for h in self.headers if h[0].lower() != name.lower()))

    def with_body(self, body: bytes) -> Outgoing:
        """With another body under the old headers."""
        return replace(self, body=body)

    def sent_to(self, url: str) -> Outgoing:
        """The same request at another address: what someone who replays it would send."""
        return replace(self, url=url)

    def sign_cavage(
        self,
        key: PrivateKey,
        key_id: str,
        *,
        covered: Sequence[str] | None = None,
        algorithm: str | None = "rsa-sha256",
        hash_with: HashAlgorithm | None = None,
        created: int | None = None,
        expires: int | None = None,
        text: str | None = None,
        signature: bytes | None = None,
        parameters: str = "",
    ) -> Outgoing:
        """Signed as draft-cavage-http-signatures-12 says; `text` and `signature` replace what would be made."""
        if covered is None:
            covered = [
                "(request-target)",
                "host",
                "date",
                *(["digest", "content-type"] if self.method == "POST" else []),
            ]
        special = {
            "(request-target)": f"{self.method.lower()} {self.target}",
            "(created)": str(created),
            "(expires)": str(expires),
        }
        lines = [
            f"{name}: {special[name] if name in special else self.value(name)}" for name in map(str.lower, covered)
        ]
        made = signature or sign_bytes(key, (text or "\n".join(lines)).encode(), hash_with)
        fields = [f'keyId="{key_id}"']
        fields += [f'algorithm="{algorithm}"'] if algorithm else []
        fields += [f"created={created}"] if created is not None else []
        fields += [f"expires={expires}"] if expires is not None else []
        fields += [f'headers="{" ".join(covered)}"', f'signature="{base64.b64encode(made).decode()}"']
        return self.adding("Signature", ",".join(fields) + parameters)

    def sign_rfc9421(
        self,
        key: PrivateKey,
        key_id: str,
        *,
        covered: Sequence[str] | None = None,
        algorithm: str | None = "rsa-v1_5-sha256",
        label: str = "sig1",
        now: datetime | None = None,
        created: int | None = None,
        expires: int | None = None,
        signature: bytes | None = None,
        parameters: str = "",
        target_uri: str | None = None,
    ) -> Outgoing:
        """Signed as RFC 9421 says, with a Content-Digest over the body as it now is unless one is there already."""
        request = self
        if self.method == "POST" and not self._has("content-digest"):
            request = self.adding("Content-Digest", content_digest_of(self.body))
        if covered is None:
            covered = ["@method", "@target-uri", *(["content-digest"] if self.method == "POST" else [])]
        created = int((now or datetime.now(UTC)).timestamp()) if created is None else created
        about = "(" + " ".join(f'"{name}"' for name in covered) + ")" + f";created={created}"
        about += f";expires={expires}" if expires is not None else ""
        about += f';keyid="{key_id}"' + (f';alg="{algorithm}"' if algorithm else "") + parameters
        base = rfc9421_base(
            covered, about, self.method, target_uri or f"{self.url.split('#')[0]}", self.target, request.headers
        )
        made = signature or sign_bytes(key, base.encode())
        return request.adding("Signature-Input", f"{label}={about}").adding(
            "Signature", f"{label}=:{base64.b64encode(made).decode()}:"
        )

    def raw(self) -> bytes:
        """The request's bytes; Content-Length is told truly unless a header already tells it."""
        headers = [*self.headers, ("Connection", "close")]
        if self.method == "POST" and not self._has("content-length") and not self._has("transfer-encoding"):
            headers.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body

    def _has(self, name: str) -> bool:
        return any(given.lower() == name for given, _ in self.headers)


@dataclass
class Letter:
    """A request that reached the scripted server."""

    method: str
    scheme: str
    host: str
    target: str
    headers: Headers
    body: bytes
    known_keys: dict[str, PublicKey] = field(repr=False)
    status: int | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.target}"

    def json(self) -> Any:
        return json.loads(self.body)

    def value(self, name: str) -> str | None:
        try:
            return header_value(self.headers, name)
        except KeyError:
            return None

    @property
    def scheme_used(self) -> str | None:
        """Which kind of signature it carries: 'cavage', 'rfc9421' or none."""
        return "rfc9421" if self.value("signature-input") else "cavage" if self.value("signature") else None

    @property
    def key_id(self) -> str | None:
        found = re.search(r'keyid="([^"]*)"', self.value("signature-input") or self.value("signature") or "", re.I)
        return found[1] if found else None

    @property
    def verified(self) -> bool:
        """Whether its signature is what a strict server takes; the server must have learnt the key before."""
        try:
            self.verify()
        except BadSignature:
            return False
        return True

    def verify(self) -> None:
        """Raises BadSignature with the reason why the signature would be refused."""
        if self.key_id not in self.known_keys:
            raise AssertionError(f"the scripted server has not learnt the key {self.key_id}: call learn_actor() first")
        key = self.known_keys[self.key_id]
        if self.scheme_used == "rfc9421":
            self._verify_rfc9421(key)
        else:
            self._verify_cavage(key)

    def _verify_cavage(self, key: PublicKey) -> None:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', self.value("signature") or ""))
        covered = given.get("headers", "date").split(" ")
        demand = {"(request-target)", "host", "date"} | ({"digest"} if self.method == "POST" else set())
        if not demand <= set(covered):
            raise BadSignature(f"does not cover {', '.join(sorted(demand - set(covered)))}")
        if self.method == "POST" and self.value("digest") != digest_of(self.body):
            raise BadSignature("the Digest is not that of the body")
        special = {
            "(request-target)": f"{self.method.lower()} {self.target}",
            "(created)": given.get("created", ""),
            "(expires)": given.get("expires", ""),
        }
        text = "\n".join(f"{name}: {special[name] if name in special else self.value(name)}" for name in covered)
        check_bytes(key, base64.b64decode(given["signature"]), text.encode())

    def _verify_rfc9421(self, key: PublicKey) -> None:
        label, _, about = (self.value("signature-input") or "").partition("=")
        covered = re.findall(r'"([^"]+)"', about[: about.index(")")])
        demand = {"@method", "@target-uri"} | ({"content-digest"} if self.method == "POST" else set())
        if not demand <= set(covered):
            raise BadSignature(f"does not cover {', '.join(sorted(demand - set(covered)))}")
        if self.method == "POST" and self.value("content-digest") != content_digest_of(self.body):
            raise BadSignature("the Content-Digest is not that of the body")
        signature = re.fullmatch(rf"{re.escape(label)}=:([^:]*):", self.value("signature") or "")
        if not signature:
            raise BadSignature(f"no signature is labelled {label}")
        base = rfc9421_base(covered, about, self.method, self.url, self.target, self.headers)
        check_bytes(key, base64.b64decode(signature[1]), base.encode())


def rfc9421_base(
    covered: Sequence[str], about: str, method: str, target_uri: str, target: str, headers: Headers
) -> str:
    """The text that is signed (RFC 9421, section 2.5)."""
    parts = urlsplit(target_uri)
    derived = {
        "@method": method,
        "@target-uri": target_uri,
        "@authority": parts.netloc,
        "@scheme": parts.scheme,
        "@request-target": target,
        "@path": parts.path or "/",
        "@query": f"?{parts.query}",
    }
    lines = [f'"{name}": {derived[name] if name in derived else header_value(headers, name)}' for name in covered]
    return "\n".join([*lines, f'"@signature-params": {about}'])


def header_value(headers: Headers, name: str) -> str:
    values = [value.strip() for given, value in headers if given.lower() == name.lower()]
    if not values:
        raise KeyError(name)
    return ", ".join(values)


def digest_of(body: bytes) -> str:
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def content_digest_of(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def sign_bytes(key: PrivateKey, text: bytes, hash_with: HashAlgorithm | None = None) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(text)
    return key.sign(text, padding.PKCS1v15(), hash_with or SHA256())


def check_bytes(key: PublicKey, signature: bytes, text: bytes) -> None:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, text)
        else:
            key.verify(signature, text, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        raise BadSignature("the signature is not of this key over this request") from None


async def send_raw(request: bytes, address: tuple[str, int], *, seconds: float = 30) -> Reply:
    """Write the bytes to a loopback socket and read the answer to its end."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(request)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
    if not answer:
        raise ConnectionResetError("the server closed the connection without an answer")
    return read_reply(answer, method=request.split(b" ", 1)[0].decode())


def read_reply(answer: bytes, *, method: str = "GET") -> Reply:
    response = http.client.HTTPResponse(_Bytes(answer), method=method)  # type: ignore[arg-type]
    response.begin()
    return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


class _Bytes:
    """What http.client takes for a socket."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._content)
