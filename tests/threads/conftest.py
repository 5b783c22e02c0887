"""Threads as verbs change them, on each engine: people and groups by name, items by a key of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from node.forum import groups, members, people, threads
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Act, Actor, Comment, Group, Membership, Thread
from storage.work import Storage, Work


@dataclass(frozen=True)
class Row:
    """What a test asks about an item."""

    number: int
    depth: int
    path: str
    state: str
    parent: str | None
    source: str
    moved_to: str | None


@dataclass
class Scene:
    """A group garden with ana, its admin, mira, a moderator, and the members ben and cem; dora is outside."""

    storage: Storage
    uris: dict[str, str] = field(default_factory=dict)

    async def set_up(self) -> None:
        def make(work: Work) -> None:
            ana, mira, ben, cem, _ = (
                people.create_person(work, name) for name in ("ana", "mira", "ben", "cem", "dora")
            )
            group, _ = groups.create_group(work, "garden", title="The garden", creator=ana)
            members.join(work, mira, group, role="moderator")
            for member in (ben, cem):
                members.join(work, member, group)

        await self.storage.write(make)

    async def group(self, name: str, *who: str, role: str = "member", **settings: Any) -> None:
        """Another group, the first member of which is its admin."""

        def make(work: Work) -> None:
            made, _ = groups.create_group(work, name, creator=actor(work, who[0]))
            for member in who[1:]:
                members.join(work, actor(work, member), made, role=role)
            for column, value in settings.items():
                setattr(made, column, value)

        await self.storage.write(make)

    async def start(self, key: str, author: str = "ana", source: str = "Where?", **more: Any) -> str:
        """A thread in a group, garden unless told; its opening is known by `key`."""
        group_name = more.pop("group", "garden")

        def act(work: Work) -> str:
            words = threads.compose(work, source)
            title = more.pop("title", "Beans")
            return threads.start_thread(work, actor(work, author), group(work, group_name), title, words, **more).uri

        self.uris[key] = await self.storage.write(act)
        return self.uris[key]

    async def say(self, key: str, to: str, author: str = "ben", source: str = "") -> str:
        """An answer to an item."""

        def act(work: Work) -> str:
            return threads.post_comment(work, actor(work, author), self.item(work, to), words(work, source or key)).uri

        self.uris[key] = await self.storage.write(act)
        return self.uris[key]

    async def act(self, verb: Callable[..., Any], who: str | None, what: str, *rest: Any, **more: Any) -> None:
        """A verb that takes work, actor and item."""
        await self.storage.write(
            lambda work: verb(work, actor(work, who) if who else None, self.item(work, what), *rest, **more) and None
        )

    async def tend(self, verb: Callable[..., Any], who: str | None, what: str, *rest: Any, **more: Any) -> None:
        """A verb that takes work, actor and the id of a thread, here by an item of it."""
        await self.storage.write(
            lambda work: (
                verb(work, actor(work, who) if who else None, self.item(work, what).thread_id, *rest, **more) and None
            )
        )

    def item(self, work: Work, key: str) -> Comment:
        found = stored_threads.comment_by_uri(work, self.uris.get(key, key))
        assert found is not None, key
        return found

    async def row(self, key: str) -> Comment:
        """The row of an item, to look at."""
        return await self.storage.read(self.item, key)

    async def thread(self, key: str) -> Thread:
        """The row of its thread, to look at."""
        return await self.storage.read(lambda work: stored_threads.by_id(work, self.item(work, key).thread_id))

    async def rows(self, key: str) -> dict[str, Row]:
        """Every item of a thread, by the test's keys, in the order of the page; others by their number."""
        names = {uri: name for name, uri in self.uris.items()}

        def ask(work: Work) -> dict[str, Row]:
            query = select(Comment).where(Comment.thread_id == self.item(work, key).thread_id).order_by(Comment.path)

            def named(id: int | None) -> str | None:
                return None if id is None else names.get(stored_threads.comment(work, id).uri, "?")

            return {
                names.get(row.uri, f"#{row.number}"): Row(
                    row.number, row.depth, row.path, row.state, named(row.parent_id), row.source,
                    named(row.moved_to_id),
                )
                for row in work.scalars(query)
            }  # fmt: skip

        return await self.storage.read(ask)

    async def acts(self) -> list[tuple[str | None, str, str]]:
        """What moderators did: who, what, why."""

        def ask(work: Work) -> list[tuple[str | None, str, str]]:
            rows = work.scalars(select(Act).order_by(Act.id))
            return [
                (stored_people.by_id(work, row.actor_id).name if row.actor_id else None, row.verb, row.reason)
                for row in rows
            ]

        return await self.storage.read(ask)

    async def set_role(self, name: str, role: str, group_name: str = "garden") -> None:
        """Gives somebody another part."""

        def act(work: Work) -> None:
            of = (group(work, group_name).actor_id, actor(work, name).id)
            work.query(Membership).filter_by(group_id=of[0], actor_id=of[1]).one().role = role

        await self.storage.write(act)


def actor(work: Work, name: str) -> Actor:
    """Somebody of ours."""
    found = stored_people.by_name(work, name)
    assert found is not None, name
    return found


def group(work: Work, name: str) -> Group:
    """A group of ours."""
    return work.get_one(Group, actor(work, name).id)


def words(work: Work, source: str) -> Any:
    """Markdown, ready to be posted."""
    return threads.compose(work, source)


@pytest.fixture
async def scene(storage: Storage) -> Scene:
    """The garden, on each engine in turn."""
    made = Scene(storage)
    await made.set_up()
    return made
