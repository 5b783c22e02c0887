"""The hours of other servers: what went there and came from there, counted for the admin's numbers and pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Table, bindparam, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.schema import HostHour
from storage.work import Work

KEPT = timedelta(days=90)


@dataclass(slots=True)
class Hour:
    """What was counted of one host in one hour, or of several together."""

    delivered: int = 0
    failed: int = 0  # tries that came to nothing
    given_up: int = 0
    took_ms: int = 0  # all tries together
    slowest_ms: int = 0
    received: int = 0

    @property
    def tries(self) -> int:
        return self.delivered + self.failed

    @property
    def average_ms(self) -> int | None:
        """How long a try takes."""
        return round(self.took_ms / self.tries) if self.tries else None


def of(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def count(work: Work, counted: Mapping[tuple[str, datetime], Hour]) -> None:
    """Adds to the numbers of these hosts and hours."""
    # In order, so that two transactions with the same hours wait for each other instead of locking each other up.
    rows = [
        {"host": host, "hour": hour, "delivered": one.delivered, "failed": one.failed, "given_up": one.given_up,
         "took_ms": one.took_ms, "slowest_ms": one.slowest_ms, "received": one.received}
        for (host, hour), one in sorted(counted.items(), key=lambda item: item[0])
    ]  # fmt: skip
    if not rows:
        return
    work.execute(_ADD[work.dialect], rows)


def _add(insert: Callable[[Table], Any]) -> Any:
    table = cast(Table, HostHour.__table__)
    new = insert(table).values({column.name: bindparam(column.name) for column in table.c})
    told, held = new.excluded, table.c
    sums = {name: held[name] + told[name] for name in ("delivered", "failed", "given_up", "took_ms", "received")}
    slowest = case((told.slowest_ms > held.slowest_ms, told.slowest_ms), else_=held.slowest_ms)
    return new.on_conflict_do_update(index_elements=["host", "hour"], set_={**sums, "slowest_ms": slowest})


# Put together once: to put one together costs more than to run it.
_ADD = {"sqlite": _add(sqlite.insert), "postgresql": _add(postgresql.insert)}


def prune(work: Work) -> int:
    """Forgets the hours of KEPT ago."""
    gone = work.execute(delete(HostHour).where(HostHour.hour <= work.now - KEPT))
    return cast(CursorResult[Any], gone).rowcount


# ------------------------------------------------------------------ questions

_SUMS = (
    func.coalesce(func.sum(HostHour.delivered), 0), func.coalesce(func.sum(HostHour.failed), 0),
    func.coalesce(func.sum(HostHour.given_up), 0), func.coalesce(func.sum(HostHour.took_ms), 0),
    func.coalesce(func.max(HostHour.slowest_ms), 0), func.coalesce(func.sum(HostHour.received), 0),
)  # fmt: skip


def total(work: Work, since: datetime, *, host: str = "") -> Hour:
    """All that was counted since then, of one host or of all."""
    query = select(*_SUMS).where(HostHour.hour >= since)
    return _hour(work.execute(query.where(HostHour.host == host) if host else query).one())


def series(work: Work, since: datetime, *, host: str = "") -> dict[datetime, Hour]:
    """Each hour since then in which anything was counted, by its beginning."""
    query = select(HostHour.hour, *_SUMS).where(HostHour.hour >= since).group_by(HostHour.hour).order_by(HostHour.hour)
    rows = work.execute(query.where(HostHour.host == host) if host else query)
    return {row[0]: _hour(row[1:]) for row in rows}


def slowest(work: Work, since: datetime, *, limit: int = 10) -> list[tuple[str, Hour]]:
    """The hosts whose tries took longest on average, the slowest first."""
    tries = func.sum(HostHour.delivered + HostHour.failed)
    rows = work.execute(
        select(HostHour.host, *_SUMS)
        .where(HostHour.hour >= since)
        .group_by(HostHour.host)
        .having(tries > 0)
        .order_by((func.sum(HostHour.took_ms) / tries).desc(), HostHour.host)
        .limit(limit)
    )
    return [(row[0], _hour(row[1:])) for row in rows]


def _hour(row: Any) -> Hour:
    return Hour(*(int(number) for number in row))
