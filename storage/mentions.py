"""Whom one may mean after an @: people of this node, and those of other servers who were seen here."""

from sqlalchemy import and_, case, exists, func, or_, select

from storage import visibility
from storage.people import Person, as_person, escaped
from storage.schema import Actor, Comment, Host, Membership, Thread
from storage.work import Work

SHOWN = 8  # a list that is read at a glance


def beginning_with(
    work: Work, words: str, *, thread_id: int | None, viewer: int | None = None, limit: int = SHOWN
) -> list[Person]:
    """People whose handle or name begins so: those of the thread first, then of its group, then others here.

    Somebody of another server is found once they wrote in a thread that everybody may read, or in this one; nobody
    whom the viewer blocked.
    """
    name, _, host = words.lstrip("@").partition("@")
    like = f"{escaped(name)}%"
    here = exists(select(Comment.id).where(Comment.author_id == Actor.id, Comment.thread_id == thread_id))
    seen = exists(
        select(Comment.id)
        .join(Thread, Thread.id == Comment.thread_id)
        .where(Comment.author_id == Actor.id, Thread.private.is_(False), Thread.state == "visible")
    )
    belongs = exists(
        select(Membership.id)
        .join(Thread, Thread.group_id == Membership.group_id)
        .where(Membership.actor_id == Actor.id, Thread.id == thread_id, Membership.role != "banned")
    )
    query = (
        select(Actor)
        .outerjoin(Host, Host.host == Actor.host)
        .where(
            Actor.kind.in_(("person", "service")),
            Actor.state == "active",
            visibility.not_suspended(),
            visibility.unblocked(viewer, Actor.id),
            or_(
                Actor.name.ilike(like, escape="\\"),
                Actor.display_name.ilike(like, escape="\\"),
                Actor.display_name.ilike(f"% {like}", escape="\\"),
            ),
            or_(Actor.local.is_(True), here, and_(seen, ~visibility.is_silenced(Actor))),
        )
        .order_by(case((here, 0), (belongs, 1), else_=2), Actor.local.desc(), func.lower(Actor.name), Actor.id)
        .limit(limit)
    )
    if host:
        query = query.where(Actor.host.ilike(f"{escaped(host)}%", escape="\\"))
    return [as_person(actor) for actor in work.scalars(query)]
