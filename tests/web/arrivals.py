"""People who come to the door of a node under test, and the mails that are written to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from node.consequences import follow_up
from node.forum import people
from storage.schema import Account, Mail, SignedIn
from storage.work import Work

if TYPE_CHECKING:
    from tests.web.conftest import Browser, Moot

PASSWORD = "beans and barley soup"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        """Moves on by `hours=1`, `seconds=30` and the like."""
        self.moment += timedelta(**by)


@dataclass(frozen=True)
class Post:
    """A mail that waits to be sent."""

    kind: str
    to: str
    words: str

    @property
    def link(self) -> str:
        """The path of its link."""
        found = re.search(r"https://moot\.example(/\S*[\w-]{43})\b", self.words)
        assert found, self.words
        return found[1]

    @property
    def code(self) -> str:
        """Its six digits."""
        found = re.search(r"^\s*(\d{6})\s*$", self.words, re.MULTILINE)
        assert found, self.words
        return found[1]


def awaken(moot: Moot) -> Clock:
    """Lets what follows from events follow, and gives the node a clock that the test moves."""
    clock = Clock(moot.storage.now())
    moot.storage.on_event = follow_up
    moot.storage.now = clock
    return clock


async def member(
    moot: Moot, name: str = "ana", *, password: str | None = PASSWORD, email: str | None = "", admin: bool = False
) -> int:
    """Someone with an account and that password; answers their id."""
    kept = await moot.node.passwords.hash(password) if password else None

    def make(work: Work) -> int:
        actor = people.create_person(work, name, display_name=name.title())
        address = f"{name}@coop.example" if email == "" else email
        work.add(Account(actor_id=actor.id, email=address, password_hash=kept, admin=admin, created_at=work.now))
        return actor.id

    return await moot.storage.write(make)


async def post_of(moot: Moot) -> list[Post]:
    """The mails that were written since it was last asked."""

    def take(work: Work) -> list[Post]:
        mails = work.query(Mail).filter(Mail.sent_at.is_(None)).order_by(Mail.id).all()
        for mail in mails:
            mail.sent_at = work.now
        return [Post(mail.kind, mail.to_address, mail.text) for mail in mails]

    return await moot.storage.write(take)


async def the_post(moot: Moot, kind: str) -> Post:
    """The one mail that was written since it was last asked, which must be of that kind."""
    found = await post_of(moot)
    assert [mail.kind for mail in found] == [kind]
    return found[0]


async def sign_in(moot: Moot, login: str = "ana", password: str = PASSWORD) -> Browser:
    """A browser in which someone signed in with a password."""
    browser = moot.browser()
    response = await browser.post("/sign-in", login=login, password=password)
    assert response.status == 303, (response.status, await response.text())
    return browser


async def is_signed_in(browser: Browser) -> bool:
    """The pages of members are open to it."""
    return (await browser.get("/settings")).status == 200


async def account_of(moot: Moot, actor_id: int) -> Account:
    """The row of an account, to look at."""
    return await moot.storage.read(lambda work: work.get_one(Account, actor_id))


async def sessions_of(moot: Moot, actor_id: int) -> int:
    """How many browsers someone is signed in with."""
    return await moot.storage.read(lambda work: work.query(SignedIn).filter_by(actor_id=actor_id).count())
