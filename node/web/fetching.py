"""Fetch what is missing of a thread: a button for every reader, paced so that nobody can make us a nuisance."""

import asyncio
import math
from collections import deque
from collections.abc import Callable

from aiohttp import web

from node.forum.errors import NotAllowed, NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import errors, forms, session, threads
from storage.pages import ThreadPage

Clock = Callable[[], float]

AGAIN = 300.0  # seconds until a thread is looked after again: servers that were down are seldom up sooner
MINUTE = 60.0
A_MINUTE = 6  # threads for the whole node: each may ask twenty times of servers that did nothing to us (DOS-07)
PATIENCE = 25.0  # seconds; a reader waits, and so does a proxy before us, which gives up after 30 or 60


class Pace:
    """When a thread may be looked after again, in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest: deque[float] = deque(maxlen=A_MINUTE)
        self._threads: dict[int, float] = {}  # as many as the node looks after in five minutes

    def had_its_turn(self, thread_id: int) -> bool:
        """It was looked after a moment ago."""
        return self._clock() - self._threads.get(thread_id, -math.inf) < AGAIN

    def busy_for(self) -> int:
        """Seconds until any thread may be looked after."""
        if len(self._latest) < A_MINUTE:
            return 0
        return max(0, math.ceil(self._latest[0] + MINUTE - self._clock()))

    def take_turn(self, thread_id: int) -> None:
        """Counts this one."""
        now = self._clock()
        self._threads = {other: at for other, at in self._threads.items() if now - at < AGAIN}
        self._threads[thread_id] = now
        self._latest.append(now)


class Fetching:
    """The button's other end."""

    def __init__(self, clock: Clock) -> None:
        self._pace = Pace(clock)

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Fetches what is missing of the thread and leads back to it, saying how much came."""
        if session.reader_of(request) is not None:
            await forms.read(request)
        else:
            forms.refuse_strangers(request)  # their pages are the same for all of them, and hold no token
        node = request.app[NODE]
        page = await _asked(request)
        path = threads.path_of(page)
        if not page.may_grow:
            raise NotAllowed(_("Nothing new comes to this thread: it is closed."))
        if self._pace.had_its_turn(page.id):
            return _back(path, "soon")
        if wait := self._pace.busy_for():
            return errors.error_page(
                request, 429, link=path, link_words=_("Back to the thread"), headers={"Retry-After": str(wait)},
                words=_("This node fetches replies for a few threads at a time. Please try again in a minute."),
            )  # fmt: skip
        self._pace.take_turn(page.id)
        try:
            async with asyncio.timeout(PATIENCE):
                came = str(await node.network.fetch_missing(page.id))
        except TimeoutError:
            came = "slow"
        return _back(path, came)


async def _asked(request: web.Request) -> ThreadPage:
    place = threads.PLACE.fullmatch(request.match_info["place"])
    found = None
    if place:
        found = await request.app[NODE].storage.read(threads.find, place[1], viewer=None)
    if not isinstance(found, ThreadPage):
        raise NotFound(_("There is no such thread here, or it is not public."))
    return found


def _back(path: str, came: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"{path}?fetched={came}#fetch", "Cache-Control": "no-store"})
