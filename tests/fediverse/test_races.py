"""Two workers on one database: numbers stay gapless, counts stay true, and nothing is there twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from node.forum import people, reactions, text, threads
from node.forum.errors import Refusal
from node.forum.people import Profile
from node.forum.threads import Elsewhere
from storage import people as stored_people
from storage import threads as stored_threads
from storage.schema import Comment
from storage.work import Storage, Work
from tests.conftest import HeldClock


@pytest.fixture
async def workers(database_url: str, clock: HeldClock) -> AsyncIterator[list[Storage]]:
    """Two processes' worth of storage on the same database."""
    both = [Storage(database_url, origin="https://node.test", now=clock) for _ in range(2)]
    for storage in both:
        storage.start()
    yield both
    for storage in both:
        storage.close()


def _profile(number: int) -> Profile:
    uri = f"https://mastodon.test/users/p{number}"
    return Profile(
        uri=uri, kind="person", name=f"p{number}", display_name="", summary="", url=uri, inbox=f"{uri}/inbox",
        shared_inbox=None, outbox=None, followers=None, following=None, featured=None, moderators=None, icon_url=None,
        discoverable=True, indexable=True, manually_approves=False, host="mastodon.test", keys=((f"{uri}#key", "PEM"),),
    )  # fmt: skip


def _start(work: Work) -> str:
    from node.forum import groups

    ana = people.create_person(work, "ana")
    group, _ = groups.create_group(work, "garden", creator=ana)
    return threads.start_thread(work, ana, group, "Tools", text.from_markdown("A ladder?")).uri


def _answer(work: Work, parent: str, number: int, uri: str | None = None) -> str:
    author = people.meet(work, _profile(number))
    answered = stored_threads.comment_by_uri(work, parent)
    assert answered is not None
    uri = uri or f"{author.uri}/{number}"
    words = text.from_html(f"<p>{number}</p>")
    return threads.post_comment(work, author, answered, words, elsewhere=Elsewhere(uri)).uri


def _react(work: Work, uri: str, number: int, *, undo: bool = False) -> None:
    author = people.meet(work, _profile(number))
    comment = stored_threads.comment_by_uri(work, uri)
    assert comment is not None
    if undo:
        reactions.unreact(work, author, comment, "like")
    else:
        reactions.react(work, author, comment, "like")


def _look(work: Work, opening: str) -> tuple[Comment, list[int], int, int]:
    first = stored_threads.comment_by_uri(work, opening)
    assert first is not None
    thread = stored_threads.by_id(work, first.thread_id)
    rows = work.query(Comment).filter(Comment.thread_id == thread.id).all()
    return first, sorted(row.number for row in rows), thread.next_number, thread.comments_count


async def test_answers_that_come_at_once_are_numbered_without_gaps(workers: list[Storage]) -> None:
    opening = await workers[0].write(_start)
    at_once = [workers[number % 2].write(_answer, opening, number) for number in range(30)]
    at_once += [workers[number % 2].write(_react, opening, number) for number in range(12)]
    await asyncio.gather(*at_once)

    first, numbers, following, count = await workers[0].read(_look, opening)
    assert numbers == list(range(31))
    assert (following, count, first.replies_count, first.likes_count) == (31, 30, 30, 12)
    await asyncio.gather(*(workers[number % 2].write(_react, opening, number, undo=True) for number in range(12)))
    first, *_ = await workers[1].read(_look, opening)
    assert first.likes_count == 0


async def test_the_same_answer_through_two_workers_is_one(workers: list[Storage]) -> None:
    """REL-10"""
    opening = await workers[0].write(_start)
    uri = "https://mastodon.test/users/p1/1"
    said = await asyncio.gather(*(workers[turn % 2].write(_answer, opening, 1, uri) for turn in range(10)))
    reactions_at_once = [workers[turn % 2].write(_react, uri, 2) for turn in range(6)]
    await asyncio.gather(*reactions_at_once)

    first, numbers, following, count = await workers[0].read(_look, opening)
    assert set(said) == {uri}
    assert (numbers, following, count, first.replies_count) == ([0, 1], 2, 1, 1)
    answer = await workers[0].read(stored_threads.comment_by_uri, uri)
    assert answer is not None and answer.likes_count == 1


async def test_edits_and_an_erasure_at_once_end_in_the_erasure(workers: list[Storage]) -> None:
    """REL-27"""
    opening = await workers[0].write(_start)
    uri = await workers[0].write(_answer, opening, 1)

    def edit(work: Work, number: int) -> None:
        comment = stored_threads.comment_by_uri(work, uri)
        author = stored_people.by_uri(work, "https://mastodon.test/users/p1")
        assert comment is not None and author is not None
        threads.edit_comment(work, author, comment, text.from_html(f"<p>Edit {number}</p>"))

    def erase(work: Work) -> None:
        comment = stored_threads.comment_by_uri(work, uri)
        author = stored_people.by_uri(work, "https://mastodon.test/users/p1")
        assert comment is not None and author is not None
        threads.erase_comment(work, author, comment)

    jobs = [workers[number % 2].write(edit, number) for number in range(6)]
    jobs += [workers[0].write(erase), *(workers[1].write(_react, uri, number) for number in range(4))]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert all(result is None or isinstance(result, Refusal) for result in done)
    row = await workers[0].read(stored_threads.comment_by_uri, uri)
    assert row is not None and (row.state, row.html, row.likes_count) == ("deleted", "", 0)
    assert await workers[0].read(stored_threads.reacting_ids, row.id) == set()
