"""Whatever a form or an address holds: no page breaks, a word says what is wrong, and no other word is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import ClientResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.equipment.samples import WHOLE, some
from tests.web.authorisation import TABLE, filled
from tests.web.conftest import ORIGIN, Browser
from tests.web.worlds import Worlds, build

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
POSTS = sorted(route.partition(" ")[2] for route in TABLE if route.startswith("POST "))
GETS = sorted(route.partition(" ")[2] for route in TABLE if route.startswith("GET "))
# Everything that a form of ours has a field for.
FIELDS = (
    *("act", "addresses", "address", "again", "back", "carried", "category", "code", "comments", "credential", "do"),
    *("description", "display_name", "email", "forward", "group", "guest", "handle", "hue", "intent", "invitation"),
    *("join", "join_prompt", "keys_off", "kind", "language", "listed", "login", "name", "next", "nonce", "note"),
    *("notice", "object", "parent", "passkey", "password", "place", "privacy", "reason", "request", "role", "seen"),
    *("session", "since", "slow_mode", "source", "step", "summary", "tags", "threads", "title", "to", "turn", "typed"),
    *("unread_from", "view", "visibility", "whiteboard", "who", "who_may_start", "words", "zone", "undo", "kept"),
)
STRANGE = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: nonsense\r\n\r\n!!\r\n--x--\r\n'
)
ODD = (
    "nothing",
    "a big number",
    "a number that is none",
    "NUL",
    "controls",
    "unpaired",
    "template",
    "SQL",
    "path",
    "long",
)
METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE")
QUERIES = ("before", "after", "at", "page", "q", "view", "next", "who", "role", "to", "uri", "object", "text", "done")
NASTY = {
    "nothing": "",
    "spaces": " \t\n\r ",
    "long": "many words " * 15_000,
    "one long word": "x" * 70_000,
    "a big number": "9" * 400,
    "a number below nothing": "-1",
    "a number that is none": "²",
    "NUL": "a\0b",
    "controls": "a\x01\x1b\x7f\x85b",
    "turned around": "\u202eevil\u2066",
    "combining": "a" + "\u0301" * 2000,
    "unpaired": "no pair: \ufffe \U0010ffff",
    "markup": "<script>alert(1)</script>\"'><b>&amp;",
    "template": "{{ 7*7 }}{% raw %}%(name)s {0} $x",
    "SQL": "'; DROP TABLE actors; -- %_\\",
    "path": "../../etc/passwd",
    "headers": "a\r\nSet-Cookie: evil=1",
    "JSON": '{"a": [',
}


@pytest.fixture
async def worlds(open_moot: Callable[..., Any]) -> Worlds:
    """Groups with everybody in them; whatever is done there is undone."""
    return await build(await open_moot(sign_up="open", smtp_url="smtps://mail.example"))


def whose(worlds: Worlds, path: str) -> Browser:
    """The browser of somebody who may do most of what an address is for."""
    role = "keeper" if path.startswith("/admin") else "author" if "{uid}" in path else "admin"
    browser = worlds.browsers[role]
    return Browser(browser.moot, dict(browser.cookies))


async def told(answer: ClientResponse, what: str) -> str:
    """The answer's words: it is one of ours, whatever was asked."""
    if answer.content_type == "text/event-stream":
        answer.close()
        return ""
    words = (await answer.read()).decode("utf-8", "replace")
    assert answer.status < 500, (what, answer.status)
    assert "Traceback" not in words, what
    if answer.status >= 400:
        assert "X-Request-Id" in answer.headers, (what, answer.status, words[:200])
        assert answer.content_type == "application/json" or "<h1" in words, (what, answer.status, words[:200])
    return words


async def send(browser: Browser, path: str, body: bytes, **headers: str) -> ClientResponse:
    """A form as bytes, with its token."""
    sent = browser.headers | {"Origin": ORIGIN, "Content-Type": FORM} | headers
    return await browser.moot.client.post(path, data=body, headers=sent, allow_redirects=False)


async def at_once(asked: Iterable[Awaitable[None]]) -> None:
    """Some at a time: a few answers take their time on purpose."""
    few = asyncio.Semaphore(8)

    async def one(asking: Awaitable[None]) -> None:
        async with few:
            await asking

    await asyncio.gather(*(one(asking) for asking in asked))


