"""Ourselves as others see us: by our own public name, through our own proxy, with our own signature."""

import asyncio
import hashlib
import logging
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from aiohttp import web
from multidict import CIMultiDictProxy

from federation import signatures
from federation.addresses import is_public_address
from federation.budget import Budget
from federation.client import Client
from federation.documents import Document
from federation.errors import FederationError
from federation.keys import PublicKey
from federation.resolving import Answer, Resolver, SystemResolver
from node.fediverse.keys import Keyring
from node.node import Node
from storage import people, soundness
from storage.schema import Actor
from storage.work import Work

log = logging.getLogger(__name__)

LASTS = timedelta(seconds=60)  # a nonce
AS2 = "application/activity+json"
FORWARDED = ("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-For")


class NotReached(Exception):
    """We were not found where we should be; says why."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """What arrived here of a request that we sent to our own public name."""

    host: str
    remote: str
    forwarded: dict[str, list[str]]
    signature: str  # empty where it was ours; else what is wrong with it
    answered_at: datetime | None  # as the front says, in its Date header


@dataclass(frozen=True, slots=True)
class Certificate:
    """What our front shows, which the authorities of this machine trust, for our name."""

    until: datetime


class Outside:
    """The way to ourselves: the one client with its policy, which for this alone may dial our own name."""

    def __init__(
        self,
        node: Node,
        keyring: Keyring,
        client: Callable[[], Client],
        resolver: Resolver | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._node = node
        self._keyring = keyring
        self._client = client
        self._resolver = resolver
        self._tls = tls

    async def addresses(self) -> list[tuple[Answer, bool]]:
        """Where our name leads, and whether that is in the public internet; raises OSError."""
        resolver = self._resolver or SystemResolver()
        try:
            found = await resolver.resolve(self._host, self._port)
        finally:
            if isinstance(resolver, SystemResolver):
                resolver.close()
        return [(answer, is_public_address(answer.claimed_ip)) for answer in found]

    async def certificate(self) -> Certificate:
        """What our front shows to whoever asks for our name; raises OSError, ssl.SSLError among them."""
        addresses = await self.addresses()
        if not addresses or not all(public for _, public in addresses):
            raise NotReached("the name leads to no public address")
        answer = addresses[0][0]
        _, writer = await asyncio.open_connection(
            answer.dial_ip,
            answer.dial_port,
            ssl=self._tls or ssl.create_default_context(),
            server_hostname=self._host,
        )
        shown = writer.get_extra_info("ssl_object").getpeercert()
        writer.transport.abort()  # nothing is asked over it
        return Certificate(datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC))

    async def look_into_mirror(self) -> Reflection:
        """Sends a signed request to our own name, and says what arrived."""
        nonce = secrets.token_urlsafe(24)
        await self._node.storage.write(soundness.leave_nonce, _hashed(nonce), LASTS)
        said, headers = await self._fetch(f"/.well-known/folkmoot/{nonce}", accept="activity")
        return Reflection(
            host=str(said.get("host", "")),
            remote=str(said.get("remote", "")),
            forwarded={name: [str(it) for it in said.get(name, [])] for name in FORWARDED},
            signature=str(said.get("signature", "the answer is not ours")),
            answered_at=_date(headers),
        )

    async def actor(self) -> Document:
        """Our own actor, as a server gets it that follows us."""
        return (await self._fetch("/actor", accept="activity"))[0]

    async def webfinger(self, name: str) -> str:
        """The actor that WebFinger names for one of our handles."""
        async with self._client() as client:
            try:
                return (await client.finger(f"{name}@{self._node.settings.authority}", Budget()))[0]
            except FederationError as error:
                raise NotReached(str(error)) from error

    async def nodeinfo(self) -> tuple[str, str]:
        """The software that NodeInfo names at our address, and its version."""
        async with self._client() as client:
            try:
                return await client.nodeinfo(self._node.settings.authority, Budget())
            except FederationError as error:
                raise NotReached(str(error)) from error

    async def clock_of(self, host: str) -> datetime | None:
        """What time it is at another server."""
        async with self._client() as client:
            try:
                found = await client.fetch(f"https://{host}/.well-known/nodeinfo", Budget(), accept="json", patience=3)
            except FederationError as error:
                log.debug("the clock of %s could not be read: %s", host, error)
                return None
        return _date(found.headers)

    async def reflect(self, request: web.Request) -> web.Response:
        """What arrived of a request, for the one who holds the nonce; for all others nothing is here."""
        nonce = request.match_info["nonce"]
        storage, hashed = self._node.storage, _hashed(nonce)
        # Read first: a stranger who guesses has nothing written.
        if not await storage.read(soundness.take_nonce, hashed) or not await storage.write(
            soundness.take_nonce, hashed
        ):
            raise web.HTTPNotFound
        said: dict[str, object] = {
            "host": request.headers.get("Host", ""),
            "remote": request.remote or "",
            "signature": await self._wrong_with_signature(request),
            **{name: request.headers.getall(name, []) for name in FORWARDED},
        }
        return web.json_response(said, content_type=AS2, headers={"Cache-Control": "no-store"})

    async def _wrong_with_signature(self, request: web.Request) -> str:
        settings = self._node.settings
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        asked = signatures.Request(request.method, request.raw_path, headers, b"", settings.authority, settings.scheme)
        try:
            actor_id, uri = await self._node.storage.read(_own_actor)
            signer = await self._keyring.signer(actor_id)
            key = PublicKey.load(signer.key_id, uri, await self._keyring.public_pem(actor_id))
            signatures.verify(signatures.read_claim(asked, now=self._node.storage.now()), key)
        except FederationError as error:
            return str(error)
        return ""

    async def _fetch(self, path: str, *, accept: str) -> tuple[Document, "CIMultiDictProxy[str]"]:
        async with self._client() as client:
            try:
                found = await client.fetch(self._node.settings.origin + path, Budget(), accept=accept)
            except FederationError as error:
                raise NotReached(str(error)) from error
        return found.document, found.headers

    @property
    def _host(self) -> str:
        return urlsplit(self._node.settings.origin).hostname or ""

    @property
    def _port(self) -> int:
        parts = urlsplit(self._node.settings.origin)
        return parts.port or (443 if parts.scheme == "https" else 80)


def _own_actor(work: Work) -> tuple[int, str]:
    actor: Actor | None = people.by_uri(work, f"{work.origin}/actor")
    assert actor is not None, "every start has it there"
    return actor.id, actor.uri


def _hashed(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def _date(headers: "CIMultiDictProxy[str]") -> datetime | None:
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None
