"""With the keyboard alone: one comes in, reads, answers and reacts, and always sees where one is."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.journeys.conftest import Arrive
from tests.journeys.running import PASSWORD, Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAR_ENOUGH = 60  # presses of Tab from one thing to the next

# What has the focus, by the words that a screen reader says, and whether its focus can be seen.
FOCUSED = """() => {
  const at = document.activeElement;
  const label = at.labels?.[0]?.textContent ?? at.getAttribute("aria-label") ?? at.textContent;
  const box = at.getBoundingClientRect();
  const seen = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && style.outlineColor !== "transparent";
  };
  return {
    said: label.replace(/\\s+/g, " ").trim(),
    where: at.outerHTML.slice(0, 160),
    body: at === document.body,
    shown: box.width > 1 && box.height > 1 && box.bottom > 0 && box.top < innerHeight,
    outlined: seen(at),
  };
}"""


async def tab_to(page: Page, words: str, *, back: bool = False) -> None:
    """Presses Tab until something with these words has the focus; on the way each is seen."""
    passed = []
    for _ in range(FAR_ENOUGH):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        focus = await page.evaluate(FOCUSED)
        if focus["body"]:
            continue
        assert focus["shown"], f"is not in view: {focus['where']}"
        assert focus["outlined"], f"its focus cannot be seen: {focus['where']}"
        if words in focus["said"]:
            return
        passed.append(focus["said"][:40])
    raise AssertionError(f"Tab never comes to {words!r}, but to {passed}")


async def ready(page: Page) -> None:
    """The scripts of a thread are there: what is for browsers without them is gone."""
    await expect(page.locator("[data-without-script]")).to_have_count(0)


async def test_a_day_at_the_node_without_a_mouse(node: Running, arrive: Arrive, suffix: str, scripts: bool) -> None:
    group, name = f"keys{suffix}", f"typist{suffix}"
    await node.person(name, "Tove Finger")
    await node.group(group, "The keys", "keeper", name)
    thread = await node.thread(group, "keeper", "Who types?")
    await node.say(thread, "keeper", "Not me.", "Nor me.")
    tove = await arrive(name)
    page, keys = tove.page, tove.page.keyboard
    await tove.go("/")
    await tab_to(page, "Skip to the content")
    await tab_to(page, "Sign in")
    await keys.press("Enter")
    await tove.sees_title("Sign in")
    await tab_to(page, "Handle or e-mail address")
    await keys.type(name)
    await tab_to(page, "Password")
    await keys.type(PASSWORD)
    await keys.press("Enter")
    await expect(page.locator("header.site details.account")).to_have_count(1)

    await tab_to(page, "Who types?")
    await keys.press("Enter")
    await tove.sees_title("Who types?")
    await tab_to(page, "Skip to the replies")
    await keys.press("Enter")
    await tab_to(page, "Reply to #1")
    await keys.press("Enter")
    await tove.sees("Replying to Kit Keeper #1")
    if scripts:
        await expect(page.get_by_label("Your words")).to_be_focused()
    else:
        await tab_to(page, "Your words")
    await keys.type("I do, with ten fingers.")
    await tab_to(page, "Send")
    await keys.press("Enter")
    await expect(tove.item(3)).to_contain_text("I do, with ten fingers.")
    if scripts:
        await expect(tove.item(3)).to_be_focused()

    await tove.go(thread)
    await tab_to(page, "React to #2")
    await keys.press("Enter")
    await expect(tove.item(2).get_by_role("button", name="Like", exact=False).first).to_be_visible()
    if scripts:
        await tab_to(page, "👍")
        await keys.press("Escape")
        await expect(tove.item(2).locator("details.react[open]")).to_have_count(0)
        await expect(tove.item(2).locator("details.react > summary")).to_be_focused()
        await keys.press("Enter")
    await tab_to(page, "👍")
    await keys.press("Enter")
    await expect(tove.item(2).locator(".mine")).to_contain_text("1 like")

    await tove.go(thread)
    await tab_to(page, "Menu of Tove Finger")
    await keys.press("Enter")
    await tab_to(page, "Sign out")
    await keys.press("Enter")
    await expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


async def test_the_keys_are_listed_and_can_be_switched_off(
    node: Running, arrive: Arrive, suffix: str, scripts: bool
) -> None:
    if not scripts:
        pytest.skip("keys need scripts")
    await node.person("keysoff", "Olle Off")
    await node.group("keysoff_g", "The off", "keeper", "keysoff")
    thread = await node.thread("keysoff_g", "keeper", "Which keys?")
    await node.say(thread, "keeper", "j.", "k.")
    olle = await arrive("keysoff", signed_in=True)
    await olle.go(thread)
    await ready(olle.page)
    await olle.page.keyboard.press("j")
    await expect(olle.item(1)).to_be_focused()
    await olle.page.keyboard.press("?")
    await expect(olle.page.get_by_role("dialog", name="Keys")).to_be_visible()
    async with olle.page.expect_response("**/keys"):
        await olle.page.get_by_label("Use these keys").uncheck()
    await olle.page.keyboard.press("Escape")
    await expect(olle.page.get_by_role("dialog", name="Keys")).to_be_hidden()
    await olle.page.reload()
    await ready(olle.page)
    await olle.page.keyboard.press("j")
    await expect(olle.item(1)).not_to_be_focused()
    await expect(olle.item(2)).not_to_be_focused()
