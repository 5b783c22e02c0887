"""What each reader has seen of each thread, and what is still new to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased

from storage import ranges, visibility
from storage.people import Person, as_person, path_name
from storage.ranges import Ranges
from storage.schema import Actor, Comment, Group, Guest, Membership, Notice, Reading, Thread
from storage.work import Work

COUNTED = 100  # unread threads, and new items of a thread; beyond that a reader needs no figure
GAPS = 50  # of a reader's ranges in one query; who reads a thread in more pieces than that has them asked one by one


def of(work: Work, actor_id: int, thread_id: int) -> Reading | None:
    """What the reader has seen of the thread."""
    return work.get(Reading, (actor_id, thread_id))


def to_change(work: Work, actor_id: int, thread_id: int) -> Reading:
    """The reader's row, held until the commit, and new where there was none."""
    query = select(Reading).where(Reading.actor_id == actor_id, Reading.thread_id == thread_id)
    if work.dialect == "postgresql":
        query = query.with_for_update()
    found = work.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        found = Reading(actor_id=actor_id, thread_id=thread_id, ranges="", first_at=work.now, latest_at=work.now)
        work.add(found)
    return found


def standing_in(work: Work, thread_id: int, parts: Sequence[tuple[int, int]], *, but_of: int) -> bool:
    """Somebody else said something in these ranges of numbers that can be read."""
    query = select(Comment.id).where(Comment.thread_id == thread_id, new_to(but_of), _within(parts))
    return work.scalar(query.limit(1)) is not None


def count_new(work: Work, thread_id: int, parts: Sequence[tuple[int, int]], reader_id: int) -> int:
    """How many items in these ranges the reader could read, at most a hundred and one."""
    if not parts:
        return 0
    query = select(Comment.id).where(Comment.thread_id == thread_id, new_to(reader_id), _within(parts[:GAPS]))
    return work.scalar(select(func.count()).select_from(query.limit(COUNTED + 1).subquery())) or 0


def first_new(work: Work, thread_id: int, seen: Ranges, last: int, reader_id: int) -> int | None:
    """The first number that the reader has not seen and could read."""
    missing = ranges.gaps(seen, last)
    while parts := list(islice(missing, GAPS)):
        query = select(Comment.number).where(Comment.thread_id == thread_id, new_to(reader_id), _within(parts))
        number = work.scalar(query.order_by(Comment.number).limit(1))
        if number is not None:
            return number
    return None


def new_ids(
    work: Work, thread_id: int, seen: Ranges, last: int, reader_id: int, *, after: int, limit: int
) -> list[int]:
    """The ids of items after a number that the reader has not seen and could read, in order of arrival."""
    found: list[int] = []
    missing = (part for part in ranges.gaps(seen, last) if part[1] > after)
    while len(found) < limit and (parts := list(islice(missing, GAPS))):
        query = select(Comment.id).where(
            Comment.thread_id == thread_id, Comment.number > max(after, 0), new_to(reader_id), _within(parts)
        )
        found += work.scalars(query.order_by(Comment.number).limit(limit - len(found)))
    return found


def new_to(reader_id: int) -> ColumnElement[bool]:
    """The item can be read, and is neither the reader's own nor by whom they blocked. Needs Comment in the query."""
    return and_(
        Comment.state == visibility.VISIBLE,
        Comment.author_id != reader_id,
        visibility.unblocked(reader_id, Comment.author_id),
    )


def _within(parts: Iterable[tuple[int, int]]) -> ColumnElement[bool]:
    return or_(*(Comment.number.between(first, last) for first, last in parts))


# ------------------------------------------------------------------ who has seen a thread


@dataclass(frozen=True, slots=True)
class Seen:
    """A reader of a thread, and when they first and last were."""

    person: Person
    first_at: datetime
    latest_at: datetime


