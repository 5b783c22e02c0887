"""Numbers and names of what belongs to others, sent to an address that is one's own: they are not there (WEB-18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage import sessions
from storage.schema import Guest, Notice
from storage.tokens import hashed
from storage.work import Work
from tests.web.conftest import NOW, Moot
from tests.web.worlds import WORDS, Worlds, build


@pytest.fixture
async def worlds(open_moot: Callable[..., Any]) -> Worlds:
    """Groups with everybody in them; whatever is done there is undone."""
    return await build(await open_moot())


OF_GROUPS = (
    ("/g/open/requests", {"request": "{request}", "act": "approve"}),
    ("/g/open/invite", {"invitation": "{invitation_id}", "act": "revoke"}),
    ("/g/open/invite", {"invitation": "{invitation_id}", "act": "resend"}),
    ("/g/open/reports/{report}", {"words": "Done."}),
    ("/g/open/members/change", {"who": "https://moot.example/u/the_keeper", "role": "member"}),
    ("/g/open/members/change", {"who": "https://coop.example/users/rita", "role": "moderator"}),
    ("/g/open/members/change", {"who": "https://moot.example/g/secret", "act": "remove", "reason": "x"}),
    ("/threads/{open_thread}/guests", {"invitation": "{invitation_id}", "act": "revoke"}),
    ("/threads/{open_thread}/guests", {"guest": "https://moot.example/u/the_outsider", "reason": "x"}),
)


@pytest.mark.parametrize("role", ["moderator", "admin", "keeper"])
@pytest.mark.parametrize("other", ["private", "closed", "secret"])
async def test_what_is_of_another_group_is_not_there_in_this_one(worlds: Worlds, role: str, other: str) -> None:
    """WEB-18, AUT-57: requests, invitations, reports, members and guests, by number; also for who may act in both."""
    values = worlds.worlds[other].values | {"open_thread": worlds.worlds["open"].values["thread"]}
    for path, fields in OF_GROUPS:
        answer = await worlds.ask(
            role, "POST", path.format_map(values), {name: value.format_map(values) for name, value in fields.items()}
        )
        words = await answer.text()
        assert answer.status in (404, 403), (path, fields, answer.status)
        assert WORDS not in words
        assert not sum(worlds.wrote), (path, fields)


async def test_a_report_to_a_group_is_not_one_to_the_node_and_the_other_way_round(worlds: Worlds) -> None:
    """WEB-18"""
    group, node = worlds.worlds["open"].values["report"], worlds.common["node_report"]
    for role, path in (("keeper", f"/admin/reports/{group}"), ("admin", f"/g/open/reports/{node}")):
        answer = await worlds.ask(role, "POST", path, {"words": "Done."})
        assert answer.status == 404, path
        assert not sum(worlds.wrote)


async def test_a_thread_does_not_go_where_its_mover_has_no_say(worlds: Worlds) -> None:
    """WEB-18, PRV-10: to a group that they do not see or are not in, or out of a secret one."""
    for world, group in (("open", "elsewhere"), ("open", "absent"), ("secret", "open"), ("secret", "closed")):
        thread = worlds.worlds[world].values["thread"]
        answer = await worlds.ask("moderator", "POST", f"/threads/{thread}/move", {"group": group, "reason": "There."})
        assert answer.status == 422, (world, group)
        assert not sum(worlds.wrote)


async def test_a_part_is_made_only_below_a_group_that_one_runs(worlds: Worlds) -> None:
    """WEB-18"""
    for role, parent, status in (
        ("moderator", "open", 403), ("member", "open", 403), ("outsider", "open", 403), ("outsider", "secret", 404),
        ("keeper", "secret", 404), ("outsider", "absent", 404), ("admin", "elsewhere", 403),
    ):  # fmt: skip
        fields = {"parent": parent, "title": "Part", "name": "part", "privacy": "secret"}
        answer = await worlds.ask(role, "POST", "/groups/new", fields)
        assert answer.status == status, (role, parent)
        assert not sum(worlds.wrote)


async def test_sessions_passkeys_and_notices_are_their_owners_alone(open_moot: Callable[..., Any]) -> None:
    """WEB-18, WEB-05, AUT-57: by their numbers, for whoever is signed in."""
    moot: Moot = await open_moot()
    ana, ben = await moot.person("ana"), await moot.person("ben")
    browser = await moot.sign_in(ana)
    other = await moot.sign_in(ben)
    await (await other.get("/settings")).read()

    def of_ben(work: Work) -> tuple[int, int]:
        [session] = sessions.of_actor(work, ben)
        assert session.secret_hash == hashed(other.cookies["session"])
        notice = Notice(actor_id=ben, kind="private", uri="https://coop.example/1", from_id=ana, created_at=NOW)
        work.add(notice)
        work.flush()
        return session.id, notice.id

    session, notice = await moot.storage.write(of_ben)
    await browser.post("/settings/security/sessions", session=str(session))
    await browser.post("/unread", notice=str(notice))
    assert (await other.get("/settings")).status == 200
    assert await moot.storage.read(lambda work: work.get_one(Notice, notice).read_at) is None


async def test_a_guest_of_one_thread_sees_no_other_of_that_group(open_moot: Callable[..., Any]) -> None:
    """PRV-01, PRV-04: neither its threads nor that it is there, and no list of who is in it."""
    moot: Moot = await open_moot()
    ana, guest = await moot.person("ana"), await moot.person("gerda")
    group = await moot.group("cellar", "The cellar", privacy="secret")
    await moot.join(ana, group, "admin")
    shown = await moot.thread(group, ana, "Come in", "For Gerda.", private=True)
    other = await moot.thread(group, ana, "Not for Gerda", WORDS, private=True)
    await moot.storage.write(lambda work: work.add(Guest(thread_id=shown, actor_id=guest, joined_at=NOW)))
    gerda = await moot.sign_in(guest)
    page = await gerda.page(await moot.path(shown))
    assert "For Gerda." in page.source
    opening, hidden = (await moot.item(shown, 0)).uid, (await moot.item(other, 0)).uid
    for path in (
        await moot.path(other), f"/items/{hidden}/fragment", f"/items/{hidden}/source", "/g/cellar",
        "/g/cellar/members", "/g/cellar/log", "/g/cellar/new", "/g/cellar/invite", "/g/cellar/join",
    ):  # fmt: skip
        assert (await gerda.get(path)).status == 404, path
    for path in ("/", "/unread", "/groups", f"/items/{opening}/react", "/mentions?q=an", "/share?text=x"):
        words = await (await gerda.get(path)).text()
        assert WORDS not in words and "Not for Gerda" not in words, path
