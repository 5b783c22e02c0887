"""Connections to other servers: the HTTP sessions, their limits, and who may use it when."""

import asyncio
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from federation.addresses import authority, registrable_domain
from federation.answers import UNREACHABLE
from federation.errors import Unreachable
from federation.lanes import PER_HOST, Lanes, Standing
from federation.resolving import CheckedResolver, Resolver, SystemResolver

# nginx closes after 75 s, most others later; a connection costs 9 to 39 KB.
KEEPALIVE = 90.0
# So many hosts keep theirs that long. Those of the others last through a round of deliveries: however many hosts we
# speak to, the memory stays.
KEPT_HOSTS = 512
BRIEFLY = 2.0


@dataclass(frozen=True)
class Limits:
    """What one request may take: seconds from its start, bytes after decompression, sizes of headers, hops."""

    total: float = 10.0
    connect: float = 5.0
    body: int = 1024 * 1024
    redirects: int = 3
    header_line: int = 8190
    headers: int = 128
    # Of the answer to a delivery only the status counts; the rest is read so that the connection can be used again.
    drained: int = 4096
    drained_within: float = 1.0
    gone_for: timedelta = timedelta(hours=1)
    failed_for: timedelta = timedelta(minutes=2)


DEFAULT_LIMITS = Limits()


class Unanswered(Unreachable):
    """No complete answer came; `why` is for the administrator, who may know more than the asker."""

    def __init__(self, why: str) -> None:
        super().__init__(UNREACHABLE)
        # 'crowded' (not even asked), 'dns', 'tls', 'connection', 'timeout', 'protocol' (not HTTP, or cut short)
        self.why = why


class Warmth:
    """Whose connections are kept while nothing is said: of so many hosts, those that came first and come still."""

    def __init__(self, tick: Callable[[], float] = time.monotonic, *, most: int = KEPT_HOSTS) -> None:
        self._tick = tick
        self._most = most
        self._hosts: OrderedDict[str, float] = OrderedDict()

    def keeps(self, host: str) -> bool:
        """The host is spoken to now: whether its connection is one of those that stay."""
        now = self._tick()
        while self._hosts and now - next(iter(self._hosts.values())) > KEEPALIVE:
            self._hosts.popitem(last=False)
        # Hosts have their turn in a circle: to drop whoever was heard longest ago would drop each before its next turn.
        if host not in self._hosts and len(self._hosts) >= self._most:
            return False
        self._hosts[host] = now
        self._hosts.move_to_end(host)
        return True


class Transport:
    """The HTTP sessions of the process, one of which keeps connections: no cookies, no proxies, no redirects."""

    def __init__(
        self,
        resolver: Resolver | None,
        limits: Limits,
        *,
        tls: ssl.SSLContext | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given_resolver = resolver
        self._system: SystemResolver | None = None
        self._limits = limits
        self._tls = tls
        self._standing = Standing(tick)
        self._warmth = Warmth(tick)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}  # those that keep their connections, and the others
        self._lanes: dict[str, Lanes] = {}

    async def start(self) -> None:
        # Fetches and deliveries do not wait for each other: a key is needed while everybody is being delivered to.
        self._lanes = {"GET": Lanes(self._standing), "POST": Lanes(self._standing)}
        resolver = self._given_resolver
        if resolver is None:
            resolver = self._system = SystemResolver()
        self._sessions = {True: self._open(resolver, KEEPALIVE), False: self._open(resolver, BRIEFLY)}

    def _open(self, resolver: Resolver, keepalive: float) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=CheckedResolver(resolver),
                # A cache would hold an address longer than the check of it.
                use_dns_cache=False,
                limit=0,
                limit_per_host=2 * PER_HOST,
                keepalive_timeout=keepalive,
                ssl=self._tls or True,
                family=socket.AF_UNSPEC,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=self._limits.header_line,
            max_field_size=self._limits.header_line,
            max_headers=self._limits.headers,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._limits.connect, sock_connect=self._limits.connect),
        )

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions = {}
        if self._system is not None:
            self._system.close()
            self._system = None

    @asynccontextmanager
    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], *, body: bytes | None = None, deadline: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request and its answer, both over by `deadline` (of the loop's clock); raises Unanswered or Refused.

        `url` has been admitted by the policy, and an answer that is not read to its end costs the connection.
        """
        if not self._sessions:
            raise RuntimeError("The client is not open.")
        host = authority(url)
        async with AsyncExitStack() as place:
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                async with asyncio.timeout_at(deadline):
                    known = await place.enter_async_context(
                        self._lanes[method].place(host, registrable_domain(urlsplit(url).hostname or ""))
                    )
            except TimeoutError:
                raise Unanswered("crowded") from None
            # Who waited longer than there is time left would only seem to have failed.
            if 2 * loop.time() > began + deadline:
                raise Unanswered("crowded")
            if not known:
                # Who we may never ask again leaves no idle connection behind.
                headers = {**headers, "Connection": "close"}
            session = self._sessions[known and self._warmth.keeps(host)]
            try:
                async with asyncio.timeout_at(deadline):
                    async with session.request(
                        method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
                    ) as response:
                        self._standing.answered(host)
                        try:
                            yield response
                        finally:
                            _hang_up(response)
            except (aiohttp.ClientError, OSError) as error:
                self._standing.failed(host)
                raise Unanswered(_why(error)) from error


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Ends at once what was not read to its end: TLS takes leave politely, and would read on for thirty seconds."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


def _why(error: Exception) -> str:
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (TimeoutError, "timeout"),
        (aiohttp.ClientConnectorDNSError, "dns"),
        (aiohttp.ClientSSLError, "tls"),
        (aiohttp.ClientConnectorCertificateError, "tls"),
        (aiohttp.ClientResponseError, "protocol"),
        (aiohttp.ClientPayloadError, "protocol"),
        (ValueError, "protocol"),
    )
    return next((why for kind, why in reasons if isinstance(error, kind)), "connection")
