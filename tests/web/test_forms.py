"""Forms: from our own pages alone, with their token, and without losing a word."""

from __future__ import annotations

import pytest
from aiohttp import web

from node.web import forms, look, session
from node.web.look import Head
from tests.web.conftest import ORIGIN, Page

WRITTEN = {"source": "Many words that took\nme an hour.", "title": "What next?", "password": "do not show"}


@pytest.fixture
async def writing(open_moot):
    """A node with a page that takes words from members."""

    async def take(request):
        reader = session.must_be_signed_in(request)
        form = await forms.read(request)
        return web.json_response({"by": reader.name, "source": form["source"], "tags": form.all("tag")})

    async def show(request):
        return look.page(request, "kept.html", Head(title="x"), why="", action="/write", fields=[], signed_in=True)

    return await open_moot(more_routes=[web.post("/write", take), web.get("/write", show)])


async def test_a_form_of_ours_is_taken(writing):
    ana = await writing.sign_in(await writing.person("ana"))
    response = await ana.post("/write", WRITTEN | {"tag": ["one", "two"]})
    assert response.status == 200
    assert await response.json() == {"by": "ana", "source": WRITTEN["source"], "tags": ["one", "two"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": ORIGIN.replace("https", "http")},
    ],
)
async def test_a_form_of_another_site_is_refused_even_with_a_token(writing, headers):
    """WEB-01"""
    ana = await writing.sign_in(await writing.person("ana"))
    response = await writing.client.post(
        "/write", data={"csrf": ana.token(), "source": "x"}, headers=ana.headers | headers
    )
    assert response.status == 403
    assert "another site" in await response.text()


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
async def test_only_forms_are_taken_for_forms(writing, kind):
    """WEB-01: simple content types carry no token."""
    ana = await writing.sign_in(await writing.person("ana"))
    response = await writing.client.post("/write", data=b"csrf=x", headers=ana.headers | {"Content-Type": kind})
    assert response.status == 415


@pytest.mark.parametrize("token", ["", "x" * 22, None])
async def test_a_form_without_its_token_gives_every_word_back(writing, token):
    """WEB-24"""
    ana = await writing.sign_in(await writing.person("ana"))
    fields = WRITTEN | ({"csrf": token} if token is not None else {})
    response = await writing.client.post("/write", data=fields, headers=ana.headers)
    page = Page(await response.text())
    assert response.status == 403
    assert page.one("textarea", name="source").text.strip("\n") == WRITTEN["source"]
    assert page.one("textarea", name="title").text.strip() == "What next?"
    assert "do not show" not in page.source
    page.one("form", action="/write")


async def test_what_a_stranger_wrote_is_taken_once_they_are_signed_in(writing):
    """WEB-24: the session ended meanwhile; the token of the page that gives the words back outlasts signing in."""
    stranger = writing.browser()
    response = await stranger.post("/write", WRITTEN)
    page = Page(await response.text())
    assert response.status == 403
    assert page.one("textarea", name="source").text.strip("\n") == WRITTEN["source"]
    page.one("a", href="/sign-in", target="_blank")
    ana = await writing.sign_in(await writing.person("ana"))
    ana.cookies |= stranger.cookies
    again = await ana.post("/write", {"source": page.one("textarea", name="source").text.strip("\n")})
    assert (await again.json())["source"] == WRITTEN["source"]


async def test_letters_that_cannot_be_read_are_shown_and_asked_about(writing):
    ana = await writing.sign_in(await writing.person("ana"))
    body = f"csrf={ana.token()}&source=caf%E9+and+more+words+that+must+not+be+lost+at+all+by+anybody"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await writing.client.post("/write", data=body.encode(), headers=ana.headers | kind)
    page = Page(await response.text())
    assert response.status == 400
    assert "caf\N{REPLACEMENT CHARACTER} and more words" in page.one("textarea", name="source").text


async def test_what_no_database_takes_is_replaced(writing):
    ana = await writing.sign_in(await writing.person("ana"))
    response = await ana.post("/write", {"source": "a\0b\r\nc"})
    assert (await response.json())["source"] == "a\N{REPLACEMENT CHARACTER}b\nc"


async def test_every_cookie_is_for_this_host_alone(writing):
    """WEB-04"""
    stranger = writing.browser()
    response = await stranger.get("/write")
    assert list(response.cookies) == ["__Host-visit"]
    cookie = response.cookies["__Host-visit"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["domain"] == ""
    assert "private" in response.headers["Cache-Control"]


async def test_a_page_without_a_form_sets_no_cookie(writing):
    response = await writing.browser().get("/about")
    assert not response.cookies
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        *("//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example", "javascript:alert(1)"),
        *("/%2f%2fevil.example", "/%5Cevil.example", "", "evil", "/a\nb", "/\tevil", " /x", "///evil.example"),
    ],
)
def test_nothing_leads_away_from_here(path):
    """WEB-14"""
    assert forms.path_within(path, "/home") == "/home"


def test_what_is_here_is_led_to():
    assert forms.path_within("/g/garden/abc-def?at=12#c-12") == "/g/garden/abc-def?at=12#c-12"


@pytest.mark.parametrize(
    ("forwarded", "network"),
    [
        ("", "127.0.0.0/24"),
        ("203.0.113.9", "203.0.113.0/24"),
        ("10.0.0.1, 203.0.113.9", "203.0.113.0/24"),
        ("203.0.113.9, 127.0.0.1", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("203.0.113.9, forged", "127.0.0.0/24"),
    ],
)
async def test_a_visitor_is_where_our_proxy_says(open_moot, forwarded, network):
    """HTT-09, WEB-13: what stands before our proxy's word anybody may have written."""

    async def tell(request):
        return web.Response(text=session.network_of(request))

    moot = await open_moot(more_routes=[web.get("/where", tell)])
    response = await moot.get("/where", **({"X-Forwarded-For": forwarded} if forwarded else {}))
    assert await response.text() == network
