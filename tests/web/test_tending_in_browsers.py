"""The pages on which threads are started, edited, tended and reported, in a real browser without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from node.forum import reports, threads, upkeep
from storage.schema import Actor, Comment, Thread
from storage.work import Work
from tests.equipment.chromium import axe_violations, chromium

SHOTS = Path(__file__).parents[2] / "test-output"
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 900}
FIRST = (
    "We meet on **Tuesday** at seven in the shed.\n\n- bring gloves\n- bring seeds\n\n"
    "Whoever cannot come writes to Liam, who keeps the list of who does what, and when."
)
THEN = FIRST.replace("Tuesday", "Thursday").replace("- bring seeds\n", "- bring seeds\n- bring a friend\n")


@dataclass
class Scene:
    """A node with a group, and the pages of it by name; ana, who moderates, reads."""

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
        assert answer.status == 200, (page, answer.status)
        return opened


@pytest.fixture
async def scene(open_moot: Any) -> AsyncIterator[Scene]:
    moot = await open_moot(origin="http://moot.example", development=True)
    pages, secret = await furnish(moot)
    async with chromium(hosts={"moot.example": moot.client.port}) as browser:
        yield Scene(moot, browser, pages, secret)


async def furnish(moot: Any) -> tuple[dict[str, str], str]:
    """A thread that was edited twice, an answer from elsewhere that was reported, and a removed one."""
    ana = await moot.person("ana", "Ana Lindqvist")
    ben = await moot.person("ben", "Ben Okonkwo-Featherstonehaugh")
    vera = await moot.person("vera", "Vera", host="a-very-long-name-of-a-server.cooperative.example")
    garden = await moot.group("garden", "Community Garden", hue=95)
    kitchen = await moot.group("kitchen", "The kitchen of the community house", hue=20)
    await moot.join(ana, garden, "admin")
    await moot.join(ben, garden)
    await moot.join(ana, kitchen)
    thread = await moot.thread(garden, ana, "When do we meet, and who brings what to the shed?", FIRST, whiteboard=True)
    await moot.say(thread, vera, "<p>Buy cheap gloves at https://gloves.example/now!</p>", html=True)
    await moot.say(thread, ben, "I am rude.")
    uids = [(await moot.item(thread, number)).uid for number in range(3)]
    thread_uid = await moot.storage.write(_tend, thread, ana, ben)
    pages = {
        "start": "/g/garden/new",
        "edit": f"/items/{uids[0]}/edit",
        "history": f"/items/{uids[0]}/history",
        "remove": f"/items/{uids[1]}/remove",
        "restore": f"/items/{uids[2]}/restore",
        "split": f"/items/{uids[1]}/split",
        "report": f"/items/{uids[1]}/report",
        "report a person": "/people/@vera@a-very-long-name-of-a-server.cooperative.example/report",
        "delete": f"/items/{uids[0]}/delete",
        **{name: f"/threads/{thread_uid}/{name}" for name in ("lock", "pin", "tags", "private", "whiteboard", "move")},
        "reports": "/g/garden/reports",
        "admin reports": "/admin/reports",
        "log": "/g/garden/log",
    }
    return pages, (await moot.sign_in(ana, admin=True)).cookies["session"]


def _tend(work: Work, thread_id: int, ana_id: int, ben_id: int) -> str:
    ana, ben = work.get_one(Actor, ana_id), work.get_one(Actor, ben_id)
    opening, spam, rude = work.query(Comment).filter_by(thread_id=thread_id).order_by(Comment.number).all()
    threads.edit_comment(work, ben, opening, threads.compose(work, THEN), note="Thursday suits more of us")
    threads.edit_comment(
        work, ana, opening, threads.compose(work, THEN + "\n\nThe shed is open from six."),
        title="When do we meet, and what do we bring?", given_tags=["meetings", "open air"],
    )  # fmt: skip
    reports.report_item(work, ben, spam, "spam", "It says the same everywhere.\n\nAnd it is not even cheap.")
    vera = work.get_one(Actor, spam.author_id)
    reports.report_person(work, ben, vera, "abuse", "She writes to all of us in private.")
    upkeep.remove_comment(work, ana, rude, "That is no way to talk to each other")
    return work.get_one(Thread, thread_id).uid


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["first half", "second half"])
async def test_axe_finds_nothing_on_any_of_them(scene: Scene, scheme: str, which: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    found = []
    names = list(scene.pages)
    half = names[: len(names) // 2] if which == "first half" else names[len(names) // 2 :]
    page = await scene.open(half[0], color_scheme=scheme)
    for name in half:
        await page.goto(scene.moot.settings.origin + scene.pages[name])
        found += [f"{name}: {violation}" for violation in await axe_violations(page)]
        await page.screenshot(path=SHOTS / f"tending-{name.replace(' ', '-')}-{scheme}.png", full_page=True)
    assert found == []


async def test_none_is_wider_than_a_small_phone(scene: Scene) -> None:
    wide = []
    page = await scene.open("start", viewport=NARROW)
    for name, path in scene.pages.items():
        await page.goto(scene.moot.settings.origin + path)
        if await page.evaluate("document.documentElement.scrollWidth") > NARROW["width"]:
            wide.append(name)
        await page.screenshot(path=SHOTS / f"tending-{name.replace(' ', '-')}-320.png", full_page=True)
    assert wide == []


async def test_a_thread_is_started_edited_and_split_without_scripts(scene: Scene) -> None:
    page = await scene.open("start", java_script_enabled=False)
    await page.get_by_label("Title").fill("Peas")
    await page.get_by_label("Your words").fill("Where shall *they* go?")
    await page.get_by_role("button", name="Preview").click()
    assert await page.locator(".preview em").inner_text() == "they"
    await page.get_by_role("button", name="Start the thread").click()
    await page.wait_for_url("**/g/garden/*-peas")

    page = await scene.open("edit", java_script_enabled=False)
    await page.get_by_label("The words").or_(page.get_by_label("Your words")).fill("We meet.")
    await page.get_by_label("What changed?").fill("shorter")
    await page.get_by_role("button", name="Save").click()
    page = await scene.open("history", java_script_enabled=False)
    assert await page.locator(".what-changed").first.inner_text() == "shorter"
    assert await page.locator("del").count() > 0

    page = await scene.open("split", java_script_enabled=False)
    await page.get_by_role("button", name="Make a new thread").click()
    assert await page.locator("article.item").count() >= 1


async def test_two_who_edit_at_once_both_find_their_words(scene: Scene) -> None:
    first, second = await scene.open("edit"), await scene.open("edit")
    for page, words in ((first, "Mine."), (second, "Theirs, and longer.")):
        await page.locator("#source").fill(words)
    await first.get_by_role("button", name="Save").click()
    await second.get_by_role("button", name="Save").click()

    assert await second.locator("#theirs-words").input_value() == "Mine."
    assert await second.locator("#source").input_value() == "Theirs, and longer."
    assert await axe_violations(second) == []
    await second.screenshot(path=SHOTS / "tending-conflict.png", full_page=True)
    await second.get_by_role("button", name="Save").click()
    assert "Theirs, and longer." in await second.locator("main").inner_text()
