"""Every page in a real browser: nothing for axe to find, nothing wider than a small phone, nothing lost without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from tests.equipment.chromium import axe_violations, chromium

from node.web import addresses

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
    await moot.group("garden", "Community Garden Seomra", summary="<p>Beds, tools, water.</p>", hue=95, privacy="closed")
    await moot.group("empty", "A quiet place", hue=290)
    people = [
        await moot.person("liammurphy", "Liam Murphy", summary="<p>Gardener and bookkeeper in Dublin.</p>"),
        await moot.person("gregcassel", "Greg Cassel"),
        await moot.person("asimong", "Simon Grant"),
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
        "What has worked where you are? See [the notes of our last meeting](https://notes.example/2017/06).",
        tags=["commons", "money"],
        seen_count=42,
    )
    one = await moot.say(
        thread, greg, "We tried the pot. It works as long as people **see** it: a page with what came in and went out."
    )
    two = await moot.say(thread, ana, "Same here in Porto.\n\nWe count *hours*, not money, and settle twice a year.", to=one)
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
        "The photo of our ledger.",
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
        "person": "/u/liammurphy",
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
