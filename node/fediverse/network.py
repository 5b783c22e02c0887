"""What pages and the console may ask of the fediverse without knowing the wire."""

import asyncio
from urllib.parse import quote

from federation import backlinks
from federation.budget import Budget
from federation.discovery import Intent
from federation.errors import FederationError, Unreachable
from node.fediverse import block_lists, moving, people, remarks, threads
from node.forum.block_lists import Fetched
from node.forum.errors import NotFound
from node.forum.remarks import Elsewhere
from node.node import Node
from storage.block_lists import Change

# Our words for what a visitor wants, and those of FEP-3b86: answering and voting begin at the object itself.
INTENTS: dict[str, Intent] = {"follow": "Follow", "like": "Like", "reply": "Object", "vote": "Object"}

PAGE_PATIENCE = 6.0  # seconds; whoever saves their profile waits for it


class Fediverse:
    """The network of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def find_actor(self, address: str) -> int:
        """The actor of `@name@host` or a URL, remembered here; raises NotFound in words a person may read."""
        return await people.find_actor(self._node, address)

    async def find_elsewhere(self, address: str) -> Elsewhere:
        """What is at an address on another server, to be answered or liked; raises NotFound for people to read."""
        return await remarks.find_elsewhere(self._node, address)

    async def look_up(self, address: str) -> int | Elsewhere:
        """Who or what is at a handle or an address elsewhere: an actor's id, or a post; NotFound for people to read."""
        return await remarks.look_up(self._node, address)

    async def fetch_missing(self, thread_id: int) -> int:
        """Fetches the holes of a thread, within a budget, and says how many were filled."""
        return await threads.fetch_missing(self._node, thread_id)

    async def fetch_list(self, url: str) -> Fetched:
        """The list of limited servers at an address; raises Invalid in words a person may read."""
        return await block_lists.fetch(self._node, url)

    async def update_list(self, list_id: int, by_id: int) -> list[Change] | None:
        """Reads a list again: what changed by it, or None where it is as it was; raises Invalid like `fetch_list`."""
        return await block_lists.update(self._node, list_id, by_id=by_id)

    async def links_back(self, url: str, to: str) -> bool:
        """Whether the page at `url` says with `rel=me` that it is of the same person as the page `to`."""
        try:
            page = await self._node.client.fetch(url, Budget(), accept="page", patience=PAGE_PATIENCE)
        except FederationError:
            return False  # whatever keeps it from us, it does not say so
        return await asyncio.to_thread(backlinks.links_back, page.body.decode("utf-8", "replace"), page.url, to)

    async def must_agree(self, uri: str, target_id: int) -> None:
        """Asks the other account whether it is the same as the one of ours; raises NotAllowed for people to read."""
        await moving.must_agree(self._node, uri, target_id, Budget())

    async def lead_followers(self, uri: str, target_uri: str) -> None:
        """Has those here who follow an account that moved follow its new self."""
        await moving.follow_through(self._node, uri, target_uri)

    async def interaction_url(self, handle: str, object_uri: str, intent: str) -> str:
        """Where `handle`'s own server lets them follow, answer, like or vote on the object."""
        host = handle.rpartition("@")[2]
        try:
            _, links = await self._node.client.finger(handle.lstrip("@"), Budget())
        except Unreachable as error:
            raise NotFound("The server %(host)s does not answer right now. Try again in a while.", host=host) from error
        except FederationError as error:
            raise NotFound(
                "The server %(host)s knows nobody called %(handle)s. Look at the spelling.", host=host, handle=handle
            ) from error
        found = links.way_to(INTENTS.get(intent, "Object"), object_uri)
        if found is not None:
            return found
        # What Mastodon has had for years, and its kin took over.
        scheme = "http" if self._node.settings.development else "https"
        return f"{scheme}://{host}/authorize_interaction?uri={quote(object_uri, safe='')}"
