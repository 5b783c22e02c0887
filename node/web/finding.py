"""Who or what is at an address that somebody brings: a place of ours, or something on another server."""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from aiohttp import web

from node.forum import limits
from node.forum.errors import NotFound
from node.forum.remarks import Elsewhere
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, forms, threads
from node.web.interact import read_handle
from storage import groups, people, remarks
from storage import threads as stored_threads
from storage.schema import Actor
from storage.sessions import Known as Reader
from storage.work import Work

LONGEST = 2048
LOOK_UPS = limits.Limit("look-up", 120, timedelta(hours=1))  # each makes us ask other servers (WEB-15)
THREAD = re.compile(r"/g/\w+/[a-z0-9]{1,32}-[^#]*", re.ASCII)
ITEM = re.compile(r"/(post|comment)/([a-z0-9]{1,32})")
# A template of ours that somebody's server did not fill in.
UNFILLED = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Here:
    """It is a place on this node."""

    path: str


class TooOften(Exception):
    """They looked up more than anybody reads."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait  # seconds


def address_in(words: str) -> str | None:
    """The handle or the address in what came, in one form; None where there is none that could be looked up."""
    words = words.strip()
    if not words or len(words) > LONGEST or not words.isprintable() or UNFILLED.fullmatch(words):
        return None
    if words.startswith(("http://", "https://")):
        return addresses.web_address(words)
    handle = read_handle(words.removeprefix("acct:"))
    return f"@{handle}" if handle is not None else None


async def look_up(request: web.Request, reader: Reader, address: str) -> Here | int | Elsewhere:
    """What is at the address: known here, else asked for; raises NotFound in words a person may read, and TooOften."""
    node = request.app[NODE]
    here = await node.storage.read(find_here, address, viewer=reader.id)
    if here is not None:
        return here
    # What is hidden here and what never was look alike, by whatever name they are asked for.
    host = address.rpartition("@")[2] if address.startswith("@") else urlsplit(address).netloc
    if host.lower() == node.settings.authority:
        raise NotFound(_("There is nothing at this address, or it is not public."))
    wait = await node.storage.write(limits.take, (LOOK_UPS, str(reader.id)))
    if wait:
        raise TooOften(wait)
    return await node.network.look_up(address)


def find_here(work: Work, address: str, *, viewer: int | None) -> Here | None:
    """The place on this node of what is ours, or was said in a thread here; None for what is elsewhere."""
    if address.startswith("@"):
        name, _at, host = address[1:].partition("@")
        own_host = work.origin.split("://", 1)[1]
        return _of_actor(work, people.by_name(work, name), viewer) if host == own_host else None
    comment = stored_threads.comment_by_uri(work, address) or stored_threads.comment_by_page(work, address)
    own = address.startswith(f"{work.origin}/")
    path = address.removeprefix(work.origin) if own else ""
    if comment is None and (match := ITEM.fullmatch(path)):
        comment = stored_threads.comment_by_uid(work, match[2])
        if comment is None and match[1] == "comment" and remarks.shown(work, match[2]) is not None:
            return Here(path)
    if comment is not None:
        place = threads.place_of(work, comment.thread_id, comment.number, viewer=viewer)
        if isinstance(place, threads.Place) and comment.state == "visible":
            return Here(addresses.reply_path(place.page, comment.number))
        return None
    if not own:
        return None
    actor = people.by_uri(work, address)
    if actor is not None:
        return _of_actor(work, actor, viewer)
    return Here(path) if THREAD.fullmatch(path) and forms.path_within(path) == path else None


def _of_actor(work: Work, actor: Actor | None, viewer: int | None) -> Here | None:
    if actor is None or actor.state != "active" or actor.kind == "application":
        return None
    if actor.kind == "group" and groups.card(work, actor.id, viewer) is None:
        return None
    return Here(addresses.path_of(actor.uri))
