"""Read marks: what is new to whom, and how that is taken back."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from node.forum import reading
from node.forum import threads as forum
from node.forum.errors import NotFound
from storage import ranges, readings
from storage.schema import Actor, Comment, Reading, Thread


async def seen(circle, who, thread):
    row = await circle.row(Reading, (circle.ids[who], thread))
    return row.ranges if row is not None else None


async def show(circle, who, thread, *numbers):
    await circle.storage.write(reading.mark_read, circle.ids[who], thread, ranges.of(numbers))


async def first_new(circle, who, thread):
    row = await circle.row(Reading, (circle.ids[who], thread))
    last = (await circle.row(Thread, thread)).next_number - 1
    held = ranges.parse(row.ranges) if row is not None else ()
    return await circle.storage.read(readings.first_new, thread, held, last, circle.ids[who])


def test_ranges_say_the_same_as_a_set_of_numbers():
    """A thousand sets, added to, taken from and written down as ranges and as what they stand for."""
    dice = random.Random(7)
    for _ in range(1000):
        numbers = {dice.randrange(40) for _ in range(dice.randrange(30))}
        held = ranges.of(numbers)
        assert ranges.parse(ranges.write(held)) == held
        assert {n for first, last in held for n in range(first, last + 1)} == numbers
        assert all(one[1] + 1 < other[0] for one, other in pairwise(held))
        first = dice.randrange(45)
        last = first + dice.randrange(10)
        left = ranges.without(held, first, last)
        assert left == ranges.of(numbers - set(range(first, last + 1)))
        top = dice.randrange(45)
        assert ranges.of(n for a, b in ranges.gaps(held, top) for n in range(a, b + 1)) == ranges.of(
            set(range(top + 1)) - numbers
        )
        more = {dice.randrange(40) for _ in range(10)}
        assert ranges.add(held, ranges.of(more)) == ranges.of(numbers | more)
        assert all(ranges.holds(held, number) == (number in numbers) for number in range(45))


async def test_what_was_shown_is_read_and_the_rest_is_new(circle, thread):
    for _ in range(9):
        await circle.say(thread, circle.ids["ana"])
    await show(circle, "ben", thread, 0, 1, 2, 5)
    assert await seen(circle, "ben", thread) == "0-2,5-5"
    assert await first_new(circle, "ben", thread) == 3
    await show(circle, "ben", thread, 3, 4, 6)
    assert await seen(circle, "ben", thread) == "0-6"
    assert await first_new(circle, "ben", thread) == 7
    assert await seen(circle, "mira", thread) is None


async def test_one_s_own_words_are_read(circle, thread):
    assert await seen(circle, "ana", thread) == "0-0"
    await circle.say(thread, circle.ids["ben"])
    await circle.say(thread, circle.ids["ana"])
    assert await seen(circle, "ana", thread) == "0-0,2-2"
    assert await seen(circle, "ben", thread) == "1-1"


async def test_marks_can_be_taken_back_from_an_item_on(circle, thread):
    for _ in range(5):
        await circle.say(thread, circle.ids["ana"])
    await show(circle, "ben", thread, *range(6))
    await circle.do(reading.mark_unread_from, circle.ids["ben"], thread, 3)
    assert await seen(circle, "ben", thread) == "0-2"
    assert await first_new(circle, "ben", thread) == 3
    assert await circle.storage.read(readings.unread_threads, circle.ids["ben"]) == 1


async def test_all_of_a_thread_can_be_marked_as_read(circle, thread):
    for _ in range(5):
        await circle.say(thread, circle.ids["ana"])
    await circle.do(reading.mark_all_read, circle.ids["ben"], thread)
    assert await seen(circle, "ben", thread) == "0-5"
    assert await first_new(circle, "ben", thread) is None


async def test_gaps_without_words_close_by_themselves(circle, thread):
    """What was removed, deleted, moved or never came is not new to anybody."""
    for _ in range(6):
        await circle.say(thread, circle.ids["ana"])
    for number, state in ((2, "removed"), (3, "deleted"), (5, "missing")):
        item = await circle.item(thread, number)
        await circle.change(Comment, item.id, state=state)
    await show(circle, "ben", thread, 0, 1, 4, 6)
    assert await seen(circle, "ben", thread) == "0-6"


async def test_what_comes_late_into_its_place_is_new_to_everybody(circle, thread):
    far = await circle.person("far", host="far.test")
    uri = "https://far.test/notes/1"
    await circle.storage.write(lambda work: forum.leave_hole(work, thread, uri).number)
    await circle.say(thread, circle.ids["ana"])
    await show(circle, "ben", thread, 0, 1, 2)
    assert await seen(circle, "ben", thread) == "0-2"
    assert await circle.say(thread, far, uri=uri) == 1
    assert await seen(circle, "ben", thread) == "0-0,2-2"
    assert await first_new(circle, "ben", thread) == 1


async def test_a_number_that_does_not_exist_yet_cannot_be_read(circle, thread):
    await show(circle, "ben", thread, 0, 1, 2, 900)
    assert await seen(circle, "ben", thread) == "0-0"
    await circle.say(thread, circle.ids["ana"])
    assert await first_new(circle, "ben", thread) == 1


async def test_marks_of_many_readers_are_written_together(circle, thread):
    await circle.say(thread, circle.ids["ana"])
    other = await circle.thread(circle.ids["mira"], "Another")
    shown = {
        (circle.ids["ben"], thread): ranges.of([0, 1]),
        (circle.ids["mira"], thread): ranges.of([0]),
        (circle.ids["ben"], other): ranges.of([0]),
    }
    await circle.storage.write(reading.mark_shown, shown)
    assert [await seen(circle, *pair) for pair in (("ben", thread), ("mira", thread), ("ben", other))] == [
        "0-1",
        "0-0",
        "0-0",
    ]


async def test_nobody_marks_what_they_cannot_see(circle):
    hidden = await circle.thread(circle.ids["ana"], "Between us", private=True)
    out = await circle.person("out", member=False)
    await show(circle, "out", hidden, 0)
    assert await seen(circle, "out", hidden) is None
    for verb in (reading.mark_all_read, reading.dismiss, reading.recall):
        with pytest.raises(NotFound):
            await circle.do(verb, out, hidden)
    with pytest.raises(NotFound):
        await circle.do(reading.mark_unread_from, out, hidden, 0)


async def test_many_pieces_are_kept_and_asked_for_whole(circle, thread):
    """A reader who jumped about: every other item of two hundred and forty."""
    for _ in range(240):
        await circle.say(thread, circle.ids["ana"])
    await show(circle, "ben", thread, *range(0, 241, 2))
    assert len(ranges.parse(await seen(circle, "ben", thread))) == 121
    row = await circle.row(Reading, (circle.ids["ben"], thread))
    ids = await circle.storage.read(
        readings.new_ids, thread, ranges.parse(row.ranges), 240, circle.ids["ben"], after=100, limit=60
    )
    numbers = await circle.storage.read(lambda work: [work.get_one(Comment, i).number for i in ids])
    assert numbers == list(range(101, 221, 2))


async def test_who_has_seen_a_thread_is_told_with_when(circle, thread, clock):
    first = clock()
    clock.forward(hours=1)
    await show(circle, "ben", thread, 0)
    came = clock()
    clock.forward(hours=2)
    await circle.say(thread, circle.ids["ana"])
    await show(circle, "ben", thread, 1)
    await circle.do(reading.dismiss, circle.ids["mira"], thread)
    told = await circle.storage.read(readings.seen_by, thread)
    assert [(row.person.handle, row.first_at, row.latest_at) for row in told] == [
        ("ana", first, clock()),
        ("ben", came, clock()),
    ]
    await circle.change(Actor, circle.ids["ben"], state="suspended")
    assert [row.person.handle for row in await circle.storage.read(readings.seen_by, thread)] == ["ana"]


async def test_what_someone_read_and_kept_goes_with_them(circle, thread):
    ben = circle.ids["ben"]
    await show(circle, "ben", thread, 0)
    await circle.storage.write(reading.forget_all_of, ben)
    assert await seen(circle, "ben", thread) is None
