"""Edits: by authors and, where they let them, by members; what was there before, and what two do at once."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from node.forum import people, text, threads, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound, Overtaken
from node.forum.people import Profile
from node.forum.threads import Elsewhere
from storage import revisions
from storage import threads as stored_threads
from storage.revisions import History
from storage.work import Storage, Work
from tests.conftest import HeldClock
from tests.threads.conftest import Scene, actor, group


def _edit(work: Work, editor: Any, item: Any, source: str, **more: Any) -> None:
    threads.edit_comment(work, editor, item, threads.compose(work, source), **more)


async def _history(scene: Scene, key: str, **more: Any) -> History:
    row = await scene.row(key)
    found = await scene.storage.read(lambda work: revisions.history(work, row.uid, actor(work, "ana").id, **more))
    assert found is not None
    return found


async def test_every_wording_is_kept_with_who_when_and_what_changed(scene: Scene, clock: HeldClock) -> None:
    await scene.start("beans", "ana", "One.", whiteboard=True)
    clock.forward(hours=1)
    await scene.act(_edit, "ben", "beans", "One, two.", note="counted on", title="Beans and peas")
    clock.forward(hours=1)
    await scene.act(_edit, "ana", "beans", "One, two, three.", note="and on")

    history = await _history(scene, "beans")

    told = [(w.version, w.title, w.source, w.writer and w.writer.handle, w.note) for w in history.wordings]
    assert told == [
        (1, "Beans", "One.", "ana", ""),
        (2, "Beans and peas", "One, two.", "ben", "counted on"),
        (3, "Beans and peas", "One, two, three.", "ana", "and on"),
    ]
    times = [wording.written_at for wording in history.wordings]
    assert [(later - earlier).seconds for earlier, later in pairwise(times)] == [3600, 3600]


async def test_a_long_history_comes_in_pages(scene: Scene) -> None:
    await scene.start("beans", "ana", "0")
    for number in range(1, 8):
        await scene.act(_edit, "ana", "beans", str(number))

    latest = await _history(scene, "beans", limit=3)
    earlier = await _history(scene, "beans", limit=3, before=latest.wordings[0].version)
    first = await _history(scene, "beans", limit=3, before=earlier.wordings[0].version)

    assert [page.total for page in (latest, earlier, first)] == [8, 8, 8]
    pages = [[(w.version, w.source) for w in page.wordings] for page in (first, earlier, latest)]
    assert pages == [[(1, "0"), (2, "1")], [(3, "2"), (4, "3"), (5, "4")], [(6, "5"), (7, "6"), (8, "7")]]


@pytest.mark.parametrize("who", ["ben", "ana", "dora"])
async def test_what_somebody_said_only_they_reword(scene: Scene, who: str) -> None:
    await scene.start("beans")
    await scene.say("peas", "beans", "cem")

    with pytest.raises(NotAllowed):
        await scene.act(_edit, who, "peas", "Mine now")

    assert (await scene.row("peas")).source == "peas"


async def test_a_whiteboard_is_its_opening_and_for_members_alone(scene: Scene) -> None:
    await scene.start("beans", whiteboard=True)
    await scene.say("peas", "beans", "cem")

    await scene.act(_edit, "ben", "beans", "Better.")
    for who, what in (("dora", "beans"), ("ben", "peas")):
        with pytest.raises(NotAllowed):
            await scene.act(_edit, who, what, "Mine now")
    await scene.set_role("ben", "guest")
    with pytest.raises(NotAllowed):
        await scene.act(_edit, "ben", "beans", "As a guest.")
    await scene.tend(upkeep.share_opening, "ana", "beans", shared=False)
    with pytest.raises(NotAllowed):
        await scene.act(_edit, "cem", "beans", "Too late.")
    assert (await scene.row("beans")).source == "Better."


async def test_a_locked_whiteboard_is_for_moderators_and_its_author(scene: Scene) -> None:
    await scene.start("beans", "cem", whiteboard=True)
    await scene.tend(upkeep.lock_thread, "mira", "beans", "decided")

    with pytest.raises(NotAllowed):
        await scene.act(_edit, "ben", "beans", "But")
    await scene.act(_edit, "mira", "beans", "Decided.")
    await scene.act(_edit, "cem", "beans", "Decided indeed.")

    assert (await scene.row("beans")).source == "Decided indeed."


async def test_what_is_signed_elsewhere_is_no_whiteboard(scene: Scene) -> None:
    uri = "https://mastodon.test/users/vera"
    profile = Profile(
        uri=uri, kind="person", name="vera", display_name="", summary="", url=uri, inbox=f"{uri}/inbox",
        shared_inbox=None, outbox=None, followers=None, following=None, featured=None, moderators=None, icon_url=None,
        discoverable=True, indexable=True, manually_approves=False, host="mastodon.test", keys=(),
    )  # fmt: skip

    def start(work: Work) -> str:
        vera = people.meet(work, profile)
        said = text.from_html("<p>From afar</p>")
        return threads.start_thread(
            work, vera, group(work, "garden"), "Afar", said, whiteboard=True, elsewhere=Elsewhere(f"{uri}/1")
        ).uri

    scene.uris["afar"] = await scene.storage.write(start)
    assert not (await scene.thread("afar")).whiteboard
    with pytest.raises(NotAllowed):
        await scene.tend(upkeep.share_opening, "mira", "afar", "all of us")

    def force(work: Work) -> None:
        stored_threads.by_id(work, scene.item(work, "afar").thread_id).whiteboard = True

    await scene.storage.write(force)
    with pytest.raises(NotAllowed):
        await scene.act(_edit, "ben", "afar", "From here")


async def test_a_removed_item_has_no_history(scene: Scene) -> None:
    await scene.start("beans")
    await scene.say("peas", "beans")
    await scene.act(_edit, "ben", "peas", "More peas")
    row = await scene.row("peas")
    await scene.act(upkeep.remove_comment, "mira", "peas", "rude")

    assert await scene.storage.read(lambda work: revisions.history(work, row.uid, actor(work, "ana").id)) is None


async def test_the_history_of_a_private_thread_is_for_its_readers(scene: Scene) -> None:
    await scene.start("beans", private=True)
    row = await scene.row("beans")

    for viewer in (None, "dora"):
        found = await scene.storage.read(
            lambda work, viewer=viewer: revisions.history(work, row.uid, actor(work, viewer).id if viewer else None)
        )
        assert found is None


async def test_nobody_overwrites_what_somebody_else_just_wrote(scene: Scene) -> None:
    await scene.start("beans", whiteboard=True)
    row = await scene.row("beans")
    since = await scene.storage.read(revisions.latest_id, row.id)
    await scene.act(_edit, "ben", "beans", "Ben was here.", since=since)

    with pytest.raises(Overtaken):
        await scene.act(_edit, "cem", "beans", "Cem was here.", since=since)

    assert (await scene.row("beans")).source == "Ben was here."


async def test_of_two_edits_at_once_one_is_told_of_the_other(scene: Scene, clock: HeldClock) -> None:
    await scene.start("beans", whiteboard=True)
    row = await scene.row("beans")
    other = Storage(scene.storage.url.render_as_string(hide_password=False), origin=scene.storage.origin, now=clock)
    other.start()

    def edit(work: Work, who: str) -> None:
        _edit(work, actor(work, who), scene.item(work, "beans"), f"{who} was here.", since=0)

    turns = [(scene.storage, "ben"), (other, "cem"), (scene.storage, "ana"), (other, "mira")]
    done = await asyncio.gather(*(at.write(edit, who) for at, who in turns), return_exceptions=True)
    other.close()

    assert sorted(type(it).__name__ for it in done) == ["NoneType", "Overtaken", "Overtaken", "Overtaken"]
    history = await scene.storage.read(lambda work: revisions.history(work, row.uid, actor(work, "ana").id))
    assert history is not None and history.total == 2


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"source": " "}, "source"),
        ({"source": "x", "title": " "}, "title"),
        ({"source": "x", "title": "y" * 201}, "title"),
        ({"source": "x", "note": "y" * 201}, "note"),
        ({"source": "x", "given_tags": ["!"]}, "tags"),
    ],
)
async def test_what_an_edit_lacks_is_told_at_its_field(scene: Scene, given: dict[str, Any], field: str) -> None:
    await scene.start("beans")

    with pytest.raises(Invalid) as refusal:
        await scene.act(_edit, "ana", "beans", **given)

    assert refusal.value.field == field


async def test_whoever_may_not_read_it_any_more_finds_nothing_to_edit(scene: Scene) -> None:
    await scene.start("beans", "ben", private=True)
    await scene.set_role("ben", "banned")

    with pytest.raises(NotFound):
        await scene.act(_edit, "ben", "beans", "Still here")


async def test_other_tags_with_the_same_words_make_no_new_wording(scene: Scene) -> None:
    await scene.start("beans", source="Where?")

    await scene.act(_edit, "ana", "beans", "Where?", given_tags=["fair"])

    assert (await scene.thread("beans")).tags == ["fair"]
    assert (await _history(scene, "beans")).total == 1
