"""Acts of moderators, and notices for one member alone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from storage import threads, visibility
from storage.people import Person, as_person, path_name
from storage.schema import Act, Actor, Comment, Group, Notice, Thread
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of the log is: an item of a thread that the reader may see, or someone."""

    thread: threads.MovedPlace | None = None
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class ActLine:
    """A moderator's act as the log shows it."""

    id: int
    verb: str
    about: str  # a URI, or the name of a host
    place: Place  # nothing in it where the reader may not see it
    reason: str
    actor: Person | None  # none: at the console
    group: str | None  # handle; none: the node
    done_at: datetime


def keep_act(work: Work, actor: Actor | None, verb: str, about: str, reason: str, group_id: int | None) -> None:
    """Writes down what a moderator did, to what, and why."""
    work.add(
        Act(
            actor_id=actor.id if actor is not None else None,
            group_id=group_id,
            verb=verb,
            about=about,
            reason=reason,
            done_at=work.now,
        )
    )
    work.flush()


def acts(
    work: Work, group_id: int | None, *, viewer: int | None, before: int | None = None, limit: int = 50
) -> list[ActLine]:
    """The acts in a group, or those that concern the node as a whole, newest first."""
    query = (
        select(Act, Actor)
        .outerjoin(Actor, Actor.id == Act.actor_id)
        .where(Act.group_id == group_id if group_id is not None else Act.group_id.is_(None))
        .order_by(Act.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Act.id < before)
    rows = work.execute(query).all()
    places = places_of(work, {act.about for act, _ in rows}, viewer)
    name = work.scalar(select(Actor.name).where(Actor.id == group_id)) if group_id is not None else None
    return [
        ActLine(
            act.id, act.verb, act.about, places.get(act.about, Place()), act.reason,
            as_person(actor) if actor is not None else None, name, act.done_at,
        )
        for act, actor in rows
    ]  # fmt: skip


def places_of(work: Work, uris: set[str], viewer: int | None) -> dict[str, Place]:
    """What these URIs name, as far as the viewer may know of it."""
    found = {
        actor.uri: Place(person=as_person(actor)) for actor in work.scalars(select(Actor).where(Actor.uri.in_(uris)))
    }
    of_ours = {f"{work.origin}/post/{uid}": uid for uid in _uids(work, uris)}
    rows = work.execute(
        threads.with_thread(select(Comment.uri, Comment.number, Thread, Actor.uri))
        .join(Actor, Actor.id == Thread.group_id)
        .where(Comment.uri.in_(uris - found.keys()), visibility.thread_seen_by(viewer))
    ).all()
    by_thread = work.execute(
        select(Thread, Actor.uri)
        .join(Group, Group.actor_id == Thread.group_id)
        .join(Actor, Actor.id == Thread.group_id)
        .where(Thread.uid.in_(of_ours.values()), visibility.thread_seen_by(viewer))
    ).all()
    for thread, group in by_thread:
        found[threads.uri_of(work, thread)] = Place(_moved_place(work, thread, group, 0))
    for uri, number, thread, group in rows:
        found[uri] = Place(_moved_place(work, thread, group, number))
    return found


def _uids(work: Work, uris: set[str]) -> list[str]:
    start = f"{work.origin}/post/"
    return [uri.removeprefix(start) for uri in uris if uri.startswith(start)]


def _moved_place(work: Work, thread: Thread, group: str, number: int) -> threads.MovedPlace:
    opening = work.scalar(select(Comment.state).where(Comment.thread_id == thread.id, Comment.number == 0))
    shown = opening == visibility.VISIBLE
    slug = thread.slug if shown else threads.SLUG_OF_THE_GONE
    return threads.MovedPlace(path_name(group), thread.uid, slug, thread.title if shown else "", number)


# ------------------------------------------------------------------ private notices


def was_told(work: Work, actor_id: int, uri: str) -> bool:
    """The member has the private notice of that message."""
    query = select(Notice.id).where(Notice.actor_id == actor_id, Notice.kind == "private", Notice.uri == uri)
    return work.scalar(query) is not None


def notices_from(work: Work, sender_id: int, uri: str) -> list[Notice]:
    """The notices that the sender's message became."""
    return list(work.scalars(select(Notice).where(Notice.uri == uri, Notice.from_id == sender_id)))
