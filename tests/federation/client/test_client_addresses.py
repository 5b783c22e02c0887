"""Where the client does not connect to, whatever it is told."""

import pytest

from federation.errors import FederationError, Malformed, Refused, Unreachable
from federation.resolving import Answer, SystemResolver

INNER = [
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "0.0.0.0", "0", "0.1.2.3", "10.0.0.1",
    "10.255.255.255", "100.64.0.1", "100.127.255.254", "169.254.169.254", "169.254.1.1", "172.16.0.1", "172.31.255.254",
    "192.168.0.1", "192.168.255.255", "192.0.0.8", "192.0.2.7", "192.88.99.1", "198.18.0.1", "198.19.255.254",
    "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "0x7f.1", "3232235521", "127.0.0.01",
    "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "127\u30020\u30020\u30021",
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]",
    "[2001:10::1]", "[3fff::1]", "[5f00::1]", "[100::1]", "[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[fe80::1%25lo]",
    "[fec0::1]", "[ff02::1]", "[ff05::2]",
    "localhost", "localhost.", "LOCALHOST", "db", "metadata", "ip6-localhost", "node.localhost", "router.local",
    "metadata.google.internal", "evil.onion", "printer.lan", "kubernetes.default.svc", "1.0.0.127.in-addr.arpa",
    # Public, but no server of the fediverse is known by a bare address, and one of them is our own.
    "93.184.215.14", "[2606:2800:220:1::1]",
]  # fmt: skip


@pytest.mark.parametrize("host", INNER)
@pytest.mark.parametrize("development", [True, False])
async def test_an_inner_address_is_neither_looked_up_nor_dialled(
    world, open_client, signer, budget, dialled, host, development
):
    """SSR-01, SSR-02, SSR-09, SSR-10, SSR-21"""
    client = await open_client(development=development)
    scheme = "http" if development else "https"
    for port in ("", ":8080" if development else ":443"):
        with pytest.raises((Refused, Malformed)):
            await client.fetch(f"{scheme}://{host}{port}/u/ana", budget)
        assert (await client.post(f"{scheme}://{host}{port}/inbox", b"{}", signer)).error == "refused"
    assert (world.names.asked, dialled) == ([], [])


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.test/x",
        "https://evil.test:22/x",
        "https://evil.test:6379/x",
        "https://evil.test:8443/x",
        "ftp://evil.test/x",
        "gopher://evil.test:70/_x",
        "file:///etc/passwd",
        "data:application/activity+json,{}",
        "javascript:alert(1)",
        "ws://evil.test/",
        "//evil.test/x",
        "evil.test/x",
        "https:evil.test",
        "https:///evil.test",
        "https://:443/",
        "https://evil.test:443:80/",
        "https://evil.test:99999/",
        "https://evil.test:-1/",
        "https://ana:secret@evil.test/",
        "https://evil.test@127.0.0.1/",
        "https://evil.test\\@127.0.0.1/",
        "https://evil.test\t.localhost/",
        "https://evil.test/a b",
        "https://evil.test/\r\nHost: x",
        "https://evil..test/",
        "https://[evil.test]/",
        "urn:uuid:1",
        "did:web:evil.test",
        "acct:ana@evil.test",
        "",
        "https://evil.test/" + "a" * 4000,
    ],
)
async def test_what_is_not_plainly_an_https_address_is_refused_before_any_lookup(
    world, open_client, budget, dialled, url
):
    """SSR-18"""
    world.name("evil.test", 1)
    client = await open_client(development=False)
    with pytest.raises((Refused, Malformed)):
        await client.fetch(url, budget)
    assert (world.names.asked, dialled) == ([], [])


