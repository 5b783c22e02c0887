"""Somebody's browser at a running node: it keeps cookies, reads pages and fills in what every form carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import html5lib

from node.sealing import new_secret
from storage import people, sessions
from storage.schema import Account
from storage.tokens import hashed
from storage.work import Work
from tests.equipment.nodes import Moot

XHTML = "{http://www.w3.org/1999/xhtml}"


@dataclass(frozen=True)
class Answer:
    """What came back: its status, where it leads, and its page."""

    status: int
    location: str
    headers: dict[str, str]
    source: str

    @property
    def tree(self) -> Any:
        return html5lib.parse(self.source)

    @property
    def text(self) -> str:
        """The words of the page, with single spaces."""
        main = next(self.tree.iter(f"{XHTML}main"), self.tree)
        return " ".join("".join(main.itertext()).split())

    def links(self) -> dict[str, str]:
        """Where the links of the page lead, by their words."""
        main = next(self.tree.iter(f"{XHTML}main"), self.tree)
        return {" ".join("".join(a.itertext()).split()): a.get("href") or "" for a in main.iter(f"{XHTML}a")}

    def forms(self) -> dict[str, dict[str, str]]:
        """The hidden and typed fields of the forms of the page that are sent, by where they are sent to."""
        found = {}
        main = next(self.tree.iter(f"{XHTML}main"), self.tree)
        for form in main.iter(f"{XHTML}form"):
            if form.get("method") == "post":
                fields = {i.get("name"): i.get("value") or "" for i in form.iter(f"{XHTML}input") if i.get("name")}
                fields |= {t.get("name"): "".join(t.itertext()).lstrip("\n") for t in form.iter(f"{XHTML}textarea")}
                found[form.get("action")] = fields
        return found

    def value(self, name: str) -> str:
        """What a field of the page holds."""
        [field] = [i for i in self.tree.iter(f"{XHTML}input") if i.get("name") == name]
        return str(field.get("value"))


@dataclass
class Browser:
    """A browser, signed in or not."""

    node: Moot
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> Answer:
        """The answer to a GET, not following where it leads."""
        return await self._ask("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})

    async def page(self, path: str) -> Answer:
        """The page at that address, which must be there."""
        answer = await self.get(path)
        assert answer.status == 200, (path, answer.status, answer.text)
        return answer

    async def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """The answer to a form of ours, sent as browsers send it."""
        visit = self.cookies.setdefault("visit", new_secret())
        given = {"csrf": self.node.node.sealing.sign("form", visit)} | (fields or {})
        own = {"Origin": self.node.origin, "Sec-Fetch-Site": "same-origin"}
        return await self._ask("POST", path, given, own | {k.replace("_", "-"): v for k, v in headers.items()})

    async def posted(self, path: str, fields: dict[str, str] | None = None) -> str:
        """Where a form leads that must have been taken."""
        answer = await self.post(path, fields)
        assert answer.status == 303, (path, answer.status, answer.text)
        return answer.location

    async def _ask(self, method: str, path: str, fields: dict[str, str] | None, headers: dict[str, str]) -> Answer:
        jar = "; ".join(f"__Host-{name}={value}" for name, value in self.cookies.items())
        given = {"Host": self.node.host, "Accept": "text/html", **({"Cookie": jar} if jar else {})} | headers
        url = f"http://127.0.0.1:{self.node.site.port}{path.removeprefix(self.node.origin)}"
        async with self.node.session.request(
            method, url, data=fields, headers=given, allow_redirects=False
        ) as response:
            for name, morsel in response.cookies.items():
                self.cookies[name.removeprefix("__Host-")] = morsel.value
            return Answer(
                response.status, response.headers.get("Location", ""), dict(response.headers), await response.text()
            )


async def browser_of(node: Moot, name: str) -> Browser:
    """A browser in which that person of the node is signed in; they get an account if they have none."""

    def open_it(work: Work) -> str:
        actor = people.by_name(work, name)
        assert actor is not None, f"there is no {name}"
        if work.get(Account, actor.id) is None:
            work.add(Account(actor_id=actor.id, admin=False, created_at=work.now))
            work.flush()
        secret = new_secret()
        sessions.open_session(work, actor.id, hashed(secret))
        return secret

    return Browser(node, {"session": await node.storage.write(open_it)})
