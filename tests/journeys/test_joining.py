"""The other ways into a group: asking, a link that goes round, and one thread as a guest."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Arrive
from tests.journeys.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_asks_is_let_in(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name = f"board{suffix}", f"asker{suffix}"
    await node.group(group, "The board", "keeper", privacy="closed")
    await node.person(name, "Asta Winge")
    asta = await arrive(name, signed_in=True)
    await asta.go("/groups")
    await asta.fill("Find a group by its name", "The board")
    await asta.press("Find")
    await asta.page.locator(f"main a[href='/g/{group}']").click()
    await asta.follow("Ask to join")
    await asta.fill("A few words about you", "I keep the books of the mill.")
    await asta.press("Ask to join")
    await asta.sees("You asked to be let in")

    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(f"/g/{group}")
    await keeper.follow(re.compile("Requests.*1 waits"))
    await keeper.sees("I keep the books of the mill.")
    await keeper.press("Let in Asta Winge")
    await keeper.sees("Nobody waits to be let in.")

    letter = await asta.mail("The board")
    await asta.go(letter.link)
    await asta.follow("Start a thread")
    await asta.sees_title(re.compile("thread", re.IGNORECASE))


async def test_a_link_that_was_passed_on_lets_in_until_it_is_reset(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name = f"choir{suffix}", f"singer{suffix}"
    await node.group(group, "The choir", "keeper", privacy="secret")
    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(f"/g/{group}/invite")
    if await keeper.page.locator("#join-link").count() == 0:
        await keeper.press("Make a link")
    link = await keeper.page.locator("#join-link").inner_text()

    singer = await arrive(name)
    assert await singer.status_of(f"/g/{group}") == 404
    await singer.go(link)
    await singer.sees_title("Join The choir")
    await singer.follow("Make an account")
    await singer.sign_up("Sol Vega")
    await singer.sees_title("Look into your mail")
    mail = await singer.mail()
    await singer.go(mail.link)
    await singer.press("Confirm")
    await singer.sees_title("The choir")

    await keeper.press("Reset the link")
    await expect(keeper.page.locator("#join-link")).not_to_have_text(link)
    assert await singer.status_of(link) == 404


async def test_a_guest_sees_one_thread_and_nothing_else(node: Running, arrive: Arrive, suffix: str) -> None:
    group, name = f"council{suffix}", f"expert{suffix}"
    await node.group(group, "The council", "keeper", privacy="secret")
    thread = await node.thread(group, "keeper", "How deep is the well?")
    other = await node.thread(group, "keeper", "Who shall be paid what?")
    await node.person(name, "Ebba Falk")
    keeper = await arrive("keeper", signed_in=True)
    await keeper.go(thread)
    await keeper.page.locator("details.thread-menu > summary").click()
    await keeper.follow("Guests")
    await keeper.fill("Whom do you want to ask?", f"{name}@people.example")
    await keeper.press("Ask them")
    await keeper.sees("Not answered yet")

    ebba = await arrive(name, signed_in=True)
    letter = await ebba.mail("How deep is the well?")
    await ebba.go(letter.link)
    await ebba.press("Accept as Ebba Falk")
    await ebba.sees_title("How deep is the well?")
    await ebba.page.get_by_label("Your words").fill("Forty ells.")
    await ebba.press("Send")
    await expect(ebba.item(1)).to_contain_text("Forty ells.")
    assert await ebba.status_of(other) == 404
    assert await ebba.status_of(f"/g/{group}") == 404