@pytest.mark.parametrize(
    "claimed",
    [
        ["127.0.0.1"],
        ["0.0.0.0"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["::ffff:93.184.215.14"],
        ["64:ff9b::a00:1"],
        ["2002:7f00:1::"],
        ["fe80::1%lo"],
        ["93.184.215.14", "127.0.0.1"],
        ["127.0.0.1", "93.184.215.14"],
        ["2606:2800:220:1::1", "::1"],
        [*(f"10.0.{n // 250}.{n % 250}" for n in range(499)), "93.184.215.14"],
        ["93.184.215.14"] * 499 + ["10.0.0.1"],
        ["not an address"],
    ],
)
async def test_a_name_with_one_inner_address_is_not_dialled(world, client, budget, dialled, claimed):
    """SSR-14"""
    evil = await world.peer("evil.test")
    world.name("evil.test", evil.port, *claimed)
    with pytest.raises(Refused):
        await client.fetch(evil.note("/n/1"), budget)
    assert dialled == []


async def test_the_address_that_was_checked_is_the_one_dialled(world, client, budget, dialled):
    """SSR-14: a name that answers well once and badly from then on is looked up once for each connection."""
    evil, inner = await world.peer("evil.test"), await world.peer("inner.test")
    good = [Answer("93.184.215.14", "127.0.0.1", evil.port)]
    bad = [Answer("127.0.0.1", "127.0.0.1", inner.port)]
    world.names.answers["evil.test"] = [good, bad]
    await client.fetch(evil.note("/n/1"), budget)
    with pytest.raises(Refused):
        await client.fetch(evil.note("/n/2"), budget)
    assert world.names.asked == ["evil.test", "evil.test"]
    assert {port for _, port in dialled} == {evil.port}
    assert inner.requests == []


async def test_the_resolver_of_the_system_claims_what_it_dials():
    """SSR-14"""
    resolver = SystemResolver()
    # A number needs no lookup; no test asks a name server.
    assert await resolver.resolve("127.0.0.1", 443) == [Answer("127.0.0.1", "127.0.0.1", 443)]
    resolver.close()


async def test_a_name_without_an_address_cannot_be_reached(world, client, budget):
    world.names.answers["empty.test"] = [[]]
    with pytest.raises(Unreachable):
        await client.fetch("http://empty.test/n/1", budget)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:{port}/secret", "http://inner.test/secret", "http://localhost/secret", "gopher://inner.test/",
     "//[::1]/secret", "http://ana:pw@evil.test/x", "http://[", "https://moot.test/actor"],
)  # fmt: skip
async def test_a_redirect_leads_nowhere_that_the_address_itself_would_not(
    world, client, budget, dialled, status, target
):
    """SSR-17"""
    evil, inner = await world.peer("evil.test"), await world.peer("inner.test")
    world.name("inner.test", inner.port, "192.168.1.7")
    evil.redirect("/n/1", target.format(port=inner.port), status)
    with pytest.raises((Refused, Malformed)):
        await client.fetch("http://evil.test/n/1", budget)
    assert {port for _, port in dialled} == {evil.port}


async def test_two_locations_lead_nowhere(world, client, budget):
    """SSR-17"""

    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    with pytest.raises(Malformed):
        await client.fetch(await world.raw("evil.test", talk) + "/n/1", budget)


async def test_redirects_end_after_three(world, client, budget):
    """FET-06"""
    evil = await world.peer("evil.test")
    evil.redirect("/self", "/self")
    with pytest.raises(Refused):
        await client.fetch("http://evil.test/self", budget)
    assert evil.paths == ["/self"] * 4


async def test_a_circle_of_redirects_ends(world, client, budget):
    """FET-06"""
    evil, other = await world.peer("evil.test"), await world.peer("other.test")
    evil.redirect("/a", "http://other.test/b")
    other.redirect("/b", "http://evil.test/a")
    with pytest.raises(Refused):
        await client.fetch("http://evil.test/a", budget)
    assert len(evil.requests) + len(other.requests) == 4


async def test_a_chain_of_three_redirects_is_still_followed(world, client, budget):
    """FET-06"""
    alpha = await world.peer("alpha.test")
    for number in range(3):
        alpha.redirect(f"/n/{number}", f"/n/{number + 1}")
    assert (await client.fetch(alpha.note("/n/3").replace("/n/3", "/n/0"), budget)).url == "http://alpha.test/n/3"


@pytest.mark.parametrize("url", ["https://moot.test/actor", "https://MOOT.test:443/x", "https://moot.test:80/x"])
async def test_our_own_server_is_never_fetched(world, open_client, budget, url):
    """SSR-22"""
    client = await open_client(development=False)
    with pytest.raises(Refused):
        await client.fetch(url, budget)
    assert world.names.asked == []


async def test_in_development_exactly_the_named_loopback_peers_are_reached(world, open_client, budget, dialled):
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    named = f"127.0.0.1:{alpha.port}"
    client = await open_client(dev_peers=frozenset({named, "10.0.0.7:80"}))
    alpha.serve("/n/1", {"id": f"http://{named}/n/1"})
    assert (await client.fetch_object(f"http://{named}/n/1", budget))["id"] == f"http://{named}/n/1"
    for other in (f"127.0.0.1:{beta.port}", f"localhost:{alpha.port}", f"[::1]:{alpha.port}", "10.0.0.7"):
        with pytest.raises(Refused):
            await client.fetch(f"http://{other}/n/1", budget)
    assert {port for _, port in dialled} == {alpha.port}