def encoded(browser: Browser, pairs: list[tuple[str, str]]) -> bytes:
    return urlencode([("csrf", browser.token()), *pairs], errors="surrogatepass").encode()


@pytest.mark.timeout(300)
async def test_no_field_breaks_a_form(worlds: Worlds) -> None:
    """Every value in all of a route's own fields but one, and in those that it has not but other forms have."""
    values = worlds.common | worlds.worlds["open"].values
    short = [nasty for nasty in NASTY.values() if len(nasty) < 2000]

    async def ask(number: int, route: str) -> None:
        path, fields = filled(f"POST {route}", values)
        browser = whose(worlds, route)
        others = [name for name in FIELDS if name not in fields]
        for turn in (0, 5, 10):
            pairs = [(name, short[(at + number + turn) % len(short)]) for at, name in enumerate(others)]
            await told(await send(browser, path, encoded(browser, [*_pairs(fields), *pairs])), f"{route}: {pairs}")
        kept = next(iter(fields)) if len(fields) > 1 else None
        for what, nasty in some(NASTY.items(), 3, number) if fields else []:
            pairs = _pairs({name: value if name == kept else nasty for name, value in fields.items()})
            await told(await send(browser, path, encoded(browser, pairs)), f"{route}: {what} in all but {kept}")

    await at_once(ask(number, route) for number, route in enumerate(POSTS))


