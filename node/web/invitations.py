"""Invitations: those who invite, and those who were invited."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from node.forum import invitations, joining, submissions
from node.forum.errors import NotAllowed, NotFound, Refusal
from node.languages import gettext as _
from node.languages import ngettext
from node.node import NODE
from node.web import addresses, entrance, forms, group_access, look, session
from node.web.forms import Form
from node.web.group_access import Access
from node.web.look import Head
from storage import invitations as stored
from storage import people
from storage.invitations import InvitationCard, OpenInvitation
from storage.schema import Actor, Group, Invitation
from storage.sessions import Known as Reader
from storage.work import Work

FIELDS = ("addresses", "words", "role", "handle")
SECRET = re.compile(r"[\w-]{20,100}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,18}")
HANDLE = 300  # characters
InviteAct = Callable[[Work, Access, Reader, Form], int]  # says how many invitations went out


@dataclass(frozen=True, slots=True)
class Inviting:
    """What the page of those who invite shows."""

    open: tuple[OpenInvitation, ...]
    join_token: str | None


# ------------------------------------------------------------------ those who invite


async def show_invite(request: web.Request) -> web.StreamResponse:
    """The forms to invite by mail and by handle, the join link, and what is open."""
    access = await _may_invite(request)
    return await _page(request, access)


async def _may_invite(request: web.Request) -> Access:
    session.must_be_signed_in(request)
    access = await group_access.of(request)
    if not access.may_invite:
        raise NotAllowed(_("Moderators of this group invite people into it; ask one of them."))
    return access


async def _page(
    request: web.Request, access: Access, form: Form | None = None, problems: dict[str, str] | None = None
) -> web.Response:
    reader = session.must_be_signed_in(request)
    inviting = await request.app[NODE].storage.read(_inviting, access, reader)
    sent = request.query.get("sent", "")
    count = int(sent) if re.fullmatch("[0-9]{1,3}", sent) else 0
    done = ngettext("%(num)s invitation is on its way.", "%(num)s invitations are on their way.", count)
    head = Head(title=_("Invite"), indexed=False, hue=access.card.hue)
    given = {name: form.text(name) if form is not None else "" for name in FIELDS}
    response = look.page(
        request, "group_invite.html", head, status=422 if problems else 200, access=access, inviting=inviting,
        given=given | {"role": given["role"] or "member"}, errors=problems or {}, done=done if count else "",
    )  # fmt: skip
    return addresses.unseen(response)


def _inviting(work: Work, access: Access, reader: Reader) -> Inviting:
    """Members see what they sent, moderators all."""
    sent = stored.of_group(work, access.card.id)
    own = tuple(it for it in sent if access.moderates or (it.inviter is not None and it.inviter.id == reader.id))
    return Inviting(own, work.get_one(Group, access.card.id).join_token if access.moderates else None)


async def invite(request: web.Request) -> web.StreamResponse:
    """Invites by mail or by handle, takes back, sends again, or sets the join link."""
    form = await forms.read(request)
    access = await _may_invite(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    act = form.text("act")
    try:
        if act == "handle":
            actor_id = await found(request, form.text("handle"))
            path = await node.storage.write(_once, access, reader, form, partial(_invite_actor, actor_id))
        else:
            path = await node.storage.write(_once, access, reader, form, ACTS.get(act, _invite_by_mail))
    except Refusal as refusal:
        if isinstance(refusal, NotFound) and act == "handle":
            return await _page(request, access, form, {"handle": refusal.words % refusal.values})
        return await _page(request, access, form, group_access.problems(refusal))
    return forms.see(path)


def _once(work: Work, access: Access, reader: Reader, form: Form, act: InviteAct) -> str:
    """Does it, however often the form is sent, and says where to go on: nobody is mailed twice by one button."""
    nonce = forms.nonce_in(form)
    led_to = submissions.once(work, reader.id, nonce)
    if led_to is None:
        count = act(work, access, reader, form)
        led_to = f"{access.path}/invite" + (f"?sent={count}" if count else "")
        submissions.keep(work, reader.id, nonce, led_to)
    return led_to


async def found(request: web.Request, handle: str) -> int:
    """The person of a handle, here or on another server."""
    if not handle.strip() or len(handle) > HANDLE:
        raise NotFound(_("Give a handle, such as @ana@coop.example."))
    return await request.app[NODE].network.find_actor(handle.strip())


def _invite_by_mail(work: Work, access: Access, reader: Reader, form: Form) -> int:
    group, inviter = group_access.rows(work, access, reader)
    to = invitations.addresses(form.text("addresses"))
    role = form.text("role") or "member"
    return len(invitations.invite_by_mail(work, inviter, group, to, words=form.text("words"), role=role))


def _invite_actor(actor_id: int, work: Work, access: Access, reader: Reader, form: Form) -> int:
    group, inviter = group_access.rows(work, access, reader)
    actor = people.by_id(work, actor_id)
    invitations.invite_actor(work, inviter, group, actor, words=form.text("words"), role=form.text("role") or "member")
    return 1


def _revoke(work: Work, access: Access, reader: Reader, form: Form) -> int:
    _, actor = group_access.rows(work, access, reader)
    invitations.revoke(work, actor, _invitation(work, access.card.id, form))
    return 0


def _resend(work: Work, access: Access, reader: Reader, form: Form) -> int:
    _, actor = group_access.rows(work, access, reader)
    invitations.resend(work, actor, _invitation(work, access.card.id, form))
    return 1


def _invitation(work: Work, group_id: int, form: Form) -> Invitation:
    number = form.text("invitation")
    invitation = stored.by_id(work, int(number)) if NUMBER.fullmatch(number) else None
    if invitation is None or invitation.group_id != group_id:
        raise NotFound(_("There is no such invitation."))
    return invitation


def _reset_link(work: Work, access: Access, reader: Reader, form: Form) -> int:
    group, moderator = group_access.rows(work, access, reader)
    joining.reset_join_link(work, moderator, group)
    return 0


def _switch_off_link(work: Work, access: Access, reader: Reader, form: Form) -> int:
    group, moderator = group_access.rows(work, access, reader)
    joining.switch_off_join_link(work, moderator, group)
    return 0


ACTS = {"revoke": _revoke, "resend": _resend, "reset_link": _reset_link, "switch_off_link": _switch_off_link}


# ------------------------------------------------------------------ those who were invited


async def show_invitation(request: web.Request) -> web.StreamResponse:
    """Who invites into what; whoever has the link sees this much, even of a secret group."""
    card = await request.app[NODE].storage.read(_card, request.match_info["secret"], session.reader_of(request))
    return _invitation_page(request, card)


def _invitation_page(
    request: web.Request, card: InvitationCard, problems: dict[str, str] | None = None
) -> web.Response:
    title = card.thread_title if card.thread_title is not None else card.group_title
    secret = request.match_info["secret"]
    response = entrance.form_page(
        request, "invitation.html", _("Invitation: %(title)s", title=title), problems, card=card, secret=secret,
        for_reader=_is_for(card, session.reader_of(request)), by_number=NUMBER.fullmatch(secret) is not None,
    )  # fmt: skip
    return addresses.unseen(response)


def _is_for(card: InvitationCard, reader: Reader | None) -> bool:
    """The reader may accept it: whoever has the link, unless it is for somebody known."""
    return reader is not None and (card.invited is None or card.invited.id == reader.id)


def _card(work: Work, secret: str, reader: Reader | None) -> InvitationCard:
    invitation = _by_secret(work, secret, reader)
    card = stored.card(work, invitation.id)
    if card is None:
        raise _void()
    return card


def _by_secret(work: Work, secret: str, reader: Reader | None) -> Invitation:
    """The invitation of a link, or the reader's own by its number."""
    if NUMBER.fullmatch(secret):
        known = invitations.addressed_to(work, int(secret), reader.id) if reader is not None else None
    else:
        known = invitations.by_secret(work, secret) if SECRET.fullmatch(secret) else None
    if known is None:
        raise _void()
    return known


