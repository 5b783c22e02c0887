"""Asking other servers for what they said: never those we have nothing to do with."""

from federation.addresses import authority
from federation.budget import Budget
from federation.documents import Document
from federation.errors import Refused
from node.node import Node
from storage import hosts


async def fetch_object(node: Node, uri: str, budget: Budget) -> Document:
    """The object of that id as its own server has it; Refused where that server is blocked (AUT-43)."""
    await refuse_blocked(node, uri)
    document = await node.client.fetch_object(uri, budget)
    name = document.get("id")
    if isinstance(name, str) and name != uri:
        await refuse_blocked(node, name)
    return document


async def refuse_blocked(node: Node, uri: str) -> None:
    """Raises Refused where the server of the address is blocked."""
    if await node.storage.read(hosts.is_blocked, authority(uri)):
        raise Refused("its server is blocked")
