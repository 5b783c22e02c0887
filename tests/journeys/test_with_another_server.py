"""From the first link to a conversation of three: two people here, and one who reads and answers on another server."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.equipment.fedify import FedifyPeer
from tests.journeys.conftest import SHOTS
from tests.journeys.persons import PHONE, Person
from tests.journeys.running import Running, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def found(node: Running, browser: Browser) -> Person:
    """Liv opens the first link, and makes a group in which comments are boosted."""
    liv = await Person(node, browser, "liv").open_browser()
    await liv.go((await node.hear(r"(http://\S+/welcome/\S+)"))[1])
    await liv.fill("Handle", "liv")
    await liv.page.get_by_label("Name", exact=True).fill("Liv Sand")
    await liv.page.get_by_label("Password", exact=True).fill(liv.password)
    await liv.press("Begin")
    await liv.follow("Make a group")
    await liv.page.get_by_label("Name", exact=True).fill("The orchard")
    await liv.fill("Handle", "orchard")
    await liv.press("Make the group")
    await liv.sees_title("The orchard")
    await liv.go("/g/orchard/settings")
    await liv.page.get_by_label("Boosted").check()
    await liv.press("Save")
    return liv


async def invite(liv: Person, node: Running, browser: Browser) -> Person:
    """Liv invites Bo, who comes by the mail that lies in the folder."""
    bo = await Person(node, browser, "bo").open_browser()
    await liv.go("/g/orchard/invite")
    await liv.fill("E-mail addresses", bo.email)
    await liv.press("Send the invitations")
    await bo.go((await bo.mail("invites you")).link)
    await bo.follow("Make an account")
    await bo.sign_up("Bo Rask")
    await expect(bo.page.locator("header.site details.account")).to_have_count(1)
    return bo


async def answer(person: Person, words: str, number: int) -> None:
    """Answers with the form of the page, and sees it stand there."""
    await person.page.get_by_label("Your words").fill(words)
    await person.press("Send")
    await expect(person.item(number)).to_contain_text(words)


@pytest.mark.timeout(300)
async def test_two_people_here_and_one_elsewhere_talk_in_one_thread(browser: Browser, tmp_path: Path) -> None:
    async with FedifyPeer() as peer, running(tmp_path, fill=False, dev_peers=frozenset({peer.authority})) as node:
        liv = await found(node, browser)
        bo = await invite(liv, node, browser)
        orchard = f"{node.origin}/g/orchard"
        await peer.call("/follow", actor=orchard)
        await node.command("worker", "--until-idle")  # until the other server has its answer
        assert (await peer.get("/state"))["actors"]["alice"]["following"][orchard]["accepted"]

        await liv.go("/g/orchard/new")
        await liv.fill("Title", "Who prunes the old pear?")
        await liv.fill("Your words", "It leans over the wall.")
        await liv.press("Start the thread")
        await liv.sees_title("Who prunes the old pear?")
        thread = liv.path
        await bo.go(thread)
        await answer(bo, "I can, on Friday.", 1)
        await expect(liv.item(1)).to_contain_text("I can, on Friday.")  # by itself

        await node.command("worker", "--until-idle")
        boosts = [entry["object"] for entry in await peer.get("/received", type="Announce")]
        opening = next(uri for uri in boosts if "/post/" in uri)
        comment = next(uri for uri in boosts if "/comment/" in uri)
        reply = await peer.call("/post", content="<p>I bring the ladder.</p>", inReplyTo=comment, mentions=[orchard])
        assert all(delivery["ok"] for delivery in reply["deliveries"]), reply
        for reader in (liv, bo):  # it came to both pages by itself, below what it answers
            await expect(reader.item(2)).to_contain_text("I bring the ladder.")
            await expect(reader.item(2)).to_contain_text(f"@alice@{peer.authority}")
        await answer(liv, "Then it is settled.", 3)
        await expect(bo.item(3)).to_contain_text("Then it is settled.")
        assert (await peer.call("/lookup", query=opening))["type"] == "Note"
        await liv.page.screenshot(path=SHOTS / "three-in-a-thread.png", full_page=True)

        # Liv closes the laptop, the others talk on, and she finds the unread mark where it was.
        await liv.close_browser()
        for number in (4, 5):
            await answer(bo, f"Friday at {number}.", number)
        await liv.open_browser()
        await liv.sign_in()
        await liv.go("/unread")
        await liv.sees("2 new")
        await liv.follow("Who prunes the old pear?")
        await expect(liv.page.locator("[data-first-unread]")).to_be_visible()
        await expect(liv.item(4).locator(".badge")).to_have_text("new")
        await expect(liv.item(3).locator(".badge")).to_have_count(0)

        phone = await Person(node, browser, "bo", window=dict(PHONE)).open_browser(color_scheme="dark")
        await phone.sign_in()
        await phone.go(thread)
        assert await phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await phone.page.screenshot(path=SHOTS / "three-in-a-thread-320-dark.png", full_page=True)
        assert [*liv.errors, *bo.errors, *phone.errors] == []
        for person in (liv, bo, phone):
            await person.close_browser()
