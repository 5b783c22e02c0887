"""Coming into a group and going out of it: joining, asking, the join link, leaving, and the queue of who waits."""

import re

from aiohttp import web

from node.forum import joining, members
from node.forum.errors import NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, entrance, forms, group_access, look, session
from node.web.group_access import Access
from node.web.look import Head
from storage import groups, invitations
from storage.groups import GroupCard
from storage.invitations import Request
from storage.schema import Actor, Group, JoinRequest
from storage.work import Work

TOKEN = re.compile(r"[\w-]{20,64}", re.ASCII)


# ------------------------------------------------------------------ joining, asking


async def show_join(request: web.Request) -> web.StreamResponse:
    """What joining means here; for a closed group, the words with which one asks."""
    reader = session.must_be_signed_in(request)
    access = await group_access.of(request)
    if access.is_in:
        return forms.see(access.path)
    asked = await request.app[NODE].storage.read(invitations.request_of, access.card.id, reader.id)
    return _join_page(request, access, asked if access.asked_at is not None else None)


def _join_page(
    request: web.Request,
    access: Access,
    asked: JoinRequest | None = None,
    words: str = "",
    problems: dict[str, str] | None = None,
) -> web.Response:
    title = _("Join %(group)s", group=access.card.title)
    return entrance.form_page(
        request, "group_join.html", title, problems, access=access, words=asked.words if asked else words,
        asked_at=asked.created_at if asked else None,
    )  # fmt: skip


async def join(request: web.Request) -> web.StreamResponse:
    """Lets whoever is signed in into an open group, or asks for them; or takes a request back."""
    form = await forms.read(request)
    reader = session.must_be_signed_in(request)
    access = await group_access.of(request)
    words = form.text("words")
    try:
        await request.app[NODE].storage.write(_join, access.card.id, reader.id, words, form.flag("take_back"))
    except Refusal as refusal:
        if access.role == "banned" or access.card.archived:
            raise  # there is no form for them
        return _join_page(request, access, words=words, problems=group_access.problems(refusal))
    return forms.see(access.path)


def _join(work: Work, group_id: int, reader_id: int, words: str, take_back: bool) -> None:
    actor, group = work.get_one(Actor, reader_id), work.get_one(Group, group_id)
    if take_back:
        joining.take_back(work, actor, group)
    else:
        joining.enter(work, actor, group, words)


# ------------------------------------------------------------------ leaving


async def show_leave(request: web.Request) -> web.StreamResponse:
    """What leaving means, and the button for it."""
    session.must_be_signed_in(request)
    access = await group_access.of(request)
    if not access.is_in:
        return forms.see(access.path)
    return _leave_page(request, access)


def _leave_page(request: web.Request, access: Access, problems: dict[str, str] | None = None) -> web.Response:
    title = _("Leave %(group)s?", group=access.card.title)
    return entrance.form_page(request, "group_leave.html", title, problems, access=access)


async def leave(request: web.Request) -> web.StreamResponse:
    """Ends the reader's membership."""
    await forms.read(request)
    reader = session.must_be_signed_in(request)
    access = await group_access.of(request)
    try:
        await request.app[NODE].storage.write(_leave, access.card.id, reader.id)
    except Refusal as refusal:
        return _leave_page(request, access, group_access.problems(refusal))
    return forms.see("/groups" if access.card.privacy == "secret" else access.path)


def _leave(work: Work, group_id: int, reader_id: int) -> None:
    members.leave(work, work.get_one(Actor, reader_id), work.get_one(Group, group_id))


# ------------------------------------------------------------------ who waits


async def show_requests(request: web.Request) -> web.StreamResponse:
    """Everyone who waits to be let in, for the moderators."""
    access = await group_access.for_moderators(request)
    waiting = await request.app[NODE].storage.read(invitations.waiting_requests, access.card.id)
    return _requests_page(request, access, waiting)


def _requests_page(
    request: web.Request, access: Access, waiting: list[Request], problems: dict[str, str] | None = None
) -> web.Response:
    head = Head(title=_("Requests"), indexed=False, hue=access.card.hue)
    response = look.page(
        request, "group_requests.html", head, status=422 if problems else 200, access=access, waiting=waiting,
        errors=problems or {},
    )  # fmt: skip
    return entrance.private(response)


async def decide(request: web.Request) -> web.StreamResponse:
    """Lets somebody in who asked, or ignores it."""
    form = await forms.read(request)
    access = await group_access.for_moderators(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    number = form.text("request")
    approved = form.text("act") == "approve"
    try:
        await node.storage.write(
            _decide, access.card.id, reader.id, int(number) if re.fullmatch("[0-9]{1,18}", number) else 0, approved
        )
    except Refusal as refusal:
        waiting = await node.storage.read(invitations.waiting_requests, access.card.id)
        return _requests_page(request, access, waiting, group_access.problems(refusal))
    return forms.see(f"{access.path}/requests")


def _decide(work: Work, group_id: int, reader_id: int, number: int, approved: bool) -> None:
    asked = invitations.request(work, number)
    if asked is None or asked.group_id != group_id:
        raise NotFound(_("There is no such request."))
    joining.decide(work, work.get_one(Actor, reader_id), asked, approved=approved)


# ------------------------------------------------------------------ the link


async def show_link(request: web.Request) -> web.StreamResponse:
    """The group that a join link leads into, and a button to join it; whoever has the link sees this much."""
    token = request.match_info["token"]
    card = await request.app[NODE].storage.read(_by_token, token)
    reader = session.reader_of(request)
    title = _("Join %(group)s", group=card.title)
    response = entrance.form_page(
        request, "join_link.html", title, card=card, token=token, reader_is_in=reader is not None and await _is_in(
            request, card.id, reader.id
        ),
    )  # fmt: skip
    return addresses.unseen(response)


async def _is_in(request: web.Request, group_id: int, reader_id: int) -> bool:
    part = await request.app[NODE].storage.read(groups.membership, group_id, reader_id)
    return part is not None and part.role != "banned"


def _by_token(work: Work, token: str) -> GroupCard:
    found = groups.by_join_token(work, token) if TOKEN.fullmatch(token) else None
    if found is None:
        raise NotFound(_("This link is not valid any more. Ask whoever gave it to you for a new one."))
    card = groups.as_told(work, found[1].id)
    if card is None:
        raise NotFound(_("This link is not valid any more. Ask whoever gave it to you for a new one."))
    return card


async def use_link(request: web.Request) -> web.StreamResponse:
    """Joins with the link."""
    await forms.read(request)
    reader = session.must_be_signed_in(request)
    token = request.match_info["token"]
    if not TOKEN.fullmatch(token):
        raise NotFound(_("This link is not valid any more. Ask whoever gave it to you for a new one."))
    path = await request.app[NODE].storage.write(_use_link, reader.id, token)
    return addresses.unseen(forms.see(path))


def _use_link(work: Work, reader_id: int, token: str) -> str:
    membership = joining.join_by_link(work, work.get_one(Actor, reader_id), token)
    return addresses.path_of(work.get_one(Actor, membership.group_id).uri)
