"""A group's page: what it is for, its threads, who is in it, how to follow it."""

import re
from datetime import timedelta

from tests.web.conftest import NOW, THEN


async def test_a_group_shows_its_description_members_and_handle(moot):
    group = await moot.group(summary="<p>We look for <strong>ways</strong>.</p>", hue=95)
    liam, greg = await moot.person("liam", "Liam Moran"), await moot.person("greg")
    await moot.join(greg, group)
    await moot.join(liam, group, "admin")
    page = await moot.page("/g/commons")
    assert page.text(page.one("h1")) == "Commons in Motion"
    assert page.text(page.one("strong")) == "ways"
    assert page.text(page.one("code", id="handle")) == "@commons@moot.example"
    assert [page.text(face) for face in page.all("ul", class_="faces")[0]] == ["LM Liam Moran Admin", "G Greg"]
    assert page.one("input", name="object").get("value") == "https://moot.example/g/commons"
    assert "hue-10" in page.one("body").get("class").split()


async def test_a_banned_member_is_not_shown(moot):
    group = await moot.group()
    await moot.join(await moot.person("mallory"), group, "banned")
    assert "mallory" not in (await moot.page("/g/commons")).source.lower()


async def test_an_empty_group_tells_what_to_do(moot):
    await moot.group()
    page = await moot.page("/g/commons")
    assert "Follow the group" in page.text(page.one("p", class_="empty"))


async def test_older_threads_come_page_by_page_none_lost_and_none_twice(moot):
    group, ana = await moot.group(), await moot.person("ana")
    for number in range(70):
        # Many of the same minute: their ids decide.
        said_at = THEN + timedelta(minutes=number // 7)
        pinned = {"pinned_at": NOW} if number in (3, 40) else {}
        await moot.thread(group, ana, f"Thread {number}", said_at=said_at, **pinned)
    path, seen, pages = "/g/commons", [], 0
    while path:
        page = await moot.page(path)
        pages += 1
        seen += [re.search(r"Thread (\d+)", page.text(title))[1] for title in page.all("h3")]
        following = page.all("a", rel="next")
        path = following[0].get("href") if following else None
    assert seen[:2] == ["40", "3"]
    assert sorted(map(int, seen)) == list(range(70))
    assert pages == 3


async def test_more_pinned_threads_than_a_page_holds_hide_no_other(moot):
    group, ana = await moot.group(), await moot.person("ana")
    for number in range(75):
        await moot.thread(group, ana, f"Thread {number}", pinned_at=NOW if number < 40 else None)
    first = await moot.page("/g/commons")
    assert len(first.all("h3")) == 70
    second = await moot.page(first.one("a", rel="next").get("href"))
    assert [second.text(title) for title in second.all("h3")] == [f"Thread {n}" for n in (44, 43, 42, 41, 40)]


async def test_a_place_in_the_list_that_makes_no_sense_is_the_first_page(moot):
    group, ana = await moot.group(), await moot.person("ana")
    await moot.thread(group, ana, "The only one")
    for place in ("x", "1", "99999999999999999999999-1", "1-99999999999999999999999", "-1--1", "1-1'", ""):
        assert "The only one" in (await moot.page(f"/g/commons?before={place}")).text()


async def test_a_secret_group_looks_like_one_that_never_was(moot):
    """PRV-06"""
    group = await moot.group("cellar", privacy="secret")
    ana = await moot.person("ana")
    thread = await moot.thread(group, ana, "Hidden")
    for hidden, absent in (("/g/cellar", "/g/attics"), (await moot.path(thread), "/g/attics/aaa-hidden")):
        one, other = await moot.get(hidden), await moot.get(absent)
        assert (one.status, other.status) == (404, 404)
        bodies = [re.sub(r"<code.*?</code>", "", await answer.text()) for answer in (one, other)]
        assert bodies[0] == bodies[1]


async def test_a_deleted_group_is_gone(moot):
    await moot.group("old", state="deleted")
    await moot.group("cellar", privacy="secret", state="deleted")
    assert (await moot.get("/g/old")).status == 410
    assert (await moot.get("/g/cellar")).status == 404


async def test_a_suspended_group_is_not_there(moot):
    await moot.group("quiet", state="suspended")
    assert (await moot.get("/g/quiet")).status == 404


async def test_a_group_in_capitals_is_led_to_its_one_address(moot):
    await moot.group()
    response = await moot.get("/g/Commons")
    assert (response.status, response.headers["Location"]) == (301, "/g/commons")


async def test_a_person_has_no_page_among_the_groups_nor_a_group_among_people(moot):
    await moot.group()
    await moot.person("ana")
    assert (await moot.get("/g/ana")).status == 404
    assert (await moot.get("/u/commons")).status == 404


async def test_a_thread_whose_opening_was_removed_is_on_no_list(moot):
    group, ana = await moot.group(), await moot.person("ana")
    thread = await moot.thread(group, ana, "Buy my watches", "So cheap.")
    await moot.say(thread, ana, "I answered.")
    await moot.change(thread, 0, state="removed", reason="an advertisement")
    for path in ("/", "/g/commons"):
        page = await moot.page(path)
        assert "watches" not in page.source.lower()
        assert "A thread whose" not in page.text()
    person = await moot.page("/u/ana")
    assert "I answered." in person.text()
    assert "A thread whose opening is gone" in person.text()
    assert "watches" not in person.source.lower()
    assert (await moot.get(person.one("h3").find("*").get("href").partition("?")[0])).status == 200


async def test_a_thread_with_a_deleted_opening_is_listed_for_its_answers_and_says_so(moot):
    group, ana = await moot.group(), await moot.person("ana")
    answered, alone = [await moot.thread(group, ana, f"Sheds {n}") for n in range(2)]
    await moot.say(answered, await moot.person("bob"), "I answered.")
    for thread in (answered, alone):
        await moot.change(thread, 0, state="deleted", html="")
    page = await moot.page("/g/commons")
    assert [page.text(title) for title in page.all("h3")] == ["A thread whose opening is gone"]
    assert "ana" not in page.text(page.one("article", class_="row")).lower()
    assert "Sheds" not in page.source


async def test_a_pinned_thread_is_never_on_an_older_page(moot):
    group, ana = await moot.group(), await moot.person("ana")
    for number in range(31):
        await moot.thread(group, ana, f"Thread {number}", pinned_at=NOW if number == 0 else None)
    await moot.thread(group, ana, "The latest")
    first = await moot.page("/g/commons")
    older = await moot.page(first.one("a", rel="next").get("href"))
    assert "Thread 0" in first.text()
    assert [older.text(title) for title in older.all("h3")] == ["Thread 1"]
