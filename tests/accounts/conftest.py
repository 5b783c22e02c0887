"""People with accounts, at a node whose clock stands still, and the mails that were written to them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from node.consequences import follow_up
from node.forum import accounts, people
from node.forum.signing_in import Place
from storage.people import by_name
from storage.schema import Account, Actor, Mail
from storage.work import Storage, Work
from tests.conftest import HeldClock

R = TypeVar("R")

HOME = Place("a browser at home, with a long secret", "192.0.2.0/24", "Firefox")
ELSEWHERE = Place("a browser of somebody else", "198.51.100.0/24", "curl")


@dataclass(frozen=True)
class Post:
    """A mail that waits to be sent."""

    kind: str
    to: str
    words: str

    @property
    def secret(self) -> str:
        """That of its link."""
        return re.search(r"/([\w-]{43})\b", self.words)[1]  # type: ignore[index]

    @property
    def code(self) -> str:
        """Its six digits."""
        return re.search(r"^\s*(\d{6})\s*$", self.words, re.MULTILINE)[1]  # type: ignore[index]


@dataclass
class Door:
    """The storage with what follows from events, and what tests do with it."""

    storage: Storage
    clock: HeldClock

    async def do(self, verb: Callable[..., R], *args: Any, **given: Any) -> R:
        """Runs a verb."""
        return await self.storage.write(verb, *args, **given)

    async def as_actor(self, name: str, verb: Callable[..., R], *args: Any, **given: Any) -> R:
        """Runs a verb with someone as its actor."""
        return await self.storage.write(lambda work: verb(work, _named(work, name), *args, **given))

    async def member(
        self, name: str = "ana", *, email: str | None = None, password: str | None = "kept", admin: bool = False
    ) -> int:
        """Someone with an account, whose password hash is what is given."""

        def make(work: Work) -> int:
            actor = people.create_person(work, name, display_name=name.title())
            accounts.make(work, actor, email=email or f"{name}@coop.example", admin=admin)
            work.get_one(Account, actor.id).password_hash = password
            return actor.id

        made = await self.storage.write(make)
        await self.post()  # what was written to them until now is read
        return made

    async def account(self, actor_id: int) -> Account:
        """The row of an account, to look at."""
        return await self.storage.read(lambda work: work.get_one(Account, actor_id))

    async def post(self) -> list[Post]:
        """The mails that were written since it was last asked."""

        def take(work: Work) -> list[Post]:
            mails = work.query(Mail).filter(Mail.sent_at.is_(None)).order_by(Mail.id).all()
            for mail in mails:
                mail.sent_at = work.now
            return [Post(mail.kind, mail.to_address, mail.text) for mail in mails]

        return await self.storage.write(take)


def _named(work: Work, name: str) -> Actor:
    actor = by_name(work, name)
    assert actor is not None, f"there is no {name}"
    return actor


@pytest.fixture
async def door(database_url: str, clock: HeldClock) -> AsyncIterator[Door]:
    """A storage on each engine that follows up on events as the node does."""
    storage = Storage(database_url, origin="https://node.test", on_event=follow_up, now=clock)
    storage.start()
    yield Door(storage, clock)
    storage.close()
