"""Groups, and who belongs to them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import aliased

from storage import people, visibility
from storage.people import Person, as_person
from storage.schema import Act, Actor, Comment, Follow, Group, Handle, Membership, Thread
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Parent:
    """The group that another one is a part of."""

    id: int
    title: str
    uri: str


@dataclass(frozen=True, slots=True)
class GroupCard:
    """A group as a page shows it."""

    id: int
    name: str  # the handle without @
    title: str
    uri: str
    summary: str  # safe HTML
    privacy: str
    language: str
    hue: int
    comments: str
    outsiders_may_start: bool
    outsiders_may_comment: bool
    archived: bool
    members: int
    followers: int
    threads: int
    who_may_start: str
    threads_may_be: str  # public, private, either
    slow_mode: int  # seconds
    listed: bool
    join_prompt: str
    parent: Parent | None  # if the viewer can see it
    role: str | None  # of the viewer: admin, moderator, member, guest, banned


@dataclass(frozen=True, slots=True)
class Member:
    """Someone in a group, with their part in it."""

    person: Person
    role: str
    title: str | None


def by_id(work: Work, actor_id: int) -> Group | None:
    """The group of that actor."""
    return work.get(Group, actor_id)


def by_name(work: Work, name: str) -> tuple[Group, Actor] | None:
    """The group that has, or once had, that handle."""
    row = work.execute(
        select(Group, Actor)
        .join(Actor, Actor.id == Group.actor_id)
        .join(Handle, Handle.actor_id == Actor.id)
        .where(Handle.name == name.lower())
    ).one_or_none()
    return (row[0], row[1]) if row else None


def membership(work: Work, group_id: int, actor_id: int) -> Membership | None:
    """The part the actor has in the group, if any."""
    return work.scalars(
        select(Membership).where(Membership.group_id == group_id, Membership.actor_id == actor_id)
    ).one_or_none()


def members(work: Work, group_id: int) -> list[Member]:
    """Everyone in the group, admins and moderators first."""
    rank = {"admin": 0, "moderator": 1, "member": 2, "guest": 3}
    rows = work.execute(
        select(Actor, Membership.role, Membership.title)
        .join(Membership, Membership.actor_id == Actor.id)
        .where(Membership.group_id == group_id, Membership.role != "banned", Actor.state == "active")
        .order_by(Membership.id)
    ).all()
    found = [Member(as_person(actor), role, title) for actor, role, title in rows]
    return sorted(found, key=lambda member: rank.get(member.role, 4))


def cards(work: Work, viewer: int | None) -> list[GroupCard]:
    """The groups of the directory and of the viewer, by title."""
    return _cards(work, viewer, or_(SHOWN.listed.is_(True), visibility.is_member(viewer, SHOWN.actor_id.expression)))


def card(work: Work, group_id: int, viewer: int | None) -> GroupCard | None:
    """The group, if the viewer can see it."""
    return next(iter(_cards(work, viewer, SHOWN.actor_id == group_id)), None)


def cards_of(work: Work, group_ids: Collection[int], viewer: int | None) -> dict[int, GroupCard]:
    """Those of the groups that the viewer can see, by their ids."""
    return {card.id: card for card in _cards(work, viewer, SHOWN.actor_id.in_(group_ids))}


def as_told(work: Work, group_id: int) -> GroupCard | None:
    """The group for whoever has its join link: they see this much, even of a secret one."""
    return next(iter(_cards(work, None, SHOWN.actor_id == group_id, told=True)), None)


def joined(work: Work, actor_id: int) -> list[GroupCard]:
    """The groups that someone is in, by title."""
    return _cards(work, actor_id, visibility.is_member(actor_id, SHOWN.actor_id.expression))


def subgroups(work: Work, group_id: int, viewer: int | None) -> list[GroupCard]:
    """The parts of the group that the viewer can see, by title."""
    return _cards(work, viewer, SHOWN.parent_id == group_id)


def all_below(work: Work, group_id: int) -> list[Group]:
    """Every part of the group, whoever may see it."""
    return list(work.scalars(select(Group).where(Group.parent_id == group_id)))


SHOWN = aliased(Group)  # the group of a card, told apart from that of its threads
_PARENT, _PARENT_ACTOR, _OWN = aliased(Group), aliased(Actor), aliased(Membership)


def _cards(work: Work, viewer: int | None, which: ColumnElement[bool], *, told: bool = False) -> list[GroupCard]:
    parent, parent_actor, own = _PARENT, _PARENT_ACTOR, _OWN
    members = (
        select(func.count())
        .select_from(Membership)
        .where(Membership.group_id == SHOWN.actor_id, Membership.role.not_in(("banned", "guest")))
    )
    followers = select(func.count()).select_from(Follow).where(Follow.target_id == SHOWN.actor_id)
    threads = (
        select(func.count())
        .select_from(Thread)
        .join(Group, Group.actor_id == Thread.group_id)
        .where(Thread.group_id == SHOWN.actor_id, visibility.thread_seen_by(viewer))
        .correlate(SHOWN)
    )
    rows = work.execute(
        select(
            SHOWN,
            Actor,
            members.correlate(SHOWN).scalar_subquery(),
            followers.where(Follow.state == "accepted").correlate(SHOWN).scalar_subquery(),
            threads.scalar_subquery(),
            parent_actor,
            own.role,
        )
        .join(Actor, Actor.id == SHOWN.actor_id)
        .outerjoin(parent, and_(parent.actor_id == SHOWN.parent_id, visibility.group_seen_by(viewer, parent)))
        .outerjoin(parent_actor, parent_actor.id == parent.actor_id)
        .outerjoin(own, and_(own.group_id == SHOWN.actor_id, own.actor_id == viewer))
        .where(visibility.group_stands(SHOWN) if told else visibility.group_seen_by(viewer, SHOWN), which)
        .order_by(func.lower(Actor.display_name), Actor.name)
    ).all()
    return [
        GroupCard(
            actor.id,
            actor.name,
            actor.display_name or actor.name,
            actor.uri,
            actor.summary,
            group.privacy,
            group.language,
            group.hue,
            group.comments,
            group.outsiders_may_start,
            group.outsiders_may_comment,
            group.archived_at is not None,
            member_count,
            follower_count,
            thread_count,
            group.who_may_start,
            group.threads,
            group.slow_mode,
            group.listed,
            group.join_prompt,
            Parent(above.id, above.display_name or above.name, above.uri) if above is not None else None,
            role,
        )
        for group, actor, member_count, follower_count, thread_count, above, role in rows
    ]


@dataclass(frozen=True, slots=True)
class Listed:
    """A group in a list, with where it belongs: its card is asked for when it is shown."""

    id: int
    parent_id: int | None
    role: str | None  # of the viewer
    listed: bool


def directory(work: Work, viewer: int | None, words: str = "") -> list[Listed]:
    """What the viewer finds in the directory: the public groups that are listed, and their own; by title."""
    own = aliased(Membership)
    query = (
        select(SHOWN.actor_id, SHOWN.parent_id, own.role, SHOWN.listed)
        .join(Actor, Actor.id == SHOWN.actor_id)
        .outerjoin(own, and_(own.group_id == SHOWN.actor_id, own.actor_id == viewer, own.role != "banned"))
        .where(
            visibility.group_seen_by(viewer, SHOWN),
            or_(own.id.is_not(None), and_(SHOWN.listed.is_(True), SHOWN.privacy != "secret")),
        )
        .order_by(func.lower(Actor.display_name), Actor.name)
    )
    for word in words.split()[:8]:
        like = f"%{people.escaped(word)}%"
        query = query.where(or_(Actor.display_name.ilike(like, escape="\\"), Actor.name.ilike(like, escape="\\")))
    return [Listed(*row) for row in work.execute(query)]


def by_join_token(work: Work, token: str) -> tuple[Group, Actor] | None:
    """The group whose join link that is, while new people can come into it."""
    row = work.execute(
        select(Group, Actor)
        .join(Actor, Actor.id == Group.actor_id)
        .where(Group.join_token == token, Group.archived_at.is_(None), Actor.state == "active")
    ).one_or_none()
    return (row[0], row[1]) if row else None


def lock(work: Work, group_id: int) -> Group:
    """The group, held until the commit on PostgreSQL; SQLite has one writer anyway."""
    query = select(Group).where(Group.actor_id == group_id)
    if work.dialect == "postgresql":
        query = query.with_for_update()
    return work.scalars(query.execution_options(populate_existing=True)).one()


def latest_comment_at(work: Work, group_id: int, author_id: int) -> datetime | None:
    """When someone last commented in the group."""
    return work.scalar(
        select(Comment.arrived_at)
        .join(Thread, Thread.id == Comment.thread_id)
        .where(Comment.author_id == author_id, Comment.number > 0, Thread.group_id == group_id)
        .order_by(Comment.id.desc())
        .limit(1)
    )


def founded_since(work: Work, actor_id: int, since: datetime) -> int:
    """How many groups someone made since then."""
    made = select(func.count()).where(Act.actor_id == actor_id, Act.verb == "create group", Act.done_at > since)
    return work.scalar(made) or 0


def renamed_since(work: Work, uri: str, since: datetime) -> bool:
    """The group got another handle since then."""
    done = select(Act.id).where(Act.about == uri, Act.verb == "rename", Act.done_at > since).limit(1)
    return work.scalar(done) is not None


def make_private(work: Work, group_id: int) -> None:
    """Every thread of the group is for its members alone from now on."""
    work.execute(update(Thread).where(Thread.group_id == group_id).values(private=True, version=Thread.version + 1))


def count_posts(work: Work) -> tuple[int, int]:
    """How many threads and how many comments people of this node wrote, for NodeInfo."""

    def written(opening: bool) -> int:
        number = Comment.number == 0 if opening else Comment.number > 0
        return (
            work.scalar(
                select(func.count())
                .select_from(Comment)
                .join(Actor, Actor.id == Comment.author_id)
                .where(Actor.local.is_(True), Comment.state == "visible", number)
            )
            or 0
        )

    return written(True), written(False)
