"""Small pages on which one thing is done to an item, a thread or a person: what it means, why, and a button."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from node.forum import rules, submissions
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, forms, look, session
from node.web.forms import Form
from node.web.look import Head
from storage import people, subjects
from storage.schema import Actor
from storage.subjects import Subject
from storage.work import Work

REQUIRED, OPTIONAL, NONE = "required", "optional", ""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a page says about the act that is done on it."""

    title: str
    means: tuple[str, ...]  # what it does, a paragraph each
    button: str
    reason: str = NONE
    danger: bool = False
    value: str = ""  # of the button, where it may do one of two things
    shows: bool = True  # what it is done to
    fields: dict[str, Any] = field(default_factory=dict)  # for the deed's own fields in the template


Offer = Callable[[Work, Actor, Subject], Deed]
Do = Callable[[Work, Actor, Subject, Form], str]


@dataclass(frozen=True, slots=True)
class Act:
    """An act with a page of its own: what it offers to whom, and how it is done, answering where to go on."""

    offer: Offer
    do: Do
    of_thread: bool = False


def path_of(subject: Subject) -> str:
    """The page of the thread."""
    return addresses.thread_path(addresses.group_path(subject.group), subject.thread_uid, subject.slug)


def place_of(subject: Subject) -> str:
    """The place of the item on that page."""
    return path_of(subject) + addresses.item_place(subject.number)


def path_now(work: Work, subject: Subject, viewer: int) -> str:
    """Where the subject is after it was changed; its group, if it is nowhere any more."""
    found = subjects.of_item(work, subject.uid, viewer)
    if found is None or (found.number == 0 and found.state != "visible" and not found.comments):
        return addresses.group_path(subject.group)
    return place_of(found)


def moderates(work: Work, actor: Actor, subject: Subject) -> bool:
    """The actor is a moderator where the subject is."""
    try:
        rules.may_moderate(work, actor, subject.group_id)
    except NotAllowed:
        return False
    return True


def is_author(actor: Actor, subject: Subject) -> bool:
    """The actor wrote it."""
    return subject.author is not None and subject.author.id == actor.id


# ------------------------------------------------------------------ the two requests


def show(act: Act) -> Callable[[web.Request], Any]:
    """The page that asks whether to do it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        reader = session.must_be_signed_in(request)
        found = await request.app[NODE].storage.read(_offer, act, request.match_info["uid"], reader.id)
        return page(request, *found)

    return handle


def do(act: Act) -> Callable[[web.Request], Any]:
    """Does it, or says at its field what is missing."""

    async def handle(request: web.Request) -> web.StreamResponse:
        reader = session.must_be_signed_in(request)
        form = await forms.read(request)
        uid = request.match_info["uid"]
        storage = request.app[NODE].storage
        try:
            return forms.see(await storage.write(_do, act, uid, reader.id, form))
        except (Invalid, NotAllowed, TextRefused) as refusal:
            subject, deed = await storage.read(_offer, act, uid, reader.id)
            return page(request, subject, deed, form=form, errors=told(refusal), status=422)

    return handle


def told(refusal: Refusal | TextRefused) -> dict[str, str]:
    """What was refused, at its field if it is about one."""
    if isinstance(refusal, TextRefused):
        return {"source": str(refusal)}
    name = refusal.field if isinstance(refusal, Invalid) and refusal.field is not None else "form"
    return {name: errors.said(refusal)}


def page(
    request: web.Request,
    subject: Subject,
    deed: Deed,
    *,
    form: Form | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    """The page of a deed, with what was written in it if it is given back."""
    head = Head(title=deed.title, indexed=False, hue=subject.hue)
    return look.page(
        request, "deed.html", head, status=status, deed=deed, subject=subject, path=path_of(subject),
        back=place_of(subject), form=form, errors=errors or {},
    )  # fmt: skip


def _offer(work: Work, act: Act, uid: str, reader_id: int) -> tuple[Subject, Deed]:
    actor, subject = _found(work, act, uid, reader_id)
    deed = act.offer(work, actor, subject)
    if subject.state != "visible" and not moderates(work, actor, subject):
        subject = replace(subject, html="", source="")
    return subject, deed


def _do(work: Work, act: Act, uid: str, reader_id: int, form: Form) -> str:
    nonce = forms.nonce_in(form)
    led_to = submissions.once(work, reader_id, nonce)
    if led_to is not None:
        return led_to
    actor, subject = _found(work, act, uid, reader_id)
    deed = act.offer(work, actor, subject)
    if deed.reason == REQUIRED and not form.text("reason").strip():
        raise Invalid("Say why: it stands in the log, and whom it concerns may read it.", field="reason")
    led_to = act.do(work, actor, subject, form)
    submissions.keep(work, reader_id, nonce, led_to)
    return led_to


def _found(work: Work, act: Act, uid: str, reader_id: int) -> tuple[Actor, Subject]:
    find = subjects.of_thread if act.of_thread else subjects.of_item
    subject = find(work, uid, reader_id) if addresses.UID.fullmatch(uid) else None
    if subject is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    return people.by_id(work, reader_id), subject
