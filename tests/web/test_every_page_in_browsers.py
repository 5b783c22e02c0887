"""Every page there is, for everybody who may read it, in a real browser: axe finds nothing, a small phone is enough."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from node.forum import accounts, people
from node.web import routes
from storage import deliveries, tokens
from storage.people import Inbox
from storage.schema import Actor, Membership
from storage.work import Work
from tests.equipment.chromium import axe_violations, chromium
from tests.equipment.samples import WHOLE
from tests.web.authorisation import DONE, TABLE, Reader, filled
from tests.web.test_pages_in_browsers import furnish
from tests.web.worlds import Worlds, build

SHOTS = Path(__file__).parents[2] / "test-output" / "pages"
ORIGIN = "http://moot.example"
WIDE = {"width": 1200, "height": 900}
NARROW = {"width": 320, "height": 640}
ROLES = ("keeper", "admin", "moderator", "author", "stranger")  # whoever can most is asked first
HOUR = timedelta(hours=1)

# What a browser gets that is no page of ours: files, data, a stream, a piece of a page; and what only leads on.
NO_PAGES = {
    "GET /robots.txt",
    "GET /admin/limits.csv",
    "GET /.well-known/security.txt",
    "GET /favicon.ico",
    "GET /static/{name}",
    "GET /mentions",
    "GET /threads/{uid}/live",
    "GET /threads/{uid}/markdown",
    "GET /items/{uid}/composer",
    "GET /items/{uid}/fragment",
    "GET /items/{uid}/source",
    "GET /items/{uid}/reply",
    "GET /threads/{uid}/edit",
    "GET /post/{uid}",
    "GET /comment/{uid}",
    "GET /d/{key}",
    "GET /d/{key}/comment/{comment}",
    "GET /d/{key}/{slug}",
    "GET /d/{key}/{slug}/{sequence}",
    "GET /c/{id}",
    "GET /settings/security/{part}",
}

# Pages that look another way for each kind of reader; of the others it is enough that one sees them who may.
DIFFERS = {
    "GET /": ("keeper", "author", "stranger"),
    "GET /groups": ("keeper", "author", "stranger"),
    "GET /g/{name}": ROLES,
    "GET /g/{name}/{place}": ROLES,
    "GET /g/{name}/members": ROLES,
    "GET /u/{name}": ("keeper", "moderator", "author", "stranger"),
    "GET /join/{token}": ("keeper", "author", "stranger"),
    "GET /invitations/{secret}": ("keeper", "author", "stranger"),
    "GET /threads/{uid}/seen": ("author", "stranger"),
}

# Of what is here, these lead on at once; asked for nothing, they show a form.
ASKED_FOR_NOTHING = {"GET /authorize_interaction", "GET /intents/{intent}", "GET /remarks/new"}

# Whoever is in is led on from here.
AT_THE_DOOR = ("/sign-in", "/sign-up", "/reset", "/goodbye", "/interact", "/welcome")
# Only who is in can leave, and only who is not can join.
IN_IT = {"GET /g/{name}/leave": "author", "GET /items/{uid}/reported": "moderator"}


@dataclass(frozen=True)
class Visit:
    """Somebody looks at a page."""

    route: str
    role: str
    path: str
    status: int = 200

    @property
    def name(self) -> str:
        """What the pictures are called."""
        plain = re.sub(r"[^a-z]+", "-", self.route.removeprefix("GET ").lower()).strip("-") or "home"
        return f"{plain}-{self.role}"


@dataclass
class Scene:
    """The node, everybody's windows, and all there is to see."""

    worlds: Worlds
    windows: dict[str, BrowserContext]
    visits: list[Visit]

    async def window(self, role: str, **more: Any) -> Page:
        """A page of somebody."""
        return await self.windows[role].new_page(**more)


@pytest.fixture
async def scene(open_moot: Callable[..., Any]) -> AsyncIterator[Scene]:
    moot = await open_moot(origin=ORIGIN, development=True, sign_up="approval", contact="ana@moot.example")
    places = await furnish(moot)
    write = moot.storage.write  # what is done in the worlds is undone
    worlds = await build(moot)
    worlds.common["member"] = f"{ORIGIN}/u/the_member"
    for world in worlds.worlds.values():
        world.values["member"] = f"{ORIGIN}/u/the_member"
    more = await write(_prepare, worlds.browsers["stranger"].cookies["visit"])
    async with chromium(hosts={"moot.example": moot.client.port}) as chrome:
        windows = {role: await _window(chrome, worlds, role) for role in ROLES}
        yield Scene(worlds, windows, [*_visits(worlds), *more, *_rich(places)])


async def _window(chrome: Browser, worlds: Worlds, role: str) -> BrowserContext:
    context = await chrome.new_context(viewport=WIDE, reduced_motion="reduce")
    cookies = worlds.browsers[role].cookies
    await context.add_cookies([{"name": name, "value": value, "url": ORIGIN} for name, value in cookies.items()])
    return context


def _visits(worlds: Worlds) -> Iterator[Visit]:
    values = worlds.common | worlds.worlds["open"].values
    for route, line in TABLE.items():
        if not route.startswith("GET ") or route in NO_PAGES:
            continue
        may = [role for role in ROLES if line.rule(Reader(role, "open")) == DONE]
        if route in DIFFERS:
            may = [role for role in may if role in DIFFERS[route]]
        elif route.removeprefix("GET ").startswith(AT_THE_DOOR) and "stranger" in may:
            may = ["stranger"]
        else:
            may = [IN_IT.get(route, role) for role in may[:1]]
        path = filled(route, values)[0]
        for role in may:
            yield Visit(route, role, path.partition("?")[0] if route in ASKED_FOR_NOTHING else path)


