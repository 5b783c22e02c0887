"""Threads as people read them: a page of one, lists of many, and what somebody said."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, bindparam, func, null, or_, select
from sqlalchemy.orm import aliased

from storage import people, ranges, readings, shown, threads, visibility
from storage.people import Person, as_person
from storage.ranges import Ranges
from storage.schema import Actor, Comment, Group, Membership, Reading, Thread
from storage.shown import Item
from storage.work import Work

PAGE = 50  # items; what people read at one sitting, and 0.1 ms to load at any size of thread


@dataclass(frozen=True, slots=True)
class ThreadCard:
    """A thread in a list."""

    id: int
    uid: str
    title: str
    slug: str
    group: str  # its name in addresses, which is its first handle for ever
    group_title: str
    opening: str  # its state: visible, or deleted with answers that stay
    author: Person | None
    html: str  # of the opening
    private: bool
    locked: bool
    pinned: bool
    tags: tuple[str, ...]
    created_at: datetime
    last_activity_at: datetime
    comments: int


@dataclass(frozen=True, slots=True)
class GroupOfThread:
    """The group as the page of one of its threads needs it."""

    id: int
    name: str
    title: str
    uri: str
    privacy: str
    hue: int
    language: str
    archived: bool
    outsiders_may_comment: bool
    role: str | None  # of the viewer


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One page of a thread, finished."""

    id: int
    uid: str
    uri: str  # of the opening
    title: str
    slug: str
    group: GroupOfThread
    private: bool
    locked: bool
    pinned: bool
    whiteboard: bool
    language: str | None
    tags: tuple[str, ...]
    created_at: datetime
    comments: int
    seen: int
    opening: Item
    items: tuple[Item, ...]
    view: str  # tree, flat or new
    before: int | None  # number of the first item, when there are earlier ones
    after: int | None  # number of the last item, when there are more
    missing: int  # holes on this page
    newest: int  # the highest number given so far
    version: int
    seen_by_viewer: Ranges = ()
    since: datetime | None = None  # when the viewer was last here
    unread: int = 0  # items that are new to the viewer, at most a hundred and one
    first_unread: int | None = None

    @property
    def may_grow(self) -> bool:
        """Something new that is said elsewhere may come to it."""
        return not (self.private or self.locked or self.group.archived or self.group.privacy == "secret")

    @property
    def may_lack_replies(self) -> bool:
        """Something on this page was said elsewhere, where more may have been said, or is not here."""
        return any(item.remote or item.state == "missing" for item in (self.opening, *self.items))


def thread_page(
    work: Work,
    thread_id: int,
    *,
    viewer: int | None = None,
    view: str = "tree",
    after: int | None = None,
    before: int | None = None,
    at: int | None = None,
    only: int | None = None,
) -> ThreadPage | None:
    """The page of at most 50 items after, before or around an item's number, or with that one alone.

    None for whom the thread is not there.
    """
    row = _thread_row(work, thread_id, viewer)
    if row is None:
        return None
    thread = row.Thread
    seen = ranges.parse(row.ranges or "")
    newest = thread.next_number - 1
    order: Any = Comment.path if view == "tree" else Comment.number
    backwards = before is not None and at is None and only is None and view != "new"
    rows = _rows(work, thread_id, view, order, after, before, at, only, (seen, newest, viewer))
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    if backwards:
        rows.reverse()
    [opening] = work.rows(_OPENINGS[view], {"thread": thread_id})
    first, *items = shown.of_rows(work, [opening, *rows], viewer)
    earlier = later = False
    if items and only is None:
        earlier = more if backwards else _exists(work, thread_id, view, order, order < rows[0].place)
        later = _exists(work, thread_id, view, order, order > rows[-1].place) if backwards else more
    if viewer is not None:
        first = _as_read(first, seen, viewer)
        items = [_as_read(item, seen, viewer) for item in items]
    return ThreadPage(
        thread.id,
        thread.uid,
        first.uri,
        thread.title,
        thread.slug if first.state == "visible" else threads.SLUG_OF_THE_GONE,
        GroupOfThread(
            thread.group_id,
            row.name,
            row.display_name or row.name,
            row.uri,
            row.privacy,
            row.hue,
            row.group_language,
            row.archived_at is not None,
            row.outsiders_may_comment,
            row.role,
        ),
        thread.private,
        thread.locked_at is not None,
        thread.pinned_at is not None,
        thread.whiteboard,
        thread.language,
        tuple(thread.tags),
        thread.created_at,
        thread.comments_count,
        thread.seen_count + row.readers,
        first,
        tuple(items),
        view,
        items[0].number if earlier else None,
        items[-1].number if later else None,
        sum(item.state == "missing" for item in items),
        newest,
        thread.version,
        seen,
        row.latest_at,
        *_unread(work, thread_id, seen, newest, viewer),
    )


