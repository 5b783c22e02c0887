"""A branch becomes a thread of its own: what moves, what stays, and what leads from the old place to the new."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from node.forum import moves, reactions, threads, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound
from storage import threads as stored_threads
from storage.schema import Bookmark, Moved, Reading
from storage.work import Storage, Work
from tests.conftest import HeldClock
from tests.threads.conftest import Row, Scene, actor, group, words


async def _split(scene: Scene, who: str, what: str, title: str = "Peas", source: str = "Moved here.") -> None:
    def act(work: Work) -> str:
        return moves.split_branch(
            work, actor(work, who), scene.item(work, what), title, words(work, source), "another matter"
        ).uri

    scene.uris["new"] = await scene.storage.write(act)


async def _grown(scene: Scene) -> None:
    """#1 beans, #2 peas below it, #3 corn, #4 green below peas, #5 red below peas, #6 sweet below green."""
    await scene.start("top")
    await scene.say("beans", "top")
    await scene.say("peas", "beans", "cem")
    await scene.say("corn", "top")
    await scene.say("green", "peas")
    await scene.say("red", "peas", "cem")
    await scene.say("sweet", "green", "ana")


async def test_a_branch_hangs_below_an_opening_of_its_own_in_its_old_order(scene: Scene) -> None:
    await _grown(scene)

    await _split(scene, "mira", "peas")

    new = await scene.rows("new")
    assert {name: (row.number, row.depth, row.parent) for name, row in new.items()} == {
        "new": (0, 0, None),
        "peas": (1, 1, "new"),
        "green": (2, 2, "peas"),
        "sweet": (4, 3, "green"),
        "red": (3, 2, "peas"),
    }
    assert list(new) == ["new", "peas", "green", "sweet", "red"]
    old = await scene.rows("top")
    assert list(old) == ["top", "beans", "#2", "corn"]
    assert old["#2"] == Row(2, 2, old["#2"].path, "moved", "beans", "", "peas")


async def test_both_threads_count_what_is_in_them(scene: Scene) -> None:
    await _grown(scene)
    await _split(scene, "mira", "peas")

    old, new = await scene.thread("top"), await scene.thread("new")
    assert (old.comments_count, old.next_number) == (2, 7)
    assert (new.comments_count, new.next_number) == (4, 5)
    counts = {name: (await scene.row(name)).replies_count for name in ("top", "beans", "new", "peas", "green")}
    assert counts == {"top": 2, "beans": 0, "new": 1, "peas": 2, "green": 1}
    await scene.say("more", "new")
    await scene.say("less", "top")
    assert ((await scene.row("more")).number, (await scene.row("less")).number) == (5, 7)


async def test_old_numbers_lead_to_where_their_items_are_now(scene: Scene) -> None:
    await _grown(scene)
    old = await scene.thread("top")
    await _split(scene, "mira", "peas")
    await _split(scene, "mira", "green", title="Green ones")  # out of the thread that was split off

    def led(work: Work, number: int) -> tuple[str, int] | None:
        item = stored_threads.moved_item(work, old.id, number)
        place = stored_threads.moved_place(work, item.id, None) if item is not None else None
        return (place.title, place.number) if place is not None else None

    found = {number: await scene.storage.read(led, number) for number in range(1, 8)}
    assert found == {1: None, 2: None, 3: None, 4: ("Green ones", 1), 5: ("Peas", 3), 6: ("Green ones", 2), 7: None}
    kept = await scene.storage.read(lambda work: len(list(work.scalars(select(Moved)))))
    assert kept == 4


async def test_ids_reactions_bookmarks_and_earlier_wordings_stay_with_the_items(scene: Scene) -> None:
    await _grown(scene)
    before = {name: await scene.row(name) for name in ("peas", "green")}
    await scene.act(lambda work, who, item: reactions.react(work, who, item, "like"), "ana", "green")
    await scene.storage.write(
        lambda work: work.add(
            Bookmark(actor_id=actor(work, "ana").id, comment_id=before["peas"].id, created_at=work.now)
        )
    )
    await _split(scene, "mira", "peas")

    for name, row in before.items():
        now = await scene.row(name)
        assert (now.id, now.uid, now.uri, now.published_at) == (row.id, row.uid, row.uri, row.published_at)
    assert (await scene.row("green")).likes_count == 1
    kept = await scene.storage.read(lambda work: [row.comment_id for row in work.scalars(select(Bookmark))])
    assert kept == [before["peas"].id]


async def test_who_saw_an_item_has_seen_it_in_its_new_place(scene: Scene) -> None:
    await _grown(scene)
    old = await scene.thread("top")

    def read(work: Work) -> None:
        work.query(Reading).delete()
        row = Reading(
            actor_id=actor(work, "ana").id, thread_id=old.id, ranges="0-2,4-4,6-6", first_at=work.now,
            latest_at=work.now,
        )  # fmt: skip
        work.add(row)

    await scene.storage.write(read)
    await _split(scene, "mira", "peas")

    new = await scene.thread("new")
    seen = await scene.storage.read(
        lambda work: [row.ranges for row in work.scalars(select(Reading).where(Reading.thread_id == new.id))]
    )
    assert seen == ["1-2,4-4"]  # peas, green, sweet; not red


