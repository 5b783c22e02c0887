"""Following a group from another server."""

from tests.equipment.nodes import Moot
from tests.peers.scripted import PUBLIC, ScriptedServer


async def test_a_follow_is_accepted_with_the_follow_as_it_came(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = world.actor("maria@mastodon.test")
    follow = maria.follow(garden)

    reply = await maria.post(f"{garden}/inbox", follow)
    await node.settle()

    assert reply.status == 202
    [accept] = world.letters_to(maria.inbox)
    world.learn_actor(await node.document(garden))
    assert accept.verified
    assert accept.json()["type"] == "Accept"
    assert accept.json()["actor"] == garden
    assert accept.json()["object"] == {key: value for key, value in follow.items() if key != "@context"}
    assert await node.follower_count(garden) == 1


async def test_a_follow_that_comes_again_is_accepted_again(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = world.actor("maria@mastodon.test")

    for _ in range(2):
        await maria.post(f"{garden}/inbox", maria.follow(garden))
    await node.settle()

    accepts = [letter.json() for letter in world.letters_to(maria.inbox)]
    assert [accept["type"] for accept in accepts] == ["Accept", "Accept"]
    assert len({accept["object"]["id"] for accept in accepts}) == 2
    assert await node.follower_count(garden) == 1


async def test_a_follow_comes_to_the_shared_inbox_as_well(node: Moot, world: ScriptedServer) -> None:
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")

    await maria.post(f"{node.origin}/inbox", maria.follow(garden))
    await node.settle()

    assert await node.follower_count(garden) == 1


async def test_who_unfollows_gets_nothing_more(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = world.actor("maria@mastodon.test")
    follow = maria.follow(garden)
    await maria.post(f"{garden}/inbox", follow)
    await maria.post(f"{garden}/inbox", maria.undo(follow))
    await node.settle()
    await node.start("ana", "garden", "Tools")
    await node.settle()

    assert await node.follower_count(garden) == 0
    assert world.letters_to(maria.shared_inbox) == []


async def test_a_replayed_follow_after_its_undo_changes_nothing(node: Moot, world: ScriptedServer) -> None:
    """SIG-47"""
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    follow = maria.follow(garden)
    for activity in (follow, maria.undo(follow), follow):
        await maria.post(f"{garden}/inbox", activity)
        await node.settle()

    assert await node.follower_count(garden) == 0


async def test_an_undo_before_its_follow_keeps_it_out(node: Moot, world: ScriptedServer) -> None:
    """REL-24"""
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    follow = maria.follow(garden)
    for activity in (maria.undo(follow), follow):
        await maria.post(f"{garden}/inbox", activity)
        await node.settle()

    assert await node.follower_count(garden) == 0


async def test_nobody_undoes_the_follow_of_another(node: Moot, world: ScriptedServer) -> None:
    """AUT-19, AUT-20"""
    garden = await node.group("garden")
    maria, mallory = world.actor("maria@mastodon.test"), world.actor("mallory@mallory.test")
    follow = maria.follow(garden)
    await maria.post(f"{garden}/inbox", follow)
    await node.settle()
    for undo in (
        mallory.undo(follow),
        mallory.undo({**follow, "actor": mallory.uri}),
        mallory.activity("Undo", follow["id"]),
    ):
        await mallory.post(f"{garden}/inbox", undo)
    await node.settle()

    assert await node.follower_count(garden) == 1


async def test_a_secret_group_answers_like_one_that_is_not_there(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    secret = await node.group("cellar", "ana", privacy="secret")
    maria = world.actor("maria@mastodon.test")

    answers = [await node.get(path) for path in ("/g/cellar", "/g/nowhere", "/g/cellar/outbox", "/g/nowhere/outbox")]
    inboxes = [
        await maria.post(f"{node.origin}/g/{name}/inbox", maria.follow(f"{node.origin}/g/{name}"))
        for name in ("cellar", "nowhere")
    ]
    fingers = [
        await node.get(f"/.well-known/webfinger?resource=acct:{name}@{node.host}") for name in ("cellar", "nowhere")
    ]

    assert {status for status, _, _ in answers} == {404}
    assert len({body for _, _, body in answers}) == 1
    assert [inbox.status for inbox in inboxes] == [404, 404]
    assert inboxes[0].body == inboxes[1].body
    assert [status for status, _, _ in fingers] == [404, 404]
    assert fingers[0][2] == fingers[1][2]
    await maria.post(f"{node.origin}/inbox", maria.follow(secret))
    await node.settle()
    assert await node.follower_count(secret) == 0
    assert world.letters == []  # not even a Reject tells that it is there


async def test_a_suspended_account_is_answered_403(node: Moot, world: ScriptedServer) -> None:
    """KEY-17: and what it says has no effect."""
    from node.forum import people
    from storage import people as stored

    await node.person("liam")
    garden = await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{garden}/inbox", maria.follow(garden))
    await node.settle()

    def suspend(work):  # type: ignore[no-untyped-def]
        people.suspend(work, stored.by_uri(work, maria.uri), "spam")

    await node.storage.write(suspend)
    note = maria.publish(maria.note("<p>Buy sheds</p>", inReplyTo=thread))
    reply = await maria.post(f"{garden}/inbox", maria.create(note))
    await node.settle()

    assert reply.status == 403
    assert await node.item(note["id"]) is None


async def test_a_member_of_ours_follows_a_person_elsewhere(node: Moot, world: ScriptedServer) -> None:
    from node.forum import people
    from storage import people as stored

    ana = await node.person("ana")
    maria = world.actor("maria@mastodon.test")
    maria_id = await node.node.network.find_actor("@maria@mastodon.test")

    def follow(work):  # type: ignore[no-untyped-def]
        people.follow(work, stored.by_uri(work, ana), stored.by_id(work, maria_id))

    await node.storage.write(follow)
    await node.settle()
    [letter] = world.letters_to(maria.inbox)
    await maria.post(f"{ana}/inbox", maria.accept(letter.json()))
    await node.settle()

    def state(work):  # type: ignore[no-untyped-def]
        return stored.follow_of(work, stored.by_uri(work, ana).id, maria_id).state

    assert letter.json()["type"] == "Follow"
    assert letter.json()["to"] == [maria.uri]
    assert await node.storage.read(state) == "accepted"
    assert PUBLIC not in str(letter.json())
