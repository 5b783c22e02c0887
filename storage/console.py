"""What the admin at the console sees: everything, secret groups and private threads too."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import aliased

from storage.schema import Actor, Comment, Follow, Group, Membership, Thread
from storage.work import Work


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with its settings and how many are in it."""

    name: str
    title: str
    uri: str
    summary: str  # as it was written
    privacy: str
    language: str
    comments: str
    who_may_start: str
    outsiders_may_start: bool
    outsiders_may_comment: bool
    archived: bool
    threads_may_be: str  # public, private, either
    slow_mode: int  # seconds
    listed: bool
    parent: str | None  # handle
    members: int
    followers: int
    threads: int


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One of ours, with what they did here."""

    name: str
    display_name: str
    uri: str
    summary: str  # as it was written
    state: str
    created_at: datetime
    groups: int
    followers: int
    items: int


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A thread in a list."""

    uid: str
    uri: str
    page: str
    title: str
    group: str
    private: bool
    state: str
    locked: bool
    comments: int
    seen: int
    created_at: datetime
    last_activity_at: datetime


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item of a thread in its place in the tree."""

    number: int
    depth: int
    uid: str
    uri: str
    state: str
    reason: str | None
    author: str | None  # handle
    author_name: str | None
    source: str
    html: str
    published_at: datetime
    edited_at: datetime | None
    likes: int
    boosts: int


def groups(work: Work, *, actor_id: int | None = None) -> list[GroupRow]:
    """Every group by name, or one."""
    members = (
        select(func.count())
        .where(Membership.group_id == Actor.id, Membership.role.not_in(("banned", "guest")))
        .scalar_subquery()
    )
    threads = select(func.count()).where(Thread.group_id == Actor.id, Thread.state == "visible").scalar_subquery()
    parent = aliased(Actor)
    query = (
        select(Group, Actor, parent.name, members, _followers(), threads)
        .join(Actor, Actor.id == Group.actor_id)
        .outerjoin(parent, parent.id == Group.parent_id)
        .where(Actor.state != "deleted")
        .order_by(Actor.name)
    )
    if actor_id is not None:
        query = query.where(Actor.id == actor_id)
    return [
        GroupRow(
            actor.name, actor.display_name or actor.name, actor.uri, actor.summary_source or "", group.privacy,
            group.language, group.comments, group.who_may_start, group.outsiders_may_start,
            group.outsiders_may_comment, group.archived_at is not None, group.threads, group.slow_mode, group.listed,
            parent_name, *counts,
        )
        for group, actor, parent_name, *counts in work.execute(query)
    ]  # fmt: skip


def people(work: Work, *, actor_id: int | None = None) -> list[PersonRow]:
    """Everyone of ours by name, or one."""
    joined = select(func.count()).where(Membership.actor_id == Actor.id, Membership.role != "banned").scalar_subquery()
    items = select(func.count()).where(Comment.author_id == Actor.id, Comment.state == "visible").scalar_subquery()
    query = (
        select(Actor, joined, _followers(), items)
        .where(Actor.local.is_(True), Actor.kind == "person", Actor.state != "deleted")
        .order_by(Actor.name)
    )
    if actor_id is not None:
        query = query.where(Actor.id == actor_id)
    return [
        PersonRow(
            actor.name, actor.display_name or actor.name, actor.uri, actor.summary_source or "", actor.state,
            actor.created_at, *counts,
        )
        for actor, *counts in work.execute(query)
    ]  # fmt: skip


def _followers() -> ScalarSelect[int]:
    return select(func.count()).where(Follow.target_id == Actor.id, Follow.state == "accepted").scalar_subquery()


def threads(
    work: Work, *, group_id: int | None = None, thread_id: int | None = None, limit: int = 100
) -> list[ThreadRow]:
    """Threads, those with the latest activity first."""
    query = (
        select(Thread, Actor.name, Actor.uri)
        .join(Actor, Actor.id == Thread.group_id)
        .order_by(Thread.last_activity_at.desc(), Thread.id.desc())
        .limit(limit)
    )
    if group_id is not None:
        query = query.where(Thread.group_id == group_id)
    if thread_id is not None:
        query = query.where(Thread.id == thread_id)
    return [
        ThreadRow(
            thread.uid, f"{work.origin}/post/{thread.uid}",
            f"{group_uri}/{thread.uid}-{thread.slug}", thread.title, group, thread.private, thread.state,
            thread.locked_at is not None, thread.comments_count, thread.seen_count, thread.created_at,
            thread.last_activity_at,
        )
        for thread, group, group_uri in work.execute(query)
    ]  # fmt: skip


def items(work: Work, thread_id: int) -> list[ItemRow]:
    """All items of a thread, in the order of the tree."""
    author = aliased(Actor)
    rows = work.execute(
        select(Comment, author)
        .outerjoin(author, author.id == Comment.author_id)
        .where(Comment.thread_id == thread_id)
        .order_by(Comment.number > 0, Comment.path)
    )
    return [
        ItemRow(
            item.number, item.depth, item.uid, item.uri, item.state, item.reason,
            (wrote.name if wrote.local else wrote.handle) if wrote is not None else None,
            (wrote.display_name or wrote.name) if wrote is not None else None, item.source, item.html,
            item.published_at, item.edited_at, item.likes_count, item.boosts_count,
        )
        for item, wrote in rows
    ]  # fmt: skip
