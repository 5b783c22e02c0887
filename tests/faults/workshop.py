"""The furnished node of acts over the wire: what members and people elsewhere do, with processes that die meanwhile.

A first run of each act with every failpoint telling shows which act reaches which; each failpoint is then armed in a
fresh copy of the furnished node, and the first act that reaches it is done, again after the restart where it must be.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from storage import queues
from storage.work import Storage
from tests.equipment.databases import fresh_sqlite
from tests.equipment.postgres import Postgres
from tests.equipment.processes import Installation
from tests.faults import load
from tests.faults.ledger import Ledger
from tests.faults.load import Member, Scene
from tests.peers.scripted import Document, ScriptedActor, ScriptedServer

REACHED = re.compile(r"failpoint (\S+): (\w+)")
QUIET = 25.0  # seconds until nothing waits any more


@dataclass
class Outcome:
    """What happened at one failpoint."""

    point: str
    engine: str
    action: str
    act: str
    happened: str = "not reached"
    ledger: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Run:
    """One copy of the furnished node, and what an act does with it."""

    installation: Installation
    scene: Scene
    ledger: Ledger
    peers: list[ScriptedServer]
    again: list[Callable[[int], Awaitable[bool]]] = field(default_factory=list)

    async def letter(self, actor: ScriptedActor, activity: Document) -> None:
        """Sends it, and once more later if it was not taken."""
        entry = self.ledger.letter(actor, activity)

        async def once_more(tries: int) -> bool:
            return await load.send_activity(
                self.installation, self.ledger, actor, activity, tries=tries, pause=0.2, entry=entry
            )

        if not await once_more(2):
            self.again.append(once_more)

    async def form(self, member: str, path: str, **fields: str) -> None:
        """A form without words of its own; taken or not, nothing may break."""

        async def once_more(tries: int) -> bool:
            async with Member(self.installation, self.scene, self.ledger, member) as browser:
                return await browser.post(path, fields, tries=tries, pause=0.2)

        if not await once_more(2):
            self.again.append(once_more)

    async def comment(self, member: str) -> None:
        """A member's answer through the form."""
        token = load.new_token()
        entry = self.ledger.form(token)
        fields = {"source": f"Something to say: {token}", "nonce": load.secrets.token_urlsafe(18), "do": "post"}

        async def once_more(tries: int) -> bool:
            async with Member(self.installation, self.scene, self.ledger, member) as browser:
                path = f"/items/{self.scene.uid}/reply"
                return await browser.post(path, fields, tries=tries, pause=0.2, entry=entry)

        if not await once_more(2):
            self.again.append(once_more)

    async def quiet(self, seconds: float = QUIET) -> bool:
        """Waits until nothing is due that can be done now."""
        storage = Storage(self.installation.settings.database, origin=self.installation.origin)
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                counts = await storage.read(queues.counts)
                if not counts.letters_waiting and not counts.deliveries_waiting:
                    return True
                if all(process.returncode is not None for process in self.installation.running):
                    return False
                await asyncio.sleep(0.1)
            return False
        finally:
            storage.close()


# ------------------------------------------------------------------ acts


async def talk(run: Run) -> None:
    """Comments here and from elsewhere, changed and taken back, with all that is sent because of them."""
    await run.installation.start("serve")
    maria, noor = (load.resident(peer, name) for peer, name in zip(run.peers, ("maria", "noor"), strict=True))
    await run.comment("ana")
    note = maria.publish(maria.note("<p>From elsewhere</p>", inReplyTo=run.scene.opening))
    await run.letter(maria, maria.create(note))
    await run.letter(noor, noor.like(run.scene.opening))
    await run.quiet()


async def change(run: Run) -> None:
    """What members do beside writing: drafts, likes, bookmarks, marks, new words, a report, a thread."""
    await run.installation.start("serve")
    uid = run.scene.uid
    forms: list[tuple[str, str, dict[str, str]]] = [
        ("ana", f"/items/{uid}/reply", {"source": "half a word", "do": "draft"}),
        ("ben", f"/items/{uid}/react", {"kind": "👍"}),
        ("ben", f"/items/{uid}/bookmark", {"kept": "1"}),
        ("ben", "/unread", {}),
        ("ben", "/keys", {"on": "1"}),
        ("ana", f"/items/{uid}/edit", {"source": "Who has two ladders?", "title": "Tools"}),
    ]
    for member, path, fields in forms:
        await run.form(member, path, **fields)
    await run.quiet()


async def sign_in(run: Run) -> None:
    """A stranger at the door: a password that is wrong, a link by mail, which the worker writes."""
    await run.installation.start("serve")
    async with load.aiohttp.ClientSession() as stranger:
        try:
            async with stranger.get(f"{run.installation.origin}/sign-in") as page:
                found = re.search(r'name="csrf" value="([^"]+)"', await page.text())
            token = found.group(1) if found else ""
            for path, fields in (
                ("/sign-in", {"login": "ana", "password": "wrong password"}),
                ("/sign-in/link", {"login": "ana@coop.example"}),
            ):
                async with stranger.post(f"{run.installation.origin}{path}", data=fields | {"csrf": token}):
                    pass
        except load.LOST:
            pass
    await asyncio.sleep(0.5)


def command(*words: str) -> Callable[[Run], Awaitable[None]]:
    """A command of the console, to its end."""

    async def act(run: Run) -> None:
        try:
            await run.installation.run(*words)
        except AssertionError:
            if not run.installation.failpoint:
                raise

    return act


