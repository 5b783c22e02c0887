"""Pages of threads for strangers come from memory, and are never older than what is on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from node.forum import threads as forum
from node.forum import upkeep
from node.web import fragments, memory
from node.web.tree import Branch
from storage import pages, people, threads, visibility
from storage.schema import Actor, Fact, Group, Membership, Thread


@pytest.fixture
async def scene(moot: Any) -> Any:
    class Scene:
        pass

    found: Any = Scene()
    found.group = await moot.group()
    found.liam = await moot.person("liam", "Liam Moran")
    await moot.join(found.liam, found.group, "admin")
    found.thread = await moot.thread(found.group, found.liam, "Who pays?")
    await moot.say(found.thread, found.liam, "By use.")
    found.path = await moot.path(found.thread)
    return found


@pytest.fixture
def asked(moot: Any) -> Iterator[list[str]]:
    """The statements that the database is asked."""
    statements: list[str] = []

    def listen(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(moot.storage._reading, "before_cursor_execute", listen)
    yield statements
    event.remove(moot.storage._reading, "before_cursor_execute", listen)


async def test_the_second_stranger_costs_the_database_nothing(moot: Any, scene: Any, asked: list[str]) -> None:
    first = await moot.get(scene.path)
    assert asked
    asked.clear()
    again = await moot.get(scene.path)
    assert asked == []
    assert await again.read() == await first.read()
    for name in ("ETag", "Link", "Vary", "Cache-Control", "Content-Type", "Content-Security-Policy"):
        assert again.headers[name] == first.headers[name]
    held = await moot.get(scene.path, If_None_Match=first.headers["ETag"])
    held = await moot.client.get(scene.path, headers={"If-None-Match": first.headers["ETag"], "Accept": "text/html"})
    assert (held.status, await held.read(), asked) == (304, b"", [])


async def test_what_changes_elsewhere_costs_a_look_at_versions(moot: Any, scene: Any, asked: list[str]) -> None:
    await moot.get(scene.path)
    await moot.storage.write(lambda work: work.add(Fact(name="else", value="x")))
    asked.clear()
    await moot.get(scene.path)
    assert 0 < len(asked) <= 4
    asked.clear()
    await moot.get(scene.path)
    assert asked == []


async def test_every_change_shows_at_once(moot: Any, scene: Any) -> None:
    """A comment, an edit, a reaction, a name, a removal, a suspension, and the door being shut."""

    async def words() -> str:
        return (await moot.page(scene.path)).text()

    def row(work: Any, number: int) -> Any:
        return threads.comment_by_number(work, scene.thread, number)

    assert "By use." in await words()
    greta = await moot.person("greta", "Greta Castell")
    await moot.join(greta, scene.group)
    browser = await moot.sign_in(greta)
    uid = (await moot.item(scene.thread, 1)).uid
    await browser.posted(f"/items/{uid}/reply", source="A second one.")
    assert "A second one." in await words()
    await moot.storage.write(
        lambda work: forum.edit_comment(
            work, people.by_id(work, scene.liam), row(work, 1), forum.compose(work, "By hours.")
        )
    )
    assert "By hours." in await words() and "By use." not in await words()
    await browser.posted(f"/items/{uid}/react", kind="🌱")
    assert "🌱 1" in await words()

    def rename(work: Any) -> None:
        people.by_id(work, greta).display_name = "Greta C."
        people.touch(work, greta)

    await moot.storage.write(rename)
    assert "Greta C." in await words()
    await moot.storage.write(
        lambda work: upkeep.remove_comment(work, people.by_id(work, scene.liam), row(work, 2), "an advertisement")
    )
    assert "A second one." not in await words()

    def suspend(work: Any) -> None:
        work.get_one(Actor, scene.liam).state = "suspended"
        visibility.has_changed(work)

    await moot.storage.write(suspend)
    moved = await moot.get(scene.path)
    assert moved.status == 301  # the opening went too, and its title with it
    assert "By hours." not in (await moot.page(moved.headers["Location"])).text()

    def shut(work: Any) -> None:
        work.get_one(Thread, scene.thread).private = True
        work.get_one(Thread, scene.thread).version += 1

    await moot.storage.write(shut)
    assert (await moot.get(moved.headers["Location"])).status == 404


async def test_nobody_who_is_signed_in_gets_or_leaves_a_page_there(moot: Any, scene: Any) -> None:
    liam = await moot.sign_in(scene.liam)
    await moot.get(scene.path)
    assert "compose" in (await liam.page(scene.path)).source
    assert 'id="compose"' not in (await moot.page(scene.path)).source
    answer = await liam.get(scene.path)
    assert answer.headers["Cache-Control"].startswith("private")


async def test_each_view_and_page_is_kept_by_itself(moot: Any, scene: Any) -> None:
    for number in range(60):
        await moot.say(scene.thread, scene.liam, f"Number {number}.")
    for query in ("", "?view=flat", "?after=50", "?at=61"):
        one, other = await moot.page(scene.path + query), await moot.page(scene.path + query)
        assert one.numbers() == other.numbers() != []
    assert (await moot.page(f"{scene.path}?after=50")).numbers()[0] == 51


async def test_a_secret_group_is_gone_from_memory(moot: Any, scene: Any) -> None:
    """PRV-11"""
    await moot.get(scene.path)

    def hide(work: Any) -> None:
        work.get_one(Group, scene.group).privacy = "secret"
        people.touch(work, scene.group)

    await moot.storage.write(hide)
    assert (await moot.get(scene.path)).status == 404
    assert await moot.storage.read(lambda work: work.query(Membership).count()) == 1


async def test_memory_is_bounded(moot: Any, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "KEPT", 2)
    for number in range(5):
        await moot.get(f"{scene.path}?odd={number}")
    assert (await moot.get(scene.path)).status == 200


@pytest.fixture
def kept_items(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The markup of items that is kept, by what it is kept under."""
    made: list[Any] = []
    make = fragments.Fragments.__init__

    def remember(self: fragments.Fragments) -> None:
        make(self)
        made.append(self._kept)

    monkeypatch.setattr(fragments.Fragments, "__init__", remember)
    return made


