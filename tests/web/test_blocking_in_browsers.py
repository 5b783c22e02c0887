"""The pages about blocks and about deliveries in a real browser: for everybody, on a small phone, without scripts."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from node.forum import blocking
from storage import deliveries, people
from storage.people import Inbox
from storage.work import Work
from tests.equipment.chromium import axe_violations, chromium

NARROW = {"width": 320, "height": 640}
ORIGIN = "http://moot.example"


async def test_what_is_folded_away_can_be_opened_without_scripts_and_nothing_is_in_anybodys_way(open_moot: Any) -> None:
    """PRV-15"""
    moot = await open_moot(origin=ORIGIN, development=True)
    commons = await moot.group()
    ana, ben = await moot.person("ana", "Ana Lima"), await moot.person("ben", "Ben Ode")
    rita = await moot.person("rita", "Rita " * 8, host="a-rather-long-name-of-a-server.coop.example")
    for person in (ana, ben):
        await moot.join(person, commons)
    thread = await moot.thread(commons, ben, "Ladders")
    await moot.say(thread, rita, "Yours is rotten.")
    uid = (await moot.item(thread, 0)).uid

    def prepare(work: Work) -> None:
        for target in (ben, rita):
            blocking.block(work, people.by_id(work, ana), people.by_id(work, target))
        deliveries.enqueue(
            work, uri=f"{ORIGIN}/a/said", actor_id=ben, type="Create", about=f"{ORIGIN}/post/{uid}", public=True,
            always=True, microblog=b"{}", forum=b"{}",
            to=[Inbox("https://x.example/inbox", "a-rather-long-name-of-a-server.coop.example", "forum")],
        )  # fmt: skip

    await moot.storage.write(prepare)
    handle = "rita@a-rather-long-name-of-a-server.coop.example"
    faults = []
    async with chromium(hosts={"moot.example": moot.client.port}) as browser:
        for who, paths in (
            (ana, (await moot.path(thread), "/settings/blocks", "/u/ben", "/u/ben/block", f"/people/{handle}/block")),
            (ben, (f"/items/{uid}/delivery", "/u/ana/block", f"/people/{handle}/block")),
        ):
            signed_in = await moot.sign_in(who)
            cookies = [{"name": name, "value": value, "url": ORIGIN} for name, value in signed_in.cookies.items()]
            context = await browser.new_context(viewport=NARROW, reduced_motion="reduce")
            await context.add_cookies(cookies)
            page = await context.new_page()
            for path in paths:
                answer = await page.goto(ORIGIN + path)
                assert answer is not None and answer.status == 200, path
                faults += [f"{path}: {fault}" for fault in await axe_violations(page)]
                width = await page.evaluate("document.documentElement.scrollWidth")
                faults += [f"{path}: {width} wide"] if width > NARROW["width"] else []
        signed_in = await moot.sign_in(ana)
        plain = await browser.new_context(java_script_enabled=False)
        await plain.add_cookies([{"name": name, "value": v, "url": ORIGIN} for name, v in signed_in.cookies.items()])
        page = await plain.new_page()
        await page.goto(ORIGIN + await moot.path(thread))
        await expect(page.get_by_text("Yours is rotten.")).to_be_hidden()
        await page.locator("#c-1 summary", has_text="Somebody you blocked; show").click()
        await expect(page.get_by_text("Yours is rotten.")).to_be_visible()
    assert faults == []
