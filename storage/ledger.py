"""The ledger: each delivery that was owed waits, arrived, or was given up with a reason; none goes without a trace."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from storage import hours
from storage.hours import Hour
from storage.schema import Activity, Delivery, GivenUp
from storage.work import UNSYNCED, Work

KEPT = timedelta(days=30)  # what was given up, for whoever asks what became of it

REFUSED = "refused"  # the answer was final
DROPPED = "dropped"  # they would not have us, again and again
TOO_OLD = "too old"
BLOCKED = "blocked"
THROWN_AWAY = "thrown away"  # by an admin
HIDDEN = "hidden"  # while it waited: that it did not go is no failure
FATES = (REFUSED, DROPPED, TOO_OLD, BLOCKED, THROWN_AWAY, HIDDEN)


@dataclass(frozen=True, slots=True)
class Imbalance:
    """An activity of which something went, or was told twice, without a trace."""

    activity_id: int
    uri: str
    owed: int
    delivered: int
    given_up: int
    waiting: int


def owed(work: Work, activity_id: int, count: int) -> None:
    """Counts so many inboxes more to which an activity is owed; the rows are written by whoever calls."""
    _add(work, "owed", {activity_id: count})


def delivered(work: Work, ids: Iterable[int]) -> set[int]:
    """Takes out what arrived and counts it; answers the ids that were still owed: nothing arrives twice."""
    rows = work.execute(_ARRIVED, {"ids": sorted(ids)}, execution_options=UNSYNCED)
    taken = {delivery_id: activity_id for delivery_id, activity_id in rows}
    _add(work, "delivered", Counter(taken.values()))
    return set(taken)


def given_up(work: Work, rows: ColumnElement[bool], fate: str, why: str) -> Counter[str]:
    """Takes out the deliveries that the condition names and keeps a dead letter of each; says how many of which host.

    Rows are taken once, whoever else takes some at the same time: what is written down is what was taken.
    """
    taken = work.execute(
        delete(Delivery)
        .where(rows)
        .returning(
            Delivery.activity_id, Delivery.signer_id, Delivery.host, Delivery.inbox, Delivery.dialect,
            Delivery.attempts, Delivery.created_at,
        ),
        execution_options=UNSYNCED,
    ).all()  # fmt: skip
    if not taken:
        return Counter()
    work.execute(
        insert(cast(Table, GivenUp.__table__)),
        [
            {"activity_id": row.activity_id, "signer_id": row.signer_id, "host": row.host, "inbox": row.inbox,
             "dialect": row.dialect, "fate": fate, "why": why, "attempts": row.attempts,
             "owed_at": row.created_at, "at": work.now}
            for row in taken
        ],
    )  # fmt: skip
    _add(work, "given_up", Counter(row.activity_id for row in taken))
    lost = Counter(row.host for row in taken)
    if fate != HIDDEN:
        hours.count(work, {(host, hours.of(work.now)): Hour(given_up=count) for host, count in lost.items()})
    return lost


def taken_back(work: Work, rows: ColumnElement[bool]) -> list[GivenUp]:
    """Strikes dead letters out, to be owed again by whoever calls, who writes the rows; answers what they said."""
    found = list(work.scalars(select(GivenUp).where(rows).order_by(GivenUp.activity_id, GivenUp.id)))
    struck = set(
        work.scalars(
            delete(GivenUp).where(GivenUp.id.in_([row.id for row in found])).returning(GivenUp.id),
            execution_options=UNSYNCED,
        )
    )
    back = [row for row in found if row.id in struck]
    for row in found:
        work.expunge(row)
    _add(work, "given_up", {key: -count for key, count in Counter(row.activity_id for row in back).items()})
    return back


def _add(work: Work, column: str, counts: dict[int, int] | Counter[int]) -> None:
    if not counts:
        return
    # In order, so that two transactions about the same activities wait for each other and never lock up.
    work.execute(_ADD[column], [{"activity": activity_id, "by": counts[activity_id]} for activity_id in sorted(counts)])


def _addition(column: str) -> Update:
    table = cast(Table, Activity.__table__)
    return update(table).where(table.c.id == bindparam("activity")).values({column: table.c[column] + bindparam("by")})


# Put together once: to put one together costs more than to run it.
_ARRIVED = (
    delete(Delivery)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .returning(Delivery.id, Delivery.activity_id)
)
_ADD = {column: _addition(column) for column in ("owed", "delivered", "given_up")}


# ------------------------------------------------------------------ keeping it right


def imbalances(work: Work, *, limit: int = 100) -> list[Imbalance]:
    """Every activity whose sum is wrong: owed = delivered + given up + waiting. There should be none."""
    waiting = (
        select(Delivery.activity_id, func.count().label("waiting")).group_by(Delivery.activity_id).subquery("waiting")
    )
    still = func.coalesce(waiting.c.waiting, 0)
    rows = work.execute(
        select(Activity.id, Activity.uri, Activity.owed, Activity.delivered, Activity.given_up, still)
        .outerjoin(waiting, waiting.c.activity_id == Activity.id)
        .where(Activity.owed != Activity.delivered + Activity.given_up + still)
        .order_by(Activity.id)
        .limit(limit)
    )
    return [Imbalance(*row) for row in rows]


def prune(work: Work, *, limit: int = 5000) -> int:
    """Forgets dead letters of KEPT ago, so many at a time; their numbers stay with the activity."""
    old = select(GivenUp.id).where(GivenUp.at <= work.now - KEPT).order_by(GivenUp.at).limit(limit)
    gone = work.execute(delete(GivenUp).where(GivenUp.id.in_(old)), execution_options=UNSYNCED)
    return cast(CursorResult[Any], gone).rowcount


# ------------------------------------------------------------------ what became of it


@dataclass(frozen=True, slots=True)
class Balance:
    """How far one activity came."""

    id: int
    uri: str
    type: str
    about: str
    created_at: datetime
    owed: int
    delivered: int
    given_up: int

    @property
    def waiting(self) -> int:
        return self.owed - self.delivered - self.given_up


@dataclass(frozen=True, slots=True)
class Destination:
    """What became of one activity for one inbox; those where it arrived are only counted."""

    inbox: str
    host: str
    fate: str  # waiting, parked, or why it was given up
    why: str
    attempts: int
    at: datetime  # since when it waits, or when it was given up
    next_try_at: datetime | None
    delivery_id: int | None
    given_up_id: int | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was given up."""

    id: int
    activity_id: int
    uri: str
    type: str
    about: str
    host: str
    inbox: str
    fate: str
    why: str
    attempts: int
    owed_at: datetime
    at: datetime


