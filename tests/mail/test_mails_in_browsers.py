"""Mails as a mail program shows them: readable in light and dark, on a small screen, without the network."""

from __future__ import annotations

from typing import Literal

import pytest

from node.mail.writing import KINDS
from tests.equipment.chromium import axe_violations, chromium
from tests.mail.test_writing import compose

# A mail is shown inside a page of somebody else, which has its own main part and its own heading.
OF_PAGES = ("landmark-one-main", "page-has-heading-one", "region")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_mail_can_be_read_by_everybody_on_a_small_screen(scheme: Literal["light", "dark"]) -> None:
    asked: list[str] = []
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 320, "height": 640}, color_scheme=scheme)
        page.on("request", lambda request: asked.append(request.url))
        for kind in sorted(KINDS):
            await page.set_content(compose(kind, to_name="Ana Nunes").html)

            assert await axe_violations(page, without=OF_PAGES) == [], kind
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320, kind
    assert asked == []
