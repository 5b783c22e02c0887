"""Letters: what other servers posted to us, kept before it was answered, read once, and never lost."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, CursorResult, Table, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import hours
from storage.hours import Hour
from storage.schema import Letter
from storage.work import Work

LEASE = timedelta(seconds=60)  # renewed while the letter is being read
TRIES = 8  # as Mastodon has for what it takes in
CRASHES = 3  # tries of a letter that its reader did not survive (REL-21)
AHEAD = 64  # letters of one host among which its next ones are looked for
PER_HOST = 4  # letters of one host read at the same time; those of one signer are read one by one
NONE = timedelta()
FIRST = timedelta(seconds=15)
SOON = timedelta(seconds=1)  # where it was our own database that failed
LONGEST = timedelta(days=1)
ASTRAY = timedelta(days=2)  # nothing waits so long: a clock had gone astray
KEPT = timedelta(days=7)  # the body of a letter that was read
# Letters that may wait, of one host and of all: a day's work of a small node. More are refused for now, and their
# servers keep them; whoever was told 202 is never dropped (DOS-04).
FULL_OF_ONE, FULL = 20_000, 200_000


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


_LETTERS = cast(Table, Letter.__table__)
# Made once, and of the table alone: letters come in floods, and nothing is done with one here but to keep it.
_KEEP = {
    name: insert(_LETTERS).on_conflict_do_nothing().returning(_LETTERS.c.id)
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def accept(work: Work, *, signer: str, digest: str, key_id: str, host: str, body: bytes) -> int | None:
    """Keeps a verified letter and answers its number; None when the very same one is here already."""
    values = {
        "signer": signer, "digest": digest, "key_id": key_id, "host": host, "body": body,
        "next_try_at": work.now, "received_at": work.now,
    }  # fmt: skip
    number: int | None = work.connection().execute(_KEEP[work.dialect], values).scalar()
    return number


def waiting(work: Work) -> dict[str, int]:
    """How many letters of each host wait to be read."""
    query = select(Letter.host, func.count()).where(Letter.state == "waiting").group_by(Letter.host)
    return {host: count for host, count in work.execute(query)}


def claim(work: Work, owner: str, limit: int, *, after: str = "") -> list[Waiting]:
    """Leases letters and counts the try before it is made: each host in its turn, its oldest first (DOS-02, REL-21).

    The turn is after the host `after`. A letter that its reader did not survive is given out alone, and not more often
    than CRASHES times. However long the queue is, this looks only at the head of it.
    """
    held = sorted(_Held(*row) for row in work.execute(_HELD))
    dropped = [letter for letter in held if not letter.until or not work.now < letter.until <= work.now + ASTRAY]
    killers = [letter.id for letter in dropped if letter.tries >= CRASHES]
    for letter_id in killers:
        park(work, letter_id, "whoever read it was killed by it")
    crashed = [letter.id for letter in dropped if letter.id not in killers]
    chosen = crashed[:1] or _in_turn(work, limit, after, held)
    query = (
        select(Letter)
        .where(Letter.id.in_(chosen), _free(work))
        .order_by(Letter.id)
        .with_for_update(skip_locked=True, of=Letter)
    )
    taken = []
    counted: dict[tuple[str, datetime], Hour] = {}
    for letter in work.scalars(query.execution_options(populate_existing=True)):
        if letter.tries == 0 and letter.outcome is None:
            # Counted with its first try, for the hour it came in: keeping it must cost no more than it does.
            counted.setdefault((letter.host, hours.of(letter.received_at)), Hour()).received += 1
        was_dropped = letter.lease_owner is not None
        letter.tries += 1
        letter.lease_owner, letter.lease_until = owner, work.now + LEASE
        taken.append(
            Waiting(letter.id, letter.signer, letter.key_id, letter.host, letter.body or b"", letter.tries, was_dropped)
        )
    hours.count(work, counted)
    return taken


class _Held(NamedTuple):
    """A letter that somebody took."""

    id: int
    signer: str
    host: str
    tries: int
    until: datetime | None


# By its index alone, which has only these rows: asked for in order too, SQLite reads every letter that ever came.
_HELD = select(Letter.id, Letter.signer, Letter.host, Letter.tries, Letter.lease_until).where(Letter.lease_owner > "")


def _free(work: Work) -> ColumnElement[bool]:
    astray = work.now + ASTRAY
    return and_(
        Letter.state.not_in(("done", "parked")),  # an equality would tempt SQLite away from the better index
        or_(Letter.next_try_at <= work.now, Letter.next_try_at > astray),
        or_(Letter.lease_until.is_(None), Letter.lease_until <= work.now, Letter.lease_until > astray),
    )


def _in_turn(work: Work, limit: int, after: str, held: Sequence[_Held]) -> list[int]:
    signers = {letter.signer for letter in held}
    busy = Counter(letter.host for letter in held)
    free: list[list[int]] = []  # of each host, in order
    for host in _hosts_from(work, after):
        if len(free) >= limit:
            break
        if busy[host] < PER_HOST and (letters := _first_of_each_signer(work, host, signers)):
            free.append(letters[: PER_HOST - busy[host]])
    rounds = zip_longest(*free)
    return [letter_id for turn in rounds for letter_id in turn if letter_id is not None][:limit]


def _hosts_from(work: Work, after: str) -> list[str]:
    """Every host with a letter that waits, in a circle that begins behind `after`."""
    # One look into the index per host: DISTINCT would read the whole queue.
    waits = Letter.state == "waiting"
    hosts = select(func.min(Letter.host).label("host")).where(waits).cte("hosts", recursive=True)
    following = select(func.min(Letter.host)).where(waits, Letter.host > hosts.c.host).scalar_subquery()
    hosts = hosts.union_all(select(following).where(hosts.c.host.is_not(None)))
    names = [host for host in work.scalars(select(hosts.c.host)) if host is not None]
    return sorted(names, key=lambda host: (host <= after, host))


def _first_of_each_signer(work: Work, host: str, being_read: set[str]) -> list[int]:
    rows = work.execute(
        select(Letter.id, Letter.signer)
        .where(Letter.state == "waiting", Letter.host == host, Letter.signer.not_in(being_read), _free(work))
        .order_by(Letter.id)
        .limit(AHEAD)
    )
    first: dict[str, int] = {}
    for letter_id, signer in rows:
        first.setdefault(signer, letter_id)
    return list(first.values())


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


def give_back(work: Work, owner: str, reading: Sequence[int]) -> None:
    """Gives back what this reader took without hearing so, all but what it reads: it was not tried."""
    work.execute(
        update(Letter)
        .where(Letter.lease_owner == owner, Letter.state == "waiting", Letter.id.not_in(reading))
        .values(lease_owner=None, lease_until=None, tries=Letter.tries - 1)
    )


def take_over(work: Work, is_dead: Callable[[str], bool]) -> int:
    """Ends the leases of readers that are dead; says how many letters that frees."""
    held = select(Letter.lease_owner).where(Letter.state == "waiting", Letter.lease_until > work.now).distinct()
    dead = [owner for owner in work.scalars(held) if owner and is_dead(owner)]
    ended = update(Letter).where(Letter.state == "waiting", Letter.lease_owner.in_(dead)).values(lease_until=work.now)
    return cast(CursorResult[Any], work.execute(ended)).rowcount if dead else 0


def done(work: Work, letter_id: int, outcome: str, *, owner: str) -> None:
    """The letter was read; `outcome` says in a line what came of it."""
    _of(work, owner, [letter_id], state="done", outcome=outcome, done_at=work.now, lease_owner=None, lease_until=None)


def later(
    work: Work, letter_id: int, why: str, *, owner: str, after: timedelta = NONE, first: timedelta = FIRST
) -> bool:
    """Lays the letter back; says True when it was tried too often and is parked instead.

    The pause is `first`, then four times as long each time, and `after` at least. The other letters of its host go on
    all the while (REL-20).
    """
    letter = work.get_one(Letter, letter_id)
    if letter.lease_owner != owner:
        return False
    if letter.tries >= TRIES:
        park(work, letter_id, why)
        return True
    pause = min(max(after, first * 4 ** (letter.tries - 1)), LONGEST)  # 15 s, 1 min … 17 h: a day in all
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


def throw_away(work: Work, letter_id: int, why: str) -> bool:
    """Has a parked letter never be read; that it came is kept, for it keeps repeats out."""
    changed = work.execute(
        update(Letter)
        .where(Letter.id == letter_id, Letter.state == "parked")
        .values(state="done", outcome=f"thrown away: {why}", done_at=work.now)
    )
    return cast(CursorResult[Any], changed).rowcount == 1


def body_of(work: Work, letter_id: int) -> bytes | None:
    """What a parked letter says, for the admin."""
    return work.scalar(select(Letter.body).where(Letter.id == letter_id, Letter.state == "parked"))


def parked(work: Work, limit: int = 100, *, before: int | None = None) -> list[Parked]:
    """What could not be read, newest first."""
    query = select(Letter).where(Letter.state == "parked").order_by(Letter.id.desc()).limit(limit)
    rows = work.scalars(query if before is None else query.where(Letter.id < before))
    return [Parked(row.id, row.signer, row.host, row.tries, row.outcome or "", row.received_at) for row in rows]


def erase_bodies(work: Work, limit: int = 500) -> int:
    """Forgets the words of letters read a week ago, a piece at a time, and says of how many; that they came is kept."""
    old = (
        select(Letter.id)
        .where(Letter.state == "done", Letter.done_at <= work.now - KEPT, Letter.body.is_not(None))
        .limit(limit)
    )
    ids = list(work.scalars(old))
    if ids:
        work.execute(
            update(Letter).where(Letter.id.in_(ids)).values(body=None).execution_options(synchronize_session=False)
        )
    return len(ids)


def _of(work: Work, owner: str, ids: Sequence[int], **values: Any) -> None:
    """Changes only what the reader still holds: another may have it by now (REL-10)."""
    work.execute(
        update(Letter).where(Letter.id.in_(ids), Letter.state == "waiting", Letter.lease_owner == owner).values(values)
    )
