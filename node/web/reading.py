"""What one has read: the marks, who has seen a thread, and the inbox of what is unread."""

import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from node.forum import reading
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, conversation, forms, look, session
from node.web.look import Head
from storage import invitations, members, people, ranges, readings
from storage.pages import ThreadPage
from storage.work import StorageUnavailable, Work

log = logging.getLogger(__name__)

LISTED = 50  # unread threads on one page
SHOWN_AT_ONCE = 200  # numbers that a script reports as seen


@web.middleware
async def keep_marks(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Writes down what a reader was shown, after they have it: outermost, so that nobody waits for it."""
    response = await handler(request)
    shown = request.get(conversation.SHOWN)
    if shown is None:
        return response
    await response.prepare(request)
    await response.write_eof()
    reader_id, thread_id, numbers = shown
    try:
        await request.app[NODE].storage.write(reading.mark_read, reader_id, thread_id, numbers)
    except StorageUnavailable as error:  # they have their page; it will be new to them once more
        log.warning("what was read could not be written down: %s", error)
    return response


# ------------------------------------------------------------------ marks


async def mark(request: web.Request) -> web.StreamResponse:
    """Takes marks back from an item on, or marks all as read, or what a script has shown."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    path, thread_id = await _thread(request)
    write = request.app[NODE].storage.write
    number = form.text("unread_from")
    if conversation.NUMBER.fullmatch(number):
        await write(_do, reading.mark_unread_from, reader.id, thread_id, int(number))
        # That page is not taken for read: what it shows would lose its mark at once.
        return _back(request, f"{path}?at={number}&marked={number}#c-{number}" if int(number) else f"{path}?marked=0")
    if form.text("do") == "all":
        await write(_do, reading.mark_all_read, reader.id, thread_id)
        return _back(request, forms.path_within(form.text("back"), path))
    seen = [int(words) for words in form.all("seen")[:SHOWN_AT_ONCE] if conversation.NUMBER.fullmatch(words)]
    if seen:
        await write(reading.mark_read, reader.id, thread_id, ranges.of(seen))
    return _back(request, path)


async def dismiss(request: web.Request) -> web.StreamResponse:
    """Keeps a thread out of the inbox until something newer comes, or takes that back."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    _path, thread_id = await _thread(request)
    recalled = form.text("do") == "recall"
    await request.app[NODE].storage.write(_do, reading.recall if recalled else reading.dismiss, reader.id, thread_id)
    return _back(request, "/unread" if recalled else f"/unread?dismissed={request.match_info['uid']}")


def _do(work: Work, verb: Callable[..., Any], reader_id: int, *arguments: Any) -> None:
    verb(work, people.by_id(work, reader_id), *arguments)


async def _thread(request: web.Request) -> tuple[str, int]:
    """The path and the id of the thread of the address, which must be there for its reader."""
    found = await request.app[NODE].storage.read(find, request.match_info["uid"], session.viewer_of(request))
    if found is None:
        raise NotFound(_("There is no such thread here, or it is not public."))
    return conversation.path_of(found), found.id


def find(work: Work, uid: str, viewer: int | None) -> ThreadPage | None:
    """The thread without its items; None for whom it is not there."""
    if not addresses.UID.fullmatch(uid):
        return None
    page = conversation.find(work, uid, viewer=viewer, view="flat")
    return page if isinstance(page, ThreadPage) else None


def _back(request: web.Request, path: str) -> web.Response:
    if "application/json" in request.headers.get("Accept", ""):
        return web.Response(status=204, headers={"Cache-Control": "no-store"})
    return forms.see(path)


# ------------------------------------------------------------------ who has seen it


async def show_seen(request: web.Request) -> web.StreamResponse:
    """Who has seen the thread and when, for those who are in it; a stranger learns how many."""
    viewer = session.viewer_of(request)
    found = await request.app[NODE].storage.read(_seen, request.match_info["uid"], viewer)
    if found is None:
        raise NotFound(_("There is no such thread here, or it is not public."))
    page, seen = found
    return look.page(
        request, "seen.html", Head(title=_("Who has seen it"), hue=page.group.hue, indexed=False),
        page=page, path=conversation.path_of(page), seen=seen,
    )  # fmt: skip


def _seen(work: Work, uid: str, viewer: int | None) -> tuple[ThreadPage, list[readings.Seen] | None] | None:
    page = find(work, uid, viewer)
    if page is None:
        return None
    inside = viewer is not None and (
        page.group.role not in (None, "banned") or members.guest(work, page.id, viewer) is not None
    )
    return page, readings.seen_by(work, page.id) if inside else None


# ------------------------------------------------------------------ the inbox


async def show_unread(request: web.Request) -> web.StreamResponse:
    """The threads with something new in them, and what was said to the reader alone."""
    reader = session.must_be_signed_in(request)
    storage = request.app[NODE].storage
    dismissed = request.query.get("dismissed", "")
    unread, hollow, notices, waiting, undo = await storage.read(_inbox, reader.id, dismissed)
    if hollow:
        await storage.write(reading.close_gaps, reader.id, hollow)
    return look.page(
        request, "unread.html", Head(title=_("Unread"), indexed=False), unread=unread, notices=notices,
        invitations=waiting, undo=undo, since_day=conversation.since_day,
    )  # fmt: skip


def _inbox(
    work: Work, reader_id: int, dismissed: str
) -> tuple[list[readings.Unread], list[int], list[readings.Told], list[invitations.InvitationCard], ThreadPage | None]:
    unread, hollow = readings.unread(work, reader_id, limit=LISTED)
    undo = find(work, dismissed, reader_id) if dismissed else None
    return unread, hollow, readings.notices(work, reader_id), invitations.waiting_for(work, reader_id), undo


async def mark_everything(request: web.Request) -> web.StreamResponse:
    """Marks every thread as read, or a notice."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    write = request.app[NODE].storage.write
    if conversation.NUMBER.fullmatch(form.text("notice")):
        await write(reading.read_notice, reader.id, int(form.text("notice")))
        return _back(request, "/unread")
    while await write(_mark_everything, reader.id):
        pass
    return _back(request, "/unread")


def _mark_everything(work: Work, reader_id: int) -> bool:
    return reading.mark_everything_read(work, people.by_id(work, reader_id))


# ------------------------------------------------------------------ keys


async def use_keys(request: web.Request) -> web.StreamResponse:
    """Switches the keys of pages on or off."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    await request.app[NODE].storage.write(reading.use_keys, reader.id, on=form.flag("on"))
    return _back(request, forms.path_within(form.text("back")))
