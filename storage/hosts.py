"""Other servers: what they run, how they are, and whether we have anything to do with them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import limits
from storage.schema import Delivery, FetchFailure, Host
from storage.visibility import not_suspended
from storage.work import Work

# Software -> dialect: which wording it reads. Whatever is not named here reads what Mastodon reads.
DIALECTS = {
    "lemmy": "forum", "piefed": "forum", "mbin": "forum", "kbin": "forum", "nodebb": "forum", "lotide": "forum",
    "discourse": "discourse",
}  # fmt: skip
MICROBLOG = "microblog"

ASKED_AGAIN_AFTER = timedelta(days=1)
HEARD_WITHIN = timedelta(hours=1)  # a busy server is not written down with each of its letters
SOON = timedelta(minutes=1)  # a failing server that speaks to us is tried again within
IN_ONE_QUERY = 5000  # SQLite takes 32,766 values


@dataclass(frozen=True, slots=True)
class Server:
    """Another server as the admin sees it."""

    host: str
    software: str | None
    version: str | None
    dialect: str
    dialect_set_by_admin: bool
    signature: str
    state: str  # live, dead
    limit: str | None  # what holds: suspend, silence
    blocked_at: datetime | None
    blocked_why: str | None
    silenced_at: datetime | None
    silenced_why: str | None
    allowed_at: datetime | None
    failures: int
    failing_since: datetime | None
    next_try_at: datetime | None
    last_success_at: datetime | None
    last_inbound_at: datetime | None
    last_error: str | None


def make(work: Work, hosts: Iterable[str]) -> None:
    """Has a row for each of these hosts."""
    # In order, so that two transactions with the same new hosts wait for each other instead of locking each other up.
    names = sorted(set(hosts))
    if names:
        limits.hold(work)  # what is written down of them must not be older than a limit that is set meanwhile
        said = limits.known(work, names)
        limits.write(work, [{"host": name, "created_at": work.now, "limit": said.of(name).kind} for name in names])


def get_or_make(work: Work, host: str) -> Host:
    """The row of a host, made when first spoken of."""
    record = work.get(Host, host)
    if record is None:
        make(work, [host])
        record = work.get_one(Host, host)
    return record


def states_of(work: Work, hosts: Iterable[str]) -> dict[str, str]:
    """Which of the hosts have a row, and whether they are live or dead."""
    names = sorted(set(hosts))
    found: dict[str, str] = {}
    for start in range(0, len(names), IN_ONE_QUERY):
        chunk = names[start : start + IN_ONE_QUERY]
        found |= {
            host: state for host, state in work.execute(select(Host.host, Host.state).where(Host.host.in_(chunk)))
        }
    return found


def known(work: Work, *, limit: int = 500, offset: int = 0) -> list[Server]:
    """Every server we know of, blocked and failing ones first."""
    rows = work.scalars(
        select(Host).order_by(Host.limit.is_(None), Host.failures.desc(), Host.host).limit(limit).offset(offset)
    )
    return [_as_server(record) for record in rows]


def named(work: Work) -> list[Server]:
    """Every host of which an admin said something themselves, by name."""
    said = or_(Host.blocked_at.is_not(None), Host.silenced_at.is_not(None), Host.allowed_at.is_not(None))
    return [_as_server(record) for record in work.scalars(select(Host).where(said).order_by(Host.host))]


def found(work: Work, words: str = "", which: str = "", *, after: str = "", limit: int = 50) -> list[Server]:
    """Hosts by name, those after one, with the words in their names, of one kind of WHICH if it is named."""
    query = select(Host).where(Host.host > after).order_by(Host.host).limit(limit)
    if words:
        query = query.where(Host.host.contains(words.lower(), autoescape=True))
    if which in WHICH:
        query = query.where(WHICH[which])
    return [_as_server(record) for record in work.scalars(query)]


WHICH = {
    "limited": Host.limit.is_not(None),
    "blocked": Host.limit == limits.SUSPEND,
    "silenced": Host.limit == limits.SILENCE,
    "allowed": Host.allowed_at.is_not(None),
    "failing": or_(Host.failures > 0, Host.state == "dead"),
}


def server(work: Work, host: str) -> Server | None:
    """What is known of one server."""
    record = work.get(Host, host)
    return None if record is None else _as_server(record)


def _as_server(record: Host) -> Server:
    return Server(
        record.host, record.software, record.software_version, record.dialect, record.dialect_set_by_admin,
        record.signature, record.state, record.limit, record.blocked_at, record.blocked_why, record.silenced_at,
        record.silenced_why, record.allowed_at, record.failures, record.failing_since, record.next_try_at,
        record.last_success_at, record.last_inbound_at, record.last_error,
    )  # fmt: skip


# ------------------------------------------------------------------ what it runs


def was_asked(work: Work, host: str) -> bool:
    """Its NodeInfo was asked for within a day, with or without an answer."""
    record = work.get(Host, host)
    return record is not None and record.asked_at is not None and work.now - record.asked_at < ASKED_AGAIN_AFTER


def begin_asking(work: Work, host: str) -> bool:
    """Counts the host as asked from now on; says False when another was quicker."""
    if was_asked(work, host):
        return False
    get_or_make(work, host).asked_at = work.now
    return True


def learn(work: Work, host: str, software: str, version: str | None) -> None:
    """Keeps what a host says it runs; the dialect follows the name of the software, and stays through its versions."""
    record = get_or_make(work, host)
    record.asked_at = work.now
    name = software.strip().lower()
    if name != record.software and not record.dialect_set_by_admin:
        record.dialect = DIALECTS.get(name, MICROBLOG)
    record.software, record.software_version = name, version


def set_dialect(work: Work, host: str, dialect: str | None) -> None:
    """The admin's word on how to speak to a host; None leaves it to its software again."""
    record = get_or_make(work, host)
    record.dialect_set_by_admin = dialect is not None
    record.dialect = dialect or DIALECTS.get(record.software or "", MICROBLOG)


