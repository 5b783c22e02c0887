"""People at their browsers: what somebody does at a node, as one would tell it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.journeys.running import PASSWORD, Mail, Running, address

WIDE = {"width": 1200, "height": 900}
PHONE = {"width": 320, "height": 640}
PATIENCE = 15_000  # milliseconds that a page has to become what is expected
COMMENT = re.compile(r"^(Your reply|Reply|Answer|Comment|Your answer)", re.IGNORECASE)


@dataclass
class Person:
    """Somebody at a browser of their own, with or without scripts."""

    node: Running
    browser: Browser
    name: str
    scripts: bool = True
    window: dict[str, int] = field(default_factory=lambda: dict(WIDE))
    password: str = PASSWORD
    errors: list[str] = field(default_factory=list)  # what went wrong in scripts
    _context: BrowserContext | None = None
    _page: Page | None = None

    @property
    def email(self) -> str:
        return address(self.name)

    @property
    def page(self) -> Page:
        """The page that they look at."""
        assert self._page is not None, f"{self.name} has no browser open"
        return self._page

    @property
    def context(self) -> BrowserContext:
        assert self._context is not None
        return self._context

    # -------------------------------------------------------------- the browser

    async def open_browser(self, **more: Any) -> Person:
        """A fresh browser, that knows nothing of what was before."""
        await self.close_browser()
        self._context = await self.browser.new_context(
            java_script_enabled=self.scripts, viewport=self.window, reduced_motion="reduce", locale="en-GB", **more
        )
        self._context.set_default_timeout(PATIENCE)
        self._page = await self._context.new_page()
        self._page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._page.on("console", self._note)
        return self

    async def close_browser(self) -> None:
        """The laptop is shut."""
        if self._context is not None:
            await self._context.close()
        self._context = self._page = None

    def _note(self, message: Any) -> None:
        if "Security Policy" in message.text:
            self.errors.append(message.text)

    async def go(self, path: str) -> None:
        """Opens that page, which must be there."""
        answer = await self.page.goto(path if path.startswith("http") else self.node.origin + path)
        assert answer is not None and answer.status in (200, 304), (path, answer and answer.status)

    async def status_of(self, path: str) -> int:
        """The status of a page that they ask for."""
        answer = await self.page.goto(path if path.startswith("http") else self.node.origin + path)
        assert answer is not None
        return answer.status

    @property
    def path(self) -> str:
        """Where they are."""
        return self.page.url.removeprefix(self.node.origin)

    # -------------------------------------------------------------- seeing and doing

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    async def sees(self, words: str | re.Pattern[str]) -> None:
        """These words stand on the page, or come to stand there."""
        await expect(self.main).to_contain_text(words, timeout=PATIENCE)

    async def sees_title(self, words: str | re.Pattern[str]) -> None:
        """The page has this heading."""
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(words, timeout=PATIENCE)

    async def press(self, name: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        """Presses a button."""
        await (within or self.main).get_by_role("button", name=name).first.click()

    async def follow(self, name: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        """Follows a link."""
        await (within or self.main).get_by_role("link", name=name).first.click()

    async def fill(self, label: str | re.Pattern[str], words: str, *, within: Locator | None = None) -> None:
        """Types into a field."""
        fields = self.page.locator("input, textarea")
        await (within or self.main).get_by_label(label).and_(fields).first.fill(words)

    # -------------------------------------------------------------- coming in

    async def sign_in(self, *, until: str | re.Pattern[str] | None = None) -> None:
        """Signs in with their password, from wherever they are led to the form."""
        if "/sign-in" not in self.page.url:
            await self.go("/sign-in")
        await self.fill("Handle or e-mail address", self.name)
        await self.page.get_by_label("Password", exact=True).fill(self.password)
        await self.main.get_by_role("button", name="Sign in", exact=True).click()
        if until is not None:
            await self.page.wait_for_url(until)
        else:
            await expect(self.page.locator("header.site details.account")).to_have_count(1)

    async def sign_up(self, display_name: str, **fields: str) -> None:
        """Fills in the form to sign up with, wherever it was reached from."""
        await self.fill("Handle", self.name)
        await self.page.get_by_label("Name", exact=True).fill(display_name)
        if await self.page.get_by_label("E-mail address").input_value() == "":
            await self.fill("E-mail address", self.email)
        await self.page.get_by_label("Password", exact=True).fill(self.password)
        for label, words in fields.items():
            await self.fill(label, words)
        await self.press(re.compile("Make my account|Ask for an account"))

    async def mail(self, about: str = "") -> Mail:
        """The next mail that they have not read yet."""
        return await self.node.mail(self.email, about)

    # -------------------------------------------------------------- a thread

    def item(self, number: int) -> Locator:
        """An item of the thread."""
        return self.page.locator(f"#c-{number}")

    async def says_nothing_is_wrong(self) -> None:
        """No script failed, and none was refused."""
        assert self.errors == []