def _prepare(work: Work, visit: str) -> list[Visit]:
    """What is at the end of a link that was mailed, and in the middle of signing in; and something in every list."""
    author = work.query(Actor).filter_by(name="the_author").one()
    commons = work.query(Actor).filter_by(name="commons").one()
    for name, role in (("the_author", "member"), ("the_moderator", "moderator"), ("the_admin", "admin")):
        actor = work.query(Actor).filter_by(name=name).one()
        work.add(Membership(group_id=commons.id, actor_id=actor.id, role=role, joined_at=work.now))
    late = people.create_person(work, "latecomer", display_name="Late Comer")
    secrets = {
        "GET /welcome/{secret}": accounts.make(work, late, email="late@coop.example"),
        "GET /sign-in/link/{secret}": tokens.make(work, "sign_in", HOUR, actor_id=author.id).secret,
        "GET /reset/{secret}": tokens.make(work, "reset", HOUR, actor_id=author.id).secret,
        "GET /sign-up/confirm/{secret}": tokens.make(work, "sign_up", HOUR, email="new@coop.example").secret,
    }
    for step in ("second", "awake"):
        tokens.make(work, step, HOUR, actor_id=author.id, bound_to=visit, more={"next": "/", "proved": []})
    mine = tokens.make(work, "new_email", HOUR, actor_id=author.id, email="other@coop.example").secret
    visits = [
        Visit(route, "stranger", route.removeprefix("GET ").format(secret=secret)) for route, secret in secrets.items()
    ]
    owed = deliveries.enqueue(
        work, uri=deliveries.mint(work), actor_id=author.id, type="Create", about=author.uri, public=True, always=True,
        microblog=b"{}", forum=None, to=[Inbox("https://far.example/inbox", "far.example", "microblog")],
    )  # fmt: skip
    return [
        *visits,
        Visit("GET /admin/federation/hosts/{host}", "keeper", "/admin/federation/hosts/far.example"),
        Visit("GET /admin/federation/activities/{id}", "keeper", f"/admin/federation/activities/{owed}"),
        Visit("GET /settings/account/email/{secret}", "author", f"/settings/account/email/{mine}"),
        Visit("GET /tags/{tag}", "stranger", "/tags/commons"),
        Visit("GET /nothing", "stranger", "/nothing", 404),
        Visit("GET /admin/nothing", "author", "/admin", 404),
    ]


def _rich(places: dict[str, str]) -> Iterator[Visit]:
    """The thread with everything in it that a thread can have, for everybody."""
    for role in ("moderator", "author", "stranger"):
        yield Visit("GET /rich thread", role, places["thread"])
    for role in ("admin", "author", "stranger"):
        yield Visit("GET /rich group", role, places["group"])
    yield Visit("GET /rich flat", "author", f"{places['thread']}?view=flat")
    yield Visit("GET /rich new", "moderator", f"{places['thread']}?view=new")
    yield Visit("GET /rich reply", "author", f"{places['thread']}?reply=3#compose")
    yield Visit("GET /rich later", "author", f"{places['long']}?after=50")


async def test_every_page_is_looked_at(scene: Scene) -> None:
    """Whoever adds a page adds it to the table of tests/web/authorisation.py, and it is looked at here."""
    known = {f"GET {path}" for path in routes.PAGES}
    for route in routes.routes(scene.worlds.moot.node):
        if route.method == "GET":
            known.add("GET " + re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", route.path))
    looked_at = {visit.route for visit in scene.visits}
    assert sorted(known - looked_at - NO_PAGES) == []
    assert sorted(NO_PAGES - known) == []


@pytest.mark.timeout(900)
async def test_axe_finds_nothing_on_any_page_and_none_is_wider_than_a_small_phone(scene: Scene) -> None:
    """One scene for everybody: to raise it takes longer than to look at thirty pages."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    for role in ROLES:
        page = await scene.window(role)
        page.on("pageerror", lambda error: faults.append(f"a script failed: {error}"))
        page.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
        for visit in scene.visits:
            if visit.role == role:
                faults.extend(f"{visit.path} for {role}: {fault}" for fault in await _look_at(page, visit))
        await page.close()
    assert not faults, "\n".join(faults)


async def _look_at(page: Page, visit: Visit) -> list[str]:
    """What is wrong with a page, in light and dark, wide and narrow; and pictures of it."""
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await page.set_viewport_size(WIDE)
    answer = await page.goto(ORIGIN + visit.path)
    assert answer is not None
    if answer.status != visit.status:
        return [f"answers {answer.status}, not {visit.status}"]
    if page.url.partition("?")[0].partition("#")[0] != ORIGIN + visit.path.partition("?")[0].partition("#")[0]:
        return [f"leads on to {page.url}"]
    faults = await axe_violations(page)
    await _picture(page, visit, "light")
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    faults += [f"dark: {fault}" for fault in await axe_violations(page, only=("color-contrast",))]
    await _picture(page, visit, "dark")
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    await page.set_viewport_size(NARROW)
    await _picture(page, visit, "320")
    width = await page.evaluate("document.documentElement.scrollWidth")
    if width > NARROW["width"]:
        faults.append(f"is {width} pixels wide on a small phone: {await page.evaluate(WIDEST)}")
    return faults


async def _picture(page: Page, visit: Visit, look: str) -> None:
    """Kept where somebody looks at them: they take a quarter of the time."""
    if WHOLE:
        await page.screenshot(path=SHOTS / f"{visit.name}-{look}.png", full_page=True)


# What reaches furthest to the right, to be told where to look.
WIDEST = """() => [...document.querySelectorAll("main *, header *, footer *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 3).map((element) => element.outerHTML.slice(0, 120)).join(" | ")"""
