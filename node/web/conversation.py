"""The page of a thread, made for whoever reads it: which part of it, what is new to them, where they answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from node import languages
from node.forum import drafts, rights, text
from node.forum import threads as forum
from node.forum.rights import Rights
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, audiences, errors, fragments, look, memory, session, tree
from node.web.look import Head
from storage import audience, groups, pages, readings, threads
from storage import drafts as stored_drafts
from storage.audience import Audience
from storage.pages import ThreadPage
from storage.ranges import Ranges, of
from storage.schema import Thread
from storage.shown import Item
from storage.work import Work

NUMBER = re.compile(r"[0-9]{1,9}")  # more digits than an item's number can have are no number to a database
FETCHED = re.compile(r"[0-9]{1,3}|soon|slow")
DESCRIPTION = 300
VIEWS = ("tree", "flat", "new")
QUOTED = 2000  # characters of what is quoted by the link; whoever wants more marks it
# What everybody knows, and mail programs show; any other emoji can be typed.
EMOJI = ("👍", "❤️", "🎉", "🌱", "😄", "🤔", "🙏", "👎")

SHOWN: web.RequestKey[tuple[int, int, Ranges]] = web.RequestKey("shown", tuple)


@dataclass(frozen=True, slots=True)
class Gone:
    """Its author deleted it; `rest` is the page of what others answered."""

    rest: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a thread is asked for."""

    view: str = "tree"
    after: int | None = None
    before: int | None = None
    at: int | None = None
    first_unread: bool = False
    reply: int | None = None  # the item that is answered
    quote: bool = False


@dataclass(frozen=True, slots=True)
class Composer:
    """Where an answer is written: what it answers, what it says so far, and who will get it."""

    item: Item
    source: str
    audience: Audience
    kept_at: datetime | None = None  # when the draft was
    errors: Mapping[str, str] | None = None
    preview: str | None = None  # safe HTML
    nonce: str = ""


NOTHING = Rights()  # what a stranger may do


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a thread with what its reader may do there."""

    page: ThreadPage
    rights: Rights = NOTHING
    composer: Composer | None = None
    basis: memory.Basis | None = None  # for a stranger: what the page is made of
    moved_to: str = ""  # the address of the item asked for, which is in another thread now


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote, which is shown again."""

    source: str
    errors: Mapping[str, str] | None = None
    preview: bool = False
    nonce: str = ""


# ------------------------------------------------------------------ asking


def wanted_in(request: web.Request) -> Wanted:
    """What the query asks for; what makes no sense is passed over."""
    view = request.query.get("view", "")
    reply = number_in(request, "reply")
    after, before, at = (number_in(request, name) for name in ("after", "before", "at"))
    if reply and after is None and before is None and at is None:
        at = reply
    return Wanted(
        view if view in VIEWS else "tree",
        after,
        before,
        at,
        request.query.get("at") == "first-unread",
        reply,
        "quote" in request.query,
    )


def number_in(request: web.Request, name: str) -> int | None:
    """The number in a query's parameter; None for what is none."""
    value = request.query.get(name, "")
    return int(value) if NUMBER.fullmatch(value) else None


def find(
    work: Work,
    uid: str,
    *,
    viewer: int | None,
    view: str = "tree",
    after: int | None = None,
    before: int | None = None,
    at: int | None = None,
) -> ThreadPage | Gone | None:
    """That page of the thread; Gone for what was deleted in public, None for what is hidden or never was."""
    thread = threads.by_uid(work, uid)
    if thread is None:
        return None
    page = pages.thread_page(work, thread.id, viewer=viewer, view=view, after=after, before=before, at=at)
    if page is None:
        return Gone() if was_public(work, thread) else None
    if page.comments == 0 and not page.items:
        if page.opening.state == "deleted":
            return Gone()
        if page.opening.state == "removed":
            return None
    return page


