"""Mails: what we owe to people's mailboxes. A row is the promise; once it is kept, its words are erased."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, func, or_, select, update

from storage.schema import Mail
from storage.work import UNSYNCED, Work

LEASE = timedelta(minutes=10)  # of a mail by one sender; a batch ends well within it
ASTRAY = timedelta(days=2)  # nothing waits so long: a clock had gone astray
KEPT = timedelta(days=21)  # that it was sent, and when; without its words
ASIDE = timedelta(days=60)  # what was given up; by then nobody tries it again


ERASED: dict[str, Any] = {"subject": "", "text": "", "html": "", "headers": None}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail to be sent now."""

    id: int
    uid: str
    kind: str
    to_address: str
    to_name: str
    subject: str
    text: str
    html: str
    headers: dict[str, str]
    tries: int  # with this one
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail as the admin sees it."""

    uid: str
    kind: str
    to_address: str
    state: str  # waiting, sent, parked
    tries: int
    created_at: datetime
    sent_at: datetime | None
    next_try_at: datetime | None  # while it waits
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How full the queue is."""

    waiting: int
    parked: int
    oldest: datetime | None


def queue(
    work: Work,
    *,
    kind: str,
    to_address: str,
    to_name: str,
    actor_id: int | None,
    subject: str,
    text: str,
    html: str,
    headers: dict[str, str] | None = None,
) -> str:
    """Owes a mail to somebody, from this transaction on; answers its uid, which its Message-ID is made of."""
    mail = Mail(
        uid=work.mint(), kind=kind, to_address=to_address, to_name=to_name, actor_id=actor_id, subject=subject,
        text=text, html=html, headers=headers, next_try_at=work.now, created_at=work.now,
    )  # fmt: skip
    work.add(mail)
    work.flush()
    return mail.uid


# ------------------------------------------------------------------ sending


def claim(work: Work, owner: str, limit: int) -> list[Waiting]:
    """Leases mails that are due, the one that has been due longest first, and counts the try before it is made."""
    query = (
        select(Mail)
        .where(
            Mail.parked_at.is_(None),
            Mail.sent_at.is_(None),
            or_(Mail.next_try_at <= work.now, Mail.next_try_at > work.now + ASTRAY),
            or_(Mail.lease_until.is_(None), Mail.lease_until <= work.now, Mail.lease_until > work.now + ASTRAY),
        )
        .order_by(Mail.next_try_at, Mail.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Mail)
    )
    taken = []
    for mail in work.scalars(query.execution_options(populate_existing=True)):
        mail.tries += 1
        mail.lease_owner, mail.lease_until = owner, work.now + LEASE
        taken.append(waiting_of(mail))
    return taken


def waiting_of(mail: Mail) -> Waiting:
    """The mail as whoever sends it gets it."""
    return Waiting(
        mail.id, mail.uid, mail.kind, mail.to_address, mail.to_name, mail.subject, mail.text, mail.html,
        dict(mail.headers or {}), mail.tries, mail.created_at,
    )  # fmt: skip


def sent(work: Work, mail_id: int, *, owner: str) -> None:
    """The mail went out: its words, which may hold a secret, are erased."""
    _of(work, owner, mail_id, sent_at=work.now, last_error=None, **ERASED)


def later(work: Work, mail_id: int, why: str, *, owner: str, after: timedelta) -> None:
    """Lays the mail back for that long."""
    _of(work, owner, mail_id, last_error=why, next_try_at=work.now + after)


def park(work: Work, mail_id: int, why: str, *, owner: str) -> None:
    """Gives the mail up, with the reason; an admin may have it tried again."""
    _of(work, owner, mail_id, last_error=why, parked_at=work.now)


def expire(work: Work, mail_id: int, why: str, *, owner: str) -> None:
    """Gives the mail up for good: nobody could use what is in it any more."""
    _of(work, owner, mail_id, last_error=why, parked_at=work.now, **ERASED)


