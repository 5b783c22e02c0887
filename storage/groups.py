"""Groups, and who belongs to them."""

from dataclasses import dataclass

from sqlalchemy import func, select

from storage import visibility
from storage.people import Person, as_person
from storage.schema import Actor, Comment, Follow, Group, Handle, Membership, Thread
from storage.work import Work


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
    """The groups the viewer can see, by title."""
    rows = work.execute(
        select(Group, Actor)
        .join(Actor, Actor.id == Group.actor_id)
        .where(visibility.group_seen_by(viewer))
        .order_by(func.lower(Actor.display_name), Actor.name)
    ).all()
    return [_card(work, group, actor, viewer) for group, actor in rows]


def card(work: Work, group_id: int, viewer: int | None) -> GroupCard | None:
    """The group, if the viewer can see it."""
    row = work.execute(
        select(Group, Actor)
        .join(Actor, Actor.id == Group.actor_id)
        .where(Group.actor_id == group_id, visibility.group_seen_by(viewer))
    ).one_or_none()
    return _card(work, row[0], row[1], viewer) if row else None


def _card(work: Work, group: Group, actor: Actor, viewer: int | None) -> GroupCard:
    members = (
        select(func.count())
        .select_from(Membership)
        .where(Membership.group_id == actor.id, Membership.role.not_in(("banned", "guest")))
    )
    followers = select(func.count()).select_from(Follow).where(Follow.target_id == actor.id, Follow.state == "accepted")
    threads = (
        select(func.count())
        .select_from(Thread)
        .join(Group, Group.actor_id == Thread.group_id)
        .where(Thread.group_id == actor.id, visibility.thread_seen_by(viewer))
    )
    counts = work.execute(
        select(members.scalar_subquery(), followers.scalar_subquery(), threads.scalar_subquery())
    ).one()
    return GroupCard(
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
        counts[0],
        counts[1],
        counts[2],
    )


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
