"""Inviting on pages, and answering: by mail, by handle, with a link, into one thread."""

from __future__ import annotations

import re

import pytest

from node.forum import invitations
from node.forum.errors import NotFound
from storage import groups, members
from storage import invitations as stored
from storage.schema import Account, Actor, Group, Invitation, Thread
from tests.web.conftest import NOW, Page


@pytest.fixture
async def board(moot, monkeypatch):
    """A secret group of Ana's with Cleo as a member; Dan is outside; and somebody on another server."""
    group = await moot.group("board", "The board", privacy="secret", threads="private")
    people = {}
    for name, role in (("ana", "admin"), ("cleo", "member"), ("dan", "")):
        people[name] = await moot.person(name)
        if role:
            await moot.join(people[name], group, role)
    people["maria"] = await moot.person("maria", host="coop.example")
    moot.board, moot.people, moot.sent = group, people, []
    moot.storage.on_event = lambda work, event: moot.sent.append(event)

    async def find_actor(address: str) -> int:
        name = address.lstrip("@").partition("@")[0]
        if name not in people:
            raise NotFound("There is nobody of that name.")
        return people[name]

    monkeypatch.setattr(moot.network, "find_actor", find_actor, raising=False)
    return moot


async def invited(moot, **more) -> str:
    """The path of an invitation of Ana's by mail."""

    def act(work) -> None:
        invitations.invite_by_mail(
            work, work.get_one(Actor, moot.people["ana"]), work.get_one(Group, moot.board), ["x@coop.example"], **more
        )

    await moot.storage.write(act)
    return f"/invitations/{moot.sent[-1].secret}"


async def role(moot, name: str) -> str | None:
    part = await moot.storage.read(groups.membership, moot.board, moot.people[name])
    return part.role if part is not None else None


# ------------------------------------------------------------------ who invites


async def test_several_are_invited_at_once_and_listed_until_they_answer(board):
    ana = await board.sign_in(board.people["ana"])
    where = await ana.posted(
        "/g/board/invite", act="mail", addresses="ben@coop.example\neva@coop.example", words="Come!", role="member"
    )
    assert where == "/g/board/invite?sent=2"
    page = await ana.page(where)
    assert page.text(page.one("p", role="status")) == "2 invitations are on their way."
    listed = page.text(page.one("section", aria_labelledby="open"))
    assert "ben@coop.example" in listed
    assert "eva@coop.example" in listed
    assert {event.invitation.words for event in board.sent} == {"Come!"}
    for event in board.sent:
        assert event.secret not in page.source


async def test_a_list_with_a_wrong_address_comes_back_whole_and_nobody_is_mailed(board):
    ana = await board.sign_in(board.people["ana"])
    answer = await ana.post("/g/board/invite", act="mail", addresses="ben@coop.example\nnobody", words="Come!")
    assert answer.status == 422
    page = Page(await answer.text())
    assert "nobody" in page.text(page.one("p", id="addresses-error"))
    assert page.text(page.one("textarea", id="addresses")) == "ben@coop.example nobody"
    assert page.text(page.one("textarea", id="words")) == "Come!"
    assert board.sent == []


async def test_an_invitation_is_sent_again_or_taken_back_from_its_line(board):
    await invited(board)
    ana = await board.sign_in(board.people["ana"])
    number = (await ana.page("/g/board/invite")).one("input", name="invitation").get("value")
    await ana.posted("/g/board/invite", act="resend", invitation=number)
    assert len(board.sent) == 2
    number = (await ana.page("/g/board/invite")).one("input", name="invitation").get("value")
    await ana.posted("/g/board/invite", act="revoke", invitation=number)
    assert (await ana.page("/g/board/invite")).all("input", name="invitation") == []
    other = await board.group("other")
    await board.join(board.people["ana"], other, "admin")
    assert (await ana.post("/g/other/invite", act="revoke", invitation=number)).status == 404


async def test_members_of_a_secret_group_do_not_invite_and_outsiders_do_not_find_it(board):
    cleo, dan = await board.sign_in(board.people["cleo"]), await board.sign_in(board.people["dan"])
    assert (await cleo.get("/g/board/invite")).status == 403
    assert (await cleo.post("/g/board/invite", addresses="x@coop.example")).status == 403
    assert (await dan.get("/g/board/invite")).status == 404
    assert (await dan.post("/g/board/invite", addresses="x@coop.example")).status == 404
    assert board.sent == []


