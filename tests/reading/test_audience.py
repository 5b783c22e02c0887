"""Who gets an answer, told before it is sent: the same as those to whom it then goes."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from node.forum import rights
from storage import audience, mentions, threads
from storage.schema import Delivery, Follow, Group, Thread


async def told(circle, who, thread, number, *, mentioned=()):
    def ask(work):
        parent = threads.comment_by_number(work, thread, number)
        ids = audience.mentioned_ids(work, mentioned)
        return audience.of_reply(work, parent, circle.ids[who], mentioned=ids)

    return await circle.storage.read(ask)


async def follow(circle, follower, target):
    row = {"follower_id": follower, "target_id": target, "state": "accepted", "created_at": circle.clock()}
    await circle.storage.write(lambda work: work.add(Follow(**row)))


async def test_nothing_leaves_a_thread_among_people_here(circle, thread):
    found = await told(circle, "ben", thread, 0)
    assert (found.stays, found.people, found.followers) == (False, (), 0)


async def test_whoever_is_answered_comes_first_and_followers_are_counted_once(circle, thread):
    far, near = await circle.person("far", host="far.test"), await circle.person("near", host="near.test")
    number = await circle.say(thread, far)
    await circle.say(thread, near)
    fan = await circle.person("fan", host="fan.test")
    for target in (circle.ids["group"], circle.ids["ben"]):
        await follow(circle, fan, target)
    await follow(circle, far, circle.ids["group"])
    found = await told(circle, "ben", thread, number)
    assert [person.handle for person in found.people] == ["far@far.test", "near@near.test"]
    assert found.followers == 1


@pytest.mark.parametrize(("comments", "count"), [("quiet", 2), ("boosted", 3), ("none", 1)])
async def test_followers_of_the_group_are_counted_by_what_their_servers_take(circle, thread, comments, count):
    for host, dialect in (("micro", "microblog"), ("forum", "forum"), ("disc", "discourse")):
        await circle.host(f"{host}.test", dialect=dialect)
    for host in ("micro", "forum", "disc"):
        await follow(circle, await circle.person(f"fan{host}", host=f"{host}.test"), circle.ids["group"])
    await circle.change(Group, circle.ids["group"], comments=comments)
    assert (await told(circle, "ben", thread, 0)).followers == count
    # What is told is what is done: a delivery for each of them.
    await circle.say(thread, circle.ids["ben"])
    item = await circle.item(thread, 1)
    going = await circle.storage.read(
        lambda work: set(work.scalars(select(Delivery.host).where(Delivery.about == item.uri)))
    )
    assert len(going) == count


async def test_a_mention_adds_whom_it_names(circle, thread):
    await circle.person("cara", host="coop.test")
    found = await told(circle, "ben", thread, 0, mentioned=["cara@coop.test", "nobody@coop.test", "ana"])
    assert [person.handle for person in found.people] == ["cara@coop.test"]


async def test_whoever_is_blocked_gets_nothing(circle, thread):
    far = await circle.person("far", host="far.test")
    number = await circle.say(thread, far)
    await circle.host("far.test", limit="suspend")
    assert (await told(circle, "ben", thread, number)).people == ()


async def test_what_is_private_stays_here(circle):
    hidden = await circle.thread(circle.ids["ana"], "Between us", private=True)
    assert (await told(circle, "ben", hidden, 0)).stays
    secret = await circle.group("hush", privacy="secret")
    await circle.join(circle.ids["ana"], secret, "admin")
    thread = await circle.thread(circle.ids["ana"], "Hush", group=secret)
    assert (await told(circle, "ana", thread, 0)).stays


async def test_people_of_the_thread_are_named_first_and_nobody_from_a_hidden_one(circle, thread):
    await circle.person("anabel")
    far = await circle.person("anatole", host="coop.test")
    stranger = await circle.person("anastasia", host="other.test")
    await circle.say(thread, far)
    hidden = await circle.thread(circle.ids["ana"], "Between us")
    await circle.say(hidden, stranger)
    await circle.change(Thread, hidden, private=True)

    async def found(words, where=thread):
        people = await circle.storage.read(lambda work: mentions.beginning_with(work, words, thread_id=where))
        return [person.handle for person in people]

    assert await found("ana") == ["ana", "anatole@coop.test", "anabel"]
    assert await found("@anatole@co") == ["anatole@coop.test"]
    assert await found("anatole@else") == []
    assert await found("anastasia", hidden) == ["anastasia@other.test"]
    assert await found("%") == []
    assert await found("a_a") == []


async def test_rights_say_what_the_rules_say(circle, thread, clock):
    async def of(who, where=thread):
        return await circle.storage.read(rights.in_thread, circle.ids[who], where)

    assert (await of("ben")).reply and (await of("ben")).react
    assert not (await of("ben")).moderate and not (await of("ben")).edit_opening
    assert (await of("ana")).edit_opening
    out = await circle.person("out", member=False)
    assert out and not (await of("out")).reply
    assert "join it first" in str((await of("out")).why_not)
    await circle.change(Group, circle.ids["group"], slow_mode=600)
    await circle.say(thread, circle.ids["ben"])
    clock.forward(seconds=10)
    waiting = await of("ben")
    assert waiting.reply and "slow mode" in str(waiting.why_not)
    await circle.change(Thread, thread, locked_at=clock())
    assert not (await of("ben")).reply
