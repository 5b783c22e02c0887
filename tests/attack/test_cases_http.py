"""What is not quite HTTP, or HTTP of an unusual kind, byte by byte (HTT)."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import pytest
from aiohttp import http_parser

from node.serving import CannotListen, refuse_known_holes
from tests.equipment.browsers import Answer, Browser, browser_of
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer
from tests.peers.wire import Reply, digest_of, send_raw

BODY = b'{"type":"Like"}'
HEAD = b"Host: node.test\r\nConnection: close\r\n"

# HTT-01: two readers of one connection would see different requests.
POST = b"POST /inbox HTTP/1.1\r\n" + HEAD
GET = b"GET / HTTP/1.1\r\n" + HEAD
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = {
    "content length and chunks": POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "chunked and not": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +4\r\n\r\nabcd",
    "a length in other digits": POST + b"Content-Length: \xef\xbc\x94\r\n\r\nabcd",
    "a space before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "a folded header": GET + b"X-A: 1\r\n 2\r\n\r\n",
    "a NUL": GET + b"X-A: 1\x002\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: node.test\nX: y\rZ: a\r\n\r\n",
    "two hosts": GET + b"Host: evil.test\r\n\r\n",
    "no such version": GET.replace(b"1.1", b"9.9") + b"\r\n",
    "no method": GET.removeprefix(b"GET") + b"\r\n",
    "an odd chunk size": POST + CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n",
}


async def sent(node: Moot, request: bytes, *, seconds: float = 20) -> int:
    """The status of the answer; 400 where the server hangs up without one."""
    try:
        return (await send_raw(request, ("127.0.0.1", node.site.port), seconds=seconds)).status
    except ConnectionError:
        return 400


async def lives(node: Moot) -> bool:
    return (await node.get("/.well-known/nodeinfo"))[0] == 200


async def test_requests_that_two_servers_would_read_differently_are_refused(node: Moot) -> None:
    """HTT-01, SIG-22"""
    answers = {name: await sent(node, request) for name, request in SMUGGLED.items()}

    assert {name: status for name, status in answers.items() if status not in (400, 501, 505)} == {}
    assert await lives(node)


async def test_what_a_broken_request_is_answered_runs_nowhere(node: Moot) -> None:
    """HTT-11: aiohttp shows where it is broken, as plain text."""
    reply = await send_raw(b"GET / HTTP/1.1\r\n" + HEAD + b"X-<script>: 1\x002\r\n\r\n", ("127.0.0.1", node.site.port))

    assert reply.status == 400
    assert reply.headers["content-type"].startswith("text/plain")
    assert b"Traceback" not in reply.body


async def test_headers_without_measure_are_refused(node: Moot) -> None:
    """FET-05 turned round: somebody sends us 1 MB of headers, or 20 000 of them."""
    one = b"GET / HTTP/1.1\r\n" + HEAD + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n"
    many = b"GET / HTTP/1.1\r\n" + HEAD + b"".join(b"X-%d: 1\r\n" % i for i in range(20_000)) + b"\r\n"
    long = b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n"

    assert {await sent(node, request) for request in (one, many, long)} <= {400, 414, 431}
    assert await lives(node)


@pytest.fixture
def posted(node: Moot, world: ScriptedServer):  # type: ignore[no-untyped-def]
    """Sends a well signed Follow of a group, bent afterwards."""

    async def post(**how: object) -> Reply:
        garden = f"{node.origin}/g/garden"
        maria = world.actor("maria@mastodon.test")
        signed = maria.signed(maria.letter(f"{node.origin}/inbox", maria.follow(garden)))
        request = signed.raw()
        line = how.get("line")
        if isinstance(line, str):
            request = line.encode() + request[request.index(b"\r\n") :]
        try:
            return await send_raw(request, ("127.0.0.1", node.site.port))
        except ConnectionError:
            return Reply(400, {}, b"")

    return post


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.test/inbox",
        "https://node.test/inbox",
        "http://node.test/inbox",
        "//inbox",
        "/%69nbox",
        "/inbox/",
        "/./inbox",
        "/INBOX",
        "/inbox?x=1",
        "/inbox#x",
        "//evil.test/inbox",
        "/%zz/inbox",
        "/g%2fgarden/inbox",
        "*",
    ],
)
async def test_a_letter_to_another_spelling_of_the_inbox_is_not_taken(node: Moot, posted, target: str) -> None:  # type: ignore[no-untyped-def]
    """SIG-15, SIG-16, SIG-20, HTT-10"""
    garden = await node.group("garden")
    reply = await posted(line=f"POST {target} HTTP/1.1")
    await node.settle()

    assert reply.status in (400, 401, 404, 405, 421), reply
    assert await node.follower_count(garden) == 0

    assert (await posted()).status == 202
    await node.settle()
    assert await node.follower_count(garden) == 1


async def test_a_length_that_lies_costs_nothing_and_breaks_nothing(node: Moot) -> None:
    """HTT-03, PAR-08: too long is refused unread; too short leaves a letter that is none."""
    huge = b"POST /inbox HTTP/1.1\r\n" + HEAD
    huge += b"Content-Type: application/activity+json\r\nContent-Length: 99000000000\r\n\r\n{"
    assert await sent(node, huge) == 413

    short = b"POST /inbox HTTP/1.1\r\n" + HEAD
    short += b"Content-Type: application/activity+json\r\nContent-Length: 3\r\n\r\n" + BODY
    assert await sent(node, short) in (400, 401)

    _reader, writer = await asyncio.open_connection("127.0.0.1", node.site.port)
    writer.write(b"POST /inbox HTTP/1.1\r\n" + HEAD + b"Content-Length: 500000\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert await lives(node)


async def test_chunks_are_counted_too(node: Moot) -> None:
    """PAR-08: more than 1 MiB in chunks, and ten thousand tiny ones (HTT-04)."""
    head = b"POST /inbox HTTP/1.1\r\n" + HEAD
    head += b"Content-Type: application/activity+json\r\nTransfer-Encoding: chunked\r\n\r\n"
    large = head + b"".join(b"10000\r\n" + b"a" * 65536 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    tiny = head + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n"

    assert await sent(node, large) == 413
    assert await sent(node, tiny) in (400, 401)
    assert await lives(node)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity", "gzip, gzip"])
async def test_an_inbox_takes_no_encoded_content(node: Moot, encoding: str) -> None:
    """SIG-49"""
    body = gzip.compress(BODY)
    request = b"POST /inbox HTTP/1.1\r\n" + HEAD + b"Content-Type: application/activity+json\r\n"
    request += f"Content-Encoding: {encoding}\r\nDigest: {digest_of(body)}\r\n".encode()
    request += f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    assert await sent(node, request) in (400, 415)  # 400: aiohttp has no means to inflate it


@pytest.mark.parametrize(
    "kind",
    ["text/html", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "*/*", ""],
)
async def test_a_browser_s_form_cannot_reach_an_inbox(node: Moot, kind: str) -> None:
    """PAR-22"""
    request = b"POST /inbox HTTP/1.1\r\n" + HEAD + f"Content-Type: {kind}\r\n".encode()
    request += f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY

    assert await sent(node, request) == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
async def test_an_inbox_is_for_letters_alone(node: Moot, method: str) -> None:
    """WEB-25: the method is not allowed, and what TRACE would echo is not echoed."""
    request = f"{method} /inbox HTTP/1.1\r\n".encode() + HEAD + b"X-Secret: never-echoed\r\nContent-Length: 0\r\n\r\n"
    reply = await send_raw(request, ("127.0.0.1", node.site.port))

    assert reply.status in (404, 405)
    assert b"never-echoed" not in reply.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
async def test_pages_are_for_reading(node: Moot, method: str) -> None:
    """WEB-25"""
    await node.group("garden")
    request = f"{method} /g/garden HTTP/1.1\r\n".encode() + HEAD + b"Content-Length: 0\r\n\r\n"
    request = request.replace(b"Content-Length", b"X-HTTP-Method-Override: DELETE\r\nContent-Length")

    assert await sent(node, request) == 405
    assert (await node.get("/g/garden"))[0] == 200


async def test_head_says_what_get_would_and_nothing_more(node: Moot) -> None:
    """WEB-25"""
    garden = await node.group("garden")
    get = await send_raw(b"GET /g/garden HTTP/1.1\r\n" + HEAD + b"\r\n", ("127.0.0.1", node.site.port))
    head = await send_raw(b"HEAD /g/garden HTTP/1.1\r\n" + HEAD + b"\r\n", ("127.0.0.1", node.site.port))

    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert garden


async def test_the_address_that_a_proxy_claims_is_not_believed(node: Moot, world: ScriptedServer) -> None:
    """SIG-21: our address comes from the settings, whatever the headers say."""
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    letter = maria.letter("https://evil.test/inbox", maria.follow(garden))
    signed = maria.signed(letter)
    for name, value in {
        "X-Forwarded-Host": "node.test",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=node.test;proto=https",
        "X-Original-URL": "https://node.test/inbox",
    }.items():
        signed = signed.adding(name, value)
    reply = await world.send(signed, address=("127.0.0.1", node.site.port))
    await node.settle()

    assert reply.status in (401, 421)
    assert await node.follower_count(garden) == 0
    status, _, body = await node.get("/g/garden", X_Forwarded_Host="evil.test", Host="evil.test")
    assert status in (200, 400, 404, 421)
    assert b"evil.test" not in body


async def test_odd_paths_are_not_there(node: Moot) -> None:
    """HTT-08, HTT-10, UPL-08, PAR-30: no double decoding, no way out of the static files, no words for the database."""
    await node.group("garden")
    paths = [
        *("/static/..%2f..%2fpyproject.toml", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..\\..\\x"),
        *("/g/%2e%2e", "/g/garden%00", "/g/garden%0d%0aX-A:1", "/g/%ff", "/g/' OR 1=1--".replace(" ", "%20"), "/u/%25"),
        *("/post/%252e", "/a/create-'", "/tags/%27", "/d/%27%20OR%201", "/c/99999999999999999999999", "/nodeinfo/9.9"),
        *("/g/garden/replies?page='", "/g/garden?after='%20OR%201=1", "/g/garden?page=99999999999999999999"),
        *("/.well-known/webfinger?resource=%00", "/.well-known/webfinger?resource=acct:%27@node.test"),
        *("/interact?object=%00&intent=%27", "/g/garden/outbox?page=-1", "/g/garden/followers?page=1e9"),
    ]  # fmt: skip
    for path in paths:
        for accept in ("text/html", "application/activity+json"):
            request = f"GET {path} HTTP/1.1\r\nAccept: {accept}\r\n".encode() + HEAD + b"\r\n"
            status = await sent(node, request)
            assert status < 500, (path, accept, status)
            assert status != 200 or "garden?" in path or "/garden/" in path, (path, accept)


async def test_an_inbox_whose_name_holds_a_nul_is_not_there(node: Moot, world: ScriptedServer) -> None:
    """PAR-11: SQLite looks for it, PostgreSQL refuses to."""
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    reply = await maria.post(f"{garden}%00/inbox", maria.follow(garden))
    await node.settle()

    assert reply.status == 404
    assert await node.follower_count(garden) == 0


async def test_a_request_of_the_last_century_is_answered(node: Moot) -> None:
    """HTT-13"""
    reply = await send_raw(b"GET / HTTP/1.0\r\nHost: node.test\r\n\r\n", ("127.0.0.1", node.site.port))
    assert reply.status == 200
    waits = b"POST /inbox HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"
    assert await sent(node, waits) in (100, 400, 401, 415)


def test_a_node_does_not_start_on_a_library_with_known_holes() -> None:
    """HTT-01, HTT-12: aiohttp's parser in Python lets some of these pass, and so do older versions."""
    refuse_known_holes()
    refuse_known_holes("4.0.1")
    for version in ("3.14.2", "3.9.1", "3.13.0rc1"):
        with pytest.raises(CannotListen, match="known holes"):
            refuse_known_holes(version)
    with pytest.raises(CannotListen, match="AIOHTTP_NO_EXTENSIONS"):
        refuse_known_holes(parser=http_parser.HttpRequestParserPy)
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text()
    pinned = re.search(r"^aiohttp==(.+)$", pins, re.MULTILINE)
    assert pinned is not None
    refuse_known_holes(pinned[1])


