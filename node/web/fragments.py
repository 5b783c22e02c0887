"""Items of pages for strangers, kept as they were made: a page with one new comment is forty-nine that were there.

What is kept under is all that the fragment shows, word for word: it can be found by nothing that would look otherwise.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from aiohttp import web
from markupsafe import Markup

from node import languages
from node.node import NODE
from node.web.tree import Branch
from storage.shown import Item

KEPT = 24 * 2**20  # bytes of markup, and of the words that it is found by: some five thousand items
# An item says how long ago it was said: how exactly, and so for how many seconds that stands, goes with its age.
FRESH = ((3600, 60), (86_400, 600), (float("inf"), 3600))

Make = Callable[[Branch], Markup]


class Fragments:
    """The items of the process, the latest shown last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Markup] = OrderedDict()
        self._size = 0

    def of(self, branch: Branch, make: Make, *around: object) -> Markup:
        """The branch's item as `make` makes it, given all that is shown `around` it."""
        key = (branch.says_whom, branch.item, *around)
        try:
            kept = self._kept.get(key)
        except TypeError:  # it has pictures or a poll, which have no hash, and are seldom
            return make(branch)
        if kept is None:
            kept = self._kept[key] = make(branch)
            self._size += size_of(branch.item, kept)
            while self._size > KEPT:
                (_, item, *_), gone = self._kept.popitem(last=False)
                self._size -= size_of(item, gone)
        else:
            self._kept.move_to_end(key)
        return kept


FRAGMENTS: web.RequestKey[Fragments] = web.RequestKey("fragments", Fragments)


def shown_to(request: web.Request, path: str, *, locked: bool) -> Callable[[Branch, Make], Markup]:
    """What templates call: out of memory where `memory` let it be so; whoever is signed in has buttons of their own."""
    fragments = request.get(FRAGMENTS)
    if fragments is None:
        return lambda branch, make: make(branch)
    voice = languages.voice()
    now = request.app[NODE].storage.now().timestamp()
    return lambda branch, make: fragments.of(branch, make, path, locked, voice.language, moment_of(branch, now))


def size_of(item: Item, markup: Markup) -> int:
    """Bytes, by far most of what is held."""
    return sys.getsizeof(item.html) + sys.getsizeof(markup)


def moment_of(branch: Branch, now: float) -> int:
    """The same for as long as what the item says of its age need not be told anew."""
    latest = (branch.item.edited_at or branch.item.published_at).timestamp()
    fresh = next(fresh for age, fresh in FRESH if now - latest < age)
    return int(now) // fresh * fresh
