"""A year of a busy node, poured into a database around a small world: what was said, read, sent and taken in.

Everything that the small node has is there too, row by row the same: what is asked of both differs by nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, cast

from sqlalchemy import Column, Table, bindparam, func, select, text, update

from storage import threads
from storage.clock import mint
from storage.schema import (
    Activity,
    Actor,
    Comment,
    Context,
    Delivery,
    Follow,
    GivenUp,
    Group,
    Handle,
    Host,
    HostHour,
    Key,
    Letter,
    Membership,
    Reach,
    Reaction,
    Reading,
    Tagging,
    Thread,
)
from storage.work import Work

WORDS = "<p>" + "The pot works as long as everybody sees what came in and what went out of it. " * 5 + "</p>"
PIECE = 20_000  # rows that are made before they are written
FAILING = 20  # hosts that were away for a while, with all that waits for them
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    comments: int
    threads: int
    people: int  # elsewhere
    hosts: int
    groups: int
    members: int  # here
    hours: int  # of a host in which something was counted
    backlog: int  # deliveries that wait for hosts that fail

    def times(self, part: float) -> Scale:
        """The same shape, smaller."""
        return Scale(
            int(self.comments * part), int(self.threads * part), int(self.people * part), int(self.hosts * part),
            max(5, int(self.groups * part)), max(20, int(self.members * part)), self.hours, int(self.backlog * part),
        )  # fmt: skip


BUSY = Scale(1_000_000, 10_000, 50_000, 2_000, 50, 200, hours=216, backlog=20_000)
SMALL = Scale(500, 150, 100, 20, 5, 20, hours=20, backlog=0)  # with the world itself a thousand comments
OWN_GROUPS = 5  # of the member whose pages are measured
UNREAD = 20  # threads of theirs


class Pouring:
    """Writes rows of one table in bulk, in the quickest way of the engine; what is not given has its usual value."""

    def __init__(self, work: Work, table: type, *columns: str, after: Pouring | None = None) -> None:
        self._work = work
        self._after = after  # what the rows refer to
        self._table = cast(Table, table.__table__)  # type: ignore[attr-defined]
        usual = {
            column.name: _usual(column)
            for column in self._table.c
            if column.name not in columns and column.default is not None
        }
        self._names = [*columns, *usual]
        self._rest = tuple(usual.values())
        self._rows: list[tuple[Any, ...]] = []
        self.count = 0

    def add(self, *values: Any) -> None:
        """One row."""
        self._rows.append(values + self._rest)
        self.count += 1
        if len(self._rows) >= PIECE:
            self.end()

    def end(self) -> int:
        """Writes what is left, and says how many it were."""
        rows, self._rows = self._rows, []
        if self._after is not None:
            self._after.end()
        if rows:
            connection: Any = self._work.connection().connection.driver_connection
            names = ", ".join(f'"{name}"' for name in self._names)
            if self._work.dialect == "postgresql":
                with connection.cursor().copy(f'COPY "{self._table.name}" ({names}) FROM STDIN') as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                holes = ", ".join("?" * len(self._names))
                connection.executemany(f'INSERT INTO "{self._table.name}" ({names}) VALUES ({holes})', rows)
        return self.count


def _usual(column: Column[Any]) -> Any:
    value: Any = getattr(column.default, "arg", None)
    return "[]" if callable(value) else value


def pour(work: Work, scale: Scale, member: str, pem: str) -> dict[str, int]:
    """All of it, in one transaction; answers how many rows of what were written. `member` is in OWN_GROUPS of them."""
    dice = random.Random(scale.comments)
    if work.dialect == "sqlite":
        work.execute(text("PRAGMA cache_size = -1000000"))  # in KB: the same pages are not written again and again
    who = _people(work, scale, pem)
    reader = work.scalars(select(Actor.id).where(Actor.name == member)).one()
    groups = _groups(work, scale, who, reader, dice)
    counts = _said(work, scale, who, groups, reader, dice)
    counts |= _wire(work, scale, groups, dice)
    _set_sequences(work)
    return counts


@dataclass(frozen=True)
class Who:
    """Ids and addresses of people."""

    here: list[int]
    elsewhere: list[int]
    hosts: list[str]  # of those elsewhere

    def of(self, number: int) -> int:
        return self.elsewhere[number % len(self.elsewhere)]


def at(work: Work, moment: datetime) -> str:
    """A moment as the engine keeps it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00" if work.dialect == "postgresql" else "")


