"""Deliveries: what we owe to other servers. A row is the promise, and goes only when it is kept or refused for good."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    CursorResult,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, aliased

from storage import clearance, hosts, ledger, limits, visibility
from storage.people import Inbox
from storage.schema import Activity, Actor, Delivery, Host, Reach
from storage.work import UNSYNCED, Work

LEASE = timedelta(seconds=60)  # of a host by one worker; a round of sending ends well within it
ROUND = 16  # deliveries of one host at a time: what a crash may repeat
AT_FIRST = 64  # names of waiting hosts in a look; more in the next one
SUSPECT = 3  # tries; what failed so often goes behind the others, so that it cannot hold them up
# Nothing waits longer than this: what claims to was written by a clock that had gone astray.
ASTRAY = timedelta(days=2)


# What leaves copies of somebody's words at the other end; an answer to a follow, or a like, does not.
SPREADS = {"Create", "Update", "Announce", "relay"}

# What a dead host is still told: that we want to hear of it, that it may, and that somebody is gone.
EVEN_TO_THE_DEAD = {"Follow", "Accept"}


@dataclass(frozen=True, slots=True)
class Ready:
    """A delivery to be sent now; signing and sending happen outside of any transaction."""

    id: int
    uri: str  # of the activity
    type: str
    inbox: str
    about: str
    body: bytes
    signer_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A host that is ours for LEASE, and what goes there now, in order."""

    host: str
    token: str  # who settles it must show this: another may have it by then
    scheme: str  # of signatures: cavage, rfc9421
    steady: bool  # it took what we sent last
    ready: tuple[Ready, ...]


# ------------------------------------------------------------------ putting in


def mint(work: Work) -> str:
    """A new id for something that we say."""
    return f"{work.origin}/a/{work.mint()}"


def enqueue(
    work: Work,
    *,
    uri: str,
    actor_id: int,
    type: str,
    about: str,
    public: bool,
    always: bool = False,
    microblog: bytes | None,
    forum: bytes | None,
    to: Iterable[Inbox],
    signer_id: int | None = None,
) -> int:
    """Writes the activity once and owes it to each of the inboxes; answers the activity's id.

    Said again under the same uri it is the same activity, and only new inboxes are added.
    """
    activity = activity_by_uri(work, uri)
    new = activity is None
    if activity is None:
        activity = Activity(
            uri=uri, actor_id=actor_id, type=type, about=about, public=public, always=always,
            microblog=microblog, forum=forum, created_at=work.now,
        )  # fmt: skip
        work.add(activity)
        work.flush()
    address(work, activity.id, to, signer_id=signer_id or actor_id, new=new)
    return activity.id


def address(work: Work, activity_id: int, to: Iterable[Inbox], *, signer_id: int, new: bool = False) -> int:
    """Owes an activity to more inboxes, each once, in the wording of its host; says how many were new."""
    activity = work.get_one(Activity, activity_id)
    wanted = {inbox.inbox: inbox for inbox in to if _wording(activity, inbox) and not _is_ours(work, inbox)}
    states = hosts.states_of(work, {inbox.host for inbox in wanted.values()})
    barred = limits.suspended(work, {inbox.host for inbox in wanted.values()})
    even_dead = _even_to_the_dead(work, activity)
    owed = set() if new else set(work.scalars(select(Delivery.inbox).where(Delivery.activity_id == activity_id)))
    going = [
        inbox
        for url, inbox in sorted(wanted.items())
        if url not in owed and inbox.host not in barred and (even_dead or states.get(inbox.host) != "dead")
    ]
    if not going:
        return 0
    hosts.make(work, {inbox.host for inbox in going} - states.keys())
    work.execute(
        insert(Delivery),
        [
            {"activity_id": activity_id, "signer_id": signer_id, "host": inbox.host, "inbox": inbox.inbox,
             "about": activity.about, "dialect": _wording(activity, inbox), "created_at": work.now}
            for inbox in going
        ],
    )  # fmt: skip
    ledger.owed(work, activity_id, len(going))
    if activity.public and activity.type in SPREADS:
        for actor_id in {activity.actor_id, signer_id}:
            reach(work, actor_id, going)
    return len(going)


def activity_by_uri(work: Work, uri: str) -> Activity | None:
    """What we said under that id."""
    return work.scalars(select(Activity).where(Activity.uri == uri)).one_or_none()


def forget_words(work: Work, about: str) -> None:
    """Erases what we said of something that was deleted; its ids stay, and the Delete goes in any case (LAW-01)."""
    of_it = update(Activity).where(Activity.about == about, Activity.always.is_(False))
    work.execute(of_it.values(microblog=None, forum=None).execution_options(synchronize_session="fetch"))


def latest_about(work: Work, actor_id: int, type: str, about: str, *, after: int = 0) -> Activity | None:
    """The last activity of that kind that one of ours did about something, since another one."""
    return work.scalars(
        select(Activity)
        .where(Activity.actor_id == actor_id, Activity.type == type, Activity.about == about, Activity.id > after)
        .order_by(Activity.id.desc())
        .limit(1)
    ).one_or_none()


