"""What became of deliveries: done, refused for good, later, or parked; and what it says about their hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, select, update

from storage import backoff, hours, ledger
from storage.hours import Hour
from storage.schema import Actor, Delivery, Follow, Host, Reach
from storage.work import UNSYNCED, Work

FOR_GOOD = frozenset({400, 404, 405, 410, 413, 415, 422, 501})  # 400: the second signature was tried before
PERHAPS_LATER = frozenset({401, 403})  # they could not fetch our key, or do not want us
REFUSALS = 5
REFUSED_AGAIN_AFTER = (
    timedelta(minutes=1), timedelta(minutes=30), timedelta(hours=4), timedelta(hours=12),
)  # fmt: skip

DEAD_AFTER = timedelta(days=7)  # as Mastodon counts
DEAD_FAILURES = 10
POISON_TRIES = 20
POISON_SPAN = timedelta(hours=1)
POISON_PAUSE = timedelta(minutes=10)  # between the tries of one that fails while others get through
SUSPECT = 3  # tries after which a failure no longer says anything about the host, if others got through
CROWDED = timedelta(seconds=10)
DISCOURSE_PACE = timedelta(seconds=7.5)  # it answers 429 from 10 a minute on


@dataclass(frozen=True, slots=True)
class Result:
    """What came back for one delivery: a status, or the name of what kept one from coming."""

    delivery_id: int
    status: int | None
    error: str | None = None  # refused (our policy), crowded (not tried), fault (ours), dns, tls, timeout, connection…
    retry_after: int | None = None
    scheme: str = "cavage"
    took_ms: int = 0

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def tried(self) -> bool:
        return self.error != "crowded"

    @property
    def final(self) -> bool:
        """Trying again would not change it."""
        return self.delivered or self.status in FOR_GOOD or self.error == "refused"

    @property
    def of_the_host(self) -> bool:
        """It says that the host wants no more just now, whatever we have for it."""
        silent = self.status is None and self.error not in ("refused", "crowded", "fault")
        return silent or self.status in (429, 503)

    @property
    def words(self) -> str:
        return str(self.status) if self.status is not None else self.error or "nothing"


@dataclass(frozen=True, slots=True)
class Round:
    """What was done with one claim of a host."""

    host: str
    token: str
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one delivery, for the log."""

    delivery_id: int
    host: str
    fate: str  # delivered, refused, dropped, later, parked
    why: str


def settle(work: Work, rounds: Sequence[Round], *, chance: backoff.Chance = backoff.chance) -> list[Settled]:
    """Writes down what became of these rounds, in one transaction, and gives the hosts back.

    A worker that lost its lease still tells what arrived; all else is then for the new holder to say.
    """
    settled: list[Settled] = []
    lost: dict[tuple[str, str], list[int]] = {}  # by fate and reason
    plain, records = _hosts(work, rounds)
    unfinished = _rows(work, [r.delivery_id for round in rounds for r in round.results if not r.delivered])
    for round in sorted(rounds, key=lambda round: round.host):
        settled += [
            Settled(result.delivery_id, round.host, "delivered", result.words)
            for result in round.results
            if result.delivered
        ]
        host = records.get(round.token)
        if host is None:
            continue
        _judge_host(work, host, round, unfinished, chance)
        for result in round.results:
            row = unfinished.get(result.delivery_id)
            if result.delivered or row is None or not result.tried:
                continue
            fate = _judge(work, host, row, result, chance)
            if fate in (ledger.REFUSED, ledger.DROPPED):
                lost.setdefault((fate, result.words), []).append(row.id)
            settled.append(Settled(row.id, round.host, fate, result.words))
        host.lease_owner, host.lease_until = None, work.now
    work.flush()
    if plain:
        work.execute(_STAYS_WELL, {"names": sorted(plain), "now": work.now}, execution_options=UNSYNCED)
    ledger.delivered(work, [one.delivery_id for one in settled if one.fate == "delivered"])
    for (fate, why), ids in lost.items():
        ledger.given_up(work, Delivery.id.in_(ids), fate, why)
    _count(work, rounds)
    return settled


def _count(work: Work, rounds: Sequence[Round]) -> None:
    """The tries of these rounds, for the hours of their hosts; all that was tried counts, whoever holds the lease."""
    hour = hours.of(work.now)
    counted: dict[tuple[str, datetime], Hour] = {}
    for round in rounds:
        tried = [result for result in round.results if result.tried]
        if not tried:
            continue
        one = counted.setdefault((round.host, hour), Hour())
        arrived = sum(result.delivered for result in tried)
        one.delivered += arrived
        one.failed += len(tried) - arrived
        one.took_ms += sum(result.took_ms for result in tried)
        one.slowest_ms = max(one.slowest_ms, *(result.took_ms for result in tried))
    hours.count(work, counted)


def _hosts(work: Work, rounds: Sequence[Round]) -> tuple[set[str], dict[str, Host]]:
    """The hosts of which there is nothing to be said but that they took it all once more; and the others, by token.

    Whose lease is held by another by now is neither.
    """
    held = {row.lease_owner: row for row in work.execute(_OF_ROUNDS, {"names": sorted({r.host for r in rounds})})}
    plain, others = set(), []
    for round in rounds:
        row = held.get(round.token)
        if row is None:
            continue
        if row.well and round.results and all(r.delivered and r.scheme == row.signature for r in round.results):
            plain.add(round.host)
        else:
            others.append(round.host)
    if not others:
        return plain, {}
    again = {"populate_existing": True}
    found = work.scalars(select(Host).where(Host.host.in_(sorted(others))), execution_options=again)
    return plain, {host.lease_owner: host for host in found if host.lease_owner}


