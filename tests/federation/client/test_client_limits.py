"""What no other server can make the client do: wait, swallow, or hold up the rest."""

import asyncio
import gzip
import time
import tracemalloc
import zlib

import pytest
from aiohttp import web

from federation import lanes
from federation.alternates import alternate_of_header, alternate_of_page
from federation.budget import Budget
from federation.errors import Malformed, Refused, TooLarge, Unreachable, UnsupportedType
from federation.transport import KEEPALIVE, Limits, Warmth

AS2 = "application/activity+json"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\n"
QUICK = Limits(total=0.3, drained_within=0.1)
MIB = 1024 * 1024


async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunk: bytes, pace: float) -> int:
    """Write `chunk` again and again, every `pace` seconds, until the other side has had enough; the bytes it took."""
    written, closed = 0, asyncio.ensure_future(reader.read())
    try:
        while not closed.done():
            writer.write(chunk)
            await writer.drain()
            written += len(chunk)
            await asyncio.wait([closed], timeout=pace)
    except ConnectionError:
        return written
    finally:
        closed.cancel()
    return written


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        OK + b"Content-Length: 100000\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n10000\r\n",
    ],
)
async def test_a_trickle_ends_with_the_deadline_not_with_the_next_byte(world, open_client, budget, head):
    """FET-01"""

    async def talk(reader, writer):
        writer.write(head)
        await until_closed(reader, writer, b"x" if head else b"", 0.02)

    url = await world.raw("slow.test", talk)
    client = await open_client(limits=QUICK)
    begun = time.monotonic()
    with pytest.raises(Unreachable):
        await client.fetch(url + "/n/1", budget)
    assert time.monotonic() - begun < 3


async def test_redirects_share_one_deadline(world, open_client, budget):
    """FET-01"""
    slow = await world.peer("slow.test")

    async def step(request):
        # Each hop alone would be in time.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.15)
        raise web.HTTPFound(request.path + "x")

    for path in ("/a", "/ax", "/axx"):
        slow.answers[path] = step
    with pytest.raises(Unreachable):
        await (await open_client(limits=QUICK)).fetch("http://slow.test/a", budget)
    assert "/axxx" not in slow.paths


async def test_interim_answers_without_end_are_cut_off(world, open_client, budget):
    """FET-01"""

    async def talk(reader, writer):
        await until_closed(reader, writer, b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.01)

    with pytest.raises(Unreachable):
        await (await open_client(limits=QUICK)).fetch(await world.raw("slow.test", talk) + "/n/1", budget)


async def test_an_endless_body_is_cut_at_one_mebibyte(world, client, budget):
    """FET-02"""
    written = asyncio.get_running_loop().create_future()

    async def talk(reader, writer):
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        written.set_result(await until_closed(reader, writer, chunk, 0))

    url = await world.raw("evil.test", talk)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await client.fetch(url + "/n/1", budget)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    # What the sockets of this machine had room for comes on top.
    assert await written < 32 * MIB


async def test_a_body_that_announces_too_much_is_not_begun(world, client, budget):
    """FET-03"""

    async def talk(reader, writer):
        writer.write(OK + b"Content-Length: 10000000000\r\n\r\n")
        await writer.drain()
        await reader.read()

    with pytest.raises(TooLarge):
        await client.fetch(await world.raw("evil.test", talk) + "/n/1", budget)


async def test_a_body_of_exactly_the_limit_is_read(world, open_client, budget):
    alpha = await world.peer("alpha.test")
    body = b'{"id":"x"}'
    alpha.serve("/n/1", body)
    alpha.serve("/n/2", body + b" ")
    client = await open_client(limits=Limits(body=len(body)))
    assert (await client.fetch("http://alpha.test/n/1", budget)).body == body
    with pytest.raises(TooLarge):
        await client.fetch("http://alpha.test/n/2", budget)


async def test_a_long_document_is_read_too(world, client, budget):
    alpha = await world.peer("alpha.test")
    url = alpha.note("/n/1", content="long " * 40_000)
    assert len((await client.fetch(url, budget)).document["content"]) == 200_000


async def test_gzip_is_understood(world, client, budget):
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", gzip.compress(b'{"id": "http://alpha.test/n/1"}'), Content_Encoding="gzip")
    alpha.serve("/n/2", b'{"id": "http://alpha.test/n/2"}', Content_Encoding="identity")
    for number in (1, 2):
        assert (await client.fetch_object(f"http://alpha.test/n/{number}", budget))["id"].endswith(str(number))