def _next(work: Work, table: Any) -> int:
    return (work.scalar(select(func.max(table.id))) or 0) + 1


def _people(work: Work, scale: Scale, pem: str) -> Who:
    now, long_ago = at(work, work.now), at(work, work.now - YEAR)
    names = [f"far{number}.example" for number in range(scale.hosts)]
    hosts = Pouring(work, Host, "host", "dialect", "created_at", "asked_at", "last_inbound_at", "last_success_at",
                    "failures", "failing_since", "next_try_at", "last_error")  # fmt: skip
    soon = at(work, work.now + timedelta(days=1))
    for number, host in enumerate(names):
        fails = number < FAILING and scale.backlog
        hosts.add(host, "forum" if number % 5 == 4 else "microblog", long_ago, now, now, now,
                  9 if fails else 0, long_ago if fails else None, soon if fails else None,
                  "timeout" if fails else None)  # fmt: skip
    hosts.end()
    first = _next(work, Actor)
    columns = "id uri kind local host name display_name url inbox shared_inbox followers created_at updated_at"
    actors = Pouring(work, Actor, *columns.split(), "refreshed_at")
    keys = Pouring(work, Key, "actor_id", "uri", "algorithm", "public_pem", "refreshed_at", after=actors)
    here = list(range(first, first + scale.members))
    for number, actor_id in enumerate(here):
        uri = f"{work.origin}/u/member{number}"
        actors.add(actor_id, uri, "person", True, _own(work), f"member{number}", f"Member {number}", uri,
                   f"{uri}/inbox", f"{work.origin}/inbox", f"{uri}/followers", long_ago, long_ago, None)  # fmt: skip
    elsewhere = list(range(first + scale.members, first + scale.members + scale.people))
    for number, actor_id in enumerate(elsewhere):
        host = names[number % len(names)]
        uri = f"https://{host}/users/u{number}"
        actors.add(actor_id, uri, "person", False, host, f"u{number}", f"Somebody {number}", uri, f"{uri}/inbox",
                   f"https://{host}/inbox", f"{uri}/followers", long_ago, long_ago, now)  # fmt: skip
        keys.add(actor_id, f"{uri}#main-key", "rsa", pem, now)
    actors.end()
    keys.end()
    handles = Pouring(work, Handle, "name", "actor_id")
    for number, actor_id in enumerate(here):
        handles.add(f"member{number}", actor_id)
    handles.end()
    return Who(here, elsewhere, names)


def _own(work: Work) -> str:
    return work.origin.split("://", 1)[1]


