"""The queues as the admin sees them: what waits, for whom, what failed and why; and what may be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, case, func, insert, select, true, update

from storage import clearance, ledger, limits
from storage.schema import Activity, Delivery, GivenUp, Host, Letter
from storage.work import Work

KEPT = timedelta(days=14)  # what could not be delivered; after that nobody waits for it


@dataclass(frozen=True, slots=True)
class Counts:
    """How full the queues are."""

    letters_waiting: int
    letters_parked: int
    deliveries_waiting: int
    deliveries_parked: int
    oldest_letter: datetime | None
    oldest_delivery: datetime | None
    hosts_failing: int
    hosts_dead: int


@dataclass(frozen=True, slots=True)
class HostQueue:
    """What waits for one host, and how the host is."""

    host: str
    waiting: int
    parked: int
    oldest: datetime
    state: str  # live, dead
    failures: int
    failing_since: datetime | None
    next_try_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class ParkedDelivery:
    """A delivery that failed while others to the same host arrived."""

    id: int
    uri: str
    type: str
    inbox: str
    about: str
    attempts: int
    why: str
    parked_at: datetime


def counts(work: Work) -> Counts:
    """How much waits, and since when."""

    def waiting(table: Any, *where: Any) -> int:
        return work.scalar(select(func.count()).select_from(table).where(*where)) or 0

    return Counts(
        waiting(Letter, Letter.state == "waiting"),
        waiting(Letter, Letter.state == "parked"),
        waiting(Delivery, Delivery.parked_at.is_(None)),
        waiting(Delivery, Delivery.parked_at.is_not(None)),
        work.scalar(select(func.min(Letter.received_at)).where(Letter.state == "waiting")),
        work.scalar(select(func.min(Delivery.created_at)).where(Delivery.parked_at.is_(None))),
        waiting(Host, Host.failures > 0),
        waiting(Host, Host.state == "dead"),
    )


def by_host(work: Work, *, limit: int = 500) -> list[HostQueue]:
    """Every host that something waits for, the most first."""
    return [_queue(row) for row in work.execute(_BY_HOST.order_by(func.count().desc(), Host.host).limit(limit))]


def of_host(work: Work, host: str) -> HostQueue | None:
    """What waits for one host; None when nothing does."""
    row = work.execute(_BY_HOST.where(Host.host == host)).one_or_none()
    return None if row is None else _queue(row)


_BY_HOST = (
    select(Host, func.count(), func.count(Delivery.parked_at), func.min(Delivery.created_at))
    .join(Delivery, Delivery.host == Host.host)
    .group_by(Host.host)
)


def _queue(row: Any) -> HostQueue:
    host, total, parked, oldest = row
    return HostQueue(
        host.host, total - parked, parked, oldest, host.state, host.failures, host.failing_since,
        host.next_try_at, host.last_error,
    )  # fmt: skip


def by_age(work: Work) -> list[tuple[str, int]]:
    """How many deliveries wait up to a minute, up to an hour, up to a day, and longer."""
    age = case(
        (Delivery.created_at > work.now - timedelta(minutes=1), "minute"),
        (Delivery.created_at > work.now - timedelta(hours=1), "hour"),
        (Delivery.created_at > work.now - timedelta(days=1), "day"),
        else_="old",
    )
    found = select(age.label("age")).where(Delivery.parked_at.is_(None)).subquery()
    counted = {age: count for age, count in work.execute(select(found.c.age, func.count()).group_by(found.c.age))}
    return [(age, counted.get(age, 0)) for age in ("minute", "hour", "day", "old")]


def by_about(work: Work, abouts: Iterable[str]) -> dict[str, int]:
    """For each of these objects, how many servers have not got all that was said about it."""
    rows = work.execute(
        select(Delivery.about, func.count(Delivery.host.distinct()))
        .where(Delivery.about.in_(set(abouts)))
        .group_by(Delivery.about)
    )
    return {about: servers for about, servers in rows}


def servers_behind(work: Work, abouts: Iterable[str]) -> int:
    """How many servers have not got all of these objects: '3 servers have not got this yet'."""
    return work.scalar(select(func.count(Delivery.host.distinct())).where(Delivery.about.in_(set(abouts)))) or 0


def parked(work: Work, *, before: int | None = None, limit: int = 100) -> list[ParkedDelivery]:
    """What was put aside, newest first."""
    older = Delivery.id < before if before is not None else true()
    rows = work.execute(
        select(Delivery, Activity.uri, Activity.type)
        .join(Activity, Activity.id == Delivery.activity_id)
        .where(Delivery.parked_at.is_not(None), older)
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    return [
        ParkedDelivery(
            row.id, uri, type, row.inbox, row.about, row.attempts, row.last_error or "", cast(datetime, row.parked_at)
        )
        for row, uri, type in rows
    ]


def unpark(work: Work, delivery_id: int) -> bool:
    """Tries a parked delivery anew."""
    return _anew(work, Delivery.id == delivery_id, Delivery.parked_at.is_not(None)) == 1


def retry(work: Work, host: str) -> int:
    """Tries all that waits for a host now, whatever pause it was in; says how much that is."""
    knock(work, [host])
    return _anew(work, Delivery.host == host, Delivery.parked_at.is_(None))


def _anew(work: Work, *which: Any) -> int:
    changed = work.execute(
        update(Delivery)
        .where(*which)
        .values(parked_at=None, next_try_at=None, attempts=0, refusals=0, first_tried_at=None)
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], changed).rowcount


def drop_old(work: Work, *, limit: int = 2000) -> list[tuple[str, int]]:
    """Gives up what could not be delivered in KEPT, so much at a time; says how much for which host."""
    old = select(Delivery.id).where(Delivery.created_at <= work.now - KEPT).limit(limit)
    why = f"It waited for {KEPT.days} days."
    return sorted(ledger.given_up(work, Delivery.id.in_(old), ledger.TOO_OLD, why).items())


# ------------------------------------------------------------------ an admin's word


@dataclass(frozen=True, slots=True)
class Again:
    """What became of dead letters that were to be owed again."""

    owed: int
    kept: int  # may not go: hidden, blocked, or on its way already
    last: int | None  # go on after this id; None at the end


def owe_again(work: Work, which: ColumnElement[bool], *, after: int = 0, limit: int = 500) -> Again:
    """Owes what was given up anew, so much at a time, where it may still go; the rest stays given up."""
    found = list(work.scalars(select(GivenUp).where(which, GivenUp.id > after).order_by(GivenUp.id).limit(limit)))
    if not found:
        return Again(0, 0, None)
    last = found[-1].id if len(found) == limit else None
    said = {row.activity_id for row in found}
    activities = {one.id: one for one in work.scalars(select(Activity).where(Activity.id.in_(said)))}
    may_go = clearance.cleared(work, list(activities.values()))
    barred = limits.suspended(work, {row.host for row in found})
    owed = select(Delivery.activity_id, Delivery.inbox).where(Delivery.activity_id.in_(said))
    waits = {(activity_id, inbox) for activity_id, inbox in work.execute(owed)}
    going: dict[tuple[int, str], int] = {}
    for row in found:
        if row.activity_id in may_go and row.host not in barred and (row.activity_id, row.inbox) not in waits:
            going.setdefault((row.activity_id, row.inbox), row.id)
    back = ledger.taken_back(work, GivenUp.id.in_(going.values())) if going else []
    if back:
        work.execute(
            insert(Delivery),
            [
                {"activity_id": row.activity_id, "signer_id": row.signer_id, "host": row.host, "inbox": row.inbox,
                 "about": activities[row.activity_id].about, "dialect": row.dialect, "created_at": work.now}
                for row in back
            ],
        )  # fmt: skip
        knock(work, {row.host for row in back})
    return Again(len(back), len(found) - len(back), last)


def knock(work: Work, names: Iterable[str]) -> None:
    """Ends the pause of these hosts."""
    work.execute(update(Host).where(Host.host.in_(sorted(set(names)))).values(next_try_at=None))


def throw_away(work: Work, delivery_id: int, why: str) -> bool:
    """Gives up a delivery that was put aside."""
    parked = and_(Delivery.id == delivery_id, Delivery.parked_at.is_not(None))
    return bool(ledger.given_up(work, parked, ledger.THROWN_AWAY, why))