def _void() -> NotFound:
    return NotFound(
        _("This invitation is not valid any more: it was used, taken back, or is too old. Ask for a new one.")
    )


async def answer(request: web.Request) -> web.StreamResponse:
    """Accepts, as whoever is signed in or as the one elsewhere whom it was sent to; or declines."""
    form = await forms.read(request)
    reader = session.reader_of(request)
    secret = request.match_info["secret"]
    node = request.app[NODE]
    card = await node.storage.read(_card, secret, reader)
    from_afar = form.text("act") == "accept_elsewhere" and card.invited is not None and not card.invited.local
    if not from_afar:
        reader = session.must_be_signed_in(request)
    try:
        path = await node.storage.write(_answer, secret, reader, form.text("act"), from_afar)
    except NotAllowed as refusal:
        return _invitation_page(request, card, group_access.problems(refusal))
    if from_afar:
        return addresses.unseen(_welcome_from_afar(request, card))
    return addresses.unseen(forms.see(path))


def _answer(work: Work, secret: str, reader: Reader | None, act: str, from_afar: bool) -> str:
    invitation = _by_secret(work, secret, reader)
    card = stored.card(work, invitation.id)
    if from_afar and invitation.invited_id is not None:
        # The link was sent to that actor alone: whoever has it is them, or somebody whom they gave it.
        actor = people.by_id(work, invitation.invited_id)
    elif reader is not None:
        actor = work.get_one(Actor, reader.id)
    else:
        raise _void()
    if act == "decline":
        invitations.decline(work, actor, invitation)
        return "/"
    invitations.accept(work, actor, invitation)
    path = addresses.path_of(people.by_id(work, invitation.group_id).uri)
    if card is not None and card.thread_uid is not None:
        return addresses.thread_path(path, card.thread_uid, card.thread_slug or "")
    return path


def _welcome_from_afar(request: web.Request, card: InvitationCard) -> web.Response:
    group = people.path_name(card.group_uri)
    handle = f"{group}@{request.app[NODE].settings.authority}"
    if card.thread_title is not None:
        words = _("You are a guest of the thread now. Follow @%(handle)s, and answer from there.", handle=handle)
    else:
        words = _("You are in the group now. Follow @%(handle)s: its threads come to you.", handle=handle)
    link = addresses.interact_path(card.group_uri, "follow")
    return entrance.message_page(request, _("Welcome"), words, link=link, link_words=_("Follow from your server"))
