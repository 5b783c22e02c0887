"""Connections to other servers: the one HTTP session, its limits, and who may use it when."""

import asyncio
import socket
import ssl
import time
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


class Transport:
    """One HTTP session for the whole process: no cookies, no proxies, no redirects of its own."""

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
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[str, Lanes] = {}

    async def start(self) -> None:
        # Fetches and deliveries do not wait for each other: a key is needed while everybody is being delivered to.
        self._lanes = {"GET": Lanes(self._standing), "POST": Lanes(self._standing)}
        resolver = self._given_resolver
        if resolver is None:
            resolver = self._system = SystemResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=CheckedResolver(resolver),
                # A cache would hold an address longer than the check of it.
                use_dns_cache=False,
                limit=0,
                limit_per_host=2 * PER_HOST,
                keepalive_timeout=KEEPALIVE,
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
        if self._session is not None:
            await self._session.close()
            self._session = None
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
        if self._session is None:
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
            try:
                async with asyncio.timeout_at(deadline):
                    async with self._session.request(
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
