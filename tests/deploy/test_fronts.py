"""nginx and Caddy before a node, as deploy/ has them: what comes through, what is written anew, what is refused."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from tests.deploy.conftest import HOST, Front, standing_before
from tests.equipment.nodes import AS2, Moot
from tests.equipment.processes import free_port
from tests.peers.scripted import ScriptedServer

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
YEAR = "max-age=31536000"


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    """What reached whoever stands behind."""
    return web.json_response({"path": request.raw_path, "headers": dict(request.headers)})


@asynccontextmanager
async def answering(answer: Answer, kind: str) -> AsyncIterator[Front]:
    """The web server before a program that shows what it gets."""
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with standing_before(runner.addresses[0][1], kind) as front:
            yield front
    finally:
        await runner.cleanup()


async def test_what_a_client_says_of_itself_is_written_anew(front_kind: str) -> None:
    """Nobody chooses the address by which limits count; host and path arrive as they were signed."""
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.test"}
    async with (
        answering(echo, front_kind) as front,
        front.ask("GET", "/u/a%2Fb?x=%20%7E&y", headers=lies) as response,
    ):
        seen = json.loads(await response.read())

    assert seen["path"] == "/u/a%2Fb?x=%20%7E&y"
    headers = seen["headers"]
    assert headers["Host"] == HOST
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Host"] == HOST
    assert response.headers["Strict-Transport-Security"] == YEAR


async def test_http_leads_to_https_and_only_the_right_name_is_believed(front_kind: str) -> None:
    async with answering(echo, front_kind) as front:
        async with front.session.get(
            f"http://127.0.0.1:{front.port}/g/garden?x=1", headers={"Host": HOST}, allow_redirects=False
        ) as response:
            assert response.status in (301, 308)
            leads_to = response.headers["Location"]
            assert leads_to.replace(f":{front.tls_port}", "") == f"https://{HOST}/g/garden?x=1"
        with pytest.raises((aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError, ssl.SSLError)):
            async with front.ask("GET", "/", server_hostname="other.test"):
                pass


async def test_events_come_through_one_by_one(front_kind: str) -> None:
    """A page that stays open hears each thing as it happens, not when a buffer is full."""
    go_on = asyncio.Event()

    async def stream(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        await response.write(b"data: one\n\n")
        await go_on.wait()
        await response.write(b"data: two\n\n")
        return response

    async with (
        answering(stream, front_kind) as front,
        front.ask("GET", "/live", headers={"Accept-Encoding": "gzip, zstd"}) as response,
    ):
        async with asyncio.timeout(5):
            assert await response.content.readuntil(b"\n\n") == b"data: one\n\n"
        go_on.set()
        assert await response.content.read() == b"data: two\n\n"
        assert "Content-Encoding" not in response.headers


async def test_figures_are_not_for_the_world(front_kind: str) -> None:
    async with answering(echo, front_kind) as front, front.ask("GET", "/metrics") as response:
        assert response.status == 404


async def test_a_node_that_is_away_for_a_moment_is_to_be_asked_again(front_kind: str) -> None:
    """REL-01: other servers get 503 and come again; nothing is refused for good while a node restarts."""
    if front_kind == "caddy":
        pytest.skip("Caddy holds the request for ten seconds instead, and takes it to the node when that is back")
    async with (
        standing_before(free_port(), front_kind) as front,
        front.ask("POST", "/inbox", data=b"{}") as response,
    ):
        assert (response.status, response.headers["Retry-After"]) == (503, "10")
        assert response.headers["Strict-Transport-Security"] == YEAR


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_signatures_hold_through_it_and_too_much_is_refused(
    node: Moot, world: ScriptedServer, front_kind: str
) -> None:
    """A signed letter is taken (202), one whose host was changed is not, two megabytes are 413."""
    garden = await node.group("garden")
    carla = world.actor("carla@mastodon.test")

    async with standing_before(node.site.port, front_kind) as front:

        async def post(activity: object, **changed: str) -> int:
            request = carla.letter(f"{garden}/inbox", activity)  # type: ignore[arg-type]
            signed = carla.signed(request)
            headers = dict(signed.headers) | changed
            async with front.ask("POST", "/g/garden/inbox", data=signed.body, headers=headers) as response:
                return response.status

        assert await post(carla.follow(garden)) == 202
        assert await post(carla.follow(garden), Date="Sun, 22 Nov 2026 11:00:01 GMT") == 401
        for megabytes in (2, 5):
            async with front.ask(
                "POST", "/inbox", data=b"x" * megabytes * 1_000_000, headers={"Content-Type": AS2}
            ) as response:
                assert response.status == 413
        async with front.ask("GET", "/g/garden", headers={"Accept": AS2, "Accept-Encoding": "gzip"}) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == AS2
            assert "Accept" in response.headers["Vary"]
        async with front.ask("GET", "/nothing-here") as response:
            assert (response.status, response.headers["Strict-Transport-Security"]) == (404, YEAR)
    await node.settle()
    assert await node.follower_count(garden) == 1
