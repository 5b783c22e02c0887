"""The stage of an attack: a node of ours with people and groups, honest neighbours, and a new evil host each time."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import delete, select

from federation.resolving import Answer as Resolved
from node.forum import people
from storage import people as stored_people
from storage.schema import Actor, Follow
from storage.work import Work
from tests.attack.corpus import Entry, Filler, counter
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot, raise_node
from tests.peers.scripted import Answer, Document, Script, ScriptedServer, rsa_key
from tests.peers.wire import ACTIVITY_JSON, Outgoing, Reply, http_date, send_raw

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AS_CONTEXT = "https://www.w3.org/ns/activitystreams"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


class Clock(Protocol):
    """A clock that stands still until it is moved."""

    def __call__(self) -> datetime: ...

    def forward(self, **by: float) -> None: ...


class World(ScriptedServer):
    """All foreign hosts; `otherwise` answers what nobody wrote a script for, host by host."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.otherwise: dict[str, Script] = {}

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.headers.get("Host", "")
        home = next((name for name in self.otherwise if host == name or host.endswith(f".{name}")), None)
        key = (request.method, host + request.raw_path)
        if home and request.method == "GET" and key not in self._scripts:
            self._scripts[key] = [self.otherwise[home]]
        return await super()._take(request)


class Net(LoopbackNet):
    """Also finds every host below a known one, and hosts whose name servers lie."""

    def __init__(self) -> None:
        super().__init__()
        self.lies: dict[str, list[list[str]]] = {}  # host -> what each look-up says; the last one stays

    async def resolve(self, host: str, port: int) -> list[Resolved]:
        lies = self.lies.get(host)
        if lies is not None:
            self.asked.append((host, port))
            said = lies.pop(0) if len(lies) > 1 else lies[0]
            return [Resolved(claimed_ip=ip, dial_ip=ip, dial_port=port) for ip in said]
        if host not in self._claims:
            parent = next((name for name in self._claims if host.endswith(f".{name}")), None)
            if parent is not None:
                self.add(host, self._sites[parent])
        return await super().resolve(host, port)


class Dials:
    """Every TCP connection of this process; those that lead elsewhere than to our own loopback ports are refused."""

    def __init__(self) -> None:
        self.ports: set[int] = set()
        self.strayed: list[tuple[Any, ...]] = []
        loop = asyncio.get_running_loop()
        connect = loop.sock_connect

        async def watched(sock: Any, address: Any) -> None:
            if isinstance(address, tuple) and not (address[0] == "127.0.0.1" and address[1] in self.ports):
                self.strayed.append(address)
                raise ConnectionRefusedError(address)
            await connect(sock, address)

        loop.sock_connect = watched  # type: ignore[method-assign]


class Faults(logging.Handler):
    """What was logged as a fault, and what of a peer's got into the log unescaped."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # aiohttp logs a traceback for whatever is not HTTP; the console leaves that out.
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, BadHttpMessage):
            return
        if record.exc_info or record.levelno >= logging.ERROR:
            trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            self.found.append(f"{record.getMessage()}\n{trace}")


@dataclass(frozen=True)
class Sender:
    """Somebody on a foreign host, with a key."""

    uri: str
    key: rsa.RSAPrivateKey

    @property
    def key_id(self) -> str:
        return f"{self.uri}#main-key"

    @property
    def inbox(self) -> str:
        return f"{self.uri}/inbox"

    @property
    def pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def document(self, type: str = "Person", **more: Any) -> Document:
        """The actor as its host shows it."""
        return {
            "@context": [AS_CONTEXT, "https://w3id.org/security/v1"],
            "id": self.uri,
            "type": type,
            "preferredUsername": self.uri.rpartition("/")[2],
            "inbox": self.inbox,
            "outbox": f"{self.uri}/outbox",
            "followers": f"{self.uri}/followers",
            "publicKey": {"id": self.key_id, "owner": self.uri, "publicKeyPem": self.pem},
        } | more

    def does(self, type: str, object: Any, **more: Any) -> Document:
        """An activity; `id` is to be given where it matters."""
        return {"@context": AS_CONTEXT, "type": type, "actor": self.uri, "object": object, "to": [PUBLIC]} | more

    def note(self, name: str, content: str, answered: str, /, **more: Any) -> Document:
        """A public reply that lives at `/n/<name>` on the sender's host."""
        return {
            "id": f"{self.uri.partition('/u/')[0].partition('/c/')[0]}/n/{name}",
            "type": "Note",
            "attributedTo": self.uri,
            "inReplyTo": answered,
            "to": [PUBLIC],
            "cc": [],
            "content": content,
        } | more

    def says(self, note: Document) -> Document:
        return self.does("Create", note, id=f"{note['id']}/create", to=note["to"], cc=note["cc"])


