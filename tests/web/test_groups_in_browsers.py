"""The pages of groups in a real browser: axe finds nothing, a small phone is wide enough, no script is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from node.forum import invitations, joining
from storage.schema import Actor, Group, JoinRequest, Thread
from tests.equipment.chromium import axe_violations, chromium
from tests.web.conftest import NOW

SHOTS = Path(__file__).parents[2] / "test-output"
NARROW = {"width": 320, "height": 640}
WIDE = {"width": 1200, "height": 900}


@dataclass
class Scene:
    """A node with groups in it, its pages by name, and the cookies of who runs it."""

    moot: Any
    browser: Browser
    pages: dict[str, str]
    cookies: list[dict[str, Any]]

    async def window(self, *, signed_in: bool = True, **context: Any) -> Any:
        """A fresh window of the node's admin, who runs the group too, or of a stranger."""
        made = await self.browser.new_context(**({"viewport": WIDE} | context))
        if signed_in:
            await made.add_cookies(self.cookies)
        return await made.new_page()


@pytest.fixture
async def scene(open_moot: Any) -> AsyncIterator[Scene]:
    moot = await open_moot(origin="http://moot.example", development=True)
    pages, ana = await furnish(moot)
    browser = await moot.sign_in(ana, admin=True)
    cookies = [{"name": "session", "value": browser.cookies["session"], "url": "http://moot.example"}]
    async with chromium(hosts={"moot.example": moot.client.port}) as chrome:
        yield Scene(moot, chrome, pages, cookies)


async def furnish(moot: Any) -> tuple[dict[str, str], int]:
    """A closed group with everything that a group can have."""
    garden = await moot.group(
        "garden", "The community garden of Mill Lane and Seomra Spraoi", summary="<p>Beds, tools, <a href='https://a.example/'>water</a>.</p>",
        hue=95, privacy="closed", join_prompt="Where do you live?", slow_mode=60,
    )  # fmt: skip
    ana = await moot.person("ana", "Ana Lima")
    await moot.join(ana, garden, "admin")
    for number, name in enumerate(("greta", "mira", "simona", "liam")):
        await moot.join(
            await moot.person(name, f"{name.title()} Okonkwo"), garden, "moderator" if not number else "member"
        )
    maria = await moot.person("a_very_long_handle", "Maria", host="a-very-long-name-of-a-server.example")
    await moot.join(maria, garden)
    dan = await moot.person("dan")
    await moot.group("seeds", "Seeds", parent_id=garden, hue=300)
    await moot.group("quiet", "A quiet place", privacy="secret", hue=20)
    thread = await moot.thread(garden, ana, "Which beans?", private=True)
    token: list[str] = []
    moot.storage.on_event = lambda work, event: token.append(getattr(event, "secret", ""))

    def fill(work: Any) -> tuple[str, str]:
        group, actor = work.get_one(Group, garden), work.get_one(Actor, ana)
        work.add(
            JoinRequest(group_id=garden, actor_id=dan, words="I live at number 7.\nI have a spade.", created_at=NOW)
        )
        link = joining.reset_join_link(work, actor, group)
        opened = work.get_one(Thread, thread)
        invitations.invite_guest(work, actor, opened, email="guest@coop.example", words="Look at this")
        invitations.invite_by_mail(
            work, actor, group, ["eva@coop.example", "somebody-with-a-long-name@coop.example"], words="Come!"
        )
        return link, opened.uid

    link, uid = await moot.storage.write(fill)
    return {
        "home": "/",
        "groups": "/groups",
        "groups-new": "/groups/new?parent=garden",
        "group": "/g/garden",
        "group-members": "/g/garden/members",
        "group-member": "/g/garden/members/change?who=http://moot.example/u/mira",
        "group-invite": "/g/garden/invite",
        "group-requests": "/g/garden/requests",
        "group-join": "/g/seeds/join",
        "group-leave": "/g/garden/leave",
        "group-settings": "/g/garden/settings",
        "group-secret": "/g/garden/settings/secret",
        "group-delete": "/g/garden/settings/delete",
        "group-guests": f"/threads/{uid}/guests",
        "join-link": f"/join/{link}",
        "invitation": f"/invitations/{token[-1]}",
    }, ana  # fmt: skip


@pytest.mark.timeout(300)  # twenty pages, each looked at by axe
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_axe_finds_nothing(scene: Scene, colours: str) -> None:
    found = {}
    SHOTS.mkdir(exist_ok=True)
    for signed_in in (True, False):
        window = await scene.window(signed_in=signed_in, color_scheme=colours)
        for page in scene.pages if signed_in else ("join-link", "invitation", "groups", "group"):
            await window.goto(scene.moot.settings.origin + scene.pages[page])
            found[page, signed_in] = await axe_violations(window)
            await window.screenshot(
                path=SHOTS / f"{page}-{colours}{'' if signed_in else '-stranger'}.png", full_page=True
            )
    assert {page: violations for page, violations in found.items() if violations} == {}


async def test_nothing_is_wider_than_a_small_phone(scene: Scene) -> None:
    wide = {}
    SHOTS.mkdir(exist_ok=True)
    window = await scene.window(viewport=NARROW)
    for page, path in scene.pages.items():
        answer = await window.goto(scene.moot.settings.origin + path)
        assert answer.status == 200, page
        width = await window.evaluate("document.documentElement.scrollWidth")
        if width > NARROW["width"]:
            wide[page] = width
        await window.screenshot(path=SHOTS / f"{page}-narrow.png", full_page=True)
    assert wide == {}


async def test_a_group_is_made_and_somebody_invited_without_a_script_and_by_keyboard(scene: Scene) -> None:
    page = await scene.window(java_script_enabled=False)
    await page.goto(f"{scene.moot.settings.origin}/groups/new")
    await page.wait_for_selector("input:focus")  # the first field has the focus
    await page.keyboard.type("The shed")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/g/the_shed")
    await page.get_by_role("link", name="Invite", exact=True).click()
    await page.get_by_label("E-mail addresses").fill("ben@coop.example, nobody")
    await page.get_by_role("button", name="Send the invitations").click()
    assert "nobody" in await page.locator("#addresses-error").inner_text()
    assert await page.get_by_label("E-mail addresses").input_value() == "ben@coop.example, nobody"
    await page.get_by_label("E-mail addresses").fill("ben@coop.example")
    await page.get_by_role("button", name="Send the invitations").click()
    assert "1 invitation is on its way." in await page.get_by_role("status").inner_text()
    await page.context.close()
