"""The ledger of a run with faults: what was acknowledged to whom, held against what the node has and what peers got.

    ledger = Ledger()
    entry = ledger.letter(inbox, actor, activity)      # before it is sent
    ledger.acknowledge(entry)                          # once it was answered 202
    …faults…
    balance = await ledger.holds(installation, [peer]) # REL-45: the conservation law

What was acknowledged is visible, held with a reason, or among the dead letters; what was sent without an answer may be
there once or not at all; nothing else is there. What is owed arrived, waits, or was given up with a reason, and a
repeat has the same activity id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from sqlalchemy import func, select, text

from node.settings import Settings
from storage.schema import Activity, Actor, Comment, Delivery, GivenUp, Letter, Thread
from storage.work import Storage, Work
from tests.equipment.processes import Installation
from tests.peers.scripted import Document, ScriptedActor, ScriptedServer

SPREAD = {"Create", "Announce"}  # what brings a comment to a follower of its group
TOKEN = re.compile(r"word-[0-9a-f]{16}")  # in the words of each form, by which its comment is known again


@dataclass
class Entry:
    """One thing that was sent to the node: a letter, or a form."""

    kind: str  # letter, form
    mark: str  # of a letter the URI of what it brings; of a form the token in its words
    activity_id: str = ""
    signer: str = ""
    digest: str = ""
    acknowledged: bool = False
    answers: list[str] = field(default_factory=list)  # one for each try: a status, or what went wrong


@dataclass
class Balance:
    """What a look at node and peers found, for assertions and for the table."""

    letters: int = 0  # acknowledged
    forms: int = 0
    unanswered: int = 0  # sent, and never acknowledged
    visible: int = 0  # of what was acknowledged
    held: int = 0
    dead: int = 0
    owed: int = 0  # comment and inbox
    arrived: int = 0
    waiting: int = 0
    given_up: int = 0
    repeats: int = 0  # the same activity again at the same inbox
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        taken = f"{self.letters} letters and {self.forms} forms: {self.visible} visible, {self.held} held"
        sent = f"{self.owed} owed: {self.arrived} arrived, {self.waiting} wait, {self.given_up} given up"
        return f"{taken}, {self.dead} dead; {sent}, {self.repeats} repeats"


@dataclass(frozen=True)
class _Row:
    """A comment, as the ledger asks for it."""

    uri: str
    local: bool
    state: str
    reason: str | None
    source: str


@dataclass
class _Found:
    """All that is asked of the database, at one moment."""

    comments: list[_Row]
    letters: dict[tuple[str, str], tuple[str, str]]  # signer and digest -> state and outcome
    said: set[str]  # ids of our activities
    waiting: set[tuple[str, str]]  # about and inbox
    given_up: set[tuple[str, str]]
    miscounted: list[str]
    broken: list[str]


class Ledger:
    """What was sent, what was acknowledged, and who is owed what is said in the group."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.followers: dict[str, str] = {}  # inbox -> host, of those who are owed every comment
        self.unexpected: list[str] = []  # answers that no fault excuses
        self._before: set[str] = set()

    # -------------------------------------------------------------- writing

    async def begin(self, installation: Installation) -> None:
        """Remembers what is there already; call it once the node is furnished."""
        async with _asked(installation.settings) as storage:
            self._before = {row.uri for row in (await storage.read(_find)).comments}

    def forget(self) -> None:
        """The node begins anew: nothing was there, and nobody is owed anything."""
        self._before, self.followers = set(), {}

    def follows(self, follower: ScriptedActor) -> None:
        """Whoever follows the group, and has our Accept, is owed every comment from here on."""
        self.followers[follower.shared_inbox] = follower.host

    def letter(self, actor: ScriptedActor, activity: Document) -> Entry:
        """A letter that is about to be sent, again and again until it is taken."""
        about = activity["object"]
        body = json.dumps(activity).encode()
        mark = about["id"] if isinstance(about, dict) else str(about)
        entry = Entry("letter", mark, activity["id"], actor.uri, hashlib.sha256(body).hexdigest())
        self.entries.append(entry)
        return entry

    def form(self, token: str) -> Entry:
        """A form that is about to be sent; its words hold the token (`load.new_token`)."""
        assert TOKEN.fullmatch(token)
        entry = Entry("form", token)
        self.entries.append(entry)
        return entry

    def acknowledge(self, entry: Entry) -> None:
        """It was answered 202, or 2xx or 303: it must never be lost from now on."""
        entry.acknowledged = True

    def complain(self, words: str) -> None:
        """An answer was wrong whatever the fault: a 4xx, a traceback."""
        self.unexpected.append(words)

    @property
    def acknowledged(self) -> int:
        return sum(entry.acknowledged for entry in self.entries)

    # -------------------------------------------------------------- asking

    async def holds(
        self,
        installation: Installation,
        peers: Sequence[ScriptedServer],
        *,
        settled: bool = False,
        pages: bool = False,
    ) -> Balance:
        """Asserts the conservation law; `settled`: nothing may wait any more; `pages`: also as strangers see it."""
        balance = await self.balance(installation, peers, settled=settled, pages=pages)
        assert not balance.wrong, "\n".join([str(balance), *balance.wrong[:40]])
        return balance

    async def balance(
        self,
        installation: Installation,
        peers: Sequence[ScriptedServer],
        *,
        settled: bool = False,
        pages: bool = False,
    ) -> Balance:
        """`holds` without the assertion: `wrong` says what does not hold."""
        async with _asked(installation.settings) as storage:
            found = await storage.read(_find)
        balance = Balance(unanswered=sum(not entry.acknowledged for entry in self.entries))
        balance.wrong += self.unexpected + found.broken + found.miscounted
        self._judge_letters(found, balance, settled=settled)
        self._judge_forms(found, balance)
        self._judge_what_is_there(found, balance)
        self._judge_peers(found, peers, balance, settled=settled)
        if pages:
            await self._look_at_pages(installation, found, balance)
        return balance

    # -------------------------------------------------------------- judging

    def _judge_letters(self, found: _Found, balance: Balance, *, settled: bool) -> None:
        states = {row.uri: row for row in found.comments}
        for entry in self.entries:
            if entry.kind != "letter" or not entry.acknowledged:
                continue
            balance.letters += 1
            state, outcome = found.letters.get((entry.signer, entry.digest), ("", ""))
            row = states.get(entry.mark)
            if state == "parked":
                balance.dead += 1
            elif state == "waiting":
                balance.held += 1
                if settled:
                    balance.wrong.append(f"still waits: {entry.activity_id} ({outcome})")
            elif state != "done":
                balance.wrong.append(f"answered 202 and lost: {entry.activity_id} {entry.answers}")
            elif row is None and outcome.startswith("Create: "):
                balance.wrong.append(f"read, and not there: {entry.mark} ({outcome})")
            elif row is None or row.state == "visible":
                balance.visible += 1  # what is no Create is judged by its outcome
            elif row.reason or row.state in ("removed", "deleted"):
                balance.held += 1
            else:
                balance.wrong.append(f"neither visible nor held with a reason: {entry.mark} is {row.state}")

    def _judge_forms(self, found: _Found, balance: Balance) -> None:
        rows = _by_token(found)
        for entry in self.entries:
            if entry.kind != "form":
                continue
            there = rows.get(entry.mark, [])
            if len(there) > 1:
                balance.wrong.append(f"one form, {len(there)} comments: {entry.mark} {entry.answers}")
            if not entry.acknowledged:
                continue
            balance.forms += 1
            if not there:
                balance.wrong.append(f"answered 303 and lost: {entry.mark} {entry.answers}")
            elif there[0].state == "visible":
                balance.visible += 1
            else:
                balance.held += 1

    def _judge_what_is_there(self, found: _Found, balance: Balance) -> None:
        """Nothing is there that nobody sent, and nothing twice."""
        sent = {entry.mark for entry in self.entries}
        for row in found.comments:
            if row.uri in self._before or row.uri in sent or row.state == "missing":
                continue
            token = TOKEN.search(row.source)
            if token is None or token.group() not in sent:
                balance.wrong.append(f"invented: {row.uri} {row.source[:60]!r}")
        for uri, times in Counter(row.uri for row in found.comments).items():
            if times > 1:
                balance.wrong.append(f"there {times} times: {uri}")

    def _judge_peers(self, found: _Found, peers: Sequence[ScriptedServer], balance: Balance, *, settled: bool) -> None:
        got: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)  # inbox and object -> ids of activities
        known = found.said | {entry.activity_id for entry in self.entries}
        for peer in peers:
            for letter in peer.letters:
                if not 200 <= (letter.status or 202) < 300:
                    continue  # it was not taken, and is owed still
                activity = letter.json()
                if activity["id"] not in known:
                    balance.wrong.append(f"told and not written down: {activity['id']} to {letter.url}")
                if activity["type"] in SPREAD:
                    got[letter.url, _about(activity)][activity["id"]] += 1
        for row in found.comments:
            if row.uri in self._before or row.state == "missing":
                continue
            author_host = "" if row.local else row.uri.split("/")[2]
            for inbox, host in self.followers.items():
                if host == author_host:
                    continue
                balance.owed += 1
                place, ids = (inbox, row.uri), got.get((inbox, row.uri), Counter())
                balance.repeats += sum(ids.values()) - len(ids)
                if len(ids) > 1:
                    balance.wrong.append(f"told under {len(ids)} ids: {row.uri} to {inbox}: {sorted(ids)}")
                if ids:
                    balance.arrived += 1
                elif (row.uri, inbox) in found.waiting:
                    balance.waiting += 1
                    if settled:
                        balance.wrong.append(f"still owed: {row.uri} to {inbox}")
                elif (row.uri, inbox) in found.given_up:
                    balance.given_up += 1
                elif row.state == "visible":
                    balance.wrong.append(f"owed and forgotten: {place[1]} to {place[0]}")

    async def _look_at_pages(self, installation: Installation, found: _Found, balance: Balance) -> None:
        """What is visible by the database is visible to a stranger: the words as text, the rest as a document."""
        accept = {"Accept": "application/activity+json"}
        mine = {entry.mark for entry in self.entries if entry.acknowledged}
        async with aiohttp.ClientSession(headers=accept) as session:
            for row in found.comments:
                token = TOKEN.search(row.source)
                if row.state != "visible" or not row.local or token is None or token.group() not in mine:
                    continue
                async with session.get(row.uri) as response:
                    words = await response.text()
                    if response.status != 200 or token.group() not in words:
                        balance.wrong.append(f"a stranger does not see {row.uri}: {response.status}")
        seen = await _threads_as_text(installation)
        for entry in self.entries:
            if entry.kind == "form" and entry.acknowledged and seen.count(entry.mark) != 1:
                balance.wrong.append(f"its thread shows {entry.mark} {seen.count(entry.mark)} times")


