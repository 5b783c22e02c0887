"""Joining, asking, leaving, and the page of members."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from storage import groups
from storage.schema import Act, JoinRequest
from tests.web.conftest import NOW, ORIGIN, XHTML, Page


@pytest.fixture
async def garden(moot):
    """A closed group of Ana's with Ben as a moderator and Cleo as a member; Dan is outside."""
    group = await moot.group("garden", "The garden", privacy="closed", join_prompt="Where do you live?")
    people = {}
    for name, role in (("ana", "admin"), ("ben", "moderator"), ("cleo", "member"), ("dan", "")):
        people[name] = await moot.person(name)
        if role:
            await moot.join(people[name], group, role)
    moot.garden, moot.people = group, people
    return moot


async def role(moot, name: str) -> str | None:
    part = await moot.storage.read(groups.membership, moot.garden, moot.people[name])
    return part.role if part is not None else None


async def signed_in(moot, name: str):
    return await moot.sign_in(moot.people[name])


# ------------------------------------------------------------------ in and out


async def test_an_open_group_is_joined_with_one_button(moot):
    group, ana_id = await moot.group(), await moot.person("ana")
    ana = await moot.sign_in(ana_id)
    page = await ana.page("/g/commons")
    form = page.one("form", action="/g/commons/join")
    assert page.text(form) == "Join"
    assert await ana.posted("/g/commons/join") == "/g/commons"
    part = await moot.storage.read(groups.membership, group, ana_id)
    assert part.role == "member"
    assert (await ana.get("/g/commons/join")).headers["Location"] == "/g/commons"


async def test_a_stranger_who_wants_to_join_is_led_to_signing_in_and_back(garden):
    page = await garden.page("/g/garden")
    assert page.text(page.one("a", href="/g/garden/join")) == "Ask to join"
    answer = await garden.get("/g/garden/join")
    assert answer.headers["Location"] == "/sign-in?next=%2Fg%2Fgarden%2Fjoin"


async def test_someone_asks_and_a_moderator_lets_them_in(garden):
    dan = await signed_in(garden, "dan")
    form = await dan.page("/g/garden/join")
    assert form.text(form.one("label", for_="words")) == "Where do you live?"
    back = await dan.post("/g/garden/join", words=" ")
    assert back.status == 422
    assert "Please answer" in Page(await back.text()).text()
    await dan.posted("/g/garden/join", words="Number 7, <b>Mill Lane</b>")
    assert "You asked to be let in" in (await dan.page("/g/garden")).text()

    ben = await signed_in(garden, "ben")
    group = await ben.page("/g/garden")
    assert "Requests 1 waits" in group.text(group.one("nav", class_="tabs"))
    queue = await ben.page("/g/garden/requests")
    assert "Number 7, <b>Mill Lane</b>" in queue.text(queue.one("blockquote"))
    number = queue.one("input", name="request").get("value")
    assert await ben.posted("/g/garden/requests", request=number, act="approve") == "/g/garden/requests"
    assert await role(garden, "dan") == "member"
    assert "Nobody waits" in (await ben.page("/g/garden/requests")).text()


async def test_a_request_can_be_taken_back(garden):
    dan = await signed_in(garden, "dan")
    await dan.posted("/g/garden/join", words="Number 7")
    page = await dan.page("/g/garden/join")
    assert "Number 7" in page.text(page.one("blockquote"))
    await dan.posted("/g/garden/join", take_back="1")
    assert await garden.storage.read(lambda work: work.query(JoinRequest).count()) == 0


async def test_requests_of_another_group_are_not_there(garden):
    other = await garden.group("shed", privacy="closed")
    await garden.storage.write(
        lambda work: work.add(JoinRequest(group_id=other, actor_id=garden.people["dan"], words="x", created_at=NOW))
    )
    ben = await signed_in(garden, "ben")
    for number in ("1", "99", "x", "9" * 40):
        assert (await ben.post("/g/garden/requests", request=number, act="approve")).status == 404
    assert await garden.storage.read(lambda work: work.query(JoinRequest).one().state) == "waiting"


async def test_leaving_is_asked_first_and_the_last_admin_is_told_why_not(garden):
    cleo, ana = await signed_in(garden, "cleo"), await signed_in(garden, "ana")
    assert "have to ask to come back" in (await cleo.page("/g/garden/leave")).text()
    assert await cleo.posted("/g/garden/leave") == "/g/garden"
    assert await role(garden, "cleo") is None
    stays = await ana.post("/g/garden/leave")
    assert stays.status == 422
    assert "last admin" in Page(await stays.text()).text()


