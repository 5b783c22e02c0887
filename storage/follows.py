"""Whom someone of ours follows, how far that has come, and who is there to be followed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, select

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
        .where(Follow.follower_id == follower_id, Actor.local.is_(False), heard(Actor))
    )
    found = [Followed(as_person(actor), state, asked_at) for actor, state, asked_at in work.execute(query)]
    return sorted(found, key=lambda followed: (followed.person.name.casefold(), followed.person.id))


def held_here(work: Work, target_id: int, *, after: int, limit: int) -> list[Follow]:
    """The follows of the target by standing accounts of ours, asked or accepted, in order."""
    query = (
        select(Follow)
        .join(Actor, Actor.id == Follow.follower_id)
        .where(
            Follow.target_id == target_id,
            Follow.id > after,
            Follow.state.in_(("pending", "accepted")),
            Actor.local.is_(True),
            Actor.state == "active",
            Actor.moved_to.is_(None),
        )
    )
    return list(work.scalars(query.order_by(Follow.id).limit(limit)))


def elsewhere(work: Work, name: str, host: str, *, group: bool = False) -> Actor | None:
    """Whoever of another server has that handle and is not hidden here; a group and a person may share one."""
    query = select(Actor).where(
        func.lower(Actor.name) == name.lower(), Actor.host == host.lower(), Actor.local.is_(False), heard(Actor)
    )
    if group:
        query = query.where(Actor.kind == "group")
    # Whoever had the handle before left no word; who has it now was met later.
    return work.scalars(query.order_by(Actor.kind == "group", Actor.id.desc()).limit(1)).first()


def heard(actor: type[Actor]) -> ColumnElement[bool]:
    """The actor is neither gone nor suspended nor on a blocked host."""
    blocked = exists(select(Host.host).where(Host.host == actor.host, Host.limit == "suspend").correlate(actor))
    return and_(actor.state == "active", ~blocked)


def is_heard(work: Work, actor_id: int) -> bool:
    """The actor is shown here."""
    return work.scalar(select(Actor.id).where(Actor.id == actor_id, heard(Actor))) is not None
