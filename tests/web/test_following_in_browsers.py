"""The pages about other servers in a real browser: axe finds nothing, a small phone is wide enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from node.forum import remarks, threads
from node.forum.errors import NotFound
from node.forum.remarks import Elsewhere
from storage.schema import Actor, FollowedPost
from storage.work import Work
from tests.equipment.chromium import axe_violations, chromium

SHOTS = Path(__file__).parents[2] / "test-output"
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 900}
POST = "https://coop.example/notes/17"
LONG = "<p>" + "What a commons is, is decided by those who keep it. " * 60 + "</p>"


@dataclass
class Scene:
    """A node on which somebody reads, and its pages by name."""

    moot: Any
    browser: Browser
    pages: dict[str, str]
    secret: str

    async def open(self, page: str, **context: Any) -> Any:
        """That page in a fresh window, signed in."""
        window = await self.browser.new_context(**({"viewport": WIDE} | context))
        await window.add_cookies([{"name": "session", "value": self.secret, "url": self.moot.settings.origin}])
        opened = await window.new_page()
        answer = await opened.goto(self.moot.settings.origin + self.pages[page])
        assert answer.status in ((404, 422) if page.startswith("wrong") else (200,)), (page, answer.status)
        return opened


@pytest.fixture
async def scene(open_moot: Any) -> AsyncIterator[Scene]:
    moot = await open_moot(origin="http://moot.example", development=True)
    pages, secret = await furnish(moot)
    async with chromium(hosts={"moot.example": moot.client.port}) as browser:
        yield Scene(moot, browser, pages, secret)


async def furnish(moot: Any) -> tuple[dict[str, str], str]:
    """Somebody who follows people and groups elsewhere, and what has come."""
    reader = await moot.person("gretacastell", "Greta Castell")
    ana = await moot.person("ana", "Ana Lindqvist-Okonkwo", host="coop.example", summary="<p>Keeps the books.</p>")
    bea = await moot.person("bea", "Bea", host="a-very-long-name-of-a-server.cooperative.example")
    bikes = await moot.person("bikes", "Bicycles and pumps", host="lemmy.example", kind="group")
    for followed in (ana, bikes):
        await moot.follow(reader, followed)
    await moot.follow(await moot.person("f", host="coop.example"), reader)
    garden = await moot.group("garden", "Community Garden", hue=95)
    await moot.join(reader, garden)
    thread = await moot.thread(garden, reader, "Tools", "Who has a ladder?")
    await moot.say(thread, ana, "I have one.")
    uid = await moot.storage.write(fill, reader, ana, bea, bikes)
    found = Elsewhere(
        POST, "https://coop.example/@ana/17", "https://coop.example/users/ana", "https://lemmy.example/users/bikes",
        None, (("https://coop.example/users/cleo", "cleo@coop.example"),), html=LONG, published_at=moot.storage.now(),
    )  # fmt: skip

    async def look_up(address: str) -> Any:
        if address == POST:
            return found
        if address == f"{POST}/warned":
            return replace(found, uri=address, summary="Heights", sensitive=True, title="Ladders")
        raise NotFound("Nothing can be found at %(address)s.", address=address)

    moot.network.look_up = look_up
    asked = quote(POST, safe="")
    browser = await moot.sign_in(reader)
    return {
        "following": "/following",
        "following people": "/following?view=people",
        "following mine": "/following?view=mine",
        "following nothing": "/following?before=1",
        "remote person": "/people/ana@coop.example",
        "remote group": "/people/!bikes@lemmy.example",
        "authorize": f"/authorize_interaction?uri={asked}",
        "authorize like": f"/intents/like?object={asked}%2Fwarned",
        "authorize form": "/authorize_interaction",
        "wrong authorize": "/authorize_interaction?uri=https%3A%2F%2Fnowhere.example%2F",
        "share": "/share?title=Ladders&text=" + quote("See this\n" + "x" * 200),
        "remark form": f"/remarks/new?to={asked}",
        "remark to": "/remarks/new",
        "wrong remark to": "/remarks/new?to=x",
        "remark": f"/comment/{uid}",
        "remark edit": f"/remarks/{uid}/edit",
        "remark delete": f"/remarks/{uid}/delete",
    }, browser.cookies["session"]


def fill(work: Work, reader: int, ana: int, bea: int, bikes: int) -> str:
    """Posts of every kind, and something that the reader said; answers its uid."""
    kinds: list[dict[str, Any]] = [
        {"html": "<p>Good morning. The kettle is <strong>on</strong>.</p>"},
        {"html": "<p>The end</p>", "summary": "Film", "sensitive": True},
        {"html": LONG, "title": "On commons, and who keeps them: a long title that goes over more than one line"},
        {"html": "<p>Among us</p>", "public": False, "in_reply_to": "https://coop.example/notes/1"},
        {"html": f"<p>https://coop.example/{'a' * 150}</p><pre>narrow</pre>"},
        {
            "html": "<p>Which pump?</p><ul><li>Hand</li><li>Foot</li></ul>", "author_id": bea, "passed_on_id": bikes,
            "title": "Pumps", "edited_at": work.now,
            "attachments": [{"kind": "Link", "url": f"https://pumps.example/{'b' * 120}"}],
        },
    ]  # fmt: skip
    for number, kind in enumerate(kinds):
        given = {"author_id": ana, "published_at": work.now, "arrived_at": work.now, "public": True, "language": "en"}
        uri = f"https://coop.example/notes/{number}"
        work.add(FollowedPost(uri=uri, page_url=f"{uri}.html", **(given | kind)))
    answered = Elsewhere(POST, f"{POST}.html", "https://coop.example/users/ana", None, None)
    words = threads.compose(work, "We do that *too*.")
    return remarks.answer(work, work.get_one(Actor, reader), answered, words).uid


PAGES = (
    "following", "following people", "following mine", "following nothing", "remote person", "remote group",
    "authorize", "authorize like", "authorize form", "wrong authorize", "share", "remark form", "remark to",
    "wrong remark to", "remark", "remark edit", "remark delete",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(scene: Scene, scheme: Any) -> None:
    for page in PAGES:
        opened = await scene.open(page, color_scheme=scheme, reduced_motion="reduce")
        SHOTS.mkdir(exist_ok=True)
        await opened.screenshot(path=SHOTS / f"{page.replace(' ', '-')}-{scheme}.png", full_page=True)
        assert await axe_violations(opened) == [], page
        await opened.context.close()


async def test_a_small_phone_is_wide_enough(scene: Scene) -> None:
    for page in PAGES:
        opened = await scene.open(page, viewport=NARROW)
        await opened.screenshot(path=SHOTS / f"{page.replace(' ', '-')}-narrow.png", full_page=True)
        width = await opened.evaluate("document.documentElement.scrollWidth")
        assert width <= NARROW["width"], (page, width)
        await opened.context.close()


async def test_no_page_asks_another_server_for_anything(scene: Scene) -> None:
    """XSS-10"""
    for page in ("following", "remote person", "authorize", "remark form", "remark"):
        opened = await scene.open(page)
        asked: list[str] = []
        opened.on("request", lambda request, asked=asked: asked.append(request.url))
        await opened.reload()
        assert asked and all(url.startswith(f"{scene.moot.settings.origin}/") for url in asked), page
        await opened.context.close()


async def test_everything_works_without_scripts(scene: Scene) -> None:
    page = await scene.open("following", java_script_enabled=False)
    row = page.locator("article.post").filter(has_text="Among us")
    await row.get_by_role("button", name="Like").click()
    assert page.url.partition("#")[2].startswith("p-")
    await page.get_by_text("Show all of it").click()
    await page.get_by_role("link", name="Answer Bea").click()
    assert "Nothing can be found at" in await page.locator("main").inner_text()

    page = await scene.open("remark form", java_script_enabled=False)
    await page.get_by_label("What you say").fill("I *do*.")
    await page.get_by_role("button", name="Preview").click()
    assert await page.locator(".preview em").inner_text() == "do"
    await page.get_by_role("button", name="Say it").click()
    assert "/comment/" in page.url
    await page.get_by_role("link", name="Delete").click()
    await page.get_by_role("button", name="Delete it").click()
    assert page.url.endswith("/following?view=mine")
