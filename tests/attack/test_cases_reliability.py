"""A database that is away, busy or shared, as other servers notice it (REL)."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import func, make_url, select

from storage import letters
from storage import work as storage_work
from storage.schema import Fact
from storage.work import Storage, Work
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits ten seconds for a lock here; a busy machine needs two."""
    monkeypatch.setattr(storage_work, "LOCKED_MS", 2_000)


@contextmanager
def out_of_reach(database_url: str) -> Iterator[None]:
    """Another program holds the SQLite file; the PostgreSQL server drops everybody and lets nobody in."""
    if database_url.startswith("sqlite"):
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    url = make_url(database_url)
    name = sql.Identifier(url.database or "")
    plain = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(name))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [url.database])
        yield
        admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(name))


async def test_a_database_that_is_away_is_our_fault_and_for_a_while_only(
    node: Moot, world: ScriptedServer, database_url: str
) -> None:
    """REL-01, REL-13, REL-16: 503 with Retry-After, never a 4xx that drops the letter, never a 202 that loses it."""
    garden = await node.group("garden", await _member(node))
    thread = await node.start("liam", "garden", "Sheds")
    maria = world.actor("maria@mastodon.test")
    assert (await maria.post(f"{node.origin}/inbox", maria.follow(garden))).status == 202
    await node.settle()
    like = maria.like(thread)

    with out_of_reach(database_url):
        away = [await maria.post(f"{node.origin}/inbox", like) for _ in range(3)]
    again = await maria.post(f"{node.origin}/inbox", like)
    await node.settle()

    assert [reply.status for reply in away] == [503] * 3, away
    assert all(int(reply.headers["retry-after"]) > 0 for reply in away)
    assert not any(b"Traceback" in reply.body or b"sqlalchemy" in reply.body.lower() for reply in away)
    assert again.status == 202
    item = await node.item(thread)
    assert item is not None
    assert item.likes_count == 1


async def test_pages_say_so_too_when_the_database_is_away(node: Moot, database_url: str) -> None:
    """REL-01: a page is 200 from what can be read, or a 5xx that says nothing of our insides; never a 404 or 410."""
    await node.group("garden", await _member(node))
    thread = await node.start("liam", "garden", "Sheds")

    with out_of_reach(database_url):
        answers = [await node.get(path, accept) for path in (thread, "/g/garden") for accept in ("text/html", "")]
    for status, _, body in answers:
        assert status in (200, 303, 503), (status, body)
        assert b"Traceback" not in body
    assert (await node.get(thread))[0] == 200


async def test_a_letter_that_was_committed_late_is_not_passed_over(
    node: Moot, world: ScriptedServer, database_url: str, storage_beside: Storage
) -> None:
    """REL-09: numbers are taken in one order and committed in another; who reads on from the last one misses some."""
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer: what was numbered first is committed first")
    garden = await node.group("garden", await _member(node))
    thread = await node.start("liam", "garden", "Sheds")
    early, late = world.actor("maria@mastodon.test"), world.actor("piet@lemmy.test")
    for actor in (early, late):
        assert (await actor.post(f"{node.origin}/inbox", actor.follow(garden))).status == 202
    await node.settle()
    numbered, commit = threading.Event(), threading.Event()

    def accept_slowly(work: Work) -> None:
        body = early.letter(f"{node.origin}/inbox", early.like(thread)).body
        host = early.host
        letters.accept(work, signer=early.uri, digest="0" * 64, key_id=early.key_id, host=host, body=body)
        work.flush()
        numbered.set()
        assert commit.wait(20)

    slow = asyncio.create_task(storage_beside.write(accept_slowly))
    assert await asyncio.to_thread(numbered.wait, 20)
    assert (await late.post(f"{node.origin}/inbox", late.like(thread))).status == 202
    await node.settle()
    assert (await _likes(node, thread)) == 1
    commit.set()
    await slow
    await node.settle()

    assert (await _likes(node, thread)) == 2


async def test_two_programs_that_read_and_then_write_wait_for_each_other(
    database_url: str, storage: Storage, storage_beside: Storage
) -> None:
    """REL-11, REL-18: SQLite refuses at once whoever read before another wrote; nobody may see that."""

    def count_up(work: Work) -> int:
        fact = work.get(Fact, "count")
        if fact is None:
            fact = Fact(name="count", value="0")
            work.add(fact)
            work.flush()
        work.scalar(select(func.count()).select_from(Fact))
        work.add(Fact(name=f"n{work.mint()}", value="x"))
        work.flush()
        return 1

    await storage.write(count_up)
    done = await asyncio.gather(*(side.write(count_up) for _ in range(40) for side in (storage, storage_beside)))
    facts = await storage.read(lambda work: work.scalar(select(func.count()).select_from(Fact)))

    assert sum(done) == 80
    assert facts == 82


async def test_counts_are_what_a_recount_gives(node: Moot, world: ScriptedServer) -> None:
    """REL-08, REL-27: likes, taken back, repeated and out of order, from several people."""
    await node.group("garden", await _member(node))
    thread = await node.start("liam", "garden", "Sheds")
    chance = random.Random(7)
    people = [world.actor(f"{name}@mastodon.test") for name in ("ana", "bea", "cas", "dov", "eva")]
    sent = []
    for actor in people:
        for _ in range(3):
            like = actor.like(thread)
            sent += [(actor, like), (actor, actor.undo(like)), (actor, like)]
    keeps = [(actor, actor.like(thread)) for actor in people[:3]]
    chance.shuffle(sent)
    for actor, activity in [*sent, *keeps, *keeps]:
        assert (await actor.post(f"{node.origin}/inbox", activity)).status == 202
    await node.settle()
    item = await node.item(thread)
    assert item is not None
    document = await node.document(f"{thread}/likes")

    assert item.likes_count == document["totalItems"] == 3


async def _member(node: Moot) -> str:
    await node.person("liam")
    return "liam"


async def _likes(node: Moot, uri: str) -> int:
    item = await node.item(uri)
    assert item is not None
    return item.likes_count


@pytest.fixture
async def storage_beside(database_url: str, clock: Callable[[], datetime]) -> AsyncIterator[Storage]:
    """Another program at work on the same database."""
    storage = Storage(database_url, origin="https://node.test", now=clock)
    storage.start()
    yield storage
    storage.close()
