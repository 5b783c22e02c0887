"""A thread in real browsers: answering, two people at once, keys, drafts, a lost network; and without scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from node.consequences import follow_up
from node.forum import upkeep
from storage import drafts as stored_drafts
from storage import people, threads
from storage.schema import Reading
from tests.equipment.chromium import axe_violations, chromium

SHOTS = Path(__file__).parents[2] / "test-output"
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 900}


@dataclass
class Scene:
    """A node with a group of three, a thread of theirs, and browsers in which they are signed in."""

    moot: Any
    browser: Browser
    people: dict[str, int] = field(default_factory=dict)
    group: int = 0
    thread: int = 0
    path: str = ""

    async def open(self, who: str = "", path: str = "", **context: Any) -> Page:
        """The thread in a fresh window of somebody's."""
        made = await self.browser.new_context(**({"viewport": WIDE} | context))
        if who:
            signed_in = await self.moot.sign_in(self.people[who])
            await made.add_cookies(
                [
                    {"name": name, "value": value, "url": self.moot.settings.origin}
                    for name, value in signed_in.cookies.items()
                ]
            )
        page = await made.new_page()
        answer = await page.goto(self.moot.settings.origin + (path or self.path))
        assert answer is not None and answer.status == 200, path
        if context.get("java_script_enabled", True) and not path:
            await page.locator("[data-keys]:not([hidden])").wait_for(state="attached")  # the scripts are there
        return page

    async def say(self, who: str, words: str, to: int = 0) -> int:
        """Somebody answers through the door, as their own browser would."""
        uid = (await self.moot.item(self.thread, to)).uid
        answer = await (await self.moot.sign_in(self.people[who])).post(f"/items/{uid}/reply", source=words)
        assert answer.status == 303
        return int(answer.headers["Location"].rpartition("-")[2])

    async def draft(self, who: str, number: int = 0) -> str:
        """What somebody's draft says on the server."""
        place = f"reply:{(await self.moot.item(self.thread, number)).uid}"
        row = await self.moot.storage.read(stored_drafts.of, self.people[who], place)
        return row.words.get("source", "") if row is not None else ""


@pytest.fixture
async def scene(open_moot: Any) -> AsyncIterator[Scene]:
    moot = await open_moot(origin="http://moot.example", development=True)
    moot.storage.on_event = follow_up
    async with moot.node.live.open(), chromium(hosts={"moot.example": moot.client.port}) as browser:
        made = Scene(moot, browser)
        made.group = await moot.group()
        for name, title in (("liam", "Liam Moran"), ("greta", "Greta Castell"), ("mira", "Mira Okonkwo")):
            made.people[name] = await moot.person(name, title)
            await moot.join(made.people[name], made.group, "moderator" if name == "mira" else "member")
        made.thread = await moot.thread(made.group, made.people["liam"], "Who pays?", "Tell **us**.")
        for number in range(4):
            to = number if number == 2 else 0
            await moot.say(made.thread, made.people["liam" if number % 2 else "mira"], f"Number {number + 1}.", to=to)
        made.path = await moot.path(made.thread)
        yield made


async def wait_for(check: Any, wanted: Any) -> None:
    """Until the server says so."""
    for _ in range(100):
        found = await check()
        if found == wanted:
            return
        await asyncio.sleep(0.05)
    assert found == wanted


# ------------------------------------------------------------------ answering


