"""Who may see what: one predicate, used by pages, documents, feeds and deliveries alike."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, true
from sqlalchemy.orm import aliased

from storage.schema import Actor, Block, Comment, Fact, Follow, Group, Guest, Host, Membership, Thread
from storage.work import Work

VISIBLE = "visible"
# What holds its place in a tree although its words are not shown.
PLACES = ("visible", "removed", "deleted", "missing", "refused")

# Of their own, whatever else the query joins. Made once: to make an alias takes longer than many a query.
_PART, _GUEST, _STANDING, _AUTHOR = aliased(Membership), aliased(Guest), aliased(Actor), aliased(Actor)


def is_member(viewer: int | None, group_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The viewer belongs to the group (a banned one does not)."""
    return exists(select(_PART.id).where(_PART.group_id == group_id, _PART.actor_id == viewer, _PART.role != "banned"))


def is_guest(viewer: int | None, thread_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The viewer was let into that one thread, and sees no more of its group than anybody."""
    return exists(select(_GUEST.thread_id).where(_GUEST.thread_id == thread_id, _GUEST.actor_id == viewer))


def group_seen_by(viewer: int | None, group: Any = Group) -> ColumnElement[bool]:
    """The group stands, and is not secret or the viewer is in it. Needs Group joined, or the alias of it given."""
    not_secret: ColumnElement[bool] = group.privacy != "secret"
    if viewer is None:
        return and_(group_stands(group), not_secret)
    return and_(group_stands(group), or_(not_secret, is_member(viewer, group.actor_id)))


def thread_seen_by(viewer: int | None) -> ColumnElement[bool]:
    """The thread is there for the viewer: public, or they are in its group, or its guest. Needs Thread and Group."""
    public: ColumnElement[bool] = and_(Thread.private.is_(False), Group.privacy != "secret")
    if viewer is None:
        return and_(Thread.state == VISIBLE, group_stands(Group), public)
    theirs = or_(is_member(viewer, Thread.group_id.expression), is_guest(viewer, Thread.id.expression))
    return and_(Thread.state == VISIBLE, group_stands(Group), or_(public, theirs))


def group_stands(group: Any) -> ColumnElement[bool]:
    """The group was neither deleted nor suspended, whoever may see it."""
    stands = and_(_STANDING.id == group.actor_id, _STANDING.state == "active")
    return exists(select(_STANDING.id).where(stands).correlate(group))


def author_heard() -> ColumnElement[bool]:
    """The item's author is neither suspended nor on a blocked host. Needs Comment in the query."""
    return ~exists(
        select(_AUTHOR.id)
        .outerjoin(Host, Host.host == _AUTHOR.host)
        .where(
            _AUTHOR.id == Comment.author_id,
            or_(_AUTHOR.state == "suspended", and_(_AUTHOR.local.is_(False), Host.limit == "suspend")),
        )
    )


def is_silenced(actor: Any) -> ColumnElement[bool]:
    """The actor's server is silenced: heard by whoever comes to read, and pushed at nobody who did not ask."""
    host = aliased(Host)
    return exists(select(host.host).where(host.host == actor.host, host.limit == "silence").correlate(actor))


def unblocked(viewer: int | None, who: Any) -> ColumnElement[bool]:
    """The viewer did not block that actor, who is a column with ids (PRV-15)."""
    if viewer is None:
        return true()
    block = aliased(Block)
    return ~exists(select(block.id).where(block.actor_id == viewer, block.target_id == who))


def author_pushed(viewer: int | None) -> ColumnElement[bool]:
    """The item may be put before the viewer unasked: its author is not silenced, or they follow them. Needs Comment.

    Of whom the viewer blocked, nothing may.
    """
    author, follow = aliased(Actor), aliased(Follow)
    silenced = exists(
        select(author.id)
        .join(Host, Host.host == author.host)
        .where(author.id == Comment.author_id, author.local.is_(False), Host.limit == "silence")
    )
    if viewer is None:
        return ~silenced
    follows = exists(
        select(follow.id).where(
            follow.follower_id == viewer, follow.target_id == Comment.author_id, follow.state == "accepted"
        )
    )
    return and_(unblocked(viewer, Comment.author_id), or_(~silenced, follows))


def tells(actor: Any, reader: int) -> ColumnElement[bool]:
    """What the actor says to the reader alone is put before them; of a silenced one only if the reader follows them."""
    host, follow = aliased(Host), aliased(Follow)
    barred = exists(select(host.host).where(host.host == actor.host, host.limit == "suspend").correlate(actor))
    follows = exists(
        select(follow.id)
        .where(follow.follower_id == reader, follow.target_id == actor.id, follow.state == "accepted")
        .correlate(actor)
    )
    heard = or_(actor.local.is_(True), and_(~barred, or_(~is_silenced(actor), follows)))
    return and_(actor.state == "active", heard, unblocked(reader, actor.id))


def not_suspended() -> ColumnElement[bool]:
    """We have to do with the host. Needs Host in the query, or joined from outside."""
    return or_(Host.limit.is_(None), Host.limit != "suspend")


def comment_open_to(viewer: int | None) -> ColumnElement[bool]:
    """The item's words are there for the viewer who asks for them. Needs Comment, Thread and Group joined."""
    return and_(Comment.state == VISIBLE, author_heard(), thread_seen_by(viewer))


def comment_seen_by(viewer: int | None) -> ColumnElement[bool]:
    """The item's words may be shown in lists, feeds, searches: the viewer did not block its author. Needs the same."""
    return and_(comment_open_to(viewer), unblocked(viewer, Comment.author_id))


def is_shown(work: Work, actor: Actor) -> bool:
    """The actor may be known of at all: a secret group is not."""
    group = work.get(Group, actor.id) if actor.kind == "group" else None
    return group is None or group.privacy != "secret"


def actor_shown() -> ColumnElement[bool]:
    """The same of the query's actors, who must be active besides. Needs Actor, and Group joined where it is one."""
    return and_(Actor.state == "active", or_(Group.actor_id.is_(None), Group.privacy != "secret"))


def epoch(work: Work) -> str:
    """Changes whenever a block or a suspension changed what is seen all over the node."""
    fact = work.get(Fact, "visibility")
    return fact.value if fact is not None else ""


def has_changed(work: Work) -> None:
    """Tells everything kept in memory that a block or a suspension changed what is seen."""
    fact = work.get(Fact, "visibility")
    if fact is None:
        work.add(Fact(name="visibility", value=work.mint()))
    else:
        fact.value = work.mint()
    work.flush()
