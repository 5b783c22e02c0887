"""Blocks between actors: who wants nothing of whom. What they hide is in visibility.py."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from storage.people import Person, as_person
from storage.schema import Actor, Block, Membership, Reading
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody who is blocked, and since when."""

    person: Person
    since: datetime


def of(work: Work, actor_id: int, target_id: int) -> Block | None:
    """How the actor blocks the target."""
    return work.scalars(select(Block).where(Block.actor_id == actor_id, Block.target_id == target_id)).one_or_none()


def by_uri(work: Work, uri: str, actor_id: int) -> Block | None:
    """The actor's block whose activity has that id."""
    return work.scalars(select(Block).where(Block.uri == uri, Block.actor_id == actor_id)).first()


def blocked_by(work: Work, actor_id: int, *, limit: int = 1000) -> list[Blocked]:
    """Whom somebody blocked, the latest thousand, by name."""
    query = (
        select(Actor, Block.created_at)
        .join(Block, Block.target_id == Actor.id)
        .where(Block.actor_id == actor_id)
        .order_by(Block.id.desc())
        .limit(limit)
    )
    found = [Blocked(as_person(actor), since) for actor, since in work.execute(query)]
    return sorted(found, key=lambda blocked: (blocked.person.name.casefold(), blocked.person.id))


def blockers_of(work: Work, target_id: int) -> list[Actor]:
    """Those of ours, in use, who blocked the target."""
    query = select(Actor).join(Block, Block.actor_id == Actor.id)
    ours = (Block.target_id == target_id, Actor.local.is_(True), Actor.state == "active", Actor.kind == "person")
    return list(work.scalars(query.where(*ours).order_by(Actor.id)))


def readers_blocking(work: Work, author_id: int, thread_id: int, group_id: int) -> list[int]:
    """Those of ours who blocked the author and to whom the thread may come: who read it, or are in its group."""
    reading = exists().where(Reading.actor_id == Block.actor_id, Reading.thread_id == thread_id)
    member = exists().where(Membership.actor_id == Block.actor_id, Membership.group_id == group_id)
    query = (
        select(Block.actor_id)
        .join(Actor, Actor.id == Block.actor_id)
        .where(Block.target_id == author_id, Actor.local.is_(True), reading | member)
    )
    return list(work.scalars(query.order_by(Block.actor_id)))
