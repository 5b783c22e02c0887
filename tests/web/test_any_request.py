"""Any request at all, at every address that there is: an answer of ours, in bounded time, and never a fault.

FOLKMOOT_LONG=10 asks for ten minutes on each engine.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from storage import people
from storage.schema import Account
from storage.work import Work
from tests.equipment.browsers import Browser, browser_of
from tests.equipment.nodes import Moot

LONG = float(os.environ.get("FOLKMOOT_LONG") or 0)  # minutes
SECONDS = LONG * 60 or 8.0  # on each engine
LEAST = 60  # requests, however busy the machine is
PATIENCE = 20.0  # seconds for one answer on a machine that is busy with all other tests
METHODS = ("GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO")
KINDS = (
    "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/plain; charset=x",
    "application/activity+json", 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"', "", "a;b;c",
)  # fmt: skip
ODD = (
    "", "0", "-1", "9" * 25, "1e9", "²", "\0", "\x01", "a\r\nb: c", "%", "%zz", "%00", "..", "../..", "a/b",
    "\u202e", "é",
    "\udc80", "'; --", "{{7*7}}", "<script>", "x" * 3000, "null", "[]", "https://mallory.test/x", "acct:liam@node.test",
    "@liam", "javascript:alert(1)", "2026-01-15", "reply:", "open", "en", "suspend", "like",
)  # fmt: skip
NAMES = (
    "q", "page", "before", "after", "at", "view", "next", "who", "to", "uri", "object", "resource", "text",
    "done", "since",
    "csrf", "source", "title", "act", "name", "handle", "password", "email", "code", "reason", "words", "place", "id",
    "request", "address", "host", "kind", "list", "file", "url", "language", "zone", "summary", "tags", "category",
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Language", "Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range", "Origin", "Referer",
    "Sec-Fetch-Site", "Sec-Fetch-Mode", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Request-Id",
    "Signature", "Signature-Input", "Digest", "Date", "Authorization", "Content-Encoding", "Cookie",
    "Expect", "Upgrade",
    "Last-Event-ID", "X-Requested-With", "Forwarded", "Sec-WebSocket-Key",
)  # fmt: skip
VALUES = (
    "text/html", "application/activity+json", "*/*;q=x", "de-CH, en;q=0.1", "gzip, br", '"x", W/"y"', "bytes=0-1,-5",
    "https://node.test", "https://mallory.test", "null", "same-origin", "cross-site", "127.0.0.1",
    "::1, x", "100-continue",
    'keyId="https://mallory.test/a#k",headers="(request-target) host date",signature="AA=="', "websocket", "Basic eDp5",
    'sig1=("@method" "@target-uri");created=1;keyid="https://mallory.test/a#k"', "sig1=:AA==:", "SHA-256=x", "gzip",
    "Thu, 15 Jan 2026 12:00:00 GMT", "__Host-session=x; __Host-visit=y; =; ;;", "\x7f", "\xff\xfe", "x" * 5000,
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request, as somebody makes it up."""

    who: str
    method: str
    route: str  # an address with its variables, or anything
    parts: tuple[str, ...]  # what goes into them; nothing: what is really there
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    kind: str
    fields: tuple[tuple[str, str], ...]
    body: bytes | None  # instead of the fields
    honest: bool  # a form with its token, from our own page


def requests(routes: Sequence[str]) -> st.SearchStrategy[Asked]:
    """Any request; mostly at an address that there is."""
    words = st.one_of(st.sampled_from(ODD), st.text(max_size=30))
    pairs = st.lists(st.tuples(st.sampled_from(NAMES), words), max_size=5).map(tuple)
    values = st.one_of(st.sampled_from(VALUES), st.text(st.characters(max_codepoint=255), max_size=30))
    return st.builds(
        Asked,
        who=st.sampled_from(("stranger", "liam", "keeper", "forger")),
        method=st.sampled_from(METHODS),
        route=st.one_of(
            st.sampled_from(routes), st.sampled_from(routes), st.text(max_size=20).map(lambda end: "/" + end)
        ),
        parts=st.one_of(st.just(()), st.lists(words, min_size=1, max_size=3).map(tuple)),
        query=pairs,
        headers=st.lists(st.tuples(st.sampled_from(HEADERS), values), max_size=4).map(tuple),
        kind=st.sampled_from(KINDS),
        fields=pairs,
        body=st.one_of(
            st.none(), st.none(), st.binary(max_size=200), st.just(b"--x\r\nContent-Disposition: form-data\r\n")
        ),
        honest=st.booleans(),
    )


