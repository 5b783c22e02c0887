"""Two people in one thread at the same time."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Arrive
from tests.journeys.persons import Person
from tests.journeys.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def in_one_thread(node: Running, arrive: Arrive, suffix: str, group: str, before: int) -> tuple[Person, Person]:
    """Ada and Bo, both with the same thread before them, in which so much was said already."""
    for name, called in (("ada", "Ada Ek"), ("bo", "Bo Rask")):
        await node.person(f"{name}_{group}{suffix}", called)
    names = [f"{name}_{group}{suffix}" for name in ("ada", "bo")]
    await node.group(f"{group}{suffix}", "The mill", *names)
    thread = await node.thread(f"{group}{suffix}", names[0], "When does the mill run?")
    await node.say(thread, names[1], *(f"Number {number}. " + "Words and words. " * 40 for number in range(before)))
    there = [await arrive(name, signed_in=True) for name in names]
    for person in there:
        await person.go(thread)
    return there[0], there[1]


async def say(person: Person, words: str, number: int) -> None:
    """Answers the thread, and sees it stand there."""
    await person.page.get_by_label("Your words").fill(words)
    await person.press("Send")
    await expect(person.item(number)).to_contain_text(words)


async def test_what_one_says_the_other_reads(node: Running, arrive: Arrive, suffix: str, scripts: bool) -> None:
    ada, bo = await in_one_thread(node, arrive, suffix, "mill", 1)
    writing = ada.page.get_by_label("Your words")
    await writing.fill("I would")
    await writing.focus()
    await say(bo, "On Tuesdays.", 2)
    if scripts:
        await expect(ada.item(2)).to_contain_text("On Tuesdays.")  # by itself
        await expect(ada.item(2).locator(".badge")).to_have_text("new")
        await expect(writing).to_be_focused()
        await expect(writing).to_have_value("I would")
        await expect(ada.page.locator("p.sr[role=status]")).to_have_text("A new reply by Bo Rask.")
        await ada.sees("New replies came while you write.")
    else:
        await expect(ada.item(2)).to_have_count(0)
    await writing.press_sequentially(" come.")
    await ada.press("Send")
    if scripts:
        await expect(ada.item(3)).to_contain_text("I would come.")
        await expect(ada.item(3)).to_be_focused()
        await expect(bo.item(3)).to_contain_text("I would come.")
    else:
        await expect(ada.item(3)).to_contain_text("I would come.")
        await ada.sees("1 new reply came while you wrote.")
        await bo.page.reload()
    await expect(bo.item(3).locator(".badge")).to_have_text("new")


async def test_what_is_said_elsewhere_on_the_page_is_offered_and_nothing_jumps(
    node: Running, arrive: Arrive, suffix: str, scripts: bool
) -> None:
    ada, bo = await in_one_thread(node, arrive, suffix, "pond", 12)
    await ada.follow("Reply to #12")
    await bo.follow("Reply to #1")
    await expect(ada.page.get_by_label("Your words")).to_be_focused() if scripts else None
    await ada.item(12).scroll_into_view_if_needed()
    before = await ada.item(12).bounding_box()
    await say(bo, "Above what you read.", 13)
    offer = ada.page.locator("[data-arrived]")
    if scripts:
        await expect(offer).to_have_text("1 new reply: show it")
        assert await ada.item(12).bounding_box() == before, "what is read does not move"
        await offer.get_by_role("button").click()
        await expect(ada.item(13)).to_be_focused()
        await expect(ada.item(13)).to_be_in_viewport()
        await expect(offer).to_be_hidden()
    else:
        await expect(offer).to_be_hidden()
        await ada.page.reload()
        await expect(ada.item(13).locator(".badge")).to_have_text("new")


async def test_reactions_and_edits_come_too(node: Running, arrive: Arrive, suffix: str, scripts: bool) -> None:
    ada, bo = await in_one_thread(node, arrive, suffix, "fair", 2)
    await ada.item(1).locator("details.react > summary").click()
    await ada.press("Like", within=ada.item(1))
    await expect(ada.item(1).locator(".mine")).to_contain_text("1 like")
    if not scripts:
        await bo.page.reload()
    await expect(bo.item(1)).to_contain_text("1 like")
    await bo.item(1).locator("details.react > summary").click()
    await expect(bo.item(1)).to_contain_text("Ada Ek")
    await bo.press("🌱", within=bo.item(1))
    if not scripts:
        await ada.page.reload()
    await expect(ada.item(1)).to_contain_text(re.compile("🌱 1"))
    await bo.go(bo.path.partition("?")[0].partition("#")[0])
    await bo.item(2).locator("details.more > summary").click()
    await bo.follow("Edit", within=bo.item(2))
    await bo.page.get_by_label("Your words").fill("Quite another thing.")
    await bo.press("Save")
    await expect(bo.item(2)).to_contain_text("Quite another thing.")
    if not scripts:
        await ada.page.reload()
    await expect(ada.item(2)).to_contain_text("Quite another thing.")
    await expect(ada.item(2)).to_contain_text("edited")
