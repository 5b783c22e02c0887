"""Groups that are being hidden or erased, piece by piece: how far that has come, and what is next."""

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from storage.schema import Actor, Comment, Fact, Follow, Guest, Invitation, JoinRequest, Membership, Thread
from storage.work import Work

PREFIX = "withdraw:"  # of the facts that keep what was begun across restarts


@dataclass(frozen=True, slots=True)
class Begun:
    """What is being done to a group, and behind which thread or item it goes on."""

    fact: str
    kind: str  # hide, erase, end
    group_id: int
    after: int


def begin(work: Work, kind: str, group_id: int) -> None:
    """Remembers that a group is to be hidden or erased; erasing goes before hiding."""
    name = f"{PREFIX}{group_id}"
    fact = work.get(Fact, name)
    if fact is None:
        work.add(Fact(name=name, value=f"{kind}:0"))
    else:
        fact.value = f"{kind}:0"
    work.flush()


def next_one(work: Work) -> Begun | None:
    """What was begun first and is not done."""
    query = select(Fact).where(Fact.name.startswith(PREFIX, autoescape=True)).order_by(Fact.name).limit(1)
    if work.dialect == "postgresql":
        query = query.with_for_update(skip_locked=True)  # another worker may be at it
    fact = work.scalars(query.execution_options(populate_existing=True)).first()
    if fact is None:
        return None
    kind, _, after = fact.value.partition(":")
    return Begun(fact.name, kind, int(fact.name.removeprefix(PREFIX)), int(after))


def go_on(work: Work, begun: Begun, kind: str, after: int) -> None:
    """The next piece begins behind that one."""
    work.get_one(Fact, begun.fact).value = f"{kind}:{after}"
    work.flush()


def end(work: Work, begun: Begun) -> None:
    """All of it is done."""
    work.delete(work.get_one(Fact, begun.fact))
    work.flush()


def next_public_thread(work: Work, group_id: int, after: int) -> Thread | None:
    """The next thread of the group that is still marked as public."""
    return work.scalars(
        select(Thread)
        .where(Thread.group_id == group_id, Thread.private.is_(False), Thread.id > after)
        .order_by(Thread.id)
        .limit(1)
    ).one_or_none()


def items_after(work: Work, group_id: int, after: int, limit: int) -> list[Comment]:
    """The next items of the group's threads that still have words."""
    return list(
        work.scalars(
            select(Comment)
            .join(Thread, Thread.id == Comment.thread_id)
            .where(Thread.group_id == group_id, Comment.id > after, Comment.state.in_(("visible", "removed")))
            .order_by(Comment.id)
            .limit(limit)
        )
    )


def drop_followers(work: Work, group_id: int) -> None:
    """Nobody follows the group any more."""
    work.execute(delete(Follow).where(Follow.target_id == group_id))


def drop_people(work: Work, group_id: int) -> None:
    """Ends every membership, request and invitation of the group."""
    threads = select(Thread.id).where(Thread.group_id == group_id)
    work.execute(delete(Guest).where(Guest.thread_id.in_(threads)))
    work.execute(delete(JoinRequest).where(JoinRequest.group_id == group_id))
    work.execute(delete(Membership).where(Membership.group_id == group_id))


def revoke_invitations_elsewhere(work: Work, group_id: int) -> None:
    """Takes back what invites people of other servers into the group."""
    afar = select(Actor.id).where(Actor.local.is_(False))
    work.execute(
        update(Invitation)
        .where(Invitation.group_id == group_id, Invitation.invited_id.in_(afar), Invitation.revoked_at.is_(None))
        .values(revoked_at=work.now)
    )
