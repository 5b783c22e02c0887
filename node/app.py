"""Wires the node together; nothing else does."""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from ssl import SSLContext
from typing import TYPE_CHECKING, TypeVar

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

from federation.client import Client
from federation.resolving import Resolver
from federation.signatures import Signer
from node import VERSION, health
from node.consequences import follow_up
from node.fediverse import receiving
from node.fediverse import routes as fediverse
from node.fediverse.documents import Documents
from node.fediverse.gate import Gate
from node.fediverse.hosts import Remembered
from node.fediverse.keys import Keyring, MakeKey, load_secret
from node.fediverse.network import Fediverse
from node.fediverse.ourselves import Outside
from node.forum import people, text
from node.node import NODE, Node
from node.passwords import Passwords
from node.sealing import Sealing
from node.settings import Settings, SettingsError
from node.web import routes as web_routes
from node.worker import Worker
from storage import clock, errors, failpoints, limits
from storage import people as stored_people
from storage.schema import Fact
from storage.work import Storage, StorageUnavailable, Work

if TYPE_CHECKING:
    from node.metrics import Metrics

log = logging.getLogger(__name__)

R = TypeVar("R")

SIGNING = 2  # threads; RSA lets go of the interpreter while it signs
TRIES = 6  # of a start while another process holds the database; each waits as long as a transaction does
BETWEEN = 1.0  # seconds

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
    outside: Outside
    metrics: "Metrics | None" = None  # counted only where somebody may ask


@asynccontextmanager
async def opened(
    settings: Settings,
    *,
    resolver: Resolver | None = None,
    tls: SSLContext | None = None,
    now: clock.Clock = clock.now,
    migrate: bool | None = None,
    make_key: MakeKey | None = None,
    passwords: Passwords | None = None,
    patience: float | None = None,
) -> AsyncIterator[Parts]:
    """A node with its database, its way out and its worker, closed again at the end.

    The tables of SQLite are brought up to date; PostgreSQL's are when asked for, since others may be at work there.
    `patience`: seconds for one question to the database; None for commands, which may ask for long.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    try:
        points = failpoints.parse(settings.failpoint)
    except ValueError as error:
        raise SettingsError(f"failpoint: {error}") from None
    storage = Storage(
        settings.database, origin=settings.origin, on_event=follow_up, now=now, points=points, patience=patience
    )
    try:
        if storage.sqlite if migrate is None else migrate:
            await _patiently(lambda: asyncio.to_thread(storage.migrate))
        storage.start()
        actor_id = await _patiently(lambda: _settled(storage, settings))
    except BaseException:
        storage.close()
        raise
    passwords = passwords or Passwords()
    signing = ThreadPoolExecutor(SIGNING, thread_name_prefix="signing")
    secret = load_secret(settings)
    keyring = Keyring(storage, secret, make=make_key)
    try:

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

        def to_ourselves() -> Client:
            # The same way out, for a look at ourselves: our own name is nobody's here, and nothing is remembered.
            return Client(
                own_signer,
                user_agent=f"Folkmoot/{VERSION} (+{settings.origin}/)",
                origin="https://nobody.invalid",
                clock=now,
                development=settings.development,
                dev_peers=settings.dev_peers | {settings.authority},
                resolver=resolver,
                tls=tls,
            )

        async with client:
            node = Node(settings, storage, client, Sealing(secret), passwords)
            node.network = Fediverse(node)
            worker = Worker(node, keyring, partial(receiving.process, node))
            metrics = _metrics(node)
            outside = Outside(node, keyring, to_ourselves, resolver, tls)
            async with node.live.open(), metrics.open() if metrics is not None else nullcontext():
                yield Parts(node, keyring, worker, gate, outside, metrics)
    finally:
        storage.close()
        signing.shutdown()
        passwords.close()


def _metrics(node: Node) -> "Metrics | None":
    """What counts, where the settings want it; read only then."""
    if not (node.settings.metrics_listen or node.settings.metrics_token):
        return None
    made: Metrics = importlib.import_module("node.metrics").Metrics(node)
    return made


async def _patiently(what: Callable[[], Awaitable[R]]) -> R:
    """Does what a start needs once the database lets us: a process that ends, or a long change, may hold it."""
    for attempt in range(1, TRIES):
        try:
            return await what()
        except (StorageUnavailable, *errors.CANNOT_OPEN) as error:
            if "locked" not in errors.in_a_line(error):
                raise
            log.warning("another process holds the database; trying again (%d of %d)", attempt, TRIES - 1)
            await asyncio.sleep(BETWEEN)
    return await what()


async def _settled(storage: Storage, settings: Settings) -> int:
    """The node's own actor; most starts find everything as it should be, and need not wait for whoever writes."""
    chosen = (settings.name, settings.language, settings.federation)
    actor_id = await storage.read(find_settled, *chosen)
    return actor_id if actor_id is not None else await storage.write(settle_in, *chosen)


def find_settled(work: Work, name: str, language: str, federation: str = limits.OPEN) -> int | None:
    """The id of the node's own actor, if nothing is left for `settle_in` to do."""
    origin = work.get(Fact, "origin")
    actor = stored_people.by_uri(work, f"{work.origin}/actor")
    if origin is None or origin.value != work.origin or actor is None:
        return None
    if limits.mode(work) != federation or not limits.version(work):
        return None
    return actor.id if (actor.display_name, actor.language) == (text.clean_name(name, 100), language) else None


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


def expect_little(app: web.Application) -> None:
    """Refuses what a client may not expect (RFC 9110, 10.1.1) before aiohttp, which fails at bytes that are no text.

    It reads the header before any middleware runs; its router is the one place that comes earlier.
    """
    resolve = app.router.resolve

    async def resolve_what_can_be_met(request: web.Request) -> UrlMappingMatchInfo:
        if request.headers.get(hdrs.EXPECT, "100-continue").lower() != "100-continue":
            raise web.HTTPExpectationFailed(text="This server meets no expectation but 100-continue.\n")
        return await resolve(request)

    app.router.resolve = resolve_what_can_be_met  # type: ignore[method-assign]


def make_app(parts: Parts) -> web.Application:
    """Both doors on one application."""
    middlewares = web_routes.middlewares()
    if parts.metrics is not None:
        middlewares.insert(0, parts.metrics.middleware)
    app = web.Application(middlewares=middlewares, client_max_size=fediverse.LARGEST_BODY)
    expect_little(app)
    app[NODE] = parts.node
    _show_health(app, parts)
    app.add_routes([web.get("/.well-known/folkmoot/{nonce:[\\w-]{32}}", parts.outside.reflect)])
    if parts.metrics is not None and parts.node.settings.metrics_token:
        app.add_routes([web.get("/metrics", parts.metrics.show)])
    app[fediverse.DOOR] = fediverse.Door(parts.node, Documents(parts.node, parts.keyring), parts.gate)
    app.add_routes(fediverse.routes())
    for path, page in web_routes.PAGES.items():
        app.router.add_get(path, negotiated(fediverse.show_document, page))
    app.add_routes(web_routes.routes(parts.node))
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(name_no_versions)
    return app


def make_own_app(parts: Parts) -> web.Application:
    """Health and numbers alone, for an address of the admin's own network (metrics_listen)."""
    app = web.Application()
    expect_little(app)
    app[NODE], app[health.OWN] = parts.node, True
    _show_health(app, parts)
    if parts.metrics is not None:
        app.add_routes([web.get("/metrics", parts.metrics.show)])
    return app


def _show_health(app: web.Application, parts: Parts) -> None:
    app[health.HEALTH] = health.Health(parts.node)
    app.add_routes(health.routes())


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
