"""What one stranger can make this node fetch, hold and wait for, with the figures (python -m tests.attack.budgets)."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import func, select

from federation import budget
from node.fediverse.receiving import FETCHES
from node.serving import Patience, listening
from storage import letters
from storage.schema import Letter
from storage.work import Work
from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import AS2, Moot
from tests.peers.scripted import PUBLIC, Answer, Document, ScriptedActor, ScriptedServer

KEY, NODEINFO = 3, 4  # requests that a letter of a host never seen costs before it is read
MOST = KEY + NODEINFO + FETCHES  # one letter, all together (FET-12)
FLOOD = 1000
LARGEST = 1024 * 1024  # bytes that are taken of an answer
MEMORY = 16 * LARGEST  # that an attack may hold at a time, both ends of it in this process
BUSY = 2.5  # seconds of processor time for the event loop, on which the peers of the test make certificates too
PATIENCE = 60.0  # seconds for one letter, whatever its sender's server does


def tell(what: str, **figures: object) -> None:
    print(f"{what:44} " + "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))


@pytest.fixture
async def thread(node: Moot) -> str:
    """A thread of Liam's in the open group garden."""
    await node.person("liam")
    await node.group("garden", "liam")
    return await node.start("liam", "garden", "Sheds")


@dataclass
class Cost:
    """What an attack cost, as it was measured."""

    seconds: float = 0.0
    memory: int = 0
    late: float = 0.0  # seconds; on a machine that is busy with something else, that is in it too
    busy: float = 0.0  # seconds of processor time that the event loop gave to one thing after the other without a pause

    def told(self) -> dict[str, str]:
        return {
            "took": f"{self.seconds:.2f} s",
            "memory": f"{self.memory / 2**20:.1f} MiB",
            "late": f"{self.late:.2f} s",
            "busy": f"{self.busy:.2f} s",
        }


@asynccontextmanager
async def measured() -> AsyncIterator[Cost]:
    """How long it takes meanwhile, the most memory of Python that it holds at once, and how late the event loop is."""
    cost = Cost()

    async def watch() -> None:
        while True:
            due, used = time.monotonic() + 0.01, time.thread_time()
            await asyncio.sleep(0.01)
            cost.late = max(cost.late, time.monotonic() - due)
            cost.busy = max(cost.busy, time.thread_time() - used)

    watching = asyncio.create_task(watch())
    began = time.monotonic()
    with _memory(cost):
        yield cost
    cost.seconds = time.monotonic() - began
    watching.cancel()


@contextmanager
def _memory(cost: Cost) -> Iterator[None]:
    tracemalloc.start(1)
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
        cost.memory = peak - before
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------ one letter, so many fetches

Prepare = Callable[[ScriptedServer, LoopbackNet, ScriptedActor, str], Document]


def serve_note(world: ScriptedServer, net: LoopbackNet, host: str, **more: Any) -> str:
    """A note on a host of its own, with an author there, who has no key: making one takes long. Answers its id."""
    net.add(host, world)
    mallory = world.actor("mallory@mallory.test")
    author = mallory.document | {"id": f"https://{host}/users/troll", "type": "Person", "publicKey": None}
    author |= {"inbox": f"https://{host}/inbox", "endpoints": None, "followers": None, "outbox": None}
    world.serve(author["id"], author)
    note = mallory.note("<p>.</p>", **more) | {"id": f"https://{host}/notes/1", "attributedTo": author["id"]}
    return world.serve(note["id"], note)


def fork_of_parents(world: ScriptedServer, net: LoopbackNet, mallory: ScriptedActor, thread: str) -> Document:
    """Each parent names four more documents, on four hosts more: parent, context, replies and quote."""
    last = "https://h99.test/notes/1"
    for number in range(16):
        others = [f"https://h{number}-{other}.test/notes/1" for other in range(3)]
        last = serve_note(
            world, net, f"h{number}.test", inReplyTo=last, context=others[0], replies=others[1], quote=others[2]
        )
    return mallory.create(mallory.note("<p>x</p>", inReplyTo=last, context=f"{thread}/context"))


def pages_of_replies(world: ScriptedServer, net: LoopbackNet, mallory: ScriptedActor, thread: str) -> Document:
    """A collection of replies that always has one page more, each with five replies on five hosts."""
    replies = f"{mallory.uri}/replies"
    world.serve(replies, {"id": replies, "type": "Collection", "first": f"{replies}?page=0"})
    for number in range(40):
        items = [serve_note(world, net, f"r{number}-{each}.test", inReplyTo=thread) for each in range(2)]
        page = {"id": f"{replies}?page={number}", "type": "CollectionPage", "items": items}
        world.serve(f"{replies}?page={number}", page | {"next": f"{replies}?page={number + 1}"})
    return mallory.create(mallory.note("<p>x</p>", inReplyTo=thread, replies=replies))


