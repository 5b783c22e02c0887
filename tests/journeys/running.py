"""A node as people run it: a process of its own on loopback, what it prints, and the folder its mail goes to."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Self

from node.app import Parts, opened
from node.forum import accounts, groups, members, people, threads
from node.settings import Settings
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Actor, Group, Thread
from storage.work import Work
from tests.equipment.processes import ROOT, free_port

SECONDS = 60.0  # for whatever is waited for: this machine does other things too
PASSWORD = "four words in a row"
MOVED_TO = 0x80  # of inotify(7): a mail is written beside, and then moved to its place whole
RECORD = struct.Struct("iIII")


@dataclass
class Mail:
    """A mail as its reader has it."""

    to: str
    subject: str
    text: str
    html: str

    @property
    def link(self) -> str:
        """The address that the mail leads to, which its text and its HTML agree on."""
        found = re.search(r"^(https?://\S+)$", self.text, re.MULTILINE)
        assert found is not None, self.text
        assert f'href="{found[1]}"' in self.html, "the HTML leads elsewhere than the text"
        return found[1]

    @property
    def code(self) -> str:
        """The six digits of the mail."""
        [digits] = re.findall(r"^\s*(\d{3} ?\d{3})\s*$", self.text, re.MULTILINE)
        return str(digits).replace(" ", "")


@dataclass
class Running:
    """A node that is served by its own process, and may be stopped and started again."""

    settings: Settings
    parts: Parts | None = None  # the same node opened in the test's process, to fill it quickly
    said: list[str] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _listening: asyncio.Task[None] | None = None
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)
    _read: set[str] = field(default_factory=set)  # files of mails that were read
    _password_hash: str = ""

    @property
    def origin(self) -> str:
        return self.settings.origin

    # -------------------------------------------------------------- the process

    async def start(self) -> Self:
        """`folkmoot serve`, once it says that it is ready."""
        before = len(self.said)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node", "serve", cwd=ROOT, env=self._environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        self._listening = asyncio.create_task(self._listen(self._process))
        await self.hear(r"^ready", since=before)
        return self

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends the process and waits for its end."""
        if self._process is not None and self._listening is not None:
            if self._process.returncode is None:
                self._process.send_signal(number)
            async with asyncio.timeout(SECONDS):
                await self._process.wait()
                await self._listening
            self._process = None

    async def command(self, *words: str) -> str:
        """A command of the console to its end; answers what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node", *words, cwd=ROOT, env=self._environment(),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def hear(self, pattern: str, *, since: int = 0) -> re.Match[str]:
        """The first line that the process printed, or prints, in which the pattern is found."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.said[since:] if (match := re.search(pattern, line))), None)

        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS), self._heard:
                await self._heard.wait_for(lambda: found() or self._ended)
        match = found()
        assert match is not None, f"never heard {pattern!r}:\n{''.join(self.said[since:])}"
        return match

    @property
    def _ended(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            async with self._heard:
                self.said.append(line.decode())
                self._heard.notify_all()
        await process.wait()
        async with self._heard:
            self._heard.notify_all()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")}
        settings = self.settings
        return kept | {
            "PYTHONUNBUFFERED": "1",
            "FOLKMOOT_ORIGIN": settings.origin,
            "FOLKMOOT_NAME": settings.name,
            "FOLKMOOT_DATA": str(settings.data),
            "FOLKMOOT_DATABASE_URL": settings.database_url,
            "FOLKMOOT_LISTEN": settings.listen,
            "FOLKMOOT_SIGN_UP": settings.sign_up,
            "FOLKMOOT_DEVELOPMENT": "true",
            "FOLKMOOT_DEV_PEERS": ",".join(sorted(settings.dev_peers)),
        }

    # -------------------------------------------------------------- mail

    async def mail(self, to: str, about: str = "") -> Mail:
        """The oldest mail to that address that was not read yet, whose subject holds these words; waits for it."""
        folder = self.settings.data / "mail"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with asyncio.timeout(SECONDS), _watching(folder) as changes:
            while True:
                for file in sorted(folder.glob("*.eml")):
                    if file.name not in self._read and (mail := _parse(file)).to == to and about in mail.subject:
                        self._read.add(file.name)
                        return mail
                await changes()

    # -------------------------------------------------------------- filling

    async def person(self, name: str, display_name: str = "", *, admin: bool = False) -> None:
        """Somebody with an account: their address is name@people.example, their password the one of everybody."""
        assert self.parts is not None
        if not self._password_hash:
            self._password_hash = await self.parts.node.passwords.hash(PASSWORD)

        def make(work: Work) -> None:
            actor = people.create_person(work, name, display_name=display_name or name.title())
            secret = accounts.make(work, actor, email=address(name), admin=admin)
            accounts.move_in(work, secret, password_hash=self._password_hash)

        await self.parts.node.storage.write(make)

    async def group(self, name: str, title: str, *who: str, **settings: str) -> None:
        """A group with its members, the first of whom is its admin."""
        assert self.parts is not None

        def make(work: Work) -> None:
            group, _ = groups.create_group(work, name, creator=_named(work, who[0]), title=title, **settings)
            for member in who[1:]:
                members.join(work, _named(work, member), group)

        await self.parts.node.storage.write(make)

    async def thread(self, group: str, author: str, title: str, source: str = "What do you think?") -> str:
        """A thread; answers the path of its page."""
        assert self.parts is not None

        def begin(work: Work) -> str:
            home = work.get_one(Group, _named(work, group).id)
            opening = threads.start_thread(work, _named(work, author), home, title, threads.compose(work, source))
            thread = work.get_one(Thread, opening.thread_id)
            return f"/g/{group}/{thread.uid}-{thread.slug}"

        return await self.parts.node.storage.write(begin)

    async def say(self, path: str, author: str, *sources: str, to: int = 0) -> None:
        """Answers to an item of the thread at that path, one after the other."""
        assert self.parts is not None
        uid = path.rpartition("/")[2].partition("-")[0]

        def post(work: Work) -> None:
            thread = stored_threads.by_uid(work, uid)
            assert thread is not None
            for source in sources:
                parent = stored_threads.comment_by_number(work, thread.id, to)
                assert parent is not None
                threads.post_comment(work, _named(work, author), parent, threads.compose(work, source))

        await self.parts.node.storage.write(post)


def address(name: str) -> str:
    """Where somebody reads mail."""
    return f"{name}@people.example"


def _named(work: Work, name: str) -> Actor:
    actor = stored_people.by_name(work, name)
    assert actor is not None, f"there is no {name}"
    return actor


@asynccontextmanager
async def running(data: Path, database_url: str = "", *, fill: bool = True, **given: str) -> AsyncIterator[Running]:
    """A node in that folder that runs; with `fill`, it can be filled by the test's own process as well."""
    origin = f"http://127.0.0.1:{free_port()}"
    settings = Settings(
        origin=origin, name="Mill Lane", data=data, database_url=database_url, listen=origin.removeprefix("http://"),
        development=True, **given,
    )  # fmt: skip
    node = Running(settings)
    async with AsyncExitStack() as stack:
        if database_url:
            await node.command("migrate")
        stack.push_async_callback(node.stop, signal.SIGKILL)
        await node.start()
        if fill:
            node.parts = await stack.enter_async_context(opened(settings, migrate=False))
        yield node


# ------------------------------------------------------------------ the folder


def _parse(file: Path) -> Mail:
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None and html is not None, "every mail is text and HTML"
    [to] = message["To"].addresses
    words = plain.get_content().replace("\r\n", "\n")
    return Mail(f"{to.username}@{to.domain}", str(message["Subject"]), words, html.get_content())


@asynccontextmanager
async def _watching(folder: Path) -> AsyncIterator[Callable[[], asyncio.Future[bool]]]:
    """Waits for files that come into a folder, by the kernel's word (inotify), not by looking again and again."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert watch >= 0 and libc.inotify_add_watch(watch, os.fsencode(folder), MOVED_TO) >= 0, "no inotify"
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        os.read(watch, 1 << 16)
        came.set()

    async def wait() -> bool:
        await came.wait()
        came.clear()
        return True

    loop.add_reader(watch, read)
    try:
        yield wait  # type: ignore[misc]
    finally:
        loop.remove_reader(watch)
        os.close(watch)
