"""A proxy before several webs: as a balancer does, it sends to those that take requests, and sticks to none."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import aiohttp
from aiohttp import web

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date", "server"}


class Proxy:
    """Listens at the node's public address; each request goes to the next upstream in turn."""

    def __init__(self, port: int, *upstreams: int) -> None:
        self.port = port
        self.taken: Counter[int] = Counter()  # requests, by upstream
        self._upstreams = list(upstreams)
        self._busy: Counter[int] = Counter()
        self._changed = asyncio.Condition()
        self._turn = 0

    async def __aenter__(self) -> Proxy:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, timeout=aiohttp.ClientTimeout(total=60)
        )
        self._runner = web.ServerRunner(web.Server(self._pass_on), shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def drain(self, upstream: int) -> None:
        """Sends nothing more there, and waits until what was sent has been answered."""
        self._upstreams.remove(upstream)
        async with self._changed:
            await self._changed.wait_for(lambda: not self._busy[upstream])

    def add(self, upstream: int) -> None:
        """Sends there again."""
        self._upstreams.append(upstream)

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        upstream = self._upstreams[self._turn % len(self._upstreams)]
        self._turn += 1
        self._busy[upstream] += 1
        self.taken[upstream] += 1
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
            async with self._session.request(
                request.method, f"http://127.0.0.1:{upstream}{request.path_qs}", headers=headers,
                data=await request.read(), allow_redirects=False,
            ) as answer:  # fmt: skip
                response = web.Response(status=answer.status, body=await answer.read())
                for name, value in answer.headers.items():
                    if name.lower() not in HOP:
                        response.headers.add(name, value)
                return response
        except (aiohttp.ClientError, OSError) as error:
            return web.Response(status=502, text=f"{upstream}: {error}")
        finally:
            self._busy[upstream] -= 1
            with suppress(RuntimeError):
                async with self._changed:
                    self._changed.notify_all()