def contexts(world: ScriptedServer, net: LoopbackNet, mallory: ScriptedActor, thread: str) -> Document:
    """A conversation without end, which it answers from somewhere in the middle."""
    context = f"{mallory.uri}/context"
    page: Document = {
        "id": context,
        "type": "OrderedCollection",
        "first": f"{context}?page=0",
        "attributedTo": mallory.uri,
    }
    world.serve(context, page)
    for number in range(40):
        items = [serve_note(world, net, f"c{number}.test", context=context)]
        page = {"id": f"{context}?page={number}", "type": "OrderedCollectionPage", "orderedItems": items}
        world.serve(f"{context}?page={number}", page | {"next": f"{context}?page={number + 1}"})
    return mallory.create(mallory.note("<p>x</p>", inReplyTo="https://c0.test/notes/1", context=f"{thread}/context"))


def announced(world: ScriptedServer, net: LoopbackNet, mallory: ScriptedActor, thread: str) -> Document:
    """A group passes on what it says that somebody elsewhere wrote, in answer to a chain of others."""
    last = "https://a99.test/notes/1"
    for number in range(30):
        last = serve_note(world, net, f"a{number}.test", inReplyTo=last)
    host, author = "https://a.test", "https://a.test/users/troll"
    note = serve_note(world, net, "a.test", inReplyTo=last, context=f"{thread}/context")
    create: Document = {"id": f"{host}/creates/1", "type": "Create", "actor": author, "object": note, "to": [PUBLIC]}
    about = {"id": note, "type": "Note", "attributedTo": author, "inReplyTo": last, "context": f"{thread}/context"}
    world.serve(create["id"], create | {"object": about | {"content": "<p>.</p>", "to": [PUBLIC]}})
    return mallory.announce(create | {"object": about | {"content": "<p>x</p>", "to": [PUBLIC]}})


def crowd_of_mentions(world: ScriptedServer, net: LoopbackNet, mallory: ScriptedActor, thread: str) -> Document:
    """Two hundred people on two hundred hosts, in the tags and among those addressed."""
    people = []
    for number in range(200):
        net.add(f"m{number}.test", world)
        people.append(f"https://m{number}.test/users/x")
    tags = [{"type": "Mention", "href": uri, "name": f"@x@m{number}.test"} for number, uri in enumerate(people)]
    return mallory.create(mallory.note("<p>x</p>", inReplyTo=thread, tag=tags, cc=people))


@pytest.mark.parametrize("prepare", [fork_of_parents, pages_of_replies, contexts, announced, crowd_of_mentions])
async def test_one_letter_costs_others_a_bounded_number_of_requests(
    node: Moot, world: ScriptedServer, net: LoopbackNet, thread: str, prepare: Prepare
) -> None:
    """FET-07, FET-08, FET-10, FET-11, FET-12, FET-13: and each domain its share of them."""
    mallory = world.actor("mallory@mallory.test", type="Group")
    letter = prepare(world, net, mallory, thread)
    world.requests.clear()
    async with measured() as cost:
        assert (await mallory.post(f"{node.origin}/inbox", letter)).status == 202
        await node.settle()
    hosts = Counter(fetch.host for fetch in world.fetches)
    tell(prepare.__name__.replace("_", " "), requests=len(world.fetches), of=MOST, hosts=len(hosts), **cost.told())

    assert len(world.fetches) <= MOST
    assert max(hosts.values(), default=0) <= KEY + NODEINFO + budget.PER_DOMAIN
    assert cost.memory < MEMORY
    assert cost.seconds < PATIENCE


async def test_letters_of_ever_new_actors_cost_three_requests_each_at_most(
    node: Moot, world: ScriptedServer, thread: str
) -> None:
    """FET-12, KEY-11: twelve keys of twelve actors of one host, each with a letter."""
    crowd = [world.actor(f"m{number}@mallory.test") for number in range(12)]
    world.requests.clear()
    async with measured() as cost:
        statuses = Counter([(await actor.post(f"{node.origin}/inbox", actor.like(thread))).status for actor in crowd])
        await node.settle()
    tell("12 letters of 12 actors", requests=len(world.fetches), answers=dict(statuses), **cost.told())
    assert len(world.fetches) <= KEY * len(crowd) + NODEINFO
    assert set(statuses) <= {202, 401, 429, 503}


# ------------------------------------------------------------------ one host among others


