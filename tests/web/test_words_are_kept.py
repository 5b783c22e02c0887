"""Whatever goes wrong with a form, every word of it is on the page that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.forum.text import MAX_SOURCE
from storage.work import StorageUnavailable
from tests.web.authorisation import filled
from tests.web.conftest import Page
from tests.web.worlds import Worlds, build

MINE = "Words that took me an hour <b>& more"
LONG = MINE + "x" * MAX_SOURCE
WORD = "w" * 3000


@pytest.fixture
async def worlds(open_moot: Callable[..., Any]) -> Worlds:
    """Groups with everybody in them; whatever is done there is undone."""
    return await build(await open_moot(sign_up="approval", smtp_url="smtps://mail.example"))


# Who sends what, and what of it must be there again.
CASES: dict[str, tuple[str, str, dict[str, str], tuple[str, ...]]] = {
    "an answer that is too long": ("author", "/items/{uid}/reply", {"source": LONG}, ("source",)),
    "an answer of somebody who may not": ("outsider", "/items/{uid}/reply", {"source": MINE}, ("source",)),
    "an answer of a stranger": ("stranger", "/items/{uid}/reply", {"source": MINE}, ("source",)),
    "an answer of somebody who was suspended": ("suspended", "/items/{uid}/reply", {"source": MINE}, ("source",)),
    "a thread without a title": ("member", "/g/{name}/new", {"title": "", "source": MINE, "tags": "a, b"}, ("source",)),
    "a thread with a title too long": ("member", "/g/{name}/new", {"title": WORD, "source": MINE}, ("title", "source")),
    "a thread without words": ("member", "/g/{name}/new", {"title": MINE, "source": ""}, ("title",)),
    "a thread with too many tags": (
        "member", "/g/{name}/new", {"title": "A", "source": MINE, "tags": ",".join(map(str, range(99)))}, ("source",),
    ),
    "a thread of somebody who may not": ("outsider", "/g/{name}/new", {"title": "Hi", "source": MINE}, ("source",)),
    "an edit that is too long": ("author", "/items/{uid}/edit", {"source": LONG, "note": "N"}, ("source", "note")),
    "an edit of somebody who may not": ("member", "/items/{uid}/edit", {"source": MINE}, ("source",)),
    "a remark that leads nowhere": ("member", "/remarks/new", {"to": "nowhere", "source": MINE}, ("source",)),
    "a report without its kind": ("member", "/items/{uid}/report", {"category": "", "words": MINE}, ("words",)),
    "a report of one's own words": ("author", "/items/{uid}/report", {"category": "spam", "words": MINE}, ("words",)),
    "a report of somebody": ("member", "/u/{name}/report", {"category": "nonsense", "words": MINE}, ("words",)),
    "a removal by somebody who may not": ("member", "/items/{uid}/remove", {"reason": MINE}, ("reason",)),
    "a reason too long": ("moderator", "/items/{uid}/remove", {"reason": WORD}, ("reason",)),
    "a branch without a title": ("moderator", "/items/{uid}/split", {"title": "", "source": MINE}, ("source",)),
    "a move to nowhere": ("moderator", "/threads/{uid}/move", {"group": "", "reason": MINE}, ("reason",)),
    "an invitation to nobody": ("member", "/g/{name}/invite", {"addresses": "none", "words": MINE}, ("words",)),
    "an invitation by somebody who may not": (
        "outsider", "/g/{name}/invite", {"addresses": "a@coop.example", "words": MINE}, ("words",),
    ),
    "an invitation with too many words": (
        "member", "/g/{name}/invite", {"addresses": "a@coop.example", "words": WORD}, ("words",),
    ),
    "a guest who is nobody": (
        "author", "/threads/{uid}/guests", {"act": "invite", "who": "no@body", "words": MINE}, ("words",),
    ),
    "a request of somebody who was banned": ("banned", "/g/closed/join", {"words": MINE}, ("words",)),
    "a request that is too long": ("outsider", "/g/closed/join", {"words": WORD}, ("words",)),
    "a report decided without a word": ("moderator", "/g/{name}/reports/{id}", {"words": WORD * 2}, ("words",)),
    "a group without a name": (
        "member", "/groups/new", {"title": "", "name": "newer", "description": MINE, "privacy": "open"},
        ("description", "name"),
    ),
    "a group whose handle is taken": (
        "member", "/groups/new", {"title": "Newer", "name": "open", "description": MINE, "privacy": "open"},
        ("description", "title"),
    ),
    "settings of a group with a name too long": (
        "admin", "/g/{name}/settings", {"title": WORD, "description": MINE}, ("title", "description"),
    ),
    "settings of somebody who may not": ("member", "/g/{name}/settings", {"title": MINE}, ("title",)),
    "a profile with a name too long": ("member", "/settings", {"display_name": WORD, "summary": MINE}, ("summary",)),
    "a profile with too many words": ("member", "/settings", {"display_name": "A", "summary": LONG}, ("summary",)),
    "a profile of a stranger": ("stranger", "/settings", {"display_name": "A", "summary": MINE}, ("summary",)),
    "an application without an address": (
        "stranger", "/sign-up", {"name": "newer", "display_name": "N", "email": "", "words": MINE}, ("words", "name"),
    ),
}  # fmt: skip


async def sent_back(worlds: Worlds, role: str, route: str, fields: dict[str, str]) -> tuple[int, Page]:
    """The status of the answer, and its page."""
    path = route
    if "{" in route:
        path, _ = filled(f"POST {route}", worlds.common | worlds.worlds["open"].values)
    answer = await worlds.ask(role, "POST", path, fields)
    return answer.status, Page(await answer.text())


def held(page: Page) -> list[str]:
    """What stands in the fields of the page's forms."""
    areas = ["".join(area.itertext()).removeprefix("\n") for area in page.all("textarea")]
    return areas + [field.get("value") or "" for field in page.all("input")]


