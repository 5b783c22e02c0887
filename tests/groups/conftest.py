"""People and groups for the tests of this suite, by name, on each engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.forum import groups, members, people
from node.forum import threads as forum_threads
from storage import groups as stored_groups
from storage import people as stored_people
from storage.schema import Account, Actor, Group
from storage.work import Storage, Work


def who(work: Work, name: str) -> Actor:
    """The person or group actor of that handle."""
    actor = stored_people.by_name(work, name)
    assert actor is not None, f"there is no {name}"
    return actor


def group_of(work: Work, name: str) -> Group:
    """The group of that handle."""
    return work.get_one(Group, who(work, name).id)


def role_of(work: Work, group: str, person: str) -> str | None:
    """The part someone has in a group."""
    part = stored_groups.membership(work, who(work, group).id, who(work, person).id)
    return part.role if part is not None else None


class Village:
    """A storage with a few people and groups in it."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.told: list[Any] = []
        storage.on_event = lambda work, event: self.told.append(event)

    async def do(self, what: Callable[[Work], Any]) -> Any:
        """One transaction."""
        return await self.storage.write(what)

    async def people(self, *names: str, admin: str = "") -> None:
        """Members of the node, each with an account; one of them may run it."""

        def make(work: Work) -> None:
            for name in names:
                actor = people.create_person(work, name, display_name=name.title())
                work.add(
                    Account(actor_id=actor.id, email=f"{name}@moot.example", admin=name == admin, created_at=work.now)
                )

        await self.do(make)

    async def remote(self, name: str, host: str = "coop.example") -> None:
        """Someone of another server, who is called by their URI `https://host/users/name`."""

        def meet(work: Work) -> None:
            uri = f"https://{host}/users/{name}"
            work.add(
                Actor(
                    uri=uri, kind="person", local=False, host=host, name=name, display_name=name.title(), url=uri,
                    inbox=f"{uri}/inbox", created_at=work.now, updated_at=work.now,
                )
            )  # fmt: skip

        await self.do(meet)

    async def group(self, name: str, *inside: str, **given: Any) -> None:
        """A group, whose first member is its admin; `ben/moderator` has that part."""

        def make(work: Work) -> None:
            first, *others = inside or ("",)
            parent = given.pop("parent", None)
            settings = {key: given.pop(key) for key in tuple(given) if key not in ("title", "privacy", "language")}
            group, _ = groups.create_group(
                work,
                name,
                creator=who(work, first) if first else None,
                parent=group_of(work, parent) if parent else None,
                **given,
            )
            for other in others:
                person, _, role = other.partition("/")
                members.join(work, who(work, person), group, role=role or "member")
            if settings:
                groups.edit_group(work, group, **settings)

        await self.do(make)

    async def thread(self, author: str, group: str, title: str = "What next?", *, private: bool = False) -> str:
        """A thread; answers the uid of its opening."""

        def start(work: Work) -> str:
            words = forum_threads.compose(work, "Tell us.")
            opening = forum_threads.start_thread(
                work, who(work, author), group_of(work, group), title, words, private=private
            )
            return opening.uid

        return str(await self.do(start))

    async def refused(self, what: Callable[[Work], Any], kind: type[Exception], *words: str) -> None:
        """The transaction is refused in these words."""
        with pytest.raises(kind) as refusal:
            await self.do(what)
        for word in words:
            assert word in str(refusal.value)


@pytest.fixture
def village(storage: Storage) -> Village:
    """An empty node."""
    return Village(storage)
