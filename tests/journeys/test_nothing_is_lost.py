"""What goes wrong while somebody writes: the session ends, a button is pressed twice, the network or the node goes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from node.forum import accounts
from storage import people
from storage.work import Work
from tests.journeys.conftest import Arrive
from tests.journeys.persons import Person
from tests.journeys.running import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = "It took me an hour to write this down.\n\nThe second paragraph was harder still."


@pytest_asyncio.fixture(loop_scope="module")
async def writer(node: Running, arrive: Arrive, suffix: str, request: pytest.FixtureRequest) -> AsyncIterator[Person]:
    """Somebody with a thread before them and their words in the form."""
    name = f"w{abs(hash(request.node.originalname)) % 10**6}{suffix}"
    await node.person(name, "Wanda Writ")
    await node.group(f"g{name}", "The paper", "keeper", name)
    thread = await node.thread(f"g{name}", "keeper", "What happened?")
    await node.say(thread, "keeper", "Tell us.")
    wanda = await arrive(name, signed_in=True)
    await wanda.go(thread)
    await wanda.page.get_by_label("Your words").fill(LONG)
    yield wanda


async def test_a_session_that_ended_gives_the_words_back(writer: Person, node: Running) -> None:
    await elsewhere(writer, "/settings/security")
    assert node.parts is not None
    await node.parts.node.storage.write(_sign_out, writer.name)
    await writer.press("Send")
    await writer.sees_title("Your words are still here")
    kept = writer.page.get_by_label("Text")
    await expect(kept).to_have_value(LONG)
    async with writer.context.expect_page() as tab:
        await writer.follow("Sign in in another tab")
    first, second = writer.page, await tab.value
    writer._page = second
    await writer.sign_in()
    writer._page = first
    await writer.press("Send again")
    await expect(writer.item(2)).to_contain_text("The second paragraph was harder still.")


async def elsewhere(person: Person, path: str) -> None:
    """Looks at another page in a tab of its own."""
    tab = await person.context.new_page()
    await tab.goto(person.node.origin + path)
    await tab.close()


async def test_a_button_that_is_pressed_twice_sends_once(writer: Person) -> None:
    await writer.main.get_by_role("button", name="Send").dblclick(no_wait_after=True)
    await expect(writer.item(2)).to_contain_text("It took me an hour")
    await writer.page.goto(writer.page.url.partition("?")[0].partition("#")[0])
    await expect(writer.page.locator("article.item")).to_have_count(2)


async def test_without_a_network_words_stay_and_it_is_said(writer: Person, scripts: bool) -> None:
    words = writer.page.get_by_label("Your words")
    await writer.context.set_offline(True)
    await words.press_sequentially(" And more.")
    if scripts:
        await writer.sees("No connection: your words are kept in this browser until it is back.")
        await writer.press("Send")
        await writer.sees("No connection: nothing was sent.")
        await expect(words).to_have_value(f"{LONG} And more.")
        await writer.context.set_offline(False)
        await writer.sees("Draft kept")
        await writer.page.reload()
        await expect(words).to_have_value(f"{LONG} And more.")
        await writer.press("Send")
    else:
        await send_in_vain(writer)
        await writer.context.set_offline(False)
        await writer.page.reload()  # the browser sends the form once more
    await expect(writer.item(2)).to_contain_text("And more.")
    await writer.page.reload()
    await expect(writer.page.locator("article.item")).to_have_count(2)


async def send_in_vain(person: Person) -> None:
    """Sends, and gets the browser's own page that says that nobody is there."""
    async with person.page.expect_event("requestfailed"):
        await person.main.get_by_role("button", name="Send").click(no_wait_after=True)
    await expect(person.page.get_by_label("Your words")).to_have_count(0)


async def test_a_browser_that_was_shut_finds_the_draft(writer: Person, scripts: bool) -> None:
    thread = writer.path
    if scripts:
        await writer.sees("Draft kept")
    else:
        await writer.press("Keep as a draft")
    await writer.open_browser()
    await writer.sign_in()
    await writer.go("/drafts")
    await writer.sees("It took me an hour")
    await writer.go(thread)
    await expect(writer.page.get_by_label("Your words")).to_have_value(LONG)
    await writer.press("Send")
    await expect(writer.item(2)).to_contain_text("harder still")
    await writer.go("/drafts")
    await expect(writer.main).not_to_contain_text("It took me an hour")


async def test_a_node_that_stops_and_starts_takes_the_words_then(writer: Person, node: Running, scripts: bool) -> None:
    words = writer.page.get_by_label("Your words")
    await node.stop()
    if scripts:
        await writer.press("Send")
        await writer.sees("No connection: nothing was sent.")
        await expect(words).to_have_value(LONG)
        await node.start()
    else:
        await send_in_vain(writer)
        await node.start()
        await writer.page.go_back()
    await expect(words).to_have_value(LONG)
    await writer.press("Send")
    await expect(writer.item(2)).to_contain_text("harder still")


async def test_words_that_are_too_many_or_none_come_back_with_the_reason(writer: Person) -> None:
    words = writer.page.get_by_label("Your words")
    await words.evaluate("area => { area.value = 'x'.repeat(200000); area.required = false; }")
    await writer.press("Send")
    await expect(words).to_have_attribute("aria-invalid", "true")
    assert len(await words.input_value()) == 200_000
    described = (await words.get_attribute("aria-describedby") or "").split()
    assert "source-error" in described
    await expect(writer.page.locator("#source-error")).to_be_visible()
    await words.fill(LONG)
    await writer.press("Send")
    await expect(writer.item(2)).to_contain_text("harder still")


def _sign_out(work: Work, name: str) -> None:
    actor = people.by_name(work, name)
    assert actor is not None
    accounts.sign_out_everywhere(work, actor.id)