# Put together once: to put one together costs more than to ask it.
_WELL = and_(
    Host.state == "live", Host.failures == 0, Host.failing_since.is_(None), Host.next_try_at.is_(None),
    Host.last_error.is_(None), Host.dialect != "discourse",
)  # fmt: skip
_OF_ROUNDS = (
    select(Host.host, Host.lease_owner, Host.signature, _WELL.label("well"))
    .where(Host.host.in_(bindparam("names", expanding=True)))
    .order_by(Host.host)
    .with_for_update()
)
_STAYS_WELL = (
    update(Host)
    .where(Host.host.in_(bindparam("names", expanding=True)))
    .values(last_success_at=bindparam("now"), lease_owner=None, lease_until=bindparam("now"))
)


def _rows(work: Work, ids: Sequence[int]) -> dict[int, Delivery]:
    if not ids:
        return {}
    return {row.id: row for row in work.scalars(select(Delivery).where(Delivery.id.in_(ids)))}


# ------------------------------------------------------------------ the host


def _judge_host(work: Work, host: Host, round: Round, rows: dict[int, Delivery], chance: backoff.Chance) -> None:
    delivered = [result for result in round.results if result.delivered]
    if delivered:
        host.last_success_at = work.now
        host.signature = delivered[-1].scheme  # only a success says which one it understands
    if delivered or any(result.status is not None and result.final for result in round.results):
        _well(host)
    elif failed := [r for r in round.results if r.tried and not r.final and _blames_host(r, host, rows)]:
        _ill(work, host, failed[-1], chance)
    waits = [result.retry_after for result in round.results if result.retry_after and result.of_the_host]
    if waits:
        host.next_try_at = max(host.next_try_at or work.now, work.now + timedelta(seconds=max(waits)))
    elif any(result.status == 429 for result in round.results) and delivered:
        host.next_try_at = work.now + backoff.after(1, chance)
    elif any(not result.tried for result in round.results) and (host.next_try_at or work.now) <= work.now:
        host.next_try_at = work.now + CROWDED
    elif host.dialect == "discourse" and delivered:
        host.next_try_at = work.now + DISCOURSE_PACE


def _well(host: Host) -> None:
    host.state, host.failures, host.failing_since = "live", 0, None
    host.next_try_at, host.last_error = None, None


def _ill(work: Work, host: Host, result: Result, chance: backoff.Chance) -> None:
    host.failures += 1
    host.failing_since = host.failing_since or work.now
    host.last_error = result.words
    host.next_try_at = work.now + backoff.after(host.failures, chance)
    signs = [at for at in (host.last_success_at, host.last_inbound_at, host.created_at) if at is not None]
    if host.failures >= DEAD_FAILURES and work.now - max(signs) >= DEAD_AFTER:
        host.state = "dead"


def _blames_host(result: Result, host: Host, rows: dict[int, Delivery]) -> bool:
    """A failure of what never worked while the rest did says nothing about the host; nor does one of ours."""
    if result.error == "fault" or result.status in PERHAPS_LATER:
        return False
    row = rows.get(result.delivery_id)
    suspect = row is not None and row.attempts >= SUSPECT and _others_got_through(host, row.first_tried_at)
    return not (suspect and result.status is not None)


def _others_got_through(host: Host, since: datetime | None) -> bool:
    return since is not None and host.last_success_at is not None and host.last_success_at > since


# ------------------------------------------------------------------ the row


def _judge(work: Work, host: Host, row: Delivery, result: Result, chance: backoff.Chance) -> str:
    """What becomes of a delivery that did not arrive."""
    row.last_status, row.last_error = result.status, result.words
    if result.final:
        if result.status == 410:
            _forget_followers(work, row.inbox)
        return "refused"
    if result.status == 429:
        return "later"  # the host's pause; it says nothing about what was sent
    row.first_tried_at = row.first_tried_at or work.now
    row.attempts += 1
    if result.status in PERHAPS_LATER:
        row.refusals += 1
        if row.refusals >= REFUSALS:
            return "dropped"
        row.next_try_at = work.now + REFUSED_AGAIN_AFTER[row.refusals - 1]
        return "later"
    alone = result.error == "fault" or _others_got_through(host, row.first_tried_at)
    if alone and row.attempts >= POISON_TRIES and work.now - row.first_tried_at >= POISON_SPAN:
        row.parked_at = work.now
        return "parked"
    if host.failures and host.next_try_at is not None:
        row.next_try_at = None  # the host waits, and this with it
    else:
        row.next_try_at = work.now + backoff.after(row.attempts, chance, longest=POISON_PAUSE)
    return "later"


def _forget_followers(work: Work, inbox: str) -> None:
    """Whoever read only there follows no more."""
    gone = list(
        work.scalars(
            select(Actor.id).where(
                Actor.inbox == inbox, Actor.local.is_(False), Actor.shared_inbox.is_distinct_from(inbox)
            )
        )
    )
    if not gone or work.scalar(select(Actor.id).where(Actor.shared_inbox == inbox).limit(1)) is not None:
        return
    followed = set(work.scalars(select(Follow.target_id).where(Follow.follower_id.in_(gone))))
    work.execute(delete(Follow).where(Follow.follower_id.in_(gone)))
    work.execute(delete(Reach).where(Reach.inbox == inbox))
    work.execute(update(Actor).where(Actor.id.in_(followed)).values(version=Actor.version + 1))
