"""Whoever sends slowly is not waited for without end, and holds nobody up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node.app import opened
from node.serving import Patience, listening
from node.settings import load

HEADERS_BUT_NO_BODY = (
    b"POST /inbox HTTP/1.1\r\nHost: x\r\nContent-Type: application/activity+json\r\nContent-Length: 9\r\n\r\n"
)


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A node that has a tenth of a second for headers, and as much for a body."""
    settings = load({}, origin="https://node.test", data=tmp_path / "node")
    async with (
        opened(settings) as parts,
        listening(parts, "127.0.0.1", 0, patience=Patience(headers=0.1, body=0.1)) as port,
    ):
        yield port


async def is_hung_up_on(port: int, *sent: bytes) -> bytes:
    """What comes back before the connection is closed from the other side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        answered = b""
        for part in sent:
            writer.write(part)
            await writer.drain()
            if part.startswith(b"GET /robots"):
                answered += await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(10):
            while data := await reader.read(65536):
                answered += data
        return answered
    except ConnectionResetError:
        return answered
    finally:
        writer.close()


async def test_headers_that_never_end_are_not_waited_for(port: int) -> None:
    """HTT-02: aiohttp alone waits for them for ever."""
    assert await is_hung_up_on(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""


async def test_a_connection_on_which_nothing_comes_is_closed(port: int) -> None:
    assert await is_hung_up_on(port) == b""


async def test_a_body_that_never_comes_is_not_waited_for(port: int) -> None:
    """HTT-02."""
    assert await is_hung_up_on(port, HEADERS_BUT_NO_BODY) == b""


async def test_the_next_request_of_a_kept_connection_has_its_deadline_too(port: int) -> None:
    answered = await is_hung_up_on(port, b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD / HTTP/1.1\r\nX-Slow: ")
    assert answered.startswith(b"HTTP/1.1 200")
    assert answered.count(b"HTTP/1.1") == 1


async def test_slow_connections_hold_nobody_up(port: int) -> None:
    """DOS-05, with fewer."""
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
    for _, writer in slow:
        writer.write(b"GET / HTTP/1.1\r\n")
    robots = f"http://127.0.0.1:{port}/robots.txt"
    async with asyncio.timeout(5), aiohttp.ClientSession() as session, session.get(robots) as answer:
        assert answer.status == 200
    for _, writer in slow:
        writer.close()
