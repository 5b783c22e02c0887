"""Lists of limited servers at addresses elsewhere: fetched within a budget, and read again each day."""

import asyncio
import logging

from federation.addresses import canonical
from federation.budget import Budget
from federation.errors import FederationError
from node.forum import block_lists as rules
from node.forum.block_lists import Fetched, Read
from node.forum.errors import Invalid, Refusal
from node.node import Node
from storage import block_lists
from storage.block_lists import Change
from storage.work import Work

log = logging.getLogger(__name__)

FETCHES = 4  # the file, and three redirects
ETAG = 300  # characters; a longer one is not worth keeping


async def fetch(node: Node, url: str) -> Fetched:
    """The list at an address; Invalid, for a person to read, where there is none."""
    try:
        url = canonical(url.strip(), development=node.settings.development)
        found = await node.client.fetch_list(url, Budget(fetches=FETCHES))
    except FederationError as error:
        raise Invalid("No list could be fetched from there: %(why)s", why=str(error), field="url") from error
    if found is None:
        raise Invalid("No list could be fetched from there: %(why)s", why="304", field="url")
    read = await asyncio.to_thread(rules.read_list, found.body, origin=node.settings.origin)
    return Fetched(url, read, _etag(found.headers.get("ETag")))


async def update(node: Node, list_id: int, *, by_id: int | None = None) -> list[Change] | None:
    """Reads a list again: what changed by it, or None where it is as it was; Invalid where it could not be read."""
    known = await node.storage.read(_address_of, list_id)
    if known is None:
        raise Invalid("This list came from a file: add it anew to change it.", field="list")
    url, etag = known
    try:
        try:
            found = await node.client.fetch_list(url, Budget(fetches=FETCHES), etag=etag)
        except FederationError as error:
            raise Invalid("No list could be fetched from there: %(why)s", why=str(error), field="url") from error
        if found is None:
            await node.storage.write(rules.note_unchanged, list_id)
            return None
        read = await asyncio.to_thread(rules.read_list, found.body, origin=node.settings.origin)
        return await node.storage.write(_take_over, list_id, by_id, read, _etag(found.headers.get("ETag")))
    except Refusal as refusal:
        await node.storage.write(rules.note_failure, list_id, str(refusal))
        raise


async def update_due(node: Node) -> list[str]:
    """Reads those lists again that were not read for a day; answers the servers whose limits changed by it."""
    changed: list[str] = []
    for list_id in await node.storage.read(block_lists.due):
        try:
            changes = await update(node, list_id)
        except Refusal as refusal:
            log.warning("block list %d could not be read: %s", list_id, refusal)
            continue
        for change in changes or ():
            log.info("block list %d: %s is now %s", list_id, change.host, change.then or "without a limit")
            changed.append(change.host)
    return changed


def _address_of(work: Work, list_id: int) -> tuple[str, str | None] | None:
    kept = block_lists.by_id(work, list_id)
    return (kept.url, kept.etag) if kept is not None and kept.url is not None else None


def _take_over(work: Work, list_id: int, by_id: int | None, read: Read, etag: str | None) -> list[Change]:
    by = rules.admin_of(work, by_id)
    return rules.take_over(work, by, list_id, read, etag=etag)


def _etag(given: str | None) -> str | None:
    return given if given and len(given) <= ETAG and given.isprintable() else None
