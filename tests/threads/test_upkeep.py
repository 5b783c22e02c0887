"""Removing, restoring, locking, pinning, tagging, sharing, making private: who may, twice, and in the wrong order."""

from __future__ import annotations

from typing import Any

import pytest

from node.forum import tags, threads, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound
from storage import threads as stored_threads
from tests.threads.conftest import Scene, actor

ON_THREADS: dict[str, Any] = {
    "lock": (upkeep.lock_thread, ("over",)),
    "pin": (upkeep.pin_thread, ("first",)),
    "share": (upkeep.share_opening, ("all of us",)),
    "private": (upkeep.make_private, ("ours",)),
    "tag": (tags.set_tags, (["seeds"],)),
}
ON_ITEMS: dict[str, Any] = {"remove": upkeep.remove_comment, "restore": upkeep.restore_comment}


@pytest.mark.parametrize("who", ["cem", "dora"])
@pytest.mark.parametrize("name", ON_THREADS)
async def test_only_moderators_tend_the_threads_of_others(scene: Scene, name: str, who: str) -> None:
    await scene.start("beans", "ben")
    verb, rest = ON_THREADS[name]

    with pytest.raises(NotAllowed):
        await scene.tend(verb, who, "beans", *rest)

    assert await scene.acts() == []


@pytest.mark.parametrize("name", ["lock", "pin"])
async def test_an_author_does_not_lock_or_pin(scene: Scene, name: str) -> None:
    await scene.start("beans", "ben")
    verb, rest = ON_THREADS[name]

    with pytest.raises(NotAllowed):
        await scene.tend(verb, "ben", "beans", *rest)


@pytest.mark.parametrize("name", ["share", "private", "tag"])
async def test_an_author_tends_their_own_thread_and_owes_no_reason(scene: Scene, name: str) -> None:
    await scene.start("beans", "ben")
    verb, rest = ON_THREADS[name]

    await scene.tend(verb, "ben", "beans", *rest)

    assert await scene.acts() == []
    thread = await scene.thread("beans")
    assert thread.whiteboard == (name == "share")
    assert thread.private == (name == "private")
    assert thread.tags == (["seeds"] if name == "tag" else [])


async def test_each_act_of_a_moderator_is_kept_once_with_its_reason(scene: Scene) -> None:
    await scene.start("beans", "ben")
    await scene.say("spam", "beans", "cem")

    for _ in range(2):  # said twice, it is done once
        await scene.act(upkeep.remove_comment, "mira", "spam", "an advert")
        await scene.tend(upkeep.pin_thread, "mira", "beans", "for the fair")
        await scene.tend(upkeep.lock_thread, "mira", "beans", "decided")
        await scene.tend(tags.set_tags, "mira", "beans", ["fair"], "so that it is found")
        await scene.tend(upkeep.share_opening, "mira", "beans", "all know something")
    await scene.act(upkeep.restore_comment, "ana", "spam", "it was none")
    await scene.tend(upkeep.lock_thread, "mira", "beans", "not quite", locked=False)
    await scene.tend(upkeep.pin_thread, "mira", "beans", pinned=False)

    assert await scene.acts() == [
        ("mira", "remove", "an advert"),
        ("mira", "pin", "for the fair"),
        ("mira", "lock", "decided"),
        ("mira", "tag", "so that it is found"),
        ("mira", "share opening", "all know something"),
        ("ana", "restore", "it was none"),
        ("mira", "reopen", "not quite"),
        ("mira", "unpin", ""),
    ]
    thread = await scene.thread("beans")
    assert (thread.locked_at, thread.pinned_at, thread.whiteboard) == (None, None, True)
    assert (await scene.row("spam")).state == "visible"


@pytest.mark.parametrize("who", ["ben", "dora"])
async def test_members_and_strangers_do_not_remove_what_others_said(scene: Scene, who: str) -> None:
    await scene.start("beans")
    await scene.say("peas", "beans", "cem")

    for verb in ON_ITEMS.values():
        with pytest.raises(NotAllowed):
            await scene.act(verb, who, "peas", "rude")

    assert (await scene.row("peas")).state == "visible"