@dataclass(frozen=True)
class Place:
    """A node with something at each kind of address, and who goes there."""

    node: Moot
    there: dict[str, str]
    browsers: dict[str, Browser]

    def raw(self, asked: Asked) -> bytes:
        """The request's bytes."""
        parts = iter(asked.parts)

        def filled(variable: re.Match[str]) -> str:
            given = next(parts, None)
            return quote(self.there.get(variable[1], "1") if given is None else given, safe="", errors="surrogatepass")

        path = re.sub(r"\{(\w+)\}", filled, asked.route)
        path = quote(path, safe="/%:@~!$&'()*+,;=-._", errors="surrogatepass")
        if asked.query:
            path += "?" + urlencode(asked.query, errors="surrogatepass")
        browser = self.browsers[asked.who]
        jar = "; ".join(f"__Host-{name}={value}" for name, value in browser.cookies.items())
        headers = [("Host", self.node.host), ("Connection", "close"), *([("Cookie", jar)] if jar else [])]
        fields = list(asked.fields)
        if asked.honest:
            headers += [("Origin", self.node.origin), ("Sec-Fetch-Site", "same-origin")]
            token = self.node.node.sealing.sign("form", browser.cookies["visit"])
            fields = [("csrf", token), *((name, value) for name, value in fields if name != "csrf")]
        body = urlencode(fields, errors="surrogatepass").encode() if asked.body is None else asked.body
        kind = KINDS[0] if asked.honest and asked.body is None else asked.kind
        if asked.method in ("POST", "PUT", "PATCH") or asked.body is not None:
            headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
        else:
            body = b""
        headers += [(name, re.sub(r"[\r\n\0]", " ", value)) for name, value in asked.headers]
        lines = [f"{asked.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body

    async def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Status and everything that came; of what never ends only the beginning."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.node.site.port)
        try:
            writer.write(self.raw(asked))
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(b"HTTP/1.1 100"):
                head = await reader.readuntil(b"\r\n\r\n")
            body = b"" if b"text/event-stream" in head else await reader.read()
            return int(head.split(b" ", 2)[1]), head + body
        finally:
            writer.close()


async def settled(node: Moot) -> Place:
    """A group, a thread with an answer in it, somebody who may everything, and somebody who lies about who they are."""
    await node.person("liam")
    await node.person("keeper")
    await node.group("garden", "liam", "keeper")
    thread = await node.start("liam", "garden", "Sheds")
    await node.say("keeper", thread, "Yes, #sheds.")
    browsers = {"liam": await browser_of(node, "liam"), "keeper": await browser_of(node, "keeper")}
    browsers |= {"stranger": Browser(node), "forger": Browser(node, {"session": "x" * 43})}

    def trust(work: Work) -> None:
        keeper = people.by_name(work, "keeper")
        assert keeper is not None
        account = work.get(Account, keeper.id)
        assert account is not None
        account.admin = True

    await node.storage.write(trust)
    for browser in browsers.values():
        browser.cookies.setdefault("visit", "v" * 43)
    there = {
        "name": "garden",
        "uid": thread.rpartition("/")[2],
        "handle": "liam",
        "tag": "sheds",
        "host": "mallory.test",
    }
    return Place(node, there, browsers)


def wrong_with(asked: Asked, status: int, came: bytes) -> str | None:
    """What may not be in any answer."""
    if b"Traceback" in came or b"sqlalchemy" in came.lower():
        return "it shows what is inside"
    # 503 is said of ourselves, and of a key that cannot be fetched just now: always with when to come again.
    if status >= 500 and not (status == 503 and (b"retry-after" in came.lower() or asked.route == "/readyz")):
        return f"{status}"
    return None


@pytest.mark.timeout(120 + SECONDS * 2)
async def test_any_request_has_an_answer_of_ours(node: Moot, caplog: pytest.LogCaptureFixture) -> None:
    """WEB-25, WEB-28, HTT-08, HTT-10: whatever is sent, by strangers, members and admins."""
    place = await settled(node)
    routes = sorted({resource.canonical for resource in node.app.router.resources()})
    assert len(routes) > 100
    loop = asyncio.get_running_loop()
    until = time.monotonic() + SECONDS
    told: dict[int, int] = {}
    asked = itertools.count()
    slowest = 0.0
    caplog.set_level(logging.ERROR)

    async def ask(each: Asked) -> None:
        nonlocal slowest
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            status, came = await place.answer(each)
        slowest = max(slowest, time.monotonic() - began)
        told[status] = told.get(status, 0) + 1
        assert (wrong := wrong_with(each, status, came)) is None, f"{wrong}: {came[:300]!r}"
        # What is no HTTP is refused by aiohttp, in its own words.
        faults = [record for record in caplog.records if record.exc_info and record.name != "aiohttp.server"]
        caplog.clear()
        assert not faults, faults[0].getMessage()

    def check(several: list[Asked]) -> None:
        for each in several:
            if next(asked) < LEAST or time.monotonic() < until:
                asyncio.run_coroutine_threadsafe(ask(each), loop).result(PATIENCE + 5)

    several = given(st.lists(requests(routes), min_size=1, max_size=8))
    # To make a failure smaller takes minutes, and it is small enough.
    some = settings(
        max_examples=20, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    for number in itertools.count():
        if sum(told.values()) >= LEAST and time.monotonic() > until:
            break
        await asyncio.to_thread(seed(number if not LONG else random.getrandbits(60))(some(several(check))))
    print(f"{sum(told.values())} requests, the slowest {slowest:.2f} s; statuses {dict(sorted(told.items()))}")
    assert {200, 404} <= told.keys()
    assert (await Browser(node).get("/groups")).status == 200
