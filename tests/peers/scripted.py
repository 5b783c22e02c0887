"""A foreign fediverse of our own: one loopback server that plays any number of hosts and does exactly what it is told.

    async with ScriptedServer() as world:
        ana = world.actor("ana@mallory.test")
        note = ana.publish(ana.note("<p>Hello</p>"))
        reply = await ana.post(inbox, ana.create(note))

It answers by the Host header, so one server is mallory.test and victim.test at once; `LoopbackNet` sends clients to it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.equipment.certificates import authority
from tests.peers.wire import ACTIVITY_JSON, Letter, Outgoing, PublicKey, Reply, send_raw

Document = dict[str, Any]
Scheme = Literal["cavage", "rfc9421"]

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
MASTODON_CONTEXT = [
    "https://www.w3.org/ns/activitystreams",
    "https://w3id.org/security/v1",
    {"toot": "http://joinmastodon.org/ns#", "sensitive": "as:sensitive", "discoverable": "toot:discoverable"},
]


@cache
def rsa_key(owner: str) -> rsa.RSAPrivateKey:
    """A key that stays the same for its owner all through the test run, as making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Answer:
    """What to say to one request: a status and a body, held back while `hold` is not set."""

    status: int = 200
    body: bytes | Document | list[Any] = b""
    content_type: str | None = ACTIVITY_JSON
    headers: dict[str, str] = field(default_factory=dict)
    hold: asyncio.Event | None = None

    async def __call__(self, _request: web.BaseRequest) -> web.StreamResponse:
        if self.hold:
            await self.hold.wait()
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"Content-Type": self.content_type} if self.content_type else {}
        return web.Response(status=self.status, body=body, headers=headers | self.headers)


# An answer may also be any coroutine function of the request, for what Answer cannot say (endless or broken bodies).
Script = Answer | Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class ScriptedServer:
    """All the foreign hosts of one test; keeps every request it gets."""

    def __init__(self, *, scheme: str = "https", clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.scheme = scheme
        self.clock = clock
        self.requests: list[Letter] = []
        self.known_keys: dict[str, PublicKey] = {}
        self.routes: dict[str, tuple[str, int]] = {}  # authority of a node under test -> its loopback address
        self.port = self.tls_port = 0
        self._scripts: dict[tuple[str, str], list[Script]] = {}
        self._actors: dict[str, ScriptedActor] = {}
        self._numbers = itertools.count(113_000_000_000_001)
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._take, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=authority().server_context()).start()
        self.port, self.tls_port = (address[1] for address in self._runner.addresses)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # What it says

    def actor(self, handle: str, type: str = "Person", **extra: Any) -> ScriptedActor:
        """The actor `name@host`, made when first asked for, with its document and WebFinger served."""
        if handle not in self._actors:
            self._actors[handle] = ScriptedActor(self, handle, type, extra)
        return self._actors[handle]

    def serve(self, url: str, body: Document | bytes, *, status: int = 200, **how: Any) -> str:
        """Answer GET at the URL with this from now on. Answers the URL."""
        self.script("GET", url, Answer(status, body, **how))
        return url

    def gone(self, url: str) -> None:
        """Answer GET at the URL with a Tombstone and 410."""
        self.serve(url, {"@context": MASTODON_CONTEXT[0], "id": url, "type": "Tombstone"}, status=410)

    def redirect(self, url: str, to: str, status: int = 302) -> str:
        self.script("GET", url, Answer(status, b"", None, {"Location": to}))
        return url

    def nodeinfo(self, host: str, software: str, version: str) -> None:
        """Let the host say which software it runs."""
        base, schema = f"{self.scheme}://{host}", "http://nodeinfo.diaspora.software/ns/schema/2.0"
        links = {"links": [{"rel": schema, "href": f"{base}/nodeinfo/2.0"}]}
        self.serve(f"{base}/.well-known/nodeinfo", links, content_type="application/json")
        about = {"version": "2.0", "software": {"name": software, "version": version}, "protocols": ["activitypub"]}
        self.serve(f"{base}/nodeinfo/2.0", about, content_type="application/json")

    def script(self, method: str, url: str, *answers: Script) -> None:
        """Answer requests with these in turn; the last one goes on for ever."""
        self._scripts[method, url.split("://", 1)[-1]] = list(answers)

    # What it hears

    @property
    def letters(self) -> list[Letter]:
        """Every POST, in order of arrival."""
        return [request for request in self.requests if request.method == "POST"]

    @property
    def fetches(self) -> list[Letter]:
        """Every GET, in order of arrival."""
        return [request for request in self.requests if request.method == "GET"]

    def letters_to(self, url: str) -> list[Letter]:
        return [letter for letter in self.letters if letter.url == url]

    async def arrival(self, wanted: Callable[[Letter], bool] = lambda _: True, *, seconds: float = 30) -> Letter:
        """The first request so far, or the next one to come, that is wanted."""
        async with asyncio.timeout(seconds), self._arrived:
            while True:
                for request in self.requests:
                    if wanted(request):
                        return request
                await self._arrived.wait()

    def learn_key(self, key_id: str, pem: str) -> None:
        """Trust this public key in the judgement of letters."""
        self.known_keys[key_id] = serialization.load_pem_public_key(pem.encode())  # type: ignore[assignment]

    def learn_actor(self, document: Document) -> None:
        """Trust the key that this actor shows."""
        self.learn_key(document["publicKey"]["id"], document["publicKey"]["publicKeyPem"])

    async def send(self, request: Outgoing, *, address: tuple[str, int] | None = None) -> Reply:
        """Send to the node under test: the address of its authority in `routes`, else the one in the URL."""
        parts = urlsplit(request.url)
        there = address or self.routes.get(parts.netloc) or (parts.hostname or "", parts.port or 80)
        return await send_raw(request.raw(), there)

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
        letter = Letter(
            method=request.method,
            scheme="https" if request.secure else "http",
            host=request.headers.get("Host", ""),
            target=request.raw_path,
            headers=headers,
            body=await request.read(),
            known_keys=self.known_keys,
        )
        self.requests.append(letter)
        async with self._arrived:
            self._arrived.notify_all()
        scripts = self._scripts.get((letter.method, letter.host + letter.target), [])
        if not scripts:
            letter.status = 404
            return web.Response(status=404)
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        response = await script(request)
        letter.status = response.status
        return response

    def fresh(self) -> int:
        return next(self._numbers)


