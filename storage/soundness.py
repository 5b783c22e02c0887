"""What tells whether the database serves: one cheap look, made often."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text

from storage import steps
from storage.schema import Fact, Host, Letter
from storage.work import Work

NONCE = "mirror"  # the fact that holds the hash of the one nonce there is


@dataclass(frozen=True, slots=True)
class Look:
    """How the database is found."""

    migrated: bool
    late: float  # seconds for which the letter that should have been read first has been due


def look(work: Work) -> Look:
    """Whether the tables are of this release, and how far behind whoever reads letters is."""
    due = work.scalar(select(func.min(Letter.next_try_at)).where(Letter.state == "waiting"))
    late = max((work.now - due).total_seconds(), 0.0) if due is not None else 0.0
    return Look(steps.is_newest(work.connection()), late)


def integrity(work: Work) -> list[str]:
    """What SQLite finds wrong in its file, nothing where all is well; PostgreSQL looks after its own."""
    if work.dialect != "sqlite":
        return []
    found = [str(row[0]) for row in work.execute(text("PRAGMA quick_check(5)"))]
    return [] if found == ["ok"] else found


def version(work: Work) -> str:
    """The engine and its version."""
    if work.dialect == "sqlite":
        return f"SQLite {work.scalar(text('SELECT sqlite_version()'))}"
    return f"PostgreSQL {work.scalar(text('SHOW server_version'))}"


def leave_nonce(work: Work, hashed: str, lasts: timedelta) -> None:
    """Whoever knows what this is the hash of may look into the mirror, once and soon."""
    work.merge(Fact(name=NONCE, value=f"{hashed} {(work.now + lasts).isoformat()}"))


def take_nonce(work: Work, hashed: str) -> bool:
    """Whether it may be looked into the mirror; from then on it may not."""
    fact = work.get(Fact, NONCE)
    if fact is None:
        return False
    kept, _, until = fact.value.partition(" ")
    if not hmac.compare_digest(kept, hashed) or work.now >= datetime.fromisoformat(until):
        return False
    work.delete(fact)
    return True


def peers(work: Work, limit: int = 3) -> list[str]:
    """Some servers that answer."""
    live = select(Host.host).where(Host.state == "live", Host.failures == 0, Host.blocked_at.is_(None))
    return list(work.scalars(live.order_by(func.random()).limit(limit)))
