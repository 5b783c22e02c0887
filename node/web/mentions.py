"""People of other servers who are named in what somebody writes here."""

import re

from node.forum.errors import NotFound
from node.node import Node
from storage import people
from storage.work import Work

ELSEWHERE = re.compile(r"(?<![\w@/])@([\w.-]{1,64}@[\w.-]{1,255}\w)")
LOOK_UPS = 5  # people who are looked up because one text names them


async def meet_named(node: Node, source: str) -> None:
    """Has those looked up who are not known yet, so that they are linked and told; whoever is not found stays text."""
    named = list(dict.fromkeys(ELSEWHERE.findall(source)))[:LOOK_UPS]
    if not named:
        return
    for handle in await node.storage.read(_unknown, named, node.settings.authority):
        try:
            await node.network.find_actor(f"@{handle}")
        except NotFound:
            continue


def _unknown(work: Work, handles: list[str], own_host: str) -> list[str]:
    return [handle for handle in handles if people.by_handle(work, handle, own_host) is None]
