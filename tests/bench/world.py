"""The world that is measured: a group with a long thread, people elsewhere who write, hosts that are written to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import func, insert, select

from federation.documents import PUBLIC, serialise
from federation.keys import Signer
from federation.signatures import sign
from node.app import Parts
from node.forum import groups, members, people, threads
from storage import threads as stored_threads
from storage.clock import mint
from storage.schema import Activity, Actor, Comment, Delivery, Follow, Group, Host, Key, Letter, Thread
from storage.work import Work
from tests.bench.sink import address_of

LONG = 10_000  # comments of the long thread
LOCALS = 20
SENDERS = 200  # people elsewhere, each on a host of their own: one host may send us only so much
FOLLOWERS = 7  # hosts that follow the group: five read as Mastodon does, two as Lemmy does
WORDS = "<p>" + "The pot works as long as everybody sees what came in and what went out of it. " * 5 + "</p>"


@dataclass(frozen=True)
class World:
    """What rows need to know of it."""

    origin: str
    thread: str  # path of the long thread's page
    notes: tuple[str, ...]  # paths of comments of ours in it
    parents: tuple[str, ...]  # URIs of comments that are answered, in twenty threads
    group_id: int


def sender_uri(number: int) -> str:
    """The actor who writes from host #number."""
    return f"https://peer{number}.example/users/ana"


async def make(parts: Parts, private: rsa.RSAPrivateKey, *, size: int = LONG) -> World:
    """Fills an empty node."""
    origin = parts.node.settings.origin
    group_id, opening = await parts.node.storage.write(_settle)
    await parts.node.storage.write(_meet, public_pem(private))
    uids, path = await parts.node.storage.write(_talk, opening, size)
    parents = await parts.node.storage.write(_start_others, group_id)
    await parts.keyring.signer(group_id)  # made here, not in the middle of a measurement
    return World(origin, path, tuple(f"/comment/{uid}" for uid in uids), tuple(parents), group_id)