@dataclass
class Play:
    """One entry on the stage, and what is to be seen of it."""

    entry: Entry
    fill: Filler
    evil: str
    post: str  # the opening that is answered
    mallory: Sender
    carol: Sender
    mallory2: Sender
    group: Sender
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    fetches: int = 0
    cpu_ms: float = 0.0
    uniq: str = ""

    @property
    def origin(self) -> str:
        return f"https://{self.evil}"


class Stage:
    """The node and all its neighbours."""

    def __init__(self, moot: Moot, net: Net, world: World, dials: Dials, faults: Faults, clock: Clock) -> None:
        self.moot, self.net, self.world, self.dials, self.faults, self.clock = moot, net, world, dials, faults, clock
        self._numbers = itertools.count(1)
        key = rsa_key("alice of victim.test")
        self.alice = Sender("https://victim.test/u/alice", key)
        self.guild = Sender("https://victim.test/c/group", key)
        self.hana = Sender("https://honest.test/u/hana", rsa_key("hana of honest.test"))
        self._mallory_key = rsa_key("mallory")
        self._carol_key = rsa_key("carol")
        self.at: dict[str, str] = {}

    async def set_up(self) -> None:
        """People, groups, and what honest servers have done here before."""
        moot, at = self.moot, self.at
        for host in ("victim.test", "honest.test"):
            self.net.add(host, self.world)
            self.world.nodeinfo(host, "mastodon", "4.5.0")
        self.show(self.alice, endpoints={"sharedInbox": "https://victim.test/inbox"})
        self.show(self.hana)
        self.show(self.guild, type="Group")
        self.world.script("POST", "https://victim.test/inbox", Answer(202))
        at["bob"] = await moot.person("bob")
        await moot.person("dora")
        await moot.person("gone")
        await moot.storage.write(lambda work: people.erase_actor(work, _named(work, "gone")))
        at["group"] = await moot.group("commons", "bob", "dora", title="Commons")
        at["secret"] = await moot.group("hidden", "bob", privacy="secret")
        at["base"] = await moot.start("bob", "commons", "Base")
        at["probe"] = await moot.start("bob", "commons", "Probe")
        at["private_post"] = await moot.start("bob", "hidden", "Nobody else reads this", "KEPT SECRET")
        known = self.alice.note("known", "<p>known</p>", at["base"], cc=[at["bob"]])
        gone = self.alice.note("deleted", "<p>soon deleted</p>", at["base"], cc=[at["bob"]])
        self.world.serve(known["id"], {"@context": AS_CONTEXT} | known)
        for sender, activity in (
            (self.hana, self.hana.does("Follow", at["group"], id="https://honest.test/follow/1")),
            (self.alice, self.alice.does("Follow", at["bob"], id="https://victim.test/follow/1")),
            (self.alice, self.alice.says(known)),
            (self.alice, self.alice.says(gone)),
            (self.alice, self.alice.does("Delete", gone["id"], id="https://victim.test/delete/1")),
            (self.alice, self.alice.does("Like", at["base"], id="https://victim.test/like/1")),
            (self.guild, self.guild.does("Announce", at["base"], id="https://victim.test/announce/1")),
        ):
            await self.deliver(sender, activity)
            await moot.settle()
        at["follow"] = await moot.storage.write(self._follow_alice)
        await moot.settle()
        follow = {"id": at["follow"], "type": "Follow", "actor": at["bob"], "object": self.alice.uri}
        await self.deliver(self.alice, self.alice.does("Accept", follow, id="https://victim.test/accept/1"))
        await moot.settle()

    def _follow_alice(self, work: Work) -> str:
        alice = stored_people.by_uri(work, self.alice.uri)
        assert alice is not None
        follow = people.follow(work, _named(work, "bob"), alice)
        work.flush()
        return follow.uri or ""

    def show(self, sender: Sender, **more: Any) -> None:
        """Serve the sender's actor document, and let its inbox take everything."""
        document = sender.document(**more)
        self.world.serve(sender.uri, document)
        self.world.learn_actor(document)
        self.world.script("POST", sender.inbox, Answer(202))

    async def begin(self, entry: Entry) -> Play:
        """A new host for the entry's villains, who are known here already, and a new thread to answer in."""
        number = next(self._numbers)
        evil = f"evil-{number}.test"
        self.net.add(evil, self.world)
        base = f"https://{evil}"
        mallory = Sender(f"{base}/u/mallory", self._mallory_key)
        mallory2 = Sender(f"{base}/u/mallory2", self._carol_key)
        carol = Sender(f"{base}/u/carol", self._carol_key)
        group = Sender(f"{base}/c/group", self._mallory_key)
        self.world.nodeinfo(evil, "mastodon", "4.5.0")
        for sender in (mallory, mallory2, carol):
            self.show(sender)
        self.show(group, type="Group")
        post = self.at["base"]  # where alice was before
        if not entry.says("{{victim}}") or entry.target == "actor":
            post = await self.moot.start("bob", "commons", f"Play {number}")
        now = self.clock()
        fill = Filler(
            {
                "node": self.moot.origin,
                "evil": base,
                "victim": "https://victim.test",
                "local_actor": self.at["bob"],
                "local_name": "bob",
                "local_post": post,
                "local_group": self.at["group"],
                "private_group": self.at["secret"],
                "private_group_name": "hidden",
                "private_post": self.at["private_post"],
                "deleted_name": "gone",
                "local_follow_to_alice": self.at["follow"],
                "mallory_pem": self.pem_for(entry, mallory),
                "uniq": f"u{number}",
                "now": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "now_s": int(now.timestamp()),
                "rand": counter("r"),
            },
            {"evil.test": evil, "rebind.test": f"rebind-{number}.test"},
            many=int(found[0]) if (found := re.search(r"\d{3,}", entry.description)) else 1000,
        )
        play = Play(entry, fill, evil, post, mallory, carol, mallory2, group, uniq=f"u{number}")
        return play

    def pem_for(self, entry: Entry, sender: Sender) -> str:
        """The sender's key as text, or as it stands within JSON where the entry is JSON in a string."""
        return json.dumps(sender.pem)[1:-1] if "raw" in entry.payload else sender.pem

    async def introduce(self, play: Play) -> None:
        """Let the node hear of mallory once in an honest way, so that keys and NodeInfo are asked for before."""
        await self.deliver(play.mallory, play.mallory.does("Like", self.at["probe"], id=f"{play.origin}/like/0"))
        await self.moot.settle()

    async def clean_up(self) -> None:
        """Let nobody of an evil host follow us any longer: each would get all that is said in later plays."""
        await self.moot.storage.write(_unfollow, "evil-")

    # -------------------------------------------------------------- over the wire

    def letter(self, body: Document | bytes, inbox: str = "/inbox", *, content_type: str = ACTIVITY_JSON) -> Outgoing:
        """An unsigned POST to one of our inboxes."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Outgoing.make("POST", self.moot.origin + inbox, raw, now=self.clock(), content_type=content_type)

    async def post(self, sender: Sender, body: Document | bytes, inbox: str = "/inbox", **how: Any) -> Reply:
        """Deliver honestly."""
        return await self.send(self.letter(body, inbox, **how).sign_cavage(sender.key, sender.key_id))

    async def deliver(self, sender: Sender, body: Document) -> None:
        """Deliver honestly until it is taken: on a busy machine the first key may not come in time."""
        for _ in range(5):
            reply = await self.post(sender, body)
            if reply.status != 503:
                break
            self.clock.forward(minutes=10)
        assert reply.status == 202, (body, reply)

    async def send(self, request: Outgoing) -> Reply:
        return await self.send_bytes(request.raw())

    async def send_bytes(self, request: bytes) -> Reply:
        return await send_raw(request, ("127.0.0.1", self.moot.site.port))

    async def attack(self, play: Play, request: Outgoing | bytes) -> Reply | None:
        """Send what an entry is made of and keep what came back; None where the server just hung up."""
        raw = request.raw() if isinstance(request, Outgoing) else request
        try:
            reply = await self.send_bytes(raw)
        except (ConnectionError, asyncio.IncompleteReadError):
            play.statuses.append(400)  # hanging up on what is not HTTP is a refusal
            return None
        play.statuses.append(reply.status)
        play.bodies.append(reply.body)
        return reply

    def date(self) -> str:
        return http_date(self.clock())


def _unfollow(work: Work, hosts: str) -> None:
    theirs = select(Actor.id).where(Actor.host.contains(hosts))
    work.execute(delete(Follow).where(Follow.follower_id.in_(theirs)))


def _named(work: Work, name: str) -> Any:
    actor = stored_people.by_name(work, name)
    assert actor is not None
    return actor


@asynccontextmanager
async def staged(database_url: str, data: Path, clock: Clock) -> AsyncIterator[Stage]:
    """A stage that is set up, on the database given."""
    dials = Dials()
    net = Net()
    faults = Faults()
    root = logging.getLogger()
    level = root.level
    root.addHandler(faults)
    root.setLevel(logging.INFO)
    try:
        async with AsyncExitStack() as stack:
            world = await stack.enter_async_context(World(clock=clock))
            moot = await raise_node(stack, "node.test", database_url, data, net, world, clock)
            dials.ports |= {world.port, world.tls_port, moot.site.port, moot.site.tls_port}
            stage = Stage(moot, net, world, dials, faults, clock)
            await stage.set_up()
            yield stage
    finally:
        root.removeHandler(faults)
        root.setLevel(level)
