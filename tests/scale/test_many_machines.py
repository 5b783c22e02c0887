"""Two webs and two workers over one PostgreSQL, as on several machines: no process holds what another needs."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from node.fediverse import leases
from node.forum import groups, people, threads
from node.passwords import Passwords
from storage import deliveries, letters
from storage import people as stored_people
from storage import threads as stored_threads
from storage.people import Inbox
from storage.schema import Account, Actor, Comment, Delivery, Host, Letter
from storage.work import Storage, Work
from tests.equipment.processes import Installation, free_port
from tests.scale.proxy import Proxy

PASSWORD = "beans and barley soup"
PATIENCE = 120.0  # seconds; all of it takes one or two where nobody else wants the processor
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass
class Machines:
    """Two webs of one node, each at a port of its own; the public address is that of whatever stands before them."""

    webs: tuple[Installation, Installation]
    uid: str  # of the opening of a thread that Ana started
    thread: str  # uid

    @property
    def origin(self) -> str:
        return self.webs[0].origin

    @property
    def ports(self) -> tuple[int, int]:
        return self.webs[0].settings.listen_port, self.webs[1].settings.listen_port

    @property
    def running(self) -> list[asyncio.subprocess.Process]:
        return [process for one in self.webs for process in one.running]


@pytest.fixture
async def machines(postgres_url: str, tmp_path: Path) -> AsyncIterator[Machines]:
    """A node with a group and a thread, of which nothing runs yet."""
    public = Installation.make(tmp_path / "node", postgres_url)
    first, second = (Installation(replace(public.settings, listen=f"127.0.0.1:{free_port()}")) for _ in range(2))
    passwords = Passwords()
    kept = await passwords.hash(PASSWORD)
    passwords.close()
    async with first.inside() as parts:
        uid, thread = await parts.node.storage.write(furnish, kept)
    yield Machines((first, second), uid, thread)
    for one in (first, second):
        await one.clean_up()


def furnish(work: Work, password: str) -> tuple[str, str]:
    """Ana, who can sign in, her group and a thread."""
    ana = people.create_person(work, "ana")
    work.add(Account(actor_id=ana.id, email="ana@coop.example", password_hash=password, created_at=work.now))
    group, _ = groups.create_group(work, "garden", creator=ana)
    opening = threads.start_thread(work, ana, group, "Tools", threads.compose(work, "Who has a ladder?"))
    return opening.uid, stored_threads.by_id(work, opening.thread_id).uid


@dataclass
class Browser:
    """Ana's browser: it keeps its cookies whichever machine answers, and tries nothing twice."""

    machines: Machines
    session: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def opened(cls, machines: Machines) -> AsyncIterator[Browser]:
        origin = machines.origin
        headers = {"Host": origin.removeprefix("http://"), "Origin": origin, "Accept": "text/html"}
        jar = aiohttp.CookieJar(unsafe=True)  # loopback has no name, and cookies know no ports
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(headers=headers, cookie_jar=jar, timeout=timeout) as session:
            yield cls(machines, session)

    async def get(self, port: int, path: str) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{port}{path}", allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, port: int, form: str, path: str, **fields: str) -> int:
        """Sends a form that stands on the page `form`, which another machine may have shown."""
        _, page = await self.get(port, form)
        found = CSRF.search(page)
        assert found is not None, page[:2000]
        return await self.send(port, path, csrf=unescape(found[1]), **fields)

    async def send(self, port: int, path: str, **fields: str) -> int:
        url = f"http://127.0.0.1:{port}{path}"
        async with self.session.post(url, data=fields, allow_redirects=False) as answer:
            await answer.read()
            return answer.status

    async def sign_in(self, port: int) -> None:
        assert await self.post(port, "/sign-in", "/sign-in", login="ana", password=PASSWORD) == 303

    async def token(self, port: int) -> str:
        _, page = await self.get(port, f"/items/{self.machines.uid}/composer")
        found = CSRF.search(page)
        assert found is not None, page[:2000]
        return unescape(found[1])

    async def reply(self, port: int, csrf: str, words: str) -> int:
        return await self.send(
            port, f"/items/{self.machines.uid}/reply",
            csrf=csrf, source=words, nonce=secrets.token_urlsafe(18), do="post",
        )  # fmt: skip


async def both_webs(machines: Machines) -> tuple[int, int]:
    """Starts them at the same time, as a cluster does; answers their ports."""
    await asyncio.gather(*(one.start("web") for one in machines.webs))
    return machines.ports