def public_pem(private: rsa.RSAPrivateKey) -> str:
    """The public half as actors show it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _settle(work: Work) -> tuple[int, str]:
    founder = people.create_person(work, "person0", display_name="Person 0")
    group, actor = groups.create_group(work, "commons", title="The commons", creator=founder)
    for number in range(1, LOCALS):
        members.join(work, people.create_person(work, f"person{number}", display_name=f"Person {number}"), group)
    words = threads.compose(work, "Who pays for what, and how do we see it?")
    return actor.id, threads.start_thread(work, founder, group, "A long one", words).uri


def _meet(work: Work, pem: str) -> None:
    """People and hosts elsewhere, known well enough that nothing has to be fetched."""
    work.execute(insert(Actor), [_remote(work, number) for number in range(SENDERS)])
    hosts = [f"peer{number}.example" for number in range(SENDERS)]
    # Those who follow are not to be written to now: what is measured with them is reading.
    later = {"failures": 1, "next_try_at": work.now + timedelta(days=1)}
    work.execute(
        insert(Host),
        [
            {"host": host, "created_at": work.now, "asked_at": work.now, "last_inbound_at": work.now}
            | {"dialect": "forum" if FOLLOWERS - 2 <= number < FOLLOWERS else "microblog"}
            | (later if number < FOLLOWERS else {"failures": 0, "next_try_at": None})
            for number, host in enumerate(hosts)
        ],
    )
    known = {uri: actor_id for uri, actor_id in work.execute(select(Actor.uri, Actor.id))}
    senders = [(sender_uri(number), known[sender_uri(number)]) for number in range(SENDERS)]
    key = {"algorithm": "rsa", "public_pem": pem, "refreshed_at": work.now}
    work.execute(insert(Key), [key | {"uri": f"{uri}#main-key", "actor_id": actor_id} for uri, actor_id in senders])
    group_id = known[f"{work.origin}/g/commons"]
    follow = {"target_id": group_id, "state": "accepted", "created_at": work.now}
    work.execute(insert(Follow), [follow | {"follower_id": actor_id} for _, actor_id in senders[:FOLLOWERS]])


def _remote(work: Work, number: int) -> dict[str, Any]:
    uri = sender_uri(number)
    return {
        "uri": uri, "kind": "person", "local": False, "host": f"peer{number}.example", "name": "ana",
        "display_name": f"Ana {number}", "url": f"https://peer{number}.example/@ana", "inbox": f"{uri}/inbox",
        "shared_inbox": f"https://peer{number}.example/inbox", "followers": f"{uri}/followers",
        "created_at": work.now, "updated_at": work.now, "refreshed_at": work.now,
    }  # fmt: skip


def _talk(work: Work, opening_uri: str, size: int) -> tuple[list[str], str]:
    opening = stored_threads.comment_by_uri(work, opening_uri)
    assert opening is not None
    thread = stored_threads.by_id(work, opening.thread_id)
    authors = list(work.scalars(select(Actor.id).where(Actor.kind == "person").order_by(Actor.id)))
    rows = list(_grow(work, thread, opening, authors, size))
    work.execute(insert(Comment), rows)
    if work.dialect == "postgresql":  # the ids were given here
        work.execute(select(func.setval(func.pg_get_serial_sequence("comments", "id"), rows[-1]["id"])))
    thread.next_number, thread.comments_count, thread.version = size + 1, size, thread.version + size
    own = [row["uid"] for row in rows if row["uri"].startswith(work.origin)]
    return own[:2000], f"/g/commons/{thread.uid}-{thread.slug}"


def _grow(work: Work, thread: Thread, opening: Comment, authors: list[int], size: int) -> Iterator[dict[str, Any]]:
    """Comments that answer each other as people do: most of them what was said lately."""
    dice = random.Random(size)
    places: list[tuple[int, str, int]] = [(opening.id, "", 0)]
    for number in range(1, size + 1):
        parent = 0 if dice.random() < 0.3 else max(0, number - 1 - int(dice.expovariate(0.2)))
        parent_id, path, depth = places[parent]
        if depth < stored_threads.DEPTH:
            path, depth = path + stored_threads.segment(number), depth + 1
        else:
            path = path[: -stored_threads.SEGMENT] + stored_threads.segment(number)
        comment_id = opening.id + number
        places.append((comment_id, path, depth))
        uid = mint(work.now)
        author = authors[number % len(authors)]
        ours = author <= authors[LOCALS - 1]
        yield {
            "id": comment_id, "uid": uid, "thread_id": thread.id, "parent_id": parent_id, "author_id": author,
            "uri": f"{work.origin}/comment/{uid}" if ours else f"https://peer{number % 100}.example/notes/{number}",
            "number": number, "path": path, "depth": depth, "html": WORDS, "source": WORDS, "wire": WORDS,
            "published_at": work.now - timedelta(days=2), "arrived_at": work.now - timedelta(days=2),
        }  # fmt: skip


def _start_others(work: Work, group_id: int) -> list[str]:
    """Twenty threads in which people elsewhere will answer."""
    founder, group = work.scalars(select(Actor).where(Actor.name == "person0")).one(), work.get_one(Group, group_id)
    words = threads.compose(work, "What do you think?")
    return [threads.start_thread(work, founder, group, f"Question {number}", words).uri for number in range(20)]


# ------------------------------------------------------------------ letters


def reply(world: World, number: int) -> tuple[str, bytes]:
    """A sender, and a Create of theirs that answers something here, as Mastodon writes it."""
    actor = sender_uri(FOLLOWERS + number % (SENDERS - FOLLOWERS))
    base = actor.removesuffix("/users/ana")
    uri, parent = f"{base}/notes/{number}", world.parents[number % len(world.parents)]
    now = datetime.now(UTC).replace(microsecond=0)
    note = {
        "id": uri, "type": "Note", "attributedTo": actor, "inReplyTo": parent, "published": now.isoformat(),
        "url": f"{base}/@ana/{number}", "to": [PUBLIC], "cc": [f"{actor}/followers", f"{world.origin}/u/person0"],
        "content": WORDS, "tag": [{"type": "Mention", "href": f"{world.origin}/u/person0", "name": "@person0"}],
        "sensitive": False, "conversation": f"tag:{base[8:]},2026-11-22:objectId={number}:objectType=Conversation",
    }  # fmt: skip
    create = {
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
        "id": f"{uri}/activity", "type": "Create", "actor": actor, "published": now.isoformat(),
        "to": note["to"], "cc": note["cc"], "object": note,
    }  # fmt: skip
    return actor, serialise(create)


def posted(world: World, private: rsa.RSAPrivateKey, number: int) -> bytes:
    """The whole HTTP request that brings reply #number to the shared inbox, signed."""
    actor, body = reply(world, number)
    signer = Signer(f"{actor}#main-key", private)
    headers = sign(signer, "POST", f"{world.origin}/inbox", body=body, now=datetime.now(UTC))
    headers |= {"Content-Length": str(len(body)), "User-Agent": "Mastodon/4.5.0", "Accept-Encoding": "gzip"}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /inbox HTTP/1.1\r\n{head}\r\n".encode() + body


