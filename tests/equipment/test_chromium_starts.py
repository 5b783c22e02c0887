"""The tests' browser runs scripts, keeps a page's policy, stays on loopback, and axe sees what is wrong in it."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Error
from playwright.async_api import Page as BrowserPage

from tests.equipment.chromium import axe_violations, chromium

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'self'"
GOOD = """<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><p id=said>unsaid</p></main>
<script>document.getElementById("said").textContent = "inline"</script><script src=/said.js></script>"""
BAD = "<!doctype html><html><title>A page</title><main><h1>A page</h1><img src=/none.png></main>"


@pytest.fixture
async def page(aiohttp_server) -> AsyncIterator[BrowserPage]:
    def answer(body: str, content_type: str = "text/html"):
        async def handler(_request: web.Request) -> web.Response:
            headers = {"Content-Security-Policy": POLICY}
            return web.Response(text=body, content_type=content_type, headers=headers)

        return handler

    app = web.Application()
    app.router.add_get("/good", answer(GOOD))
    app.router.add_get("/bad", answer(BAD))
    script = 'document.getElementById("said").textContent += ", said"'
    app.router.add_get("/said.js", answer(script, "text/javascript"))
    server = await aiohttp_server(app)
    async with chromium(hosts={"moot.example": server.port}) as browser:
        yield await browser.new_page()


async def test_a_page_runs_its_scripts_under_its_policy(page):
    await page.goto("http://moot.example/good")
    assert await page.text_content("#said") == "unsaid, said"


async def test_axe_finds_nothing_wrong_with_a_good_page_under_a_strict_policy(page):
    await page.goto("http://moot.example/good")
    assert await axe_violations(page) == []


async def test_axe_names_what_is_wrong(page):
    await page.goto("http://moot.example/bad")
    found = await axe_violations(page)
    assert {line.partition(":")[0] for line in found} == {"html-has-lang", "image-alt"}
    assert await axe_violations(page, without=("html-has-lang", "image-alt")) == []


async def test_the_browser_knows_no_host_that_it_was_not_given(page):
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://example.org/")
