"""The inbox of unread threads: what waits there, what is put off, and how it gets empty."""

from __future__ import annotations

from node.forum import reading
from storage import ranges, readings
from storage.schema import Actor, Comment, Membership, Thread


async def inbox(circle, who):
    found, hollow = await circle.storage.read(readings.unread, circle.ids[who])
    assert hollow == []
    assert await circle.storage.read(readings.unread_threads, circle.ids[who]) == len(found)
    return found


async def show(circle, who, thread, *numbers):
    await circle.storage.write(reading.mark_read, circle.ids[who], thread, ranges.of(numbers))


async def test_what_is_new_waits_with_how_much_by_whom_and_from_where(circle, thread, clock):
    await show(circle, "ben", thread, 0)
    since = clock()
    clock.forward(hours=5)
    await circle.say(thread, circle.ids["ana"], "The **pot** first.")
    await circle.say(thread, circle.ids["mira"], "Or by use.")
    await circle.say(thread, circle.ids["ben"], "Mine.")
    await circle.say(thread, circle.ids["ana"], "Hm.")
    (waiting,) = await inbox(circle, "ben")
    assert (waiting.count, waiting.first, waiting.last) == (3, 1, 4)
    assert [person.handle for person in waiting.authors] == ["ana", "mira"]
    assert "<strong>pot</strong>" in waiting.excerpt
    assert waiting.since is not None and waiting.since > since
    assert waiting.title == "Who pays?"


async def test_a_thread_that_is_read_to_its_end_waits_no_more(circle, thread):
    await circle.say(thread, circle.ids["ana"])
    assert len(await inbox(circle, "ben")) == 1
    await show(circle, "ben", thread, 0, 1)
    assert await inbox(circle, "ben") == []


async def test_whoever_comes_later_is_not_met_by_all_that_was_said_before(circle, thread, clock):
    clock.forward(days=1)
    noor = await circle.person("noor")
    assert await inbox(circle, "noor") == []
    clock.forward(hours=1)
    await circle.say(thread, circle.ids["ana"])
    (waiting,) = await inbox(circle, "noor")
    assert waiting.count == 2  # the opening too: she has never been there
    await circle.change(Membership, await membership(circle, noor), role="banned")
    assert await inbox(circle, "noor") == []


async def membership(circle, actor):
    return await circle.storage.read(
        lambda work: work.query(Membership).filter_by(actor_id=actor).one().id,
    )


async def test_only_threads_of_my_groups_wait(circle, thread):
    other = await circle.group("other")
    outsider = await circle.person("outsider", member=False)
    await circle.join(outsider, other)
    assert await inbox(circle, "outsider") == []
    theirs = await circle.thread(outsider, "Elsewhere", group=other)
    assert [waiting.thread_id for waiting in await inbox(circle, "ben")] == [thread]
    await circle.join(circle.ids["ben"], other)
    await circle.say(theirs, outsider)
    assert [waiting.thread_id for waiting in await inbox(circle, "ben")] == [theirs, thread]


async def test_a_guest_finds_the_thread_they_were_invited_to_and_no_other(circle, thread):
    await circle.thread(circle.ids["ana"], "Another")
    guest = await circle.person("guest", member=False)
    assert await inbox(circle, "guest") == []
    await circle.invite(guest, thread)
    await circle.say(thread, circle.ids["ana"])
    assert [waiting.thread_id for waiting in await inbox(circle, "guest")] == [thread]


async def test_what_is_dismissed_comes_back_with_something_newer(circle, thread):
    ben = circle.ids["ben"]
    await circle.say(thread, circle.ids["ana"])
    await circle.do(reading.dismiss, ben, thread)
    assert await inbox(circle, "ben") == []
    assert await circle.storage.read(readings.seen_by, thread) != []
    assert "ben" not in [row.person.handle for row in await circle.storage.read(readings.seen_by, thread)]
    await circle.do(reading.recall, ben, thread)
    assert len(await inbox(circle, "ben")) == 1
    await circle.do(reading.dismiss, ben, thread)
    await circle.say(thread, circle.ids["mira"])
    (waiting,) = await inbox(circle, "ben")
    assert waiting.first == 0


async def test_everything_can_be_marked_as_read(circle, thread):
    for number in range(5):
        other = await circle.thread(circle.ids["mira"], f"Thread {number}")
        await circle.say(other, circle.ids["ana"])
    assert len(await inbox(circle, "ben")) == 6
    assert await circle.do(reading.mark_everything_read, circle.ids["ben"]) is False
    assert await inbox(circle, "ben") == []


async def test_what_was_taken_away_does_not_wait(circle, thread):
    ben = circle.ids["ben"]
    await show(circle, "ben", thread, 0)
    await circle.say(thread, circle.ids["ana"])
    item = await circle.item(thread, 1)
    await circle.change(Comment, item.id, state="removed")
    found, hollow = await circle.storage.read(readings.unread, ben)
    assert (found, hollow) == ([], [thread])
    await circle.storage.write(reading.close_gaps, ben, hollow)
    assert await inbox(circle, "ben") == []
    await circle.say(thread, circle.ids["ana"])
    assert len(await inbox(circle, "ben")) == 1
    await circle.change(Thread, thread, state="removed")
    assert await inbox(circle, "ben") == []
    await circle.change(Thread, thread, state="visible")
    await circle.change(Actor, circle.ids["group"], state="deleted")
    assert await inbox(circle, "ben") == []


async def test_what_a_warning_covers_is_not_quoted(circle, thread):
    await show(circle, "ben", thread, 0)
    await circle.say(thread, circle.ids["ana"], "It is a wasp.")
    item = await circle.item(thread, 1)
    await circle.change(Comment, item.id, summary="insects")
    (waiting,) = await inbox(circle, "ben")
    assert waiting.excerpt == "insects"
