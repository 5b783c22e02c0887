"""People who read and a thread to be read, on each engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from node.consequences import follow_up
from node.forum import threads as forum
from storage import threads
from storage.schema import Actor, Comment, Group, Guest, Handle, Host, Membership, Thread
from storage.work import Storage, Work

ORIGIN = "https://node.test"


@dataclass
class Circle:
    """A group with a thread, and whoever a test brings in."""

    storage: Storage
    clock: Any
    ids: dict[str, int] = field(default_factory=dict)

    async def person(self, name: str, *, host: str | None = None, member: bool = True, **given: Any) -> int:
        """Someone of ours or of another host; ours join the group."""

        def insert(work: Work) -> int:
            actor = make_actor(work, name, host=host, **given)
            if member and host is None and "group" in self.ids:
                work.add(Membership(group_id=self.ids["group"], actor_id=actor.id, joined_at=work.now))
            return actor.id

        self.ids[name] = await self.storage.write(insert)
        return self.ids[name]

    async def group(self, name: str = "commons", **given: Any) -> int:
        """A group; the first one is that of everybody who comes after."""

        def insert(work: Work) -> int:
            actor = make_actor(work, name, kind="group")
            work.add(Group(actor_id=actor.id, **given))
            return actor.id

        made = await self.storage.write(insert)
        self.ids.setdefault("group", made)
        return made

    async def join(self, person: int, group: int, role: str = "member") -> None:
        """Makes someone a member."""
        await self.storage.write(
            lambda work: work.add(Membership(group_id=group, actor_id=person, role=role, joined_at=work.now))
        )

    async def invite(self, person: int, thread: int) -> None:
        """Makes someone a guest of a thread."""
        await self.storage.write(lambda work: work.add(Guest(thread_id=thread, actor_id=person, joined_at=work.now)))

    async def thread(self, author: int, title: str = "Who pays?", *, group: int = 0, private: bool = False) -> int:
        """A thread in the group."""

        def start(work: Work) -> int:
            opening = forum.start_thread(
                work,
                work.get_one(Actor, author),
                work.get_one(Group, group or self.ids["group"]),
                title,
                forum.compose(work, "Tell us."),
                private=private,
            )
            return opening.thread_id

        return await self.storage.write(start)

    async def say(self, thread: int, author: int, source: str = "Yes.", *, to: int = 0, uri: str = "") -> int:
        """A comment on item number `to`; answers its number."""

        def post(work: Work) -> int:
            person = work.get_one(Actor, author)
            parent = threads.comment_by_number(work, thread, to)
            assert parent is not None
            elsewhere = None
            if not person.local:
                elsewhere = forum.Elsewhere(uri or f"https://{person.host}/notes/{work.mint()}")
            return forum.post_comment(work, person, parent, forum.compose(work, source), elsewhere=elsewhere).number

        return await self.storage.write(post)

    async def do(self, verb: Callable[..., Any], actor: int, *arguments: Any, **named: Any) -> Any:
        """A verb of somebody's."""
        return await self.storage.write(lambda work: verb(work, work.get_one(Actor, actor), *arguments, **named))

    async def item(self, thread: int, number: int) -> Comment:
        """The row of an item, to look at."""
        found = await self.storage.read(threads.comment_by_number, thread, number)
        assert found is not None
        return found

    async def change(self, kind: type, key: Any, **values: Any) -> None:
        """Sets columns of a row."""

        def set_them(work: Work) -> None:
            row = work.get_one(kind, key)
            for name, value in values.items():
                setattr(row, name, value)

        await self.storage.write(set_them)

    async def host(self, name: str, **given: Any) -> None:
        """Another server, with what is known of it."""

        def set_it(work: Work) -> None:
            host = work.get(Host, name)
            if host is None:
                host = Host(host=name, created_at=work.now)
                work.add(host)
            for key, value in given.items():
                setattr(host, key, value)

        await self.storage.write(set_it)

    async def row(self, kind: type, key: Any) -> Any:
        """A row, to look at."""
        return await self.storage.read(lambda work: work.get(kind, key))


def make_actor(work: Work, name: str, *, kind: str = "person", host: str | None = None, **given: Any) -> Actor:
    """An actor with a handle, if it is ours."""
    letter = "g" if kind == "group" else "u"
    uri = f"https://{host}/users/{name}" if host else f"{ORIGIN}/{letter}/{name}"
    actor = Actor(
        uri=uri,
        kind=kind,
        local=host is None,
        host=host or "node.test",
        name=name,
        display_name=given.pop("title", name.title()),
        url=uri,
        inbox=f"{uri}/inbox",
        created_at=work.now,
        updated_at=work.now,
        **given,
    )
    work.add(actor)
    work.flush()
    if host is None:
        work.add(Handle(name=name, actor_id=actor.id))
        work.flush()
    return actor


@pytest.fixture
async def circle(storage: Storage, clock: Any) -> Circle:
    """A group with Ana, Ben and Mira in it."""
    storage.on_event = follow_up
    circle = Circle(storage, clock)
    await circle.group()
    for name in ("ana", "ben", "mira"):
        await circle.person(name)
    return circle


@pytest.fixture
async def thread(circle: Circle) -> int:
    """A thread that Ana started."""
    return await circle.thread(circle.ids["ana"])


async def thread_row(circle: Circle, thread: int) -> Thread:
    """The thread as it stands."""
    found: Thread = await circle.row(Thread, thread)
    return found
