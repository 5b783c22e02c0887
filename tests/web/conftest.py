"""The door for people on a real storage, and the means to fill it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest
from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient, TestServer

from node.forum import text
from node.forum import threads as forum
from node.forum.errors import NotFound
from node.node import NODE, Node
from node.sealing import new_secret
from node.settings import Settings
from node.web import routes
from storage import sessions
from storage.schema import Account, Actor, Alias, Comment, Follow, Group, Handle, Membership, Reaction, Thread
from storage.tokens import hashed
from storage.work import Storage, Work
from tests.equipment.databases import fresh_sqlite
from tests.equipment.nodes import quick_passwords

HOST = "moot.example"
ORIGIN = f"https://{HOST}"
THEN = datetime(2017, 6, 7, 14, 19, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
XHTML = "{http://www.w3.org/1999/xhtml}"


class ScriptedNetwork:
    """The network as a page knows it: some servers, one of which lies."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.fetched: list[int] = []
        self.fill: Callable[[int], Awaitable[int]] | None = None

    async def fetch_missing(self, thread_id: int) -> int:
        """What comes when it is asked for."""
        self.fetched.append(thread_id)
        return await self.fill(thread_id) if self.fill else 0

    async def interaction_url(self, handle: str, object_uri: str, intent: str) -> str:
        """What each of the servers names as its address."""
        self.asked.append((handle, object_uri, intent))
        host = handle.partition("@")[2]
        if host == "coop.example":
            return f"https://coop.example/authorize_interaction?uri={object_uri}"
        if host == "moved.example":
            return "https://new.example/share"
        if host == "liar.example":
            return "javascript:alert(1)"
        raise NotFound(f"Nobody answers at {host}.")


