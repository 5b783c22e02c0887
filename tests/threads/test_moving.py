"""A thread goes to another group: who may, how private it is then, and what happens meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from node.forum import moves, threads, upkeep
from node.forum.errors import NotAllowed
from storage.work import Storage, Work
from tests.conftest import HeldClock
from tests.threads.conftest import Scene, actor, group, words


async def _move(scene: Scene, who: str | None, what: str, to: str, why: str = "it fits better") -> None:
    def act(work: Work) -> None:
        mover = actor(work, who) if who else None
        moves.move_thread(work, mover, scene.item(work, what).thread_id, group(work, to), why)

    await scene.storage.write(act)


async def test_a_thread_moves_with_all_that_was_said_and_is_told_in_both_logs(scene: Scene) -> None:
    await scene.group("kitchen", "ben", "mira")
    await scene.start("beans")
    await scene.say("peas", "beans")
    await scene.tend(upkeep.pin_thread, "mira", "beans", "first")

    await _move(scene, "mira", "beans", "kitchen")
    await _move(scene, "ben", "beans", "kitchen")  # said again, by its new moderator, it is there already

    thread = await scene.thread("peas")
    kitchen = await scene.storage.read(lambda work: group(work, "kitchen").actor_id)
    assert (thread.group_id, thread.private, thread.pinned_at) == (kitchen, False, None)
    assert (await scene.acts())[1:] == [("mira", "move", "it fits better")] * 2


@pytest.mark.parametrize("who", ["cem", "dora", "ben"])
async def test_whoever_moves_it_is_a_moderator_where_it_was(scene: Scene, who: str) -> None:
    await scene.group("kitchen", "ben", "dora", "cem")
    await scene.start("beans", "cem")

    with pytest.raises(NotAllowed):
        await _move(scene, who, "beans", "kitchen")


async def test_and_may_start_threads_where_it_goes(scene: Scene) -> None:
    await scene.group("kitchen", "ben")
    await scene.group("council", "ben", "mira", who_may_start="moderators")
    await scene.group("square", "ben", "mira", threads="public")
    await scene.start("beans")
    await scene.start("secrets", private=True)

    for what, to in (("beans", "kitchen"), ("beans", "council"), ("secrets", "square")):
        with pytest.raises(NotAllowed):
            await _move(scene, "mira", what, to)


async def test_what_moves_to_a_stricter_place_is_private_from_then_on(scene: Scene) -> None:
    await scene.group("cellar", "mira", privacy="secret")
    await scene.group("council", "mira", threads="private")
    for name, to in (("beans", "cellar"), ("peas", "council")):
        await scene.start(name)
        await _move(scene, "mira", name, to)
        assert (await scene.thread(name)).private

    await _move(scene, "mira", "peas", "garden")
    assert (await scene.thread("peas")).private  # and never public again


async def test_what_was_said_in_secret_stays_secret(scene: Scene) -> None:
    await scene.group("cellar", "mira", privacy="secret")
    await scene.group("attic", "mira", privacy="secret")
    await scene.start("plan", "mira", group="cellar")

    for who in ("mira", None):
        with pytest.raises(NotAllowed):
            await _move(scene, who, "plan", "garden")
    await _move(scene, "mira", "plan", "attic")


async def test_nothing_moves_into_an_archived_group(scene: Scene, clock: HeldClock) -> None:
    await scene.group("old", "mira", archived_at=clock.moment)
    await scene.start("beans")

    for who in ("mira", None):
        with pytest.raises(NotAllowed):
            await _move(scene, who, "beans", "old")


async def test_whoever_comments_while_it_moves_is_judged_where_it_is(scene: Scene, clock: HeldClock) -> None:
    """A comment of a member of the old group alone is in before the move, or refused after it."""
    await scene.group("kitchen", "mira", "cem")
    await scene.start("beans", "mira")
    other = Storage(scene.storage.url.render_as_string(hide_password=False), origin=scene.storage.origin, now=clock)
    other.start()

    def say(work: Work, who: str, number: int) -> str:
        said = threads.post_comment(work, actor(work, who), scene.item(work, "beans"), words(work, f"{who} {number}"))
        return said.uri

    def move(work: Work) -> None:
        thread_id = scene.item(work, "beans").thread_id
        moves.move_thread(work, actor(work, "mira"), thread_id, group(work, "kitchen"), "it fits")

    turns = [(scene.storage if number % 2 else other, "ben" if number % 3 else "cem", number) for number in range(12)]
    jobs = [at.write(say, who, number) for at, who, number in turns]
    done = await asyncio.gather(*jobs[:6], scene.storage.write(move), *jobs[6:], return_exceptions=True)
    other.close()

    assert all(it is None or isinstance(it, str | NotAllowed) for it in done)
    rows = await scene.rows("beans")
    assert sorted(row.number for row in rows.values()) == list(range(len(rows)))
    assert (await scene.thread("beans")).comments_count == len(rows) - 1
    with pytest.raises(NotAllowed):
        await scene.say("late", "beans", "ben")