async def test_a_digest_and_a_signature_behind_the_body_count_for_nothing(node: Moot, world: ScriptedServer) -> None:
    """SIG-50: trailers of a chunked body are read by nobody."""
    garden = await node.group("garden")
    maria = world.actor("maria@mastodon.test")
    signed = maria.signed(maria.letter(f"{node.origin}/inbox", maria.follow(garden)))
    moved = {name: signed.value(name) for name in ("Digest", "Signature")}
    for kept in ((), ("Digest",), ("Signature",)):
        head = b"POST /inbox HTTP/1.1\r\n" + HEAD + b"Content-Type: application/activity+json\r\n"
        head += f"Date: {signed.value('Date')}\r\nTransfer-Encoding: chunked\r\nTrailer: Digest, Signature\r\n".encode()
        head += b"".join(f"{name}: {moved[name]}\r\n".encode() for name in kept)
        body = f"{len(signed.body):x}\r\n".encode() + signed.body + b"\r\n0\r\n"
        trailers = b"".join(f"{name}: {value}\r\n".encode() for name, value in moved.items())
        assert await sent(node, head + b"\r\n" + body + trailers + b"\r\n") in (400, 401), kept
    await node.settle()
    assert await node.follower_count(garden) == 0


BROWSERS = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "text/html, application/activity+json;q=0.9",
    "*/*",
    "application/json",
    "text/*",
    "application/activity+json;q=0, text/html",
    "image/avif,image/webp,*/*",
)
SERVERS = (
    "application/activity+json",
    'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
    'application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams", text/html;q=0.1',
    "Application/Activity+JSON; charset=utf-8",
    "application/json, application/activity+json",
    "text/html;q=0.5, application/ld+json",
)


