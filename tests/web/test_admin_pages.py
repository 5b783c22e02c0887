"""The pages of whoever runs the node; for everybody else they are not there."""

from __future__ import annotations

import re

import pytest

from node.forum import people as forum_people
from storage import people
from storage.schema import Group, Membership
from storage.work import Work
from tests.web.arrivals import (
    PASSWORD,
    Clock,
    account_of,
    awaken,
    is_signed_in,
    member,
    sessions_of,
    sign_in,
    the_post,
)
from tests.web.conftest import THEN, Browser, Moot

PAGES = ["/admin", "/admin/people", "/admin/people/ana", "/admin/sign-ups", "/admin/log"]


@pytest.fixture
def clock(moot: Moot) -> Clock:
    """The clock of the moot, which the test moves."""
    return awaken(moot)


@pytest.fixture
async def mira(moot: Moot, clock: Clock) -> Browser:
    """The browser of Mira, who runs the node; Ana is a member."""
    await member(moot, "mira", admin=True)
    await member(moot, "ana")
    return await sign_in(moot, "mira")


async def id_of(moot: Moot, name: str) -> int:
    found = await moot.storage.read(people.by_name, name)
    assert found is not None
    return found.id


@pytest.mark.parametrize("path", PAGES)
async def test_the_pages_of_an_admin_are_there_for_an_admin_alone(moot: Moot, mira: Browser, path: str) -> None:
    """WEB-18: for everybody else they look like what is not there."""
    ana = await sign_in(moot)
    nothing = await ana.get("/nothing-is-here")

    assert (await mira.get(path)).status == 200
    for answer in (await moot.get(path), await ana.get(path)):
        assert answer.status == nothing.status == 404


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/admin/people/ana", {"act": "promote", "reason": "me"}),
        ("/admin/people/mira", {"act": "suspend", "reason": "her"}),
        ("/admin/people/mira", {"act": "reset", "reason": "her"}),
        ("/admin/sign-ups/1", {"act": "approve"}),
    ],
)
async def test_nobody_but_an_admin_acts_as_one(moot: Moot, mira: Browser, path: str, given: dict[str, str]) -> None:
    """WEB-18"""
    ana = await sign_in(moot)
    strangers = moot.browser()

    assert (await ana.post(path, given)).status == 404
    assert (await strangers.post(path, given)).status == 404

    assert not (await account_of(moot, await id_of(moot, "ana"))).admin
    assert await is_signed_in(mira)


async def test_rights_that_were_taken_are_gone_at_once(moot: Moot, mira: Browser) -> None:
    """WEB-03, WEB-18: also in a browser that stood open."""
    await mira.posted("/admin/people/ana", act="promote", reason="we need two")
    ana = await sign_in(moot)
    assert (await ana.get("/admin")).status == 200

    assert await ana.posted("/admin/people/mira", act="demote", reason="on leave") == "/admin/people/mira?done=demote"

    assert not await is_signed_in(mira)
    again = await sign_in(moot, "mira")
    assert (await again.get("/admin")).status == 404
    assert "on leave" in (await ana.page("/admin/log")).text()


async def test_whoever_is_suspended_is_signed_out_and_hidden_until_let_back(moot: Moot, mira: Browser) -> None:
    """WEB-05"""
    ana = await sign_in(moot)
    assert (await mira.post("/admin/people/ana", act="suspend", reason=" ")).status == 422

    assert await mira.posted("/admin/people/ana", act="suspend", reason="threats") == "/admin/people/ana?done=suspend"

    assert not await is_signed_in(ana)
    assert await sessions_of(moot, await id_of(moot, "ana")) == 0
    assert (await moot.get("/u/ana")).status == 404
    assert (await moot.browser().post("/sign-in", login="ana", password=PASSWORD)).status == 403
    log = (await mira.page("/admin/log")).text()
    assert "Mira: suspended Ana" in log and "threats" in log
    await mira.posted("/admin/people/ana", act="unsuspend", reason="they are sorry")
    await sign_in(moot)


