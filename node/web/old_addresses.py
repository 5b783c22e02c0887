"""Addresses that were ours elsewhere: what came from a Loomio is found where its links say."""

import re
from collections.abc import Callable

from aiohttp import web

from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, threads
from storage import groups, people
from storage import threads as stored_threads
from storage.work import Work

Find = Callable[..., str | None]

KEY = re.compile(r"[\w.-]{1,100}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,9}")


async def show_discussion(request: web.Request) -> web.StreamResponse:
    """`/d/KEY`, with any slug, with the number or the id of a comment behind it or in its query."""
    comment = request.match_info.get("comment") or request.query.get("comment_id", "")
    sequence = request.match_info.get("sequence") or request.query.get("sequence_id", "")
    await lead(request, find_discussion, request.match_info["key"], comment, sequence)
    raise NotFound(_("No thread that came from another place has this address, or it is not public."))


async def show_comment(request: web.Request) -> web.StreamResponse:
    """`/c/ID`."""
    await lead(request, find_comment, request.match_info["id"])
    raise NotFound(_("No comment that came from another place has this address, or it is not public."))


async def lead(request: web.Request, find: Find, key: str, *more: str) -> None:
    """Raises the redirect to where the old address leads, if it leads anywhere."""
    if not KEY.fullmatch(key):
        return
    path = await request.app[NODE].storage.read(find, key, *more, viewer=None)
    if path is not None:
        raise web.HTTPMovedPermanently(path)


def find_discussion(work: Work, key: str, comment: str, sequence: str, *, viewer: int | None) -> str | None:
    """The thread of that key, or the place of one of its items."""
    alias = stored_threads.alias(work, "loomio:d", key)
    if alias is None or alias.thread_id is None:
        return None
    if NUMBER.fullmatch(comment):
        to_comment = stored_threads.alias(work, "loomio:c", comment)
        if to_comment is not None and to_comment.comment_id is not None:
            item = stored_threads.comment(work, to_comment.comment_id)
            if alias.thread_id in (item.thread_id, *stored_threads.former_threads(work, item.id)):
                return _address(work, item.thread_id, item.number, viewer)
    number = 0
    if NUMBER.fullmatch(sequence):  # an import keeps Loomio's sequence_id as the item's number
        numbered = stored_threads.comment_by_number(work, alias.thread_id, int(sequence))
        moved = stored_threads.moved_item(work, alias.thread_id, int(sequence)) if numbered is None else None
        if moved is not None:
            return _address(work, moved.thread_id, moved.number, viewer)
        number = numbered.number if numbered is not None else 0
    return _address(work, alias.thread_id, number, viewer)


def find_comment(work: Work, key: str, *, viewer: int | None) -> str | None:
    """The place of the comment of that id."""
    alias = stored_threads.alias(work, "loomio:c", key)
    if alias is None or alias.comment_id is None:
        return None
    item = stored_threads.comment(work, alias.comment_id)
    return _address(work, item.thread_id, item.number, viewer)


def find_group(work: Work, key: str, *, viewer: int | None) -> str | None:
    """The page of the group of that key."""
    alias = stored_threads.alias(work, "loomio:g", key)
    card = groups.card(work, alias.actor_id, viewer) if alias is not None and alias.actor_id is not None else None
    return addresses.path_of(card.uri) if card is not None else None


def find_person(work: Work, key: str, *, viewer: int | None) -> str | None:
    """The page of the person of that name."""
    alias = stored_threads.alias(work, "loomio:u", key)
    if alias is None or alias.actor_id is None:
        return None
    actor = people.by_id(work, alias.actor_id)
    return addresses.path_of(actor.uri) if actor.local and actor.state == "active" else None


def _address(work: Work, thread_id: int, number: int, viewer: int | None) -> str | None:
    place = threads.place_of(work, thread_id, number, viewer=viewer)
    if isinstance(place, threads.Gone):
        return place.rest or None
    return place.lasting_address if place is not None else None