def seen_by(work: Work, thread_id: int, limit: int = 500) -> list[Seen]:
    """Who of this node has seen the thread, the earliest first."""
    query = (
        select(Actor, Reading.first_at, Reading.latest_at)
        .join(Reading, Reading.actor_id == Actor.id)
        .where(Reading.thread_id == thread_id, Reading.ranges != "", Actor.state == "active")
        .order_by(Reading.first_at, Actor.id)
        .limit(limit)
    )
    return [Seen(as_person(actor), first_at, latest_at) for actor, first_at, latest_at in work.execute(query)]


def of_thread(work: Work, thread_id: int) -> list[Reading]:
    """Everybody's reading of the thread."""
    query = select(Reading).where(Reading.thread_id == thread_id).order_by(Reading.actor_id)
    return list(work.scalars(query.with_for_update() if work.dialect == "postgresql" else query))


def forget_reader(work: Work, actor_id: int) -> None:
    """Erases what someone has read."""
    work.execute(delete(Reading).where(Reading.actor_id == actor_id))


# ------------------------------------------------------------------ the inbox of unread threads


@dataclass(frozen=True, slots=True)
class Unread:
    """A thread with something new in it: how much, since when, and where that begins."""

    thread_id: int
    uid: str
    title: str
    slug: str
    opening: str  # its state
    group: str  # the name in its address
    group_title: str
    hue: int
    private: bool
    last_activity_at: datetime
    since: datetime | None  # when the reader was last there
    count: int
    first: int
    last: int  # the newest number
    authors: tuple[Person, ...]
    excerpt: str  # of the first new item, as HTML
    language: str | None


def unread_threads(work: Work, actor_id: int) -> int:
    """How many threads hold something new for the reader, at most a hundred."""
    [(count,)] = work.rows(_UNREAD, {"reader": actor_id})
    return int(count)


def unread_ids(work: Work, actor_id: int, limit: int) -> list[int]:
    """Threads that hold something new for the reader."""
    return [thread_id for thread_id, _ in work.execute(_unread(actor_id).limit(limit))]


def unread(work: Work, actor_id: int, *, limit: int = 50) -> tuple[list[Unread], list[int]]:
    """The threads that hold something new for the reader, the liveliest first, each with what is new in it.

    And the ids of those in which all that was new has been taken away meanwhile.
    """
    waiting = _unread(actor_id).subquery()
    group_actor, first = aliased(Actor), aliased(Comment)
    query = (
        select(Thread, group_actor, Group.hue, first.state, Reading.ranges, Reading.latest_at)
        .join(waiting, waiting.c.id == Thread.id)
        .join(Group, Group.actor_id == Thread.group_id)
        .join(group_actor, group_actor.id == Thread.group_id)
        .join(first, and_(first.thread_id == Thread.id, first.number == 0))
        .outerjoin(Reading, and_(Reading.thread_id == Thread.id, Reading.actor_id == actor_id))
        .order_by(Thread.last_activity_at.desc(), Thread.id.desc())
        .limit(limit)
    )
    found, hollow = [], []
    for thread, group, hue, opening, seen, latest_at in work.execute(query):
        told = _what_is_new(work, thread, ranges.parse(seen or ""), actor_id)
        if told is None:
            hollow.append(thread.id)
        else:
            count, number, authors, excerpt, language = told
            found.append(
                Unread(
                    thread.id,
                    thread.uid,
                    thread.title,
                    thread.slug,
                    opening,
                    path_name(group.uri),
                    group.display_name or group.name,
                    hue,
                    thread.private,
                    thread.last_activity_at,
                    latest_at,
                    count,
                    number,
                    thread.next_number - 1,
                    authors,
                    excerpt,
                    language,
                )
            )
    return found, hollow


def _what_is_new(
    work: Work, thread: Thread, seen: Ranges, reader_id: int
) -> tuple[int, int, tuple[Person, ...], str, str | None] | None:
    missing = list(islice(ranges.gaps(seen, thread.next_number - 1), GAPS))
    rows = work.execute(
        select(Comment.number, Comment.html, Comment.summary, Comment.language, Actor)
        .join(Actor, Actor.id == Comment.author_id)
        .where(Comment.thread_id == thread.id, new_to(reader_id), visibility.author_heard(), _within(missing))
        .where(visibility.author_pushed(reader_id))
        .order_by(Comment.number)
        .limit(COUNTED + 1)
    ).all()
    if not rows:
        return None
    people = {actor.id: as_person(actor) for *_, actor in rows}
    number, html, summary, language, _ = rows[0]
    # What a content warning covers is not quoted.
    return len(rows), number, tuple(people.values()), summary or html, language


