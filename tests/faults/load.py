"""Load: members who write through real forms, and people elsewhere who send signed letters, with all of it in a ledger.

Whoever is not answered, or is asked to come again, sends the same again: the same letter, the same form with its nonce.
"""

from __future__ import annotations

import asyncio
import random
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape

import aiohttp

from node.forum import groups, people, threads
from node.forum import members as forum_members
from storage import sessions
from storage.schema import Account
from storage.tokens import hashed
from storage.work import Work
from tests.equipment.processes import Installation
from tests.faults.ledger import Entry, Ledger
from tests.peers.scripted import Document, ScriptedActor, ScriptedServer

TRIES = 400
LATER = {401, 429, 503}  # 401: the sender's key could not be fetched just now
PAUSE = 0.05  # seconds until somebody tries again
LOST = (aiohttp.ClientError, OSError, EOFError, ValueError, asyncio.IncompleteReadError, TimeoutError)


@dataclass(frozen=True)
class Scene:
    """What a furnished node has: a group, a thread, and browsers in which members are signed in."""

    group: str
    opening: str  # URI
    uid: str  # of the opening
    sessions: dict[str, str]  # member -> the cookie of their session


def furnish(work: Work, names: Sequence[str] = ("ana", "ben")) -> Scene:
    """The first member's group with a thread, and everybody in it, each with an account and a session."""
    members = [people.create_person(work, name, display_name=name.title()) for name in names]
    group, actor = groups.create_group(work, "garden", creator=members[0])
    for member in members[1:]:
        forum_members.join(work, member, group)
    opening = threads.start_thread(work, members[0], group, "Tools", threads.compose(work, "Who has a ladder?"))
    cookies = {}
    for name, member in zip(names, members, strict=True):
        work.add(Account(actor_id=member.id, email=f"{name}@coop.example", created_at=work.now))
        work.flush()
        cookies[name] = secrets.token_urlsafe(32)
        sessions.open_session(work, member.id, hashed(cookies[name]))
    return Scene(actor.uri, opening.uri, opening.uid, cookies)


def new_token() -> str:
    """A word by which the comment of a form is known again."""
    return f"word-{secrets.token_hex(8)}"


@dataclass(frozen=True)
class Answered:
    """What a form got for an answer."""

    status: int
    headers: Mapping[str, str]
    words: str