async def test_somebody_here_is_invited_by_handle_and_finds_it_by_its_number(board):
    ana, dan = await board.sign_in(board.people["ana"]), await board.sign_in(board.people["dan"])
    refused = await ana.post("/g/board/invite", act="handle", handle="@maria@coop.example")
    assert refused.status == 422
    assert "other servers" in Page(await refused.text()).text()
    await ana.posted("/g/board/invite", act="handle", handle="@dan")
    [waiting] = await board.storage.read(stored.waiting_for, board.people["dan"])
    path = f"/invitations/{waiting.id}"
    assert "The board" in (await dan.page(path)).text()
    assert (await board.get(path)).status == 404
    assert (await (await board.sign_in(board.people["cleo"])).get(path)).status == 404
    assert await dan.posted(path, act="accept") == "/g/board"
    assert await role(board, "dan") == "member"


# ------------------------------------------------------------------ who is invited


async def test_the_page_of_an_invitation_says_who_asks_and_is_seen_by_nobody_else(board):
    path = await invited(board, words="We need you.\nReally.")
    answer = await board.get(path)
    page = Page(await answer.text())
    assert page.text(page.one("h1")) == "The board"
    assert "Ana asks you into this group." in page.text(page.one("p", class_="lead"))
    assert "We need you." in page.text(page.one("blockquote"))
    assert answer.headers["Referrer-Policy"] == "same-origin"  # else browsers say no origin with the form
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert page.meta("og:title") is None
    assert page.one("a", href=f"/sign-up?invitation={path.rpartition('/')[2]}") is not None
    assert "Disallow: /invitations/" in await (await board.get("/robots.txt")).text()


async def test_whoever_is_signed_in_accepts_once(board):
    path = await invited(board)
    dan = await board.sign_in(board.people["dan"])
    assert "Accept as Dan" in (await dan.page(path)).text()
    assert await role(board, "dan") is None
    assert await dan.posted(path, act="accept") == "/g/board"
    assert await role(board, "dan") == "member"
    for browser in (dan, board.browser()):
        assert (await browser.get(path)).status == 404
        assert (await browser.post(path, act="accept")).status == 404


async def test_a_member_who_opens_the_link_is_told_and_it_stays_good(board):
    path = await invited(board)
    cleo = await board.sign_in(board.people["cleo"])
    answer = await cleo.post(path, act="accept")
    assert answer.status == 422
    assert "already" in Page(await answer.text()).text()
    assert (await board.get(path)).status == 200


async def test_a_stranger_cannot_accept(board):
    path = await invited(board)
    answer = await board.browser().post(path, act="accept")
    assert answer.status == 403
    answer = await board.browser().post(path, act="accept_elsewhere")  # it is not for anybody elsewhere
    assert answer.status == 403
    assert await board.storage.read(lambda work: work.query(Invitation).one().accepted_at) is None


@pytest.mark.parametrize("secret", ["x" * 43, "1", "99999999999999999999", "short", "%00", "a" * 500, "é" * 43])
async def test_secrets_that_are_none_are_not_there(board, secret):
    assert (await board.get(f"/invitations/{secret}")).status == 404
    assert (await board.get(f"/join/{secret}")).status == 404


async def test_somebody_elsewhere_accepts_without_an_account(board):
    garden = await board.group("garden", "The garden")
    await board.join(board.people["ana"], garden, "admin")

    def invite(work) -> None:
        ana, maria = (work.get_one(Actor, board.people[name]) for name in ("ana", "maria"))
        invitations.invite_actor(work, ana, work.get_one(Group, garden), maria)

    await board.storage.write(invite)
    path = f"/invitations/{board.sent[-1].secret}"
    browser = board.browser()
    page = await browser.page(path)
    assert "Accept as @maria@coop.example" in page.text()
    assert "The link came to @maria@coop.example alone" in page.text()
    answer = await browser.post(path, act="accept_elsewhere")
    assert answer.status == 200
    assert "Follow @garden@moot.example" in await answer.text()
    part = await board.storage.read(groups.membership, garden, board.people["maria"])
    assert part.role == "member"
    assert (await browser.post(path, act="accept_elsewhere")).status == 404


# ------------------------------------------------------------------ the link


