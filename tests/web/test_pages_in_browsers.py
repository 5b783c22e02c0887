"""Every page in a real browser: axe finds nothing, a small phone is wide enough, scripts are not needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from node.web import addresses
from tests.equipment.chromium import axe_violations, chromium

SHOTS = Path(__file__).parents[2] / "test-output"
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 900}


@dataclass
class Scene:
    """A node with people in it, and its pages by name."""

    moot: Any
    browser: Browser
    pages: dict[str, str]

    async def open(self, page: str, **context: Any) -> Any:
        """That page in a fresh window."""
        opened = await (await self.browser.new_context(**({"viewport": WIDE} | context))).new_page()
        answer = await opened.goto(self.moot.settings.origin + self.pages.get(page, page))
        assert answer.status == (404 if page == "nothing" else 200), page
        return opened


@pytest.fixture
async def scene(open_moot: Any) -> AsyncIterator[Scene]:
    moot = await open_moot(origin="http://moot.example", development=True, contact="ana@moot.example")
    pages = await furnish(moot)
    async with chromium(hosts={"moot.example": moot.client.port}) as browser:
        yield Scene(moot, browser, pages)


async def furnish(moot: Any) -> dict[str, str]:
    """Groups, people and a thread with everything in it that a thread can have."""
    origin = moot.settings.origin
    commons = await moot.group(
        summary="<p>We look for ways in which commons can carry each other, in practice and with open books.</p>",
        hue=160,
    )
    await moot.group(
        "garden", "Community Garden Seomra", summary="<p>Beds, tools, water.</p>", hue=95, privacy="closed"
    )
    await moot.group("empty", "A quiet place", hue=290)
    people = [
        await moot.person("liammoran", "Liam Moran", summary="<p>Gardener and bookkeeper in Dublin.</p>"),
        await moot.person("gretacastell", "Greta Castell"),
        await moot.person("simonag", "Simona Grande"),
        await moot.person("mira", "Mira Okonkwo-Lindqvist"),
    ]
    liam, greg, simon, mira = people
    await moot.join(liam, commons, "admin")
    await moot.join(greg, commons, "moderator")
    for member in (simon, mira):
        await moot.join(member, commons)
    ana = await moot.person("ana", "Ana Duarte", host="coop.example")
    noor = await moot.person("noor", "نور الدين", host="social.example")
    for follower in (ana, noor):
        await moot.follow(follower, commons)
    thread = await moot.thread(
        commons,
        liam,
        "How do we pay for what nobody owns?",
        "Three groups have asked us for the same thing this month: **a way to share the cost of tools** that none of "
        "them owns. I see two roads.\n\n1. A common pot with a yearly promise from each group.\n2. Paying by use, with "
        "the books open.\n\n> Commons are not free of cost, they are free of owners.\n\n"
        "What has worked where you are? See [the notes of our last meeting](https://notes.example/2017/06)."
        "\n\n#Commons #money",
        seen_count=42,
    )
    one = await moot.say(
        thread,
        greg,
        "We tried the pot. It works as long as people **see** it: a page with what came in and went out. #commons",
    )
    two = await moot.say(
        thread, ana, "Same here in Porto.\n\nWe count *hours*, not money, and settle twice a year.", to=one
    )
    three = await moot.say(thread, liam, "How do you value an hour of repair against one of cooking?", to=two)
    four = await moot.say(thread, ana, "We do not. An hour is an hour.", to=three)
    five = await moot.say(thread, greg, "That is the part our members would fight about.", to=four)
    await moot.say(thread, ana, "Ours did, for one winter. Then they stopped.", to=five)
    await moot.say(thread, noor, "هل يمكن أن نرى دفاتركم؟ نحن نبدأ هذا العام.", to=one, language="ar")
    await moot.say(thread, mira, "Spam that somebody wrote", to=one, state="removed", reason="an advertisement")
    await moot.say(
        thread,
        simon,
        "For the tool library the second road was enough:\n\n- 2 € a day for small tools\n- 5 € for the mill\n\n"
        "| tool | days | paid |\n|--|--|--|\n| mill | 14 | 70 € |\n| ladder | 31 | 62 € |",
    )
    await moot.hole(thread, "https://far.example/notes/1")
    await moot.say(thread, mira, "gone", state="deleted", html=False)
    poll = await moot.say(
        thread,
        ana,
        "Which road would your group take?",
        question={"options": [["A common pot", 12], ["Paying by use", 7]], "multiple": False, "end_time": None},
    )
    await moot.say(
        thread,
        noor,
        "The photo of our ledger. #commons",
        to=poll,
        summary="long numbers",
        attachments=[{"kind": "Image", "url": "https://social.example/m/1.jpg", "alt": "A page of a ledger"}],
    )
    for who in (greg, ana, noor):
        await moot.react(thread, 0, who, "like")
    await moot.react(thread, one, ana, "like")
    await moot.react(thread, one, noor, "boost")
    await moot.react(thread, one, noor, "🌱")
    await moot.change(thread, one, edited_at=(await moot.item(thread, one)).published_at)
    long = await moot.thread(commons, simon, "A long conversation", "Let us count.")
    for number in range(60):
        await moot.say(long, people[number % 4], f"Number {number + 1}.", to=max(0, number - 1) if number % 3 else 0)
    await moot.thread(commons, mira, "Welcome, and how we talk here", "Read this first.", pinned_at=moot.storage.now())
    for number in range(31):
        await moot.thread(commons, liam, f"Minutes of meeting {number + 1}", "Present: Liam, Greg, Simon, Mira.")
    await moot.group("far", "Empty group")
    path = await moot.path(thread)
    return {
        "home": "/",
        "group": "/g/commons",
        "empty group": "/g/empty",
        "thread": path,
        "flat": f"{path}?view=flat",
        "long": await moot.path(long),
        "fetched": f"{path}?fetched=2#fetch",
        "tag": "/tags/commons",
        "person": "/u/liammoran",
        "interact": addresses.interact_path((await moot.item(thread, 0)).uri, "reply"),
        "follow": addresses.interact_path(f"{origin}/g/commons", "follow"),
        "about": "/about",
        "nothing": "/g/nothing-here",
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_page(scene, scheme):
    found = {}
    for name in scene.pages:
        page = await scene.open(name, color_scheme=scheme)
        if violations := await axe_violations(page):
            found[name] = violations
        await page.screenshot(path=SHOTS / f"{name.replace(' ', '-')}-{scheme}.png", full_page=True)
        await page.context.close()
    assert found == {}


async def test_no_page_is_wider_than_a_small_phone(scene):
    wide = {}
    for name in scene.pages:
        page = await scene.open(name, viewport=NARROW)
        width = await page.evaluate("document.documentElement.scrollWidth")
        await page.screenshot(path=SHOTS / f"{name.replace(' ', '-')}-320.png", full_page=True)
        if width > NARROW["width"]:
            wide[name] = width
        await page.context.close()
    assert wide == {}


async def test_the_keyboard_reaches_the_replies_by_skipping(scene):
    page = await scene.open("thread")
    words = []
    for _ in range(3):
        await page.keyboard.press("Tab")
        words.append(await page.evaluate("document.activeElement.textContent"))
        box = await page.evaluate("document.activeElement.getBoundingClientRect().toJSON()")
        assert box["width"] > 44 and box["height"] > 24, "a skip link shows itself when it has the focus"
    assert words == ["Skip to the content", "Skip to the replies", "Skip to answering"]
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "replies"


async def test_without_scripts_a_branch_folds_and_pages_turn(scene):
    page = await scene.open("thread", java_script_enabled=False)
    assert await page.locator("#c-2").is_visible()
    await page.locator("#items > li > details > summary").first.click()
    assert not await page.locator("#c-2").is_visible()
    await page.goto(scene.moot.settings.origin + scene.pages["long"])
    first = await page.locator("article.item").count()
    await page.get_by_role("link", name="Later replies").click()
    assert "after=" in page.url
    assert first == 50
    assert await page.locator("article.item").count() == 10


async def test_the_line_of_a_branch_folds_it(scene):
    page = await scene.open("thread")
    await page.locator("#c-4").scroll_into_view_if_needed()
    box = await page.locator("#items > li").first.bounding_box()
    answer = await page.locator("#c-3").bounding_box()
    await page.mouse.click(box["x"] + 18, answer["y"])
    assert not await page.locator("#c-2").is_visible()


async def test_later_replies_come_to_the_page_and_take_the_focus(scene):
    page = await scene.open("long")
    await page.get_by_role("link", name="Later replies").click()
    await page.locator("nav[aria-label='Later replies']").wait_for(state="detached")
    numbers = await page.eval_on_selector_all("article.item", "items => items.map(item => item.id)")
    assert len(numbers) == len(set(numbers)) == 60
    assert await page.evaluate("document.activeElement.id") == numbers[50]
    assert await page.locator("[role=status]").text_content() == "Later replies: 10"
    assert "after=" not in page.url


async def test_a_visitor_is_led_to_their_own_server(scene):
    page = await scene.open("thread")
    await page.get_by_role("link", name="Reply from your server").click()
    await page.get_by_label("Your handle").fill("@ana@silent.example")
    await page.get_by_role("button", name="Continue").click()
    assert await page.evaluate("document.activeElement.name") == "handle"
    assert "Nobody answers at silent.example." in await page.locator("#handle-error").text_content()
    assert await axe_violations(page) == []
    await page.get_by_label("Your handle").fill("@ana@coop.example")
    await page.get_by_role("button", name="Continue").click()
    door = page.get_by_role("link", name="Continue on coop.example")
    assert (await door.get_attribute("href")).startswith("https://coop.example/authorize_interaction?uri=")
    assert await axe_violations(page) == []
    await page.screenshot(path=SHOTS / "leave-light.png", full_page=True)
    await page.goto(scene.moot.settings.origin + scene.pages["follow"])
    assert await page.get_by_label("Your handle").input_value() == "ana@coop.example"


async def test_without_scripts_missing_replies_are_fetched(scene):
    page = await scene.open("thread", java_script_enabled=False)
    await page.get_by_role("button", name="Fetch them").click()
    assert page.url.endswith("?fetched=0#fetch")
    assert await page.locator("#fetch [role=status]").text_content() == "We looked, and nothing new came."
    await page.get_by_role("button", name="Fetch them").click()
    assert "a moment ago" in await page.locator("#fetch [role=status]").text_content()
    assert len(scene.moot.network.fetched) == 1


async def test_no_page_asks_another_server_for_anything(scene):
    """XSS-10"""
    page = await scene.open("about")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    trouble = []
    page.on("console", lambda message: trouble.append(message.text))
    for name in scene.pages:
        await page.goto(scene.moot.settings.origin + scene.pages[name])
    assert [url for url in asked if not url.startswith(scene.moot.settings.origin + "/")] == []
    assert [line for line in trouble if "Security Policy" in line or ("rror" in line and "404" not in line)] == []


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => byte / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const paper = getComputedStyle(document.documentElement).backgroundColor;
  const link = document.querySelector(".crumb a");
  const face = document.querySelector(".avatar");
  const found = [];
  for (let hue = 0; hue < 36; hue++) {
    document.body.className = `hue-${hue}`;
    face.className = `avatar hue-${hue}`;
    const style = getComputedStyle(face);
    found.push(contrast(getComputedStyle(link).color, paper), contrast(style.color, style.backgroundColor));
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_hue_can_be_read(scene, scheme):
    """WCAG 1.4.3: 4.5 to 1, for the accent of a group and for the initials of a face."""
    page = await scene.open("thread", color_scheme=scheme, reduced_motion="reduce")
    contrasts = await page.evaluate(CONTRASTS)
    assert len(contrasts) == 72
    assert min(contrasts) >= 4.5
