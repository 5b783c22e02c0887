"""A worker whose names lead to one loopback port: `python -m tests.bench.sender PORT HOSTS`; FOLKMOOT_* say the rest.

Each host has a public address of its own, as far as the node can tell; what is dialled is the crowd on that port.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from node import settings
from node.app import opened
from tests.bench.crowd import name_of
from tests.equipment.network import LoopbackNet

READY = "ready"


async def send(port: int, hosts: int) -> None:
    """Works until the process is ended."""
    net = LoopbackNet()
    for number in range(hosts):
        net.add(name_of(number), port)
    async with opened(settings.load(), resolver=net, migrate=False) as parts:
        print(READY, flush=True)
        await parts.worker.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", type=int)
    given = parser.parse_args()
    sys.exit(asyncio.run(send(given.port, given.hosts)))
