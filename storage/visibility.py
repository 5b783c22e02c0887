"""Who may see what: one predicate, used by pages, documents, feeds and deliveries alike."""

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from storage.schema import Actor, Comment, Fact, Group, Host, Membership, Thread
from storage.work import Work

VISIBLE = "visible"
# What holds its place in a tree although its words are not shown.
PLACES = ("visible", "removed", "deleted", "missing", "refused")


def is_member(viewer: int | None, group_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The viewer belongs to the group (a banned one does not)."""
    part = aliased(Membership)
    return exists(select(part.id).where(part.group_id == group_id, part.actor_id == viewer, part.role != "banned"))


def group_seen_by(viewer: int | None) -> ColumnElement[bool]:
    """The group stands, and is not secret or the viewer is in it. Needs Group joined."""
    actor = aliased(Actor)  # of its own, whatever else the query joins
    standing = exists(select(actor.id).where(actor.id == Group.actor_id, actor.state == "active").correlate(Group))
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
