"""Letters from elsewhere: a thread to answer, what becomes of each letter, and what is left afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from storage import people, threads
from storage.schema import Comment, Letter, Notice, Reaction, Thread
from storage.work import Work
from tests.equipment.nodes import Moot
from tests.peers.scripted import Document, ScriptedActor
from tests.peers.wire import Reply


@dataclass(frozen=True)
class Item:
    """What a test asks about an item."""

    uri: str
    number: int
    path: str
    depth: int
    state: str
    reason: str | None
    parent: str | None
    author: str | None
    html: str


async def a_thread(node: Moot, **settings: Any) -> str:
    """A thread of ana's in the group garden; answers the URI of its opening."""
    await node.person("ana")
    await node.group("garden", "ana", **settings)
    return await node.start("ana", "garden", "Tools", "Who has a ladder?")


async def deliver(node: Moot, sender: ScriptedActor, *activities: Document) -> list[Reply]:
    """Posts to the shared inbox, one after the other, and has the node read them: one signer's are read in order."""
    replies = [await sender.post(f"{node.origin}/inbox", activity) for activity in activities]
    await node.settle()
    return replies


async def outcomes(node: Moot) -> list[str]:
    """What came of each letter, in order: its outcome, or that it waits or was parked."""

    def ask(work: Work) -> list[str]:
        rows = work.execute(select(Letter.state, Letter.outcome).order_by(Letter.id))
        return [outcome or "" if state == "done" else f"{state}: {outcome}" for state, outcome in rows]

    return await node.storage.read(ask)


async def items(node: Moot, opening: str) -> dict[str, Item]:
    """Every row of a thread by its URI, in the order of the page."""

    def ask(work: Work) -> dict[str, Item]:
        first = threads.comment_by_uri(work, opening)
        assert first is not None
        rows = work.scalars(select(Comment).where(Comment.thread_id == first.thread_id).order_by(Comment.path))
        found = {}
        for row in rows:
            parent = threads.comment(work, row.parent_id).uri if row.parent_id else None
            author = people.by_id(work, row.author_id).uri if row.author_id else None
            found[row.uri] = Item(
                row.uri, row.number, row.path, row.depth, row.state, row.reason, parent, author, row.html
            )
        return found

    return await node.storage.read(ask)


async def visible(node: Moot, opening: str) -> set[str]:
    """The URIs of what can be seen in a thread, its opening aside."""
    return {uri for uri, item in (await items(node, opening)).items() if item.state == "visible" and item.number}


async def reactions(node: Moot, uri: str) -> list[tuple[str, str]]:
    """Who reacted to an item, and how."""

    def ask(work: Work) -> list[tuple[str, str]]:
        comment = threads.comment_by_uri(work, uri)
        assert comment is not None
        rows = work.scalars(select(Reaction).where(Reaction.comment_id == comment.id).order_by(Reaction.id))
        return [(people.by_id(work, row.actor_id).handle, row.kind) for row in rows]

    return await node.storage.read(ask)


async def notices(node: Moot) -> list[tuple[str, str]]:
    """Whom a private notice is for, and what it says."""

    def ask(work: Work) -> list[tuple[str, str]]:
        rows = work.scalars(select(Notice).where(Notice.kind == "private").order_by(Notice.id))
        return [(people.by_id(work, row.actor_id).name, row.html) for row in rows]

    return await node.storage.read(ask)


async def count_threads(node: Moot) -> int:
    """How many threads there are."""
    return await node.storage.read(lambda work: len(list(work.scalars(select(Thread.id)))))


async def knows(node: Moot, actor: str) -> bool:
    """Whether anything is remembered of an actor."""
    return await node.storage.read(lambda work: people.by_uri(work, actor) is not None)


def copy(document: Document, **changes: Any) -> Document:
    """A document of its own, with changes; None takes a key away."""
    made: Document = json.loads(json.dumps(document)) | changes
    return {key: value for key, value in made.items() if value is not None}