def _thread_row(work: Work, thread_id: int, viewer: int | None) -> Any:
    """The thread with its group, how many have seen it, and how the viewer stands to both."""
    if viewer is None:
        return work.execute(_THREAD_OF_STRANGER, {"thread": thread_id}).one_or_none()
    return work.execute(_THREAD_OF_READER, {"thread": thread_id, "viewer": viewer}).one_or_none()


def _thread_query(viewer: Any, *more: Any) -> Select[*tuple[Any, ...]]:
    reader = aliased(Reading)
    readers = select(func.count()).where(reader.thread_id == Thread.id, reader.ranges != "").scalar_subquery()
    return (
        select(
            Thread,
            Actor.name,
            Actor.display_name,
            Actor.uri,
            Group.privacy,
            Group.hue,
            Group.language.label("group_language"),
            Group.archived_at,
            Group.outsiders_may_comment,
            readers.label("readers"),
            *more,
        )
        .join(Group, Group.actor_id == Thread.group_id)
        .join(Actor, Actor.id == Thread.group_id)
        .where(Thread.id == bindparam("thread"), visibility.thread_seen_by(viewer))
    )


# Made once: to build such a statement takes longer than to run it.
_VIEWER: Any = bindparam("viewer")
_THREAD_OF_STRANGER = _thread_query(None, null().label("ranges"), null().label("latest_at"), null().label("role"))
_THREAD_OF_READER = (
    _thread_query(_VIEWER, Reading.ranges, Reading.latest_at, Membership.role)
    .outerjoin(Reading, (Reading.thread_id == Thread.id) & (Reading.actor_id == _VIEWER))
    .outerjoin(Membership, (Membership.group_id == Thread.group_id) & (Membership.actor_id == _VIEWER))
)


def _rows(
    work: Work,
    thread_id: int,
    view: str,
    order: Any,
    after: int | None,
    before: int | None,
    at: int | None,
    only: int | None,
    reader: tuple[Ranges, int, int | None],
) -> list[Any]:
    query = _ITEMS[view]
    if only is not None:
        return list(work.rows(query.where(Comment.thread_id == thread_id, Comment.number == only)))
    if view == "new":
        seen, newest, viewer = reader
        ids: list[int] = []
        if viewer is not None:
            ids = readings.new_ids(
                work, thread_id, seen, newest, viewer, after=(at - 1 if at else after) or 0, limit=PAGE + 1
            )
        return list(work.rows(query.where(Comment.id.in_(ids)).order_by(order)))
    # One condition on the order and none beside it: with two, SQLite walks the index of the other one.
    query = query.where(Comment.thread_id == thread_id)
    if at is not None:
        query = query.where(order >= _start_of_page_with(work, thread_id, view, at))
    elif before is not None and after is None:
        found = work.rows(
            query.where(order < _position(thread_id, view, before)).order_by(order.desc()).limit(PAGE + 2)
        )
        return [row for row in found if row.number][: PAGE + 1]
    else:
        query = query.where(order > (_position(thread_id, view, after) if after else _OPENING[view]))
    return list(work.rows(query.order_by(order).limit(PAGE + 1)))