def release(work: Work, owner: str, ids: Sequence[int]) -> None:
    """Gives back what this sender took and did not try."""
    work.execute(
        update(Mail)
        .where(Mail.id.in_(ids), Mail.lease_owner == owner, Mail.sent_at.is_(None))
        .values(lease_owner=None, lease_until=None, tries=Mail.tries - 1)
        .execution_options(**UNSYNCED)
    )


def take_over(work: Work, is_dead: Callable[[str], bool]) -> int:
    """Ends the leases of senders that are dead; says how many mails that frees."""
    held = select(Mail.lease_owner).where(Mail.sent_at.is_(None), Mail.lease_until > work.now).distinct()
    dead = [owner for owner in work.scalars(held) if owner and is_dead(owner)]
    ended = update(Mail).where(Mail.lease_owner.in_(dead)).values(lease_owner=None, lease_until=None)
    return cast(CursorResult[Any], work.execute(ended.execution_options(**UNSYNCED))).rowcount if dead else 0


def _of(work: Work, owner: str, mail_id: int, **values: Any) -> None:
    """Changes it only while the sender still holds it: another may have it by now."""
    work.execute(
        update(Mail)
        .where(Mail.id == mail_id, Mail.lease_owner == owner, Mail.sent_at.is_(None))
        .values(lease_owner=None, lease_until=None, **values)
        .execution_options(**UNSYNCED)
    )


# ------------------------------------------------------------------ what the admin asks


def listed(work: Work, limit: int = 50) -> list[Listed]:
    """The mails of the last weeks, newest first."""
    return [_listed(mail) for mail in work.scalars(select(Mail).order_by(Mail.id.desc()).limit(limit))]


def by_uid(work: Work, uid: str) -> Mail | None:
    """The mail of that uid."""
    return work.scalars(select(Mail).where(Mail.uid == uid)).one_or_none()


def newest(work: Work) -> Mail | None:
    """The mail that was written last."""
    return work.scalars(select(Mail).order_by(Mail.id.desc()).limit(1)).one_or_none()


def counts(work: Work) -> Counts:
    """How much waits, and since when."""
    unsent = and_(Mail.sent_at.is_(None), Mail.parked_at.is_(None))
    return Counts(
        work.scalar(select(func.count()).select_from(Mail).where(unsent)) or 0,
        work.scalar(select(func.count()).select_from(Mail).where(Mail.parked_at.is_not(None))) or 0,
        work.scalar(select(func.min(Mail.created_at)).where(unsent)),
    )


def retry(work: Work, uid: str | None = None) -> int:
    """Has a mail tried again now, or all that wait or were given up with their words; says how many."""
    chosen: list[ColumnElement[bool]] = [Mail.sent_at.is_(None), Mail.text != ""]
    if uid is not None:
        chosen.append(Mail.uid == uid)
    changed = work.execute(
        update(Mail).where(*chosen).values(next_try_at=work.now, parked_at=None, tries=0).execution_options(**UNSYNCED)
    )
    return cast(CursorResult[Any], changed).rowcount


def state_of(mail: Mail) -> str:
    """In a word: waiting, sent or parked."""
    return "sent" if mail.sent_at else "parked" if mail.parked_at else "waiting"


def _listed(mail: Mail) -> Listed:
    state = state_of(mail)
    return Listed(
        mail.uid, mail.kind, mail.to_address, state, mail.tries, mail.created_at, mail.sent_at,
        mail.next_try_at if state == "waiting" else None, mail.last_error,
    )  # fmt: skip


# ------------------------------------------------------------------ forgetting


def prune(work: Work) -> int:
    """Forgets what was sent weeks ago and what was given up months ago; says how many mails that were."""
    old = or_(Mail.sent_at <= work.now - KEPT, and_(Mail.sent_at.is_(None), Mail.parked_at <= work.now - ASIDE))
    gone = work.execute(delete(Mail).where(old).execution_options(**UNSYNCED))
    return cast(CursorResult[Any], gone).rowcount