@dataclass
class Moot:
    """A node with its web door open, and verbs for tests to fill it with."""

    node: Node
    storage: Storage
    network: ScriptedNetwork
    client: TestClient
    settings: Settings
    ticks: list[float]  # what the clock of the pace says, at its end
    minutes: Any = field(default_factory=lambda: itertools.count(0))

    # -------------------------------------------------------------- asking

    async def get(self, path: str, **headers: str) -> ClientResponse:
        """What a browser gets."""
        given = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"} | headers
        return await self.client.get(path.removeprefix(self.settings.origin), headers=given, allow_redirects=False)

    async def page(self, path: str) -> Page:
        """The page at that address, which must be there."""
        response = await self.get(path)
        assert response.status == 200, (path, response.status, await response.text())
        return Page(await response.text())

    # -------------------------------------------------------------- being somebody

    async def sign_in(self, person_id: int, *, admin: bool = False) -> Browser:
        """A browser in which that person is signed in; they get an account if they have none."""

        def open_it(work: Work) -> str:
            if work.get(Account, person_id) is None:
                work.add(Account(actor_id=person_id, admin=admin, created_at=work.now))
                work.flush()
            secret = new_secret()
            sessions.open_session(work, person_id, hashed(secret))
            return secret

        return Browser(self, {"session": await self.storage.write(open_it)})

    def browser(self) -> Browser:
        """A browser of a stranger, with a jar for cookies."""
        return Browser(self, {})

    # -------------------------------------------------------------- filling

    async def group(self, name: str = "commons", title: str = "Commons in Motion", **given: Any) -> int:
        """A group of ours; answers its actor's id."""
        state = given.pop("state", "active")
        summary = given.pop("summary", "")

        def insert(work: Work) -> int:
            actor = _actor(work, f"{self.settings.origin}/g/{name}", "group", name, title, summary, state)
            work.add(Group(actor_id=actor.id, **given))
            return actor.id

        return await self.storage.write(insert)

    async def person(self, name: str, title: str = "", *, host: str | None = None, **given: Any) -> int:
        """Someone of ours, or of another host; answers their id."""

        def insert(work: Work) -> int:
            uri = f"https://{host}/users/{name}" if host else f"{self.settings.origin}/u/{name}"
            actor = _actor(work, uri, "person", name, title or name.title(), given.pop("summary", ""), "active", host)
            for key, value in given.items():
                setattr(actor, key, value)
            return actor.id

        return await self.storage.write(insert)

    async def join(self, person_id: int, group_id: int, role: str = "member") -> None:
        """Makes someone a member."""
        await self.storage.write(
            lambda work: work.add(Membership(group_id=group_id, actor_id=person_id, role=role, joined_at=THEN))
        )

    async def follow(self, person_id: int, target_id: int) -> None:
        """Lets someone follow."""
        follow = {"follower_id": person_id, "target_id": target_id, "state": "accepted", "created_at": THEN}
        await self.storage.write(lambda work: work.add(Follow(**follow)))

    async def thread(
        self, group_id: int, author_id: int, title: str = "What next?", source: str = "Tell us.", **given: Any
    ) -> int:
        """A thread with its opening; answers its id. What else is given is set on its row."""
        said_at = given.pop("said_at", None) or THEN + timedelta(minutes=next(self.minutes))

        def start(work: Work) -> int:
            opening = forum.start_thread(
                work, work.get_one(Actor, author_id), work.get_one(Group, group_id), title,
                forum.compose(work, source), imported=forum.Imported(said_at),
            )  # fmt: skip
            thread = work.get_one(Thread, opening.thread_id)
            for key, value in given.items():
                setattr(thread, key, value)
            return thread.id

        return await self.storage.write(start)

    async def say(
        self, thread_id: int, author_id: int, source: str = "Yes.", *, to: int = 0, html: bool = False, **given: Any
    ) -> int:
        """A comment on item number `to`; answers its own number. What else is given is set on its row."""
        said_at = THEN + timedelta(minutes=next(self.minutes))

        def post(work: Work) -> int:
            author = work.get_one(Actor, author_id)
            parent = _item(work, thread_id, to)
            words = text.from_html(source) if html else forum.compose(work, source)
            uid = work.mint()
            elsewhere = None if author.local else forum.Elsewhere(f"https://{author.host}/notes/{uid}")
            comment = forum.post_comment(
                work, author, parent, words, elsewhere=elsewhere, imported=forum.Imported(said_at)
            )
            for key, value in given.items():
                setattr(comment, key, value)
            return comment.number

        return await self.storage.write(post)

    async def hole(self, thread_id: int, uri: str, *, to: int = 0) -> int:
        """An item that has not come here."""
        return await self.storage.write(
            lambda work: forum.leave_hole(work, thread_id, uri, parent=_item(work, thread_id, to)).number
        )

    async def change(self, thread_id: int, number: int, **values: Any) -> None:
        """Sets columns of an item."""

        def set_them(work: Work) -> None:
            for key, value in values.items():
                setattr(_item(work, thread_id, number), key, value)

        await self.storage.write(set_them)

    async def react(self, thread_id: int, number: int, actor_id: int, kind: str) -> None:
        """Someone's reaction to an item."""

        def add(work: Work) -> None:
            comment = _item(work, thread_id, number)
            work.add(Reaction(comment_id=comment.id, actor_id=actor_id, kind=kind, created_at=THEN))
            if kind == "boost":
                comment.boosts_count += 1
            if kind == "like":
                comment.likes_count += 1

        await self.storage.write(add)

    async def alias(self, kind: str, key: str, **target: int) -> None:
        """An old address."""
        await self.storage.write(lambda work: work.add(Alias(kind=kind, key=key, **target)))

    # -------------------------------------------------------------- finding

    async def path(self, thread_id: int) -> str:
        """The address of a thread's page."""

        def find(work: Work) -> str:
            thread = work.get_one(Thread, thread_id)
            return f"/g/{work.get_one(Actor, thread.group_id).name}/{thread.uid}-{thread.slug}"

        return await self.storage.read(find)

    async def item(self, thread_id: int, number: int) -> Comment:
        """The row of an item, to look at."""
        return await self.storage.read(_item, thread_id, number)


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies and fills in what every form carries."""

    moot: Moot
    cookies: dict[str, str]

    def _name(self, name: str) -> str:
        return name if self.moot.settings.development else f"__Host-{name}"

    @property
    def headers(self) -> dict[str, str]:
        jar = "; ".join(f"{self._name(name)}={value}" for name, value in self.cookies.items())
        return {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"} | ({"Cookie": jar} if jar else {})

    def _keep(self, response: ClientResponse) -> ClientResponse:
        for name, morsel in response.cookies.items():
            bare = name.removeprefix("__Host-")
            if morsel.value:
                self.cookies[bare] = morsel.value
            else:
                self.cookies.pop(bare, None)
        return response

    async def get(self, path: str, **headers: str) -> ClientResponse:
        """The answer to a GET, not following where it leads."""
        path = path.removeprefix(self.moot.settings.origin)
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return self._keep(await self.moot.client.get(path, headers=given, allow_redirects=False))

    async def page(self, path: str) -> Page:
        """The page at that address, which must be there."""
        response = await self.get(path)
        assert response.status == 200, (path, response.status, await response.text())
        return Page(await response.text())

    def token(self) -> str:
        """The token that the forms of this browser carry."""
        visit = self.cookies.setdefault("visit", new_secret())
        return self.moot.node.sealing.sign("form", visit)

    async def post(self, path: str, fields: dict[str, Any] | None = None, **more: Any) -> ClientResponse:
        """The answer to a form of ours, sent as a browser sends it; a list gives a field several values."""
        given: list[tuple[str, str]] = [("csrf", self.token())]
        for name, value in ((fields or {}) | more).items():
            given += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
        path = path.removeprefix(self.moot.settings.origin)
        headers = self.headers | {"Origin": self.moot.settings.origin, "Sec-Fetch-Site": "same-origin"}
        return self._keep(
            await self.moot.client.post(path, data=FormData(given), headers=headers, allow_redirects=False)
        )

    async def posted(self, path: str, fields: dict[str, Any] | None = None, **more: Any) -> str:
        """Where a form leads that must have been taken."""
        response = await self.post(path, fields, **more)
        assert response.status == 303, (path, response.status, Page(await response.text()).text())
        return response.headers["Location"]


def _actor(
    work: Work, uri: str, kind: str, name: str, title: str, summary: str, state: str, host: str | None = None
) -> Actor:
    actor = Actor(
        uri=uri, kind=kind, local=host is None, host=host or HOST, name=name, display_name=title, summary=summary,
        url=f"https://{host}/@{name}" if host else uri, inbox=f"{uri}/inbox", state=state, created_at=THEN,
        updated_at=THEN,
    )  # fmt: skip
    work.add(actor)
    work.flush()
    if host is None:
        work.add(Handle(name=name.lower(), actor_id=actor.id))
    return actor


def _item(work: Work, thread_id: int, number: int) -> Comment:
    return work.query(Comment).filter_by(thread_id=thread_id, number=number).one()


class Page:
    """A page, parsed as browsers do."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = html5lib.parse(source)

    def all(self, tag: str, **attributes: str) -> list[Any]:
        """Every element of that name with these attributes; `class_` matches one of several classes."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}

        def fits(element: Any) -> bool:
            for name, value in wanted.items():
                held = element.get(name)
                if held is None or (value not in held.split() if name in ("class", "rel") else held != value):
                    return False
            return True

        return [element for element in self.tree.iter(XHTML + tag) if fits(element)]

    def one(self, tag: str, **attributes: str) -> Any:
        """The only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, (tag, attributes, len(found))
        return found[0]

    def meta(self, name: str) -> str | None:
        """What a meta element of that name or property says."""
        for element in self.tree.iter(XHTML + "meta"):
            if name in (element.get("name"), element.get("property")):
                return element.get("content")
        return None

    def text(self, element: Any = None) -> str:
        """The words of an element, with single spaces."""
        return " ".join("".join((self.tree if element is None else element).itertext()).split())

    def numbers(self) -> list[int]:
        """The numbers of the items shown, in order."""
        return [int(a.get("id")[2:]) for a in self.tree.iter(XHTML + "article") if (a.get("id") or "").startswith("c-")]


