"""The pages at the door in a real browser: axe finds nothing, a small phone is wide enough, and a passkey works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, expect

from node.forum import accounts
from storage import people
from storage.schema import SignUp
from storage.work import Work
from tests.equipment.chromium import axe_violations, chromium
from tests.web.arrivals import PASSWORD, awaken, member, sign_in, the_post
from tests.web.conftest import Moot

SHOTS = Path(__file__).parents[2] / "test-output"
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 900}
ORIGIN = "http://moot.localhost"  # a browser takes what ends so for safe without TLS, and lets passkeys be used

STRANGERS = ["/sign-in", "/sign-in/code", "/sign-up", "/sign-up/confirm", "/reset", "/reset?sent=1"]
MEMBERS = [
    "/settings", "/settings/account", "/settings/account/email", "/settings/account/leave",
    "/settings/account/moving", "/settings/security",
    "/settings/security/app", "/sign-in/prove", "/u/mira", "/admin", "/admin/people", "/admin/people/ana",
    "/admin/sign-ups", "/admin/log",
]  # fmt: skip


@dataclass
class Scene:
    """A node with an admin, a member and an applicant, and a browser."""

    moot: Moot
    browser: Browser

    async def context(self, *, signed_in: bool, **given: Any) -> BrowserContext:
        """A fresh window, in which Mira, the admin, is signed in or nobody is."""
        made = await self.browser.new_context(**({"viewport": WIDE} | given))
        if signed_in:
            session = (await sign_in(self.moot, "mira")).cookies["session"]
            await made.add_cookies([{"name": "session", "value": session, "url": ORIGIN, "httpOnly": True}])
        return made


@pytest.fixture
async def scene(open_moot: Callable[..., Any]) -> AsyncIterator[Scene]:
    moot = await open_moot(origin=ORIGIN, development=True)
    awaken(moot)
    await member(moot, "ana")

    def furnish(work: Work) -> None:
        mira = people.by_name(work, "mira")
        assert mira is not None
        mira.summary = "<p>Gardener.</p>"
        mira.fields = [
            {"name": "Town", "value": "Porto", "verified_at": None},
            {"name": "Page", "value": "https://mira.example/", "verified_at": work.now.isoformat()},
        ]
        ana = people.by_name(work, "ana")
        assert ana is not None
        accounts.suspend(work, mira, ana, "She wrote threats to three people, and would not stop.")
        work.add(
            SignUp(
                name="clara", display_name="Clara Vogt", email="clara@coop.example", words="I grow leeks.\nAnd peas.",
                created_at=work.now, verified_at=work.now,
            )
        )  # fmt: skip

    await member(moot, "mira", admin=True)
    await moot.storage.write(furnish)
    async with chromium(hosts={"moot.localhost": moot.client.port}) as browser:
        yield Scene(moot, browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_at_the_door(scene: Scene, scheme: str) -> None:
    for signed_in, paths in ((False, STRANGERS), (True, MEMBERS)):
        context = await scene.context(signed_in=signed_in, color_scheme=scheme)
        page = await context.new_page()
        for path in paths:
            answer = await page.goto(ORIGIN + path)
            assert answer is not None and answer.status == 200, path
            assert await axe_violations(page) == [], path
            if scheme == "light":
                SHOTS.mkdir(exist_ok=True)
                name = path.strip("/").replace("/", "-").replace("?", "-")
                await page.screenshot(path=SHOTS / f"door-{name}.png", full_page=True)


async def test_axe_finds_nothing_where_something_was_wrong(scene: Scene) -> None:
    page = await (await scene.context(signed_in=False)).new_page()
    await page.goto(f"{ORIGIN}/sign-up")
    await page.get_by_label("Handle").fill("admin")
    await page.get_by_label("E-mail address").fill("ana@coop.example")
    await page.locator("form[action='/sign-up'] button").evaluate("it => it.form.noValidate = true")
    await page.locator("form[action='/sign-up'] button").click()

    await expect(page.locator("#name-error")).to_contain_text("reserved")
    assert await axe_violations(page) == []
    await expect(page.get_by_label("E-mail address")).to_have_value("ana@coop.example")
    await page.screenshot(path=SHOTS / "door-sign-up-wrong.png", full_page=True)


async def test_the_door_is_wide_enough_on_a_small_phone(scene: Scene) -> None:
    for signed_in, paths in ((False, STRANGERS), (True, MEMBERS)):
        page = await (await scene.context(signed_in=signed_in, viewport=NARROW)).new_page()
        for path in paths:
            await page.goto(ORIGIN + path)
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= NARROW["width"], (path, wide)
            name = path.strip("/").replace("/", "-").replace("?", "-")
            await page.screenshot(path=SHOTS / f"door-narrow-{name}.png", full_page=True)


async def test_a_member_signs_up_in_and_out_without_a_script(scene: Scene) -> None:
    page = await (await scene.context(signed_in=False, java_script_enabled=False)).new_page()
    await page.goto(f"{ORIGIN}/sign-up")
    for label, words in (
        ("Handle", "noor"), ("Name", "Noor"), ("E-mail address", "noor@coop.example"), ("Password", PASSWORD),
        ("Why do you want to join?", "I have bees."),
    ):  # fmt: skip
        await page.get_by_label(label, exact=True).fill(words)
    await page.get_by_role("button", name="Ask for an account").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    mail = await the_post(scene.moot, "sign_up")
    await page.get_by_label("Code").fill(mail.code)
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")

    admin = await (await scene.context(signed_in=True, java_script_enabled=False)).new_page()
    await admin.goto(f"{ORIGIN}/admin/sign-ups")
    await admin.get_by_role("button", name="Let them in Noor").click()
    await expect(admin.locator(".done")).to_contain_text("They are in")

    await page.goto(f"{ORIGIN}/sign-in")
    await page.get_by_label("Handle or e-mail address").fill("noor")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{ORIGIN}/")
    await page.goto(f"{ORIGIN}/settings")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Noor")
    await page.locator("summary", has_text="Noor").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("link", name="Sign in")).to_be_visible()


async def test_a_passkey_is_added_and_used_in_a_browser(scene: Scene) -> None:
    context = await scene.context(signed_in=True)
    page = await context.new_page()
    tools = await context.new_cdp_session(page)
    await tools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    await tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    await page.goto(f"{ORIGIN}/settings/security")
    await expect(page.locator("#no-passkeys")).to_be_hidden()
    await page.get_by_label("What to call it").fill("My laptop")
    await page.get_by_role("button", name="Add a passkey").click()
    await expect(page.locator(".done")).to_contain_text("You can sign in with that passkey now.")
    await expect(page.get_by_role("heading", name="My laptop")).to_be_visible()
    assert await axe_violations(page) == []
    await page.screenshot(path=SHOTS / "door-passkey.png", full_page=True)

    await page.locator("summary", has_text="Mira").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.goto(f"{ORIGIN}/sign-in?next=/settings")
    await page.get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(f"{ORIGIN}/settings")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Mira")
