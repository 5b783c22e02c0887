"""Bookmarks: items at hand for one member, as long as they may be seen."""

from __future__ import annotations

import pytest

from node.forum import reading
from node.forum.errors import NotFound
from storage import bookmarks
from storage.schema import Comment, Thread


async def kept(circle, who):
    found = await circle.storage.read(lambda work: bookmarks.kept_by(work, circle.ids[who], limit=20))
    return [said.item.number for said in found]


async def bookmark(circle, who, thread, number, *, keep=True):
    item = await circle.item(thread, number)
    await circle.do(reading.bookmark, circle.ids[who], item, kept=keep)


async def test_what_is_kept_last_stands_first(circle, thread, clock):
    for _ in range(3):
        await circle.say(thread, circle.ids["ana"])
    for number in (2, 1, 3, 1):
        clock.forward(minutes=1)
        await bookmark(circle, "ben", thread, number)
    assert await kept(circle, "ben") == [3, 1, 2]
    assert await kept(circle, "mira") == []
    await bookmark(circle, "ben", thread, 1, keep=False)
    await bookmark(circle, "ben", thread, 1, keep=False)
    assert await kept(circle, "ben") == [3, 2]


async def test_what_is_taken_away_is_shown_no_more(circle, thread):
    await circle.say(thread, circle.ids["ana"])
    await bookmark(circle, "ben", thread, 1)
    await bookmark(circle, "ben", thread, 0)
    item = await circle.item(thread, 1)
    await circle.change(Comment, item.id, state="removed")
    assert await kept(circle, "ben") == [0]
    await circle.change(Thread, thread, state="removed")
    assert await kept(circle, "ben") == []


async def test_nobody_keeps_what_they_cannot_see(circle):
    hidden = await circle.thread(circle.ids["ana"], "Between us", private=True)
    await circle.person("out", member=False)
    with pytest.raises(NotFound):
        await bookmark(circle, "out", hidden, 0)
