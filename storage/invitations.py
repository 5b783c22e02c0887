"""Invitations into groups and threads, and requests to be let in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import aliased

from storage import visibility
from storage.people import Person, as_person
from storage.schema import Actor, Group, Invitation, JoinRequest, Notice, Thread
from storage.work import Work


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that was sent and not used yet, for those who may take it back."""

    id: int
    email: str | None
    invited: Person | None
    inviter: Person | None
    role: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class InvitationCard:
    """An invitation for the one who got it: who invites into what."""

    id: int
    group_id: int
    group_title: str
    group_uri: str
    group_summary: str  # safe HTML
    privacy: str
    language: str
    hue: int
    thread_title: str | None  # as a guest of this thread alone
    thread_uid: str | None
    thread_slug: str | None
    inviter: Person | None
    invited: Person | None
    role: str
    words: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """Someone who waits to be let in."""

    id: int
    person: Person
    words: str
    created_at: datetime


# ------------------------------------------------------------------ invitations


def by_id(work: Work, invitation_id: int) -> Invitation | None:
    """The invitation of that id, whatever became of it."""
    return work.get(Invitation, invitation_id)


def by_hash(work: Work, secret_hash: str) -> Invitation | None:
    """The open invitation whose secret has that hash."""
    return work.scalars(select(Invitation).where(Invitation.secret_hash == secret_hash, _open(work))).one_or_none()


def lock(work: Work, invitation_id: int) -> Invitation:
    """The invitation, held until the commit on PostgreSQL: it can be used once."""
    query = select(Invitation).where(Invitation.id == invitation_id)
    if work.dialect == "postgresql":
        query = query.with_for_update()
    return work.scalars(query.execution_options(populate_existing=True)).one()


def is_open(work: Work, invitation: Invitation) -> bool:
    """It was neither used nor taken back, and has not expired."""
    return invitation.accepted_at is None and invitation.revoked_at is None and invitation.expires_at > work.now


def of_group(work: Work, group_id: int, *, thread_id: int | None = None) -> list[OpenInvitation]:
    """The open invitations into the group, or as guests into one of its threads; the latest first."""
    invited, inviter = aliased(Actor), aliased(Actor)
    into = Invitation.thread_id.is_(None) if thread_id is None else Invitation.thread_id == thread_id
    rows = work.execute(
        select(Invitation, invited, inviter)
        .outerjoin(invited, invited.id == Invitation.invited_id)
        .outerjoin(inviter, inviter.id == Invitation.inviter_id)
        .where(Invitation.group_id == group_id, into, _open(work))
        .order_by(Invitation.id.desc())
    )
    return [
        OpenInvitation(
            invitation.id,
            invitation.email,
            as_person(whom) if whom is not None else None,
            as_person(by) if by is not None else None,
            invitation.role,
            invitation.created_at,
            invitation.expires_at,
        )
        for invitation, whom, by in rows
    ]


def waiting_for(work: Work, actor_id: int) -> list[InvitationCard]:
    """The open invitations of one of ours, the latest first; none by whom they blocked."""
    wanted = visibility.unblocked(actor_id, Invitation.inviter_id)
    return _cards(work, and_(Invitation.invited_id == actor_id, _open(work), wanted))


def card(work: Work, invitation_id: int) -> InvitationCard | None:
    """The invitation, if it is open and there is still something to be invited into."""
    return next(iter(_cards(work, and_(Invitation.id == invitation_id, _open(work)))), None)


def to_same(
    work: Work, group_id: int, *, thread_id: int | None, email: str | None, invited_id: int | None
) -> list[Invitation]:
    """The open invitations of the same person into the same place."""
    query = select(Invitation).where(
        Invitation.group_id == group_id,
        Invitation.thread_id.is_(None) if thread_id is None else Invitation.thread_id == thread_id,
        Invitation.email == email if email is not None else Invitation.invited_id == invited_id,
        _open(work),
    )
    return list(work.scalars(query))


