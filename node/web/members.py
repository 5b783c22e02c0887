"""The members page of a group: who is in it with which part; and what moderators do there."""

import re
from dataclasses import dataclass

from aiohttp import web

from node.forum import members
from node.forum.errors import NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE
from node.web import forms, group_access, look, session
from node.web.forms import Form
from node.web.group_access import Access
from node.web.look import Head
from storage import groups, people
from storage import members as stored
from storage.members import Entry
from storage.people import as_person
from storage.schema import Actor
from storage.sessions import Known as Reader
from storage.work import Work

IN_A_GROUP = ("admin", "moderator", "member", "guest")
WORDS = 100  # characters of a search
NUMBER = re.compile(r"[0-9]{1,5}")
URI = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which members are to be shown."""

    words: str
    role: str  # one of them, or all
    number: int


async def show_members(request: web.Request) -> web.StreamResponse:
    """Who is in the group, page by page, by name."""
    access = await group_access.of(request)
    return await _page(request, access, _asked(request, access))


def _asked(request: web.Request, access: Access) -> Asked:
    role = request.query.get("role", "")
    known = (*IN_A_GROUP, "banned") if access.moderates else IN_A_GROUP
    number = request.query.get("page", "")
    return Asked(
        request.query.get("q", "").strip()[:WORDS],
        role if role in known else "",
        int(number) if NUMBER.fullmatch(number) else 1,
    )


async def _page(request: web.Request, access: Access, asked: Asked) -> web.Response:
    page = await request.app[NODE].storage.read(
        stored.page, access.card.id, roles=[asked.role] if asked.role else IN_A_GROUP, words=asked.words,
        number=asked.number,
    )  # fmt: skip
    secret = access.card.privacy == "secret"
    first = not (asked.words or asked.role or asked.number > 1)
    head = Head(
        title=_("Members of %(group)s", group=access.card.title),
        path=f"{access.path}/members" if first and not secret else "",
        language=access.card.language,
        hue=access.card.hue,
        indexed=False,  # names in a row are for people, not for search engines
    )
    return look.page(request, "members.html", head, access=access, page=page, asked=asked)


# ------------------------------------------------------------------ one of them


async def show_member(request: web.Request) -> web.StreamResponse:
    """What a moderator may do about one member."""
    access = await group_access.for_moderators(request)
    entry = await request.app[NODE].storage.read(_entry, access, request.query.get("who", "")[:URI])
    return _form(request, access, entry)


def _entry(work: Work, access: Access, uri: str) -> Entry:
    actor = _actor(work, uri)
    part = groups.membership(work, access.card.id, actor.id)
    if part is None:
        raise NotFound(_("There is nobody of that name in this group."))
    return Entry(as_person(actor), part.role, part.title, part.joined_at)


def _actor(work: Work, uri: str) -> Actor:
    actor = people.by_uri(work, uri) if uri else None
    if actor is None or actor.state != "active":
        raise NotFound(_("There is nobody of that name in this group."))
    return actor


def _form(
    request: web.Request,
    access: Access,
    entry: Entry,
    given: Form | None = None,
    problems: dict[str, str] | None = None,
) -> web.Response:
    head = Head(title=entry.person.name, indexed=False, hue=access.card.hue)
    values = {"role": entry.role, "title": entry.title or "", "reason": ""}
    if given is not None:
        values = {name: given.text(name) or (held if name == "role" else "") for name, held in values.items()}
    response = look.page(
        request, "member.html", head, status=422 if problems else 200, access=access, member=entry, given=values,
        errors=problems or {},
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


async def change_member(request: web.Request) -> web.StreamResponse:
    """Gives a member a part or a title, removes or bans them, or lets them come back."""
    form = await forms.read(request)
    access = await group_access.for_moderators(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    uri = form.text("who")[:URI]
    try:
        await node.storage.write(_change, access, reader, uri, form.text("act"), form)
    except Refusal as refusal:
        problems = group_access.problems(refusal)
        return _form(request, access, await node.storage.read(_entry, access, uri), form, problems)
    return forms.see(f"{access.path}/members")


def _change(work: Work, access: Access, reader: Reader, uri: str, act: str, form: Form) -> None:
    group, moderator = group_access.rows(work, access, reader)
    actor, reason = _actor(work, uri), form.text("reason")
    if act == "remove":
        members.remove_member(work, moderator, group, actor, reason)
    elif act == "ban":
        members.set_role(work, moderator, group, actor, "banned", reason)
    elif act == "unban":
        members.unban(work, moderator, group, actor, reason)
    else:
        if _entry(work, access, uri).role == "banned":
            raise NotFound(_("There is nobody of that name in this group."))
        role = form.text("role")
        if role and role != "banned":
            members.set_role(work, moderator, group, actor, role, reason)
        members.set_title(work, moderator, group, actor, form.text("title"))
