"""Plays entries on a stage, one after another, and says of each what went wrong."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from tests.attack.acts import ACTS, key_for, set_up
from tests.attack.corpus import Entry, Unplayable
from tests.attack.judging import Page, State, breaches, differences, visible
from tests.attack.scene import Play, Stage

# What our own part of a play may cost at most: certificates, signatures and TLS of both sides run in this process.
OWN_COST_MS = 600
# A busy machine of today, and a process with a thousand tests behind it, against the quiet one that the limits were
# thought of on; what the attacks are after costs ten and a hundred times as much.
SLOWNESS = 4
TOGETHER = 20
# Effects that say nothing but what is asserted of every play.
SIMPLE = (
    "never 500",
    "documented",
    "keyword",
    "plain-JSON",
    "page layout",
    "stored with",
    "stored literally",
    "handled as",
)
KNOWN = ("victim.test", "honest.test")


@dataclass(frozen=True)
class Outcome:
    """How an entry went."""

    entry: Entry
    wrong: tuple[str, ...]
    statuses: tuple[int, ...] = ()

    @property
    def as_expected(self) -> bool:
        return not self.wrong


async def play_all(stage: Stage, entries: Iterable[Entry]) -> AsyncIterator[Outcome]:
    """Each entry in turn, with an honest letter after it; simple ones together, and alone where that went wrong."""
    for batch in _batches(entries):
        plays = await _play_together(stage, batch) if len(batch) > 1 else []
        if plays and not any(play.wrong for play in plays):
            for play in plays:
                yield Outcome(play.entry, (), tuple(play.statuses))
            continue
        for entry in batch:
            try:
                play = await play_one(stage, entry)
                if 503 in play.statuses and play.wrong:
                    play = await play_one(stage, entry)  # a busy machine took longer than a sender may wait
            except Unplayable as reason:
                yield Outcome(entry, (f"cannot be played: {reason}",))
                continue
            except Exception as error:  # one broken play must not keep the others from being played
                trace = "".join(traceback.format_exception(error)[-3:])
                yield Outcome(entry, (f"the play broke: {trace}",))
                continue
            yield Outcome(entry, tuple(play.wrong), tuple(play.statuses))


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Neighbours of one kind together, all others alone."""
    for kind, several in groupby(entries, _kind):
        waiting = list(several)
        size = TOGETHER if kind else 1
        for start in range(0, len(waiting), size):
            yield waiting[start : start + size]


def _kind(entry: Entry) -> tuple[object, ...] | None:
    """What entries must share to be played together; None: alone."""
    simple = entry.effect == "none" or entry.effect.startswith(SIMPLE)
    simple = simple and entry.target in ("inbox", "signature") and not {"setup", "repeat"} & entry.payload.keys()
    if not simple or entry.says("/n/by-carol") or {"max_fetches", "max_cpu_ms"} & entry.expect.keys():
        return None
    if entry.target == "signature" and 202 in entry.expect.get("status_in", ()):
        return None
    return entry.target, entry.effect == "none", entry.says("{{victim}}"), "max_context_fetches" in entry.expect


async def _play_together(stage: Stage, entries: list[Entry]) -> list[Play]:
    """The plays of a batch on one host, judged as a whole; a fault of the whole is laid to the first."""
    lead = await stage.begin(entries[0])
    await stage.introduce(lead)
    plays = [lead]
    for number, entry in enumerate(entries[1:]):
        uniq = f"{lead.uniq}-{number}"
        values = {**lead.fill.values, "uniq": uniq, "mallory_pem": stage.pem_for(entry, lead.mallory)}
        fill = replace(lead.fill, values=values)
        plays.append(replace(lead, entry=entry, fill=fill, uniq=uniq, statuses=[], bodies=[], wrong=[]))
    before = await stage.moot.storage.read(visible, lead.evil)
    asked, requests = len(stage.net.asked), len(stage.world.requests)
    strayed, faults = len(stage.dials.strayed), len(stage.faults.found)
    try:
        for play in plays:
            await ACTS[play.entry.target](stage, play)
    except Unplayable:
        lead.wrong.append("one of them cannot be played")
    await stage.moot.settle()
    after = await stage.moot.storage.read(visible, lead.evil)
    for play in plays:
        _judge_answers(play)
        _judge_effect(stage, play, before, after)
    _judge_reach(stage, lead, stage.net.asked[asked:], stage.dials.strayed[strayed:], requests)
    await _look_at_the_thread(stage, lead)
    await _probe(stage, lead)
    lead.wrong += [f"logged as a fault: {fault[-900:]}" for fault in stage.faults.found[faults:]]
    return plays