def _pairs(fields: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = []
    for name, value in fields.items():
        pairs += [(name, str(each)) for each in (value if isinstance(value, list) else [value])]
    return pairs


LETTERS = st.text(st.characters(exclude_categories=()), max_size=120)  # lone surrogates too
GUESSES = st.one_of(LETTERS, st.sampled_from(["0", "-1", "1e9", "on", "admin", "preview", "accept", "{}", "//", "@"]))


@pytest.mark.timeout(300)
@settings(
    max_examples=150 if WHOLE else 50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    route=st.sampled_from(POSTS),
    pairs=st.lists(st.tuples(st.sampled_from(FIELDS), GUESSES), max_size=8),
    own=st.booleans(),
)
async def test_no_form_at_all_breaks_a_page(
    worlds: Worlds, route: str, pairs: list[tuple[str, str]], own: bool
) -> None:
    """Any fields with anything in them, beside those that the route asks for or instead of them."""
    path, fields = filled(f"POST {route}", worlds.common | worlds.worlds["open"].values)
    browser = whose(worlds, route)
    body = encoded(browser, [*pairs, *(_pairs(fields) if own else [])])
    await told(await send(browser, path, body), f"{route}: {pairs}")


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_a_form_that_comes_in_another_shape_is_refused_in_words(worlds: Worlds) -> None:
    """Other types, other letters, too many fields, fields twice, none at all, and half of a form in parts."""
    values = worlds.common | worlds.worlds["open"].values

    async def ask(number: int, route: str) -> None:
        path, fields = filled(f"POST {route}", values)
        browser = whose(worlds, route)
        form = encoded(browser, _pairs(fields))
        token = f"csrf={browser.token()}".encode()
        twice = encoded(browser, _pairs(fields) * 2)
        many = token + b"".join(b"&x%d=1" % number for number in range(510))
        shapes: list[tuple[str, bytes, str]] = [
            ("nothing", b"", FORM),
            ("its token alone", token, FORM),
            ("every field twice", twice, FORM),
            ("too many fields", many, FORM),
            ("no UTF-8", form + b"&source=caf%E9&words=%FF%FE&title=%80", FORM),
            ("a lone surrogate", form + b"&source=%ED%A0%80&words=%ED%A0%80&title=%ED%A0%80", FORM),
            ("raw bytes", form + b"&source=\xff\xfe\x00", FORM),
            ("broken escapes", token + b"&source=%&words=%zz&title=%u1234", FORM),
            ("JSON", b'{"source": "x"}', "application/json"),
            ("plain text", form, "text/plain"),
            ("no type", form, "application/octet-stream"),
            ("another encoding", form, f"{FORM}; charset=utf-16"),
            ("an encoding that is none", form, f"{FORM}; charset=nonsense"),
            ("half a form in parts", b"--x\r\nContent-Disposition: form-data; name=", f"{PARTS}; boundary=x"),
            ("a part without a head", b"--x\r\nfoo\r\n\r\nabc\r\n--x--", f"{PARTS}; boundary=x"),
            ("a part in a strange encoding", STRANGE, f"{PARTS}; boundary=x"),
            ("parts without a boundary", form, PARTS),
            ("a file", _with_file(browser), f"{PARTS}; boundary=xyz"),
        ]
        for what, body, kind in some(shapes, 3, number):
            await told(await send(browser, path, body, **{"Content-Type": kind}), f"{route}: {what}")

    await at_once(ask(number, route) for number, route in enumerate(POSTS))


def _with_file(browser: Browser) -> bytes:
    return (
        f'--xyz\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{browser.token()}\r\n'
        '--xyz\r\nContent-Disposition: form-data; name="source"; filename="a.txt"\r\n'
        "Content-Type: text/plain; charset=nonsense\r\n\r\nfile\r\n--xyz--\r\n"
    ).encode()


@pytest.mark.timeout(300)
async def test_another_method_does_nothing(worlds: Worlds) -> None:
    """WEB-25: with or without a header that names one to use instead."""
    values = worlds.common | worlds.worlds["open"].values
    for number, route in enumerate(sorted({*POSTS, *GETS})):
        for method in some(METHODS, 2, number):
            await _ask_otherwise(worlds, method, route, values)


async def _ask_otherwise(worlds: Worlds, method: str, route: str, values: dict[str, str]) -> None:
    path, fields = filled(f"POST {route}" if route in POSTS else f"GET {route}", values)
    browser = whose(worlds, route)
    worlds.wrote.clear()
    headers = browser.headers | {
        "Origin": ORIGIN, "Content-Type": FORM, "X-HTTP-Method-Override": "POST", "X-HTTP-Method": "DELETE",
    }  # fmt: skip
    async with worlds.moot.client.request(
        method, path, data=encoded(browser, [*_pairs(fields), ("_method", "POST")]), headers=headers,
        allow_redirects=False,
    ) as answer:  # fmt: skip
        assert answer.status < 500, (method, path, answer.status)
        if method == "HEAD":
            assert await answer.read() == b""
        else:
            assert answer.status in (404, 405), (method, path, answer.status)
    if method == "HEAD" and TABLE.get(f"GET {route}", TABLE["GET /"]).writes:
        await worlds.settle()
        return
    assert not sum(worlds.wrote), (method, path)


@pytest.mark.timeout(300)
async def test_no_address_breaks_a_page(worlds: Worlds) -> None:
    """Each part of each address, and every query that any page knows."""
    values = worlds.common | worlds.worlds["open"].values

    async def look(number: int, route: str) -> None:
        browser = whose(worlds, route)
        path = filled(f"GET {route}", values)[0].partition("?")[0]
        for what in some(ODD, 3, number):
            nasty = NASTY[what][:3000]
            query = urlencode([(name, nasty) for name in QUERIES]) if len(nasty) < 500 else f"q={_segment(what)}"
            await told(await browser.get(f"{path}?{query}"), f"{route}?{what}")
            for name in re.findall(r"\{\w+\}", route):
                odd = _with(route, name, _segment(what), values)
                await told(await browser.get(odd), f"{route}: {what} for {name}")

    async def act(number: int, route: str) -> None:
        browser = whose(worlds, route)
        fields = filled(f"POST {route}", values)[1]
        for what in some(ODD, 3, number):
            for name in re.findall(r"\{\w+\}", route):
                odd = _with(route, name, _segment(what), values, method="POST")
                body = encoded(browser, _pairs(fields))
                await told(await send(browser, odd, body), f"POST {route}: {what} for {name}")

    looks = [look(number, route) for number, route in enumerate(GETS)]
    await at_once([*looks, *(act(number, route) for number, route in enumerate(POSTS))])


def _segment(what: str) -> str:
    return quote(NASTY[what][:3000], safe="") or "%20"


def _with(route: str, name: str, segment: str, values: dict[str, str], method: str = "GET") -> str:
    """The route's address with something odd in one of its places."""
    path, _ = filled(f"{method} {route}", values)
    parts = path.partition("?")[0].split("/")
    return "/".join(segment if held == name else part for held, part in zip(route.split("/"), parts, strict=True))
