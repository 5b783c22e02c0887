"""Wires the node together; nothing else does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext

from aiohttp import web

from federation.client import Client
from federation.resolving import Resolver
from federation.signatures import Signer
from node import VERSION
from node.consequences import follow_up
from node.fediverse import receiving
from node.fediverse import routes as fediverse
from node.fediverse.documents import Documents
from node.fediverse.gate import Gate
from node.fediverse.hosts import Remembered
from node.fediverse.keys import Keyring, MakeKey, load_secret
from node.fediverse.network import Fediverse
from node.forum import people, text
from node.node import NODE, Node
from node.passwords import Passwords
from node.sealing import Sealing
from node.settings import Settings
from node.web import routes as web_routes
from node.worker import Worker
from storage import clock, limits
from storage import people as stored_people
from storage.schema import Fact
from storage.work import Storage, Work

SIGNING = 2  # threads; RSA lets go of the interpreter while it signs

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OtherOrigin(Exception):
    """The database belongs to a node of another address, and an address can never change."""


@dataclass(slots=True)
class Parts:
    """A node that runs: what app, worker and console take from it."""

    node: Node
    keyring: Keyring
    worker: Worker
    gate: Gate


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    resolver: Resolver | None = None,
    tls: SSLContext | None = None,
    now: clock.Clock = clock.now,
    migrate: bool | None = None,
    make_key: MakeKey | None = None,
) -> AsyncIterator[Parts]:
    """A node with its database, its way out and its worker, closed again at the end.

    The tables of SQLite are brought up to date; PostgreSQL's are when asked for, since others may be at work there.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    points = settings.points
    storage = Storage(settings.database, origin=settings.origin, on_event=follow_up, now=now, points=points)
    if storage.sqlite if migrate is None else migrate:
        storage.migrate()
    storage.start()
    passwords = Passwords()
    signing = ThreadPoolExecutor(SIGNING, thread_name_prefix="signing")
    secret = load_secret(settings)
    keyring = Keyring(storage, secret, make=make_key)
    try:
        actor_id = await storage.write(settle_in, settings.name, settings.language, settings.federation)

        async def own_signer() -> Signer:
            return await keyring.signer(actor_id)

        gate = Gate(storage)
        client = Client(
            own_signer,
            user_agent=f"Folkmoot/{VERSION} (+{settings.origin}/)",
            origin=settings.origin,
            clock=now,
            development=settings.development,
            dev_peers=settings.dev_peers,
            resolver=resolver,
            remembered=Remembered(storage),
            gate=gate,
            signing=signing,
            tls=tls,
        )
        async with client:
            node = Node(settings, storage, client, Sealing(secret), passwords)
            node.network = Fediverse(node)
            worker = Worker(node, keyring, partial(receiving.process, node))
            async with node.live.open():
                yield Parts(node, keyring, worker, gate)
    finally:
        storage.close()
        signing.shutdown()
        passwords.close()


def settle_in(work: Work, name: str, language: str, federation: str = limits.OPEN) -> int:
    """Has the node's own actor there, writes down whom it deals with, and refuses the database of another address."""
    origin = work.get(Fact, "origin")
    if origin is None:
        work.add(Fact(name="origin", value=work.origin))
    elif origin.value != work.origin:
        raise OtherOrigin(
            f"this database belongs to {origin.value}; a node's address can never change, for every server that "
            f"follows it knows it by that address"
        )
    actor = stored_people.by_uri(work, f"{work.origin}/actor")
    if actor is None:
        actor = people.make_node_actor(work, name)
    limits.set_mode(work, federation)
    # Both may be others since the last start, and mails ask for them.
    actor.display_name, actor.language = text.clean_name(name, 100), language
    return actor.id


async def name_no_versions(_request: web.Request, response: web.StreamResponse) -> None:
    """Says what answers, and not of which version: whoever looks for known holes is not helped (WEB-28)."""
    response.headers["Server"] = "Folkmoot"


def make_app(parts: Parts) -> web.Application:
    """Both doors on one application."""
    app = web.Application(middlewares=web_routes.middlewares(), client_max_size=fediverse.LARGEST_BODY)
    app[NODE] = parts.node
    app[fediverse.DOOR] = fediverse.Door(parts.node, Documents(parts.node, parts.keyring), parts.gate)
    app.add_routes(fediverse.routes())
    for path, page in web_routes.PAGES.items():
        app.router.add_get(path, negotiated(fediverse.show_document, page))
    app.add_routes(web_routes.routes(parts.node))
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(name_no_versions)
    return app


async def end_streams(app: web.Application) -> None:
    """Ends what would never end by itself, so that a stop need not wait for it."""
    app[NODE].live.close()


def negotiated(document: Page, page: Page) -> Page:
    """Answers servers with the document and browsers with the page of the same address."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await (document if fediverse.wants_document(request) else page)(request)
        response.headers.setdefault("Vary", "Accept")  # a page depends on more, and says so itself
        return response

    return answer
