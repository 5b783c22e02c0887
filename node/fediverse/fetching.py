"""Asking other servers for what they said: never those we have nothing to do with."""

from federation.addresses import authority, same_origin
from federation.budget import Budget
from federation.documents import Document
from federation.errors import Gone, Refused
from federation.objects import Post, is_tombstone
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


async def fetch_post(node: Node, uri: str, budget: Budget) -> Post:
    """The post of that id, which is of one server with its author; Gone where it was deleted."""
    document = await fetch_object(node, uri, budget)
    if is_tombstone(document):
        raise Gone("it was deleted")
    post = Post.parse(document)
    if not same_origin(post.id, post.attributed_to):
        raise Refused("the object and its author are of different servers")
    return post


async def refuse_blocked(node: Node, uri: str) -> None:
    """Raises Refused where the server of the address is blocked."""
    if await node.storage.read(hosts.is_blocked, authority(uri)):
        raise Refused("its server is blocked")