async def test_a_join_link_is_made_used_reset_and_switched_off(board):
    ana, dan = await board.sign_in(board.people["ana"]), await board.sign_in(board.people["dan"])
    await ana.posted("/g/board/invite", act="reset_link")
    page = await ana.page("/g/board/invite")
    path = page.text(page.one("code", id="join-link")).removeprefix("https://moot.example")
    answer = await board.get(path)
    assert answer.headers["Referrer-Policy"] == "same-origin"  # else browsers say no origin with the form
    shown = Page(await answer.text())
    assert shown.text(shown.one("h1")) == "Join The board"
    assert shown.one("a", href=f"/sign-up?join={path.rpartition('/')[2]}") is not None
    assert await role(board, "dan") is None
    assert await dan.posted(path) == "/g/board"
    assert await role(board, "dan") == "member"
    assert "already" in (await dan.page(path)).text()

    await ana.posted("/g/board/invite", act="reset_link")
    assert (await board.get(path)).status == 404
    page = await ana.page("/g/board/invite")
    path = page.text(page.one("code", id="join-link")).removeprefix("https://moot.example")
    await ana.posted("/g/board/invite", act="switch_off_link")
    assert (await board.get(path)).status == 404
    assert (await dan.post(path)).status == 404


# ------------------------------------------------------------------ guests


async def test_somebody_is_asked_into_one_thread_and_sees_it_alone(board):
    thread = await board.thread(board.board, board.people["cleo"], "Money", "The secret sum", private=True)
    other = await board.thread(board.board, board.people["cleo"], "People", private=True)
    uid = (await board.storage.read(lambda work: work.get_one(Thread, thread))).uid
    cleo, dan = await board.sign_in(board.people["cleo"]), await board.sign_in(board.people["dan"])
    await board.storage.write(
        lambda work: work.add(Account(actor_id=board.people["maria"], email="unused@coop.example", created_at=NOW))
    )
    assert (await dan.get(f"/threads/{uid}/guests")).status == 404
    assert "Nobody is a guest" in (await cleo.page(f"/threads/{uid}/guests")).text()
    wrong = await cleo.post(f"/threads/{uid}/guests", act="invite", who="dan at home", words="Look")
    assert wrong.status == 422
    assert Page(await wrong.text()).text(Page(await wrong.text()).one("textarea", id="words")) == "Look"
    await cleo.posted(f"/threads/{uid}/guests", act="invite", who="dan@coop.example", words="Look")
    page = await cleo.page(f"/threads/{uid}/guests")
    assert "dan@coop.example" in page.text(page.one("section", aria_labelledby="open"))

    path = f"/invitations/{board.sent[-1].secret}"
    invitation = await dan.page(path)
    assert invitation.text(invitation.one("h1")) == "Money"
    assert "The board" not in invitation.text()
    where = await dan.posted(path, act="accept")
    assert where.startswith(f"/g/board/{uid}")
    assert await role(board, "dan") is None
    assert await board.storage.read(members.guest, thread, board.people["dan"]) is not None
    assert await board.storage.read(members.guest, other, board.people["dan"]) is None
    for path in ("/g/board", "/g/board/members", await board.path(other)):
        assert (await dan.get(path)).status == 404, path


async def test_a_guest_is_removed_or_goes_and_only_by_those_who_may(board):
    thread = await board.thread(board.board, board.people["cleo"], "Money", private=True)
    uid = (await board.storage.read(lambda work: work.get_one(Thread, thread))).uid
    ana, dan = await board.sign_in(board.people["ana"]), await board.sign_in(board.people["dan"])

    async def let_in() -> None:
        def act(work) -> None:
            cleo, guest = (work.get_one(Actor, board.people[name]) for name in ("cleo", "dan"))
            invitation = invitations.invite_guest(work, cleo, work.get_one(Thread, thread), actor=guest)
            invitations.accept(work, guest, invitation)

        await board.storage.write(act)

    await let_in()
    uri = "https://moot.example/u/dan"
    without = await ana.post(f"/threads/{uid}/guests", act="remove", guest=uri, reason="")
    assert without.status == 422
    assert (
        await ana.posted(f"/threads/{uid}/guests", act="remove", guest=uri, reason="over") == f"/threads/{uid}/guests"
    )
    assert await board.storage.read(members.guest, thread, board.people["dan"]) is None
    await let_in()
    assert (await dan.get(f"/threads/{uid}/guests")).status == 403
    assert await dan.posted(f"/threads/{uid}/guests", act="remove", guest=uri) == "/"
    assert (await dan.post(f"/threads/{uid}/guests", act="remove", guest=uri)).status == 404
    assert re.fullmatch(r"[a-z2-7]{26}", uid)