def find_for(
    work: Work, uid: str, wanted: Wanted, viewer: int | None, written: Written | None = None
) -> Found | Gone | None:
    """`find`, with what the reader may do and what they are writing."""
    at = wanted.at
    if wanted.first_unread:
        at = _resume(work, uid, viewer)
    view = wanted.view if viewer is not None or wanted.view != "new" else "tree"
    page = find(work, uid, viewer=viewer, view=view, after=wanted.after, before=wanted.before, at=at)
    if not isinstance(page, ThreadPage):
        return page
    moved = _moved(work, page, at) if at and all(item.number != at for item in page.items) else ""
    if viewer is None:
        return Found(page, basis=memory.basis_of(work, page), moved_to=moved)
    if wanted.first_unread:
        page = replace(page, first_unread=at)
    may = rights.in_thread(work, viewer, page.id)
    composer = _composer(work, page, wanted, viewer, written) if may.reply else None
    return Found(page, may, composer, moved_to=moved)


def _resume(work: Work, uid: str, viewer: int | None) -> int | None:
    """Where the reader left off: what they have not read, or else the newest."""
    thread = threads.by_uid(work, uid)
    if thread is None or viewer is None:
        return None
    page = pages.thread_page(work, thread.id, viewer=viewer, only=0)
    if page is None or not page.seen_by_viewer:
        return None
    return readings.first_new(work, page.id, page.seen_by_viewer, page.newest, viewer) or page.newest


def _moved(work: Work, page: ThreadPage, number: int) -> str:
    item = threads.moved_item(work, page.id, number)
    if item is None:
        return ""
    return f"/{'comment' if item.number else 'post'}/{item.uid}"


def _composer(work: Work, page: ThreadPage, wanted: Wanted, viewer: int, written: Written | None) -> Composer | None:
    here = (page.opening, *page.items)
    answered = next((item for item in here if item.number == wanted.reply and item.state == "visible"), None)
    item = answered or page.opening
    if item.state != "visible":
        return None
    parent = threads.comment(work, item.id)
    if written is not None:
        words = forum.compose(work, written.source) if written.preview and written.source.strip() else None
        heard = audience.of_reply(
            work, parent, viewer, mentioned=audience.mentioned_ids(work, words.mentions) if words else ()
        )
        return Composer(item, written.source, heard, None, written.errors, words.html if words else None, written.nonce)
    place = f"reply:{item.uid}"
    kept = stored_drafts.of(work, viewer, place)
    source = drafts.words_in(work, viewer, place).get("source", "")
    if wanted.quote:
        source = f"{source}\n\n" if source.strip() else ""
        source += quoted(text.plain(item.html, QUOTED) if parent.source_type != "text/markdown" else parent.source)
    return Composer(item, source, audience.of_reply(work, parent, viewer), kept.updated_at if kept else None)


def quoted(words: str) -> str:
    """The words as a quotation in Markdown, with room below it to answer."""
    lines = words.strip()[:QUOTED].splitlines()
    return "".join(f"> {line}".rstrip() + "\n" for line in lines) + "\n"


def composer_for(work: Work, uid: str, viewer: int, *, quote: bool) -> tuple[ThreadPage, Rights, Composer] | None:
    """The composer below one item, and the thread that it is in; None where the reader may not answer it."""
    comment = threads.comment_by_uid(work, uid)
    if comment is None:
        return None
    page = pages.thread_page(work, comment.thread_id, viewer=viewer, only=comment.number)
    if page is None:
        return None
    may = rights.in_thread(work, viewer, page.id)
    composer = _composer(work, page, Wanted(reply=comment.number, quote=quote), viewer, None) if may.reply else None
    if composer is None or composer.item.id != comment.id:
        return None
    return page, may, composer


def item_for(work: Work, uid: str, viewer: int | None) -> Found | None:
    """One item with the thread that it is in, as its page shows it."""
    comment = threads.comment_by_uid(work, uid)
    if comment is None:
        return None
    page = pages.thread_page(work, comment.thread_id, viewer=viewer, view="flat", only=comment.number)
    if page is None:
        return None
    return Found(page, rights.in_thread(work, viewer, page.id) if viewer is not None else NOTHING)


def was_public(work: Work, thread: Thread) -> bool:
    """The thread was deleted, and everybody could read it before."""
    return thread.state == "deleted" and not thread.private and groups.card(work, thread.group_id, None) is not None


def path_of(page: ThreadPage) -> str:
    """The address of a thread's page."""
    return addresses.thread_path(addresses.path_of(page.group.uri), page.uid, page.slug)


