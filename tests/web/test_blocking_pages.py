"""The pages on which somebody is blocked, and what the pages of threads and people then show, and to whom."""

from __future__ import annotations

from storage import blocks
from storage.people import by_id
from tests.web.conftest import Browser, Moot, Page


async def a_talk(moot: Moot) -> tuple[int, int, int]:
    """Ana and Ben in a group; answers them and a thread in which Ben answered her."""
    commons = await moot.group()
    ana, ben = await moot.person("ana", "Ana Lima"), await moot.person("ben", "Ben Ode")
    for person in (ana, ben):
        await moot.join(person, commons)
    thread = await moot.thread(commons, ana, "Ladders")
    await moot.say(thread, ben, "Yours is rotten.")
    return ana, ben, thread


def folded(page: Page) -> list[str]:
    """What stands in folds of blocked people."""
    return [page.text(details) for details in page.all("details", class_="blocked")]


async def block(browser: Browser, path: str) -> None:
    page = await browser.page(f"{path}/block")
    assert page.all("button", class_="danger")
    assert await browser.posted(f"{path}/block") == path


async def test_a_blocked_person_is_folded_away_in_a_thread_for_the_blocker_alone(moot: Moot) -> None:
    """PRV-15: closed, so without JavaScript too; not for the blocked, for others, nor in pages kept in memory."""
    ana, ben, thread = await a_talk(moot)
    path = await moot.path(thread)
    before = (await moot.page(path)).source  # kept in memory from here on
    browser, theirs = await moot.sign_in(ana), await moot.sign_in(ben)
    await block(browser, "/u/ben")

    page = await browser.page(path)
    [fold] = folded(page)
    assert fold.startswith("Somebody you blocked; show") and "rotten" in fold
    assert page.one("details", class_="blocked").get("open") is None
    article = page.one("article", id="c-1")
    assert page.text(article.find(".//*[@id='h-1']")).startswith("Somebody you blocked")
    assert page.text().count("Ben Ode") == fold.count("Ben Ode") == 1
    for part in ("print", "markdown"):
        whole = await (await browser.get(f"/threads/{(await moot.item(thread, 0)).uid}/{part}")).text()
        assert "Somebody you blocked" in whole
    assert "rotten" not in whole
    assert folded(Page(await (await browser.get(f"/items/{(await moot.item(thread, 1)).uid}/fragment")).text()))

    for other in (theirs, moot.browser()):
        seen = await other.page(path)
        assert not folded(seen) and "Ben Ode" in seen.text() and "blocked" not in seen.text().lower()
    assert (await moot.page(path)).source == before
    assert "block" not in (await theirs.page("/u/ana")).one("header", class_="top").get("class")
    assert "Block" in (await theirs.page("/u/ana")).text() and "Unblock" not in (await theirs.page("/u/ana")).text()


async def test_the_list_of_whom_one_blocked_leads_back(moot: Moot) -> None:
    """PRV-15"""
    ana, ben, thread = await a_talk(moot)
    far = await moot.person("rita", "Rita", host="coop.example")
    await moot.say(thread, far, "From afar.")
    browser = await moot.sign_in(ana)
    await block(browser, "/u/ben")
    await block(browser, "/people/rita@coop.example")
    assert len(folded(await browser.page(await moot.path(thread)))) == 2
    for path in ("/u/ben", "/people/rita@coop.example"):
        profile = await browser.page(path)
        assert "You blocked this account" in profile.text()
        assert "rotten" not in profile.source and "From afar" not in profile.source

    page = await browser.page("/settings/blocks")
    assert [name.get("href") for name in page.all("a", class_="name")] == ["/u/ben", "/people/rita@coop.example"]
    assert "Ben Ode" not in (await (await moot.sign_in(ben)).page("/settings/blocks")).one("main").itertext()
    uri = (await moot.storage.read(by_id, ben)).uri
    assert await browser.posted("/settings/blocks", uri=uri) == "/settings/blocks?done=1"
    assert await browser.posted("/people/rita@coop.example/block", undo="1") == "/people/rita@coop.example"
    assert await moot.storage.read(blocks.blocked_by, ana) == []
    assert folded(await browser.page(await moot.path(thread))) == []


async def test_whom_there_is_not_cannot_be_blocked(moot: Moot) -> None:
    """PRV-15: the same answer for whoever is hidden, for oneself, for groups here, and for nobody."""
    ana, _ben, _thread = await a_talk(moot)
    await moot.person("mallory", state="suspended")
    browser = await moot.sign_in(ana)
    for path in ("/u/mallory", "/u/ana", "/u/commons", "/u/nobody", "/people/who@nowhere.example"):
        assert (await browser.get(f"{path}/block")).status == 404, path
        assert (await browser.post(f"{path}/block")).status == 404, path
    stranger = moot.browser()
    assert (await stranger.get("/u/ben/block")).status == 303
    assert (await stranger.post("/u/ben/block")).status in (303, 403)
    assert await moot.storage.read(blocks.blocked_by, ana) == []