async def test_a_flood_of_one_host_leaves_the_others_their_turn(node: Moot, world: ScriptedServer, thread: str) -> None:
    """DOS-01, DOS-02: a thousand letters wait when an honest one comes; it is read after a few of them."""
    mallory, maria = world.actor("mallory@mallory.test"), world.actor("maria@mastodon.test")
    garden = f"{node.origin}/g/garden"

    def flood(work: Work) -> None:
        for number in range(FLOOD):
            signer = f"{mallory.uri}{number % 50}"  # of one signer they would be read one by one
            body = json.dumps(mallory.like(thread) | {"actor": signer, "id": f"{signer}/likes/{number}"}).encode()
            digest = hashlib.sha256(body).hexdigest()
            letters.accept(work, signer=signer, digest=digest, key_id=f"{signer}#k", host="mallory.test", body=body)

    def read(work: Work) -> int:
        return work.scalar(select(func.count()).where(Letter.host == "mallory.test", Letter.state != "waiting")) or 0

    await node.storage.write(flood)
    assert (await maria.post(f"{node.origin}/inbox", maria.follow(garden))).status == 202
    before = await node.storage.read(read)
    async with measured() as cost:
        reading = asyncio.create_task(node.settle())
        for _ in range(6000):
            if (followed := await node.follower_count(garden)) or reading.done():
                break
            await asyncio.sleep(0.005)
        first = await node.storage.read(read) - before
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    tell("an honest letter behind 1,000 of one host", after=f"{first} of them", **cost.told())
    assert followed == 1
    assert first < FLOOD / 10
    assert cost.busy < BUSY


# ------------------------------------------------------------------ answers that are attacks


async def endless(request: web.BaseRequest) -> web.StreamResponse:
    """A document that never ends."""
    answer = web.StreamResponse(headers={"Content-Type": AS2})
    await answer.prepare(request)
    await answer.write(b'{"a":"')
    while True:
        await answer.write(b"x" * 65536)
        await asyncio.sleep(0)  # else a connection that is gone takes all of it, and is never missed


def bomb() -> Answer:
    """128 MiB of spaces in half a megabyte."""
    packed = gzip.compress(b" " * (128 << 20), 1)
    return Answer(200, packed, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("kind", ["endless", "bomb", "loop", "deep", "wide"])
async def test_answers_without_measure_cost_little(node: Moot, world: ScriptedServer, thread: str, kind: str) -> None:
    """FET-02, FET-04, FET-06, DOS-22: as what a letter answers; the next honest letter is read all the same."""
    mallory, maria = world.actor("mallory@mallory.test"), world.actor("maria@mastodon.test")
    url = "https://mallory.test/notes/bad"
    match kind:
        case "endless":
            world.script("GET", url, endless)
        case "bomb":
            world.script("GET", url, bomb())
        case "loop":
            world.redirect(url, f"{url}?again")
            world.redirect(f"{url}?again", url)
        case "deep":
            world.serve(url, b'{"a":' * 150_000 + b"1" + b"}" * 150_000)
        case "wide":
            world.serve(url, b'{"a":[' + b"{}," * 340_000 + b"{}]}")
    note = mallory.note("<p>x</p>", inReplyTo=url, context=f"{thread}/context")
    world.requests.clear()
    async with measured() as cost:
        assert (await mallory.post(f"{node.origin}/inbox", mallory.create(note))).status == 202
        await node.settle()
    asked = [fetch for fetch in world.fetches if "/notes/bad" in fetch.target]
    tell(f"an answer: {kind}", requests=len(asked), **cost.told())

    assert 1 <= len(asked) <= budget.PER_DOMAIN
    assert cost.seconds < PATIENCE
    # 340,000 dicts are 25 MiB for as long as it takes to refuse or to drop them.
    assert cost.memory < (4 * MEMORY if kind == "wide" else MEMORY)
    assert cost.busy < BUSY
    await maria.post(f"{node.origin}/inbox", maria.follow(f"{node.origin}/g/garden"))
    await node.settle()
    assert await node.follower_count(f"{node.origin}/g/garden") == 1


# ------------------------------------------------------------------ those who come and say nothing


async def test_three_hundred_slow_connections_cost_little_and_are_hung_up_on(
    node: Moot, thread: str, caplog: pytest.LogCaptureFixture
) -> None:
    """DOS-05, DOS-19, HTT-02: half of them stop in the headers, half in the body of a letter or form."""
    patience = Patience(headers=2.0, body=2.0)
    async with listening(node.parts, "127.0.0.1", 0, patience=patience) as port, measured() as cost:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
        for number, (_, writer) in enumerate(slow):
            path, kind = [("/inbox", AS2), ("/sign-in", "application/x-www-form-urlencoded")][number // 2 % 2]
            head = f"POST {path} HTTP/1.1\r\nHost: {node.host}\r\nContent-Type: {kind}\r\n"
            writer.write((head + ("Content-Length: 999\r\n\r\n{" if number % 2 else "X-Slow: ")).encode())
        began = time.monotonic()
        status, _, _ = await node.get(thread)
        answered = time.monotonic() - began
        async with asyncio.timeout(PATIENCE):
            ended = await asyncio.gather(*(reader.read() for reader, _ in slow), return_exceptions=True)
        for _, writer in slow:
            writer.close()
    tell("300 slow connections", page=f"{answered:.2f} s", hung_up_on=len(ended), **cost.told())
    assert status == 200
    assert answered < PATIENCE
    assert not [record for record in caplog.records if record.exc_info], "who hangs up is no fault of ours"
    assert cost.memory < MEMORY
    assert cost.busy < BUSY
