"""Sessions: the browsers in which someone is signed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from storage.schema import Account, Actor, SignedIn
from storage.work import Work

LASTS = timedelta(days=60)  # since it was last used
SEEN_AGAIN = timedelta(minutes=5)  # how exactly we know when that was


@dataclass(frozen=True, slots=True)
class Known:
    """Who is signed in, as every page knows them."""

    session_id: int
    id: int  # of the actor
    name: str  # the handle without @
    display_name: str
    uri: str
    admin: bool  # of the node
    language: str | None
    zone: str | None
    keys_off: bool
    proved_at: datetime
    stale: bool  # when it was last used should be written down


def open_session(work: Work, actor_id: int, secret_hash: str, *, address: str = "", browser: str = "") -> SignedIn:
    """A new session; its secret is with the browser alone."""
    session = SignedIn(
        actor_id=actor_id,
        secret_hash=secret_hash,
        created_at=work.now,
        seen_at=work.now,
        expires_at=work.now + LASTS,
        proved_at=work.now,
        address=address,
        browser=browser[:300],
    )
    work.add(session)
    work.flush()
    return session


def find(work: Work, secret_hash: str) -> Known | None:
    """Who is signed in with that secret; nobody once it expired, or who is suspended or gone."""
    row = work.execute(
        select(SignedIn, Actor, Account)
        .join(Actor, Actor.id == SignedIn.actor_id)
        .join(Account, Account.actor_id == SignedIn.actor_id)
        .where(
            SignedIn.secret_hash == secret_hash,
            SignedIn.expires_at > work.now,
            Actor.state == "active",
            Account.deactivated_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    session, actor, account = row
    return Known(
        session.id,
        actor.id,
        actor.name,
        actor.display_name or actor.name,
        actor.uri,
        account.admin,
        actor.language,
        account.zone,
        account.keys_off,
        session.proved_at,
        not work.now - SEEN_AGAIN < session.seen_at <= work.now,
    )


def saw(work: Work, session_id: int, address: str) -> None:
    """The session is in use: it lasts on from now."""
    session = work.get(SignedIn, session_id)
    if session is not None:
        session.seen_at, session.expires_at, session.address = work.now, work.now + LASTS, address


def prove(work: Work, session_id: int) -> None:
    """Password, code or passkey was just given again."""
    session = work.get(SignedIn, session_id)
    if session is not None:
        session.proved_at = work.now


def of_actor(work: Work, actor_id: int) -> list[SignedIn]:
    """Every session of someone, the latest used first."""
    query = select(SignedIn).where(SignedIn.actor_id == actor_id, SignedIn.expires_at > work.now)
    return list(work.scalars(query.order_by(SignedIn.seen_at.desc(), SignedIn.id.desc())))


def end(work: Work, actor_id: int, *, but: int | None = None, only: int | None = None) -> list[int]:
    """Ends sessions of someone: all, all but one, or only one; answers which ended."""
    query = select(SignedIn.id).where(SignedIn.actor_id == actor_id)
    if but is not None:
        query = query.where(SignedIn.id != but)
    if only is not None:
        query = query.where(SignedIn.id == only)
    ended = list(work.scalars(query))
    work.execute(delete(SignedIn).where(SignedIn.id.in_(ended)))
    return ended


def prune(work: Work) -> None:
    """Forgets what has expired."""
    work.execute(delete(SignedIn).where(SignedIn.expires_at <= work.now))