async def play_one(stage: Stage, entry: Entry) -> Play:
    """Plays one entry and judges it."""
    if entry.target not in ACTS:
        raise Unplayable(f"there is no target called {entry.target}")
    play = await stage.begin(entry)
    if entry.target != "actor" and not (entry.target == "webfinger" and "query" in entry.payload):
        await stage.introduce(play)
    await set_up(stage, play)
    await key_for(play)
    before = await stage.moot.storage.read(visible, play.evil)
    asked, requests = len(stage.net.asked), len(stage.world.requests)
    strayed, faults = len(stage.dials.strayed), len(stage.faults.found)
    began = time.process_time()
    await ACTS[entry.target](stage, play)
    await stage.moot.settle()
    play.cpu_ms = play.cpu_ms or (time.process_time() - began) * 1000
    after = await stage.moot.storage.read(visible, play.evil)
    fetched = [request for request in stage.world.requests[requests:] if request.method == "GET"]
    if entry.target == "actor":
        own = (play.fill(entry.payload["url"]), play.mallory.uri)
        fetched = [fetch for fetch in fetched if fetch.url not in own and "nodeinfo" not in fetch.url]
    play.fetches = play.fetches if entry.target == "object" else len(fetched)
    _judge_answers(play)
    _judge_effect(stage, play, before, after)
    _judge_reach(stage, play, stage.net.asked[asked:], stage.dials.strayed[strayed:], requests)
    if "max_cpu_ms" in entry.expect and play.cpu_ms > SLOWNESS * entry.expect["max_cpu_ms"] + OWN_COST_MS:
        play.wrong.append(f"cost {play.cpu_ms:.0f} ms of processor time")
    await _look_at_the_thread(stage, play)
    await _probe(stage, play)
    play.wrong += [f"logged as a fault: {fault[-900:]}" for fault in stage.faults.found[faults:]]
    await stage.clean_up()
    return play


def _judge_answers(play: Play) -> None:
    expected = play.entry.expect.get("status_in")
    for status in play.statuses:
        if expected is not None and status not in expected:
            play.wrong.append(f"answered {status}, not one of {expected}")
        elif expected is None and status >= 500 and status != 503:
            play.wrong.append(f"answered {status}")
    for body in play.bodies:
        if b"Traceback" in body or b'File "' in body:
            play.wrong.append("a traceback in the answer")


