"""Servers on loopback that a client finds under public names and addresses: the address policy stays as it is."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from federation.budget import Budget
from federation.client import Client
from federation.resolving import Answer
from federation.signatures import Signer

PUBLIC_IP = "93.184.215.14"
AS2 = "application/activity+json"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Names:
    """The DNS of the tests: what each name answers, in turn; the last answer stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[Answer]]] = {}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> list[Answer]:
        self.asked.append(host)
        turns = self.answers.get(host)
        if not turns:
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        return turns.pop(0) if len(turns) > 1 else turns[0]


class Peer:
    """One server on loopback, what it was asked, and what it answers where."""

    def __init__(self, name: str, scheme: str) -> None:
        self.name = name
        self.url = f"{scheme}://{name}"
        self.port = 0
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.connections: set[Any] = set()
        self.answers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}

    def serve(self, path: str, document: Any, content_type: str | None = AS2, status: int = 200, **headers: str) -> str:
        """Answer `path` with a document (or bytes); the URL of it."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            given["Content-Type"] = content_type

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=status, body=body, headers=given)

        self.answers[path] = answer
        return self.url + path

    def note(self, path: str, **fields: Any) -> str:
        """Answer `path` with a note of that id."""
        return self.serve(path, {"id": self.url + path, "type": "Note", **fields})

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        return self.serve(path, b"", None, status, Location=target)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.connections.add(request.transport)
        self.bodies.append(await request.read())
        answer = self.answers.get(request.path)
        return await answer(request) if answer else web.Response(status=404, text="secret words of a stranger")

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class World:
    """All servers of a test."""

    def __init__(self) -> None:
        self.names = Names()
        self._closing: list[Callable[[], Awaitable[None]]] = []

    async def peer(self, name: str, *, tls: ssl.SSLContext | None = None) -> Peer:
        peer = Peer(name, "https" if tls else "http")
        runner = web.ServerRunner(web.Server(peer.handle), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self._closing.append(runner.cleanup)
        peer.port = runner.addresses[0][1]
        self.name(name, peer.port)
        return peer

    async def raw(
        self, name: str, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> str:
        """A server that speaks for itself after it has read the head of a request; its URL."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                await talk(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)

        async def close() -> None:
            server.close()

        self._closing.append(close)
        self.name(name, server.sockets[0].getsockname()[1])
        return f"http://{name}"

    def name(self, name: str, port: int, *claimed: str) -> None:
        """What `name` answers from now on: the claimed addresses, each dialled on loopback at `port`."""
        self.names.answers[name] = [[Answer(ip, "127.0.0.1", port) for ip in claimed or (PUBLIC_IP,)]]

    async def close(self) -> None:
        for close in reversed(self._closing):
            await close()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Remembered:
    """A memory of failures, as the node keeps it in its database."""

    def __init__(self, clock: Clock) -> None:
        self.kept: dict[str, tuple[datetime, str]] = {}
        self._clock = clock

    async def get(self, url: str) -> str | None:
        until, why = self.kept.get(url, (self._clock.now, ""))
        return why if until > self._clock.now else None

    async def put(self, url: str, until: datetime, why: str) -> None:
        self.kept[url] = (until, why)


class Authority:
    """A certificate authority of the tests, and the certificates that it signs."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.certificate = self._sign("Test authority", self.key.public_key(), None, NOW_REAL + timedelta(days=1))
        self.trusting = ssl.create_default_context(
            cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        )

    def server(self, folder: Any, name: str, *, self_signed: bool = False, expired: bool = False) -> ssl.SSLContext:
        key = rsa.generate_private_key(65537, 2048)
        until = NOW_REAL + (timedelta(days=-1) if expired else timedelta(days=1))
        certificate = self._sign(name, key.public_key(), name, until, key if self_signed else self.key)
        pem = folder / f"{name}-{self_signed}-{expired}.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def _sign(
        self,
        subject: str,
        key: rsa.RSAPublicKey,
        host: str | None,
        until: datetime,
        by: rsa.RSAPrivateKey | None = None,
    ) -> x509.Certificate:
        own = host is not None and by is not None and by is not self.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject if own or not host else "Test authority")])
            )
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW_REAL - timedelta(days=2))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key((by or self.key).public_key()), critical=False
            )
        )
        if host is None:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(by or self.key, hashes.SHA256())


# TLS looks at the clock on the wall, not at the one that the tests hold.
NOW_REAL = datetime.now(UTC)


@pytest.fixture(scope="session")
def node_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def signer(node_key: rsa.RSAPrivateKey) -> Signer:
    return Signer("https://moot.test/actor#main-key", node_key)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def remembered(clock: Clock) -> Remembered:
    return Remembered(clock)


@pytest.fixture
def budget() -> Budget:
    return Budget()


@pytest.fixture(scope="session")
def certificates() -> Authority:
    return Authority()


@pytest.fixture
async def open_client(
    world: World, signer: Signer, clock: Clock, remembered: Remembered
) -> AsyncIterator[Callable[..., Awaitable[Client]]]:
    """Opens clients of a node in development at moot.test; what is given by name is set otherwise."""
    opened: list[Client] = []

    async def node_signer() -> Signer:
        return signer

    async def open(**settings: Any) -> Client:
        given: dict[str, Any] = {
            "user_agent": "Folkmoot/0.1.0 (+https://moot.test)",
            "origin": "https://moot.test",
            "clock": clock,
            "development": True,
            "resolver": world.names,
            "remembered": remembered,
        }
        client = Client(node_signer, **{**given, **settings})
        await client.start()
        opened.append(client)
        return client

    yield open
    for client in opened:
        await client.close()


@pytest.fixture
async def client(open_client: Callable[..., Awaitable[Client]]) -> Client:
    return await open_client()


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every address that any socket of the process connects to."""
    seen: list[Any] = []
    connect = socket.socket.connect

    def recording(self: socket.socket, address: Any) -> None:
        seen.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", recording)
    yield seen
