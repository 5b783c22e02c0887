"""Looking at something of another server as we would read it, for whoever wants to know why it does not work."""

from dataclasses import asdict, dataclass, field
from typing import Any

from federation.activities import Activity
from federation.actors import RemoteActor, is_actor
from federation.budget import Budget
from federation.documents import Document
from federation.errors import FederationError
from federation.objects import Post, is_post, is_tombstone
from node.forum.errors import NotFound
from node.node import Node


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an address serves, and what we make of it."""

    asked: str
    found_at: str
    kind: str  # actor, post, tombstone, activity, something else
    software: str | None
    reads_as: dict[str, Any] = field(default_factory=dict)
    refused: str | None = None  # why we would not take it
    document: Document = field(default_factory=dict)


async def inspect(node: Node, address: str) -> Inspection:
    """Fetches `@name@host` or a URL as the node does, signed, and reads it; raises NotFound with the reason."""
    budget = Budget()
    try:
        uri = address if "://" in address else (await node.client.finger(address.lstrip("@"), budget))[0]
        fetched = await node.client.fetch(uri, budget)
    except FederationError as error:
        raise NotFound("%(address)s: %(why)s", address=address, why=error) from error
    host = fetched.url.split("/")[2]
    try:
        software = " ".join(part for part in await node.client.nodeinfo(host, budget) if part)
    except FederationError:
        software = None  # many say nothing
    kind, reads_as, refused = _read(fetched.document)
    return Inspection(address, fetched.url, kind, software, reads_as, refused, fetched.document)


def _read(document: Document) -> tuple[str, dict[str, Any], str | None]:
    try:
        if is_tombstone(document):
            return "tombstone", {}, None
        if is_actor(document):
            return "actor", asdict(RemoteActor.parse(document)), None
        if is_post(document):
            return "post", asdict(Post.parse(document)), None
        activity = Activity.parse(document)
        return "activity", {key: value for key, value in asdict(activity).items() if key != "raw"}, None
    except FederationError as error:
        return "something else", {}, str(error)
