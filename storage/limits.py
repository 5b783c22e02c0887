"""What limits other servers: an admin's word before every list, the nearest name before those above it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from sqlalchemy import Table, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import ledger, visibility
from storage.schema import Actor, BlockList, BlockListEntry, Delivery, Fact, Host, Letter
from storage.work import Work

SUSPEND, SILENCE = "suspend", "silence"  # as Mastodon's lists have it
OPEN, ALLOW_LIST = "open", "allow-list"  # modes of the node

AT_ONCE = 5000  # values in one query; SQLite takes 32,766
LOCK = 0x464D4C49  # 'FMLI': held while limits change, shared by whoever writes down a new host
WHY_DROPPED = "its server is blocked"
WHY_PARKED = "its server is blocked; what it sent can be read once it is let back"


@dataclass(frozen=True, slots=True)
class Limit:
    """What holds for a host, and from where."""

    kind: str | None = None  # suspend, silence, or nothing
    by: str = ""  # admin, list, mode
    name: str = ""  # the host that is named, itself or one above it
    why: str = ""
    list: str = ""  # the name of the list


@dataclass(frozen=True, slots=True)
class Word:
    """What an admin said of a host by its name."""

    blocked_at: datetime | None
    blocked_why: str | None
    silenced_at: datetime | None
    silenced_why: str | None
    allowed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of a host by its name, as far as the list may say it."""

    kind: str
    list: str
    why: str


@dataclass(frozen=True, slots=True)
class Limits:
    """All words and lists at one moment, or those that concern a few hosts: the one rule, wherever it is asked."""

    ours: str  # our own authority, which nothing limits
    mode: str = OPEN
    words: dict[str, Word] = field(default_factory=dict)
    lists: dict[str, Listed] = field(default_factory=dict)

    def of(self, host: str) -> Limit:
        """What holds for a host: the nearest word of an admin, else the mode of the node, else the lists' hardest."""
        if host == self.ours:
            return Limit()
        names = names_over(host)
        allowed = any(name in self.words and self.words[name].allowed_at is not None for name in names)
        for name in names:
            word = self.words.get(name)
            if word is None:
                continue
            if word.blocked_at is not None:
                return Limit(SUSPEND, "admin", name, word.blocked_why or "")
            if word.silenced_at is not None and (allowed or self.mode == OPEN):
                return Limit(SILENCE, "admin", name, word.silenced_why or "")
            if word.allowed_at is not None:
                return Limit(None, "admin", name)
        if self.mode == ALLOW_LIST:
            return Limit(SUSPEND, "mode")
        found = [(self.lists[name], name) for name in names if name in self.lists]
        hardest = next((one for one in found if one[0].kind == SUSPEND), found[0] if found else None)
        if hardest is None:
            return Limit()
        listed, name = hardest
        return Limit(listed.kind, "list", name, listed.why, listed.list)

    def with_list(self, name: str, may: str, listed: Mapping[str, tuple[str, str]]) -> "Limits":
        """The same with one list more, which limits as far as it may."""
        lists = dict(self.lists)
        for host, (kind, why) in listed.items():
            kind = may if may in (SUSPEND, SILENCE) else kind
            if host not in lists or (kind == SUSPEND and lists[host].kind == SILENCE):
                lists[host] = Listed(kind, name, why)
        return replace(self, lists=lists)

    def suspends(self, host: str) -> bool:
        """We have nothing to do with the host."""
        return self.of(host).kind == SUSPEND


def names_over(host: str) -> list[str]:
    """'a.b.test:8443' is also 'a.b.test', 'b.test' and 'test' (PRV-13)."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host
    labels = name.split(".")
    return list(dict.fromkeys([host, *(".".join(labels[start:]) for start in range(len(labels)))]))


# ------------------------------------------------------------------ what holds


def known(work: Work, names: Iterable[str] | None = None, *, but: int | None = None) -> Limits:
    """All that is said of hosts by name, or what concerns the hosts of these names; `but` for one list, if given."""
    wanted = None if names is None else sorted({over for name in names for over in names_over(name)})
    words: dict[str, Word] = {}
    lists: dict[str, Listed] = {}
    for chunk in _chunks(wanted):
        said = select(
            Host.host, Host.blocked_at, Host.blocked_why, Host.silenced_at, Host.silenced_why, Host.allowed_at
        ).where(Host.blocked_at.is_not(None) | Host.silenced_at.is_not(None) | Host.allowed_at.is_not(None))
        listed = select(
            BlockListEntry.host, BlockListEntry.limit, BlockListEntry.why, BlockList.limit, BlockList.name
        ).join(BlockList, BlockList.id == BlockListEntry.list_id)
        if but is not None:
            listed = listed.where(BlockListEntry.list_id != but)
        if chunk is not None:
            said, listed = said.where(Host.host.in_(chunk)), listed.where(BlockListEntry.host.in_(chunk))
        words |= {row.host: Word(row[1], row[2], row[3], row[4], row[5]) for row in work.execute(said)}
        for host, kind, why, may, name in work.execute(listed.order_by(BlockList.id)):
            kind = may if may in (SUSPEND, SILENCE) else kind
            if host not in lists or (kind == SUSPEND and lists[host].kind == SILENCE):
                lists[host] = Listed(kind, name, why)
    return Limits(work.origin.split("://", 1)[1], mode(work), words, lists)


def _chunks(names: list[str] | None) -> Iterable[list[str] | None]:
    if names is None:
        return [None]
    return [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]


def of(work: Work, host: str) -> Limit:
    """What holds for one host, and from where."""
    return known(work, [host]).of(host)


def kind_of(work: Work, host: str) -> str | None:
    """What holds for one host, as it is written down where the host has a row."""
    record = work.get(Host, host)
    return record.limit if record is not None else of(work, host).kind


def suspended(work: Work, hosts: Iterable[str]) -> set[str]:
    """Those of the hosts with whom we have nothing to do."""
    wanted = sorted(set(hosts))
    found: dict[str, str | None] = {}
    for chunk in _chunks(wanted):
        rows = work.execute(select(Host.host, Host.limit).where(Host.host.in_(chunk or [])))
        found |= {host: kind for host, kind in rows}
    unmet = [host for host in wanted if host not in found]
    if unmet:
        said = known(work, unmet)
        found |= {host: said.of(host).kind for host in unmet}
    return {host for host, kind in found.items() if kind == SUSPEND}


def silences(work: Work, actor: Actor) -> bool:
    """The actor's server is silenced: nothing of theirs is put before anybody who did not ask for it."""
    return not actor.local and kind_of(work, actor.host) == SILENCE


