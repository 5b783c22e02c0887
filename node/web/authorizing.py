"""The way in for our own people who come from other servers: to follow, answer or like what they found there.

A GET shows what it is, and does nothing. Nothing is asked for before somebody is signed in (WEB-15).
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from node.forum import rules
from node.forum.errors import NotAllowed, Refusal
from node.forum.remarks import Elsewhere
from node.languages import gettext as _
from node.node import NODE
from node.web import errors, finding, following, forms, look, remote_people, session
from node.web.look import Head
from storage import followed_posts, follows, groups, people
from storage.groups import GroupCard
from storage.people import Person
from storage.sessions import Known as Reader
from storage.work import Work

LONGEST = 8000  # characters that an address carries on to the page of a new thread


@dataclass(frozen=True, slots=True)
class Seen:
    """A post of another server as somebody of ours stands to it."""

    author: Person
    state: str | None  # of their follow of its author
    liked: bool


async def authorize(request: web.Request) -> web.StreamResponse:
    """`/authorize_interaction?uri=` as Mastodon has it, and `/intents/…?object=` of FEP-3b86."""
    reader = session.must_be_signed_in(request)
    given = next((value for name in ("uri", "object", "acct") if (value := request.query.get(name, ""))), "")
    address = finding.address_in(given)
    if address is None:
        error = _("That is neither a handle, such as @ana@coop.example, nor the address of a page.") if given else ""
        return _form(request, given, error)
    try:
        found = await finding.look_up(request, reader, address)
    except finding.TooOften as often:
        return following.too_often(request, often)
    except Refusal as refusal:
        return _form(request, given, errors.said(refusal), status=404)
    if isinstance(found, finding.Here):
        return forms.see(found.path)
    if isinstance(found, Elsewhere):
        return await _show_post(request, reader, found)
    page = await request.app[NODE].storage.read(remote_people.page_of_id, found, viewer=reader.id)
    if page is None:
        return _form(request, given, _("Nothing can be found there."), status=404)
    return _private(remote_people.show(request, page))


async def _show_post(request: web.Request, reader: Reader, found: Elsewhere) -> web.Response:
    seen = await request.app[NODE].storage.read(_seen, reader.id, found)
    if seen is None:
        return _form(request, found.uri, _("Nothing can be found there."), status=404)
    intent = "like" if request.match_info.get("intent") == "like" else ""
    head = Head(title=_("From another server"), indexed=False)
    return _private(look.page(request, "authorize.html", head, found=found, seen=seen, intent=intent))


def _seen(work: Work, reader_id: int, found: Elsewhere) -> Seen | None:
    author = people.by_uri(work, found.author)
    if author is None or not follows.is_heard(work, author.id):
        return None
    followed = people.follow_of(work, reader_id, author.id)
    liked = found.uri in followed_posts.liked(work, reader_id, [found.uri])
    return Seen(people.as_person(author), followed.state if followed is not None else None, liked)


def _form(request: web.Request, given: str, error: str, *, status: int = 0) -> web.Response:
    head = Head(title=_("Find something of another server"), indexed=False)
    status = status or (422 if error else 200)
    wrong = {"uri": error} if error else {}
    return _private(look.page(request, "authorize_form.html", head, status=status, given=given[:2000], errors=wrong))


def _private(response: web.Response) -> web.Response:
    response.headers["Cache-Control"] = "private, no-store"
    return response


# ------------------------------------------------------------------ to say something new


async def share(request: web.Request) -> web.StreamResponse:
    """`/share?text=`: in which group to start a thread about it; with `to`, an answer to what is there."""
    reader = session.must_be_signed_in(request)
    title, text, url, to = (_given(request, name) for name in ("title", "text", "url", "to"))
    words = "\n\n".join(part for part in (text, url if url not in text else "") if part)[:LONGEST]
    if to:
        return forms.see(f"/remarks/new?{urlencode({'to': to, 'text': words})}")
    cards = await request.app[NODE].storage.read(groups_to_start_in, reader.id)
    head = Head(title=_("Start a thread about it"), indexed=False)
    return _private(look.page(request, "share.html", head, groups=cards, thread_title=title[:200], words=words))


def groups_to_start_in(work: Work, reader_id: int) -> list[GroupCard]:
    """The groups in which someone may start a thread now."""
    reader = people.by_id(work, reader_id)
    found = []
    for card in groups.joined(work, reader_id):
        group = groups.by_id(work, card.id)
        try:
            if group is not None:
                rules.may_start(work, reader, group)
                found.append(card)
        except NotAllowed:
            continue
    return found


def _given(request: web.Request, name: str) -> str:
    value = request.query.get(name, "").replace("\r\n", "\n").strip()
    return "" if finding.UNFILLED.fullmatch(value) else value