@pytest.mark.parametrize("who", ["ben", "cem", "dora"])
async def test_only_moderators_split(scene: Scene, who: str) -> None:
    await _grown(scene)

    with pytest.raises(NotAllowed):
        await _split(scene, who, "peas")

    assert (await scene.thread("top")).comments_count == 6


async def test_nothing_is_split_twice_and_an_opening_never(scene: Scene) -> None:
    await _grown(scene)
    await _split(scene, "mira", "peas")

    with pytest.raises(NotFound):
        await _split(scene, "mira", "top")
    stub = await scene.storage.read(
        lambda work: stored_threads.comment_by_number(work, scene.item(work, "top").thread_id, 2).uri  # type: ignore[union-attr]
    )
    with pytest.raises(NotFound):
        await _split(scene, "mira", stub)
    with pytest.raises(Invalid):
        await _split(scene, "mira", "corn", title=" ")
    with pytest.raises(Invalid):
        await _split(scene, "mira", "corn", source=" ")


async def test_a_branch_of_a_private_thread_is_private(scene: Scene) -> None:
    await scene.start("top", private=True)
    await scene.say("peas", "top")

    await _split(scene, "mira", "peas")

    assert (await scene.thread("new")).private


async def test_what_moved_can_be_answered_where_it_is_and_not_where_it_was(scene: Scene) -> None:
    await _grown(scene)
    await _split(scene, "mira", "peas")

    await scene.say("late", "red")

    assert (await scene.rows("new"))["late"].parent == "red"
    stub = next(row for row in (await scene.rows("top")).values() if row.state == "moved")

    def answer(work: Work) -> None:
        item = stored_threads.comment_by_number(work, scene.item(work, "top").thread_id, stub.number)
        assert item is not None
        threads.post_comment(work, actor(work, "ben"), item, words(work, "Hello?"))

    with pytest.raises(NotAllowed):
        await scene.storage.write(answer)


async def test_the_place_in_a_group_that_became_secret_is_told_to_nobody_outside(scene: Scene) -> None:
    await _grown(scene)
    await scene.group("cellar", "mira", privacy="secret")
    old = await scene.thread("top")
    await _split(scene, "mira", "peas")

    def move(work: Work) -> None:
        moves.move_thread(work, actor(work, "mira"), scene.item(work, "new").thread_id, group(work, "cellar"), "hush")

    await scene.storage.write(move)

    def led(work: Work, who: str) -> Any:
        item = stored_threads.moved_item(work, old.id, 4)
        assert item is not None
        return stored_threads.moved_place(work, item.id, actor(work, who).id)

    assert await scene.storage.read(led, "ben") is None
    assert (await scene.storage.read(led, "mira")).group == "cellar"


async def test_a_reply_that_arrives_while_its_branch_is_split_goes_with_it(scene: Scene, clock: HeldClock) -> None:
    await _grown(scene)
    other = Storage(scene.storage.url.render_as_string(hide_password=False), origin=scene.storage.origin, now=clock)
    other.start()

    def reply(work: Work, number: int) -> str:
        item = scene.item(work, "sweet" if number % 2 else "red")
        return threads.post_comment(work, actor(work, "ben"), item, words(work, f"Reply {number}")).uri

    jobs = [(scene.storage if number % 2 else other).write(reply, number) for number in range(12)]
    jobs.insert(4, _split(scene, "mira", "peas"))  # type: ignore[arg-type]
    await asyncio.gather(*jobs)
    other.close()

    old, new = await scene.rows("top"), await scene.rows("new")
    assert [name for name in old if name.startswith("#")] == ["#2"]
    assert len(new) == 5 + 12
    for rows, key in ((old, "top"), (new, "new")):
        thread = await scene.thread(key)
        numbers = sorted(row.number for row in rows.values())
        assert len({*numbers}) == len(numbers) and numbers[-1] < thread.next_number
        assert thread.comments_count == sum(1 for row in rows.values() if row.number and row.state != "moved")
    below = {row.path: row for row in new.values()}
    for row in new.values():
        if row.depth > 1:
            assert below[row.path[: -stored_threads.SEGMENT]].depth == row.depth - 1


async def test_what_was_removed_moves_along_and_stays_hidden(scene: Scene) -> None:
    await _grown(scene)
    await scene.act(upkeep.remove_comment, "mira", "green", "rude")

    await _split(scene, "mira", "peas")

    assert (await scene.rows("new"))["green"].state == "removed"
    await scene.act(upkeep.restore_comment, "mira", "green")
    assert (await scene.rows("new"))["green"].state == "visible"
