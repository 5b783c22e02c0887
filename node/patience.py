"""Deadlines for whoever sends slowly: aiohttp waits for a request's headers and body as long as they please."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import StreamReader, web


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until all headers are here, and then until all of the body is (HTT-02, DOS-05)."""

    headers: float = 30.0
    body: float = 60.0


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
