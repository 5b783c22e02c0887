"""What goes wrong, in words, with a request id and without a word too many."""

import asyncio
import logging

import pytest
from aiohttp import web

from node.forum.errors import Invalid, NotAllowed, NotFound
from storage.work import StorageUnavailable


@pytest.fixture
async def trouble(moot, monkeypatch):
    """Raises what is given wherever a page reads the database."""

    def cause(error):
        async def fail(*_args, **_kwargs):
            raise error

        monkeypatch.setattr(moot.storage, "read", fail)
        return moot

    return cause


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (NotFound("There is no such thread."), 404, "There is no such thread."),
        (NotAllowed("Members only."), 403, "Members only."),
        (Invalid("A title has at most 200 characters."), 400, "A title has at most 200 characters."),
        (StorageUnavailable("database is locked"), 503, "The node is busy"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "larger than this node takes"),
        (RuntimeError("secret detail"), 500, "It is our fault"),
    ],
)
async def test_trouble_becomes_a_page(trouble, error, status, words, caplog):
    caplog.set_level(logging.CRITICAL)
    response = await trouble(error).get("/")
    source = await response.text()
    assert response.status == status
    assert words in source
    assert response.headers["X-Request-Id"] in source
    assert response.headers["Cache-Control"] == "no-store"
    for secret in ("secret detail", "database is locked", "Traceback"):
        assert secret not in source


async def test_the_log_names_the_request_in_one_line_whatever_its_path(trouble, caplog):
    """PAR-29"""
    response = await trouble(RuntimeError("broken")).get("/g/a%0d%0aERROR%20forged%1b[31m${jndi}")
    assert response.status in (404, 500)
    response = await trouble(RuntimeError("broken")).get("/?x=%0d%0a")
    record = next(r for r in caplog.records if response.headers["X-Request-Id"] in r.getMessage())
    assert "\n" not in record.getMessage()


async def test_a_wrong_method_says_which_are_right(moot):
    response = await moot.client.delete("/about", headers={"Accept": "text/html"})
    assert response.status == 405
    assert response.headers["Allow"] == "GET,HEAD"
    assert "does not take that kind of request" in await response.text()


async def test_who_asks_for_json_gets_the_error_as_json(moot):
    response = await moot.get("/nothing", Accept="application/activity+json")
    assert (response.status, response.content_type) == (404, "application/json")
    assert (await response.json())["error"] == "Not Found"


@pytest.mark.parametrize(
    "path",
    ["/%3Cscript%3Ealert(1)%3C/script%3E", "/g/%22%3E%3Cimg%20src=x%20onerror=1%3E", "/u/%7B%7B7*7%7D%7D"],
)
async def test_an_address_is_never_part_of_the_page_that_refuses_it(moot, path):
    """XSS-05, PAR-29"""
    response = await moot.get(path)
    source = await response.text()
    assert response.status == 404
    for word in ("alert(1)", "onerror", "7*7", ">49<"):
        assert word not in source


@pytest.mark.parametrize("path", ["/groups", "/nothing-here", "/livez"])
@pytest.mark.parametrize("expected", [b"\x89", b"200-ok", b"100-continue, \xff"])
async def test_what_nobody_can_meet_is_refused(node, path, expected, caplog):
    """HTT-08, HTT-10: an Expect that is none, even of bytes that are no text, is answered 417: no fault of ours."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.site.port)
    writer.write(b"GET %s HTTP/1.1\r\nHost: node.test\r\nExpect: %s\r\n\r\n" % (path.encode(), expected))
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert status.startswith(b"HTTP/1.1 417 ")
    assert not caplog.records
