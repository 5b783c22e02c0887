"""A letter is followed through the log: from the request that brought it to what it became."""

from __future__ import annotations

import io
import json
import logging

from node import logs
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer


async def test_the_lines_of_a_letter_are_found_by_its_number(node: Moot, world: ScriptedServer) -> None:
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    logs.set_up("debug", "json", to=written)
    try:
        reply = await maria.post(f"{node.origin}/inbox", maria.follow(garden))
        await node.settle()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)

    assert reply.status == 202, reply.body
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    of_letter = [line for line in lines if "letter" in line]
    asked = reply.headers["x-request-id"]
    assert [line["letter"] for line in of_letter if line.get("request_id") == asked] == [of_letter[0]["letter"]]
    read = [line for line in of_letter if line["logger"] == "node.fediverse.reading"]
    assert read and {line["host"] for line in read} == {"mastodon.test"}
