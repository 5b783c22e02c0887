"""A group from the first link to a thread with sixty comments over two pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.journeys.conftest import SHOTS
from tests.journeys.persons import PHONE, Person
from tests.journeys.running import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def move_in(node: Running, browser: Browser, *, scripts: bool) -> Person:
    """Somebody opens the link that the node printed, and is its admin."""
    link = (await node.hear(r"(http://\S+/welcome/\S+)"))[1]
    liv = await Person(node, browser, "liv", scripts).open_browser()
    await liv.go(link)
    await liv.sees_title("Welcome to Mill Lane")
    await liv.fill("Handle", "liv")
    await liv.page.get_by_label("Name", exact=True).fill("Liv Sand")
    await liv.page.get_by_label("Password", exact=True).fill("short")
    await liv.press("Begin")
    await liv.sees("at least 10 characters")
    await expect(liv.page.get_by_label("Handle")).to_have_value("liv")
    await liv.page.get_by_label("Password", exact=True).fill(liv.password)
    await liv.press("Begin")
    await liv.sees("Three things to do first")
    await liv.page.screenshot(path=SHOTS / f"three-things-{'scripts' if scripts else 'plain'}.png", full_page=True)
    return liv


async def make_group(liv: Person) -> None:
    """Makes a group, from the first of the things to do."""
    await liv.follow("Make a group")
    await liv.page.get_by_label("Name", exact=True).fill("The garden of Mill Lane")
    await liv.fill("Handle", "garden")
    await liv.fill("What is it for?", "Beds, tools and **water**.")
    await liv.press("Make the group")
    await liv.sees_title("The garden of Mill Lane")
    await liv.sees("Yours would be the first")


async def start_thread(liv: Person) -> None:
    """Starts the first thread of the group."""
    await liv.follow("Start a thread")
    await liv.fill("Title", "What do we plant?")
    await liv.fill("Your words", "Beans, *or what*?\n\n- beans\n- peas")
    await liv.fill("Tags", "plants, spring")
    await liv.press("Preview")
    await expect(liv.page.locator("section.preview li")).to_have_count(2)
    await liv.press("Start the thread")
    await liv.sees_title("What do we plant?")
    await liv.sees("Nobody has answered yet.")


async def answer(liv: Person, words: str, number: int) -> None:
    """Answers with the form of the page."""
    await liv.page.get_by_label("Your words").fill(words)
    await liv.press("Send")
    await expect(liv.item(number)).to_contain_text(words)


async def test_a_group_from_the_first_link_to_sixty_comments(browser: Browser, tmp_path: Path, scripts: bool) -> None:
    async with running(tmp_path / "node") as node:
        liv = await move_in(node, browser, scripts=scripts)
        await make_group(liv)
        await start_thread(liv)
        thread = liv.path.partition("?")[0].partition("#")[0]
        await answer(liv, "Beans first.", 1)
        await answer(liv, "And peas.", 2)
        await liv.follow("Reply to #1")
        await liv.sees("Replying to Liv Sand #1")
        await answer(liv, "Which beans?", 3)
        await node.say(thread, "liv", *(f"Bed number {number}." for number in range(4, 60)))
        await liv.go(thread)
        if scripts:
            await liv.follow("Later replies")
            await expect(liv.page.locator("article.item")).to_have_count(59)
        await answer(liv, "That is the last bed.", 60)
        await liv.sees("60 replies")

        await liv.go(thread)
        await expect(liv.page.locator("article.item")).to_have_count(50)
        first = await liv.page.locator("article.item").evaluate_all("items => items.map(item => item.id)")
        await liv.follow("Later replies")
        await expect(liv.item(60)).to_be_visible()
        await expect(liv.page.locator("article.item")).to_have_count(60 if scripts else 10)
        if not scripts:
            rest = await liv.page.locator("article.item").evaluate_all("items => items.map(item => item.id)")
            assert len(set(first) | set(rest)) == 60, "every item stands on one of the two pages"
            await liv.follow("Earlier replies")
            await expect(liv.item(1)).to_be_visible()

        await liv.go(f"{thread}?view=flat")
        numbers = await liv.page.locator("article.item").evaluate_all("items => items.map(item => item.id.slice(2))")
        assert numbers == [str(number) for number in range(1, 51)], "by time"
        await liv.go(f"{thread}?view=new")
        await liv.sees("There is nothing new in this thread.")

        await permalink(liv, thread)
        await fold(liv, thread)
        assert liv.errors == []
        await liv.close_browser()


async def permalink(liv: Person, thread: str) -> None:
    """The number of an item is its address, from the other page too."""
    await liv.go(thread)
    await expect(liv.item(57)).to_have_count(0)
    await liv.go(f"{thread}?at=57#c-57")
    await expect(liv.item(57)).to_contain_text("Bed number 57.")
    await expect(liv.item(57)).to_be_in_viewport()
    await liv.follow("#57", within=liv.item(57))
    await expect(liv.item(57)).to_be_in_viewport()


async def fold(liv: Person, thread: str) -> None:
    """A branch is folded and unfolded."""
    await liv.go(thread)
    await expect(liv.item(3)).to_be_visible()
    branch = liv.page.locator("details.branch", has=liv.item(3))
    await expect(branch.locator("summary").first).to_contain_text("1 reply")
    await branch.locator("summary").first.click()
    await expect(liv.item(3)).to_be_hidden()
    await branch.locator("summary").first.click()
    await expect(liv.item(3)).to_be_visible()


async def test_the_first_steps_are_the_same_on_postgresql_and_on_a_phone(
    browser: Browser, tmp_path: Path, postgres_url: str
) -> None:
    async with running(tmp_path / "node", postgres_url, fill=False) as node:
        liv = await move_in(node, browser, scripts=True)
        await liv.page.set_viewport_size(PHONE)
        await make_group(liv)
        await start_thread(liv)
        await answer(liv, "Beans first.", 1)
        await liv.page.reload()
        await expect(liv.item(1)).to_contain_text(re.compile("Liv Sand.*Beans first", re.DOTALL))
        assert await liv.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        await liv.close_browser()