_OPENING: dict[str, Any] = {"tree": threads.segment(0), "flat": 0}  # where the opening stands in the order


_ITEMS = {
    view: select(*shown.COLUMNS, order.label("place"))
    for view, order in (("tree", Comment.path), ("flat", Comment.number), ("new", Comment.number))
}

_OPENINGS = {
    view: query.where(Comment.thread_id == bindparam("thread"), Comment.number == 0) for view, query in _ITEMS.items()
}


def _position(thread_id: int, view: str, number: int) -> Any:
    """Where item #number stands in the order; what does not exist stands where it would if it answered the opening."""
    if view != "tree":
        return number
    path = select(Comment.path).where(Comment.thread_id == thread_id, Comment.number == number).scalar_subquery()
    return func.coalesce(path, threads.segment(number))


def _exists(work: Work, thread_id: int, view: str, order: Any, condition: ColumnElement[bool]) -> bool:
    if view == "new":
        return False  # what comes before is read by now
    query = select(Comment.number).where(Comment.thread_id == thread_id, condition).order_by(order).limit(2)
    return any(number > 0 for (number,) in work.rows(query))


def _start_of_page_with(work: Work, thread_id: int, view: str, number: int) -> Any:
    """Where a page begins that shows the item together with what it answers, as far as that fits."""
    if view == "flat":
        return max(1, number - PAGE // 2)
    path = str(work.scalar(select(_position(thread_id, view, number))))
    pages_first = work.scalars(
        select(Comment.path)
        .where(Comment.thread_id == thread_id, Comment.path > threads.segment(0))
        .order_by(Comment.path)
        .limit(PAGE)
    ).all()
    if path in pages_first:
        return pages_first[0]
    for start in (path[: threads.SEGMENT], path[: -threads.SEGMENT] or path):
        between = (
            select(Comment.id)
            .where(Comment.thread_id == thread_id, Comment.path >= start, Comment.path < path)
            .limit(PAGE)
        )
        if len(work.scalars(between).all()) < PAGE - 5:  # leave room for some answers below it
            return start
    return path


def _as_read(item: Item, seen: Ranges, viewer: int) -> Item:
    """The item, and whether it is new to the viewer."""
    own = item.author is not None and item.author.id == viewer
    new = item.state == visibility.VISIBLE and not own and not item.blocked and not ranges.holds(seen, item.number)
    return replace(item, new=True) if new else item


def _unread(work: Work, thread_id: int, seen: Ranges, newest: int, viewer: int | None) -> tuple[int, int | None]:
    """How much is new to the viewer, and where it begins; all of it is to whoever is here for the first time."""
    if viewer is None or not seen:
        return 0, None
    missing = list(islice(ranges.gaps(seen, newest), readings.GAPS))
    count = readings.count_new(work, thread_id, missing, viewer)
    return count, readings.first_new(work, thread_id, seen, newest, viewer) if count else None


def item(work: Work, comment_id: int, viewer: int | None) -> Item | None:
    """One item as a page shows it; None for whom its thread is not there."""
    thread_id = work.scalar(select(Comment.thread_id).where(Comment.id == comment_id))
    if thread_id is None or not threads.thread_is_visible(work, thread_id, viewer):
        return None
    return shown.by_ids(work, [comment_id], viewer)[comment_id]


def cards(
    work: Work,
    *,
    viewer: int | None,
    group_id: int | None = None,
    author_id: int | None = None,
    pinned: bool | None = None,
    where: Literal["anywhere", "listed", "own"] = "anywhere",
    limit: int | None = 30,
    before: tuple[datetime, int] | None = None,
) -> list[ThreadCard]:
    """Threads the viewer can see, by their latest activity; `pinned`: only those that are, or only the others.

    `where`: of groups in the directory, or of the viewer's own groups and the threads they are guests of.

    Not those whose opening a moderator took away, nor those of which nothing but a deleted opening is left.
    """
    author = aliased(Actor)
    group_actor = aliased(Actor)
    query = (
        select(
            Thread,
            group_actor.uri,
            group_actor.display_name,
            Comment,
            author,
            visibility.unblocked(viewer, Comment.author_id),
        )
        .join(Group, Group.actor_id == Thread.group_id)
        .join(group_actor, group_actor.id == Thread.group_id)
        .join(Comment, (Comment.thread_id == Thread.id) & (Comment.number == 0))
        .outerjoin(author, author.id == Comment.author_id)
        .where(
            visibility.thread_seen_by(viewer),
            visibility.author_heard(),
            or_(visibility.author_pushed(viewer), visibility.is_member(viewer, Thread.group_id.expression))
            if viewer is not None
            else visibility.author_pushed(None),
            (Comment.state == visibility.VISIBLE) | ((Comment.state == "deleted") & (Thread.comments_count > 0)),
        )
        .limit(limit)
    )
    if group_id is not None:
        query = query.where(Thread.group_id == group_id)
    if pinned is not None:
        query = query.where(Thread.pinned_at.is_not(None) if pinned else Thread.pinned_at.is_(None))
    if author_id is not None:
        query = query.where(Comment.author_id == author_id)
    if where == "listed":
        query = query.where(Group.listed.is_(True))
    elif where == "own":
        member = visibility.is_member(viewer, Thread.group_id.expression)
        query = query.where(or_(member, visibility.is_guest(viewer, Thread.id.expression)))
    if before is not None:
        query = query.where(
            (Thread.last_activity_at < before[0]) | ((Thread.last_activity_at == before[0]) & (Thread.id < before[1]))
        )
    query = query.order_by(Thread.last_activity_at.desc(), Thread.id.desc())
    return [
        ThreadCard(
            thread.id,
            thread.uid,
            thread.title,
            thread.slug,
            people.path_name(group_uri),
            group_title or people.path_name(group_uri),
            first.state,
            as_person(wrote) if wanted and wrote is not None and first.state != "deleted" else None,
            first.html if wanted else "",  # who blocked its author sees that there is a thread, and opens it or not
            thread.private,
            thread.locked_at is not None,
            thread.pinned_at is not None,
            tuple(thread.tags),
            thread.created_at,
            thread.last_activity_at,
            thread.comments_count,
        )
        for thread, group_uri, group_title, first, wrote, wanted in work.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Said:
    """An item in a list of what someone said, with its thread."""

    item: Item
    thread_uid: str
    thread_title: str
    slug: str
    group: str  # its name in addresses, which is its first handle for ever
    group_title: str
    opening: str  # state of the thread's opening, without which the title may not be shown


def said_by(work: Work, actor_id: int, *, viewer: int | None, limit: int = 30) -> list[Said]:
    """The latest visible items of someone, newest first."""
    return said(work, Comment.author_id == actor_id, viewer=viewer, limit=limit)


def said(work: Work, which: ColumnElement[bool], *, viewer: int | None, limit: int) -> list[Said]:
    """The latest visible items of a kind, newest first, each with its thread."""
    group_actor = aliased(Actor)
    first = aliased(Comment)
    rows = work.execute(
        threads.with_thread(select(Comment.id, first.id, Thread, group_actor.uri, group_actor.display_name))
        .join(group_actor, group_actor.id == Thread.group_id)
        .join(first, (first.thread_id == Thread.id) & (first.number == 0))
        .where(which, visibility.comment_seen_by(viewer))
        .order_by(Comment.id.desc())
        .limit(limit)
    ).all()
    items = shown.by_ids(work, list({row_id for row in rows for row_id in row[:2]}), viewer)
    return [
        Said(
            items[item_id],
            thread.uid,
            thread.title,
            thread.slug if items[first_id].state == "visible" else threads.SLUG_OF_THE_GONE,
            people.path_name(group_uri),
            group_title or people.path_name(group_uri),
            items[first_id].state,
        )
        for item_id, first_id, thread, group_uri, group_title in rows
    ]