def _groups(work: Work, scale: Scale, who: Who, reader: int, dice: random.Random) -> list[int]:
    long_ago = at(work, work.now - YEAR)
    first = _next(work, Actor)
    ids = list(range(first, first + scale.groups))
    actors = Pouring(
        work, Actor, "id", "uri", "kind", "local", "host", "name", "display_name", "inbox", "created_at", "updated_at"
    )
    groups, handles = Pouring(work, Group, "actor_id"), Pouring(work, Handle, "name", "actor_id")
    for number, group_id in enumerate(ids):
        uri = f"{work.origin}/g/circle{number}"
        actors.add(group_id, uri, "group", True, _own(work), f"circle{number}", f"Circle {number}", f"{uri}/inbox",
                   long_ago, long_ago)  # fmt: skip
        groups.add(group_id)
        handles.add(f"circle{number}", group_id)
    for pouring in (actors, groups, handles):
        pouring.end()
    members = Pouring(work, Membership, "group_id", "actor_id", "role", "joined_at")
    follows = Pouring(work, Follow, "follower_id", "target_id", "state", "created_at")
    reach = Pouring(work, Reach, "actor_id", "inbox", "host")
    for number, group_id in enumerate(ids):
        for actor_id in dice.sample(who.here, min(len(who.here), 40)):
            members.add(group_id, actor_id, "member", long_ago)
        if number < OWN_GROUPS:
            members.add(group_id, reader, "member", long_ago)
        for actor_id in dice.sample(who.elsewhere, len(who.elsewhere) // 50):
            follows.add(actor_id, group_id, "accepted", long_ago)
        for host in dice.sample(who.hosts, len(who.hosts) // 2):
            reach.add(group_id, f"https://{host}/inbox", host)
    for pouring in (members, follows, reach):
        pouring.end()
    return ids


@dataclass
class Talk:
    """A thread that grows."""

    id: int
    uid: str
    group_id: int
    began: datetime
    latest: datetime
    places: list[tuple[int, str, int]]  # id, path and depth of the latest ones
    number: int = 0


def _said(work: Work, scale: Scale, who: Who, groups: list[int], reader: int, dice: random.Random) -> dict[str, int]:
    """Comments in the order in which they came: the lively threads are the young ones."""
    columns = (
        "id uid uri thread_id parent_id author_id number path depth source html wire page_url published_at arrived_at"
    )
    rows = Pouring(work, Thread, "id", "uid", "group_id", "title", "slug", "context", "created_at", "last_activity_at")
    contexts = Pouring(work, Context, "uri", "thread_id", after=rows)
    comments = Pouring(work, Comment, *columns.split(), "likes_count", after=rows)
    reactions = Pouring(work, Reaction, "comment_id", "actor_id", "kind", "uri", "created_at", after=comments)
    tags = Pouring(work, Tagging, "tag", "comment_id", after=comments)
    activities = Pouring(work, Activity, "uri", "actor_id", "type", "about", "public", "microblog", "owed",
                         "delivered", "created_at")  # fmt: skip
    letters = Pouring(work, Letter, "signer", "digest", "key_id", "host", "state", "tries", "next_try_at", "outcome",
                      "received_at", "done_at")  # fmt: skip
    body = (f'{{"type": "Create", "object": {{"content": "{WORDS}"}}, "to": []}}' * 3).encode()
    first_thread, first = _next(work, Thread), _next(work, Comment)
    talks: list[Talk] = []
    for count in range(scale.comments):
        moment = work.now - YEAR + YEAR * (count / scale.comments) * 0.999
        while len(talks) < scale.threads and len(talks) * scale.comments <= count * scale.threads:
            number = len(talks)
            group_id = groups[number % len(groups)]
            talks.append(Talk(first_thread + number, mint(moment), group_id, moment, moment, []))
            _open(work, rows, contexts, talks[-1])
        fresh = not talks[-1].places
        talk = talks[-1] if fresh else talks[max(0, len(talks) - 1 - int(dice.expovariate(1 / 50)))]
        comment_id, number = first + count, talk.number
        parent_id, path, depth = None, "", 0
        if talk.places:
            parent_id, path, depth = talk.places[0] if dice.random() < 0.3 else dice.choice(talk.places)
            path, depth = path + threads.segment(number), depth + 1
        if depth < 50:
            talk.places = [*talk.places[:1], *talk.places[1:][-4:], (comment_id, path, depth)]
        talk.number, talk.latest = number + 1, moment
        here = not fresh and dice.random() < 0.2
        author_id = dice.choice(who.here) if here or fresh else who.of(count)
        host = who.hosts[count % len(who.elsewhere) % len(who.hosts)]
        uid, when = mint(moment), at(work, moment)
        uri = f"{work.origin}/comment/{uid}" if here or fresh else f"https://{host}/notes/{count}"
        likes = dice.choice((0, 0, 1, 1, 1))
        comments.add(comment_id, uid, uri, talk.id, parent_id, author_id, number, path, depth, WORDS, WORDS, WORDS,
                     None if here or fresh else uri, when, when, likes)  # fmt: skip
        if likes:
            liking = who.of(count + 1)
            reactions.add(comment_id, liking, "like", f"https://{host}/likes/{count}", when)
        if count % 20 == 0:
            tags.add(f"tag{count % 977}", comment_id)
        activities.add(f"{work.origin}/a/{uid}", talk.group_id, "Announce", uri, True, body, 500, 500, when)
        if not here and not fresh:
            signer = f"https://{host}/users/u{count % len(who.elsewhere)}"
            letters.add(signer, sha256(uri.encode()).hexdigest(), f"{signer}#main-key", host, "done", 1, when,
                        "comment posted", when, when)  # fmt: skip
    for pouring in (contexts, comments, reactions, tags, activities, letters):
        pouring.end()
    _count(work, talks)
    counts = {"comments": comments.count, "threads": len(talks), "reactions": reactions.count,
              "activities": activities.count, "letters": letters.count}  # fmt: skip
    return counts | {"readings": _readings(work, talks, who, reader, dice)}


def _open(work: Work, rows: Pouring, contexts: Pouring, talk: Talk) -> None:
    context, began = f"{work.origin}/contexts/{talk.uid}", at(work, talk.began)
    rows.add(talk.id, talk.uid, talk.group_id, f"What we think of number {talk.id}", f"what-we-think-{talk.id}",
             context, began, began)  # fmt: skip
    contexts.add(context, talk.id)


def _count(work: Work, talks: list[Talk]) -> None:
    """What threads hold, now that it is known."""
    rows = [{"thread": talk.id, "latest": talk.latest, "next": talk.number, "count": talk.number - 1} for talk in talks]
    table = cast(Table, Thread.__table__)
    work.connection().execute(
        update(table)
        .where(table.c.id == bindparam("thread"))
        .values(
            last_activity_at=bindparam("latest"), next_number=bindparam("next"), comments_count=bindparam("count"),
            version=bindparam("next"),
        ),
        rows,
    )  # fmt: skip


def _readings(work: Work, talks: list[Talk], who: Who, reader: int, dice: random.Random) -> int:
    """Most of what stands in a member's groups they have read."""
    rows = Pouring(work, Reading, "actor_id", "thread_id", "ranges", "first_at", "latest_at")
    of_groups: dict[int, list[Talk]] = {}
    for talk in talks:
        of_groups.setdefault(talk.group_id, []).append(talk)
    own = [talk for group_id in sorted(of_groups)[:OWN_GROUPS] for talk in of_groups[group_id]]
    for back, talk in enumerate(sorted(own, key=lambda talk: talk.latest, reverse=True)):
        # In both nodes the last two of the same number of threads are new to them.
        seen = max(0, talk.number - 3) if back < UNREAD else talk.number - 1
        rows.add(reader, talk.id, f"0-{seen}", at(work, talk.began), at(work, talk.latest))
    for actor_id in who.here:
        for group_id in dice.sample(sorted(of_groups), min(len(of_groups), 10)):
            for talk in of_groups[group_id]:
                seen = talk.number - 1 if dice.random() < 0.7 else talk.number // 2
                rows.add(actor_id, talk.id, f"0-{seen}", at(work, talk.began), at(work, talk.latest))
    return rows.end()


def _wire(work: Work, scale: Scale, groups: list[int], dice: random.Random) -> dict[str, int]:
    """What was counted of hosts, what waits for those that fail, and what was given up."""
    hours = Pouring(work, HostHour, "host", "hour", "delivered", "failed", "took_ms", "slowest_ms", "received")
    hour = work.now.replace(minute=0, second=0, microsecond=0)
    whole = min(90 * 24, scale.hours * 10)
    for number in range(scale.hosts):
        for back in sorted(dice.sample(range(whole), min(whole, scale.hours))):
            hours.add(f"far{number}.example", at(work, hour - timedelta(hours=back)), 20, 1, 2000, 400, 5)
    activities = list(work.execute(select(Activity.id, Activity.about).order_by(Activity.id.desc()).limit(2000)))
    waiting = Pouring(work, Delivery, "activity_id", "signer_id", "host", "inbox", "about", "dialect", "created_at")
    lost = Pouring(work, GivenUp, "activity_id", "signer_id", "host", "inbox", "dialect", "fate", "why", "attempts",
                   "owed_at", "at")  # fmt: skip
    now = at(work, work.now)
    for number in range(scale.backlog):
        activity_id, about = activities[number // FAILING % len(activities)]
        host = f"far{number % FAILING}.example"
        waiting.add(activity_id, groups[0], host, f"https://{host}/inbox", about, "microblog", now)
        host = f"far{number % scale.hosts}.example"
        lost.add(activity_id, groups[0], host, f"https://{host}/inbox", "microblog", "refused", "404", 1, now, now)
    return {"hours of hosts": hours.end(), "deliveries waiting": waiting.end(), "given up": lost.end()}


def _set_sequences(work: Work) -> None:
    """PostgreSQL counts on behind the ids that were given here, and knows what it holds."""
    if work.dialect == "postgresql":
        for table in ("actors", "threads", "comments"):
            work.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))


def sizes(work: Work) -> list[tuple[str, float]]:
    """Tables with their indexes, in MB, the largest first."""
    if work.dialect == "postgresql":
        query = "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
        query += "'public'::regnamespace"
    else:
        query = "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat s LEFT JOIN sqlite_master m "
        query += "ON m.name = s.name WHERE s.aggregate = 1 GROUP BY 1"
    rows: Iterable[Any] = work.execute(text(query))
    return sorted(((str(name), int(size) / 1e6) for name, size in rows), key=lambda row: -row[1])


def in_words(counts: dict[str, int]) -> str:
    """How much of what."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