async def test_in_development_nodes_on_one_address_are_told_apart_by_their_ports(world, open_client, budget):
    """SSR-22"""
    alpha = await world.peer("alpha.test")
    named, ours = f"127.0.0.1:{alpha.port}", "127.0.0.1:4100"
    client = await open_client(origin=f"http://{ours}", dev_peers=frozenset({named, ours}))
    alpha.serve("/n/1", {"id": f"http://{named}/n/1"})
    await client.fetch(f"http://{named}/n/1", budget)
    with pytest.raises(Refused):
        await client.fetch(f"http://{ours}/n/1", budget)


async def test_peers_of_a_developer_mean_nothing_in_production(world, open_client, budget, dialled):
    alpha = await world.peer("alpha.test")
    client = await open_client(development=False, dev_peers=frozenset({f"127.0.0.1:{alpha.port}"}))
    for scheme in ("http", "https"):
        with pytest.raises(Refused):
            await client.fetch(f"{scheme}://127.0.0.1:{alpha.port}/n/1", budget)
    assert dialled == []


async def test_proxies_of_the_environment_are_ignored(world, open_client, budget, monkeypatch):
    """SSR-08"""
    proxy, alpha = await world.peer("proxy.test"), await world.peer("alpha.test")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    await (await open_client()).fetch(alpha.note("/n/1"), budget)
    assert proxy.requests == []


async def test_all_silence_sounds_the_same(world, client, budget, dialled):
    """SSR-21: an unknown name, a closed port and a broken server give one message; all refusals give another."""
    words = set()
    world.name("closed.test", 1)

    async def hang_up(reader, writer):
        writer.close()

    await world.raw("broken.test", hang_up)
    for host in ("unknown.test", "closed.test", "broken.test"):
        with pytest.raises(Unreachable) as raised:
            await client.fetch(f"http://{host}/n/1", budget)
        words.add(str(raised.value))
    assert len(words) == 1
    world.name("inner.test", 1, "10.0.0.1")
    refusals = set()
    for url in ("http://127.0.0.1/", "http://inner.test/", "http://db/", "https://moot.test/"):
        with pytest.raises(Refused) as refused:
            await client.fetch(url, budget)
        refusals.add(str(refused.value))
    assert len(refusals) == 1


async def test_tls_names_the_host_and_believes_only_its_certificate(world, open_client, budget, certificates, tmp_path):
    """SSR-15"""
    alpha = await world.peer("alpha.test", tls=certificates.server(tmp_path, "alpha.test"))
    client = await open_client(development=False, tls=certificates.trusting)
    assert (await client.fetch_object(alpha.note("/n/1"), budget))["id"] == "https://alpha.test/n/1"
    assert alpha.requests[0].transport.get_extra_info("sslcontext") is not None


@pytest.mark.parametrize("fault", ["wrong name", "self-signed", "expired", "unknown authority"])
async def test_a_server_without_a_good_certificate_is_not_asked(
    world, open_client, budget, signer, certificates, tmp_path, fault
):
    """SSR-15"""
    name = "other.test" if fault == "wrong name" else "alpha.test"
    context = certificates.server(tmp_path, name, self_signed=fault == "self-signed", expired=fault == "expired")
    alpha = await world.peer("alpha.test", tls=context)
    tls = None if fault == "unknown authority" else certificates.trusting
    client = await open_client(development=False, tls=tls)
    with pytest.raises(Unreachable):
        await client.fetch(alpha.note("/n/1"), budget)
    assert (await client.post("https://alpha.test/inbox", b"{}", signer)).error == "tls"
    assert alpha.requests == []


async def test_contexts_are_never_fetched(world, client, budget):
    """SSR-06"""
    alpha, evil = await world.peer("alpha.test"), await world.peer("evil.test")
    await client.fetch_object(alpha.note("/n/1", **{"@context": "http://evil.test/context"}), budget)
    assert evil.requests == []


async def test_a_refused_address_costs_nothing_of_the_budget(client, budget):
    before = budget.to_json()
    with pytest.raises(FederationError):
        await client.fetch("http://127.0.0.1/", budget)
    assert budget.to_json() == before