async def test_a_gzip_bomb_is_inflated_no_further_than_the_limit(world, client, budget):
    """FET-04"""
    evil = await world.peer("evil.test")
    packing = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(packing.compress(b" " * MIB) for _ in range(64)), packing.flush()])
    evil.serve("/n/1", bomb, Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await client.fetch("http://evil.test/n/1", budget)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, gzip, gzip", "compress", "x"])
async def test_an_encoding_that_was_not_asked_for_is_refused(world, client, budget, encoding):
    """FET-04"""
    evil = await world.peer("evil.test")
    evil.serve("/n/1", gzip.compress(b"{}"), Content_Encoding=encoding)
    with pytest.raises(UnsupportedType):
        await client.fetch("http://evil.test/n/1", budget)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"not gzip", Malformed),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-4], Unreachable),
        (b"", Unreachable),
        (gzip.compress(b'{"a": 1}', mtime=0) + b"trailing", Malformed),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-8] + b"\0" * 8, Malformed),
    ],
)
async def test_broken_gzip_gives_no_document(world, client, budget, body, error):
    """FET-04, FET-21"""
    evil = await world.peer("evil.test")
    evil.serve("/n/1", body, Content_Encoding="gzip")
    with pytest.raises(error):
        await client.fetch("http://evil.test/n/1", budget)


@pytest.mark.parametrize(
    "headers",
    [
        b"".join(b"X-%d: x\r\n" % number for number in range(10_000)),
        b"X-Long: " + b"x" * MIB + b"\r\n",
        b"X" * MIB + b": x\r\n",
    ],
)
async def test_too_many_or_too_long_headers_are_not_read(world, client, signer, budget, headers):
    """FET-05"""

    async def talk(reader, writer):
        writer.write(OK + headers + b"Content-Length: 2\r\n\r\n{}")
        await writer.drain()

    url = await world.raw("evil.test", talk)
    with pytest.raises(Unreachable):
        await client.fetch(url + "/n/1", budget)
    assert (await client.post(url + "/inbox", b"{}", signer)).error is not None


async def test_trailers_without_end_are_cut_off(world, open_client, budget):
    """FET-05"""

    async def talk(reader, writer):
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        await until_closed(reader, writer, b"X-Trailer: " + b"x" * 4096 + b"\r\n", 0)

    url = await world.raw("evil.test", talk)
    client = await open_client(limits=Limits(total=2))
    tracemalloc.start()
    try:
        with pytest.raises(Unreachable):
            await client.fetch(url + "/n/1", budget)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "answer",
    [
        OK + b'Content-Length: 500\r\n\r\n{"id":"x"}',
        OK + b'Transfer-Encoding: chunked\r\n\r\na\r\n{"id":"x"}\r\n',
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        OK + b"Content-Length: -5\r\n\r\n{}",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        b"HTTP/1.1 200",
        b"",
    ],
)
async def test_an_answer_cut_short_gives_no_part_of_a_document(world, client, budget, answer):
    """FET-21"""

    async def talk(reader, writer):
        writer.write(answer)
        await writer.drain()

    with pytest.raises(Unreachable):
        await client.fetch(await world.raw("evil.test", talk) + "/n/1", budget)