# ------------------------------------------------------------------ asking the node


@asynccontextmanager
async def _asked(settings: Settings) -> AsyncIterator[Storage]:
    """The node's database, to be read alone: nothing of the node is opened, and no failpoint is armed."""
    storage = Storage(settings.database, origin=settings.origin)
    try:
        yield storage
    finally:
        storage.close()


def _find(work: Work) -> _Found:
    authors = {actor_id: local for actor_id, local in work.execute(select(Actor.id, Actor.local))}
    comments = [
        _Row(uri, authors.get(author_id or 0, False), state, reason, source or html)
        for uri, author_id, state, reason, source, html in work.execute(
            select(Comment.uri, Comment.author_id, Comment.state, Comment.reason, Comment.source, Comment.html)
        )
    ]
    letters = {
        (signer, digest): (state, outcome or "")
        for signer, digest, state, outcome in work.execute(
            select(Letter.signer, Letter.digest, Letter.state, Letter.outcome)
        )
    }
    said = set(work.scalars(select(Activity.uri)))
    waiting = {(about, inbox) for about, inbox in work.execute(select(Delivery.about, Delivery.inbox))}
    given_up = {
        (about, inbox)
        for about, inbox in work.execute(
            select(Activity.about, GivenUp.inbox).join(Activity, Activity.id == GivenUp.activity_id)
        )
    }
    return _Found(comments, letters, said, waiting, given_up, _miscounted(work), _broken(work))


