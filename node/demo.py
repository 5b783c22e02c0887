"""Something to look at: a group for a new node, and two nodes that talk to each other."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from node.app import Parts, opened
from node.forum import groups, members, people, remarks, threads
from node.serving import Signals, listening
from node.settings import load
from storage import console, queues
from storage import people as stored_people
from storage import remarks as stored_remarks
from storage import threads as stored_threads
from storage.schema import Actor, Comment
from storage.work import Work

R = TypeVar("R")
Say = Callable[[str], None]

LOOPBACK = "127.0.0.1"
LOOKING = 0.05  # seconds between two looks at whether something has arrived
PATIENCE = 20.0  # seconds for something to arrive on loopback

WELCOME = """\
This is a **thread**. Whoever follows the group, here or on another server, can answer it:

1. search for the group's handle on your own server and follow it,
2. find this thread in your timeline,
3. reply.

Mastodon and its kin reach this node once it has an address of its own: `folkmoot init --help`.
"""
ANSWER = "Answers hang below what they answer, whichever server they come from."


# ------------------------------------------------------------------ a group to look at


async def furnish(parts: Parts) -> dict[str, str]:
    """Gives a node a group with a thread, once; says where to look."""
    return await parts.node.storage.write(_furnish)


def _furnish(work: Work) -> dict[str, str]:
    garden = stored_people.by_name(work, "garden")
    if garden is None:
        ana = people.create_person(work, "ana", display_name="Ana Lima", summary="Grows beans.")
        ben = people.create_person(work, "ben", display_name="Ben Okafor")
        group, garden = groups.create_group(
            work, "garden", title="The garden", description="What grows, and who waters it.", creator=ana
        )
        members.join(work, ben, group)
        opening = threads.start_thread(work, ana, group, "Welcome to the garden", threads.compose(work, WELCOME))
        threads.post_comment(work, ben, opening, threads.compose(work, ANSWER))
    places = {"the group": garden.uri}
    latest = console.threads(work, group_id=garden.id, limit=1)
    return places | {"its latest thread": latest[0].page} if latest else places


# ------------------------------------------------------------------ two nodes


class NothingCame(Exception):
    """A step of the demonstration did not arrive at the other node."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of the two nodes."""

    parts: Parts
    origin: str

    @property
    def host(self) -> str:
        return self.origin.removeprefix("http://")

    async def do(self, verb: Callable[[Work], R]) -> R:
        """Changes something here; the worker sends what follows from it."""
        return await self.parts.node.storage.write(verb)

    async def until(self, look: Callable[[Work], R | None]) -> R:
        """What has arrived here, as soon as it has."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := await self.parts.node.storage.read(look)) is None:  # noqa: ASYNC110  it is a database
                    await asyncio.sleep(LOOKING)
        except TimeoutError:
            raise NothingCame(f"what should have come to {self.host} did not within {PATIENCE:.0f} seconds") from None
        return found


async def show(folder: Path, say: Say, *, wait: bool) -> None:
    """Two nodes on loopback: a thread of one is answered, edited and liked on the other. Says each step."""
    with Signals() as signals:
        ports = _free_ports(2)
        async with AsyncExitStack() as stack:
            mill, harbour = [
                await stack.enter_async_context(_node(folder / name, name, port, ports))
                for name, port in zip(("Mill Lane", "Harbour"), ports, strict=True)
            ]
            say(f"Two nodes are up: Mill Lane at {mill.origin}/ and Harbour at {harbour.origin}/")
            pages = await _talk(mill, harbour, say)
            say("Look at it:")
            for page in pages:
                say(f"  {page}")
            if wait:
                say("Both stay up until Ctrl-C; then they are gone.")
                await signals.stop.wait()


@asynccontextmanager
async def _node(data: Path, name: str, port: int, ports: list[int]) -> AsyncIterator[Place]:
    settings = load(
        {},
        origin=f"http://{LOOPBACK}:{port}",
        name=name,
        data=data,
        listen=f"{LOOPBACK}:{port}",
        development=True,
        dev_peers=[f"{LOOPBACK}:{other}" for other in ports if other != port],
    )
    async with opened(settings) as parts, listening(parts, LOOPBACK, port):
        worker = asyncio.create_task(parts.worker.run())
        try:
            yield Place(parts, settings.origin)
        finally:
            await parts.worker.stop()
            await worker


async def _talk(mill: Place, harbour: Place, say: Say) -> list[str]:
    garden = await mill.do(_make_garden)
    ben = await harbour.do(lambda work: people.create_person(work, "ben", display_name="Ben Okafor").uri)
    say(f"1. Ana has a group at Mill Lane: @garden@{mill.host}. Ben is at Harbour: @ben@{harbour.host}.")

    found = await harbour.parts.node.network.find_actor(f"@garden@{mill.host}")
    await harbour.do(lambda work: people.follow(work, _ours(work, "ben"), stored_people.by_id(work, found)) and None)
    await harbour.until(lambda work: _follows(work, "ben", found))
    say("2. Ben follows the garden from Harbour, and Mill Lane has accepted: signed both ways.")

    opening = await mill.do(lambda work: _start(work, "We have 40 kg of beans. What can be made of them?"))
    say(f"3. Ana starts a thread, and the garden announces it to Harbour: {opening}")

    answered = await harbour.parts.node.network.find_elsewhere(opening)
    answer = await harbour.do(lambda work: _remark(work, answered, "Stew! Bring them on Friday."))
    await mill.until(lambda work: _says(work, answer, "Stew"))
    say("4. Ben answers from Harbour: his words hang below Ana's at Mill Lane.")

    thanks = await mill.do(lambda work: _answer(work, answer, "All of them? Friday it is."))
    await mill.until(lambda work: _is_told(work, thanks))
    say("5. Ana answers back, and Harbour is told.")

    await harbour.do(lambda work: _edit(work, answer, "Stew, and *pickles*. Bring them on Friday."))
    await mill.until(lambda work: _says(work, answer, "pickles"))
    say("6. Ben edits his answer: Mill Lane shows the new words, and that they are edited.")

    await harbour.do(lambda work: remarks.like(work, _ours(work, "ben"), answered))
    await mill.until(lambda work: _is_liked(work, opening))
    say("7. Ben likes what Ana wrote: it is counted at Mill Lane.")
    return [garden, *await mill.do(_pages), ben]


def _make_garden(work: Work) -> str:
    ana = people.create_person(work, "ana", display_name="Ana Lima")
    return groups.create_group(work, "garden", title="The garden", creator=ana)[1].uri


def _follows(work: Work, name: str, target_id: int) -> bool | None:
    follow = stored_people.follow_of(work, _ours(work, name).id, target_id)
    return True if follow is not None and follow.state == "accepted" else None


def _start(work: Work, source: str) -> str:
    garden = people.group_of(work, _ours(work, "garden"))
    words = threads.compose(work, source)
    return threads.start_thread(work, _ours(work, "ana"), garden, "Too many beans", words).uri


def _answer(work: Work, parent: str, source: str) -> str:
    return threads.post_comment(work, _ours(work, "ana"), _item(work, parent), threads.compose(work, source)).uri


def _remark(work: Work, answered: remarks.Elsewhere, source: str) -> str:
    return remarks.answer(work, _ours(work, "ben"), answered, threads.compose(work, source)).uri


def _edit(work: Work, uri: str, source: str) -> None:
    remark = stored_remarks.by_uri(work, uri)
    assert remark is not None, "Ben said it above"
    remarks.edit(work, _ours(work, "ben"), remark, threads.compose(work, source))


def _says(work: Work, uri: str, word: str) -> bool | None:
    found = stored_threads.comment_by_uri(work, uri)
    return True if found is not None and word in found.html else None


def _is_told(work: Work, uri: str) -> bool | None:
    return None if queues.servers_behind(work, [uri]) else True


def _is_liked(work: Work, uri: str) -> bool | None:
    return True if _item(work, uri).likes_count else None


def _pages(work: Work) -> list[str]:
    return [row.page for row in console.threads(work)]


def _ours(work: Work, name: str) -> Actor:
    actor = stored_people.by_name(work, name)
    assert actor is not None, f"{name} was made above"
    return actor


def _item(work: Work, uri: str) -> Comment:
    item = stored_threads.comment_by_uri(work, uri)
    assert item is not None, f"{uri} was seen above"
    return item


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; held all at once, so that they differ."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
