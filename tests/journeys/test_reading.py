"""What one has read: it is known on the next day, in another browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Arrive
from tests.journeys.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_mark_is_where_it_was_after_the_laptop_was_shut(
    node: Running, arrive: Arrive, suffix: str, scripts: bool
) -> None:
    group, name = f"shelf{suffix}", f"reader{suffix}"
    await node.person(name, "Runa Ness")
    await node.group(group, "The shelf", "keeper", name)
    thread = await node.thread(group, "keeper", "Which books do we keep?")
    await node.say(thread, "keeper", *(f"Book {number}." for number in range(1, 61)))
    runa = await arrive(name, signed_in=True)
    await runa.go(thread)
    await runa.sees("60 replies")
    await expect(runa.page.locator("article.item")).to_have_count(50)
    await runa.close_browser()

    await node.say(thread, "keeper", "One more book.", "And another.")
    await runa.open_browser()
    await runa.sign_in()
    await runa.page.get_by_role("navigation", name="Site").get_by_role("link", name=re.compile("^Unread")).click()
    await runa.sees("12 new")
    await runa.sees("since")
    await runa.follow("Which books do we keep?")
    await expect(runa.item(51)).to_be_in_viewport()
    await expect(runa.item(51).locator(".badge")).to_have_text("new")
    await expect(runa.page.locator("article.item.new")).to_have_count(12)
    await expect(runa.page.locator("#c-50 .badge")).to_have_count(0)

    await runa.item(61).locator("details.more > summary").click()
    await runa.press("Mark as unread from here", within=runa.item(61))
    await runa.sees("Marked as unread from #61.")
    await runa.go("/unread")
    await runa.sees("2 new")


async def test_a_thread_can_be_put_off_and_comes_again(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name = f"well{suffix}", f"walker{suffix}"
    await node.person(name, "Wim Oost")
    await node.group(group, "The well", "keeper", name)
    thread = await node.thread(group, "keeper", "Is the water clean?")
    await node.say(thread, "keeper", "I took it to the laboratory.")
    wim = await arrive(name, signed_in=True)
    await wim.go("/unread")
    await wim.sees("Is the water clean?")
    await wim.press("Put off Is the water clean?")
    await wim.sees("Put off until something new is said")
    await wim.sees("You have read everything.")
    await wim.press("Take it back")
    await expect(wim.page.get_by_role("link", name="Is the water clean?")).to_be_visible()
    await wim.press("Put off Is the water clean?")
    await wim.sees("You have read everything.")
    await node.say(thread, "keeper", "It is.")
    await wim.page.goto(node.origin + "/unread")
    await wim.follow("Is the water clean?")
    await expect(wim.item(2)).to_contain_text("It is.")
    await wim.go("/unread")
    await wim.sees("You have read everything.")