async def test_an_admin_neither_suspends_themselves_nor_leaves_nobody(moot: Moot, mira: Browser) -> None:
    for act in ("suspend", "demote"):
        assert (await mira.post("/admin/people/mira", act=act, reason="tired")).status == 403
    assert await is_signed_in(mira)


async def test_a_new_link_is_mailed_or_shown_once_and_signs_out(moot: Moot, mira: Browser) -> None:
    """WEB-05"""
    ana = await sign_in(moot)
    assert await mira.posted("/admin/people/ana", act="reset", reason="lost phone") == "/admin/people/ana?done=reset"
    assert not await is_signed_in(ana)
    assert (await moot.browser().post("/sign-in", login="ana", password=PASSWORD)).status == 422
    mail = await the_post(moot, "first")
    fresh = moot.browser()
    assert await fresh.posted(mail.link, password="barley and beans") == "/"
    assert await is_signed_in(fresh)

    await member(moot, "ben", email=None)
    shown = await mira.post("/admin/people/ben", act="reset", reason="")
    found = re.search(r"https://moot\.example(/welcome/[\w-]{43})", await shown.text())
    assert found and shown.headers["Cache-Control"] == "no-store"
    assert await moot.browser().posted(found[1], password="barley and peas") == "/"
    await sign_in(moot, "ben", "barley and peas")


async def test_an_act_needs_a_password_of_a_moment_ago(moot: Moot, mira: Browser, clock: Clock) -> None:
    clock.forward(minutes=16)

    answer = await mira.post("/admin/people/ana", act="promote", reason="me")

    assert answer.headers["Location"] == "/sign-in/prove?next=%2Fadmin%2Fpeople%2Fana"
    assert not (await account_of(moot, await id_of(moot, "ana"))).admin


async def test_people_are_found_by_handle_name_and_address(moot: Moot, mira: Browser) -> None:
    await member(moot, "zoe", email="zoe@harbour.example")

    for words, found in (("zo", True), ("harbour", True), ("ZOE", True), ("%", False), ("_", False), ("mill", False)):
        page = await mira.page(f"/admin/people?q={words.replace('%', '%25')}")
        assert bool([a for a in page.all("a") if a.get("href") == "/admin/people/zoe"]) is found, words


async def test_people_come_in_pages(moot: Moot, mira: Browser) -> None:
    def many(work: Work) -> None:
        for number in range(60):
            from_name = f"p{number:02d}"
            people_of(work, from_name)

    await moot.storage.write(many)
    first = await mira.page("/admin/people")
    [following] = first.all("a", rel="next")
    second = await mira.page(following.get("href"))

    shown = [
        [a.get("href") for a in page.all("a") if "/admin/people/" in (a.get("href") or "")] for page in (first, second)
    ]
    assert len(shown[0]) == 50 and len(shown[1]) == 12
    assert not set(shown[0]) & set(shown[1])


def people_of(work: Work, name: str) -> None:
    """Someone without an account."""
    forum_people.create_person(work, name)


@pytest.mark.parametrize(
    "query", ["q=%00", "after=%00", "q=" + "x" * 5000, "before=x", "before=-1", "before=" + "9" * 30]
)
async def test_nonsense_in_the_address_is_no_fault_of_ours(moot: Moot, mira: Browser, query: str) -> None:
    for path in ("/admin/people", "/admin/log"):
        assert (await mira.get(f"{path}?{query}")).status == 200


async def test_the_first_things_to_do_are_shown_until_they_are_done(moot: Moot, mira: Browser) -> None:
    page = await mira.page("/admin")
    assert {"/groups/new", "/groups"} <= {a.get("href") for a in page.all("a")}
    assert "smtp_url" in page.text()  # this node sends no mail
    group_id = await moot.group("garden")
    mira_id = await id_of(moot, "mira")
    await moot.storage.write(
        lambda work: work.add(Membership(group_id=group_id, actor_id=mira_id, role="admin", joined_at=THEN))
    )

    page = await mira.page("/admin")

    assert len(page.all("li", class_="is-done")) == 2  # Ana is there as well
    assert await moot.storage.read(lambda work: work.get_one(Group, group_id).privacy) == "open"