async def test_a_page_with_something_new_is_made_of_the_items_that_were_there(
    kept_items: list[Any], moot: Any, scene: Any
) -> None:
    """And of none that looks otherwise now: an edit, another name, a removal and a reaction are another item."""
    [kept] = kept_items
    for number in range(5):
        await moot.say(scene.thread, scene.liam, f"Number {number}.")
    first = (await moot.page(scene.path)).text()
    assert len(kept) == 6
    await moot.say(scene.thread, scene.liam, "One more.")
    again = (await moot.page(scene.path)).text()
    assert len(kept) == 7 and "One more." in again and "One more." not in first
    await moot.page(f"{scene.path}?view=flat")
    assert len(kept) == 7  # each says of itself the same there

    def rename(work: Any) -> None:
        people.by_id(work, scene.liam).display_name = "Liam M."
        people.touch(work, scene.liam)

    await moot.storage.write(rename)
    renamed = (await moot.page(scene.path)).text()
    assert "Liam M." in renamed and "Liam Moran" not in renamed
    liam = await moot.sign_in(scene.liam)
    before = len(kept)
    await liam.page(scene.path)
    assert len(kept) == before  # nobody who is signed in leaves anything there


async def test_what_is_kept_of_items_is_bounded(
    kept_items: list[Any], moot: Any, scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await moot.say(scene.thread, scene.liam, f"Number {number}.")
    await moot.page(scene.path)
    kept = kept_items[-1]
    assert len(kept) == 6

    def size() -> int:
        return sum(fragments.size_of(key[1], markup) for key, markup in kept.items())

    monkeypatch.setattr(fragments, "KEPT", size() // 2)
    await moot.say(scene.thread, scene.liam, "One more.")
    await moot.page(scene.path)
    assert 0 < len(kept) < 6 and size() <= fragments.KEPT


async def test_an_old_item_is_made_anew_by_the_hour_and_a_new_one_by_the_minute(moot: Any, scene: Any) -> None:
    """For each says how long ago it was said."""

    def item(work: Any) -> Any:
        return pages.item(work, threads.comment_by_number(work, scene.thread, 1).id, None)

    branch = Branch(await moot.storage.read(item), False)
    said = branch.item.published_at.timestamp()
    hour = (said // 3600 + 100) * 3600  # four days later

    def is_the_same(one: float, other: float) -> bool:
        return fragments.moment_of(branch, one) == fragments.moment_of(branch, other)

    assert not is_the_same(said + 1, said + 62)
    assert is_the_same(hour, hour + 3599) and not is_the_same(hour, hour + 3600)
    edited = Branch(replace(branch.item, edited_at=branch.item.published_at + timedelta(hours=99)), False)
    assert fragments.moment_of(edited, hour) != fragments.moment_of(edited, hour + 60 * 60 - 60)