def judge_database(work: Work) -> list[str]:
    """What does not hold in a database, whoever wrote what."""
    return _miscounted(work) + _broken(work)


def _miscounted(work: Work) -> list[str]:
    """REL-08: what is counted equals what there is."""
    wrong = []
    highest = select(Comment.thread_id, func.max(Comment.number).label("number")).group_by(Comment.thread_id).subquery()
    for thread_id, following, number in work.execute(
        select(Thread.id, Thread.next_number, highest.c.number).join(highest, highest.c.thread_id == Thread.id)
    ):
        if following != number + 1:
            wrong.append(f"thread {thread_id} goes on with number {following} after {number}")
    waits = dict(
        tuple(row) for row in work.execute(select(Delivery.activity_id, func.count()).group_by(Delivery.activity_id))
    )
    for activity_id, owed, delivered, given_up in work.execute(
        select(Activity.id, Activity.owed, Activity.delivered, Activity.given_up).where(Activity.owed > 0)
    ):
        if owed != delivered + given_up + waits.get(activity_id, 0):
            still = waits.get(activity_id, 0)
            wrong.append(f"activity {activity_id}: {owed} owed, {delivered} done, {given_up} given up, {still} wait")
    return wrong


def _broken(work: Work) -> list[str]:
    """What SQLite finds wrong with the file, or with what refers to what."""
    if work.dialect != "sqlite":
        return []
    said = [str(row[0]) for row in work.execute(text("PRAGMA integrity_check"))]
    strays = [f"refers to nothing: {tuple(row)}" for row in work.execute(text("PRAGMA foreign_key_check"))]
    return [words for words in said if words != "ok"] + strays


async def _threads_as_text(installation: Installation) -> str:
    """Every thread, as anybody may take it along."""
    async with _asked(installation.settings) as storage:
        uids = await storage.read(lambda work: list(work.scalars(select(Thread.uid))))
    texts = []
    async with aiohttp.ClientSession() as session:
        for uid in uids:
            async with session.get(f"{installation.origin}/threads/{uid}/markdown") as response:
                texts.append(await response.text() if response.status == 200 else "")
    return "\n".join(texts)


def _by_token(found: _Found) -> dict[str, list[_Row]]:
    rows: dict[str, list[_Row]] = defaultdict(list)
    for row in found.comments:
        for token in set(TOKEN.findall(row.source)):
            if row.local:
                rows[token].append(row)
    return rows


def _about(activity: dict[str, Any]) -> str:
    about: Any = activity["object"]
    while isinstance(about, dict):
        about = about["object"] if about.get("type") in SPREAD else about["id"]
    return str(about)