class ScriptedActor:
    """Somebody on a foreign host, with a key, an inbox that takes everything, and documents as Mastodon words them."""

    def __init__(self, server: ScriptedServer, handle: str, type: str, extra: Document) -> None:
        self.server = server
        self.name, self.host = handle.split("@")
        self.handle = handle
        self.base = f"{server.scheme}://{self.host}"
        self.uri = f"{self.base}/users/{self.name}"
        self.inbox, self.shared_inbox = f"{self.uri}/inbox", f"{self.base}/inbox"
        self.followers = f"{self.uri}/followers"
        self.key_id = f"{self.uri}#main-key"
        self.key = rsa_key(self.uri)
        self.document = self._describe(type, extra)
        server.known_keys[self.key_id] = self.key.public_key()
        self.publish(self.document)
        links = [{"rel": "self", "type": ACTIVITY_JSON, "href": self.uri}]
        jrd = {"subject": f"acct:{handle}", "aliases": [self.uri], "links": links}
        for resource in (f"acct:{handle}", f"acct%3A{self.name}%40{self.host}", f"acct:{self.name}%40{self.host}"):
            url = f"{self.base}/.well-known/webfinger?resource={resource}"
            server.serve(url, jrd, content_type="application/jrd+json")
        for inbox in (self.inbox, self.shared_inbox):
            server.script("POST", inbox, Answer(202))

    @property
    def pem(self) -> str:
        """The public key as its document shows it."""
        public = self.key.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return public.public_bytes(serialization.Encoding.PEM, form).decode()

    def _describe(self, type: str, extra: Document) -> Document:
        return {
            "@context": MASTODON_CONTEXT,
            "id": self.uri,
            "type": type,
            "preferredUsername": self.name,
            "name": self.name.title(),
            "summary": f"<p>{self.name} of {self.host}</p>",
            "url": f"{self.base}/@{self.name}",
            "inbox": self.inbox,
            "outbox": f"{self.uri}/outbox",
            "followers": self.followers,
            "following": f"{self.uri}/following",
            "endpoints": {"sharedInbox": self.shared_inbox},
            "manuallyApprovesFollowers": False,
            "discoverable": True,
            "published": "2024-03-01T00:00:00Z",
            "publicKey": {"id": self.key_id, "owner": self.uri, "publicKeyPem": self.pem},
        } | extra

    def publish(self, document: Document, **how: Any) -> Document:
        """Serve the document at its own id, as it is now. Answers the document."""
        self.server.serve(document["id"], dict(document), **how)
        return document

    def rotate_key(self, *, key_id: str | None = None) -> None:
        """Take a new key and show it in the actor's document."""
        self.key = rsa_key(f"{self.uri} {self.server.fresh()}")
        self.key_id = key_id or self.key_id
        self.document["publicKey"] = {"id": self.key_id, "owner": self.uri, "publicKeyPem": self.pem}
        self.server.known_keys[self.key_id] = self.key.public_key()
        self.publish(self.document)

    # Letters

    def letter(self, inbox: str, activity: Document | bytes) -> Outgoing:
        """An unsigned request that carries the activity."""
        body = activity if isinstance(activity, bytes) else json.dumps(activity).encode()
        return Outgoing.make("POST", inbox, body, now=self.server.clock())

    def signed(self, request: Outgoing, *, scheme: Scheme = "cavage", **knobs: Any) -> Outgoing:
        """The request with this actor's signature; `knobs` are those of Outgoing.sign_cavage and sign_rfc9421."""
        knobs = {"key": self.key, "key_id": self.key_id} | knobs
        if scheme == "cavage":
            return request.sign_cavage(**knobs)
        return request.sign_rfc9421(**{"now": self.server.clock()} | knobs)

    async def post(self, inbox: str, activity: Document | bytes, *, scheme: Scheme = "cavage", **knobs: Any) -> Reply:
        """Deliver the activity as an honest server would."""
        return await self.server.send(self.signed(self.letter(inbox, activity), scheme=scheme, **knobs))

    async def get(self, url: str, *, scheme: Scheme = "cavage", **knobs: Any) -> Reply:
        """Fetch the URL with a signature (authorized fetch)."""
        request = Outgoing.make("GET", url, now=self.server.clock())
        return await self.server.send(self.signed(request, scheme=scheme, **knobs))

    # Documents

    def note(self, content: str, *, to: list[str] | None = None, cc: list[str] | None = None, **extra: Any) -> Document:
        """A Note as Mastodon writes it, public unless told otherwise."""
        uri = f"{self.uri}/statuses/{self.server.fresh()}"
        return {
            "@context": MASTODON_CONTEXT,
            "id": uri,
            "type": "Note",
            "summary": None,
            "inReplyTo": None,
            "published": self._now(),
            "url": uri.replace("/users/", "/@").replace("/statuses/", "/"),
            "attributedTo": self.uri,
            "to": [PUBLIC] if to is None else to,
            "cc": [self.followers] if cc is None else cc,
            "sensitive": False,
            "content": content,
            "contentMap": {"en": content},
            "attachment": [],
            "tag": [],
        } | extra

    def vote(self, question: str, to: str, name: str) -> Document:
        """The Create that casts one vote in a poll."""
        note = self.note("", to=[to], cc=[])
        kept = {key: note[key] for key in ("@context", "id", "attributedTo", "to", "cc")}
        return self.create(kept | {"type": "Note", "name": name, "inReplyTo": question})

    def activity(self, type: str, object: str | Document, **extra: Any) -> Document:
        """Any activity of this actor, with an id of its own on its host."""
        return {
            "@context": MASTODON_CONTEXT,
            "id": f"{self.uri}#{type.lower()}s/{self.server.fresh()}",
            "type": type,
            "actor": self.uri,
            "object": object,
        } | extra

    def create(self, object: Document, **extra: Any) -> Document:
        return self.activity("Create", object, **self._addressed(object, id=f"{object['id']}/activity") | extra)

    def update(self, object: Document, **extra: Any) -> Document:
        return self.activity("Update", object, **self._addressed(object) | extra)

    def delete(self, uri: str, **extra: Any) -> Document:
        tombstone = {"id": uri, "type": "Tombstone"} if uri != self.uri else uri
        return self.activity("Delete", tombstone, **{"to": [PUBLIC]} | extra)

    def announce(self, object: str | Document, **extra: Any) -> Document:
        public = {"to": [PUBLIC], "cc": [self.followers], "published": self._now()}
        uri = f"{self.uri}/statuses/{self.server.fresh()}/activity"
        return self.activity("Announce", object, **{"id": uri} | public | extra)

    def like(self, uri: str, **extra: Any) -> Document:
        return self.activity("Like", uri, **extra)

    def follow(self, uri: str, **extra: Any) -> Document:
        return self.activity("Follow", uri, **{"id": f"{self.base}/{self.server.fresh()}"} | extra)

    def undo(self, activity: Document, **extra: Any) -> Document:
        inner = {key: value for key, value in activity.items() if key != "@context"}
        return self.activity("Undo", inner, **extra)

    def accept(self, follow: str | Document, **extra: Any) -> Document:
        return self.activity("Accept", follow, **extra)

    def reject(self, follow: str | Document, **extra: Any) -> Document:
        return self.activity("Reject", follow, **extra)

    def _addressed(self, object: Document, **extra: Any) -> Document:
        return {"published": self._now(), "to": object.get("to", []), "cc": object.get("cc", [])} | extra

    def _now(self) -> str:
        return self.server.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