def _unread(actor_id: int | BindParameter[int]) -> CompoundSelect[int, datetime]:
    """Each thread of the reader's groups, or that they are a guest of, with something new, and when that was said.

    A thread that they have never opened counts if anything was said in it since they came. What is cheap is asked
    first: whether someone has read everything is told by comparing two columns.
    """
    last = Thread.next_number - 1
    first = aliased(Comment)
    standing = exists(
        select(first.id).where(
            first.thread_id == Thread.id,
            # Zero. That it needs the reading keeps SQLite from looking for the openings of threads that are read.
            first.number == func.coalesce(Reading.thread_id, 0) * 0,
            or_(first.state == visibility.VISIBLE, and_(first.state == "deleted", Thread.comments_count > 0)),
        )
    )

    def waiting(query: Select[int, datetime], came: ColumnElement[datetime]) -> Select[int, datetime]:
        return query.outerjoin(Reading, and_(Reading.thread_id == Thread.id, Reading.actor_id == actor_id)).where(
            Thread.state == visibility.VISIBLE,
            func.coalesce(Reading.ranges, "") != literal("0-").concat(cast(last, String)),
            or_(Reading.dismissed.is_(None), Reading.dismissed < last),
            or_(Reading.thread_id.is_not(None), Thread.last_activity_at >= came),
            standing,
        )

    group, part = aliased(Actor), aliased(Membership)
    of_groups = waiting(
        select(Thread.id, Thread.last_activity_at)
        .select_from(Membership)
        .join(group, and_(group.id == Membership.group_id, group.state == "active"))
        .join(Thread, Thread.group_id == Membership.group_id)
        .where(Membership.actor_id == actor_id, Membership.role != "banned"),
        Membership.joined_at.expression,
    )
    a_part = exists(select(part.id).where(part.group_id == Thread.group_id, part.actor_id == actor_id))
    as_guest = waiting(
        select(Thread.id, Thread.last_activity_at)
        .select_from(Guest)
        .join(Thread, Thread.id == Guest.thread_id)
        .join(group, and_(group.id == Thread.group_id, group.state == "active"))
        .where(Guest.actor_id == actor_id, ~a_part),
        Guest.joined_at.expression,
    )
    return union_all(of_groups, as_guest)


# Every page asks this: to build it takes several times as long as to answer it.
_UNREAD = select(func.count()).select_from(_unread(bindparam("reader", type_=Integer)).limit(COUNTED).subquery())


# ------------------------------------------------------------------ what is said to one member alone


@dataclass(frozen=True, slots=True)
class Told:
    """Something that was said to one member alone, by somebody elsewhere."""

    id: int
    kind: str
    person: Person
    html: str
    uri: str
    created_at: datetime


def notices(work: Work, actor_id: int, limit: int = 20) -> list[Told]:
    """What was said to the member alone and not read yet, the newest first."""
    rows = work.execute(
        select(Notice, Actor)
        .join(Actor, Actor.id == Notice.from_id)
        .where(
            Notice.actor_id == actor_id,
            Notice.kind.in_(("private", "private_reply")),
            Notice.read_at.is_(None),
            visibility.tells(Actor, actor_id),
        )
        .order_by(Notice.id.desc())
        .limit(limit)
    )
    return [
        Told(notice.id, notice.kind, as_person(actor), notice.html, notice.uri, notice.created_at)
        for notice, actor in rows
    ]


def notice(work: Work, actor_id: int, notice_id: int) -> Notice | None:
    """That notice, if it is the member's."""
    return work.scalars(select(Notice).where(Notice.id == notice_id, Notice.actor_id == actor_id)).one_or_none()
