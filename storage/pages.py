"""Threads as people read them: a page of one, lists of many, and what somebody said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from storage import groups, people, threads, visibility
from storage.groups import GroupCard
from storage.people import Person, as_person
from storage.schema import Actor, Comment, Group, Reaction, Thread
from storage.work import Work

PAGE = 50  # items; what people read at one sitting, and 0.1 ms to load at any size of thread


@dataclass(frozen=True, slots=True)
class Item:
    """An item as a page shows it; what is not visible keeps its place without words."""

    id: int
    uid: str
    uri: str
    number: int
    depth: int  # 1 answers the opening
    state: str
    reason: str | None
    author: Person | None
    html: str
    language: str | None
    summary: str | None
    sensitive: bool
    attachments: tuple[dict[str, Any], ...]
    tags: tuple[str, ...]
    question: dict[str, Any] | None
    published_at: datetime
    edited_at: datetime | None
    parent_number: int | None
    parent_author: str | None
    likes: int
    boosts: int
    reactions: tuple[tuple[str, int], ...]  # like, dislike or an emoji, and how many
    replies: int
    page_url: str | None

    @property
    def covered(self) -> bool:
        """Its words wait behind a warning."""
        return self.sensitive or self.summary is not None

    @property
    def remote(self) -> bool:
        return self.author is not None and not self.author.local


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
class ThreadPage:
    """One page of a thread, finished."""

    id: int
    uid: str
    uri: str  # of the opening
    title: str
    slug: str
    group: GroupCard
    private: bool
    locked: bool
    pinned: bool
    language: str | None
    tags: tuple[str, ...]
    created_at: datetime
    comments: int
    seen: int
    opening: Item
    items: tuple[Item, ...]
    view: str  # tree or flat
    before: int | None  # number of the first item, when there are earlier ones
    after: int | None  # number of the last item, when there are more
    missing: int  # holes on this page
    version: int

    @property
    def may_grow(self) -> bool:
        """Something new that is said elsewhere may come to it."""
        return not (self.private or self.locked or self.group.archived)

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
) -> ThreadPage | None:
    """The page of at most 50 items after, before or around an item's number; None for whom it is not there."""
    row = work.execute(
        select(Thread)
        .join(Group, Group.actor_id == Thread.group_id)
        .where(Thread.id == thread_id, visibility.thread_seen_by(viewer))
    ).scalar_one_or_none()
    group = groups.card(work, row.group_id, viewer) if row else None
    if row is None or group is None:
        return None
    order: Any = Comment.number if view == "flat" else Comment.path
    start = None
    if at is not None:
        start, after, before = _start_of_page_with(work, thread_id, view, at), None, None
    conditions: list[ColumnElement[bool]] = [Comment.thread_id == thread_id, Comment.number > 0]
    backwards = before is not None
    if start is not None:
        conditions.append(order >= start)
    elif after is not None:
        conditions.append(order > _position(work, thread_id, view, after))
    elif before is not None:
        conditions.append(order < _position(work, thread_id, view, before))
    query = select(Comment.id).where(*conditions).order_by(order.desc() if backwards else order).limit(PAGE + 1)
    ids = list(work.scalars(query))
    more = len(ids) > PAGE
    ids = ids[:PAGE]
    if backwards:
        ids.reverse()
    first = threads.opening(work, thread_id)
    items = _items(work, [first.id, *ids], viewer)
    shown = tuple(items[i] for i in ids)
    earlier = later = False
    if shown:
        earlier = more if backwards else _exists(work, thread_id, order < _order_value(work, ids[0], view))
        later = _exists(work, thread_id, order > _order_value(work, ids[-1], view)) if backwards else more
    return ThreadPage(
        row.id,
        row.uid,
        first.uri,
        row.title,
        row.slug if items[first.id].state == "visible" else threads.SLUG_OF_THE_GONE,
        group,
        row.private,
        row.locked_at is not None,
        row.pinned_at is not None,
        row.language,
        tuple(row.tags),
        row.created_at,
        row.comments_count,
        row.seen_count,
        items[first.id],
        shown,
        view,
        shown[0].number if earlier else None,
        shown[-1].number if later else None,
        sum(item.state == "missing" for item in shown),
        row.version,
    )


def _order_value(work: Work, comment_id: int, view: str) -> Any:
    return work.scalar(select(Comment.number if view == "flat" else Comment.path).where(Comment.id == comment_id))


def _position(work: Work, thread_id: int, view: str, number: int) -> Any:
    if view == "flat":
        return number
    path = work.scalar(select(Comment.path).where(Comment.thread_id == thread_id, Comment.number == number))
    return path if path is not None else threads.segment(number)


