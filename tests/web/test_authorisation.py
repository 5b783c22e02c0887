"""Every route, for every kind of reader, in groups of every privacy: what the table says, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from node.web import routes
from tests.web.authorisation import DONE, GONE, NO, ROLES, SIGN_IN, TABLE, Line, Reader, filled
from tests.web.worlds import NOWHERE, WORDS, Worlds, alike, build

BACK = 422
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# WEB-04: for this host alone, over https alone, and no script reads it.
COOKIE = re.compile(r"__Host-\w+=[^;]*;(?=.* HttpOnly)(?=.* Secure)(?=.* SameSite=Lax)(?=.* Path=/)(?!.*Domain).*")
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", re.IGNORECASE)
KEPT = "Your words are still here"


@pytest.fixture
async def worlds(open_moot: Callable[..., Any]) -> Worlds:
    """Groups of every privacy with everybody in them."""
    return await build(await open_moot(sign_up="open", smtp_url="smtps://mail.example"))


def routes_of(worlds: Worlds) -> set[str]:
    """Every route of the door for people."""
    named = {f"GET {path}" for path in routes.PAGES}
    for route in routes.routes(worlds.moot.node):
        named.add(f"{route.method} " + re.sub(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}", r"{\1}", route.path))
    return named


async def test_the_table_names_every_route_and_no_other(worlds: Worlds) -> None:
    """WEB-18: whoever adds a route says who may use it."""
    known = routes_of(worlds)
    assert sorted(known - set(TABLE)) == []
    assert sorted(set(TABLE) - known) == []


@pytest.mark.timeout(900)
async def test_everybody_gets_what_the_table_says(worlds: Worlds) -> None:
    """WEB-18, PRV-01, PRV-06; XSS-06, XSS-12, XSS-13, WEB-04 and WEB-17 on every answer.

    In the same worlds for everybody, since nothing that is done in them stays.
    """
    known = routes_of(worlds)
    wrong = [fault for role in ROLES for fault in await _wrong_for(worlds, role, known)]
    assert not wrong, "\n".join(wrong)


async def _wrong_for(worlds: Worlds, role: str, known: set[str]) -> list[str]:
    wrong: list[str] = []
    nowhere: dict[str, tuple[int, str]] = {}
    for route, line in TABLE.items():
        if route not in known:
            continue
        asked: list[tuple[str, dict[str, Any]]] = []
        for name, world in worlds.worlds.items():
            expected = line.rule(Reader(role, name))
            values = worlds.common | world.values
            if filled(route, values) in asked:
                continue  # it is about no group
            asked.append(filled(route, values))
            answer, words = await _ask(worlds, role, route, values)
            wrong += [
                f"{route} for {role} in {name}: {fault}"
                for fault in _faults(route, line, expected, answer, words, worlds)
            ]
            if expected == GONE:
                if route not in nowhere:
                    absent, absent_words = await _ask(worlds, role, route, worlds.common | NOWHERE)
                    nowhere[route] = absent.status, alike(absent_words, worlds.common | NOWHERE)
                if (answer.status, alike(words, values)) != nowhere[route]:
                    wrong.append(f"{route} for {role} in {name}: what is hidden does not look like what never was")
    return wrong


async def _ask(worlds: Worlds, role: str, route: str, values: dict[str, str]) -> tuple[ClientResponse, str]:
    path, fields = filled(route, values)
    answer = await worlds.ask(role, route.partition(" ")[0], path, fields)
    if answer.content_type == "text/event-stream" and answer.status == 200:
        words = await answer.content.readline()
        answer.close()
    else:
        words = await answer.read()
    if TABLE[route].writes:
        await worlds.settle()
    return answer, words.decode("utf-8", "replace")


def _faults(route: str, line: Line, expected: int, answer: ClientResponse, words: str, worlds: Worlds) -> list[str]:
    got = _outcome(answer, words)
    reads = route.startswith("GET ")
    fits = got == expected or (expected == NO and got == BACK) or (expected == DONE and got == BACK and line.comes_back)
    faults = [] if fits else [f"{got} ({answer.status} {answer.headers.get('Location', '')}), not {expected}"]
    faults += _unsafe(answer, words)
    if expected != DONE and WORDS in words:
        faults.append("shows what others said")
    if sum(worlds.wrote) and (expected in (NO, GONE, SIGN_IN) or (reads and not line.writes)):
        faults.append(f"wrote {worlds.wrote} rows")
    return faults


def _unsafe(answer: ClientResponse, words: str) -> list[str]:
    """What the answer lacks that keeps readers safe, whatever it is (XSS-06, XSS-12, XSS-13, WEB-17)."""
    policy = answer.headers.get("Content-Security-Policy", "")
    faults = [f"has no {name}: {value}" for name, value in SAFE.items() if answer.headers.get(name) != value]
    if "default-src 'none'" not in policy or "frame-ancestors 'none'" not in policy or "unsafe" in policy:
        faults.append(f"has the policy {policy!r}")
    for cookie in answer.headers.getall("Set-Cookie", []):
        if not COOKIE.fullmatch(cookie):
            faults.append(f"sets the cookie {cookie}")
    if answer.content_type == "text/html" and INLINE.search(words):
        faults.append("has a script or a style in its page")
    return faults


def _outcome(answer: ClientResponse, words: str) -> int:
    if answer.headers.get("Location", "").startswith("/sign-in?next=") or (
        answer.status == 403 and KEPT in words and 'href="/sign-in"' in words
    ):
        return SIGN_IN
    return DONE if answer.status < 400 else answer.status
