"""What an inbox answers, over HTTP, and what stays true afterwards."""

import json

from node.fediverse.pace import Pace
from node.forum import servers
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer


async def test_the_contract(node: Moot, world: ScriptedServer) -> None:
    garden = await node.group("garden")
    inbox = f"{node.origin}/inbox"
    maria = world.actor("maria@mastodon.test")
    follow = maria.follow(garden)

    answers = {
        "stored": await maria.post(inbox, follow),
        "unknown type": await maria.post(inbox, maria.activity("Wave", garden)),
        "not JSON": await maria.post(inbox, b"{"),
        "unsigned": await world.send(maria.letter(inbox, follow)),
        "no such inbox": await maria.post(f"{node.origin}/g/nowhere/inbox", follow),
        "too large": await maria.post(inbox, maria.activity("Wave", garden, padding="x" * (1024 * 1024))),
        "wrong type": await world.send(maria.signed(maria.letter(inbox, follow).having("Content-Type", "text/plain"))),
        "encoded": await world.send(maria.signed(maria.letter(inbox, follow).adding("Content-Encoding", "gzip"))),
    }

    assert {what: reply.status for what, reply in answers.items()} == {
        "stored": 202,
        "unknown type": 202,
        "not JSON": 400,
        "unsigned": 401,
        "no such inbox": 404,
        "too large": 413,
        "wrong type": 415,
        "encoded": 415,
    }
    for what, reply in answers.items():
        assert b"Traceback" not in reply.body, what
        assert reply.status == 202 or "error" in json.loads(reply.body), what
    await node.settle()
    assert await node.follower_count(garden) == 1


async def test_a_key_that_cannot_be_asked_for_now_is_answered_503_and_one_that_is_gone_401(
    node: Moot, world: ScriptedServer
) -> None:
    """KEY-12"""
    garden = await node.group("garden")
    maria, vera = world.actor("maria@mastodon.test"), world.actor("vera@victim.test")
    world.serve(maria.uri, b"", status=503)
    world.gone(vera.uri)

    busy = await maria.post(f"{garden}/inbox", maria.follow(garden))
    gone = await vera.post(f"{garden}/inbox", vera.follow(garden))

    assert (busy.status, gone.status) == (503, 401)
    assert int(busy.headers["retry-after"]) > 0


async def test_a_blocked_host_is_answered_403_before_its_key_is_asked_for_and_is_seen_no_more(
    node: Moot, world: ScriptedServer
) -> None:
    """SIG-51, PRV-13"""
    await node.person("ana")
    garden = await node.group("garden", "ana")
    thread = await node.start("ana", "garden", "Tools")
    mallory, sub = world.actor("mallory@mallory.test"), world.actor("sub@mastodon.test")
    note = mallory.publish(mallory.note("<p>Buy my ladders</p>", inReplyTo=thread))
    await mallory.post(f"{node.origin}/inbox", mallory.create(note))
    await mallory.post(f"{node.origin}/inbox", mallory.follow(garden))
    await node.settle()
    assert "Buy my ladders" in await node.page(thread)

    await node.storage.write(servers.block, None, "mallory.test", "spam")
    world.requests.clear()
    stranger = world.actor("another@mallory.test")
    refused = [await someone.post(f"{node.origin}/inbox", someone.follow(garden)) for someone in (mallory, stranger)]
    await node.say("ana", thread, "Peace.")
    await node.settle()

    assert [reply.status for reply in refused] == [403, 403]
    assert [request for request in world.requests if request.host == "mallory.test"] == []
    assert "Buy my ladders" not in await node.page(thread)
    assert note["id"] not in (await node.document(thread))["replies"]["first"]["items"]
    assert (await mallory.get(thread)).status == 403
    assert (await sub.get(thread)).status == 200

    await node.storage.write(servers.unblock, None, "mallory.test")
    assert "Buy my ladders" in await node.page(thread)
    assert note["id"] in (await node.document(thread))["replies"]["first"]["items"]


async def test_whoever_blocks_a_member_gets_nothing_of_theirs_directly(node: Moot, world: ScriptedServer) -> None:
    ana = await node.person("ana")
    garden = await node.group("garden", "ana")
    thread = await node.start("ana", "garden", "Tools")
    maria = world.actor("maria@mastodon.test")
    note = maria.publish(maria.note("<p>Here</p>", inReplyTo=thread))
    await maria.post(f"{node.origin}/inbox", maria.create(note))
    await maria.post(f"{ana}/inbox", maria.activity("Block", ana))
    await node.settle()
    await node.say("ana", note["id"], "Thank you.")
    await node.settle()

    assert world.letters == []
    assert await node.follower_count(garden) == 0


def test_a_flood_is_slowed_down_and_its_neighbours_are_not() -> None:
    """DOS-01"""
    pace = Pace(burst=3, per_second=1.0)
    taken = [pace.wait_of("flood.test", 0.0) for _ in range(5)]

    assert taken[:3] == [None] * 3
    assert all(wait == 1 for wait in taken[3:])
    assert pace.wait_of("quiet.test", 0.0) is None
    assert pace.wait_of("flood.test", 1.5) is None


async def test_the_answer_to_a_flood_says_when_to_come_again(node: Moot, world: ScriptedServer) -> None:
    from node.fediverse.routes import DOOR

    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    door = node.app[DOOR]
    door.pace = Pace(burst=1, per_second=0.1)
    first = await maria.post(f"{garden}/inbox", maria.follow(garden))
    second = await maria.post(f"{garden}/inbox", maria.follow(garden))

    assert (first.status, second.status) == (202, 429)
    assert int(second.headers["retry-after"]) >= 1
