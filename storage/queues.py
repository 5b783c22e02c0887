"""The queues as the admin sees them: what waits, for whom, what failed and why; and what may be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update

from storage import ledger
from storage.schema import Activity, Delivery, Host, Letter
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
    rows = work.execute(
        select(
            Host,
            func.count(),
            func.count(Delivery.parked_at),
            func.min(Delivery.created_at),
        )
        .join(Delivery, Delivery.host == Host.host)
        .group_by(Host.host)
        .order_by(func.count().desc(), Host.host)
        .limit(limit)
    )
    return [
        HostQueue(
            host.host, total - parked, parked, oldest, host.state, host.failures, host.failing_since,
            host.next_try_at, host.last_error,
        )
        for host, total, parked, oldest in rows
    ]  # fmt: skip


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


def parked(work: Work, *, limit: int = 100) -> list[ParkedDelivery]:
    """What was put aside, newest first."""
    rows = work.execute(
        select(Delivery, Activity.uri, Activity.type)
        .join(Activity, Activity.id == Delivery.activity_id)
        .where(Delivery.parked_at.is_not(None))
        .order_by(Delivery.parked_at.desc(), Delivery.id.desc())
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
    work.execute(update(Host).where(Host.host == host).values(next_try_at=None))
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