async def test_the_form_comes_to_the_item_and_the_answer_stands_below_it(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.locator("#c-2 a.reply").click()
    form = page.locator("li:has(> #c-2) > #compose")
    await expect(form.locator("#compose-title")).to_contain_text("Replying to Liam Moran #2")
    await expect(form.locator("textarea")).to_be_focused()
    await page.keyboard.type("By **use**.")
    await page.keyboard.press("Control+Enter")
    answer = page.locator("li:has(> #c-2) article#c-5")
    await expect(answer).to_contain_text("By use.")
    await expect(answer).to_be_focused()
    await expect(page.locator("#answer-here #compose textarea")).to_have_value("")
    assert page.url.endswith("#c-5")
    assert (await scene.moot.item(scene.thread, 5)).source == "By **use**."


async def test_words_go_along_to_another_item_and_x_brings_them_back(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.locator("#compose textarea").fill("Half a thought")
    await page.locator("#c-3 a.reply").click()
    await expect(page.locator("li:has(> #c-3) > #compose textarea")).to_have_value("Half a thought")
    await page.locator("#compose a.clear").click()
    await expect(page.locator("#answer-here #compose textarea")).to_have_value("Half a thought")
    assert await page.locator("#compose").count() == 1


async def test_a_preview_is_made_where_one_writes(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.locator("#compose textarea").fill("By **use** <img src=x onerror=alert(1)>")
    await page.get_by_role("button", name="Preview").click()
    preview = page.locator("#compose [data-preview]")
    await expect(preview.locator("strong")).to_have_text("use")
    assert await preview.locator("img").count() == 0
    await expect(page.locator("#compose textarea")).to_have_value("By **use** <img src=x onerror=alert(1)>")
    assert await axe_violations(page) == []


async def test_marked_words_are_quoted_and_whole_items_without_a_mark(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.evaluate(
        "() => { const text = document.querySelector('#c-2 .words p').firstChild; const range = document.createRange();"
        " range.setStart(text, 0); range.setEnd(text, 6); getSelection().addRange(range); }"
    )
    await page.locator("#c-2 a.quote").click()
    await expect(page.locator("li:has(> #c-2) > #compose textarea")).to_have_value("> Number\n\n")
    await page.evaluate("getSelection().removeAllRanges()")
    await page.locator("#c-3 a.quote").click()
    await expect(page.locator("li:has(> #c-3) > #compose textarea")).to_have_value("> Number\n\n> Number 3.\n\n")


async def test_nothing_is_sent_empty_and_the_error_stands_at_the_field(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.locator("#compose textarea").fill("   ")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#source-error")).to_contain_text("There is nothing in it yet")
    await expect(page.locator("#compose textarea")).to_be_focused()
    assert "source-error" in (await page.locator("#compose textarea").get_attribute("aria-describedby") or "")


async def test_a_mention_is_completed_by_keys_and_by_a_click(scene: Scene) -> None:
    page = await scene.open("greta")
    area = page.locator("#compose textarea")
    await area.press_sequentially("Hello @li")
    await expect(page.get_by_role("option")).to_have_text(["Liam Moran @liam"])
    assert await area.get_attribute("aria-activedescendant")
    assert await axe_violations(page) == []
    await area.press("Enter")
    await expect(area).to_have_value("Hello @liam ")
    await area.press_sequentially("and @mi")
    await page.get_by_role("option").click()
    await expect(area).to_have_value("Hello @liam and @mira ")
    await area.press_sequentially("@mi")
    await expect(page.get_by_role("option")).to_be_visible()
    await area.press("Escape")
    await expect(page.get_by_role("option")).to_have_count(0)


# ------------------------------------------------------------------ drafts and lost networks


async def test_a_draft_survives_a_reload_and_another_device(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.locator("#compose textarea").press_sequentially("Half a thought")
    await expect(page.locator("#compose [data-kept]")).to_contain_text("Draft kept", timeout=10_000)
    await wait_for(lambda: scene.draft("greta"), "Half a thought")
    await page.reload()
    await expect(page.locator("#compose textarea")).to_have_value("Half a thought")
    other = await scene.open("greta")
    await expect(other.locator("#compose textarea")).to_have_value("Half a thought")
    await other.get_by_role("button", name="Send").click()
    await expect(other.locator("#c-5")).to_contain_text("Half a thought")
    await wait_for(lambda: scene.draft("greta"), "")


async def test_words_typed_without_a_network_are_kept_and_saved_when_it_is_back(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.context.set_offline(True)
    await page.locator("#compose textarea").press_sequentially("Typed in a tunnel")
    await expect(page.locator("#compose [data-kept]")).to_contain_text("No connection", timeout=10_000)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#compose [data-said]")).to_contain_text("Your words are still here")
    await expect(page.locator("#compose textarea")).to_have_value("Typed in a tunnel")
    await page.context.set_offline(False)
    await wait_for(lambda: scene.draft("greta"), "Typed in a tunnel")
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#c-5")).to_contain_text("Typed in a tunnel")
    assert (await scene.moot.item(scene.thread, 5)).source == "Typed in a tunnel"


async def test_words_come_back_after_a_crash_before_they_were_saved(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.route("**/drafts", lambda route: route.abort())
    await page.locator("#compose textarea").press_sequentially("Not saved yet")
    await page.reload()
    await expect(page.locator("#compose textarea")).to_have_value("Not saved yet")


async def test_an_expired_session_gives_the_words_back(scene: Scene) -> None:
    page = await scene.open("greta")
    await page.locator("#compose textarea").fill("Long and dear.")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your words are still here")
    await expect(page.locator("textarea")).to_have_value("Long and dear.")


# ------------------------------------------------------------------ live


async def test_two_people_and_a_stranger_see_each_other_s_words_at_once(scene: Scene) -> None:
    liam, greta, stranger = await scene.open("liam"), await scene.open("greta"), await scene.open()
    await greta.locator("#c-1 a.reply").click()
    await greta.locator("li:has(> #c-1) > #compose textarea").fill("From Greta.")
    await greta.keyboard.press("Control+Enter")
    for page in (liam, stranger):
        await expect(page.locator("li:has(> #c-1) article#c-5")).to_contain_text("From Greta.")
    await expect(liam.locator("#c-5 .badge")).to_have_text("new")
    await expect(liam.locator("p[role=status].sr")).to_have_text("A new reply by Greta Castell.")
    await expect(liam.locator("li:has(> #c-1) > details > summary")).to_have_text("1 reply")
    await liam.locator("#compose textarea").fill("From Liam.")
    await liam.get_by_role("button", name="Send").click()
    await expect(greta.locator("#c-6")).to_contain_text("From Liam.")
    await expect(liam.locator("article#c-6")).to_have_count(1)
    await expect(greta.locator("article#c-5")).to_have_count(1)
    assert await axe_violations(liam) == []


async def test_what_comes_takes_no_focus_and_warns_whoever_writes(scene: Scene) -> None:
    page = await scene.open("greta")
    area = page.locator("#compose textarea")
    await area.fill("I am writing")
    await scene.say("liam", "Meanwhile.")
    await expect(page.locator("#compose [data-said]")).to_contain_text("New replies came while you write.")
    await expect(area).to_be_focused()
    await expect(area).to_have_value("I am writing")


async def test_an_edit_and_a_removal_show_in_place(scene: Scene) -> None:
    page = await scene.open("greta")
    item = await scene.moot.item(scene.thread, 2)

    def remove(work: Any) -> None:
        upkeep.remove_comment(
            work, people.by_id(work, scene.people["mira"]), threads.comment(work, item.id), "an advertisement"
        )

    await expect(page.locator("#c-2")).to_contain_text("Number 2.")
    await scene.moot.storage.write(remove)
    await expect(page.locator("#c-2")).to_contain_text("Removed by a moderator. The reason: an advertisement")
    await expect(page.locator("#c-2")).not_to_contain_text("Number 2.")


async def test_what_comes_above_is_offered_and_moves_nothing(scene: Scene) -> None:
    for number in range(30):
        await scene.moot.say(scene.thread, scene.people["mira"], f"More and more {number}.")
    page = await scene.open("greta")
    await page.locator("#c-30").scroll_into_view_if_needed()
    before = await page.evaluate("document.querySelector('#c-30').getBoundingClientRect().top")
    number = await scene.say("liam", "High up.", to=1)
    offer = page.locator("[data-arrived] button")
    await expect(offer).to_have_text("1 new reply: show it")
    assert await page.locator(f"#c-{number}").count() == 0
    assert await page.evaluate("document.querySelector('#c-30').getBoundingClientRect().top") == pytest.approx(before)
    await offer.click()
    await expect(page.locator(f"li:has(> #c-1) article#c-{number}")).to_be_focused()


async def test_what_was_looked_at_live_is_read(scene: Scene) -> None:
    page = await scene.open("greta")
    number = await scene.say("liam", "Look.")
    await page.locator(f"#c-{number}").scroll_into_view_if_needed()

    async def seen() -> str:
        row = await scene.moot.storage.read(lambda work: work.get(Reading, (scene.people["greta"], scene.thread)))
        return str(row.ranges)

    await wait_for(seen, f"0-{number}")


LISTENING = """() => new Promise((done) => {
  const source = new EventSource(document.querySelector("[data-live]").dataset.live);
  source.addEventListener("bye", () => done("bye"));
  source.addEventListener("newest", () => { document.body.dataset.heard = ""; });
})"""
SIGNING_OUT = """() => fetch("/sign-out", {
  method: "POST", body: new URLSearchParams({csrf: document.querySelector("#act").elements.csrf.value}),
})"""


async def test_signing_out_ends_the_stream(scene: Scene) -> None:
    page = await scene.open("greta")
    ended = asyncio.ensure_future(page.evaluate(LISTENING))
    await page.locator("body[data-heard]").wait_for()
    await page.evaluate(SIGNING_OUT)
    assert await ended == "bye"


# ------------------------------------------------------------------ reactions, marks, keys


async def test_a_reaction_shows_where_it_was_given(scene: Scene) -> None:
    page, other = await scene.open("greta"), await scene.open("liam")
    await page.locator("#c-1 details.react > summary").click()
    assert await axe_violations(page) == []
    await page.locator("#c-1").get_by_role("button", name="🌱").click()
    for one in (page, other):
        await expect(one.locator("#c-1 .foot > span[title]")).to_contain_text("🌱")
    await expect(page.locator("#c-1 details.react > summary")).to_be_focused()
    assert page.url.endswith(scene.path)
    await page.locator("#c-1 details.react > summary").click()
    await page.locator("#c-1").get_by_role("button", name="🌱").click()
    await expect(page.locator("#c-1 .foot > span[title]")).to_have_count(0)


async def test_keys_walk_the_items_and_do_nothing_in_fields(scene: Scene) -> None:
    page = await scene.open("greta")

    async def focused() -> str:
        return str(await page.evaluate("document.activeElement.id"))

    walked = []
    for key in "jjjkn":
        await page.keyboard.press(key)
        walked.append(await focused())
    assert walked == ["c-1", "c-2", "c-3", "c-2", "c-3"]
    await page.keyboard.press("p")
    assert await focused() == "c-2"
    await page.keyboard.press("r")
    await expect(page.locator("li:has(> #c-2) > #compose textarea")).to_be_focused()
    await page.keyboard.type("jk?u")
    await expect(page.locator("#compose textarea")).to_have_value("jk?u")
    await page.locator("#c-1").focus()
    await page.keyboard.press("?")
    dialog = page.locator("dialog#keys")
    await expect(dialog).to_be_visible()
    assert await axe_violations(page) == []
    await dialog.get_by_label("Use these keys").uncheck()
    await dialog.get_by_role("button", name="Close").click()
    await page.locator("#c-1").focus()
    await page.keyboard.press("j")
    assert await focused() == "c-1"
    await page.reload()
    await page.locator("#c-1").focus()
    await page.keyboard.press("j")
    assert await focused() == "c-1"


async def test_u_leads_up_to_the_group(scene: Scene) -> None:
    page = await scene.open()
    await page.keyboard.press("u")
    await page.wait_for_url("**/g/commons")


# ------------------------------------------------------------------ without scripts, on a small phone, for everybody


async def test_without_scripts_one_answers_previews_and_keeps_a_draft(scene: Scene) -> None:
    page = await scene.open("greta", java_script_enabled=False)
    await page.locator("#c-2 a.reply").click()
    form = page.locator("li:has(> #c-2) > #compose")
    await expect(form).to_be_visible()
    await form.locator("textarea").fill("By **use**.")
    await form.get_by_role("button", name="Preview").click()
    await expect(page.locator("#compose .preview strong")).to_have_text("use")
    await expect(page.locator("#compose textarea")).to_have_value("By **use**.")
    await page.get_by_role("button", name="Keep as a draft").click()
    await expect(page.locator("#compose")).to_contain_text("Draft kept")
    await page.goto(scene.moot.settings.origin + "/drafts")
    await page.get_by_role("link", name="An answer in Who pays?").click()
    await page.locator("#compose").get_by_role("button", name="Send").click()
    await expect(page.locator("#c-5")).to_contain_text("By use.")
    assert "at=5" in page.url
    await page.locator("#c-5 details.react > summary").click()
    await page.locator("#c-5").get_by_role("button", name="🌱").click()
    await expect(page.locator("#c-5")).to_contain_text("🌱 1")
    await page.locator("#c-5 details.more > summary").click()
    await page.locator("#c-5").get_by_role("button", name="Keep in my bookmarks").click()
    await expect(page.locator("#c-5")).to_contain_text("Bookmarked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_and_small_phones_are_wide_enough(scene: Scene, scheme: str) -> None:
    ana = await scene.moot.person("ana", "Ana Duarte", host="coop.example")
    await scene.moot.say(scene.thread, ana, "We count *hours*, not money.", to=2)
    await scene.moot.react(scene.thread, 1, ana, "🌱")
    other = await scene.moot.thread(scene.group, scene.people["mira"], "A second one", "With words.")
    await scene.moot.say(other, scene.people["liam"], "And an answer.")
    uid = scene.path.split("/")[3].split("-")[0]
    item = (await scene.moot.item(scene.thread, 1)).uid
    pages = {
        "composing": f"{scene.path}?reply=2",
        "flat": f"{scene.path}?view=flat",
        "new": f"{scene.path}?view=new",
        "seen": f"/threads/{uid}/seen",
        "print": f"/threads/{uid}/print",
        "reactions": f"/items/{item}/react",
        "unread": "/unread",
        "bookmarks": "/bookmarks",
        "drafts": "/drafts",
    }
    found = {}
    for who in ("mira", "greta"):
        made = await scene.open(who, color_scheme=scheme)
        greta = await scene.moot.sign_in(scene.people[who])
        await greta.post(f"/items/{item}/bookmark", kept=1)
        await greta.post("/drafts", place=f"reply:{item}", source="Half a thought")
        for name, path in pages.items():
            await made.set_viewport_size(WIDE)
            answer = await made.goto(scene.moot.settings.origin + path)
            assert answer is not None and answer.status == 200, name
            if violations := await axe_violations(made):
                found[who, name] = violations
            await made.screenshot(path=SHOTS / f"thread-{name}-{who}-{scheme}.png", full_page=True)
            await made.set_viewport_size(NARROW)
            width = await made.evaluate("document.documentElement.scrollWidth")
            if width > NARROW["width"]:
                found[who, name, "wide"] = [str(width)]
            await made.screenshot(path=SHOTS / f"thread-{name}-{who}-320.png", full_page=True)
    assert found == {}