async def test_browsers_get_pages_and_servers_get_documents(node: Moot) -> None:
    """HTT-07, HTT-05: whatever else stands in Accept, and however it is weighed; caches are told that it matters."""
    await node.person("liam")
    await node.group("garden", "liam")
    for accept in BROWSERS + SERVERS:
        status, response, _ = await node.get("/g/garden", accept)
        expected = "text/html" if accept in BROWSERS else "application/activity+json"
        assert (status, response.content_type) == (200, expected), accept
        assert "accept" in response.headers["Vary"].lower(), accept


def tag_of(answer: Answer) -> str:
    """The ETag of a page, however it is spelt."""
    return next((value for name, value in answer.headers.items() if name.lower() == "etag"), "")


async def test_what_one_reader_gets_is_kept_by_no_cache_and_given_to_no_other(node: Moot) -> None:
    """HTT-06: the tag of a private page opens nothing, two readers have two tags, and strangers share theirs."""
    for name in ("liam", "mira", "otto"):
        await node.person(name)
    await node.group("garden", "liam", "mira", "otto")
    await node.group("cellar", "liam", "mira", privacy="secret")
    readers = {name: await browser_of(node, name) for name in ("liam", "mira", "otto")}
    private, public = await readers["liam"].page("/g/cellar"), await readers["liam"].page("/g/garden")

    assert private.headers["Cache-Control"] == "private, no-store"
    assert public.headers["Cache-Control"] == "private, no-cache"
    assert "cookie" in public.headers["Vary"].lower()
    for name in ("otto", None):
        reader = readers[name] if name else Browser(node)
        answer = await reader.get("/g/cellar", If_None_Match=tag_of(private))
        assert answer.status == 404, "304 would say that it is there"
    strangers = [await Browser(node).page("/g/garden") for _ in range(2)]
    assert tag_of(strangers[0]) == tag_of(strangers[1]) != tag_of(public)
    signed_in = await readers["mira"].get("/g/garden", If_None_Match=tag_of(strangers[0]))
    assert signed_in.status == 200, "what strangers got is not what a member gets"
    assert "private" not in strangers[0].headers["Cache-Control"]
    status, response, _ = await node.get("/g/garden")
    assert (status, response.headers["Cache-Control"]) == (200, "public, max-age=60")
    assert response.headers["ETag"] not in (tag_of(public), tag_of(strangers[0]))