async def test_who_signed_in_at_one_machine_writes_at_the_other_and_is_heard_at_the_first(machines: Machines) -> None:
    one, other = await both_webs(machines)
    async with Browser.opened(machines) as ana:
        await ana.sign_in(one)
        csrf = await ana.token(one)
        stream = f"http://127.0.0.1:{one}/threads/{machines.thread}/live"
        async with ana.session.get(stream) as heard, asyncio.timeout(PATIENCE):
            assert heard.status == 200
            assert (await next_event(heard))[0] == "newest"
            # The form that one machine showed is taken by the other, for the session that the first one opened.
            assert await ana.reply(other, csrf, "I have one, of five metres.") == 303
            kind, about = await next_event(heard)
            assert (kind, about["kind"], about["number"]) == ("item", "posted", 1)
        for port in (one, other):
            status, page = await ana.get(port, f"/g/garden/{machines.thread}-tools")
            assert status == 200 and "of five metres" in page


async def next_event(stream: aiohttp.ClientResponse) -> tuple[str, dict[str, object]]:
    """The kind and the data of the next event of a stream."""
    kind = ""
    while line := (await stream.content.readline()).decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            return kind, json.loads(value)
    return await next_event(stream)


async def test_what_one_machine_takes_away_the_other_shows_no_more(machines: Machines) -> None:
    one, other = await both_webs(machines)
    async with Browser.opened(machines) as ana, aiohttp.ClientSession() as stranger:
        await ana.sign_in(one)
        csrf = await ana.token(one)
        assert await ana.reply(one, csrf, "Words that are soon taken back.") == 303
        path = f"/g/garden/{machines.thread}-tools"

        async def seen(port: int) -> str:
            headers = {"Host": machines.origin.removeprefix("http://"), "Accept": "text/html"}
            async with stranger.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer:
                assert answer.status == 200
                return await answer.text()

        # Twice, so that both have the page in memory.
        assert all(["soon taken back" in await seen(port) for port in (one, other, one, other)])
        async with machines.webs[0].inside() as parts:
            await parts.node.storage.write(take_back)
        for port in (other, one):
            assert "soon taken back" not in await seen(port)


def take_back(work: Work) -> None:
    """Ana deletes her answer."""
    [answer] = work.query(Comment).filter(Comment.number == 1)
    threads.erase_comment(work, stored_people.by_id(work, answer.author_id or 0), answer)


async def test_two_workers_share_what_waits_and_do_none_of_it_twice(machines: Machines) -> None:
    hosts = 40
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(Sink.opened())
        first = machines.webs[0]
        peers = frozenset(sink.address_of(number) for number in range(hosts))
        workers = [Installation(replace(one.settings, dev_peers=peers)) for one in machines.webs]
        for worker in workers:
            stack.push_async_callback(worker.clean_up)
        async with first.inside() as parts:
            await parts.node.storage.write(owe, [sink.address_of(number) for number in range(hosts)], activities=5)
        await asyncio.gather(*(worker.start("worker") for worker in workers))
        async with asyncio.timeout(PATIENCE):
            await sink.came.wait_for(lambda: len(sink.letters) >= hosts * 5)
        for worker in workers:
            await worker.stop()  # which writes down what arrived
        assert set(sink.letters.values()) == {1}
        async with first.inside() as parts:
            assert await parts.node.storage.read(lambda work: work.query(Delivery).count()) == 0


def owe(work: Work, hosts: list[str], *, activities: int) -> None:
    """So many activities of Ana's for each of these hosts."""
    ana = work.query(Actor).filter_by(name="ana").one()
    to = [Inbox(f"http://{host}/inbox", host, "microblog") for host in hosts]
    for number in range(activities):
        uri = f"{work.origin}/a/{number}"
        deliveries.enqueue(
            work, uri=uri, actor_id=ana.id, type="Create", about=uri, public=True, always=True,
            microblog=json.dumps({"id": uri}).encode(), forum=None, to=to,
        )  # fmt: skip


class Waiting:
    """Lets somebody wait until something is so."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Sink:
    """Hosts at 127.2.0.1, 127.2.0.2 … that take every letter with 202 and count it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.letters: Counter[tuple[str, str]] = Counter()
        self.came = Waiting()

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[Sink]:
        sink = cls(free_port())
        runner = aiohttp.web.ServerRunner(aiohttp.web.Server(sink._take), shutdown_timeout=1.0)
        await runner.setup()
        try:
            await aiohttp.web.TCPSite(runner, "0.0.0.0", sink.port).start()  # all of 127.0.0.0/8
            yield sink
        finally:
            await runner.cleanup()

    def address_of(self, number: int) -> str:
        return f"127.2.0.{number + 1}:{self.port}"

    async def _take(self, request: aiohttp.web.BaseRequest) -> aiohttp.web.Response:
        if request.method != "POST":
            return aiohttp.web.Response(status=404)
        self.letters[request.host, json.loads(await request.read())["id"]] += 1
        await self.came.tell()
        return aiohttp.web.Response(status=202)


