"""Whom someone of ours follows, and how far that has come."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from storage.people import Person, as_person
from storage.schema import Actor, Follow, Host
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Followed:
    """Someone who is followed, or was asked."""

    person: Person
    state: str  # pending, accepted, rejected
    asked_at: datetime


def by_follower(work: Work, follower_id: int) -> list[Followed]:
    """Everybody elsewhere whom the follower follows or asked, by name; those who are hidden here left out."""
    query = (
        select(Actor, Follow.state, Follow.created_at)
        .join(Follow, Follow.target_id == Actor.id)
        .outerjoin(Host, Host.host == Actor.host)
        .where(
            Follow.follower_id == follower_id,
            Actor.local.is_(False),
            Actor.state == "active",
            Host.blocked_at.is_(None),
        )
    )
    found = [Followed(as_person(actor), state, asked_at) for actor, state, asked_at in work.execute(query)]
    return sorted(found, key=lambda followed: (followed.person.name.casefold(), followed.person.id))
