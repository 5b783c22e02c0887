"""People who want an account and have none yet."""

from datetime import timedelta

from sqlalchemy import and_, delete, func, or_, select

from storage import tokens
from storage.schema import SignUp
from storage.work import Work

KEPT = timedelta(days=1)  # while its address is not proved; so long is the handle held
SETTLED = timedelta(days=90)  # what became of it is kept so long


def by_id(work: Work, sign_up_id: int) -> SignUp | None:
    """The sign-up of that number."""
    return work.get(SignUp, sign_up_id)


def of_actor(work: Work, actor_id: int) -> SignUp | None:
    """The sign-up that someone came in by."""
    return work.scalars(select(SignUp).where(SignUp.actor_id == actor_id).order_by(SignUp.id.desc()).limit(1)).first()


def holds(work: Work, name: str, *, but_email: str) -> bool:
    """Somebody else asked for that handle and is being waited for."""
    query = select(SignUp.id).where(SignUp.name == name, SignUp.email != but_email, SignUp.decided_at.is_(None))
    alive = or_(SignUp.verified_at.is_not(None), SignUp.created_at > work.now - KEPT)
    return work.scalar(query.where(alive).limit(1)) is not None


def waits(work: Work, email: str) -> bool:
    """Someone of that address proved it and waits for an answer."""
    query = select(SignUp.id).where(SignUp.email == email, SignUp.verified_at.is_not(None), SignUp.decided_at.is_(None))
    return work.scalar(query.limit(1)) is not None


def waiting(work: Work, limit: int = 200) -> list[SignUp]:
    """Whoever waits for an admin's word, the longest first."""
    query = select(SignUp).where(SignUp.verified_at.is_not(None), SignUp.decided_at.is_(None))
    return list(work.scalars(query.order_by(SignUp.id).limit(limit)))


def count_waiting(work: Work) -> int:
    """How many wait for an admin's word."""
    query = select(func.count()).where(SignUp.verified_at.is_not(None), SignUp.decided_at.is_(None))
    return work.scalar(query) or 0


def drop_others(work: Work, sign_up: SignUp) -> None:
    """What else was asked for with the same address is void."""
    query = select(SignUp.id).where(SignUp.email == sign_up.email, SignUp.id != sign_up.id, SignUp.decided_at.is_(None))
    _drop(work, list(work.scalars(query)))


def prune(work: Work) -> int:
    """Forgets whoever did not prove their address within a day, and what was decided long ago; says how many."""
    unproved = and_(SignUp.verified_at.is_(None), SignUp.created_at <= work.now - KEPT)
    query = select(SignUp.id).where(or_(unproved, SignUp.decided_at <= work.now - SETTLED))
    found = list(work.scalars(query))
    _drop(work, found)
    return len(found)


def _drop(work: Work, ids: list[int]) -> None:
    tokens.drop_of_sign_ups(work, ids)
    work.execute(delete(SignUp).where(SignUp.id.in_(ids)))
