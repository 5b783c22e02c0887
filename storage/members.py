"""Who is in a group, with their parts: pages of them, those who run it, those who were let into one thread."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, delete, func, or_, select

from storage import people
from storage.people import Person, as_person
from storage.schema import Account, Actor, Guest, Membership, Thread
from storage.work import Work

PAGE = 60  # members by name on one page
RANK = {"admin": 0, "moderator": 1, "member": 2, "guest": 3, "banned": 4}


@dataclass(frozen=True, slots=True)
class Entry:
    """Someone on the members page."""

    person: Person
    role: str
    title: str | None
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a group's people."""

    entries: tuple[Entry, ...]
    total: int
    number: int  # of this page, from 1
    pages: int


def page(
    work: Work, group_id: int, *, roles: Collection[str], words: str = "", number: int = 1, size: int = PAGE
) -> Page:
    """A page of the group's people with these parts whose names have the words, admins and moderators first."""
    conditions = [Membership.group_id == group_id, Membership.role.in_(roles), Actor.state == "active"]
    for word in words.removeprefix("@").split()[:8]:
        like = f"%{people.escaped(word)}%"
        conditions.append(or_(Actor.display_name.ilike(like, escape="\\"), Actor.name.ilike(like, escape="\\")))
    joined = select(Membership).join(Actor, Actor.id == Membership.actor_id).where(*conditions)
    total = work.scalar(joined.with_only_columns(func.count())) or 0
    pages = max(1, -(-total // size))
    number = min(max(1, number), pages)
    rows = work.execute(
        joined.with_only_columns(Actor, Membership.role, Membership.title, Membership.joined_at)
        .order_by(case(RANK, value=Membership.role, else_=9), func.lower(Actor.display_name), Actor.id)
        .limit(size)
        .offset((number - 1) * size)
    )
    entries = tuple(Entry(as_person(actor), role, title, joined_at) for actor, role, title, joined_at in rows)
    return Page(entries, total, number, pages)


def other_admins(work: Work, group_id: int, actor_id: int) -> int:
    """How many admins the group has beside someone."""
    return (
        work.scalar(
            select(func.count())
            .select_from(Membership)
            .join(Actor, Actor.id == Membership.actor_id)
            .where(
                Membership.group_id == group_id,
                Membership.role == "admin",
                Membership.actor_id != actor_id,
                Actor.state == "active",
            )
        )
        or 0
    )


def elsewhere(work: Work, group_id: int) -> list[Membership]:
    """The parts that people of other servers have in the group."""
    return list(
        work.scalars(
            select(Membership)
            .join(Actor, Actor.id == Membership.actor_id)
            .where(Membership.group_id == group_id, Actor.local.is_(False))
        )
    )


def seats(work: Work, actor_id: int) -> list[Membership]:
    """Every part that someone has in groups here, by group."""
    return list(work.scalars(select(Membership).where(Membership.actor_id == actor_id).order_by(Membership.group_id)))


def run_by(work: Work, actor_id: int) -> list[int]:
    """The groups of which someone is an admin."""
    query = select(Membership.group_id).where(Membership.actor_id == actor_id, Membership.role == "admin")
    return list(work.scalars(query.order_by(Membership.group_id)))


def runs_the_node(work: Work, actor_id: int) -> bool:
    """The person is an admin of the node."""
    return bool(work.scalar(select(Account.admin).where(Account.actor_id == actor_id)))


# ------------------------------------------------------------------ guests of a thread


def guest(work: Work, thread_id: int, actor_id: int) -> Guest | None:
    """How someone came into that one thread."""
    return work.get(Guest, (thread_id, actor_id))


def guests(work: Work, thread_id: int) -> list[Entry]:
    """Everyone who was let into that one thread, in order."""
    rows = work.execute(
        select(Actor, Guest.joined_at)
        .join(Guest, Guest.actor_id == Actor.id)
        .where(Guest.thread_id == thread_id, Actor.state == "active")
        .order_by(Guest.joined_at, Actor.id)
    )
    return [Entry(as_person(actor), "guest", None, joined_at) for actor, joined_at in rows]


def drop_guest(work: Work, group_id: int, actor_id: int) -> None:
    """Ends every way of someone into single threads of the group."""
    threads = select(Thread.id).where(Thread.group_id == group_id)
    work.execute(delete(Guest).where(Guest.actor_id == actor_id, Guest.thread_id.in_(threads)))


def hand_over_guest_seats(work: Work, old_id: int, new_id: int) -> None:
    """Whoever came into single threads as the one is in them as the other from now on."""
    for seat in list(work.scalars(select(Guest).where(Guest.actor_id == old_id))):
        if work.get(Guest, (seat.thread_id, new_id)) is None:
            work.add(
                Guest(thread_id=seat.thread_id, actor_id=new_id, inviter_id=seat.inviter_id, joined_at=seat.joined_at)
            )
        work.delete(seat)
    work.flush()


def drop_guests_elsewhere(work: Work, group_id: int) -> None:
    """Ends every way of people of other servers into threads of the group."""
    threads = select(Thread.id).where(Thread.group_id == group_id)
    afar = select(Actor.id).where(Actor.local.is_(False))
    work.execute(delete(Guest).where(Guest.thread_id.in_(threads), Guest.actor_id.in_(afar)))
