"""Threads as people read them: the page, and where the address of an item leads."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import web

from node.forum import text
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, look, tree
from node.web.look import Head
from storage import groups, pages, people, remarks, threads
from storage.pages import ThreadPage
from storage.schema import Thread
from storage.work import Work

PLACE = re.compile(r"([a-z0-9]{1,32})(?:-.*)?", re.DOTALL)  # what follows the uid is decoration
NUMBER = re.compile(r"[0-9]{1,9}")  # more digits than an item's number can have are no number to a database
FETCHED = re.compile(r"[0-9]{1,3}|soon|slow")
DESCRIPTION = 300


@dataclass(frozen=True, slots=True)
class Gone:
    """Its author deleted it; `rest` is the page of what others answered."""

    rest: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item is shown."""

    page: str
    number: int
    on_first_page: bool

    @property
    def address(self) -> str:
        return self.page + addresses.item_place(self.number, on_first_page=self.on_first_page)

    @property
    def lasting_address(self) -> str:
        """One that still leads there when the thread has grown."""
        return self.page + addresses.item_place(self.number)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The page on another server that an item of ours answers."""

    address: str


# ------------------------------------------------------------------ the page


async def show_thread(request: web.Request, uid: str) -> web.Response | None:
    """One page of a thread, as a tree or by time, its slug put right; None for what is not there."""
    node = request.app[NODE]
    view = "flat" if request.query.get("view") == "flat" else "tree"
    after, before, at = (number_in(request, name) for name in ("after", "before", "at"))
    page = await node.storage.read(find, uid, viewer=None, view=view, after=after, before=before, at=at)
    if page is None:
        return None
    if isinstance(page, Gone):
        return errors.error_page(request, 410, words=_("Its author deleted this thread."))
    path = path_of(page)
    if request.path != unquote(path):
        query = request.rel_url.raw_query_string
        raise web.HTTPMovedPermanently(f"{path}?{query}" if query else path)
    return look.page(
        request,
        "thread.html",
        _head(page, path, after if view == "tree" else None, node.settings.authority),
        page=page,
        path=path,
        branches=(tree.by_time if view == "flat" else tree.grow)(page.items),
        below=tree.below,
        fetched=_fetched(request),
        levels=tree.LEVELS,
    )


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


def was_public(work: Work, thread: Thread) -> bool:
    """The thread was deleted, and everybody could read it before."""
    return thread.state == "deleted" and not thread.private and groups.card(work, thread.group_id, None) is not None


def path_of(page: ThreadPage) -> str:
    """The address of a thread's page."""
    return addresses.thread_path(addresses.path_of(page.group.uri), page.uid, page.slug)


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
        indexed=page.opening.state == "visible" and not page.private,
    )


def title_of(title: str, opening: str) -> str:
    """The thread's title, unless the state of its opening says that its words may not be shown."""
    return title if opening == "visible" else _("A thread whose opening is gone")


def _fetched(request: web.Request) -> str | None:
    """What came when replies were fetched: how many, or a word for why nothing did."""
    value = request.query.get("fetched", "")
    return value if FETCHED.fullmatch(value) else None


def number_in(request: web.Request, name: str) -> int | None:
    """The number in a query's parameter; None for what is none."""
    value = request.query.get(name, "")
    return int(value) if NUMBER.fullmatch(value) else None


# ------------------------------------------------------------------ the address of an item


async def show_post(request: web.Request) -> web.StreamResponse:
    """The id of an opening, asked for as a page, leads to its thread."""
    return await _lead_to(request, opening=True)


async def show_comment(request: web.Request) -> web.StreamResponse:
    """The id of a comment, asked for as a page, leads to its place in the thread."""
    return await _lead_to(request, opening=False)


async def _lead_to(request: web.Request, *, opening: bool) -> web.StreamResponse:
    uid = request.match_info["uid"]
    found = None
    if addresses.UID.fullmatch(uid):
        found = await request.app[NODE].storage.read(place_of_uid, uid, viewer=None, opening=opening)
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    if isinstance(found, Gone):
        words = found.words or _("Its author deleted this thread.")
        return errors.error_page(request, 410, words=words, link=found.rest, link_words=_("What others answered"))
    raise web.HTTPSeeOther(found.address)


def place_of_uid(work: Work, uid: str, *, viewer: int | None, opening: bool) -> Place | Elsewhere | Gone | None:
    """Where the item of that uid is shown; for what was said in a thread of another server, that server's page."""
    comment = threads.comment_by_uid(work, uid)
    if comment is None and not opening:
        return _place_of_remark(work, uid)
    if comment is None or (comment.number == 0) != opening:
        return None
    return place_of(work, comment.thread_id, comment.number, viewer=viewer)


def _place_of_remark(work: Work, uid: str) -> Elsewhere | Gone | None:
    remark = remarks.by_uid(work, uid)
    if remark is None or people.by_id(work, remark.author_id).state == "suspended":
        return None
    if remark.state == "deleted":
        return Gone(words=_("Its author deleted this."))
    page = addresses.web_address(remark.answered_page)
    return Elsewhere(page) if page is not None else None


def place_of(work: Work, thread_id: int, number: int, *, viewer: int | None) -> Place | Gone | None:
    """Where item #number of the thread is shown."""
    page = pages.thread_page(work, thread_id, viewer=viewer)
    if page is None:
        return Gone() if was_public(work, threads.by_id(work, thread_id)) else None
    if number == 0 and page.opening.state == "deleted":
        return Gone(path_of(page) if page.items else "")
    on_first_page = number == 0 or any(item.number == number for item in page.items)
    return Place(path_of(page), number, on_first_page)
