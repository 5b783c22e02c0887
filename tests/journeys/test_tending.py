"""What is said is edited, removed, restored and reported; everybody can follow what became of it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Arrive
from tests.journeys.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_edit_shows_what_changed(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name = f"bees{suffix}", f"beekeeper{suffix}"
    await node.person(name, "Berit Holm")
    await node.group(group, "The bees", "keeper", name)
    thread = await node.thread(group, "keeper", "How many hives?")
    await node.say(thread, name, "We have three hives by the river.")
    berit = await arrive(name, signed_in=True)
    await berit.go(thread)
    await berit.item(1).locator("details.more > summary").click()
    await berit.follow("Edit", within=berit.item(1))
    words = berit.page.get_by_label("Your words")
    await expect(words).to_have_value("We have three hives by the river.")
    await words.fill("We have seven hives by the river.")
    await berit.fill("What changed?", "I counted again")
    await berit.press("Preview")
    await expect(berit.page.locator("section.preview")).to_contain_text("seven hives")
    await berit.press("Save")
    await expect(berit.item(1)).to_contain_text("seven hives")

    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(thread)
    await keeper.follow("edited", within=keeper.item(1))
    await keeper.sees_title("What changed")
    await keeper.sees("I counted again")
    latest = keeper.page.locator("ol.history > li").first
    await expect(latest.locator("del")).to_contain_text("three")
    await expect(latest.locator("ins")).to_contain_text("seven")
    await expect(latest.locator("del")).to_have_css("text-decoration-line", "line-through")
    await expect(latest.locator("ins")).to_have_css("text-decoration-line", "underline")


async def test_members_edit_an_opening_that_is_a_whiteboard(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name = f"board{suffix}", f"chalk{suffix}"
    await node.person(name, "Cleo Vik")
    await node.group(group, "The wall", "keeper", name)
    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(f"/g/{group}")
    await keeper.follow("Start a thread")
    await keeper.fill("Title", "What we bring")
    await keeper.fill("Your words", "- bread")
    await keeper.page.get_by_label("Let members of the group edit it").check()
    await keeper.press("Start the thread")
    await keeper.sees("Members may edit it")

    cleo = await arrive(name, signed_in=True)
    await cleo.go(keeper.path)
    await cleo.page.locator("details.thread-menu > summary").click()
    await cleo.follow("Edit the opening")
    await cleo.page.get_by_label("The words").fill("- bread\n- cheese")
    await cleo.fill("What changed?", "cheese")
    await cleo.press("Save")
    await cleo.sees("cheese")
    await keeper.page.reload()
    await keeper.follow("edited")
    await keeper.sees("Cleo Vik")
    await expect(keeper.page.locator("ol.history ins").first).to_contain_text("cheese")


async def test_what_a_moderator_removes_leaves_its_place_and_can_come_back(
    node: Running, arrive: Arrive, suffix: str
) -> None:
    group, name = f"lane{suffix}", f"crier{suffix}"
    await node.person(name, "Curt Bang")
    await node.group(group, "The lane", "keeper", name)
    thread = await node.thread(group, "keeper", "Shall cars pass?")
    await node.say(thread, name, "Buy my cars!")
    await node.say(thread, "keeper", "That is no answer.", to=1)
    keeper, curt = await arrive("keeper", signed_in=True), await arrive(name, signed_in=True)
    await keeper.go(thread)
    await keeper.item(1).locator("details.more > summary").click()
    await keeper.follow("Remove", within=keeper.item(1))
    await keeper.fill("Why?", "an advertisement")
    await keeper.press("Remove")
    await expect(keeper.item(1)).to_contain_text("Removed by a moderator. The reason: an advertisement")

    await curt.go(thread)
    await expect(curt.item(1)).to_contain_text("The reason: an advertisement")
    await expect(curt.item(1)).not_to_contain_text("Buy my cars!")
    await expect(curt.page.locator("li", has=curt.item(1)).locator("#c-2")).to_be_visible()  # the tree holds

    await keeper.item(1).locator("details.more > summary").click()
    await keeper.follow("Restore", within=keeper.item(1))
    await keeper.fill(re.compile("Why"), "it was a joke")
    await keeper.press("Restore")
    await curt.page.reload()
    await expect(curt.item(1)).to_contain_text("Buy my cars!")
    await keeper.go(f"/g/{group}/log")
    await keeper.sees("an advertisement")
    await keeper.sees("it was a joke")


async def test_a_report_is_resolved_and_written_down(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name, other = f"yard{suffix}", f"neighbour{suffix}", f"loud{suffix}"
    await node.person(name, "Nina Lau")
    await node.person(other, "Leo Ring")
    await node.group(group, "The yard", "keeper", name, other)
    thread = await node.thread(group, "keeper", "Who plays the drums?")
    await node.say(thread, other, "Me, and you cannot stop me, you fool.")
    nina = await arrive(name, signed_in=True)
    await nina.go(thread)
    await nina.item(1).locator("details.more > summary").click()
    await nina.follow("Report to the moderators", within=nina.item(1))
    await nina.page.get_by_role("radio").first.check()
    await nina.fill("In your words", "This is an insult.")
    await nina.main.locator("form button.strong, form button.danger").first.click()
    await nina.sees_title("Thank you, it was reported")
    await nina.follow("Back to where you were")
    await expect(nina.item(1)).to_be_in_viewport()

    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(f"/g/{group}")
    await keeper.follow(re.compile("Reports.*1 waits"))
    await keeper.sees("This is an insult.")
    await keeper.sees("you fool")
    await keeper.fill("What did you decide?", "Leo was asked to say sorry.")
    await keeper.press("Resolve")
    await keeper.sees("Nothing waits.")
    await keeper.follow("Resolved")
    await keeper.sees("Leo was asked to say sorry.")
    await keeper.go(f"/g/{group}/log")
    await keeper.sees("Leo was asked to say sorry.")
    await expect(keeper.main).not_to_contain_text("Nina Lau")
