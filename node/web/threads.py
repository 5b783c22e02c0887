"""Threads by their addresses: the page, and where the address of an item leads."""

import re
from dataclasses import dataclass

from aiohttp import web

from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, conversation, errors, session
from node.web.conversation import DESCRIPTION as DESCRIPTION
from node.web.conversation import NUMBER as NUMBER
from node.web.conversation import Gone as Gone
from node.web.conversation import find as find
from node.web.conversation import number_in as number_in
from node.web.conversation import path_of as path_of
from node.web.conversation import title_of as title_of
from node.web.conversation import was_public
from storage import pages, people, remarks, threads
from storage.work import Work

PLACE = re.compile(r"([a-z0-9]{1,32})(?:-.*)?", re.DOTALL)  # what follows the uid is decoration


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


# ------------------------------------------------------------------ the page


async def show_thread(request: web.Request, uid: str) -> web.Response | None:
    """One page of a thread, as a tree, by time or what is new; None for what is not there."""
    return await conversation.show(request, uid)


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
        found = await request.app[NODE].storage.read(
            place_of_uid, uid, viewer=session.viewer_of(request), opening=opening
        )
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    if isinstance(found, Gone):
        words = found.words or _("Its author deleted this thread.")
        return errors.error_page(request, 410, words=words, link=found.rest, link_words=_("What others answered"))
    raise web.HTTPSeeOther(found.address)


def place_of_uid(work: Work, uid: str, *, viewer: int | None, opening: bool) -> Place | Gone | None:
    """Where the item of that uid is shown."""
    comment = threads.comment_by_uid(work, uid)
    if comment is None and not opening:
        return _place_of_remark(work, uid)
    if comment is None or (comment.number == 0) != opening:
        return None
    return place_of(work, comment.thread_id, comment.number, viewer=viewer)


def _place_of_remark(work: Work, uid: str) -> Gone | None:
    """What stands of a remark that is not shown: that its author deleted it."""
    remark = remarks.by_uid(work, uid)
    if remark is None or remark.state != "deleted" or people.by_id(work, remark.author_id).state == "suspended":
        return None
    return Gone(words=_("Its author deleted this."))


def place_of(work: Work, thread_id: int, number: int, *, viewer: int | None) -> Place | Gone | None:
    """Where item #number of the thread is shown."""
    page = pages.thread_page(work, thread_id, viewer=viewer)
    if page is None:
        return Gone() if was_public(work, threads.by_id(work, thread_id)) else None
    if number == 0 and page.opening.state == "deleted":
        return Gone(path_of(page) if page.items else "")
    on_first_page = number == 0 or any(item.number == number for item in page.items)
    return Place(path_of(page), number, on_first_page)