def _wording(activity: Activity, inbox: Inbox) -> str | None:
    if inbox.dialect == "forum" and activity.forum is not None:
        return "forum"
    return "microblog" if activity.microblog is not None else None


def _is_ours(work: Work, inbox: Inbox) -> bool:
    # An actor document may name any inbox, ours too (AUT-37).
    return urlsplit(work.origin).netloc in (inbox.host, urlsplit(inbox.inbox).netloc)


def _even_to_the_dead(work: Work, activity: Activity) -> bool:
    if activity.type in EVEN_TO_THE_DEAD:
        return True
    return activity.type == "Delete" and activity.about == work.get_one(Actor, activity.actor_id).uri


def reach(work: Work, actor_id: int, inboxes: Iterable[Inbox]) -> None:
    """Remembers who may hold something of the actor from now on."""
    reached = set(work.scalars(select(Reach.inbox).where(Reach.actor_id == actor_id)))
    rows = [
        {"actor_id": actor_id, "inbox": inbox.inbox, "host": inbox.host}
        for inbox in inboxes
        if inbox.inbox not in reached
    ]
    if rows:
        dialect = postgresql.insert if work.dialect == "postgresql" else sqlite.insert
        work.execute(dialect(Reach).on_conflict_do_nothing(), rows)


# ------------------------------------------------------------------ taking out


def claim_hosts(
    work: Work, owner: str, *, limit: int, steady: bool | None = None, pace: timedelta = LEASE, after: str = ""
) -> list[Claim]:
    """Leases up to so many hosts that have something to be sent, in a circle by name that begins behind `after`.

    `steady` asks for hosts that took what we sent last (True), for new and failing ones (False), or for any.
    What may no longer be shown is given up here: a claim can be empty, and is to be settled all the same.
    """
    leased: list[Row[Any]] = []
    # A look at a few names is enough most of the time: however many hosts wait, a claim costs the same.
    for names in _waiting(work, after):
        which = {"hosts": names, "many": limit - len(leased), **_clock(work)}
        leased += work.execute(_FREE[steady], which)
        if len(leased) >= limit:
            break
    if not leased:
        return []
    claim = f"{owner}/{work.mint()}/"
    lease = {"claim": claim, "hosts": [host.host for host in leased], "until": work.now + pace}
    work.execute(_LEASE, lease, execution_options=UNSYNCED)
    ready = _ready_of(work, leased)
    return [
        Claim(
            host.host, claim + host.host, host.signature,
            host.failures == 0 and host.last_success_at is not None, tuple(ready.get(host.host, ())),
        )
        for host in leased
    ]  # fmt: skip


def _waiting(work: Work, after: str) -> Iterator[list[str]]:
    """The names of hosts that something waits for, more at a time the longer one asks: behind `after`, then the rest.

    One look into the index for each host: DISTINCT would read the whole queue.
    """
    for begin, end in ((after, None), ("", after)) if after else (("", None),):
        last, many = begin, AT_FIRST
        while names := _names(work, last, end, many):
            yield names
            if len(names) < many:
                break
            last, many = names[-1], many * 4


def _names(work: Work, after: str, until: str | None, limit: int) -> list[str]:
    names = work.scalars(_NAMES, {"after": after, "many": limit})
    return [name for name in names if name is not None and (until is None or name <= until)]


def take_over(work: Work, is_dead: Callable[[str], bool]) -> int:
    """Ends the leases of senders that are dead; says how many hosts that frees."""
    held = select(Host.lease_owner).where(Host.lease_until > work.now).distinct()
    dead = [owner for owner in work.scalars(held) if owner and is_dead(owner)]
    ended = update(Host).where(Host.lease_owner.in_(dead)).values(lease_owner=None, lease_until=work.now)
    return cast(CursorResult[Any], work.execute(ended)).rowcount if dead else 0


def release(work: Work, owner: str, *, keep: Sequence[str] = ()) -> None:
    """Lets go of every host that this worker still has, but for those of these tokens."""
    work.execute(
        update(Host)
        .where(Host.lease_owner.startswith(f"{owner}/", autoescape=True), Host.lease_owner.not_in(keep))
        .values(lease_owner=None, lease_until=work.now)
    )


def _clock(work: Work) -> dict[str, datetime]:
    return {"now": work.now, "astray": work.now + ASTRAY}


_ID, _ATTEMPTS, _ACTIVITY, _HOST = range(4)  # places in a row of _READY