def count_since(work: Work, since: datetime, *, inviter_id: int | None = None, group_id: int | None = None) -> int:
    """How many invitations someone sent, or were sent into a group, since then."""
    query = select(func.count()).select_from(Invitation).where(Invitation.created_at > since)
    if inviter_id is not None:
        query = query.where(Invitation.inviter_id == inviter_id)
    if group_id is not None:
        query = query.where(Invitation.group_id == group_id)
    return work.scalar(query) or 0


def forget_notice(work: Work, uri: str) -> None:
    """Takes away the notice of an invitation that was answered, or is void."""
    work.execute(delete(Notice).where(Notice.kind == "invitation", Notice.uri == uri))


def revoke_of(work: Work, group_id: int, *, inviter_id: int | None = None, invited_id: int | None = None) -> None:
    """Takes back the open invitations that someone sent, or got, in a group."""
    query = update(Invitation).where(Invitation.group_id == group_id, _open(work))
    if inviter_id is not None:
        query = query.where(Invitation.inviter_id == inviter_id)
    if invited_id is not None:
        query = query.where(Invitation.invited_id == invited_id)
    work.execute(query.values(revoked_at=work.now))


def _open(work: Work) -> ColumnElement[bool]:
    return and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > work.now)


def _cards(work: Work, which: ColumnElement[bool]) -> list[InvitationCard]:
    group_actor, inviter, invited = aliased(Actor), aliased(Actor), aliased(Actor)
    rows = work.execute(
        select(Invitation, Group, group_actor, Thread, inviter, invited)
        .join(Group, Group.actor_id == Invitation.group_id)
        .join(group_actor, group_actor.id == Invitation.group_id)
        .outerjoin(Thread, Thread.id == Invitation.thread_id)
        .outerjoin(inviter, inviter.id == Invitation.inviter_id)
        .outerjoin(invited, invited.id == Invitation.invited_id)
        .where(
            which,
            group_actor.state == "active",
            Group.archived_at.is_(None),
            Invitation.thread_id.is_(None) | (Thread.state == "visible"),
        )
        .order_by(Invitation.id.desc())
    )
    return [
        InvitationCard(
            invitation.id,
            group.actor_id,
            actor.display_name or actor.name,
            actor.uri,
            actor.summary,
            group.privacy,
            group.language,
            group.hue,
            thread.title if thread is not None else None,
            thread.uid if thread is not None else None,
            thread.slug if thread is not None else None,
            as_person(by) if by is not None else None,
            as_person(whom) if whom is not None else None,
            invitation.role,
            invitation.words,
            invitation.expires_at,
        )
        for invitation, group, actor, thread, by, whom in rows
    ]


# ------------------------------------------------------------------ requests


def request_of(work: Work, group_id: int, actor_id: int) -> JoinRequest | None:
    """What someone asked of the group, and what became of it."""
    return work.scalars(
        select(JoinRequest).where(JoinRequest.group_id == group_id, JoinRequest.actor_id == actor_id)
    ).one_or_none()


def request(work: Work, request_id: int) -> JoinRequest | None:
    """The request of that id."""
    return work.get(JoinRequest, request_id)


def waiting_requests(work: Work, group_id: int) -> list[Request]:
    """Everyone who waits to be let in, the longest first."""
    rows = work.execute(
        select(JoinRequest, Actor)
        .join(Actor, Actor.id == JoinRequest.actor_id)
        .where(JoinRequest.group_id == group_id, JoinRequest.state == "waiting", Actor.state == "active")
        .order_by(JoinRequest.id)
    )
    return [Request(asked.id, as_person(actor), asked.words, asked.created_at) for asked, actor in rows]


def count_requests(work: Work, actor_id: int) -> int:
    """How many groups someone waits to be let into."""
    waiting = select(func.count()).where(JoinRequest.actor_id == actor_id, JoinRequest.state == "waiting")
    return work.scalar(waiting) or 0


def count_waiting(work: Work, group_id: int) -> int:
    """How many wait to be let in."""
    return (
        work.scalar(
            select(func.count())
            .select_from(JoinRequest)
            .join(Actor, Actor.id == JoinRequest.actor_id)
            .where(JoinRequest.group_id == group_id, JoinRequest.state == "waiting", Actor.state == "active")
        )
        or 0
    )
