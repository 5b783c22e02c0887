"""What stands around every page: the headers that keep readers safe, and what machines read of it."""

import re

import pytest

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture
async def places(moot):
    """An address for every route there is, and some that lead nowhere."""
    group, liam = await moot.group(), await moot.person("liam", "Liam Moran")
    await moot.person("old", state="deleted")
    thread = await moot.thread(group, liam)
    await moot.say(thread, liam, "Yes. #commons")
    for kind, target in (("d", {"thread_id": thread}), ("c", {"comment_id": 2}), ("g", {"actor_id": group})):
        await moot.alias(f"loomio:{kind}", "7" if kind == "c" else "Ab3dEf", **target)
    return {
        "/": 200,
        "/about": 200,
        "/robots.txt": 200,
        "/favicon.ico": 200,
        "/static/look.css": 200,
        "/static/none": 404,
        "/g/commons": 200,
        "/g/Ab3dEf": 301,
        "/g/nobody": 404,
        "/u/liam": 200,
        "/u/old": 410,
        await moot.path(thread): 200,
        f"{await moot.path(thread)}/fetch": 405,
        "/tags/commons": 200,
        "/tags/Commons": 301,
        "/tags/none": 404,
        f"/post/{(await moot.item(thread, 0)).uid}": 303,
        f"/comment/{(await moot.item(thread, 1)).uid}": 303,
        "/comment/none": 404,
        "/interact?object=https://moot.example/g/commons&intent=follow": 200,
        "/interact": 404,
        "/d/Ab3dEf": 301,
        "/d/Ab3dEf/slug": 301,
        "/d/Ab3dEf/slug/1": 301,
        "/d/Ab3dEf/comment/7": 301,
        "/c/7": 301,
        "/nothing": 404,
    }


async def test_every_answer_keeps_its_readers_safe(moot, places):
    """XSS-12, XSS-13, WEB-17"""
    for path, status in places.items():
        for method in ("GET", "HEAD", "POST", "PUT"):
            response = await moot.client.request(
                method,
                path,
                headers={"Accept": "text/html"},
                allow_redirects=False,
                data=b"" if method != "GET" else None,
            )
            if method == "GET":
                assert response.status == status, path
            headers = response.headers
            assert headers["Content-Security-Policy"] == POLICY, (method, path)
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "geolocation=()" in headers["Permissions-Policy"]
            assert re.fullmatch("[0-9a-f]{16}", headers["X-Request-Id"])


async def test_no_page_has_scripts_or_styles_in_it(moot, places):
    for path, status in places.items():
        response = await moot.get(path)
        if response.content_type == "text/html" and status != 301:
            source = await response.text()
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", source), path


async def test_negotiated_pages_say_so(moot, places):
    """HTT-05"""
    for path in places:
        if re.match("/([gu]|post|comment)/", path):
            assert "Accept" in (await moot.get(path)).headers["Vary"].split(", "), path


async def test_a_page_names_its_object_once_in_a_header_and_once_in_itself(moot, places):
    """Mastodon reads the first Link header only, and wants exactly the object's id."""
    thread = next(path for path in places if "-what-next" in path)
    opening = (await moot.item(1, 0)).uri
    for path, uri in (
        ("/g/commons", "https://moot.example/g/commons"),
        ("/u/liam", "https://moot.example/u/liam"),
        (thread, opening),
        (f"{thread}?view=flat", opening),
    ):
        response = await moot.get(path)
        assert response.headers.getall("Link") == [f'<{uri}>; rel="alternate"; type="application/activity+json"']
        page = await moot.page(path)
        assert page.one("link", rel="alternate", type_="application/activity+json").get("href") == uri


async def test_pages_introduce_themselves(moot, places):
    thread = next(path for path in places if "-what-next" in path)
    page = await moot.page(f"{thread}?view=flat&at=1")
    assert page.one("link", rel="canonical").get("href") == f"https://moot.example{thread}"
    assert page.meta("og:title") == "What next?"
    assert page.meta("og:description") == "Tell us."
    assert page.meta("og:site_name") == "The Moot"
    assert page.meta("og:type") == "article"
    assert page.meta("article:published_time").startswith("2017-06-07T14:")
    assert page.meta("fediverse:creator") == "@liam@moot.example"
    assert (await moot.page(f"{thread}?after=1")).one("link", rel="canonical").get("href").endswith("?after=1")


async def test_who_holds_a_page_already_gets_nothing_again(moot, places):
    for path in ("/", "/g/commons", "/u/liam", next(path for path in places if "-what-next" in path)):
        first = await moot.get(path)
        again = await moot.get(path, **{"If-None-Match": first.headers["ETag"]})
        assert again.status == 304
        assert await again.read() == b""
        assert "Accept" in again.headers["Vary"].split(", ")
        other = await moot.get(path, **{"If-None-Match": 'W/"0123456789abcdef01234567"'})
        assert other.status == 200


async def test_a_changed_page_has_another_tag(moot, places):
    path = next(path for path in places if "-what-next" in path)
    before = (await moot.get(path)).headers["ETag"]
    await moot.say(1, 2, "One more.")
    assert (await moot.get(path, **{"If-None-Match": before})).status == 200


async def test_every_page_has_its_landmarks(moot, places):
    for path, status in places.items():
        response = await moot.get(path)
        if response.content_type != "text/html" or status in (301, 303):
            continue
        from_page = await response.text()
        assert from_page.count("<h1") == 1, path
        assert from_page.count("<main") == 1, path
        assert 'class="skip" href="#main"' in from_page, path
        assert '<html lang="en" dir="ltr">' in from_page, path


async def test_a_page_without_texts_in_the_language_of_the_node_says_that_it_is_in_english(open_moot):
    moot = await open_moot(language="tlh")
    html = (await moot.page("/")).tree
    assert (html.get("lang"), html.get("dir")) == ("en", "ltr")
