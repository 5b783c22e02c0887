"""Answer, follow or like from one's own server: a page that asks where that is, and says where it leads."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from node.forum.errors import NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE, Node
from node.web import addresses, errors, forms, look
from node.web.look import Head
from node.web.threads import path_of as page_path_of
from node.web.threads import title_of
from storage import groups, pages, people, threads
from storage.work import Work

INTENTS = ("reply", "follow", "like", "vote")
HANDLE = re.compile(r"@?([\w.-]{1,100})@((?:[\w-]{1,63}\.)*[\w-]{1,63}(?::[0-9]{1,5})?)")
PROFILE = re.compile(r"https?://([^/\s@]{1,255})/(?:@|users/|u/)([\w.-]{1,100})/?")
REMEMBERED = 365 * 86400  # seconds
MAX_URI = 2048


@dataclass(frozen=True, slots=True)
class Subject:
    """What a visitor wants to answer, follow or like; always something of ours."""

    uri: str
    path: str  # back to it
    kind: str  # item, group, person
    title: str
    author: str | None = None
    number: int = 0
    hue: int | None = None


async def show_form(request: web.Request) -> web.Response:
    """Asks for the visitor's handle; what it was last time stands there already."""
    subject, intent = await _asked(request, request.query.get("object", ""), request.query.get("intent", ""))
    return _form(request, subject, intent, handle=_remembered(request))


async def lead_home(request: web.Request) -> web.Response:
    """Shows the address on the visitor's own server, before they leave; goes there at once when asked to."""
    forms.refuse_strangers(request)
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    try:
        form = await request.post()
    except (ValueError, LookupError):
        raise web.HTTPBadRequest from None
    words = {name: str(form.get(name, "")) for name in ("object", "intent", "handle", "remember", "go")}
    subject, intent = await _asked(request, words["object"], words["intent"])
    handle = read_handle(words["handle"])
    if handle is None:
        return _form(
            request,
            subject,
            intent,
            handle=words["handle"],
            error=_("That is not a whole handle. It has your name and your server: @ana@coop.example"),
        )
    node = request.app[NODE]
    try:
        url = await node.network.interaction_url(handle, subject.uri, intent)
    except Refusal as refusal:
        return _form(request, subject, intent, handle=words["handle"], error=errors.said(refusal))
    if not _may_lead_to(node, url):
        error = _("That server gave an address that does not look right; nothing leads there.")
        return _form(request, subject, intent, handle=words["handle"], error=error)
    if words["go"]:
        response = web.Response(status=303, headers={"Location": url})
    else:
        response = look.page(
            request, "leave.html", _head(subject, _("Go on at home")), subject=subject, intent=intent, url=url,
            host=urlsplit(url).netloc, handle=handle,
        )  # fmt: skip
    _remember(request, response, handle if words["remember"] else None)
    return _for_one_reader(response)


def read_handle(words: str) -> str | None:
    """The `name@host` in what someone typed or pasted, be it a handle or the address of their profile."""
    words = words.strip()[:400].removeprefix("acct:")
    if profile := PROFILE.fullmatch(words):
        words = f"{profile[2]}@{profile[1]}"
    match = HANDLE.fullmatch(words)
    return f"{match[1]}@{match[2].lower()}" if match else None


def find(work: Work, uri: str, viewer: int | None) -> Subject | None:
    """The item, group or person of that URI, if it is one of ours and the viewer can see it."""
    comment = threads.comment_by_uri(work, uri)
    if comment is not None:
        item = pages.item(work, comment.id, viewer)
        page = pages.thread_page(work, comment.thread_id, viewer=viewer)
        if item is None or page is None or item.state != "visible":
            return None
        path = page_path_of(page) + addresses.item_place(item.number)
        author = item.author.name if item.author else None
        return Subject(uri, path, "item", title_of(page.title, page.opening.state), author, item.number, page.group.hue)
    actor = people.by_uri(work, uri)
    if actor is None or not actor.local or actor.state != "active":
        return None
    if actor.kind == "group":
        card = groups.card(work, actor.id, viewer)
        return Subject(uri, addresses.path_of(uri), "group", card.title, hue=card.hue) if card else None
    return Subject(uri, addresses.path_of(uri), "person", people.as_person(actor).name)


async def _asked(request: web.Request, uri: str, intent: str) -> tuple[Subject, str]:
    subject = None
    if uri and len(uri) <= MAX_URI and "\0" not in uri and uri.isprintable():
        subject = await request.app[NODE].storage.read(find, uri, None)
    if subject is None:
        raise NotFound(_("There is no such thing here to answer or follow, or it is not public."))
    if intent not in INTENTS:
        intent = "reply"
    if subject.kind != "item":
        intent = "follow"
    elif intent == "follow":
        intent = "reply"  # an item cannot be followed
    return subject, intent


def _form(
    request: web.Request, subject: Subject, intent: str, *, handle: str = "", error: str | None = None
) -> web.Response:
    response = look.page(
        request, "interact.html", _head(subject, _("From your own server")), subject=subject, intent=intent,
        handle=handle, error=error, here=_place_here(subject, intent), status=422 if error else 200,
    )  # fmt: skip
    return _for_one_reader(response)


def _place_here(subject: Subject, intent: str) -> str:
    """Where whoever has an account on this node goes on instead."""
    if subject.kind != "item" or intent != "reply":
        return subject.path
    return addresses.reply_path(subject.path.partition("?")[0].partition("#")[0], subject.number)


def _head(subject: Subject, title: str) -> Head:
    return Head(title=title, hue=subject.hue, indexed=False)


def _for_one_reader(response: web.Response) -> web.Response:
    """It holds what one visitor typed (HTT-06)."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Vary"] = "Accept, Cookie"
    response.headers.pop("ETag", None)
    return response


def _may_lead_to(node: Node, url: str) -> bool:
    """A template of somebody's server leads to https only (WEB-16)."""
    if addresses.web_address(url) is None:
        return False
    return url.startswith("https://") or node.settings.development


# ------------------------------------------------------------------ remembering the visitor's server


def _cookie_name(node: Node) -> str:
    """Without https there is no Secure, and without Secure no `__Host-`."""
    return "home" if node.settings.development else "__Host-home"


def _remembered(request: web.Request) -> str:
    return read_handle(request.cookies.get(_cookie_name(request.app[NODE]), "")) or ""


def _remember(request: web.Request, response: web.Response, handle: str | None) -> None:
    node = request.app[NODE]
    name = _cookie_name(node)
    secure = not node.settings.development
    if handle is None:
        if name in request.cookies:
            response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")
        return
    response.set_cookie(name, handle, max_age=REMEMBERED, path="/", secure=secure, httponly=True, samesite="Lax")