@pytest.fixture
async def open_moot(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens a node with other settings than the usual."""
    opened: list[Moot] = []

    async def open_it(*, more_routes: list[web.RouteDef] | None = None, **given: Any) -> Moot:
        server = TestServer(web.Application(middlewares=routes.middlewares()))
        settings = Settings(
            **{"origin": ORIGIN, "name": "The Moot", "description": "A node for commoners.", "data": tmp_path} | given
        )
        storage = Storage(
            fresh_sqlite(tmp_path / f"moot{len(opened)}.sqlite3"), origin=settings.origin, now=lambda: NOW
        )
        storage.start()
        network = ScriptedNetwork()
        node = Node(settings, storage, None, passwords=quick_passwords())  # type: ignore[arg-type]  # no page reaches for the client
        node.network = network
        app = server.app
        app[NODE] = node
        for path, page in routes.PAGES.items():
            app.router.add_get(path, page)
        ticks = [1000.0]
        app.add_routes([*routes.routes(node, clock=lambda: ticks[-1]), *(more_routes or [])])
        client = TestClient(server)
        await client.start_server()
        opened.append(Moot(node, storage, network, client, settings, ticks))
        return opened[-1]

    yield open_it
    for moot in opened:
        await moot.client.close()
        moot.storage.close()


@pytest.fixture
async def moot(open_moot: Callable[..., Any]) -> Moot:
    """The web door of https://moot.example."""
    opened: Moot = await open_moot()
    return opened
