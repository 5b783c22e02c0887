"""From an invitation in the mail to the first words in a group."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Arrive
from tests.journeys.running import Running, address

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_is_invited_by_mail_signs_up_and_answers(node: Running, arrive: Arrive, suffix: str) -> None:
    garden, greta = f"garden{suffix}", f"greta{suffix}"
    await node.group(garden, "The garden of Mill Lane", "keeper")
    thread = await node.thread(garden, "keeper", "Who has a ladder?")
    await node.say(thread, "keeper", "The plum trees are ripe.")
    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(f"/g/{garden}")
    await keeper.follow("Invite")
    await keeper.fill("E-mail addresses", f"{address(greta)}\nnot an address")
    await keeper.fill("A few words to them", "Come and talk with us about ladders.")
    await keeper.press("Send the invitations")
    await keeper.sees("not an address")  # says which one, and keeps the rest
    assert address(greta) in await keeper.page.get_by_label("E-mail addresses").input_value()
    await keeper.fill("E-mail addresses", address(greta))
    await keeper.press("Send the invitations")
    await keeper.sees("Not answered yet")
    await keeper.sees(address(greta))

    guest = await arrive(greta)
    invitation = await guest.mail("invites you to The garden of Mill Lane")
    assert "Come and talk with us about ladders." in invitation.text
    await guest.go(invitation.link)
    await guest.sees_title("The garden of Mill Lane")
    await guest.sees("Come and talk with us about ladders.")
    await guest.follow("Make an account")
    await guest.sees("You are invited to The garden of Mill Lane")
    await guest.sign_up("Greta Lind")
    if "confirm" in guest.page.url:
        # The invitation was for this address, yet another one may have been typed in: then it is proved as well.
        await guest.fill("Code", (await guest.mail()).code)
        await guest.press("Go on")
    await guest.sees_title("The garden of Mill Lane")
    assert guest.path == f"/g/{garden}"

    await guest.follow("Who has a ladder?")
    await guest.follow("Reply to #1")
    await guest.sees("Replying to Kit Keeper #1")
    words = guest.page.get_by_label("Your words")
    await words.fill("I have **two** of them.")
    await guest.press("Preview")
    await guest.sees("It is not sent yet.")
    await expect(guest.page.locator(".preview strong")).to_have_text("two")
    await expect(words).to_have_value("I have **two** of them.")
    await guest.press("Send")
    await expect(guest.item(2).locator(".words")).to_have_text("I have two of them.")
    await guest.page.reload()
    await expect(guest.item(2)).to_contain_text("Greta Lind")
    # It stands below what it answers.
    await expect(guest.page.locator("li", has=guest.item(1)).locator("#c-2")).to_have_count(1)

    assert await guest.status_of(invitation.link) in (404, 410), "an invitation works once"
    await keeper.go(f"/g/{garden}/members")
    await keeper.sees("Greta Lind")
    await keeper.go(thread)
    await expect(keeper.item(2)).to_contain_text(re.compile("Greta Lind.*new", re.DOTALL))