# ------------------------------------------------------------------ a machine that dies


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


async def test_what_a_dead_machine_held_is_taken_over_within_a_minute(machines: Machines) -> None:
    """Of another machine nothing can be said but that its leases ended: after a minute they are everybody's."""
    storage = Storage(machines.webs[0].settings.database, origin=machines.origin)
    clock = Clock(storage.now())
    storage.now = clock
    storage.start()
    try:
        await storage.write(owe, ["far.test"], activities=1)
        await storage.write(
            letters.accept, signer="https://far.test/u/x", digest="d", key_id="k", host="far.test", body=b"{}"
        )
        dead = "other-machine/4711/1/abc"
        assert [claim.host for claim in await storage.write(deliveries.claim_hosts, dead, limit=9)] == ["far.test"]
        assert len(await storage.write(letters.claim, dead, 9)) == 1

        # We cannot tell that a process of another machine is dead, and take nothing away from one that may live.
        assert not leases.is_dead(dead)
        assert await storage.write(deliveries.take_over, leases.is_dead) == 0
        assert await storage.write(letters.take_over, leases.is_dead) == 0
        clock.moment += timedelta(seconds=59)
        assert await storage.write(deliveries.claim_hosts, "us", limit=9) == []
        assert await storage.write(letters.claim, "us", 9) == []

        clock.moment += timedelta(seconds=1)
        assert [claim.host for claim in await storage.write(deliveries.claim_hosts, "us", limit=9)] == ["far.test"]
        assert [one.crashed for one in await storage.write(letters.claim, "us", 9)] == [True]
    finally:
        storage.close()


async def test_a_worker_that_was_killed_on_this_machine_is_followed_at_once(machines: Machines) -> None:
    first = machines.webs[0]
    async with AsyncExitStack() as stack:
        silent = await stack.enter_async_context(Silent.opened())
        peers = frozenset({silent.address})
        killed, next_one = (Installation(replace(one.settings, dev_peers=peers)) for one in machines.webs)
        for worker in (killed, next_one):
            stack.push_async_callback(worker.clean_up)
        async with first.inside() as parts:
            storage = parts.node.storage
            await storage.write(owe, [silent.address], activities=1)
            process = await killed.start("worker")
            async with asyncio.timeout(PATIENCE):
                await silent.came.wait_for(lambda: silent.count == 1)  # in the middle of a delivery
            held = await storage.read(lambda work: work.query(Host.lease_owner).scalar())
            assert held is not None and f"/{process.pid}/" in held
            await killed.kill(process)
            await next_one.start("worker")
            async with asyncio.timeout(PATIENCE):
                await silent.came.wait_for(lambda: silent.count == 2)
            assert await storage.read(lambda work: work.query(Letter).count()) == 0


class Silent:
    """A host that takes letters and never answers."""

    def __init__(self) -> None:
        self.count = 0
        self.came = Waiting()
        self.address = ""

    @classmethod
    @asynccontextmanager
    async def opened(cls) -> AsyncIterator[Silent]:
        silent = cls()
        server = await asyncio.start_server(silent._take, "127.0.0.1", 0)
        silent.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield silent
        finally:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            self.count += 1
            await self.came.tell()
            await reader.read()
        writer.close()


# ------------------------------------------------------------------ a new version, machine by machine


async def test_webs_are_restarted_one_after_another_and_nobody_sees_an_error(machines: Machines) -> None:
    public = int(machines.origin.rpartition(":")[2])
    await both_webs(machines)
    async with Proxy(public, *machines.ports) as proxy, Browser.opened(machines) as ana:
        await ana.sign_in(public)
        csrf = await ana.token(public)
        statuses: Counter[str] = Counter()
        said: list[str] = []
        over = asyncio.Event()

        async def write_on() -> None:
            while not over.is_set():
                words = f"word-{secrets.token_hex(8)}"
                statuses[f"posted {await ana.reply(public, csrf, words)}"] += 1
                said.append(words)
                statuses[f"read {(await ana.get(public, f'/g/garden/{machines.thread}-tools'))[0]}"] += 1

        async with asyncio.TaskGroup() as group:
            group.create_task(write_on())
            group.create_task(write_on())
            for one, port in zip(machines.webs, machines.ports, strict=True):
                await proxy.drain(port)
                [process] = one.running
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
                one.running.remove(process)
                before = proxy.taken.total()
                await one.start("web")
                assert proxy.taken.total() > before  # the other one went on meanwhile
                proxy.add(port)
            over.set()
        assert set(statuses) == {"posted 303", "read 200"}
        assert min(proxy.taken[port] for port in machines.ports) > 0
        async with machines.webs[0].inside() as parts:
            there = await parts.node.storage.read(lambda work: [row.source for row in work.query(Comment).all()])
        assert not set(said) - set(there)