def _exists(work: Work, thread_id: int, condition: ColumnElement[bool]) -> bool:
    return (
        work.scalar(select(Comment.id).where(Comment.thread_id == thread_id, Comment.number > 0, condition).limit(1))
        is not None
    )


def _start_of_page_with(work: Work, thread_id: int, view: str, number: int) -> Any:
    """Where a page begins that shows the item together with what it answers, as far as that fits."""
    if view == "flat":
        return max(1, number - PAGE // 2)
    path = _position(work, thread_id, view, number)
    pages_first = work.scalars(
        select(Comment.path)
        .where(Comment.thread_id == thread_id, Comment.number > 0)
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


def _items(work: Work, ids: list[int], viewer: int | None) -> dict[int, Item]:
    """The items of these ids as pages show them; whatever may not be shown has lost its words."""
    parent, parent_author = aliased(Comment), aliased(Actor)
    heard = visibility.author_heard()
    rows = work.execute(
        select(Comment, Actor, parent.number, parent_author, heard.label("heard"))
        .outerjoin(Actor, Actor.id == Comment.author_id)
        .outerjoin(parent, parent.id == Comment.parent_id)
        .outerjoin(parent_author, parent_author.id == parent.author_id)
        .where(Comment.id.in_(ids))
    ).all()
    counted: dict[int, list[tuple[str, int]]] = {}
    for comment_id, kind, count in work.execute(
        select(Reaction.comment_id, Reaction.kind, func.count())
        .where(Reaction.comment_id.in_(ids), Reaction.kind != "boost")
        .group_by(Reaction.comment_id, Reaction.kind)
        .order_by(Reaction.comment_id, func.min(Reaction.id))
    ):
        counted.setdefault(comment_id, []).append((kind, count))
    found = {}
    for item, author, parent_number, answered, is_heard in rows:
        shown = item.state == "visible" and is_heard
        state = item.state if item.state != "visible" or is_heard else "removed"
        # Who wrote what a moderator removed stays known; what an author deleted says nothing of them any more.
        person = as_person(author) if author is not None and (shown or state == "removed") and is_heard else None
        found[item.id] = Item(
            item.id,
            item.uid,
            item.uri,
            item.number,
            item.depth,
            state,
            item.reason,
            person,
            item.html if shown else "",
            item.language,
            item.summary if shown else None,
            item.sensitive,
            tuple(item.attachments) if shown else (),
            tuple(item.tags) if shown else (),
            item.question if shown else None,
            item.published_at,
            item.edited_at if shown else None,
            parent_number,
            (answered.display_name or answered.name) if answered is not None else None,
            item.likes_count,
            item.boosts_count,
            tuple(counted.get(item.id, ())) if shown else (),
            item.replies_count,
            item.page_url if shown else None,
        )
    return found


def item(work: Work, comment_id: int, viewer: int | None) -> Item | None:
    """One item as a page shows it; None for whom its thread is not there."""
    thread_id = work.scalar(select(Comment.thread_id).where(Comment.id == comment_id))
    if thread_id is None or not threads.thread_is_visible(work, thread_id, viewer):
        return None
    return _items(work, [comment_id], viewer)[comment_id]


def cards(
    work: Work,
    *,
    viewer: int | None,
    group_id: int | None = None,
    author_id: int | None = None,
    pinned: bool | None = None,
    limit: int | None = 30,
    before: tuple[datetime, int] | None = None,
) -> list[ThreadCard]:
    """Threads the viewer can see, by their latest activity; `pinned`: only those that are, or only the others.

    Not those whose opening a moderator took away, nor those of which nothing but a deleted opening is left.
    """
    author = aliased(Actor)
    group_actor = aliased(Actor)
    query = (
        select(Thread, group_actor.uri, group_actor.display_name, Comment, author)
        .join(Group, Group.actor_id == Thread.group_id)
        .join(group_actor, group_actor.id == Thread.group_id)
        .join(Comment, (Comment.thread_id == Thread.id) & (Comment.number == 0))
        .outerjoin(author, author.id == Comment.author_id)
        .where(
            visibility.thread_seen_by(viewer),
            visibility.author_heard(),
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
            as_person(wrote) if wrote is not None and first.state != "deleted" else None,
            first.html,
            thread.private,
            thread.locked_at is not None,
            thread.pinned_at is not None,
            tuple(thread.tags),
            thread.created_at,
            thread.last_activity_at,
            thread.comments_count,
        )
        for thread, group_uri, group_title, first, wrote in work.execute(query)
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
    items = _items(work, list({row_id for row in rows for row_id in row[:2]}), viewer)
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
