"""Pages of threads for strangers, kept in memory by version: after a link was shared a thousand people ask at once.

What is kept is never shown to anybody who is signed in, and never longer than everything on it stands as it did.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from node.node import NODE
from node.web import errors, forms, look, session
from node.web.fragments import FRAGMENTS, Fragments
from storage import versions
from storage.pages import ThreadPage
from storage.work import Storage, StorageUnavailable, Work

KEPT = 256  # pages, of some 50 KB each
FRESH = timedelta(minutes=2)  # a page says how long ago something was said
CARRIED = ("Content-Type", "ETag", "Vary", "Cache-Control", "Link", *errors.HEADERS)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a page is made of, and the versions of all that."""

    thread_id: int
    group_id: int
    items: tuple[int, ...]
    people: tuple[int, ...]
    version: tuple[object, ...] = ()


BASIS = web.RequestKey("basis", Basis)


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished page."""

    body: bytes
    headers: dict[str, str]
    basis: Basis
    made_at: datetime
    state: object | None  # of the database, when the page was last found unchanged


def basis_of(work: Work, page: ThreadPage) -> Basis:
    """What this page is made of, as it is in this very snapshot."""
    items = (page.opening, *page.items)
    who = {item.author.id for item in items if item.author is not None}
    who.update(person.id for item in items for _, people in item.named for person in people)
    basis = Basis(page.id, page.group.id, tuple(item.id for item in items), tuple(sorted(who)))
    return replace(basis, version=version_of(work, basis))


def version_of(work: Work, basis: Basis) -> tuple[object, ...]:
    """Changes whenever anything on the page does: each of these numbers only ever grows."""
    return versions.of_page(work, basis.thread_id, basis.items, (basis.group_id, *basis.people))


class Memory:
    """The middleware: answers a stranger from memory, and remembers what it had to be made for them.

    It stands outside of all the others, which have nothing to add to what they made before but the name of the request.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self.fragments = Fragments()

    @property
    def middleware(self) -> Middleware:
        """As aiohttp wants it."""

        @web.middleware
        async def remember(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._answer(request, handler)

        return remember

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != "GET" or not request.path.startswith("/g/") or not session.is_stranger(request):
            return await handler(request)
        storage = request.app[NODE].storage
        key = (request.path_qs, session.language_of(request, None))
        kept = self._kept.get(key)
        state = await storage.state()  # before anything is read: what comes after it makes the page old
        if kept is not None and storage.now() - kept.made_at < FRESH:
            if state is not None and kept.state == state:
                self._kept.move_to_end(key)
                return _again(request, kept)
            if await self._stands(storage, kept):
                self._kept[key] = replace(kept, state=state)
                self._kept.move_to_end(key)
                return _again(request, kept)
        request[FRAGMENTS] = self.fragments
        response = await handler(request)
        self._keep(request, key, response, state)
        return response

    async def _stands(self, storage: Storage, kept: Kept) -> bool:
        try:
            return await storage.read(version_of, kept.basis) == kept.basis.version
        except StorageUnavailable:
            return False  # who makes the page anew says so

    def _keep(
        self, request: web.Request, key: tuple[str, str], response: web.StreamResponse, state: object | None
    ) -> None:
        self._kept.pop(key, None)
        basis = request.get(BASIS)
        own = forms.VISIT in request or "Set-Cookie" in response.headers or response.cookies
        if basis is None or own or response.status != 200 or not isinstance(response, web.Response):
            return
        if not isinstance(response.body, bytes):
            return
        headers = {name: response.headers[name] for name in CARRIED if name in response.headers}
        made_at = request.app[NODE].storage.now()
        self._kept[key] = Kept(response.body, headers, basis, made_at, state)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def _again(request: web.Request, kept: Kept) -> web.Response:
    response = web.Response(body=kept.body, headers=CIMultiDict(kept.headers))
    response.headers["X-Request-Id"] = errors.request_id(request)
    look.tag_it(request, response, kept.headers["ETag"].removeprefix('W/"').removesuffix('"'))
    return response
