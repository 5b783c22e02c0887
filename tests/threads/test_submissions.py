"""A form that is sent twice does what it asks for once, on one machine and on two."""

from __future__ import annotations

import asyncio

import pytest

from node.forum import submissions, threads
from node.forum.errors import Invalid
from storage import submissions as stored
from storage.work import Storage, Work
from tests.conftest import HeldClock
from tests.threads.conftest import Scene, actor, words


def _say(work: Work, scene: Scene, nonce: str | None) -> str:
    ben = actor(work, "ben")
    led_to = submissions.once(work, ben.id, nonce)
    if led_to is None:
        led_to = threads.post_comment(work, ben, scene.item(work, "beans"), words(work, "Once.")).uri
        submissions.keep(work, ben.id, nonce, led_to)
    return led_to


async def test_the_second_time_it_leads_to_what_came_of_the_first(scene: Scene) -> None:
    await scene.start("beans")

    said = [await scene.storage.write(_say, scene, "nonce-1") for _ in range(3)]

    assert len({*said}) == 1
    assert len(await scene.rows("beans")) == 2
    await scene.storage.write(_say, scene, "nonce-2")
    assert len(await scene.rows("beans")) == 3


async def test_sent_at_once_through_two_processes_it_is_one(scene: Scene, clock: HeldClock) -> None:
    await scene.start("beans")
    other = Storage(scene.storage.url.render_as_string(hide_password=False), origin=scene.storage.origin, now=clock)
    other.start()

    turns = ((scene.storage, other) * 4)[:6]
    said = await asyncio.gather(*(at.write(_say, scene, "nonce-1") for at in turns))
    other.close()

    assert len({*said}) == 1
    assert len(await scene.rows("beans")) == 2


async def test_without_a_nonce_each_counts_and_nonsense_is_refused(scene: Scene) -> None:
    await scene.start("beans")

    await scene.storage.write(_say, scene, None)
    await scene.storage.write(_say, scene, None)
    with pytest.raises(Invalid):
        await scene.storage.write(_say, scene, "x" * 65)

    assert len(await scene.rows("beans")) == 3


async def test_what_nobody_sends_again_is_forgotten(scene: Scene, clock: HeldClock) -> None:
    await scene.start("beans")
    await scene.storage.write(_say, scene, "nonce-1")
    clock.forward(days=3)

    await scene.storage.write(stored.forget_old)

    assert await scene.storage.read(lambda work: stored.find(work, actor(work, "ben").id, "nonce-1")) is None
