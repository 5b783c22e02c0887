"""Serving: the doors on a port, the worker beside them, and a stop that leaves nothing half done."""

import asyncio
import logging
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import StreamReader, http_parser, web

from node.app import Parts, make_app, make_own_app, opened
from node.logs import ACCESS, AccessLog
from node.settings import Settings

log = logging.getLogger(__name__)

FINISH = 10.0  # seconds that requests have to end once we are stopped
GRACE = 30.0  # seconds for requests and worker together; what is not done then is done after the next start
IDLE = 75.0  # seconds between two requests of one connection; proxies keep theirs for 60
BACKLOG = 1024  # connections that wait to be taken: after an Announce hundreds of servers ask within a second
LINGER = 5.0  # seconds in which the rest of a body that was refused is still read
QUESTION = 10.0  # seconds for what a page asks the database; the slowest of a large node takes a tenth (DOS-23)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until all headers are here, and then until all of the body is; aiohttp has no such end (HTT-02)."""

    headers: float = 30.0
    body: float = 60.0


PATIENCE = Patience()


SAFE_AIOHTTP = (3, 14, 3)  # older ones read some requests otherwise than the proxy before them does


class CannotListen(Exception):
    """The address cannot be served on."""


def refuse_known_holes(version: str = aiohttp.__version__, parser: type = http_parser.HttpRequestParser) -> None:
    """Raises CannotListen where what reads HTTP here is known to let smuggled requests through (HTT-01, HTT-12)."""
    if tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3]) < SAFE_AIOHTTP:
        raise CannotListen(f"aiohttp {version} has known holes; install {'.'.join(map(str, SAFE_AIOHTTP))} or later")
    if parser.__module__ != "aiohttp._http_parser":
        raise CannotListen("aiohttp reads HTTP with its parser in Python, which is lax; unset AIOHTTP_NO_EXTENSIONS")


@asynccontextmanager
async def listening(parts: Parts, host: str, port: int, *, patience: Patience = PATIENCE) -> AsyncIterator[int]:
    """Both doors on that address; answers the port. At the end no request is taken, and those begun are finished."""
    refuse_known_holes()
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(make_app(parts), shutdown_timeout=FINISH)
    await runner.setup()

    def connection() -> PatientHandler:
        return PatientHandler(
            runner.server,
            loop=loop,
            access_log=ACCESS,
            access_log_class=AccessLog,
            keepalive_timeout=IDLE,
            lingering_time=LINGER,
            patience=patience,
        )

    try:
        try:
            door = await loop.create_server(connection, host, port, backlog=BACKLOG)
        except OSError as error:
            raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        try:
            yield door.sockets[0].getsockname()[1]
        finally:
            door.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def watched(parts: Parts, where: str) -> AsyncIterator[None]:
    """Health and numbers on an address of their own, of this process alone; a worker has them too."""
    host, _, port = where.rpartition(":")
    runner = web.AppRunner(make_own_app(parts), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            raise CannotListen(f"cannot listen on {where}: {error.strerror or error}") from error
        yield
    finally:
        await runner.cleanup()


class Signals:
    """SIGTERM and SIGINT: the first asks to stop, the second to hurry."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def __enter__(self) -> "Signals":
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._came)
        return self

    def __exit__(self, *error: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)

    def _came(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


Ready = Callable[[Parts, str], Awaitable[None]]  # told once, when the node can be reached at that address


async def serve(settings: Settings, *, doors: bool, worker: bool, ready: Ready) -> None:
    """Serves until SIGTERM or SIGINT; then takes nothing more, finishes what was begun, and gives back the rest."""
    with Signals() as signals:
        patience = QUESTION if doors else None  # who only works in the background may take their time
        async with opened(settings, patience=patience) as parts, AsyncExitStack() as doors_open:
            address = ""
            if doors:
                port = await doors_open.enter_async_context(
                    listening(parts, settings.listen_host, settings.listen_port)
                )
                address = f"{settings.listen_host}:{port}"
            if settings.metrics_listen:
                await doors_open.enter_async_context(watched(parts, settings.metrics_listen))
            work: Coroutine[Any, Any, None] = parts.worker.run() if worker else _nothing()
            working = asyncio.create_task(work, name="worker")
            try:
                await ready(parts, address)
                await _until(signals.stop, working if worker else None)
                log.info("stopping: what was begun is finished first")
                await _within_grace(_stop(parts, doors_open, working, worker=worker), signals.hurry)
            finally:
                working.cancel()
                await asyncio.wait({working})
            if not working.cancelled():
                working.result()  # a worker that ended by itself did so with an error
    log.info("stopped")


async def _nothing() -> None:
    """The work of a process that only has doors."""


async def _until(stop: asyncio.Event, working: "asyncio.Task[None] | None") -> None:
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait({asked, working} if working else {asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()


async def _stop(parts: Parts, doors_open: AsyncExitStack, working: "asyncio.Task[None]", *, worker: bool) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(doors_open.aclose())
        if worker and not working.done():
            group.create_task(parts.worker.stop())


async def _within_grace(stop: Coroutine[Any, Any, None], hurry: asyncio.Event) -> None:
    """Lets the stop take its time, unless that is too much or somebody is in a hurry."""
    finishing = asyncio.create_task(stop)
    hurried = asyncio.create_task(hurry.wait())
    await asyncio.wait({finishing, hurried}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if finishing.done():
        finishing.result()
        return
    log.warning("not everything was finished; what is left is taken up at the next start")
    finishing.cancel()
    await asyncio.wait({finishing})


# ------------------------------------------------------------------ whoever sends slowly


class PatientHandler(web.RequestHandler):
    """A connection that is closed when what it sends does not come in time."""

    def __init__(self, *given: Any, patience: Patience, **more: Any) -> None:
        super().__init__(*given, **more)
        self._patience = patience
        self._headers_due: asyncio.TimerHandle | None = None
        self._body_due: asyncio.TimerHandle | None = None
        self._body: StreamReader | None = None  # of the latest request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._headers_due = self._loop.call_later(self._patience.headers, self.force_close)

    def data_received(self, data: bytes) -> None:
        known = self._request_count
        super().data_received(data)
        if self._request_count > known:
            self._cancel()
            if self._messages:
                self._body = self._messages[-1][1]
                if not self._body.is_eof():
                    self._body_due = self._loop.call_later(self._patience.body, self._must_be_whole, self._body)
        elif data and self._headers_due is None and (self._body is None or self._body.is_eof()):
            # The headers of the next request on a connection that was kept.
            self._headers_due = self._loop.call_later(self._patience.headers, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def _must_be_whole(self, body: StreamReader) -> None:
        if not body.is_eof():
            self.force_close()

    def _cancel(self) -> None:
        for due in (self._headers_due, self._body_due):
            if due is not None:
                due.cancel()
        self._headers_due = self._body_due = None
