"""Links to a Loomio that moved here lead on, and give nothing away."""

import pytest

from node.forum import moves, threads
from storage.schema import Actor, Comment
from storage.work import Work
from tests.web.conftest import Moot


@pytest.fixture
async def moved(moot):
    """A group, its people, a thread with 60 items, and the addresses they had before."""
    group, graham = await moot.group(), await moot.person("grace2")
    thread = await moot.thread(group, graham, "Moved here")
    for number in range(60):
        await moot.say(thread, graham, f"Number {number + 1}.")
    far, near = await moot.item(thread, 55), await moot.item(thread, 3)
    await moot.alias("loomio:d", "oWiqcFUo", thread_id=thread)
    await moot.alias("loomio:c", "4711", comment_id=far.id)
    await moot.alias("loomio:c", "12", comment_id=near.id)
    await moot.alias("loomio:g", "q7Vw2LmK", actor_id=group)
    await moot.alias("loomio:u", "graham.old", actor_id=graham)
    return await moot.path(thread)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/d/oWiqcFUo", ""),
        ("/d/oWiqcFUo/any-slug", ""),
        ("/d/oWiqcFUo/any-slug/55", "?at=55#c-55"),
        ("/d/oWiqcFUo/any-slug/9999", ""),
        ("/d/oWiqcFUo/comment/4711", "?at=55#c-55"),
        ("/d/oWiqcFUo?comment_id=4711", "?at=55#c-55"),
        ("/d/oWiqcFUo/any-slug?comment_id=12", "?at=3#c-3"),
        ("/d/oWiqcFUo?sequence_id=3", "?at=3#c-3"),
        ("/d/oWiqcFUo?comment_id=unknown", ""),
        ("/c/4711", "?at=55#c-55"),
    ],
)
async def test_a_discussion_leads_to_its_thread(moot, moved, old, new):
    response = await moot.get(old)
    assert (response.status, response.headers["Location"]) == (301, moved + new)


async def test_groups_and_people_lead_to_their_pages(moot, moved):
    for old, new in (
        ("/g/q7Vw2LmK", "/g/commons"),
        ("/g/q7Vw2LmK/commons-in-motion", "/g/commons"),
        ("/u/graham.old", "/u/grace2"),
    ):
        response = await moot.get(old)
        assert (response.status, response.headers["Location"]) == (301, new)


async def test_our_own_names_come_before_old_ones(moot, moved):
    other = await moot.group("other", "Another")
    await moot.alias("loomio:g", "commons", actor_id=other)
    await moot.alias("loomio:u", "grace2", actor_id=await moot.person("greg"))
    assert (await moot.get("/g/commons")).status == 200
    assert (await moot.get("/u/grace2")).status == 200
    assert (await moot.get(moved)).status == 200


@pytest.mark.parametrize(
    "path", ["/d/unknown", "/c/0", "/c/x", "/g/unknown/slug", "/u/un.known", "/d/a%00b", "/d/%ff", "/g/%ff/%ff"]
)
async def test_an_unknown_old_address_is_not_there(moot, moved, path):
    assert (await moot.get(path)).status == 404


async def test_an_old_address_of_what_is_hidden_says_nothing(moot):
    """PRV-05"""
    cellar = await moot.group("cellar", privacy="secret")
    liam = await moot.person("liam")
    gone = await moot.person("gone", state="suspended")
    thread = await moot.thread(await moot.group(), liam, "Hidden", private=True)
    number = await moot.say(thread, liam, "Hidden words")
    await moot.alias("loomio:d", "aaaa", thread_id=thread)
    await moot.alias("loomio:c", "1", comment_id=(await moot.item(thread, number)).id)
    await moot.alias("loomio:g", "bbbb", actor_id=cellar)
    await moot.alias("loomio:u", "cc.cc", actor_id=gone)
    for path in ("/d/aaaa", "/d/aaaa/slug/1", "/c/1", "/g/bbbb", "/g/bbbb/slug", "/u/cc.cc"):
        assert (await moot.get(path)).status == 404, path


async def test_an_old_address_leads_to_what_was_split_off_since(moot: Moot) -> None:
    group = await moot.group("commons")
    ana = await moot.person("ana")
    await moot.join(ana, group, "admin")
    thread = await moot.thread(group, ana)
    await moot.say(thread, ana, "One.")
    await moot.say(thread, ana, "Two.", to=1)
    await moot.alias("loomio:d", "AbCdEfGh", thread_id=thread)
    for number in (1, 2):
        await moot.alias("loomio:c", str(number), comment_id=(await moot.item(thread, number)).id)

    def split(work: Work) -> str:
        root = work.query(Comment).filter_by(thread_id=thread, number=1).one()
        words = threads.compose(work, "From there.")
        return moves.split_branch(work, work.get_one(Actor, ana), root, "Apart", words).uid

    new = await moot.storage.write(split)

    for path, number in (("/d/AbCdEfGh/comment/1", 1), ("/d/AbCdEfGh/comment/2", 2), ("/d/AbCdEfGh/x/2", 2)):
        response = await moot.get(path)
        assert response.headers["Location"] == f"/g/commons/{new}-apart?at={number}#c-{number}", path
