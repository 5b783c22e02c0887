"""The guests of a thread: who was let into it alone, who was asked, and the form to ask somebody."""

import re
from dataclasses import dataclass

from aiohttp import web

from node.forum import invitations, rules, submissions
from node.forum.errors import Invalid, NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, entrance, errors, forms, group_access, look, session
from node.web.forms import Form
from node.web.invitations import found
from node.web.look import Head
from storage import invitations as stored
from storage import members, people, threads
from storage.invitations import OpenInvitation
from storage.members import Entry
from storage.schema import Actor, Group, Thread
from storage.work import Work

FIELDS = ("who", "words")
NUMBER = re.compile(r"[0-9]{1,18}")
URI = 2000


@dataclass(frozen=True, slots=True)
class GuestsPage:
    """A thread with its guests, finished."""

    title: str
    path: str
    private: bool  # nobody from elsewhere can be asked into it
    guests: tuple[Entry, ...]
    open: tuple[OpenInvitation, ...]
    hue: int


async def show_guests(request: web.Request) -> web.StreamResponse:
    """Who is a guest of the thread, for those who may ask somebody in."""
    reader = session.must_be_signed_in(request)
    page = await request.app[NODE].storage.read(_guests, request.match_info["uid"], reader.id)
    return _page(request, page)


def _page(
    request: web.Request, page: GuestsPage, form: Form | None = None, problems: dict[str, str] | None = None
) -> web.Response:
    head = Head(title=_("Guests"), indexed=False, hue=page.hue)
    given = {name: form.text(name) if form is not None else "" for name in FIELDS}
    response = look.page(
        request, "thread_guests.html", head, status=422 if problems else 200, page=page, given=given,
        errors=problems or {}, uid=request.match_info["uid"],
    )  # fmt: skip
    return entrance.private(response)


def _guests(work: Work, uid: str, reader_id: int) -> GuestsPage:
    thread = _thread(work, uid, reader_id)
    group = work.get_one(Group, thread.group_id)
    rules.may_invite_guests(
        work, work.get_one(Actor, reader_id), thread, group, threads.opening(work, thread.id).author_id
    )
    path = addresses.thread_path(addresses.path_of(people.by_id(work, thread.group_id).uri), thread.uid, thread.slug)
    return GuestsPage(
        thread.title,
        path,
        thread.private or group.privacy == "secret",
        tuple(members.guests(work, thread.id)),
        tuple(stored.of_group(work, group.actor_id, thread_id=thread.id)),
        group.hue,
    )


def _thread(work: Work, uid: str, reader_id: int) -> Thread:
    thread = threads.by_uid(work, uid) if addresses.UID.fullmatch(uid) else None
    if thread is None or not threads.thread_is_visible(work, thread.id, reader_id):
        raise NotFound(_("There is no such thread here, or it is not public."))
    return thread


async def change_guests(request: web.Request) -> web.StreamResponse:
    """Asks somebody into the thread, or takes that back; removes a guest, or lets one go by themselves."""
    form = await forms.read(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    uid = request.match_info["uid"]
    if form.text("act") == "invite":
        return await _invite(request, uid, form)
    try:
        return forms.see(await node.storage.write(_change, uid, reader.id, form))
    except Invalid as refusal:
        page = await node.storage.read(_guests, uid, reader.id)
        return _page(request, page, form, group_access.problems(refusal))


async def _invite(request: web.Request, uid: str, form: Form) -> web.Response:
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    page = await node.storage.read(_guests, uid, reader.id)  # before the network is asked for anybody's sake
    try:
        actor_id = await _by_handle(request, form.text("who"))
        await node.storage.write(_ask, uid, reader.id, form, actor_id)
    except Refusal as refusal:
        problems = {
            "words" if isinstance(refusal, Invalid) and refusal.field == "words" else "who": errors.said(refusal)
        }
        return _page(request, page, form, problems)
    return forms.see(f"/threads/{uid}/guests")


async def _by_handle(request: web.Request, who: str) -> int | None:
    """The person of a handle; None for what is an e-mail address."""
    who = who.strip()
    if "@" in who and not who.startswith("@"):
        return None
    return await found(request, who)


def _ask(work: Work, uid: str, reader_id: int, form: Form, actor_id: int | None) -> None:
    thread, reader = _thread(work, uid, reader_id), work.get_one(Actor, reader_id)
    nonce, words = forms.nonce_in(form), form.text("words")
    if submissions.once(work, reader_id, nonce) is not None:
        return  # nobody is asked twice by one button
    if actor_id is not None:
        invitations.invite_guest(work, reader, thread, actor=people.by_id(work, actor_id), words=words)
    else:
        for email in invitations.addresses(form.text("who")):
            invitations.invite_guest(work, reader, thread, email=email, words=words)
    submissions.keep(work, reader_id, nonce, f"/threads/{uid}/guests")


def _change(work: Work, uid: str, reader_id: int, form: Form) -> str:
    thread, reader = _thread(work, uid, reader_id), work.get_one(Actor, reader_id)
    here = f"/threads/{uid}/guests"
    if form.text("act") == "revoke":
        number = form.text("invitation")
        invitation = stored.by_id(work, int(number)) if NUMBER.fullmatch(number) else None
        if invitation is None or invitation.thread_id != thread.id:
            raise NotFound(_("There is no such invitation."))
        invitations.revoke(work, reader, invitation)
        return here
    guest = reader if form.text("act") == "leave" else people.by_uri(work, form.text("guest")[:URI])
    if guest is None:
        raise NotFound(_("They are no guest of this thread."))
    invitations.remove_guest(work, reader, thread, guest, form.text("reason"))
    return "/" if guest.id == reader_id else here
