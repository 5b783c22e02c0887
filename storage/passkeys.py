"""Passkeys, and the recovery codes of a second factor: what someone holds besides a password."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update

from storage.schema import Passkey, RecoveryCode
from storage.work import Work


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey as its owner sees it."""

    id: int
    name: str
    created_at: datetime
    used_at: datetime | None


def of_actor(work: Work, actor_id: int) -> list[Passkey]:
    """Every passkey of someone, the oldest first."""
    return list(work.scalars(select(Passkey).where(Passkey.actor_id == actor_id).order_by(Passkey.id)))


def rows(work: Work, actor_id: int) -> list[PasskeyRow]:
    """The same for a page."""
    return [PasskeyRow(it.id, it.name, it.created_at, it.used_at) for it in of_actor(work, actor_id)]


def by_credential(work: Work, credential: str) -> Passkey | None:
    """The passkey with that id of its own (base64url)."""
    return work.scalars(select(Passkey).where(Passkey.credential == credential)).one_or_none()


def remove(work: Work, actor_id: int, passkey_id: int) -> bool:
    """Takes a passkey of theirs away; False when there is none of that number."""
    gone = delete(Passkey).where(Passkey.id == passkey_id, Passkey.actor_id == actor_id).returning(Passkey.id)
    return work.execute(gone).scalar() is not None


# ------------------------------------------------------------------ recovery codes


def keep_codes(work: Work, actor_id: int, hashes: list[str]) -> None:
    """These are the recovery codes from here on, and no others."""
    forget_codes(work, actor_id)
    work.add_all([RecoveryCode(actor_id=actor_id, code_hash=code_hash) for code_hash in hashes])
    work.flush()


def use_code(work: Work, actor_id: int, code_hash: str) -> bool:
    """Uses one of their codes up; False when it is none, or was used."""
    used = (
        update(RecoveryCode)
        .where(RecoveryCode.actor_id == actor_id, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=work.now)
        .returning(RecoveryCode.id)
    )
    return work.execute(used).first() is not None


def codes_left(work: Work, actor_id: int) -> int:
    """How many of their codes were not used yet."""
    left = select(func.count()).where(RecoveryCode.actor_id == actor_id, RecoveryCode.used_at.is_(None))
    return work.scalar(left) or 0


def forget_codes(work: Work, actor_id: int) -> None:
    """No code works any more."""
    work.execute(delete(RecoveryCode).where(RecoveryCode.actor_id == actor_id))