@dataclass
class Member:
    """A signed-in member's browser: it reads the page with the form once, and then writes."""

    installation: Installation
    scene: Scene
    ledger: Ledger
    name: str
    answered: Answered = field(default=Answered(0, {}, ""), init=False)  # the latest
    _browser: aiohttp.ClientSession = field(init=False)
    _csrf: str = ""

    async def __aenter__(self) -> Member:
        jar = aiohttp.CookieJar(unsafe=True)  # loopback has no name
        jar.update_cookies({"session": self.scene.sessions[self.name]}, aiohttp.client.URL(self.installation.origin))
        headers = {"Accept": "text/html", "Origin": self.installation.origin, "Sec-Fetch-Site": "same-origin"}
        timeout = aiohttp.ClientTimeout(total=30)
        self._browser = aiohttp.ClientSession(cookie_jar=jar, headers=headers, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._browser.close()

    async def write(self, uid: str | None = None, *, tries: int = TRIES, pause: float = PAUSE) -> bool:
        """Answers an item (else the opening), again until the form is taken; says whether it was."""
        token = new_token()
        fields = {"source": f"Something to say: {token}", "nonce": secrets.token_urlsafe(18), "do": "post"}
        path = f"/items/{uid or self.scene.uid}/reply"
        return await self.post(path, fields, tries=tries, pause=pause, entry=self.ledger.form(token))

    async def post(
        self, path: str, fields: dict[str, str], *, tries: int = TRIES, pause: float = PAUSE, entry: Entry | None = None
    ) -> bool:
        """Sends a form until it is taken; says whether it was, which the ledger keeps if it has an entry for it."""
        answers = entry.answers if entry is not None else []
        for _ in range(tries):
            try:
                given = fields | {"csrf": await self._token()}
                where = f"{self.installation.origin}{path}"
                async with self._browser.post(where, data=given, allow_redirects=False) as response:
                    words = await response.text()
                    status, place = response.status, response.headers.get("Location", "")
                    self.answered = Answered(status, response.headers, words)
            except LOST as error:
                answers.append(type(error).__name__)
                await asyncio.sleep(pause)
                continue
            answers.append(str(status))
            if 200 <= status < 400 and not place.startswith("/sign-in"):
                if entry is not None:
                    self.ledger.acknowledge(entry)
                return True
            if "Traceback" in words or (status < 500 and status not in LATER):
                self.ledger.complain(f"the form of {path} was answered {status} {place}")
                return False
            await asyncio.sleep(pause)
        return False

    async def _token(self) -> str:
        """The form's token, from the page where the form stands; it stays the same for this browser."""
        if not self._csrf:
            async with self._browser.get(f"{self.installation.origin}/items/{self.scene.uid}/composer") as response:
                found = re.search(r'name="csrf" value="([^"]+)"', await response.text())
                if response.status != 200 or found is None:
                    raise ConnectionError(f"no form: {response.status}")
                self._csrf = unescape(found.group(1))
        return self._csrf


async def send(
    installation: Installation, ledger: Ledger, actor: ScriptedActor, parent: str, *,
    tries: int = TRIES, pause: float = PAUSE,
) -> bool:  # fmt: skip
    """A signed answer from elsewhere, sent again as peers do until it is taken; says whether it was."""
    note = actor.publish(actor.note("<p>From elsewhere</p>", inReplyTo=parent))
    return await send_activity(installation, ledger, actor, actor.create(note), tries=tries, pause=pause)


async def send_activity(
    installation: Installation, ledger: Ledger, actor: ScriptedActor, activity: Document, *,
    tries: int = TRIES, pause: float = PAUSE, entry: Entry | None = None,
) -> bool:  # fmt: skip
    """Any activity, sent as `send` does."""
    entry = entry or ledger.letter(actor, activity)
    for _ in range(tries):
        try:
            reply = await actor.post(f"{installation.origin}/inbox", activity)
        except LOST as error:
            entry.answers.append(type(error).__name__)
            await asyncio.sleep(pause)
            continue
        entry.answers.append(str(reply.status))
        if reply.status == 202:
            ledger.acknowledge(entry)
            return True
        if b"Traceback" in reply.body or (reply.status < 500 and reply.status not in LATER):
            ledger.complain(f"a letter was answered {reply.status}: {reply.body[:200]!r}")
            return False
        await asyncio.sleep(pause)
    return False


async def follow(installation: Installation, ledger: Ledger, follower: ScriptedActor, group: str) -> None:
    """Somebody elsewhere follows the group, and hears that they do; needs a node that serves, with its worker."""
    assert await send_activity(installation, ledger, follower, follower.follow(group))
    await follower.server.arrival(lambda request: request.url == follower.inbox and b"Accept" in request.body)
    ledger.follows(follower)


# ------------------------------------------------------------------ a load


@dataclass
class Load:
    """Members and people elsewhere who write on and on, each one thing at a time."""

    installation: Installation
    scene: Scene
    ledger: Ledger
    actors: Sequence[ScriptedActor]
    pause: float = 0.05  # seconds between two things that somebody writes
    chance: random.Random = field(default_factory=lambda: random.Random(2026))
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everybody writes meanwhile; at the end each finishes what they began, which needs a node that answers."""
        self._stop.clear()
        async with asyncio.TaskGroup() as writing:
            for name in self.scene.sessions:
                writing.create_task(self._write(name))
            for actor in self.actors:
                writing.create_task(self._send(actor))
            try:
                yield
            finally:
                self._stop.set()

    async def _write(self, name: str) -> None:
        async with Member(self.installation, self.scene, self.ledger, name) as member:
            while not self._stop.is_set():
                await member.write()
                await self._rest()

    async def _send(self, actor: ScriptedActor) -> None:
        while not self._stop.is_set():
            await send(self.installation, self.ledger, actor, self.scene.opening)
            await self._rest()

    async def _rest(self) -> None:
        await asyncio.sleep(self.pause * self.chance.random() * 2)


@asynccontextmanager
async def peers(count: int = 2) -> AsyncIterator[list[ScriptedServer]]:
    """Foreign servers on plain http, each at a loopback port of its own, at the real time."""
    servers = [ScriptedServer(scheme="http") for _ in range(count)]
    for server in servers:
        await server.__aenter__()
    try:
        yield servers
    finally:
        for server in servers:
            await server.__aexit__()


def resident(server: ScriptedServer, name: str) -> ScriptedActor:
    """Somebody of that name who lives there."""
    return server.actor(f"{name}@127.0.0.1:{server.port}")
