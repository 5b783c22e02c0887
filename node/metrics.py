"""Metrics in Prometheus' form: what this process did, and what waits in the database. No label holds others' words."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from node import health
from node.node import Node
from storage import mails, queues
from storage.work import StorageUnavailable

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"})
INBOXES = frozenset({"/inbox", "/actor/inbox", "/g/{name}/inbox", "/u/{name}/inbox"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LOOKED = 5.0  # seconds for which the numbers of the queues serve
BEAT = 0.5  # seconds between two looks at how late the event loop is


class Metrics:
    """The numbers of this process; each process of a node has its own, to be asked by itself."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"folkmoot_{name}", says, labels, registry=self.registry)

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(f"folkmoot_{name}", says, labels, registry=self.registry)

        def histogram(name: str, says: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
            return Histogram(f"folkmoot_{name}", says, labels, registry=self.registry, buckets=buckets)

        self._requests = counter("requests", "Requests answered.", "method", "route", "status")
        self._latency = histogram("request_seconds", "Time to answer; open streams are left out.", "route")
        self._inbox = counter("inbox", "Letters by what they were answered: 202 is kept.", "status")
        self._fetches = counter("fetches", "What was asked of other servers, by outcome.", "outcome")
        self._posts = counter("deliveries", "Deliveries tried, by outcome.", "outcome")
        self._writes = counter("database_writes", "Functions that were committed or refused.")
        self._commit = histogram("database_commit_seconds", "Time of a transaction that writes.")
        self._batch = histogram("database_batch", "Functions folded into a commit.", buckets=(1, 2, 4, 8, 16, 32, 64))
        self._lag = histogram("event_loop_lag_seconds", "How late the event loop comes to what is due.")
        self._streams = gauge("open_streams", "Pages that are told of news as it happens.")
        self._waiting = gauge("waiting", "What waits in the queues of the whole node.", "queue")
        self._parked = gauge("parked", "What was put aside after many tries.", "queue")
        self._age = gauge("oldest_seconds", "Age of what waits longest.", "queue")
        self._hosts = gauge("hosts", "Other servers that cannot be reached.", "state")
        self._database_up = gauge("database_up", "1 where the database answered the last time it was asked.")
        self._looked_at = -LOOKED

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Counts for as long as the block takes."""
        self._node.storage.measure = self.wrote
        self._node.client.measure = self.asked
        beating = asyncio.create_task(self._beat(), name="event loop lag")
        try:
            yield
        finally:
            self._node.storage.measure = self._node.client.measure = None
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            self._lag.observe(max(loop.time() - due, 0.0))

    def wrote(self, functions: int, seconds: float) -> None:
        """A transaction of that many functions took so long; called in the storage's threads."""
        self._writes.inc(functions)
        self._batch.observe(functions)
        self._commit.observe(seconds)

    def asked(self, what: str, outcome: str) -> None:
        """Another server was asked (`fetch`) or told (`post`) something."""
        (self._fetches if what == "fetch" else self._posts).labels(outcome).inc()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Counts what is answered, by the template of its route: an address that somebody made up is none of them."""
        began = time.perf_counter()
        status = 500
        streamed = False
        try:
            response = await handler(request)
            status, streamed = response.status, response.content_type == "text/event-stream"
            return response
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            resource = request.match_info.route.resource
            route = resource.canonical if resource is not None else "none"
            method = request.method if request.method in METHODS else "other"
            self._requests.labels(method, route, f"{status // 100}xx").inc()
            if route in INBOXES and method == "POST":
                self._inbox.labels(str(status)).inc()
            if not streamed:
                self._latency.labels(route).observe(time.perf_counter() - began)

    async def scrape(self) -> bytes:
        """Everything, as Prometheus reads it; what waits is at most some seconds old."""
        if time.monotonic() - self._looked_at >= LOOKED:
            self._looked_at = time.monotonic()
            await self._look()
        self._streams.set(self._node.live.listeners())
        return generate_latest(self.registry)

    async def _look(self) -> None:
        storage = self._node.storage
        try:
            async with asyncio.timeout(health.PATIENCE):
                counts, mail = await storage.read(queues.counts), await storage.read(mails.counts)
        except (StorageUnavailable, TimeoutError):
            self._database_up.set(0)
            return
        self._database_up.set(1)
        for queue, waiting, parked, oldest in (
            ("letters", counts.letters_waiting, counts.letters_parked, counts.oldest_letter),
            ("deliveries", counts.deliveries_waiting, counts.deliveries_parked, counts.oldest_delivery),
            ("mails", mail.waiting, mail.parked, mail.oldest),
        ):
            self._waiting.labels(queue).set(waiting)
            self._parked.labels(queue).set(parked)
            self._age.labels(queue).set((storage.now() - oldest).total_seconds() if oldest else 0)
        self._hosts.labels("failing").set(counts.hosts_failing)
        self._hosts.labels("dead").set(counts.hosts_dead)

    async def show(self, request: web.Request) -> web.Response:
        """The numbers, for whoever has the token or is in the admin's own network; for others nothing is here."""
        if not health.knows_token(request):
            raise web.HTTPNotFound
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
        return web.Response(body=await self.scrape(), headers=headers)