@pytest.mark.timeout(400)
async def test_what_cannot_be_taken_comes_back_whole(worlds: Worlds) -> None:
    """WEB-24: refused for what it says, for who sends it, or for where it goes; and it is said why."""
    lost = []
    for what, (role, route, fields, kept) in CASES.items():
        status, page = await sent_back(worlds, role, route, fields)
        if not 400 <= status < 500:
            lost.append(f"{what}: was answered with {status}")
        lost += [f"{what}: {name} is lost ({status})" for name in kept if fields[name] not in held(page)]
        if sum(worlds.wrote):
            lost.append(f"{what}: something was done")
        if not page.all("h1"):
            lost.append(f"{what}: nothing is said")
    assert not lost, "\n".join(lost)


async def test_words_survive_a_form_that_was_not_made_here(worlds: Worlds) -> None:
    """WEB-24: without its token, with letters that cannot be read, and in a group that is gone meanwhile."""
    browser = worlds.browsers["member"]
    uid = worlds.worlds["open"].values["item"]
    for path, csrf in ((f"/items/{uid}/reply", "x"), ("/g/open/new", ""), ("/g/absent/new", browser.token())):
        answer = await browser.moot.client.post(
            path, data={"csrf": csrf, "title": "Mine", "source": MINE}, headers=browser.headers
        )
        assert answer.status in (403, 404), path
        assert MINE in held(Page(await answer.text())), path


@pytest.mark.parametrize("error", [StorageUnavailable("locked"), RuntimeError("a fault of ours")])
async def test_words_survive_a_database_that_is_away_and_a_fault_of_ours(worlds: Worlds, error: Exception) -> None:
    """WEB-24: 503 and 500, and the words below it."""

    async def fail(*_given: object, **_named: object) -> None:
        raise error

    worlds.moot.storage.write = fail  # type: ignore[method-assign]
    status, page = await sent_back(worlds, "member", "/g/{name}/new", {"title": "Mine", "source": MINE})
    assert status == (503 if isinstance(error, StorageUnavailable) else 500)
    assert MINE in held(page)
    assert "Mine" in held(page)
