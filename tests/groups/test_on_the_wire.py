"""What other servers hear of a group that is renamed, hidden, deleted or archived, and of those it invites."""

from __future__ import annotations

from typing import Any

from node.forum import groups, invitations, members, withdrawals
from node.forum.errors import Invalid, NotAllowed
from storage import people as stored_people
from storage.schema import Delivery, Follow, Handle, Invitation, Membership, Thread
from tests.equipment.nodes import AS2, Moot
from tests.groups.conftest import group_of, who
from tests.peers.scripted import ScriptedActor, ScriptedServer


async def followed(node: Moot, world: ScriptedServer, group: str) -> ScriptedActor:
    """Maria of another server, who follows the group."""
    maria = world.actor("maria@mastodon.test")
    await maria.post(f"{group}/inbox", maria.follow(group))
    await node.settle()
    return maria


def told(world: ScriptedServer) -> list[dict[str, Any]]:
    """What came to other servers, in order."""
    return [letter.json() for letter in world.letters]


async def hide(node: Moot, name: str) -> None:
    await node.storage.write(lambda work: withdrawals.make_secret(work, None, group_of(work, name), name, "quieter"))


# ------------------------------------------------------------------ another handle


async def test_a_renamed_group_keeps_its_id_and_is_found_under_both_handles(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana", title="The garden")
    await followed(node, world, garden)
    opening = await node.start("ana", "garden", "Beans")
    await node.settle()

    await node.storage.write(
        lambda work: groups.rename_group(work, who(work, "ana"), group_of(work, "garden"), "Orchard")
    )
    await node.settle()

    update = next(letter for letter in told(world) if letter["type"] == "Update")
    assert update["object"]["id"] == garden
    assert update["object"]["preferredUsername"] == "orchard"
    for name in ("garden", "orchard"):
        found = await node.get(f"/.well-known/webfinger?resource=acct:{name}@node.test", "*/*")
        assert found[0] == 200
        assert b'"acct:orchard@node.test"' in found[2]
        assert garden.encode() in found[2]
    assert (await node.document("/g/garden"))["preferredUsername"] == "orchard"
    status, response, _ = await node.get("/g/orchard")
    assert (status, response.headers["Location"]) == (302, garden)
    status, response, _ = await node.get("/g/orchard", "text/html")
    assert (status, response.headers["Location"]) == (301, "/g/garden")
    assert (await node.document(opening.removeprefix(node.origin)))["url"].startswith(f"{garden}/")
    assert "Beans" in await node.page(opening)


async def test_a_handle_is_changed_once_a_month_and_never_taken_from_another(node: Moot, clock: Any) -> None:
    for name in ("ana", "ben"):
        await node.person(name)
    await node.group("garden", "ana")
    await node.group("shed", "ana")

    def rename(by: str, name: str):
        return lambda work: groups.rename_group(work, who(work, by), group_of(work, "garden"), name)

    async def refused(act: Any, kind: type[Exception]) -> None:
        try:
            await node.storage.write(act)
        except kind:
            return
        raise AssertionError("it was not refused")

    await refused(rename("ben", "orchard"), NotAllowed)
    for taken in ("shed", "ben", "admin", "no-hyphens"):
        await refused(rename("ana", taken), Invalid)
    await node.storage.write(rename("ana", "orchard"))
    await refused(rename("ana", "meadow"), NotAllowed)
    clock.forward(days=31)
    await node.storage.write(rename("ana", "garden"))  # back to its own
    handles = await node.storage.read(
        lambda work: {it.name: it.current for it in work.query(Handle) if it.actor_id == who(work, "garden").id}
    )
    assert handles == {"garden": True, "orchard": False}


# ------------------------------------------------------------------ secret from now on


async def test_a_group_that_becomes_secret_is_taken_back_from_everybody(node: Moot, world: ScriptedServer) -> None:
    """PRV-11"""
    for name in ("ana", "ben"):
        await node.person(name)
    garden = await node.group("garden", "ana", "ben", title="The garden")
    await followed(node, world, garden)
    opening = await node.start("ana", "garden", "Beans")
    answer = await node.say("ben", opening, "Runner beans")
    await node.settle()
    world.learn_actor(await node.document(garden))
    before = len(world.letters)

    await hide(node, "garden")
    await node.settle()

    after = [letter.json() for letter in world.letters[before:]]
    deleted = {
        letter["object"] if isinstance(letter["object"], str) else letter["object"]["id"]: letter["actor"]
        for letter in after
        if letter["type"] == "Delete"
    }
    assert deleted[garden] == garden
    assert deleted[opening] == f"{node.origin}/u/ana"
    assert deleted[answer] == f"{node.origin}/u/ben"
    assert await node.follower_count(garden) == 0
    await nowhere(node, garden, opening, answer)
    assert "Runner" not in await node.page("/")
    item = await node.item(answer)
    assert item is not None
    assert item.state == "visible"
    assert "Runner beans" in item.html


async def nowhere(node: Moot, *uris: str) -> None:
    """None of these is there for anybody from outside, as a document or as a page."""
    absent = {accept: (await node.get("/g/nobody", accept))[0] for accept in (AS2, "text/html")}
    assert set(absent.values()) == {404}
    for uri in uris:
        for accept in (AS2, "text/html"):
            assert (await node.get(uri, accept))[0] == 404, uri
        for part in ("outbox", "followers", "moderators", "featured", "context", "replies", "likes"):
            assert (await node.get(f"{uri}/{part}"))[0] == 404, (uri, part)
    assert (await node.get("/.well-known/webfinger?resource=acct:garden@node.test", "*/*"))[0] == 404


async def test_what_waited_to_be_sent_when_a_group_became_secret_stays_here(node: Moot, world: ScriptedServer) -> None:
    """PRV-08, PRV-12: the predicate is asked again before sending."""
    await node.person("ana")
    garden = await node.group("garden", "ana", title="The garden")
    await followed(node, world, garden)
    await node.start("ana", "garden", "A thing that nobody should read")
    await node.storage.write(lambda work: groups.edit_group(work, group_of(work, "garden"), title="A name for members"))

    await hide(node, "garden")
    await node.settle()

    assert not any(b"nobody should read" in letter.body for letter in world.letters)
    assert not any(b"A name for members" in letter.body for letter in world.letters)
    assert await node.storage.read(lambda work: work.query(Delivery).count()) == 0


async def test_what_a_group_once_said_of_itself_is_not_served_any_more(node: Moot, world: ScriptedServer) -> None:
    """PRV-02"""
    await node.person("ana")
    garden = await node.group("garden", "ana")
    await followed(node, world, garden)
    await node.storage.write(lambda work: groups.edit_group(work, group_of(work, "garden"), title="Renamed in public"))
    await node.settle()
    update = next(letter for letter in told(world) if letter["type"] == "Update")
    assert (await node.get(update["id"]))[0] == 200

    await hide(node, "garden")

    assert (await node.get(update["id"]))[0] == 404


async def test_to_secret_is_one_way_takes_its_parts_along_and_wants_the_handle(
    node: Moot, world: ScriptedServer
) -> None:
    for name in ("ana", "ben"):
        await node.person(name)
    garden = await node.group("garden", "ana", "ben")
    await node.storage.write(
        lambda work: groups.create_group(work, "seeds", parent=group_of(work, "garden"), creator=who(work, "ana"))[1].id
    )
    await followed(node, world, garden)

    def secret(by: str, typed: str, reason: str = "quieter"):
        return lambda work: withdrawals.make_secret(work, who(work, by), group_of(work, "garden"), typed, reason)

    for act, kind in (
        (secret("ben", "garden"), NotAllowed),
        (secret("ana", "gardens"), Invalid),
        (secret("ana", "garden", ""), Invalid),
    ):
        try:
            await node.storage.write(act)
            raise AssertionError("it was not refused")
        except kind:
            pass
    await node.storage.write(secret("ana", "@Garden"))
    await node.settle()

    for name in ("garden", "seeds"):
        assert await node.storage.read(lambda work, name=name: group_of(work, name).privacy) == "secret"
        assert (await node.get(f"/g/{name}"))[0] == 404
    await node.start("ana", "garden", "After")
    await node.settle()
    assert not any(b"After" in letter.body for letter in world.letters)
    threads_here = await node.storage.read(lambda work: [thread.private for thread in work.query(Thread)])
    assert all(threads_here)


async def test_people_of_other_servers_are_not_left_in_a_secret_group(node: Moot, world: ScriptedServer) -> None:
    """PRV-10: and what they answer after that is not taken in."""
    await node.person("ana")
    garden = await node.group("garden", "ana")
    maria = await followed(node, world, garden)
    opening = await node.start("ana", "garden", "Beans")
    await node.settle()
    await node.storage.write(
        lambda work: members.join(work, stored_people.by_uri(work, maria.uri), group_of(work, "garden")).id
    )
    await hide(node, "garden")
    await node.settle()

    assert await node.storage.read(lambda work: work.query(Membership).count()) == 1
    note = maria.note("<p>I know it</p>", cc=[garden], inReplyTo=opening)
    await maria.post(f"{node.origin}/inbox", maria.create(note))
    await node.settle()
    assert await node.said(note["id"]) is None


# ------------------------------------------------------------------ deleted, archived


async def test_a_deleted_group_leaves_tombstones_and_its_handle_is_never_given_again(
    node: Moot, world: ScriptedServer
) -> None:
    for name in ("ana", "ruth"):
        await node.person(name)
    garden = await node.group("garden", "ana", title="The garden")
    await followed(node, world, garden)
    opening = await node.start("ana", "garden", "Beans")
    await node.settle()
    world.learn_actor(await node.document(garden))
    before = len(world.letters)

    try:
        await node.storage.write(
            lambda work: withdrawals.delete_group(work, who(work, "ana"), group_of(work, "garden"), "garden", "over")
        )
        raise AssertionError("an admin of the group deleted it")
    except NotAllowed:
        pass
    await node.storage.write(lambda work: withdrawals.delete_group(work, None, group_of(work, "garden"), "garden"))
    assert (await node.get("/g/garden", "text/html"))[0] == 410  # at once, before anything else is done
    await node.settle()

    deletes = [letter.json() for letter in world.letters[before:] if letter.json()["type"] == "Delete"]
    objects = [it["object"] if isinstance(it["object"], str) else it["object"]["id"] for it in deletes]
    assert {opening, garden} <= set(objects)
    assert (await node.get(garden))[0] == 410
    assert (await node.get(opening))[0] == 410
    item = await node.item(opening)
    assert item is not None
    assert (item.state, item.source) == ("deleted", "")
    assert await node.storage.read(lambda work: work.query(Membership).count() + work.query(Follow).count()) == 0
    try:
        await node.group("garden", "ana")
        raise AssertionError("the handle was given again")
    except Invalid:
        pass


async def test_an_archived_group_says_that_nobody_may_post(node: Moot) -> None:
    await node.person("ana")
    await node.group("garden", "ana")
    await node.document("/g/garden")
    await node.storage.write(lambda work: groups.archive_group(work, None, group_of(work, "garden")))
    assert (await node.document("/g/garden"))["postingRestrictedToMods"] is True


async def test_an_unlisted_group_asks_not_to_be_found(node: Moot) -> None:
    await node.person("ana")
    await node.group("garden", "ana")
    await node.storage.write(lambda work: groups.edit_group(work, group_of(work, "garden"), listed=False))
    assert (await node.document("/g/garden"))["discoverable"] is False


# ------------------------------------------------------------------ invited elsewhere


async def test_somebody_elsewhere_is_invited_by_a_direct_message_with_a_link(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana", "Ana Lima")
    garden = await node.group("garden", "ana", title="The <garden>")
    await followed(node, world, garden)
    leo = world.actor("leo@lemmy.test")
    leo_id = await node.node.network.find_actor("@leo@lemmy.test")

    def invite(work: Any) -> int:
        leo_here = stored_people.by_id(work, leo_id)
        return invitations.invite_actor(work, who(work, "ana"), group_of(work, "garden"), leo_here, words="Come!").id

    await node.storage.write(invite)
    await node.settle()

    [letter] = [letter.json() for letter in world.letters_to(leo.inbox)]
    assert letter["type"] == "Create"
    assert letter["to"] == letter["object"]["to"] == [leo.uri]
    assert (letter["cc"], letter["object"]["cc"]) == ([], [])
    assert letter["actor"] == letter["object"]["attributedTo"] == garden
    content = letter["object"]["content"]
    assert "Ana Lima" in content
    assert "Come!" in content
    assert "<garden>" not in content
    secret = content.partition(f"{node.origin}/invitations/")[2].partition('"')[0]
    assert (await node.get(letter["id"]))[0] == 404
    assert (await node.get(letter["object"]["id"]))[0] == 404

    def accept(work: Any) -> str:
        invitation = invitations.by_secret(work, secret)
        invitations.accept(work, stored_people.by_id(work, leo_id), invitation)
        return work.query(Membership).filter_by(actor_id=leo_id).one().role

    assert await node.storage.write(accept) == "member"
    assert await node.storage.read(lambda work: work.query(Invitation).one().accepted_id) == leo_id


async def test_slow_mode_says_how_long_to_wait_and_lets_others_answer(node: Moot, clock: Any) -> None:
    for name in ("ana", "ben", "cleo"):
        await node.person(name)
    await node.group("garden", "ana", "ben", "cleo", slow_mode=90)
    opening = await node.start("ana", "garden", "Beans")
    await node.say("ben", opening, "One")
    clock.forward(seconds=20)
    try:
        await node.say("ben", opening, "Two")
        raise AssertionError("it was not refused")
    except NotAllowed as refusal:
        assert "1 min 30 s" in str(refusal)
        assert "1 min 10 s" in str(refusal)
    await node.say("cleo", opening, "Mine")
    for word in ("a", "b"):
        await node.say("ana", opening, word)  # whoever runs the group is not slowed
    clock.forward(seconds=70)
    await node.say("ben", opening, "Two")
