"""Live: what happens in a thread, sent at once to whoever has it open, and one item as its page shows it."""

import asyncio
import json
from collections import Counter

from aiohttp import web

from node.forum.errors import NotFound
from node.languages import gettext as _
from node.live import LOOK, Closed, Subscription
from node.node import NODE, Node
from node.web import conversation, errors, look, reading, session, tree
from node.web.look import Head
from storage import threads
from storage.schema import SignedIn
from storage.sessions import Known as Reader
from storage.work import StorageUnavailable, Work

HEARTBEAT = 20.0  # seconds; proxies let go of what is silent for 30 or 60
RETRY = 3000  # milliseconds until a browser comes again
STREAMS = 2000  # of this process: each is a socket and a few KB
OF_ONE = 12  # streams of one session or of one network of strangers: as many tabs as anybody has open
LASTS = 3600.0  # seconds; then the browser comes again, and is looked at anew
TOLD = frozenset(("posted", "edited", "erased", "removed", "restored", "reacted", "unreacted"))


class Streams:
    """The streams of this process, so that there are never too many."""

    def __init__(self) -> None:
        self._open = 0
        self._of_one: Counter[str] = Counter()
        self._to_strangers: dict[int, tuple[int, int | None]] = {}  # thread -> what one look told them all

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """What happens in the thread, until its reader goes, may not see it any more, or the node stops."""
        node, reader = request.app[NODE], session.reader_of(request)
        page = await node.storage.read(reading.find, request.match_info["uid"], session.viewer_of(request))
        if page is None:
            raise NotFound(_("There is no such thread here, or it is not public."))
        one = f"session:{reader.session_id}" if reader is not None else f"network:{session.network_of(request)}"
        if self._open >= STREAMS or self._of_one[one] >= OF_ONE:
            # 204 tells an EventSource not to come again; the page works without it.
            return web.Response(status=204, headers={"Cache-Control": "no-store"})
        self._open += 1
        self._of_one[one] += 1
        try:
            topics = [f"thread:{page.id}"] + ([one] if reader is not None else [])
            async with node.live.subscribe(*topics) as heard:
                return await self._send(request, node, page.id, page.newest, heard)
        finally:
            self._open -= 1
            self._of_one[one] -= 1
            if not self._of_one[one]:
                del self._of_one[one]

    async def _send(
        self, request: web.Request, node: Node, thread_id: int, newest: int, heard: Subscription
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers=errors.HEADERS
            | {
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx
            }
        )
        await response.prepare(request)
        await response.write(f"retry: {RETRY}\n".encode() + _said("newest", {"number": newest}, newest))
        ends = asyncio.get_running_loop().time() + LASTS
        reader = session.reader_of(request)
        try:
            while asyncio.get_running_loop().time() < ends:
                event = await heard.next(HEARTBEAT)
                if event is None or event["kind"] == LOOK["kind"]:
                    # Nothing was said for a while, or something that we did not hear.
                    newest_now = await self._look(node, thread_id, reader)
                    if newest_now is None:
                        break
                    await response.write(_said("newest", {"number": newest_now}, newest_now))
                elif event["kind"] in TOLD:
                    if await self._look(node, thread_id, reader) is None:
                        break
                    newest = max(newest, int(event["number"]))
                    about = {"kind": event["kind"], "uid": event["uid"], "number": event["number"]}
                    await response.write(_said("item", about, newest))
                else:
                    break  # the session ended
            await response.write(b"event: bye\ndata: {}\n\n")
        except (Closed, ConnectionResetError, StorageUnavailable):
            pass  # the node stops, the reader went, or the database did: a browser comes again by itself
        return response

    async def _look(self, node: Node, thread_id: int, reader: Reader | None) -> int | None:
        """The newest number, if the thread is there for the reader; a thousand strangers ask the database once."""
        changes = node.storage.changes()
        if reader is not None or changes is None:
            viewer, session_id = (reader.id, reader.session_id) if reader is not None else (None, None)
            return await node.storage.read(_still_there, thread_id, viewer, session_id)
        kept = self._to_strangers.get(thread_id)
        if kept is None or kept[0] != changes:
            kept = (changes, await node.storage.read(_still_there, thread_id, None, None))
            self._to_strangers = {other: seen for other, seen in self._to_strangers.items() if seen[0] == changes}
            self._to_strangers[thread_id] = kept
        return kept[1]


def _said(event: str, data: object, newest: int) -> bytes:
    return f"id: {newest}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()


def _still_there(work: Work, thread_id: int, viewer: int | None, session_id: int | None) -> int | None:
    """The newest number, as long as the thread is there for its reader and they are signed in."""
    if session_id is not None and work.get(SignedIn, session_id) is None:
        return None
    if not threads.thread_is_visible(work, thread_id, viewer):
        return None
    return threads.by_id(work, thread_id).next_number - 1


async def show_fragment(request: web.Request) -> web.StreamResponse:
    """One item as its page shows it, to be put in its place there."""
    viewer = session.viewer_of(request)
    found = await request.app[NODE].storage.read(conversation.item_for, request.match_info["uid"], viewer)
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    values = conversation.values_of(request, found)
    items = found.page.items or (found.page.opening,)
    # Where an item does not stand below what it answers, it says so.
    branch = tree.Branch(items[0], says_whom="whom" in request.query and bool(items[0].parent_number))
    response = look.page(
        request, "fragment.html", Head(title="", hue=found.page.group.hue, indexed=False), branch=branch,
        composer=None, **values,
    )  # fmt: skip
    response.headers["X-Robots-Tag"] = "noindex"
    return response