async def test_what_its_author_deleted_is_not_restored(scene: Scene) -> None:
    await scene.start("beans")
    await scene.say("peas", "beans", "cem")
    await scene.act(upkeep.remove_comment, "mira", "peas", "rude")
    await scene.act(threads.erase_comment, "cem", "peas")

    with pytest.raises(NotAllowed):
        await scene.act(upkeep.restore_comment, "mira", "peas")

    row = await scene.row("peas")
    assert (row.state, row.source, row.reason) == ("deleted", "", None)


async def test_a_moderator_of_another_group_has_no_say_here(scene: Scene) -> None:
    await scene.group("kitchen", "dora")
    await scene.start("beans")

    with pytest.raises(NotAllowed):
        await scene.tend(upkeep.lock_thread, "dora", "beans", "mine now")


async def test_a_long_reason_is_refused_and_nothing_is_done(scene: Scene) -> None:
    await scene.start("beans")

    with pytest.raises(Invalid) as refusal:
        await scene.tend(upkeep.lock_thread, "mira", "beans", "x" * (upkeep.REASON + 1))

    assert refusal.value.field == "reason"
    assert (await scene.thread("beans")).locked_at is None


async def test_nobody_answers_in_a_locked_thread(scene: Scene) -> None:
    await scene.start("beans")
    await scene.tend(upkeep.lock_thread, "mira", "beans", "decided")

    with pytest.raises(NotAllowed):
        await scene.say("late", "beans")


# ------------------------------------------------------------------ tags


async def test_tags_stand_beside_the_hashtags_of_the_text(scene: Scene) -> None:
    await scene.start("beans", source="About #Seeds.", given_tags=["#Fair", "seeds", "open air", ""])
    assert (await scene.thread("beans")).tags == ["seeds", "Fair", "open air"]

    await scene.tend(tags.set_tags, "ana", "beans", ["Fair"])
    assert (await scene.thread("beans")).tags == ["Seeds", "Fair"]

    def reword(work: Any, editor: Any, item: Any) -> None:
        threads.edit_comment(work, editor, item, threads.compose(work, "About #Compost."))

    await scene.act(reword, "ana", "beans")
    assert (await scene.thread("beans")).tags == ["Compost", "Fair"]


@pytest.mark.parametrize("given", [["x" * 41], ["!!"], ["a/b"], [str(n) + "tag" for n in range(11)]])
async def test_what_cannot_be_a_tag_is_told(scene: Scene, given: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        await scene.start("beans", given_tags=given)

    assert refusal.value.field == "tags"


# ------------------------------------------------------------------ private


async def test_a_private_thread_is_there_for_members_alone_and_stays_private(scene: Scene) -> None:
    await scene.start("beans")
    await scene.tend(upkeep.make_private, "mira", "beans", "names are named")

    def seen(work: Any, viewer: int | None) -> bool:
        return stored_threads.is_visible(work, scene.item(work, "beans").id, viewer)

    assert not await scene.storage.read(seen, None)
    assert not await scene.storage.read(lambda work: seen(work, actor(work, "dora").id))
    assert await scene.storage.read(lambda work: seen(work, actor(work, "cem").id))
    await scene.tend(upkeep.make_private, "mira", "beans", "again")
    assert [act[1] for act in await scene.acts()] == ["make private"]


async def test_where_threads_are_public_none_is_made_private(scene: Scene) -> None:
    await scene.group("kitchen", "ana", threads="public")
    await scene.start("soup", group="kitchen")

    with pytest.raises(NotAllowed):
        await scene.tend(upkeep.make_private, "ana", "soup", "ours")
    with pytest.raises(NotAllowed):
        await scene.start("salt", group="kitchen", private=True)


async def test_where_threads_are_private_each_is(scene: Scene) -> None:
    await scene.group("kitchen", "ana", threads="private")
    await scene.start("soup", group="kitchen")

    assert (await scene.thread("soup")).private


async def test_an_author_who_left_tends_nothing_in_a_private_thread(scene: Scene) -> None:
    await scene.start("beans", "ben", private=True)
    await scene.set_role("ben", "banned")

    with pytest.raises(NotFound):
        await scene.tend(tags.set_tags, "ben", "beans", ["seeds"])
