"""A page of a thread as the database answers it: every item once, forth and back, in every view, on each engine."""

from __future__ import annotations

import pytest

from node.forum import reading
from storage import pages, ranges, wholes
from storage.schema import Actor, Comment


async def page(circle, thread, viewer=None, **given):
    return await circle.storage.read(
        lambda work: pages.thread_page(work, thread, viewer=circle.ids[viewer] if viewer else None, **given)
    )


@pytest.fixture
async def long(circle, thread, monkeypatch):
    """Twenty-three answers, some deep, on pages of five."""
    monkeypatch.setattr(pages, "PAGE", 5)
    for number in range(23):
        await circle.say(thread, circle.ids["ana" if number % 2 else "mira"], f"{number + 1}.", to=number // 2)
    return thread


@pytest.mark.parametrize("view", ["tree", "flat"])
async def test_pages_follow_one_another_forth_and_back(circle, long, view):
    forth, after = [], None
    while True:
        found = await page(circle, long, view=view, after=after)
        forth += [item.number for item in found.items]
        if found.after is None:
            break
        after = found.after
    assert sorted(forth) == list(range(1, 24))
    assert view == "tree" or forth == sorted(forth)
    back = [item.number for item in found.items]
    while found.before is not None:
        found = await page(circle, long, view=view, before=found.before)
        back = [item.number for item in found.items] + back
    assert back == forth
    for number in (1, 7, 12, 23):
        assert number in [item.number for item in (await page(circle, long, view=view, at=number)).items]
    assert [item.number for item in (await page(circle, long, view=view, only=7)).items] == [7]


async def test_a_page_says_what_is_new_to_whom(circle, long):
    await circle.storage.write(reading.mark_read, circle.ids["ben"], long, ranges.of([0, 1, 2, 5]))
    found = await page(circle, long, "ben", view="flat")
    assert [(item.number, item.new) for item in found.items] == [
        (1, False),
        (2, False),
        (3, True),
        (4, True),
        (5, False),
    ]
    assert (found.unread, found.first_unread, found.seen) == (20, 3, 3)
    assert found.group.role == "member"
    news = await page(circle, long, "ben", view="new")
    assert [item.number for item in news.items] == [3, 4, 6, 7, 8]
    assert [item.number for item in (await page(circle, long, "ben", view="new", after=8)).items] == [9, 10, 11, 12, 13]
    assert [(item.parent_number, item.parent_author) for item in news.items][:2] == [(1, "Mira"), (1, "Mira")]
    own = await page(circle, long, "ana", view="flat")
    assert [item.number for item in own.items if item.new] == [1, 3, 5]


async def test_what_may_not_be_shown_has_lost_its_words(circle, long):
    far = await circle.person("far", host="far.test")
    number = await circle.say(long, far, "From far away.")
    await circle.say(long, circle.ids["ben"], "To far.", to=number)
    (item,) = (await page(circle, long, only=number)).items
    assert (item.state, item.author.handle) == ("visible", "far@far.test")
    await circle.host("far.test", limit="suspend")
    (item,) = (await page(circle, long, only=number)).items
    assert (item.state, item.html, item.author) == ("removed", "", None)
    (answer,) = (await page(circle, long, only=number + 1)).items
    assert (answer.parent_number, answer.parent_author) == (number, None)
    await circle.change(Actor, circle.ids["mira"], state="suspended")
    (item,) = (await page(circle, long, only=1)).items
    assert (item.state, item.html) == ("removed", "")


async def test_what_few_items_have_is_there_all_the_same(circle, long):
    item = await circle.item(long, 3)
    given = {
        "summary": "insects",
        "sensitive": True,
        "language": "pt",
        "page_url": "https://far.test/3",
        "attachments": [{"kind": "Image", "url": "https://far.test/1.jpg", "alt": "A wasp"}],
        "question": {"options": ["Yes", "No"]},
        "tags": ["wasps"],
    }
    await circle.change(Comment, item.id, **given)
    (shown,) = (await page(circle, long, only=3)).items
    assert shown.covered
    assert (shown.summary, shown.language, shown.page_url) == ("insects", "pt", "https://far.test/3")
    assert (shown.attachments[0]["alt"], shown.question["options"], shown.tags) == ("A wasp", ["Yes", "No"], ("wasps",))
    (other,) = (await page(circle, long, only=4)).items
    assert (other.summary, other.sensitive, other.attachments, other.tags) == (None, False, (), ())


async def test_a_whole_thread_comes_in_pieces(circle, long, monkeypatch):
    monkeypatch.setattr(wholes, "PIECE", 7)
    found, after = [], ""
    while True:
        piece, after = await circle.storage.read(wholes.piece, long, viewer=None, after=after)
        found += [(sourced.item.number, sourced.source) for sourced in piece]
        if not after:
            break
    assert sorted(number for number, _ in found) == list(range(24))
    assert dict(found)[7] == "7."
    assert found[0] == (0, "Tell us.")