def title_of(title: str, opening: str) -> str:
    """The thread's title, unless the state of its opening says that its words may not be shown."""
    return title if opening == "visible" else _("A thread whose opening is gone")


def since_day(at: datetime, now: datetime) -> str:
    """The day as people say it: its name for a week, then its date."""
    return languages.weekday(at) if now - at < timedelta(days=6) else languages.day(at)


# ------------------------------------------------------------------ showing


async def show(request: web.Request, uid: str) -> web.Response | None:
    """One page of a thread, its slug put right; None for what is not there."""
    node = request.app[NODE]
    wanted, viewer = wanted_in(request), session.viewer_of(request)
    found = await node.storage.read(find_for, uid, wanted, viewer)
    if found is None:
        return None
    if isinstance(found, Gone):
        return errors.error_page(request, 410, words=_("Its author deleted this thread."))
    path = path_of(found.page)
    if request.path != unquote(path):
        query = request.rel_url.raw_query_string
        raise web.HTTPMovedPermanently(f"{path}?{query}" if query else path)
    if found.moved_to:
        raise web.HTTPSeeOther(found.moved_to)
    if wanted.first_unread:
        number = found.page.first_unread
        raise web.HTTPSeeOther(path + (addresses.item_place(number) if number else ""))
    if viewer is not None and number_in(request, "marked") is None and not _is_ahead(request):
        _was_shown(request, found.page, viewer)
    if found.basis is not None:
        request[memory.BASIS] = found.basis
    return render(request, found, wanted)


def render(request: web.Request, found: Found, wanted: Wanted, *, status: int = 200) -> web.Response:
    """The page, finished."""
    page = found.page
    path = path_of(page)
    authority = request.app[NODE].settings.authority
    return look.page(
        request,
        "thread.html",
        _head(page, path, wanted.after if page.view == "tree" else None, authority),
        status=status,
        **values_of(request, found),
        branches=(tree.grow if page.view == "tree" else tree.by_time)(page.items),
        below=tree.below,
        fragment=fragments.shown_to(request, path, locked=page.locked),
        fetched=_fetched(request),
        marked=number_in(request, "marked"),
        came=number_in(request, "came"),
        composer=found.composer,
        levels=tree.LEVELS,
    )


def values_of(request: web.Request, found: Found) -> dict[str, Any]:
    """What the macros of an item need to know."""
    path = path_of(found.page)
    return {
        "page": found.page,
        "path": path,
        "here": request.path_qs if request.method == "GET" and request.path == unquote(path) else path,
        "rights": found.rights,
        "why_not": errors.said(found.rights.why_not) if found.rights.why_not is not None else "",
        "emoji": EMOJI,
        "said_audience": audiences.said,
        "since_day": since_day,
    }


def _was_shown(request: web.Request, page: ThreadPage, viewer: int) -> None:
    """Has written down, after the answer, what its reader was shown and had not seen before."""
    numbers = of([0, *(item.number for item in page.items)])
    if not page.seen_by_viewer or page.opening.new or any(item.new for item in page.items):
        request[SHOWN] = (viewer, page.id, numbers)


def _is_ahead(request: web.Request) -> bool:
    """A browser that fetches what its reader might look at next has not shown it."""
    return "prefetch" in request.headers.get("Sec-Purpose", "") or request.method != "GET"


def _head(page: ThreadPage, path: str, after: int | None, authority: str) -> Head:
    author = page.opening.author
    creator = None
    if author is not None:
        creator = f"{author.handle}@{authority}" if author.local else author.handle
    return Head(
        title=title_of(page.title, page.opening.state),
        path=f"{path}?after={after}" if after else path,
        description=text.plain(page.opening.html, DESCRIPTION),
        alternate=page.uri,
        kind="article",
        published=page.created_at,
        creator=creator,
        language=page.language,
        hue=page.group.hue,
        indexed=page.opening.state == "visible" and not page.private and page.group.privacy != "secret",
        hidden=page.private or page.group.privacy == "secret",
    )


def _fetched(request: web.Request) -> str | None:
    """What came when replies were fetched: how many, or a word for why nothing did."""
    value = request.query.get("fetched", "")
    return value if FETCHED.fullmatch(value) else None