async def from_nothing(run: Run) -> None:
    """A node that is started where there is nothing yet: its secret is made, and on SQLite its tables."""
    settings = run.installation.settings
    if not settings.database_url.startswith("postgresql"):
        for file in Path(settings.database_url.removeprefix("sqlite:///")).parent.glob("node.sqlite3*"):
            file.unlink()
        shutil.rmtree(settings.data)
        run.ledger.forget()
        try:
            await run.installation.run("migrate")
            await run.installation.run("worker", "--until-idle")
        except AssertionError:
            if not run.installation.failpoint:
                raise


ACTS: dict[str, Callable[[Run], Awaitable[None]]] = {
    "talk": talk,
    "change": change,
    "sign in": sign_in,
    "from nothing": from_nothing,
    "worker": command("worker", "--until-idle"),
    "person create": command("person", "create", "carla"),
    "group create": command("group", "create", "orchard", "--creator", "ana"),
    "block": command("federation", "block", "bad.example", "--reason", "spam"),
}


# ------------------------------------------------------------------ one failpoint


class Workshop:
    """The furnished node, to be copied; foreign servers at ports that stay the same."""

    def __init__(self, engine: str, folder: Path, peers: list[ScriptedServer], postgres: Postgres | None) -> None:
        self.engine, self.folder, self.peers, self._postgres = engine, folder, peers, postgres
        self._count = 0

    async def furnish(self) -> None:
        """A node with members, a thread and two followers elsewhere, at rest."""
        self.folder.mkdir()
        url = self._fresh(self.folder / "node.sqlite3")
        self._installation = Installation.make(
            self.folder / "data", url, *(f"127.0.0.1:{peer.port}" for peer in self.peers)
        )
        async with self._installation.inside() as parts:
            self._scene = await parts.node.storage.write(load.furnish)
        ledger = Ledger()
        await self._installation.start("serve")
        for peer, name in zip(self.peers, ("maria", "noor"), strict=True):
            await load.follow(self._installation, ledger, load.resident(peer, name), self._scene.group)
        run = Run(self._installation, self._scene, ledger, self.peers)
        await run.quiet()
        await self._installation.stop()
        self._followers = dict(ledger.followers)
        if self._postgres is not None:
            self._postgres.keep(url, "furnished")

    def _fresh(self, file: Path) -> str:
        if self._postgres is None:
            return fresh_sqlite(file)
        return self._postgres.database(like=self._postgres.template("tables", migrate))

    async def copy(self) -> Run:
        """A copy of it, with a ledger that knows what is there and who is owed what is said."""
        self._count += 1
        place = self.folder.with_name(f"{self.folder.name}-{self._count}")
        place.mkdir()
        shutil.copytree(self.folder / "data", place / "data")
        if self._postgres is None:
            shutil.copyfile(self.folder / "node.sqlite3", place / "node.sqlite3")
            url = f"sqlite:///{place / 'node.sqlite3'}"
        else:
            url = self._postgres.database(like="furnished")
        settings = replace(self._installation.settings, data=place / "data", database_url=url)
        for peer in self.peers:
            peer.requests.clear()
        ledger = Ledger()
        ledger.followers = dict(self._followers)
        installation = Installation(settings)
        await ledger.begin(installation)
        return Run(installation, self._scene, ledger, self.peers)

    def drop(self, run: Run) -> None:
        """Removes a copy."""
        if self._postgres is not None:
            self._postgres.drop(run.installation.settings.database_url)
        shutil.rmtree(run.installation.settings.data.parent, ignore_errors=True)

    async def reached(self) -> dict[str, str]:
        """Which act reaches which failpoint first."""
        found: dict[str, str] = {}
        for act, do in ACTS.items():
            run = await self.copy()
            run.installation.failpoint = "*:tell"
            try:
                await do(run)
                await run.installation.stop()
            finally:
                await run.installation.clean_up()
            for name, _ in REACHED.findall("".join(run.installation.said)):
                found.setdefault(name, act)
            self.drop(run)
        return found

    async def fail(self, point: str, action: str, act: str) -> Outcome:
        """Has a process die or fail at that point in the middle of the act, and looks at what is left."""
        outcome = Outcome(point, self.engine, action, act)
        began = time.monotonic()
        run = await self.copy()
        moot = run.installation
        moot.failpoint = f"{point}:{action}"
        try:
            try:
                await ACTS[act](run)
            except AssertionError as error:
                if f"failpoint {point}: " not in "".join(moot.said):
                    raise AssertionError(f"not by the failpoint: {error}") from None
            await moot.clean_up()
            said = "".join(moot.said)
            outcome.happened = "reached" if f"failpoint {point}: {action}" in said else "not reached"
            if action == "raise" and "Traceback" in said and "Fault" not in said:
                outcome.wrong.append("a fault of another kind was logged")
            moot.failpoint = ""
            await moot.start("serve")
            for once_more in run.again:
                if not await once_more(60):
                    outcome.wrong.append("sent again, and not taken")
            calm = await run.quiet()
            await moot.clean_up()
            balance = await run.ledger.balance(moot, self.peers, settled=calm)
            outcome.ledger = str(balance)
            outcome.wrong += balance.wrong
        except Exception as error:  # it is a line of the table, and the others go on
            outcome.wrong.append(f"{type(error).__name__}: {error}"[:400])
        finally:
            await moot.clean_up()
            self.drop(run)
        outcome.seconds = round(time.monotonic() - began, 1)
        return outcome


def migrate(url: str) -> None:
    storage = Storage(url, origin="https://node.test")
    storage.migrate()
    storage.close()
