"""Lists of limited servers that others keep: what is on them, when they were read, and what they would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, insert, or_, select
from sqlalchemy.orm import aliased

from storage import limits
from storage.schema import Actor, BlockList, BlockListEntry, Comment, Follow, Host
from storage.work import Work

READ_AGAIN_AFTER = timedelta(days=1)
TRIED_AGAIN_AFTER = timedelta(hours=1)  # after a failure
PAGE = 100


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list as an admin sees it."""

    id: int
    name: str
    url: str | None
    limit: str  # as listed, suspend, silence
    added_at: datetime
    read_at: datetime | None
    last_error: str | None
    suspends: int
    silences: int


@dataclass(frozen=True, slots=True)
class Change:
    """A server that would be limited otherwise than now, and who has to do with it."""

    host: str
    now: str | None
    then: str | None
    followed: int  # people there whom people here follow
    followers: int  # people there who follow people and groups here
    comments: int  # said by them in threads here


def rows(work: Work) -> list[ListRow]:
    """Every list, by name."""
    counted = (
        select(
            BlockListEntry.list_id,
            func.sum(case((BlockListEntry.limit == limits.SUSPEND, 1), else_=0)).label("suspends"),
            func.sum(case((BlockListEntry.limit == limits.SILENCE, 1), else_=0)).label("silences"),
        )
        .group_by(BlockListEntry.list_id)
        .subquery()
    )
    query = (
        select(BlockList, counted.c.suspends, counted.c.silences)
        .outerjoin(counted, counted.c.list_id == BlockList.id)
        .order_by(func.lower(BlockList.name), BlockList.id)
    )
    return [
        ListRow(
            one.id, one.name, one.url, one.limit, one.added_at, one.read_at, one.last_error, suspends or 0,
            silences or 0,
        )
        for one, suspends, silences in work.execute(query)
    ]  # fmt: skip


def by_name(work: Work, name: str) -> BlockList | None:
    """The list of that name."""
    return work.scalars(select(BlockList).where(BlockList.name == name)).one_or_none()


def by_id(work: Work, list_id: int) -> BlockList | None:
    """The list of that id."""
    return work.get(BlockList, list_id)


def entries(work: Work, list_id: int, *, words: str = "", after: str = "", limit: int = PAGE) -> list[tuple[str, ...]]:
    """Host, limit and reason of what is on a list, by host."""
    query = select(BlockListEntry.host, BlockListEntry.limit, BlockListEntry.why).where(
        BlockListEntry.list_id == list_id, BlockListEntry.host > after
    )
    if words:
        query = query.where(BlockListEntry.host.contains(words.lower(), autoescape=True))
    return [tuple(row) for row in work.execute(query.order_by(BlockListEntry.host).limit(limit))]


def due(work: Work) -> list[int]:
    """The lists at addresses that are to be read again."""
    day, hour = work.now - READ_AGAIN_AFTER, work.now - TRIED_AGAIN_AFTER
    return list(
        work.scalars(
            select(BlockList.id)
            .where(
                BlockList.url.is_not(None),
                or_(BlockList.read_at.is_(None), BlockList.read_at <= day, BlockList.read_at > work.now),
                or_(BlockList.tried_at.is_(None), BlockList.tried_at <= hour, BlockList.tried_at > work.now),
            )
            .order_by(BlockList.tried_at.nulls_first(), BlockList.id)
        )
    )


def replace(work: Work, list_id: int, listed: Mapping[str, tuple[str, str]]) -> None:
    """Has the list hold these hosts, each with its limit and reason, and no others."""
    work.execute(delete(BlockListEntry).where(BlockListEntry.list_id == list_id))
    values = [
        {"list_id": list_id, "host": host, "limit": limit, "why": why} for host, (limit, why) in sorted(listed.items())
    ]
    if values:
        work.execute(insert(BlockListEntry), values)


def drop(work: Work, list_id: int) -> None:
    """The list is no more, with all that it says."""
    work.execute(delete(BlockListEntry).where(BlockListEntry.list_id == list_id))
    work.execute(delete(BlockList).where(BlockList.id == list_id))
    work.expire_all()


def held(work: Work, list_id: int) -> int:
    """How many hosts are on the list."""
    return work.scalar(select(func.count()).where(BlockListEntry.list_id == list_id)) or 0


def changes(
    work: Work, listed: Mapping[str, tuple[str, str]], may: str, *, instead_of: int | None = None, name: str = ""
) -> list[Change]:
    """The servers known here that would be limited otherwise if the list held this, those with most at stake first."""
    then = limits.known(work, but=instead_of).with_list(name, may, listed)
    now: dict[str, str | None] = {host: kind for host, kind in work.execute(select(Host.host, Host.limit))}
    met = set(work.scalars(select(Actor.host).where(Actor.local.is_(False)).distinct()))
    changed = {host: kind for host in sorted(now.keys() | met) if (kind := then.of(host).kind) != now.get(host)}
    followed = _follows(work, changed, ours_follow=True)
    followers = _follows(work, changed, ours_follow=False)
    said = _said(work, changed)
    found = [
        Change(host, now.get(host), kind, followed.get(host, 0), followers.get(host, 0), said.get(host, 0))
        for host, kind in changed.items()
    ]
    return sorted(found, key=lambda one: (-(one.followed + one.followers), -one.comments, one.host))


def _follows(work: Work, hosts: Mapping[str, object], *, ours_follow: bool) -> dict[str, int]:
    there, here = aliased(Actor), aliased(Actor)
    theirs, ours = (Follow.target_id, Follow.follower_id) if ours_follow else (Follow.follower_id, Follow.target_id)
    query = (
        select(there.host, func.count(func.distinct(there.id)))
        .join(Follow, theirs == there.id)
        .join(here, here.id == ours)
        .where(there.local.is_(False), here.local.is_(True), Follow.state == "accepted")
        .group_by(there.host)
    )
    return {host: count for host, count in work.execute(query) if host in hosts}


def _said(work: Work, hosts: Mapping[str, object]) -> dict[str, int]:
    names = list(hosts)
    found: dict[str, int] = {}
    for start in range(0, len(names), limits.AT_ONCE):
        chunk = names[start : start + limits.AT_ONCE]
        query = (
            select(Actor.host, func.count())
            .join(Comment, Comment.author_id == Actor.id)
            .where(Actor.host.in_(chunk), Actor.local.is_(False))
            .group_by(Actor.host)
        )
        found |= {host: count for host, count in work.execute(query)}
    return found


def at_stake(work: Work, host: str) -> Change:
    """Who has to do with one server, itself and not what is below it."""
    now = limits.kind_of(work, host)
    one = {host: None}
    followed, followers = _follows(work, one, ours_follow=True), _follows(work, one, ours_follow=False)
    return Change(host, now, now, followed.get(host, 0), followers.get(host, 0), _said(work, one).get(host, 0))