def _ready_of(work: Work, leased: Sequence[Row[Any]]) -> dict[str, list[Ready]]:
    found: dict[str, Any] = {"hosts": [host.host for host in leased], **_clock(work)}
    turns: Counter[str] = Counter()
    rows = []
    # Plain tuples and their places: of thousands of rows, each name that is looked up would be felt.
    for row in sorted(map(tuple, work.execute(_READY, found)), key=lambda row: (row[_ATTEMPTS] >= SUSPECT, row[_ID])):
        turns[row[_HOST]] += 1
        if turns[row[_HOST]] <= ROUND:
            rows.append(row)
    said = {"ids": sorted({row[_ACTIVITY] for row in rows})}
    activities = {activity.id: activity for activity in work.execute(_SAID, said)}
    hidden = activities.keys() - clearance.cleared(work, list(activities.values()))
    wordings = {one.id: (one.uri, one.type, one.microblog, one.forum) for one in activities.values()}
    paced = {host.host for host in leased if host.dialect == "discourse"}
    ready: dict[str, list[Ready]] = {}
    for delivery_id, attempts, activity_id, host, inbox, dialect, signer_id, about in rows:
        if activity_id in hidden or (host in paced and ready.get(host)):
            continue
        uri, type, *words = wordings[activity_id]
        ready.setdefault(host, []).append(
            Ready(delivery_id, uri, type, inbox, about, words[dialect == "forum"] or b"", signer_id, attempts)
        )
    if hidden:
        gone = [row[_ID] for row in rows if row[_ACTIVITY] in hidden]
        ledger.given_up(work, Delivery.id.in_(gone), ledger.HIDDEN, "It was hidden or taken back before it could go.")
    return ready


# ------------------------------------------------------------------ the questions of a claim
# Put together once: to put one together costs more than to ask it.


def _due(column: InstrumentedAttribute[datetime | None]) -> ColumnElement[bool]:
    return or_(column.is_(None), column <= bindparam("now"), column > bindparam("astray"))


def _is_ready(one: type[Delivery]) -> ColumnElement[bool]:
    """Neither parked nor to be tried later, and nothing older waits for the same inbox about the same object."""
    older = aliased(Delivery)
    waits = exists(
        select(older.id).where(
            older.inbox == one.inbox,
            older.about == one.about,
            older.id < one.id,
            older.parked_at.is_(None),
        )
    )
    return and_(one.parked_at.is_(None), _due(one.next_try_at), ~waits)


def _names_that_wait() -> Select[Any]:
    """One look into the index for each host, in order."""
    waits = Delivery.parked_at.is_(None)
    first = select(func.min(Delivery.host).label("host")).where(waits, Delivery.host > bindparam("after"))
    found = first.cte("found", recursive=True)
    following = select(func.min(Delivery.host)).where(waits, Delivery.host > found.c.host).scalar_subquery()
    found = found.union_all(select(following).where(found.c.host.is_not(None)))
    return select(found.c.host).limit(bindparam("many"))


def _free_hosts(*states: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Which of the named hosts are free, due, and have something ready; those that waited longest first."""
    return (
        select(Host.host, Host.signature, Host.dialect, Host.failures, Host.last_success_at)
        .where(
            Host.host.in_(bindparam("hosts", expanding=True)),
            visibility.not_suspended(),
            or_(Host.lease_owner.is_(None), _due(Host.lease_until)),
            _due(Host.next_try_at),
            exists(select(Delivery.id).where(Delivery.host == Host.host, _is_ready(Delivery))),
            *states,
        )
        .order_by(Host.lease_until.nulls_first(), Host.host)
        .limit(bindparam("many"))
        .with_for_update(skip_locked=True, of=Host)
    )


def _first_of_each() -> CompoundSelect[Any]:
    """Of each host its first ROUND, and as many suspect ones by their own index: neither reads the whole queue."""
    one = aliased(Delivery)
    first = select(one.id).where(one.host == Host.host, _is_ready(one)).limit(ROUND)
    # In the order of the index, as PostgreSQL sees it: by the id alone it would read through what waits for others.
    fresh = first.where(one.attempts < SUSPECT).order_by(one.parked_at, one.id)
    suspect = first.where(one.attempts >= literal_column(str(SUSPECT))).order_by(one.id)
    rows = select(
        Delivery.id, Delivery.attempts, Delivery.activity_id, Delivery.host, Delivery.inbox, Delivery.dialect,
        Delivery.signer_id, Delivery.about,
    ).where(Host.host.in_(bindparam("hosts", expanding=True)))  # fmt: skip
    return union_all(
        *(rows.join(Host, Delivery.id.in_(some.correlate(Host).scalar_subquery())) for some in (fresh, suspect))
    )


_WELL = and_(Host.failures == 0, Host.last_success_at.is_not(None))
_NAMES = _names_that_wait()
_FREE = {None: _free_hosts(), True: _free_hosts(_WELL), False: _free_hosts(~_WELL)}
_READY = _first_of_each()
_SAID = select(
    Activity.id, Activity.uri, Activity.type, Activity.actor_id, Activity.about, Activity.always, Activity.microblog,
    Activity.forum,
).where(Activity.id.in_(bindparam("ids", expanding=True)))  # fmt: skip
_LEASE = (  # each host its own token
    update(Host)
    .where(Host.host.in_(bindparam("hosts", expanding=True)))
    .values(lease_owner=bindparam("claim", type_=Text) + Host.host, lease_until=bindparam("until"))
)
