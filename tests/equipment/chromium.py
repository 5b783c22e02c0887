"""A real browser for the tests: the system's Chromium, driven by playwright, that reaches loopback and nothing else.

async with chromium(hosts={"moot.example": port}) as browser:
    page = await browser.new_page()
    await page.goto("http://moot.example/")
    assert await axe_violations(page) == []
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, async_playwright

from tests.equipment.tools import missing

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Containers give /dev/shm 64 MB, and pages crash when it is full.
    "--disable-dev-shm-usage",
]
# What the accessibility of a page is measured by: WCAG 2.2 A and AA, and the rules that axe's authors recommend.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@asynccontextmanager
async def chromium(
    *, hosts: Mapping[str, int] | None = None, arguments: tuple[str, ...] = ()
) -> AsyncIterator[Browser]:
    """A browser without a window; each host named is found at that port of 127.0.0.1, any other is unknown."""
    executable = find_chromium()
    rules = [f"MAP {host} 127.0.0.1:{port}" for host, port in (hosts or {}).items()]
    # EXCLUDE wins over the MAP beside it, whatever their order; the hosts named come first and so are found.
    resolver = ",".join([*rules, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"])
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable,
            args=[*ARGUMENTS, *sandbox, f"--host-resolver-rules={resolver}", *arguments],
        )
        try:
            yield browser
        finally:
            await browser.close()


def find_chromium() -> str:
    """The browser's path: FOLKMOOT_CHROMIUM, or the system's; without one the test is skipped."""
    named = os.environ.get("FOLKMOOT_CHROMIUM")
    for candidate in (named, "/usr/bin/chromium", *NAMES):
        if candidate and (found := shutil.which(candidate)):
            return found
    missing("Chromium is not installed (or name one in FOLKMOOT_CHROMIUM); on Debian run: apt-get install chromium")


async def axe_violations(page: Page, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> list[str]:
    """What axe finds wrong with the page as it stands, one line for each element.

    Rules in `without` are not asked; with `only`, no others are: a page in other colours is the same but for contrast.
    """
    if await page.evaluate("!window.axe?.run"):
        await page.evaluate(AXE_SCRIPT)
    found: list[str] = await page.evaluate(
        ASK_AXE,
        {
            "resultTypes": ["violations"],
            "runOnly": {"type": "rule", "values": list(only)} if only else {"type": "tag", "values": RULES},
            "rules": {rule: {"enabled": False} for rule in without},
        },
    )
    return found


# Brings home nothing but what is wrong: the whole of what axe says is hundreds of kilobytes a page.
ASK_AXE = """async (options) => (await axe.run(options)).violations.flatMap((violation) =>
  violation.nodes.map((node) => `${violation.id}: ${violation.help}: ${node.html}`))"""
