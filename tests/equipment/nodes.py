"""Nodes of ours under test: real HTTP on loopback, real databases, in the test's own process."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from node.app import Parts, make_app, opened
from node.fediverse.keys import make_rsa
from node.forum import groups, people, threads
from node.forum import members as forum_members
from node.node import Node
from node.passwords import Passwords
from node.settings import Settings
from storage import clock as real_clock
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Actor, Comment, Group
from storage.work import Storage, Work
from tests.equipment.certificates import authority
from tests.equipment.network import LoopbackNet
from tests.peers.scripted import ScriptedServer

AS2 = "application/activity+json"


@dataclass
class Site:
    """Where the node listens."""

    port: int
    tls_port: int


@dataclass
class Moot:
    """A node and what a test does with it."""

    parts: Parts
    site: Site
    session: aiohttp.ClientSession
    host: str
    app: web.Application

    @property
    def node(self) -> Node:
        return self.parts.node

    @property
    def storage(self) -> Storage:
        return self.parts.node.storage

    @property
    def origin(self) -> str:
        return self.parts.node.settings.origin

    async def settle(self) -> None:
        """Runs the worker until nothing is due at the held clock."""
        await self.parts.worker.until_idle()

    async def get(self, path: str, accept: str = AS2, **headers: str) -> tuple[int, aiohttp.ClientResponse, bytes]:
        """What anybody gets who asks for a path or one of our URLs."""
        path = path.removeprefix(self.origin)
        async with self.session.get(
            f"http://127.0.0.1:{self.site.port}{path}",
            headers={"Host": self.host, "Accept": accept, **{k.replace("_", "-"): v for k, v in headers.items()}},
            allow_redirects=False,
        ) as response:
            return response.status, response, await response.read()

    async def document(self, path: str) -> dict[str, Any]:
        """The AS2 document at a path that must be there."""
        status, response, body = await self.get(path)
        assert status == 200, (path, status, body)
        assert response.headers["Content-Type"] == AS2
        document: dict[str, Any] = json.loads(body)
        return document

    async def page(self, path: str) -> str:
        """The HTML page at a path, after its redirects."""
        for _ in range(3):
            status, response, body = await self.get(path, accept="text/html")
            if status in (301, 302, 303):
                path = response.headers["Location"].partition("#")[0]
                continue
            assert status == 200, (path, status, body)
            return body.decode()
        raise AssertionError(f"{path} goes round in circles")

    # -------------------------------------------------------------- people do things here

    async def person(self, name: str, display_name: str = "") -> str:
        """A member of the node; answers their URI."""

        def make(work: Work) -> str:
            return people.create_person(work, name, display_name=display_name or name.title()).uri

        return await self.storage.write(make)

    async def group(self, name: str, *members: str, **settings: Any) -> str:
        """A group with its members, the first of whom is its admin; answers its URI."""

        def make(work: Work) -> str:
            founder = stored_people.by_name(work, members[0]) if members else None
            given = {key: settings.pop(key) for key in ("title", "description", "privacy") if key in settings}
            group, actor = groups.create_group(work, name, creator=founder, **given)
            for member in members[1:]:
                forum_members.join(work, _person(work, member), group)
            if settings:
                groups.edit_group(work, group, **settings)
            return actor.uri

        return await self.storage.write(make)

    async def start(self, author: str, group: str, title: str, source: str = "What do you think?", **more: Any) -> str:
        """A thread; answers the URI of its opening."""

        def act(work: Work) -> str:
            actor = stored_people.by_name(work, group)
            assert actor is not None
            words = threads.compose(work, source)
            return threads.start_thread(
                work, _person(work, author), work.get_one(Group, actor.id), title, words, **more
            ).uri

        return await self.storage.write(act)

    async def say(self, author: str, parent: str, source: str) -> str:
        """A comment on an item; answers its URI."""

        def act(work: Work) -> str:
            words = threads.compose(work, source)
            return threads.post_comment(work, _person(work, author), _item(work, parent), words).uri

        return await self.storage.write(act)

    async def edit(self, author: str, uri: str, source: str, title: str | None = None) -> None:
        """New words for an item."""

        def act(work: Work) -> None:
            words = threads.compose(work, source)
            threads.edit_comment(work, _person(work, author), _item(work, uri), words, title=title)

        await self.storage.write(act)

    async def erase(self, author: str, uri: str) -> None:
        """Its author deletes an item."""
        await self.storage.write(lambda work: threads.erase_comment(work, _person(work, author), _item(work, uri)))

    async def item(self, uri: str) -> Comment | None:
        """The row of an item, to look at."""
        return await self.storage.read(stored_threads.comment_by_uri, uri)

    async def said(self, uri: str) -> str | None:
        """The visible HTML of an item; None when there is nothing to see."""
        comment = await self.item(uri)
        return comment.html if comment is not None and comment.state == "visible" else None

    async def follower_count(self, uri: str) -> int:
        """How many follow an actor."""

        def count(work: Work) -> int:
            actor = stored_people.by_uri(work, uri)
            return stored_people.count_followers(work, actor.id) if actor is not None else 0

        return await self.storage.read(count)


def _person(work: Work, name: str) -> Actor:
    actor = stored_people.by_name(work, name)
    assert actor is not None, f"there is no {name}"
    return actor


def _item(work: Work, uri: str) -> Comment:
    comment = stored_threads.comment_by_uri(work, uri)
    assert comment is not None, f"there is no {uri}"
    return comment


@cache
def _made_before() -> Iterator[RSAPrivateKey]:
    """Keys of the test run, used again and again: each takes a tenth of a second and more to make."""
    return cycle([make_rsa() for _ in range(8)])


def quick_passwords() -> Passwords:
    """Hashes that take no time, and protect nobody."""
    return Passwords(memory=64, rounds=1)


async def raise_node(
    stack: AsyncExitStack,
    host: str,
    database_url: str,
    data: Path,
    net: LoopbackNet,
    world: ScriptedServer | None = None,
    clock: real_clock.Clock = real_clock.now,
    *,
    patience: float | None = None,
) -> Moot:
    """A node at https://`host` that listens on loopback and is found there by everybody on `net`."""
    settings = Settings(origin=f"https://{host}", name=f"The moot of {host}", data=data, database_url=database_url)
    parts = await stack.enter_async_context(
        opened(
            settings,
            resolver=net,
            tls=authority().client_context(),
            now=clock,
            migrate=False,
            make_key=lambda: next(_made_before()),
            passwords=quick_passwords(),
            patience=patience,
        )
    )
    app, runner = await _served(stack, parts)
    plain = web.TCPSite(runner, "127.0.0.1", 0)
    secure = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority().server_context())
    await plain.start()
    await secure.start()
    ports = [address[1] for address in runner.addresses]
    site = Site(ports[0], ports[1])
    net.add(host, site)
    if world is not None:
        world.routes[host] = ("127.0.0.1", site.port)
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return Moot(parts, site, session, host, app)


async def _served(stack: AsyncExitStack, parts: Parts) -> tuple[web.Application, web.AppRunner]:
    app = make_app(parts)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return app, runner


async def raise_development_node(
    stack: AsyncExitStack, database_url: str, data: Path, *peers: str, clock: real_clock.Clock = real_clock.now
) -> Moot:
    """A node at http://127.0.0.1:PORT in development mode, for peers that are processes of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host = f"127.0.0.1:{port}"
    settings = Settings(
        origin=f"http://{host}",
        name="A moot under test",
        data=data,
        database_url=database_url,
        development=True,
        dev_peers=frozenset(peers),
    )
    parts = await stack.enter_async_context(opened(settings, now=clock, migrate=False, passwords=quick_passwords()))
    app, runner = await _served(stack, parts)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return Moot(parts, Site(port, 0), session, host, app)