def write_letters(work: Work, world: World, first: int, count: int) -> None:
    """So many replies, taken in and waiting to be read."""
    rows = []
    for number in range(first, first + count):
        actor, body = reply(world, number)
        rows.append(
            {"signer": actor, "digest": sha256(body).hexdigest(), "key_id": f"{actor}#main-key", "body": body,
             "host": actor.split("/")[2], "next_try_at": work.now, "received_at": work.now}
        )  # fmt: skip
    work.execute(insert(Letter), rows)


# ------------------------------------------------------------------ deliveries


def write_deliveries(work: Work, world: World, *, hosts: int, port: int, activities: int) -> None:
    """So many activities for so many hosts that took what they got last."""
    write_hosts(work, hosts=hosts, port=port)
    owe(work, world, hosts=hosts, port=port, activities=activities)


def write_hosts(work: Work, *, hosts: int, port: int) -> None:
    """So many hosts that took what they got last."""
    work.execute(
        insert(Host),
        [
            {"host": f"{address_of(number)}:{port}", "created_at": work.now, "asked_at": work.now,
             "last_success_at": work.now}
            for number in range(hosts)
        ],
    )  # fmt: skip


def owe(work: Work, world: World, *, hosts: int, port: int, activities: int) -> None:
    """So many activities for each of these hosts."""
    rows = work.execute(
        select(Comment.uri, Comment.author_id).where(Comment.uri.in_([f"{world.origin}{p}" for p in world.notes]))
    ).all()
    for uri, author_id in rows[:activities]:
        body = serialise({"type": "Create", "object": {"id": uri, "content": WORDS}, "to": [PUBLIC]})
        activity = Activity(
            uri=f"{world.origin}/a/{work.mint()}", actor_id=author_id, type="Create", about=uri, public=True,
            microblog=body, forum=body, created_at=work.now,
        )  # fmt: skip
        work.add(activity)
        work.flush()
        work.execute(
            insert(Delivery),
            [
                {"activity_id": activity.id, "signer_id": world.group_id, "host": f"{address_of(number)}:{port}",
                 "inbox": f"http://{address_of(number)}:{port}/inbox", "about": uri, "dialect": "microblog",
                 "created_at": work.now}
                for number in range(hosts)
            ],
        )  # fmt: skip


def get(path: str, world: World, **headers: str) -> bytes:
    """The whole HTTP request for a path."""
    head = {"Host": world.origin.removeprefix("http://"), "User-Agent": "bench", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()
