"""What watches a node: whether it lives, whether it is ready, and its numbers."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import text

from node.app import Parts, make_app, make_own_app, opened
from node.health import HEALTH
from node.settings import Settings

TOKEN = "a-token-of-the-test"
Open = Callable[..., Any]


class Asked(NamedTuple):
    """What somebody got."""

    status: int
    headers: Any
    body: str


class Watched(NamedTuple):
    """A node, and a way to ask it."""

    parts: Parts
    app: web.Application
    server: TestServer

    async def ask(self, path: str, **headers: str) -> Asked:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with aiohttp.ClientSession() as session, session.get(self.server.make_url(path), headers=named) as answer:
            return Asked(answer.status, answer.headers, await answer.text())

    def look_anew(self) -> None:
        """Forgets what was found a moment ago."""
        self.app[HEALTH]._at = -10.0


@asynccontextmanager
async def watched(data: Path, *, own: bool = False, **given: Any) -> AsyncIterator[Watched]:
    settings = Settings(origin="http://127.0.0.1:4100", data=data, development=True, **given)
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(opened(settings))
        app = make_own_app(parts) if own else make_app(parts)
        server = TestServer(app)
        await stack.enter_async_context(server)
        yield Watched(parts, app, server)


async def test_a_node_that_serves_is_alive_and_ready(tmp_path: Path) -> None:
    async with watched(tmp_path) as node:
        assert (await node.ask("/livez")).status == 200
        ready = await node.ask("/readyz")
        assert (ready.status, ready.body) == (200, '{"ready": true}')
        assert (await node.ask("/metrics")).status == 404


async def test_a_node_whose_tables_are_of_another_release_says_so_and_when_to_ask_again(tmp_path: Path) -> None:
    async with watched(tmp_path, metrics_token=TOKEN) as node:
        await node.parts.node.storage.write(_of_another_release)
        ready = await node.ask("/readyz")
        assert ready.status == 503 and '"failing": ["migrations"]' in ready.body
        assert int(ready.headers["Retry-After"]) > 0
        assert "checks" not in ready.body  # how it fails is for the admin alone
        node.look_anew()
        assert "another release" in (await node.ask("/readyz", Authorization=f"Bearer {TOKEN}")).body
        assert (await node.ask("/livez")).status == 200


async def test_letters_that_nobody_reads_are_told(tmp_path: Path) -> None:
    async with watched(tmp_path) as node:
        await node.parts.node.storage.write(_old_letter)
        assert '"failing": ["queue"]' in (await node.ask("/readyz")).body


def _of_another_release(work: Any) -> None:
    work.execute(text("UPDATE alembic_version SET version_num = '1'"))


def _old_letter(work: Any) -> None:
    work.execute(
        text(
            "INSERT INTO letters (signer, digest, key_id, host, state, tries, next_try_at, received_at) VALUES"
            " ('https://p.example/u', 'd', 'k', 'p.example', 'waiting', 0,"
            " '2020-01-01 00:00:00', '2020-01-01 00:00:00')"
        )
    )


async def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """REL-43: before the first commit fails."""
    async with watched(tmp_path) as node:
        free = shutil.disk_usage(tmp_path)._replace(free=1024)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
        assert '"failing": ["disk"]' in (await node.ask("/readyz")).body


async def test_a_database_that_is_gone_is_told(tmp_path: Path) -> None:
    async with watched(tmp_path) as node:
        await node.parts.node.storage.write(lambda work: work.execute(text("DROP TABLE letters")) and None)
        ready = await node.ask("/readyz")
        assert ready.status == 503 and '"failing": ["database"]' in ready.body
        assert "letters" not in ready.body


async def test_the_numbers_need_the_token(tmp_path: Path) -> None:
    async with watched(tmp_path, metrics_token=TOKEN) as node:
        for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            assert (await node.ask("/metrics", **given)).status == 404
        shown = await node.ask("/metrics", Authorization=f"Bearer {TOKEN}")
        assert shown.status == 200 and "folkmoot_waiting" in shown.body


async def test_the_numbers_are_open_on_an_address_of_their_own(tmp_path: Path) -> None:
    async with watched(tmp_path, own=True, metrics_listen="127.0.0.1:0") as node:
        assert "folkmoot_event_loop_lag_seconds" in (await node.ask("/metrics")).body
        assert '"checks"' in (await node.ask("/readyz")).body
        assert (await node.ask("/")).status == 404  # nothing else is served there


async def test_no_label_holds_what_a_stranger_chose(tmp_path: Path) -> None:
    """DOS-01, DOS-20: a million made-up addresses, methods and hosts are one line of the numbers."""
    async with watched(tmp_path, metrics_token=TOKEN) as node:
        for number in range(20):
            await node.ask(f"/made-up-{number}", Host=f"host{number}.example")
            await node.ask(f"/g/group{number}")
        async with aiohttp.ClientSession() as session:
            await session.request("BREW", node.server.make_url("/"))
        shown = (await node.ask("/metrics", Authorization=f"Bearer {TOKEN}")).body
        assert "made-up" not in shown and "group1" not in shown and "BREW" not in shown and "host1" not in shown
        assert 'route="/g/{name}",status="4xx"} 20.0' in shown


async def test_what_was_written_is_counted(tmp_path: Path) -> None:
    async with watched(tmp_path, metrics_token=TOKEN) as node:
        for _ in range(3):
            await node.parts.node.storage.write(lambda work: None)
        shown = (await node.ask("/metrics", Authorization=f"Bearer {TOKEN}")).body
        [count] = [line for line in shown.splitlines() if line.startswith("folkmoot_database_writes_total")]
        assert float(count.split()[1]) >= 3


async def test_a_request_keeps_the_name_that_our_proxy_gave_it(tmp_path: Path) -> None:
    async with watched(tmp_path) as node:
        page = await node.ask("/nothing-here", X_Request_Id="proxy-12345678", Accept="text/html")
        assert page.headers["X-Request-Id"] == "proxy-12345678" and "proxy-12345678" in page.body


@pytest.mark.parametrize("given", ["short", "x" * 65, "<script>alert(1)", "a b c d e f g h", "näme-of-it-all"])
async def test_a_name_that_could_do_harm_is_not_taken(tmp_path: Path, given: str) -> None:
    async with watched(tmp_path) as node:
        page = await node.ask("/nothing-here", X_Request_Id=given, Accept="text/html")
        assert page.headers["X-Request-Id"] != given and given not in page.body


async def test_a_stranger_names_no_request(tmp_path: Path) -> None:
    """WEB-13: only what a trusted proxy says is believed."""
    async with watched(tmp_path, trusted_proxies=frozenset({"192.0.2.1"})) as node:
        page = await node.ask("/", X_Request_Id="stranger-12345678")
        assert page.headers["X-Request-Id"] != "stranger-12345678"
