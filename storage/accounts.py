"""Accounts: what lets people of ours sign in, and what an admin sees of them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, delete, func, or_, select, update

from storage import sessions, tokens
from storage.people import escaped
from storage.schema import (
    Account,
    Actor,
    Bookmark,
    Guest,
    Invitation,
    JoinRequest,
    Mail,
    Notice,
    Passkey,
    RecoveryCode,
    SignedIn,
    SignUp,
    Submission,
    Token,
)
from storage.work import Work


def of(work: Work, actor_id: int) -> Account | None:
    """The account of someone; many of ours have none, such as whoever was imported."""
    return work.get(Account, actor_id)


def by_email(work: Work, email: str) -> Account | None:
    """The account with that address, as it is kept."""
    return work.scalars(select(Account).where(Account.email == email)).one_or_none()


def admins(work: Work) -> list[tuple[Account, Actor]]:
    """Every admin of the node who can sign in."""
    query = (
        select(Account, Actor)
        .join(Actor, Actor.id == Account.actor_id)
        .where(Account.admin.is_(True), Account.deactivated_at.is_(None), Actor.state == "active")
        .order_by(Account.actor_id)
    )
    return [(account, actor) for account, actor in work.execute(query)]


def admin_seen_at(work: Work) -> datetime | None:
    """When an admin was last here."""
    ids = [account.actor_id for account, _ in admins(work)]
    seen = work.scalar(select(func.max(SignedIn.seen_at)).where(SignedIn.actor_id.in_(ids)))
    signed_in = work.scalar(select(func.max(Account.signed_in_at)).where(Account.actor_id.in_(ids)))
    return max((at for at in (seen, signed_in) if at is not None), default=None)


def networks(work: Work, actor_id: int) -> set[str]:
    """Where someone is signed in now."""
    return set(work.scalars(select(SignedIn.address).where(SignedIn.actor_id == actor_id)))


def owner_of_session(work: Work, session_id: int) -> int | None:
    """Who is signed in there."""
    return work.scalar(select(SignedIn.actor_id).where(SignedIn.id == session_id))


def use_step(work: Work, actor_id: int, step: int) -> bool:
    """Uses up a step of their authenticator, and all before it; False when it was used already."""
    unused = or_(Account.totp_last.is_(None), Account.totp_last < step)
    used = update(Account).where(Account.actor_id == actor_id, unused).values(totp_last=step)
    return work.execute(used.returning(Account.actor_id)).first() is not None


def erase(work: Work, actor_id: int) -> list[int]:
    """Takes away all that someone had here for themselves alone; answers which sessions ended by it."""
    ended = sessions.end(work, actor_id)
    # A mail that waits is for nobody now; what was sent is kept without them, as a number of mails.
    work.execute(delete(Mail).where(Mail.actor_id == actor_id, Mail.sent_at.is_(None)))
    work.execute(update(Mail).where(Mail.actor_id == actor_id).values(actor_id=None, to_address="", to_name=""))
    asked = list(work.scalars(select(SignUp.id).where(SignUp.actor_id == actor_id)))
    tokens.drop_of_sign_ups(work, asked)
    work.execute(delete(SignUp).where(SignUp.id.in_(asked)))
    work.execute(update(Invitation).where(Invitation.accepted_id == actor_id).values(email=None))
    for table in (
        Token,
        RecoveryCode,
        Passkey,
        Bookmark,
        Submission,
        Notice,
        Guest,
        JoinRequest,
        Account,
    ):
        work.execute(delete(table).where(table.actor_id == actor_id))
    return ended


# ------------------------------------------------------------------ what an admin sees


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One of ours, as an admin sees them."""

    id: int
    name: str
    display_name: str
    state: str  # active, suspended, deactivated
    email: str | None
    can_sign_in: bool
    admin: bool
    second_factor: bool
    created_at: datetime
    seen_at: datetime | None


def people(work: Work, words: str = "", *, after: str = "", limit: int = 50) -> list[PersonRow]:
    """People of ours by handle, whose handle, name or address has the words."""
    query = _people().where(Actor.name > after).order_by(Actor.name).limit(limit)
    if words:
        like = f"%{escaped(words)}%"
        fits = [column.ilike(like, escape="\\") for column in (Actor.name, Actor.display_name, Account.email)]
        query = query.where(or_(*fits))
    return [_row(actor, account, seen) for actor, account, seen in work.execute(query)]


def person(work: Work, name: str) -> PersonRow | None:
    """The one of ours with that handle."""
    row = work.execute(_people().where(Actor.name == name)).one_or_none()
    return _row(*row) if row is not None else None


def _people() -> Select[Actor, Account | None, datetime | None]:
    seen_at = select(func.max(SignedIn.seen_at)).where(SignedIn.actor_id == Actor.id).scalar_subquery()
    return (
        select(Actor, Account, seen_at)
        .outerjoin(Account, Account.actor_id == Actor.id)
        .where(Actor.local.is_(True), Actor.kind == "person", Actor.state != "deleted")
    )


def _row(actor: Actor, account: Account | None, seen_at: datetime | None) -> PersonRow:
    deactivated = account is not None and account.deactivated_at is not None and actor.state == "active"
    signed_in_at = account.signed_in_at if account is not None else None
    return PersonRow(
        actor.id,
        actor.name,
        actor.display_name or actor.name,
        "deactivated" if deactivated else actor.state,
        account.email if account is not None else None,
        account is not None,
        account is not None and account.admin,
        account is not None and account.totp_sealed is not None,
        actor.created_at,
        max((at for at in (seen_at, signed_in_at) if at is not None), default=None),
    )


def count(work: Work) -> int:
    """How many can sign in."""
    return work.scalar(select(func.count()).select_from(Account)) or 0
