"""Threads and their items: finding them, and whom they concern."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import aliased

from storage import visibility
from storage.people import path_name
from storage.schema import Actor, Alias, Comment, Context, Group, Moved, Reaction, Thread
from storage.work import Work

DEPTH = 100  # levels of a path; deeper replies become siblings there (PostgreSQL's index rows are limited)
SEGMENT = 7  # digits of a number in a path: ten million items a thread
SLUG_OF_THE_GONE = "gone"  # a slug tells the title
REPLIES_SHOWN = 500  # ids on the first `replies` page: as many as Mastodon reads


# ------------------------------------------------------------------ finding


def by_id(work: Work, thread_id: int) -> Thread:
    """The thread of that id, which must exist."""
    return work.get_one(Thread, thread_id)


def by_uid(work: Work, uid: str) -> Thread | None:
    """The thread of that uid."""
    return work.scalars(select(Thread).where(Thread.uid == uid)).one_or_none()


def by_context(work: Work, uris: Sequence[str]) -> Thread | None:
    """The thread on whose items one of these contexts or conversations was seen."""
    return work.scalars(
        select(Thread).join(Context, Context.thread_id == Thread.id).where(Context.uri.in_(uris)).limit(1)
    ).one_or_none()


def remember_context(work: Work, thread_id: int, uri: str) -> None:
    """Keeps a context seen on an item; the first thread that showed it has it (no re-homing: AUT-41)."""
    if work.get(Context, uri) is None:
        work.add(Context(uri=uri, thread_id=thread_id))
        work.flush()


def comment(work: Work, comment_id: int) -> Comment:
    """The item of that id, which must exist."""
    return work.get_one(Comment, comment_id)


def comment_by_uri(work: Work, uri: str) -> Comment | None:
    """The item of that URI, ours or from elsewhere."""
    return work.scalars(select(Comment).where(Comment.uri == uri)).one_or_none()


def comment_by_uid(work: Work, uid: str) -> Comment | None:
    """The item of that uid."""
    return work.scalars(select(Comment).where(Comment.uid == uid)).one_or_none()


def comment_by_number(work: Work, thread_id: int, number: int) -> Comment | None:
    """Item #number of the thread."""
    return work.scalars(select(Comment).where(Comment.thread_id == thread_id, Comment.number == number)).one_or_none()


def latest_version(work: Work, group_id: int) -> tuple[int, int]:
    """Changes whenever any thread of the group does."""
    count, versions = work.execute(
        select(func.count(Thread.id), func.coalesce(func.sum(Thread.version), 0)).where(Thread.group_id == group_id)
    ).one()
    return count, versions


def comment_by_page(work: Work, url: str) -> Comment | None:
    """The remote item whose page that is."""
    return work.scalars(select(Comment).where(Comment.page_url == url).limit(1)).one_or_none()


def opening(work: Work, thread_id: int) -> Comment:
    """The first item of the thread."""
    return work.scalars(select(Comment).where(Comment.thread_id == thread_id, Comment.number == 0)).one()


def alias(work: Work, kind: str, key: str) -> Alias | None:
    """Where an old address leads."""
    return work.scalars(select(Alias).where(Alias.kind == kind, Alias.key == key)).one_or_none()


def holes(work: Work, thread_id: int, most: int) -> list[str]:
    """The URIs of items of the thread that are not here, newest first."""
    return list(
        work.scalars(
            select(Comment.uri)
            .where(Comment.thread_id == thread_id, Comment.state == "missing")
            .order_by(Comment.number.desc())
            .limit(most)
        )
    )


def lock(work: Work, thread_id: int) -> Thread:
    """The thread, held until the commit on PostgreSQL; SQLite has one writer anyway."""
    query = select(Thread).where(Thread.id == thread_id)
    if work.dialect == "postgresql":
        query = query.with_for_update()
    return work.scalars(query.execution_options(populate_existing=True)).one()


def uri_of(work: Work, thread: Thread) -> str:
    """What names the thread here, wherever it was opened."""
    return f"{work.origin}/post/{thread.uid}"


def hold(work: Work, comment: Comment) -> Thread:
    """The item's thread, locked, and the item as it is now: it may have been split off while we waited."""
    while True:
        thread = lock(work, comment.thread_id)
        work.refresh(comment)
        if comment.thread_id == thread.id:
            return thread


def segment(number: int) -> str:
    """A number as a piece of a path."""
    return f"{number:0{SEGMENT}d}"


def touch(work: Work, comment_ids: Sequence[int]) -> None:
    """Marks these items' documents as changed."""
    work.execute(update(Comment).where(Comment.id.in_(comment_ids)).values(version=Comment.version + 1))


def is_visible(work: Work, comment_id: int, viewer: int | None) -> bool:
    """The predicate, asked for one item."""
    return (
        work.scalar(with_thread(select(Comment.id)).where(Comment.id == comment_id, visibility.comment_open_to(viewer)))
        is not None
    )


