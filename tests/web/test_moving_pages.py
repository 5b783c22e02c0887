"""The page on which people say who else they are, and move away."""

from __future__ import annotations

import pytest

from node.fediverse.network import Fediverse
from node.forum import people as forum_people
from storage import people
from storage.schema import Actor
from storage.work import Work
from tests.web.arrivals import Clock, awaken, member, sign_in
from tests.web.conftest import Browser, Moot

PATH = "/settings/account/moving"


@pytest.fixture
def clock(moot: Moot) -> Clock:
    return awaken(moot)


@pytest.fixture
async def ana(moot: Moot, clock: Clock) -> Browser:
    """Ana's browser; beside her there are Mira, who is also Ana, and Ben, who follows her."""
    await member(moot, "mira", admin=True)
    await member(moot, "ben")
    await member(moot, "ana")

    def follow(work: Work) -> None:
        ben, ana = people.by_name(work, "ben"), people.by_name(work, "ana")
        assert ben is not None and ana is not None
        forum_people.follow(work, ben, ana)

    await moot.storage.write(follow)
    moot.node.network = Fediverse(moot.node)  # the real one: all whom it is asked for live here
    return await sign_in(moot)


async def actor(moot: Moot, name: str) -> Actor:
    found = await moot.storage.read(people.by_name, name)
    assert found is not None
    return found


async def test_another_account_is_named_and_dropped(moot: Moot, ana: Browser) -> None:
    mira = await actor(moot, "mira")

    assert await ana.posted(PATH, act="add", alias="@mira") == f"{PATH}?done=add"
    assert (await actor(moot, "ana")).also_known_as == [mira.uri]
    assert mira.uri in (await ana.page(PATH)).source
    assert await ana.posted(PATH, act="drop", alias=mira.uri) == f"{PATH}?done=drop"
    assert (await actor(moot, "ana")).also_known_as is None


async def test_what_cannot_be_is_said_beside_what_was_typed(moot: Moot, ana: Browser) -> None:
    page = await ana.post(PATH, act="add", alias="@ana")

    words = await page.text()
    assert page.status == 422
    assert "That is this very account." in words and "@ana" in words


async def test_a_move_needs_the_handle_and_the_other_account_s_word(moot: Moot, ana: Browser) -> None:
    wrong = await ana.post(PATH, act="move", target="@mira", typed="mira")
    assert wrong.status == 422 and "Type your handle" in await wrong.text()
    alone = await ana.post(PATH, act="move", target="@mira", typed="ana")
    assert alone.status == 422 and "does not say" in await alone.text()
    assert (await actor(moot, "ana")).moved_to is None


async def test_who_moves_leads_followers_along_and_the_profile_says_where(moot: Moot, ana: Browser) -> None:
    mine, theirs = await actor(moot, "ana"), await actor(moot, "mira")

    def agree(work: Work) -> None:
        people.by_id(work, theirs.id).also_known_as = [mine.uri]

    await moot.storage.write(agree)

    assert await ana.posted(PATH, act="move", target="@mira", typed="ana") == f"{PATH}?done=move"

    assert (await actor(moot, "ana")).moved_to == theirs.uri
    ben = await actor(moot, "ben")
    follows = [await moot.storage.read(people.follow_of, ben.id, it.id) for it in (mine, theirs)]
    assert follows[0] is None and follows[1] is not None
    assert "This account moved." in (await ana.page("/u/ana")).source
    assert await ana.posted(PATH, act="stay") == f"{PATH}?done=stay"
    assert (await actor(moot, "ana")).moved_to is None
