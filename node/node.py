"""Node: what doors and workers share."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from federation.client import Client
from node.forum.block_lists import Fetched
from node.forum.remarks import Elsewhere
from node.live import Live
from node.passwords import Passwords
from node.room import Room
from node.sealing import Sealing
from node.settings import Settings
from storage.block_lists import Change
from storage.work import Storage


class Network(Protocol):
    """What a page may ask of the fediverse without knowing the wire."""

    async def find_actor(self, address: str) -> int:
        """The actor of `@name@host` or a URL, remembered here; raises NotFound in words a person may read."""
        ...

    async def find_elsewhere(self, address: str) -> Elsewhere:
        """What is at an address on another server, to be answered or liked; raises NotFound for people to read."""
        ...

    async def look_up(self, address: str) -> int | Elsewhere:
        """Who or what is at a handle or an address elsewhere: an actor's id, or a post; NotFound for people to read."""
        ...

    async def fetch_missing(self, thread_id: int) -> int:
        """Fetches the holes of a thread, within a budget, and says how many were filled."""
        ...

    async def fetch_list(self, url: str) -> Fetched:
        """The list of limited servers at an address; raises Invalid in words a person may read."""
        ...

    async def update_list(self, list_id: int, by_id: int) -> list[Change] | None:
        """Reads a list again: what changed by it, or None where it is as it was; raises Invalid like `fetch_list`."""
        ...

    async def links_back(self, url: str, to: str) -> bool:
        """Whether the page at `url` says with `rel=me` that it is of the same person as the page `to`."""
        ...

    async def must_agree(self, uri: str, target_id: int) -> None:
        """Asks the other account whether it is the same as the one of ours; raises NotAllowed for people to read."""
        ...

    async def lead_followers(self, uri: str, target_uri: str) -> None:
        """Has those here who follow an account that moved follow its new self."""
        ...

    async def interaction_url(self, handle: str, object_uri: str, intent: str) -> str:
        """Where `handle`'s own server lets them follow, answer, like or vote on the object."""
        ...


@dataclass(slots=True)
class Node:
    """Settings, storage, the way out, and the bells that wake the worker."""

    settings: Settings
    storage: Storage
    client: Client
    sealing: Sealing = field(default_factory=Sealing.fresh)
    passwords: Passwords = field(default_factory=Passwords)
    network: Network = field(init=False)  # the fediverse, wired in by app
    letters_came: asyncio.Event = field(default_factory=asyncio.Event)
    deliveries_wait: asyncio.Event = field(default_factory=asyncio.Event)
    mails_wait: asyncio.Event = field(default_factory=asyncio.Event)
    live: Live = field(init=False)
    room: Room = field(init=False)

    def __post_init__(self) -> None:
        bells = {"letters": self.letters_came, "deliveries": self.deliveries_wait, "mails": self.mails_wait}
        self.live = Live(self.storage, bells)
        self.room = Room(self.settings)


NODE = web.AppKey("node", Node)
