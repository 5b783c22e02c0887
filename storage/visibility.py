"""Who may see what: one predicate, used by pages, documents, feeds and deliveries alike."""

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from storage.schema import Actor, Comment, Group, Host, Membership, Thread

VISIBLE = "visible"
# What holds its place in a tree although its words are not shown.
PLACES = ("visible", "removed", "deleted", "missing", "refused")


def is_member(viewer: int | None, group_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The viewer belongs to the group (a banned one does not)."""
    return exists().where(Membership.group_id == group_id, Membership.actor_id == viewer, Membership.role != "banned")


def group_seen_by(viewer: int | None) -> ColumnElement[bool]:
    """The group stands, and is not secret or the viewer is in it. Needs Group joined."""
    standing = exists().where(Actor.id == Group.actor_id, Actor.state == "active")
    if viewer is None:
        return and_(standing, Group.privacy != "secret")
    return and_(standing, or_(Group.privacy != "secret", is_member(viewer, Group.actor_id.expression)))


def thread_seen_by(viewer: int | None) -> ColumnElement[bool]:
    """The thread is there for the viewer. Needs Thread and Group joined."""
    open_to_them: ColumnElement[bool] = Thread.private.is_(False)
    if viewer is not None:
        open_to_them = or_(open_to_them, is_member(viewer, Thread.group_id.expression))
    return and_(Thread.state == VISIBLE, group_seen_by(viewer), open_to_them)


def author_heard() -> ColumnElement[bool]:
    """The item's author is neither suspended nor on a blocked host. Needs Comment in the query."""
    author = aliased(Actor)
    return ~exists(
        select(author.id)
        .outerjoin(Host, Host.host == author.host)
        .where(
            author.id == Comment.author_id,
            or_(author.state == "suspended", and_(author.local.is_(False), Host.blocked_at.is_not(None))),
        )
    )


def comment_seen_by(viewer: int | None) -> ColumnElement[bool]:
    """The item's words may be shown. Needs Comment, Thread and Group joined."""
    return and_(Comment.state == VISIBLE, author_heard(), thread_seen_by(viewer))