async def test_looking_at_the_pages_does_nothing(garden):
    dan, cleo = await signed_in(garden, "dan"), await signed_in(garden, "cleo")
    await dan.page("/g/garden/join")
    await cleo.page("/g/garden/leave")
    assert await role(garden, "dan") is None
    assert await role(garden, "cleo") == "member"


# ------------------------------------------------------------------ members


async def test_members_are_listed_by_part_and_found_by_name(garden):
    page = await garden.page("/g/garden/members")
    names = [page.text(name) for name in page.one("ul", class_="roster").iter(XHTML + "bdi")]
    assert names == ["Ana", "Ben", "Cleo"]
    assert "Change" not in page.text()
    found = await garden.page("/g/garden/members?q=cle")
    assert "1 person" in found.text()
    assert "Nobody here is called that" in (await garden.page("/g/garden/members?q=zzz")).text()
    assert (await garden.page("/g/garden/members?page=99&role=banned")).text().count("Ana") == 1


async def test_a_moderator_bans_with_a_reason_and_lifts_it(garden):
    ben = await signed_in(garden, "ben")
    who = f"{ORIGIN}/u/cleo"
    without = await ben.post("/g/garden/members/change", who=who, act="ban", title="Pest", reason=" ")
    assert without.status == 422
    page = Page(await without.text())
    assert "Say why" in page.text(page.one("p", id="reason-error"))
    assert page.one("input", id="title").get("value") == "Pest"
    await ben.posted("/g/garden/members/change", who=who, act="ban", reason="sells watches")
    assert await role(garden, "cleo") == "banned"
    assert "Cleo" not in (await garden.page("/g/garden/members")).text()
    assert "Cleo" in (await ben.page("/g/garden/members?role=banned")).text()
    await ben.posted("/g/garden/members/change", who=who, act="unban", reason="sorry")
    assert await role(garden, "cleo") is None
    verbs = await garden.storage.read(lambda work: [act.verb for act in work.query(Act).order_by(Act.id)])
    assert verbs == ["ban", "unban"]


async def test_an_admin_changes_part_and_title_at_once_and_a_moderator_only_titles(garden):
    ana, ben = await signed_in(garden, "ana"), await signed_in(garden, "ben")
    who = f"{ORIGIN}/u/cleo"
    form = await ben.page(f"/g/garden/members/change?who={quote(who)}")
    assert form.all("input", name="role") == []
    refused = await ben.post("/g/garden/members/change", who=who, act="change", role="admin")
    assert refused.status == 422
    assert await role(garden, "cleo") == "member"
    await ben.posted("/g/garden/members/change", who=who, act="change", title="Treasurer")
    await ana.posted("/g/garden/members/change", who=who, act="change", role="moderator", title="Treasurer")
    assert await role(garden, "cleo") == "moderator"
    assert "Treasurer" in (await garden.page("/g/garden")).text()


async def test_members_and_strangers_change_nobody(garden):
    who = f"{ORIGIN}/u/ben"
    cleo, dan = await signed_in(garden, "cleo"), await signed_in(garden, "dan")
    for browser in (cleo, dan):
        assert (await browser.get(f"/g/garden/members/change?who={quote(who)}")).status == 403
        assert (await browser.post("/g/garden/members/change", who=who, act="remove", reason="x")).status == 403
    answer = await garden.browser().post("/g/garden/members/change", who=who, act="remove", reason="x")
    assert answer.status == 403
    assert await role(garden, "ben") == "moderator"


async def test_whoever_is_not_in_the_group_cannot_be_changed_in_it(garden):
    ana = await signed_in(garden, "ana")
    for who in (f"{ORIGIN}/u/dan", f"{ORIGIN}/u/nobody", "", "x" * 3000):
        assert (await ana.get(f"/g/garden/members/change?who={quote(who[:2500])}")).status == 404


async def test_an_old_handle_leads_to_the_page_under_the_groups_own_address(garden):
    ana = await signed_in(garden, "ana")
    await ana.posted("/g/garden/settings/handle", name="orchard")
    for path in ("members", "join", "settings"):
        answer = await ana.get(f"/g/orchard/{path}?x=1")
        assert (answer.status, answer.headers["Location"]) == (301, f"/g/garden/{path}?x=1"), path
