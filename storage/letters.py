"""Letters: what other servers posted to us, kept before it was answered, read once, and never lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from storage.schema import Letter
from storage.work import Work

LEASE = timedelta(seconds=60)  # renewed while the letter is being read
TRIES = 8  # as Mastodon has for what it takes in
CRASHES = 3  # tries of a letter that its reader did not survive (REL-21)
PER_HOST = 4  # letters of one host read at the same time; those of one signer are read one by one
FIRST = timedelta(seconds=15)
LONGEST = timedelta(days=1)
ASTRAY = timedelta(days=2)  # nothing waits so long: a clock had gone astray
KEPT = timedelta(days=7)  # the body of a letter that was read


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter to be read now."""

    id: int
    signer: str
    key_id: str
    host: str
    body: bytes
    tries: int  # with this one
    crashed: bool  # whoever had it last went without a word


@dataclass(frozen=True, slots=True)
class Parked:
    """A letter that could not be read, for the admin."""

    id: int
    signer: str
    host: str
    tries: int
    why: str
    received_at: datetime


def accept(work: Work, *, signer: str, digest: str, key_id: str, host: str, body: bytes) -> bool:
    """Keeps a verified letter; says False when the very same one is here already."""
    values = {
        "signer": signer, "digest": digest, "key_id": key_id, "host": host, "body": body,
        "next_try_at": work.now, "received_at": work.now,
    }  # fmt: skip
    dialect = postgresql.insert if work.dialect == "postgresql" else sqlite.insert
    kept = dialect(Letter).values(**values).on_conflict_do_nothing().returning(Letter.id)
    return work.scalar(kept) is not None


def claim(work: Work, owner: str, limit: int) -> list[Waiting]:
    """Leases letters and counts the try before it is made: oldest first, each host in its turn (DOS-02, REL-21).

    A letter that its reader did not survive is given out alone, and not more often than CRASHES times.
    """
    _park_what_kills(work)
    crashed = work.scalar(select(Letter.id).where(_free(work), Letter.lease_owner.is_not(None)).limit(1))
    chosen = select(Letter).where(Letter.id == crashed) if crashed is not None else _in_turn(work, limit)
    query = chosen.where(_free(work)).with_for_update(skip_locked=True, of=Letter)
    taken = []
    for letter in work.scalars(query.execution_options(populate_existing=True)):
        was_dropped = letter.lease_owner is not None
        letter.tries += 1
        letter.lease_owner, letter.lease_until = owner, work.now + LEASE
        taken.append(
            Waiting(letter.id, letter.signer, letter.key_id, letter.host, letter.body or b"", letter.tries, was_dropped)
        )
    return taken


def _free(work: Work) -> Any:
    astray = work.now + ASTRAY
    return and_(
        Letter.state == "waiting",
        or_(Letter.next_try_at <= work.now, Letter.next_try_at > astray),
        or_(Letter.lease_until.is_(None), Letter.lease_until <= work.now, Letter.lease_until > astray),
    )


def _in_turn(work: Work, limit: int) -> Any:
    sibling = aliased(Letter)
    being_read = exists(
        select(sibling.id).where(
            sibling.signer == Letter.signer, sibling.state == "waiting", sibling.lease_until > work.now
        )
    )
    nth = func.row_number().over(partition_by=Letter.signer, order_by=Letter.id)
    first = select(Letter.id, Letter.host, nth.label("nth")).where(_free(work), ~being_read).subquery()
    turn = func.row_number().over(partition_by=first.c.host, order_by=first.c.id)
    hosts = select(first.c.id, first.c.host, turn.label("turn")).where(first.c.nth == 1).subquery()
    reading = (
        select(sibling.host, func.count().label("now"))
        .where(sibling.state == "waiting", sibling.lease_until > work.now)
        .group_by(sibling.host)
        .subquery()
    )
    places = PER_HOST - func.coalesce(reading.c.now, 0)
    chosen = (
        select(hosts.c.id)
        .outerjoin(reading, reading.c.host == hosts.c.host)
        .where(hosts.c.turn <= places)
        .order_by(hosts.c.turn, hosts.c.id)
        .limit(limit)
        .subquery()
    )
    return select(Letter).where(Letter.id.in_(select(chosen.c.id))).order_by(Letter.id)


def _park_what_kills(work: Work) -> None:
    work.execute(
        update(Letter)
        .where(_free(work), Letter.lease_owner.is_not(None), Letter.tries >= CRASHES)
        .values(state="parked", outcome="whoever read it was killed by it", lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def renew(work: Work, owner: str, ids: Sequence[int]) -> None:
    """Keeps the leases of letters that take long."""
    _of(work, owner, ids, lease_until=work.now + LEASE)


def release(work: Work, owner: str) -> None:
    """Gives back what this reader took and did not read."""
    work.execute(
        update(Letter)
        .where(Letter.lease_owner == owner, Letter.state == "waiting")
        .values(lease_owner=None, lease_until=None)
    )


def done(work: Work, letter_id: int, outcome: str, *, owner: str) -> None:
    """The letter was read; `outcome` says in a line what came of it."""
    _of(work, owner, [letter_id], state="done", outcome=outcome, done_at=work.now, lease_owner=None, lease_until=None)


def later(work: Work, letter_id: int, why: str, *, owner: str, after: timedelta = FIRST) -> bool:
    """Lays the letter back, for `after` at least; says True when it was tried too often and is parked instead.

    The other letters of its host go on all the while (REL-20).
    """
    letter = work.get_one(Letter, letter_id)
    if letter.lease_owner != owner:
        return False
    if letter.tries >= TRIES:
        park(work, letter_id, why)
        return True
    pause = min(max(after, FIRST * 4 ** (letter.tries - 1)), LONGEST)  # 15 s, 1 min … 17 h: a day in all
    _of(work, owner, [letter_id], outcome=why, next_try_at=work.now + pause, lease_owner=None, lease_until=None)
    return False


def park(work: Work, letter_id: int, why: str) -> None:
    """Puts the letter aside for the admin, with the reason."""
    work.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.state == "waiting")
        .values(state="parked", outcome=why, lease_owner=None, lease_until=None)
    )


def unpark(work: Work, letter_id: int) -> bool:
    """Has a parked letter read again, from its first try."""
    changed = work.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.state == "parked", Letter.body.is_not(None))
        .values(state="waiting", tries=0, next_try_at=work.now)
    )
    return cast(CursorResult[Any], changed).rowcount == 1


def parked(work: Work, limit: int = 100) -> list[Parked]:
    """What could not be read, newest first."""
    rows = work.scalars(select(Letter).where(Letter.state == "parked").order_by(Letter.id.desc()).limit(limit))
    return [Parked(row.id, row.signer, row.host, row.tries, row.outcome or "", row.received_at) for row in rows]


def erase_bodies(work: Work) -> None:
    """Forgets the words of letters read a week ago; that they came is kept, for it keeps repeats out."""
    work.execute(
        update(Letter)
        .where(Letter.state == "done", Letter.done_at <= work.now - KEPT, Letter.body.is_not(None))
        .values(body=None)
        .execution_options(synchronize_session=False)
    )


def _of(work: Work, owner: str, ids: Sequence[int], **values: Any) -> None:
    """Changes only what the reader still holds: another may have it by now (REL-10)."""
    work.execute(
        update(Letter).where(Letter.id.in_(ids), Letter.state == "waiting", Letter.lease_owner == owner).values(values)
    )