def dialects(work: Work) -> dict[str, str]:
    """The hosts that read another wording than the microblogs' one."""
    rows = work.execute(select(Host.host, Host.dialect).where(Host.dialect != MICROBLOG))
    return {host: dialect for host, dialect in rows}


# ------------------------------------------------------------------ whether it lives


def heard_from(work: Work, host: str) -> None:
    """A valid letter came from there: a dead host lives again, a failing one is tried soon."""
    record = get_or_make(work, host)
    if record.last_inbound_at is None or work.now - record.last_inbound_at > HEARD_WITHIN:
        record.last_inbound_at = work.now
    if record.state == "dead":
        revive(work, host)
    elif record.next_try_at is not None and record.next_try_at > work.now + SOON and record.failures:
        # Not at once: its letters must not make us knock at a closed door each time.
        record.next_try_at = work.now + SOON


def revive(work: Work, host: str) -> None:
    """The host is there after all: what waits for it goes now."""
    record = get_or_make(work, host)
    record.state, record.failures = "live", 0
    record.failing_since, record.next_try_at, record.last_error = None, None, None
    work.execute(update(Delivery).where(Delivery.host == host, Delivery.parked_at.is_(None)).values(next_try_at=None))


def dead_to_ask(work: Work, limit: int = 20) -> list[str]:
    """Dead hosts that were not asked for a day."""
    return list(
        work.scalars(
            select(Host.host)
            .where(
                Host.state == "dead",
                not_suspended(),
                or_(Host.asked_at.is_(None), Host.asked_at <= work.now - ASKED_AGAIN_AFTER),
            )
            .order_by(Host.asked_at.nulls_first(), Host.host)
            .limit(limit)
        )
    )


# ------------------------------------------------------------------ an admin's word


def block(work: Work, host: str, why: str = "") -> None:
    """Nothing comes from there or its subdomains any more, nothing goes there, what waits to go is given up."""
    record = get_or_make(work, host)
    record.blocked_at, record.blocked_why = record.blocked_at or work.now, why
    record.silenced_at, record.silenced_why, record.allowed_at = None, None, None
    limits.apply(work)


def unblock(work: Work, host: str) -> None:
    """Takes the block back; what was hidden shows again, unless something else limits the host."""
    record = work.get(Host, host)
    if record is not None:
        record.blocked_at, record.blocked_why = None, None
    limits.apply(work)


def silence(work: Work, host: str, why: str = "") -> None:
    """What is said there is read, and pushed at nobody who did not ask for it."""
    record = get_or_make(work, host)
    record.silenced_at, record.silenced_why = record.silenced_at or work.now, why
    record.blocked_at, record.blocked_why = None, None
    limits.apply(work)


def unsilence(work: Work, host: str) -> None:
    """Takes the silence back."""
    record = work.get(Host, host)
    if record is not None:
        record.silenced_at, record.silenced_why = None, None
    limits.apply(work)


def allow(work: Work, host: str) -> None:
    """Whatever lists say, and where only allowed ones are let in: the host and its subdomains are."""
    record = get_or_make(work, host)
    record.allowed_at = record.allowed_at or work.now
    record.blocked_at = record.blocked_why = record.silenced_at = record.silenced_why = None
    limits.apply(work)


def disallow(work: Work, host: str) -> None:
    """Takes that back: lists and the mode of the node hold again."""
    record = work.get(Host, host)
    if record is not None:
        record.allowed_at = None
    limits.apply(work)


def is_blocked(work: Work, host: str) -> bool:
    """We have nothing to do with the host."""
    return limits.kind_of(work, host) == limits.SUSPEND


# ------------------------------------------------------------------ fetches that failed


def failure_of(work: Work, url: str) -> str | None:
    """Why the address gave nothing, while that is remembered."""
    return work.scalar(select(FetchFailure.why).where(FetchFailure.url == url, FetchFailure.until > work.now))


def remember_failure(work: Work, url: str, until: datetime, why: str) -> None:
    """Keeps that the address gave nothing."""
    insert = postgresql.insert if work.dialect == "postgresql" else sqlite.insert
    values = {"why": why, "until": until}
    work.execute(
        insert(FetchFailure).values(url=url, **values).on_conflict_do_update(index_elements=["url"], set_=values)
    )


def forget_failures(work: Work) -> None:
    """Drops what needs to be remembered no longer."""
    work.execute(delete(FetchFailure).where(FetchFailure.until <= work.now))