def version(work: Work) -> str:
    """Changes whenever any limit may have."""
    return _fact(work, "limits")


def mode(work: Work) -> str:
    """With whom we deal at all: with everybody, or with those who were allowed."""
    return _fact(work, "federation") or OPEN


def _fact(work: Work, name: str) -> str:
    fact = work.get(Fact, name)
    return fact.value if fact is not None else ""


def _keep_fact(work: Work, name: str, value: str) -> None:
    fact = work.get(Fact, name)
    if fact is None:
        work.add(Fact(name=name, value=value))
    else:
        fact.value = value
    work.flush()


# ------------------------------------------------------------------ changes


def hold(work: Work, *, exclusively: bool = False) -> None:
    """Has changes of limits and the writing down of new hosts wait for each other; SQLite has one writer anyway."""
    if work.dialect == "postgresql":
        name = "pg_advisory_xact_lock" if exclusively else "pg_advisory_xact_lock_shared"
        work.execute(text(f"SELECT {name}(:lock)"), {"lock": LOCK})


def set_mode(work: Work, wanted: str) -> bool:
    """With whom this node deals from now on; says whether that is new."""
    if mode(work) == wanted and version(work):
        return False
    hold(work, exclusively=True)
    _keep_fact(work, "federation", wanted)
    apply(work)
    return True


def apply(work: Work) -> dict[str, str | None]:
    """Writes down for every host what holds for it now; answers those for which that is new.

    What waits to go to a suspended host is given up, what came from it and was not read is put aside. No word is lost.
    """
    hold(work, exclusively=True)
    work.flush()
    said = known(work)
    rows: dict[str, str | None] = {host: kind for host, kind in work.execute(select(Host.host, Host.limit))}
    met = set(work.scalars(select(Actor.host).where(Actor.local.is_(False)).distinct()))
    new = {host: said.of(host).kind for host in rows.keys() | met}
    changed = {host: kind for host, kind in new.items() if rows.get(host) != kind}
    unwritten = [host for host in sorted(changed) if host not in rows]
    if unwritten:
        write(work, [{"host": host, "created_at": work.now, "limit": changed[host]} for host in unwritten])
    for kind in (None, SILENCE, SUSPEND):
        for chunk in _chunks(sorted(host for host, holds in changed.items() if holds == kind and host in rows)):
            work.execute(update(Host).where(Host.host.in_(chunk or [])).values(limit=kind))
    if any(kind == SUSPEND for kind in changed.values()):
        drop_deliveries(work)
        park_letters(work)
    let_back = [host for host in changed if rows.get(host) == SUSPEND]
    if let_back:
        _unpark_letters(work, let_back)
    _keep_fact(work, "limits", work.mint())
    if changed:
        visibility.has_changed(work)
    return changed


def write(work: Work, rows: list[dict[str, object]]) -> None:
    """Has a row for each of these hosts, and leaves those that are there."""
    insert_into = postgresql.insert if work.dialect == "postgresql" else sqlite.insert
    work.execute(insert_into(cast(Table, Host.__table__)).on_conflict_do_nothing(), rows)


def drop_deliveries(work: Work) -> int:
    """Gives up what waits to go to suspended hosts, and keeps that it was owed; says how much that was."""
    barred = Delivery.host.in_(select(Host.host).where(Host.limit == SUSPEND))
    return ledger.given_up(work, barred, "blocked", WHY_DROPPED).total()


def park_letters(work: Work) -> None:
    """Puts aside what suspended hosts sent and nobody read yet: it is not read, and not lost."""
    work.execute(
        update(Letter)
        .where(Letter.state == "waiting", Letter.host.in_(select(Host.host).where(Host.limit == SUSPEND)))
        .values(state="parked", outcome=WHY_PARKED, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def _unpark_letters(work: Work, hosts: list[str]) -> None:
    for chunk in _chunks(sorted(hosts)):
        work.execute(
            update(Letter)
            .where(
                Letter.state == "parked",
                Letter.outcome == WHY_PARKED,
                Letter.host.in_(chunk or []),
                Letter.body.is_not(None),
            )
            .values(state="waiting", tries=0, next_try_at=work.now)
            .execution_options(synchronize_session=False)
        )