def _judge_effect(stage: Stage, play: Play, before: State, after: State) -> None:
    effect = play.entry.effect
    changed = differences(before, after)
    if play.entry.target != "html":
        play.wrong += [f"breach: {line}" for line in breaches(before, after, play.evil, stage.moot.origin)
                       if not _own_doing(line, play)]  # fmt: skip
    said = [key for key in after.keys() - before.keys() if key.startswith(f"comment {play.origin}/")]
    if effect == "none" and not _may_be_taken(play):
        play.wrong += changed
    elif effect.startswith("stored once") and len(said) != 1:
        play.wrong.append(f"{len(said)} comments were stored, not one")
    elif effect.startswith("unchanged"):
        first = after.get(f"comment {play.origin}/n/first")
        if first is None or "original" not in str(first):
            play.wrong.append(f"the first words are now {first}")
    elif effect.startswith("one report"):
        reports = [after[key] for key in after.keys() - before.keys() if key.startswith("report ")]
        if len(reports) > 1 or any(count > 200 for count, _ in reports):
            play.wrong.append(f"reports: {reports}")
    elif effect.startswith("stays in the thread"):
        opening = after[f"comment {play.post}"]
        if not said or any(after[key][2] != opening[2] for key in said):
            play.wrong.append("it is in another thread, or nowhere")
    elif "bto/bcc" in effect:
        letters = b"".join(letter.body for letter in stage.world.letters)
        if b'"bto"' in letters or b'"bcc"' in letters:
            play.wrong.append("bto or bcc went on")
    elif "sharedInbox" in effect:
        for letter in stage.world.letters:
            if letter.url == "https://victim.test/inbox" and b"To all who listen" in letter.body:
                play.wrong.append("a stranger's inbox was written to")
    limit = play.entry.expect.get("max_fetches")
    if limit is not None and play.fetches > limit:
        play.wrong.append(f"{play.fetches} fetches, not {limit}")
    secret = [letter for letter in stage.world.letters if b"KEPT SECRET" in letter.body]
    if secret:
        play.wrong.append(f"a secret went to {secret[0].url}")


def _own_doing(line: str, play: Play) -> bool:
    """The stage's own people speak in some plays."""
    return "To all who listen" in line


def _may_be_taken(play: Play) -> bool:
    """More was done in the play than to send it; or it is an odd signature that may be taken for what it is worth."""
    odd = play.entry.target == "signature" and 202 in play.entry.expect.get("status_in", ()) and 202 in play.statuses
    return odd or play.entry.target not in ("inbox", "signature")


def _judge_reach(
    stage: Stage, play: Play, asked: list[tuple[str, int]], strayed: list[tuple[object, ...]], since: int
) -> None:
    allowed_lie = stage.net.lies.get(play.fill.renamed["rebind.test"])
    for place in strayed:
        if allowed_lie is not None and place[0] == "93.184.215.14":
            continue  # public, and the one that was checked
        play.wrong.append(f"a connection to {place}")
    if any(host == stage.moot.host for host, _ in asked):
        play.wrong.append("our own host was looked up")
    if "max_context_fetches" in play.entry.expect:
        strange = {host for host, _ in asked if host not in KNOWN and not host.endswith(play.evil)}
        if strange:
            play.wrong.append(f"looked up {', '.join(strange)}")
    if "before DNS" in play.entry.effect:
        for host, port in asked:
            if port != 443 or not (host in KNOWN or host.endswith(play.evil)):
                play.wrong.append(f"looked up {host}:{port}")
        place = re.sub(r"^[a-z+]*:?/*[^/]*", "", str(play.fill(play.entry.payload["url"])))
        for request in stage.world.requests[since:]:
            if request.host.endswith(play.evil) and len(place) > 1 and request.target.startswith(place):
                play.wrong.append(f"asked for {request.url}")


async def _look_at_the_thread(stage: Stage, play: Play) -> None:
    status, _, _ = await stage.moot.get(play.post, accept="text/html")
    if status not in (303, 200):
        play.wrong.append(f"the thread answers {status}")
        return
    page = await stage.moot.page(play.post)
    play.wrong += [f"thread: {fault}" for fault in Page(page).faults()]
    if "Traceback" in page:
        play.wrong.append("a traceback on the page")


async def _probe(stage: Stage, play: Play) -> None:
    """The next honest letter is taken, and does what it says."""
    like = stage.hana.does("Like", play.post, id=f"https://honest.test/like/{play.uniq}")
    reply = await stage.post(stage.hana, like)
    await stage.moot.settle()
    item = await stage.moot.item(play.post)
    if reply.status != 202 or item is None or item.likes_count < 1:
        play.wrong.append(f"the next honest letter: {reply.status}, {item and item.likes_count} likes")