async def test_of_the_answer_to_a_delivery_only_the_status_counts(world, open_client, signer):
    """FET-01, FET-02"""

    async def endless(reader, writer):
        writer.write(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
        await until_closed(reader, writer, b"10000\r\n" + b" " * 0x10000 + b"\r\n", 0)

    async def trickle(reader, writer):
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n")
        await until_closed(reader, writer, b"x", 0.02)

    client = await open_client(limits=QUICK)
    for name, talk in (("endless.test", endless), ("trickle.test", trickle)):
        outcome = await client.post(await world.raw(name, talk) + "/inbox", b"{}", signer)
        assert (outcome.status, outcome.error) == (202, None)


async def test_a_delivery_to_a_silent_server_times_out(world, open_client, signer):
    """FET-01"""

    async def talk(reader, writer):
        await reader.read()

    url = await world.raw("silent.test", talk)
    outcome = await (await open_client(limits=QUICK)).post(url + "/inbox", b"{}", signer)
    assert (outcome.status, outcome.error) == (None, "timeout")


async def test_a_lookup_without_an_answer_ends(open_client, budget):
    class Silent:
        async def resolve(self, host, port):
            await asyncio.Event().wait()

    client = await open_client(resolver=Silent(), limits=Limits(connect=0.2))
    with pytest.raises(Unreachable):
        await client.fetch("http://alpha.test/n/1", budget)


async def test_patience_may_be_shorter_than_the_fetch(world, open_client, budget):
    """FET-23"""
    alpha = await world.peer("alpha.test")
    go_on = asyncio.Event()

    async def held(request):
        await go_on.wait()
        return web.json_response({"id": "http://alpha.test/n/1"}, content_type=AS2)

    alpha.answers["/n/1"] = held
    client = await open_client()
    with pytest.raises(Unreachable):
        await client.fetch_object("http://alpha.test/n/1", budget, patience=0.1)
    go_on.set()
    assert (await client.fetch("http://alpha.test/n/1", budget)).url == "http://alpha.test/n/1"


class Crowd:
    """Handlers that hold every request until all may go, and count them."""

    def __init__(self) -> None:
        self.here = self.most = 0
        self.changed = asyncio.Condition()
        self.open = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.Response:
        async with self.changed:
            self.here += 1
            self.most = max(self.most, self.here)
            self.changed.notify_all()
        await self.open.wait()
        self.here -= 1
        return web.json_response({"id": f"http://{request.host}{request.path}"}, content_type=AS2)

    async def reach(self, number: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.here >= number)


async def test_slow_hosts_hold_up_nobody_else(world, client, signer):
    """FET-16, FET-17"""
    honest, slow, crowd = await world.peer("honest.test"), await world.peer("slow.test"), Crowd()
    honest.serve("/inbox", b"", status=202)
    await client.fetch(honest.note("/n/1"), Budget())
    for number in range(200):
        world.name(f"slow{number}.test", slow.port)
        slow.answers["/n/1"] = crowd
    waiting = [asyncio.create_task(client.fetch(f"http://slow{n}.test/n/1", Budget())) for n in range(200)]
    await crowd.reach(lanes.NEW_POOL)
    async with asyncio.timeout(2):
        await client.fetch(honest.note("/n/2"), Budget())
        # Deliveries have lanes of their own, even to those who are new.
        world.name("newcomer.test", honest.port)
        assert (await client.post("http://newcomer.test/inbox", b"{}", signer)).status == 202
    assert crowd.most == lanes.NEW_POOL
    crowd.open.set()
    assert len(await asyncio.gather(*waiting)) == 200


async def test_a_host_is_asked_four_things_at_a_time(world, client):
    """FET-17"""
    alpha, crowd = await world.peer("alpha.test"), Crowd()
    await client.fetch(alpha.note("/n/0"), Budget())
    for number in range(1, 41):
        alpha.answers[f"/n/{number}"] = crowd
    waiting = [asyncio.create_task(client.fetch(f"http://alpha.test/n/{n}", Budget())) for n in range(1, 41)]
    await crowd.reach(lanes.PER_HOST)
    crowd.open.set()
    await asyncio.gather(*waiting)
    assert crowd.most == lanes.PER_HOST


async def test_a_thousand_names_under_one_domain_are_one_stranger(world, client):
    """FET-13"""
    evil, crowd = await world.peer("evil.test"), Crowd()
    evil.answers["/n/1"] = crowd
    for number in range(100):
        world.name(f"s{number}.evil.test", evil.port)
    waiting = [asyncio.create_task(client.fetch(f"http://s{n}.evil.test/n/1", Budget())) for n in range(100)]
    await crowd.reach(lanes.PER_HOST)
    crowd.open.set()
    await asyncio.gather(*waiting)
    assert crowd.most == lanes.PER_HOST


async def test_who_was_not_asked_is_not_remembered_as_failed(world, open_client, remembered, signer):
    """FET-17"""
    alpha, crowd = await world.peer("alpha.test"), Crowd()
    for number in range(lanes.PER_HOST + 1):
        alpha.answers[f"/n/{number}"] = crowd
    client = await open_client(limits=QUICK)
    asking = [client.fetch(f"http://alpha.test/n/{n}", Budget()) for n in range(lanes.PER_HOST + 1)]
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, Unreachable)
    assert len(remembered.kept) == lanes.PER_HOST
    crowd.open.set()