_BALANCE = (
    Activity.id, Activity.uri, Activity.type, Activity.about, Activity.created_at, Activity.owed, Activity.delivered,
    Activity.given_up,
)  # fmt: skip


def balances(work: Work, address: str) -> list[Balance]:
    """The activity of that id, or all that were said about that object; the last first."""
    rows = work.execute(
        select(*_BALANCE)
        .where((Activity.uri == address) | (Activity.about == address))
        .order_by(Activity.id.desc())
        .limit(200)
    )
    return [Balance(*row) for row in rows]


def balance(work: Work, activity_id: int) -> Balance | None:
    """How far an activity came."""
    row = work.execute(select(*_BALANCE).where(Activity.id == activity_id)).one_or_none()
    return None if row is None else Balance(*row)


def destinations(work: Work, activity_id: int, *, after: str = "", limit: int = 100) -> list[Destination]:
    """Every inbox that an activity did not reach, by address: waiting, put aside, given up."""
    waiting = work.scalars(
        select(Delivery)
        .where(Delivery.activity_id == activity_id, Delivery.inbox > after)
        .order_by(Delivery.inbox)
        .limit(limit)
    )
    lost = work.scalars(
        select(GivenUp)
        .where(GivenUp.activity_id == activity_id, GivenUp.inbox > after)
        .order_by(GivenUp.inbox)
        .limit(limit)
    )
    found = [
        Destination(
            row.inbox, row.host, "parked" if row.parked_at else "waiting", row.last_error or "", row.attempts,
            row.created_at, row.next_try_at, row.id, None,
        )
        for row in waiting
    ] + [
        Destination(row.inbox, row.host, row.fate, row.why, row.attempts, row.at, None, None, row.id) for row in lost
    ]  # fmt: skip
    return sorted(found, key=lambda row: row.inbox)[:limit]


def dead_letters(
    work: Work, *, host: str = "", fate: str = "", before: int | None = None, limit: int = 100
) -> list[DeadLetter]:
    """What was given up, the latest first; of one host, or for one reason, if asked."""
    query: Select[*tuple[Any, ...]] = (
        select(
            GivenUp.id, GivenUp.activity_id, Activity.uri, Activity.type, Activity.about, GivenUp.host, GivenUp.inbox,
            GivenUp.fate, GivenUp.why, GivenUp.attempts, GivenUp.owed_at, GivenUp.at,
        )
        .join(Activity, Activity.id == GivenUp.activity_id)
        .order_by(GivenUp.id.desc())
        .limit(limit)
    )  # fmt: skip
    if host:
        query = query.where(GivenUp.host == host)
    if fate:
        query = query.where(GivenUp.fate == fate)
    if before is not None:
        query = query.where(GivenUp.id < before)
    return [DeadLetter(*row) for row in work.execute(query)]


def count(work: Work, *, host: str = "") -> dict[str, int]:
    """How much was given up, for each fate."""
    query = select(GivenUp.fate, func.count()).group_by(GivenUp.fate)
    return {fate: count for fate, count in work.execute(query.where(GivenUp.host == host) if host else query)}
