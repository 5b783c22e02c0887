"""The directory: the groups of this node by name, the reader's own first, parts below what they are a part of."""

import re
from dataclasses import dataclass

from aiohttp import web

from node.languages import gettext as _
from node.node import NODE
from node.web import look, session
from node.web.look import Head
from storage import groups
from storage.groups import GroupCard, Listed
from storage.sessions import Known as Reader
from storage.work import Work

PAGE = 50  # groups, not counting their parts
WORDS = 100  # characters of a search
NUMBER = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A group with those of its parts that the reader can see."""

    card: GroupCard
    parts: tuple[GroupCard, ...]


@dataclass(frozen=True, slots=True)
class Directory:
    """A page of it, finished."""

    own: tuple[Entry, ...]
    others: tuple[Entry, ...]
    words: str
    number: int
    pages: int
    total: int


async def show_directory(request: web.Request) -> web.Response:
    """Groups to find and to join."""
    node, reader = request.app[NODE], session.reader_of(request)
    words = request.query.get("q", "").strip()[:WORDS]
    asked = request.query.get("page", "")
    number = int(asked) if NUMBER.fullmatch(asked) else 1
    page = await node.storage.read(find, reader, words, number)
    may_create = reader is not None and (reader.admin or node.settings.who_may_create_groups == "members")
    head = Head(title=_("Groups"), path="/groups" if not words and number == 1 else "", indexed=not words)
    return look.page(request, "groups.html", head, page=page, may_create=may_create)


def find(work: Work, reader: Reader | None, words: str, number: int) -> Directory:
    """That page of the directory for the reader; what they look for is found in names and handles."""
    viewer = reader.id if reader is not None else None
    listed = groups.directory(work, viewer, words)
    ids = {it.id for it in listed}
    below: dict[int, list[Listed]] = {}
    for it in listed:
        if it.parent_id in ids:
            below.setdefault(it.parent_id, []).append(it)
    tops = [it for it in listed if it.parent_id not in ids]
    own = [it for it in tops if it.role is not None or any(part.role is not None for part in below.get(it.id, ()))]
    others = [it for it in tops if it not in own]
    pages = max(1, -(-len(others) // PAGE))
    number = min(max(1, number), pages)
    others = others[(number - 1) * PAGE : number * PAGE]
    own = own if number == 1 else []
    shown = [it.id for top in (*own, *others) for it in (top, *below.get(top.id, ()))]
    cards = groups.cards_of(work, shown, viewer)

    def entries(found: list[Listed]) -> tuple[Entry, ...]:
        return tuple(Entry(cards[it.id], tuple(cards[part.id] for part in below.get(it.id, ()))) for it in found)

    return Directory(entries(own), entries(others), words, number, pages, len(listed))
