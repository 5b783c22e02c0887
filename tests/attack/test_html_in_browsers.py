"""The HTML of a corpus in a real browser: no script ever runs, and no request leaves the origin.

Once as the pages are, on a small phone, whose width nothing leaves; and once with their Content-Security-Policy
switched off: then the sanitiser stands alone.
Another corpus is played with FOLKMOOT_CORPUS=FILE.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from storage import console, people, visibility
from storage.work import Work
from tests.attack.corpus import read
from tests.attack.playing import play_all
from tests.attack.scene import staged
from tests.conftest import make_database
from tests.equipment.chromium import chromium

CORPUS = Path(os.environ.get("FOLKMOOT_CORPUS") or Path(__file__).with_name("corpus.json"))
ORIGIN = "https://node.test"
PHONE = {"width": 320, "height": 640}
# What the corpus would have a reader's browser call; whichever way a script gets to run, it calls one of them.
ALARM = """for (const name of ["alert", "prompt", "confirm", "print", "fetch", "open"]) {
  const given = window[name];
  window[name] = (...all) => {
    if (name === "fetch" && String(all[0]).startsWith(location.origin)) return given.call(window, ...all);
    window.ranIt = (window.ranIt || []).concat(name);
  };
}"""


def pages(work: Work) -> list[str]:
    """Every page that shows what others wrote: threads in each view, and the people and groups of the node."""
    groups = people.local_of_kind(work, "group")
    hidden = tuple(f"{group.uri}/" for group in groups if not visibility.is_shown(work, group))
    threads = [row.page for row in console.threads(work, limit=1000) if not row.page.startswith(hidden)]
    actors = [group.uri for group in groups if visibility.is_shown(work, group)]
    actors += [person.uri for person in people.local_of_kind(work, "person")]
    found = ["/", "/groups", *threads, *(f"{page}?view=flat" for page in threads), *actors]
    return [page.removeprefix(ORIGIN) for page in found]


@pytest.mark.timeout(900)
async def test_no_script_of_a_corpus_runs_and_no_request_leaves_the_origin(clock, tmp_path):
    """XSS-01, XSS-02, XSS-03, XSS-04, XSS-05, XSS-10, XSS-14, XSS-16"""
    async with staged(make_database(tmp_path), tmp_path / "data", clock) as stage:
        entries = [entry for entry in read(CORPUS) if entry.target == "html"]
        played = [outcome async for outcome in play_all(stage, entries)]
        assert len(played) == len(entries) > 0
        addresses = await stage.moot.storage.read(pages)
        async with chromium(hosts={"node.test": stage.moot.site.tls_port}) as browser:
            for bypass in (False, True):
                trouble = await _look(browser, addresses, bypass_csp=bypass)
                assert trouble == [], f"without the policy: {bypass}"


async def _look(browser: Any, addresses: list[str], *, bypass_csp: bool) -> list[str]:
    context = await browser.new_context(ignore_https_errors=True, bypass_csp=bypass_csp, viewport=PHONE)
    await context.add_init_script(ALARM)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    trouble = []
    for address in addresses:
        answer = await page.goto(ORIGIN + address)
        assert answer.status == 200, address
        await page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
        ran = await page.evaluate("window.ranIt || []")
        trouble += [f"{address}: a script called {name}" for name in ran]
        trouble += [f"{address}: {words}" for words in said]
        trouble += [f"{address}: asked {url}" for url in asked if not url.startswith(f"{ORIGIN}/")]
        width = await page.evaluate("document.scrollingElement.scrollWidth")
        if width > PHONE["width"]:
            trouble.append(f"{address}: is {width} pixels wide")
        links = await page.eval_on_selector_all("a[href]", "all => all.map(a => a.protocol)")
        trouble += [f"{address}: a link to {scheme}" for scheme in set(links) - {"https:", "http:", "mailto:"}]
        asked.clear()
        said.clear()
    await context.close()
    return trouble
