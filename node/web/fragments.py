"""Items of pages for strangers, kept as they were made: a page with one new comment is forty-nine that were there.

What is kept under is all that the fragment shows, word for word: it can be found by nothing that would look otherwise.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web
from markupsafe import Markup

from node import languages
from node.node import NODE
from node.web.tree import Branch

KEPT = 4096  # of some 3 KB each
FRESH = 60  # seconds; an item says how long ago it was said

Make = Callable[[Branch], Markup]


class Fragments:
    """The items of the process, the latest shown last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Markup] = OrderedDict()

    def of(self, branch: Branch, make: Make, *around: object) -> Markup:
        """The branch's item as `make` makes it, given all that is shown `around` it."""
        key = (branch.says_whom, branch.item, *around)
        try:
            kept = self._kept.get(key)
        except TypeError:  # it has pictures or a poll, which have no hash, and are seldom
            return make(branch)
        if kept is None:
            kept = self._kept[key] = make(branch)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
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
    minute = _minute(request.app[NODE].storage.now())
    return lambda branch, make: fragments.of(branch, make, path, locked, voice.language, minute)


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // FRESH
