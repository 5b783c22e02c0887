"""Drafts: kept by the server, for their writer alone, until they are posted or thrown away."""

from __future__ import annotations

import pytest

from node.forum import drafts
from node.forum.errors import Invalid, NotFound
from storage import drafts as stored
from storage.schema import Actor


async def words(circle, who, place):
    return await circle.storage.read(drafts.words_in, circle.ids[who], place)


@pytest.fixture
async def place(circle, thread):
    return f"reply:{(await circle.item(thread, 0)).uid}"


async def test_a_draft_is_kept_and_replaced(circle, place, clock):
    ben = circle.ids["ben"]
    await circle.do(drafts.keep_draft, ben, place, {"source": "The po"})
    clock.forward(seconds=5)
    await circle.do(drafts.keep_draft, ben, place, {"source": "The pot"})
    assert await words(circle, "ben", place) == {"source": "The pot"}
    assert await words(circle, "ana", place) == {}
    (row,) = await circle.storage.read(stored.of_actor, ben)
    assert row.updated_at == clock()


async def test_an_empty_draft_is_none(circle, place):
    ben = circle.ids["ben"]
    await circle.do(drafts.keep_draft, ben, place, {"source": "The pot"})
    await circle.do(drafts.keep_draft, ben, place, {"source": " \n"})
    assert await circle.storage.read(stored.count, ben) == 0


async def test_a_draft_can_be_thrown_away(circle, place):
    ben = circle.ids["ben"]
    await circle.do(drafts.keep_draft, ben, place, {"source": "The pot"})
    await circle.do(drafts.drop_draft, ben, place)
    await circle.do(drafts.drop_draft, ben, place)
    assert await words(circle, "ben", place) == {}


@pytest.mark.parametrize("place", ["reply:", "reply:aaaa", "letter:a", "thread:nowhere", "reply:x'--", "thread:\x00"])
async def test_a_place_that_is_not_there_holds_no_draft(circle, place):
    with pytest.raises(NotFound):
        await circle.do(drafts.keep_draft, circle.ids["ben"], place, {"source": "Words"})


async def test_a_hidden_place_looks_like_none(circle):
    """PRV-06"""
    hidden = await circle.thread(circle.ids["ana"], "Between us", private=True)
    place = f"reply:{(await circle.item(hidden, 0)).uid}"
    out = await circle.person("out", member=False)
    with pytest.raises(NotFound):
        await circle.do(drafts.keep_draft, out, place, {"source": "Words"})
    await circle.do(drafts.keep_draft, circle.ids["ben"], place, {"source": "Words"})


async def test_a_thread_can_be_begun_in_a_group(circle):
    await circle.do(drafts.keep_draft, circle.ids["ben"], "thread:commons", {"title": "Who", "source": ""})
    assert await words(circle, "ben", "thread:commons") == {"title": "Who", "source": ""}


async def test_what_no_database_takes_is_left_out(circle, place):
    await circle.do(drafts.keep_draft, circle.ids["ben"], place, {"source": "a\x00b\r\nc"})
    assert await words(circle, "ben", place) == {"source": "ab\nc"}


async def test_what_is_too_long_is_refused(circle, place):
    with pytest.raises(Invalid):
        await circle.do(drafts.keep_draft, circle.ids["ben"], place, {"source": "x" * (drafts.LONGEST + 1)})


async def test_the_oldest_draft_makes_room(circle, place, clock, monkeypatch):
    monkeypatch.setattr(drafts, "KEPT", 2)
    ben = circle.ids["ben"]
    await circle.group("other")
    for name in ("thread:commons", "thread:other", place):
        clock.forward(minutes=1)
        await circle.do(drafts.keep_draft, ben, name, {"source": name})
    assert [row.place for row in await circle.storage.read(stored.of_actor, ben)] == [place, "thread:other"]


async def test_whoever_is_suspended_keeps_nothing_new(circle, place):
    await circle.change(Actor, circle.ids["ben"], state="suspended")
    with pytest.raises(Exception, match="suspended"):
        await circle.do(drafts.keep_draft, circle.ids["ben"], place, {"source": "Words"})
