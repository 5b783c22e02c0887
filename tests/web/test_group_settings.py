"""The settings of a group on pages: for its admins, and those of the node."""

from __future__ import annotations

import pytest

from storage import groups
from storage.schema import Fact, SignedIn
from tests.web.conftest import NOW, XHTML, Page

ALL = {
    "title": "The garden", "description": "We **dig**.", "privacy": "closed", "who_may_start": "moderators",
    "threads": "public", "comments": "boosted", "language": "de", "join_prompt": "Why?", "hue": "5", "slow_mode": "60",
    "outsiders_may_comment": "1",
}  # fmt: skip


@pytest.fixture
async def garden(moot):
    """An open group of Ana's with Ben as a moderator; Ruth runs the node."""
    group = await moot.group("garden", "Garden")
    people = {}
    for name, role in (("ana", "admin"), ("ben", "moderator"), ("ruth", "")):
        people[name] = await moot.person(name)
        if role:
            await moot.join(people[name], group, role)
    moot.garden = group
    moot.ana = await moot.sign_in(people["ana"])
    moot.ben = await moot.sign_in(people["ben"])
    moot.ruth = await moot.sign_in(people["ruth"], admin=True)
    return moot


async def card(moot):
    return await moot.storage.read(groups.card, moot.garden, None)


async def test_every_setting_is_kept_and_shown_again(garden):
    assert await garden.ana.posted("/g/garden/settings", ALL) == "/g/garden/settings?done=settings"
    kept = await card(garden)
    assert (kept.title, kept.privacy, kept.who_may_start, kept.threads_may_be, kept.comments) == (
        "The garden", "closed", "moderators", "public", "boosted",
    )  # fmt: skip
    assert (kept.language, kept.join_prompt, kept.hue, kept.slow_mode) == ("de", "Why?", 50, 60)
    assert (kept.outsiders_may_start, kept.outsiders_may_comment, kept.listed) == (False, True, False)
    page = await garden.ana.page("/g/garden/settings?done=settings")
    assert page.one("input", id="hue-5").get("checked") is not None
    assert page.one("input", id="threads-public").get("checked") is not None
    assert page.one("input", id="listed").get("checked") is None
    assert page.text(page.one("textarea", id="description")) == "We **dig**."
    assert page.text(page.one("p", role="status")) == "Saved."


async def test_a_hue_is_chosen_by_words_and_number_too(garden):
    page = await garden.ana.page("/g/garden/settings")
    labels = [page.text(label) for label in page.one("div", class_="swatches").iter(XHTML + "label")]
    assert len(labels) == len(set(labels)) == 36
    assert labels[3] == "red 1"


async def test_settings_that_are_not_taken_come_back(garden):
    answer = await garden.ana.post("/g/garden/settings", ALL | {"title": "x" * 101, "slow_mode": "99999"})
    assert answer.status == 422
    page = Page(await answer.text())
    assert page.one("input", id="title").get("value") == "x" * 101
    assert page.text(page.one("textarea", id="description")) == "We **dig**."
    assert "101" in page.text(page.one("p", id="title-error"))
    assert (await card(garden)).title == "Garden"


async def test_moderators_see_no_settings_and_admins_of_the_node_do(garden):
    assert (await garden.ben.get("/g/garden/settings")).status == 403
    assert (await garden.ben.post("/g/garden/settings", ALL)).status == 403
    assert (await garden.ruth.get("/g/garden/settings")).status == 200
    await garden.ruth.posted("/g/garden/settings", ALL)
    assert (await card(garden)).title == "The garden"


async def test_a_secret_group_is_not_there_for_an_admin_of_the_node_who_is_not_in_it(garden):
    """PRV-06"""
    await garden.group("board", privacy="secret")
    for path in ("settings", "members", "requests", "invite", "settings/secret", "settings/delete"):
        there, nowhere = await garden.ruth.get(f"/g/board/{path}"), await garden.ruth.get(f"/g/nobody/{path}")
        assert there.status == nowhere.status == 404, path


async def test_the_handle_is_changed_in_a_form_of_its_own(garden):
    taken = await garden.ana.post("/g/garden/settings/handle", name="ben")
    assert taken.status == 422
    page = Page(await taken.text())
    assert "taken" in page.text(page.one("p", id="name-error"))
    assert page.one("input", id="name").get("value") == "ben"
    await garden.ana.posted("/g/garden/settings/handle", name="@Orchard")
    page = await garden.page("/g/garden")
    assert page.text(page.one("code", id="handle")) == "@orchard@moot.example"
    assert (await garden.get("/g/orchard")).headers["Location"] == "/g/garden"


async def test_a_group_is_archived_with_a_reason_and_opened_again(garden):
    assert (await garden.ana.post("/g/garden/settings/archive", act="archive", reason="")).status == 422
    await garden.ana.posted("/g/garden/settings/archive", act="archive", reason="the lane is sold")
    page = await garden.page("/g/garden")
    assert "Archived" in page.text(page.one("p", class_="crumb"))
    assert "Join" not in page.text(page.one("header", class_="top"))
    await garden.ana.posted("/g/garden/settings/archive", act="unarchive", reason="bought back")
    assert not (await card(garden)).archived


async def test_to_make_a_group_secret_one_reads_what_it_means_and_types_the_handle(garden):
    """PRV-11"""
    page = await garden.ana.page("/g/garden/settings/secret")
    assert "cannot be taken back" in page.text()
    wrong = await garden.ana.post("/g/garden/settings/secret", typed="gardens", reason="quiet")
    assert wrong.status == 422
    assert Page(await wrong.text()).one("input", id="reason").get("value") == "quiet"
    assert (await garden.ben.post("/g/garden/settings/secret", typed="garden", reason="x")).status == 403
    assert await garden.ana.posted("/g/garden/settings/secret", typed="garden", reason="quiet") == "/g/garden"
    assert (await garden.ana.get("/g/garden")).status == 200
    for browser in (garden.browser(), garden.ruth):
        assert (await browser.get("/g/garden")).status == 404
    page = await garden.ana.page("/g/garden/settings")
    assert page.all("input", name="privacy") == []
    assert page.all("a", href="/g/garden/settings/secret") == []
    assert page.meta("og:title") is None


async def test_only_an_admin_of_the_node_deletes_a_group(garden):
    assert (await garden.ana.get("/g/garden/settings/delete")).status == 403
    assert (await garden.ana.post("/g/garden/settings/delete", typed="garden", reason="x")).status == 403
    assert (await garden.ruth.post("/g/garden/settings/delete", typed="shed", reason="x")).status == 422
    assert await garden.ruth.posted("/g/garden/settings/delete", typed="garden", reason="spam") == "/groups"
    assert (await garden.get("/g/garden")).status == 410
    assert await garden.storage.read(lambda work: work.query(Fact).filter(Fact.name.like("withdraw:%")).count()) == 1


async def test_what_cannot_be_taken_back_asks_for_the_password_again(garden):
    """WEB-10"""

    def long_ago(work) -> None:
        for session in work.query(SignedIn):
            session.proved_at = NOW.replace(year=2020)

    await garden.storage.write(long_ago)
    for browser, path in ((garden.ana, "secret"), (garden.ruth, "delete")):
        answer = await browser.get(f"/g/garden/settings/{path}")
        assert answer.headers["Location"].startswith("/sign-in/prove?next="), path
        answer = await browser.post(f"/g/garden/settings/{path}", typed="garden", reason="x")
        assert answer.status == 303
    assert (await card(garden)).privacy == "open"