def thread_is_visible(work: Work, thread_id: int, viewer: int | None) -> bool:
    """The predicate, asked for one thread."""
    return (
        work.scalar(
            select(Thread.id)
            .join(Group, Group.actor_id == Thread.group_id)
            .where(Thread.id == thread_id, visibility.thread_seen_by(viewer))
        )
        is not None
    )


def newest_public(work: Work) -> str | None:
    """The id of the opening of the newest thread of our own that anybody may read."""
    opening = with_thread(select(Comment.uri)).where(
        Comment.number == 0, Comment.uri.startswith(f"{work.origin}/"), visibility.comment_seen_by(None)
    )
    found: str | None = work.scalar(opening.order_by(Thread.id.desc()).limit(1))
    return found


def with_thread(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The query of items with the tables that the visibility predicate needs."""
    return query.join(Thread, Thread.id == Comment.thread_id).join(Group, Group.actor_id == Thread.group_id)


# ------------------------------------------------------------------ where what was split off is now


@dataclass(frozen=True, slots=True)
class MovedPlace:
    """Where an item is that was split off from the thread in which it was said."""

    group: str  # its name in addresses
    uid: str  # of the thread
    slug: str
    title: str
    number: int


def moved_item(work: Work, thread_id: int, number: int) -> Comment | None:
    """The item that once was #number of the thread, and was split off."""
    return work.scalars(
        select(Comment)
        .join(Moved, Moved.comment_id == Comment.id)
        .where(Moved.thread_id == thread_id, Moved.number == number)
    ).one_or_none()


def former_threads(work: Work, comment_id: int) -> list[int]:
    """The threads from which the item was split off."""
    left = select(Comment.thread_id).where(Comment.moved_to_id == comment_id)
    return [*work.scalars(select(Moved.thread_id).where(Moved.comment_id == comment_id)), *work.scalars(left)]


def moved_place(work: Work, comment_id: int, viewer: int | None) -> MovedPlace | None:
    """Where the item is now; None for whom its thread is not there."""
    first = aliased(Comment)
    row = work.execute(
        with_thread(select(Comment.number, Thread, Actor.uri, first.state))
        .join(Actor, Actor.id == Thread.group_id)
        .join(first, (first.thread_id == Thread.id) & (first.number == 0))
        .where(Comment.id == comment_id, visibility.thread_seen_by(viewer))
    ).one_or_none()
    if row is None:
        return None
    number, thread, group, opening_state = row
    shown = opening_state == visibility.VISIBLE
    return MovedPlace(
        path_name(group), thread.uid, thread.slug if shown else SLUG_OF_THE_GONE, thread.title if shown else "", number
    )


# ------------------------------------------------------------------ whom it concerns


def replies(work: Work, comment_id: int) -> tuple[list[str], int]:
    """The URIs of the visible direct replies, at most 500, and how many there are."""
    found = list(
        work.scalars(
            with_thread(select(Comment.uri))
            .where(Comment.parent_id == comment_id, visibility.comment_seen_by(None))
            .order_by(Comment.number)
            .limit(REPLIES_SHOWN)
        )
    )
    if len(found) < REPLIES_SHOWN:
        return found, len(found)
    total = work.scalar(
        with_thread(select(func.count(Comment.id))).where(
            Comment.parent_id == comment_id, visibility.comment_seen_by(None)
        )
    )
    return found, total or len(found)


def uris_in_order(work: Work, thread_id: int) -> list[str]:
    """The URIs of every visible item, the opening first, in order of arrival."""
    return list(
        work.scalars(
            with_thread(select(Comment.uri))
            .where(Comment.thread_id == thread_id, visibility.comment_seen_by(None))
            .order_by(Comment.number)
        )
    )


def participants_elsewhere(work: Work, thread_id: int, limit: int = 50) -> list[Actor]:
    """The latest people of other servers who wrote here, newest first."""
    latest = func.max(Comment.id)
    return list(
        work.scalars(
            select(Actor)
            .join(Comment, Comment.author_id == Actor.id)
            .where(Comment.thread_id == thread_id, Actor.local.is_(False), Actor.state == "active")
            .group_by(Actor.id)
            .order_by(latest.desc())
            .limit(limit)
        )
    )


def reacting_ids(work: Work, comment_id: int) -> set[int]:
    """Everyone who liked, boosted or otherwise reacted to the item."""
    return set(work.scalars(select(Reaction.actor_id).where(Reaction.comment_id == comment_id)))


def answering_ids(work: Work, comment_id: int) -> set[int]:
    """The authors of the direct replies."""
    found = work.scalars(select(Comment.author_id).where(Comment.parent_id == comment_id))
    return {author_id for author_id in found if author_id is not None}