async def test_a_host_that_was_never_asked_before_leaves_no_idle_connection(world, client):
    """FET-18"""
    alpha = await world.peer("alpha.test")
    for number in range(4):
        await client.fetch(alpha.note(f"/n/{number}"), Budget())
    kept = [request.headers.get("Connection") for request in alpha.requests]
    assert kept[0] == "close"
    assert "close" not in kept[1:]
    assert len(alpha.connections) == 2


def test_what_is_known_of_hosts_is_bounded_and_forgotten():
    """FET-18, FET-19"""
    now = [0.0]
    standing = lanes.Standing(lambda: now[0])
    for number in range(lanes.KNOWN_HOSTS + 10):
        standing.failed(f"s{number}.test")
    standing.answered("alpha.test")
    assert standing.of("s0.test") == "new"
    assert standing.of(f"s{lanes.KNOWN_HOSTS}.test") == "failing"
    assert standing.of("alpha.test") == "good"
    now[0] += lanes.FORGOTTEN_AFTER + 1
    assert {standing.of("alpha.test"), standing.of(f"s{lanes.KNOWN_HOSTS}.test")} == {"new"}


async def test_a_failed_host_waits_in_the_smaller_pool():
    """FET-16"""
    standing = lanes.Standing()
    row = lanes.Lanes(standing, failing=1)
    standing.failed("a.test")
    standing.failed("b.test")
    async with row.place("a.test", "a.test"), row.place("new.test", "new.test"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), row.place("b.test", "b.test"):
                pytest.fail("two failing hosts at once")
    async with row.place("b.test", "b.test") as known:
        assert not known


@pytest.mark.parametrize(
    "page",
    [
        "<link" * 400_000,
        "<link " + "a" * 2_000_000,
        "<link rel=" * 200_000 + ">",
        "<link " + "a=" * 1_000_000 + ">",
        "<link " + 'rel="alternate" ' * 100_000 + ">",
        "<" * 2_000_000,
        "<link a" + " " * 2_000_000 + ">",
        ("<link " + "a" * 2000) * 1000,
        ("<link " + "a " * 1000 + ">") * 1000,
    ],
)
def test_no_page_makes_the_reader_slow(page):
    """FET-20"""
    begun = time.perf_counter()
    assert alternate_of_page(page, "http://evil.test/") is None
    assert alternate_of_header([page], "http://evil.test/") is None
    assert time.perf_counter() - begun < 0.2


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (
            '<link rel="alternate" type="application/activity+json" href="/n/1?a=1&amp;b=2">',
            "https://a.test/n/1?a=1&b=2",
        ),
        (
            "<link rel='x alternate' type='application/ld+json; profile=\"y\"' href='https://b.test/n'/>",
            "https://b.test/n",
        ),
        ('<link rel="alternate" type="application/rss+xml" href="/feed">', None),
        ('<link rel="stylesheet" type="application/activity+json" href="/n/1">', None),
        ('<link rel="alternate" type="application/activity+json">', None),
        ('<link rel="alternate" type="application/activity+json" href="http://[">', None),
        ("İ" * 10 + '<link rel="alternate" type="application/activity+json" href="/n">', "https://a.test/n"),
    ],
)
def test_a_page_names_its_document(page, found):
    assert alternate_of_page(page, "https://a.test/@ana/1") == found


async def test_a_client_that_was_not_opened_says_so(open_client, budget):
    client = await open_client()
    await client.close()
    with pytest.raises(RuntimeError):
        await client.fetch("http://alpha.test/n/1", budget)


async def test_a_page_that_is_too_long_is_not_read_either(world, open_client, budget):
    alpha = await world.peer("alpha.test")
    alpha.serve("/@ana/1", b"x" * 200, "text/html")
    client = await open_client(limits=Limits(body=100))
    with pytest.raises((TooLarge, Refused)):
        await client.find_alternate("http://alpha.test/@ana/1", budget)


def test_connections_are_kept_of_so_many_hosts_and_of_another_only_when_one_stays_away():
    now = 0.0
    warmth = Warmth(lambda: now, most=2)
    assert [warmth.keeps(host) for host in ("alpha.test", "beta.test", "gamma.test")] == [True, True, False]
    now = KEEPALIVE
    assert warmth.keeps("beta.test")
    now += 1.0  # nothing was said to alpha.test since the beginning
    assert [warmth.keeps(host) for host in ("gamma.test", "alpha.test", "beta.test")] == [True, False, True]
