"""Other servers: what they run, and which of their addresses gave nothing."""

import asyncio
import logging
from datetime import datetime

from federation.budget import Budget
from federation.errors import FederationError
from node.node import Node
from storage import hosts
from storage.work import Storage

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds; whoever does not say what it runs by then is spoken to as Mastodon is
QUESTIONS = 4  # NodeInfo is two documents, each with a redirect at the most


class Remembered:
    """The client's memory of addresses that gave nothing, kept across restarts."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, url: str) -> str | None:
        return await self._storage.read(hosts.failure_of, url)

    async def put(self, url: str, until: datetime, why: str) -> None:
        await self._storage.write(hosts.remember_failure, url, until, why)


async def get_to_know(node: Node, host: str) -> None:
    """Asks a host once a day at the most what it runs, so that it is spoken to in its dialect."""
    if await node.storage.read(hosts.was_asked, host):
        return
    if await node.storage.write(hosts.begin_asking, host):
        await _ask(node, host)


async def probe_dead_hosts(node: Node) -> list[str]:
    """Asks the dead hosts, each once a day, whether they are back; answers those that are."""
    back = []
    for host in await node.storage.read(hosts.dead_to_ask):
        if await node.storage.write(hosts.begin_asking, host) and await _ask(node, host):
            await node.storage.write(hosts.revive, host)
            log.info("host %s is back", host)
            node.deliveries_wait.set()
            back.append(host)
    return back


async def _ask(node: Node, host: str) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            software, version = await node.client.nodeinfo(host, Budget(fetches=QUESTIONS))
    except (FederationError, TimeoutError) as error:
        log.debug("host %s does not say what it runs: %s", host, error or "it is too slow")
        return False
    await node.storage.write(hosts.learn, host, software, version)
    return True
