"""What the client asks and tells, and what it believes of the answers."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from aiohttp import web

from federation.budget import Budget, Exhausted
from federation.errors import FederationError, Gone, Malformed, Refused, Unreachable, UnsupportedType
from federation.signatures import PublicKey, Request, read_claim, verify

AS2 = "application/activity+json"
LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'


async def test_a_note_is_fetched_under_the_name_of_the_node(world, client, budget):
    alpha = await world.peer("alpha.test")
    url = alpha.note("/n/1", content="hello")
    found = await client.fetch(url, budget)
    assert (found.url, found.document["content"]) == (url, "hello")
    asked = alpha.requests[0]
    assert asked.headers["User-Agent"] == "Folkmoot/0.1.0 (+https://moot.test)"
    assert asked.headers["Accept"] == f"{AS2}, {LD}"
    assert asked.headers["Accept-Encoding"] == "gzip"
    assert asked.headers["Host"] == "alpha.test"
    assert asked.headers.getall("Signature")[0].startswith('keyId="https://moot.test/actor#main-key"')


async def test_the_query_is_sent_as_it_is_written_and_signed(world, client, budget, clock, signer):
    alpha = await world.peer("alpha.test")
    url = alpha.note("/n/a%2Fb") + "?a=%7E&b=ü"
    alpha.answers["/n/a/b"] = alpha.answers["/n/a%2Fb"]
    await client.fetch(url, budget)
    asked = alpha.requests[0]
    assert asked.raw_path == "/n/a%2Fb?a=%7E&b=%C3%BC"
    verify(read_claim(as_signed(asked, b""), now=clock.now), public(signer))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_and_signed_anew_for_the_next_host(world, client, budget, clock, signer, status):
    """SSR-17, SSR-20"""
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    url = alpha.redirect("/n/1", beta.note("/n/2"), status)
    assert (await client.fetch(url, budget)).url == "http://beta.test/n/2"
    first, second = alpha.requests[0].headers, beta.requests[0].headers
    assert first["Signature"] != second["Signature"]
    assert "Referer" not in second and "Authorization" not in second
    verify(read_claim(as_signed(beta.requests[0], b""), now=clock.now), public(signer))


async def test_a_relative_redirect_stays_on_its_host(world, client, budget):
    """SSR-19"""
    alpha = await world.peer("alpha.test")
    alpha.note("/n/2")
    assert (await client.fetch(alpha.redirect("/n/1", "../n/2"), budget)).url == "http://alpha.test/n/2"


async def test_no_cookie_is_kept_or_sent(world, client, budget):
    """FET-24"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", {"id": "http://alpha.test/n/1"}, Set_Cookie="session=1; Path=/")
    await client.fetch("http://alpha.test/n/1", budget)
    await client.fetch(alpha.note("/n/2"), budget)
    assert "Cookie" not in alpha.requests[1].headers


@pytest.mark.parametrize("header", [{"Location": "http://beta.test/n/9"}, {"Refresh": "0; url=http://beta.test/n/9"}])
async def test_only_a_redirect_status_leads_elsewhere(world, client, budget, header):
    """SSR-19"""
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    alpha.serve("/n/1", {"id": "http://alpha.test/n/1"}, **header)
    assert (await client.fetch("http://alpha.test/n/1", budget)).url == "http://alpha.test/n/1"
    assert beta.requests == []


@pytest.mark.parametrize(
    "content_type",
    [
        AS2,
        "Application/Activity+JSON; charset=utf-8",
        f'{AS2}; profile="https://example.org/other"',
        LD,
        'application/ld+json; charset=utf-8; profile="https://example.org/x https://www.w3.org/ns/activitystreams"',
    ],
)
async def test_documents_are_told_by_their_content_type(world, client, budget, content_type):
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", {"id": "http://alpha.test/n/1"}, content_type)
    assert (await client.fetch("http://alpha.test/n/1", budget)).document["id"] == "http://alpha.test/n/1"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "application/json",
        "image/png",
        "application/octet-stream",
        "application/ld+json",
        'application/ld+json; profile="https://example.org/other"',
        "application/activity+jsonx",
        "application/activity+json/x",
        "text/plain, application/activity+json",
        None,
    ],
)
async def test_an_upload_cannot_pass_for_a_document(world, client, budget, content_type):
    """KEY-08, AUT-48"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", {"id": "http://alpha.test/n/1"}, content_type)
    with pytest.raises(UnsupportedType):
        await client.fetch("http://alpha.test/n/1", budget)


async def test_two_content_types_are_none(world, client, budget):
    """KEY-08"""

    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Type: application/activity+json\r\n")
        writer.write(b"Content-Length: 2\r\n\r\n{}")
        await writer.drain()

    with pytest.raises(UnsupportedType):
        await client.fetch(await world.raw("alpha.test", talk) + "/n/1", budget)


async def test_a_page_with_a_document_inside_it_is_no_document(world, client, budget):
    """AUT-48"""
    alpha = await world.peer("alpha.test")
    page = b'<script type="application/ld+json">{"id": "http://alpha.test/n/1", "type": "Note"}</script>'
    alpha.serve("/n/1", page, "text/html")
    with pytest.raises(UnsupportedType):
        await client.inspect("http://alpha.test/n/1", budget)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff{}"])
async def test_what_is_not_one_json_object_is_malformed(world, client, budget, body):
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", body)
    with pytest.raises(Malformed):
        await client.fetch("http://alpha.test/n/1", budget)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, Gone),
        (410, Gone),
        (400, Refused),
        (403, Refused),
        (451, Refused),
        (401, Unreachable),
        (408, Unreachable),
        (429, Unreachable),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (201, Malformed),
        (204, Malformed),
        (206, Malformed),
        (300, Malformed),
        (302, Malformed),
        (304, Malformed),
    ],
)
async def test_every_status_has_a_meaning_and_only_what_may_pass_is_temporary(world, client, budget, status, error):
    """FET-22"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", b"" if status in (204, 304) else {"id": "http://alpha.test/n/1"}, status=status)
    with pytest.raises(error) as raised:
        await client.fetch("http://alpha.test/n/1", budget)
    assert type(raised.value) is error


async def test_an_error_in_a_200_is_just_another_document(world, client, budget):
    """FET-22"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", {"error": "Record not found"})
    assert (await client.fetch("http://alpha.test/n/1", budget)).document == {"error": "Record not found"}
    with pytest.raises(Malformed):
        await client.fetch_object("http://alpha.test/n/1", budget)


# Objects


async def test_an_object_is_taken_from_its_own_id(world, client, budget):
    alpha = await world.peer("alpha.test")
    assert (await client.fetch_object(alpha.note("/n/1"), budget))["id"] == "http://alpha.test/n/1"
    assert alpha.paths == ["/n/1"]


async def test_an_object_found_under_another_address_is_fetched_from_its_id(world, client, budget):
    alpha = await world.peer("alpha.test")
    alpha.note("/n/1", content="the real one")
    alpha.serve("/@ana/1", {"id": "http://alpha.test/n/1", "content": "a copy"})
    assert (await client.fetch_object("http://alpha.test/@ana/1", budget))["content"] == "the real one"
    assert alpha.paths == ["/@ana/1", "/n/1"]


async def test_an_object_that_names_another_server_is_taken_from_there(world, client, budget):
    """KEY-07, AUT-45"""
    victim, evil = await world.peer("victim.test"), await world.peer("evil.test")
    victim.note("/n/1", content="genuine")
    evil.serve("/n/1", {"id": "http://victim.test/n/1", "content": "FORGED"})
    assert (await client.fetch_object("http://evil.test/n/1", budget))["content"] == "genuine"


async def test_an_object_is_not_believed_when_its_named_server_does_not_know_it(world, client, budget):
    """AUT-45"""
    await world.peer("victim.test")
    evil = await world.peer("evil.test")
    evil.serve("/n/1", {"id": "http://victim.test/n/1", "content": "FORGED"})
    with pytest.raises(Gone):
        await client.fetch_object("http://evil.test/n/1", budget)


async def test_an_open_redirect_lends_nobody_its_name(world, client, budget):
    """AUT-44"""
    victim, evil = await world.peer("victim.test"), await world.peer("evil.test")
    victim.redirect("/go", "http://evil.test/u/mallory")
    victim.redirect("/u/alice", "http://evil.test/u/mallory")
    evil.serve("/u/mallory", {"id": "http://victim.test/u/alice", "type": "Person"})
    with pytest.raises(Refused):
        await client.fetch_object("http://victim.test/go", budget)
    assert (victim.paths, evil.paths) == (["/go", "/u/alice"], ["/u/mallory", "/u/mallory"])


async def test_ids_that_point_at_each_other_cost_one_more_fetch(world, client, budget):
    """AUT-46"""
    evil = await world.peer("evil.test")
    evil.serve("/a", {"id": "http://evil.test/b"})
    evil.serve("/b", {"id": "http://evil.test/a"})
    with pytest.raises(Refused):
        await client.fetch_object("http://evil.test/a", budget)
    assert evil.paths == ["/a", "/b"]


async def test_an_object_of_ours_is_not_taken_from_a_stranger(world, client, budget):
    """SSR-22"""
    evil = await world.peer("evil.test")
    evil.serve("/n/1", {"id": "https://moot.test/post/1", "content": "FORGED"})
    with pytest.raises(Refused):
        await client.fetch_object("http://evil.test/n/1", budget)
    assert world.names.asked == ["evil.test"]


@pytest.mark.parametrize("id", [None, 7, ["http://evil.test/n/1"], "", "n/1", "urn:x:1"])
async def test_an_object_without_an_address_is_none(world, client, budget, id):
    evil = await world.peer("evil.test")
    evil.serve("/n/1", {"id": id})
    with pytest.raises(FederationError):
        await client.fetch_object("http://evil.test/n/1", budget)
    assert evil.paths == ["/n/1"]


async def test_a_key_is_found_in_the_document_without_its_fragment(world, client, budget):
    alpha = await world.peer("alpha.test")
    alpha.serve("/u/ana", {"id": "http://alpha.test/u/ana", "type": "Person"})
    found = await client.fetch_object("http://alpha.test/u/ana#main-key", budget, within_origin=True)
    assert found["id"] == "http://alpha.test/u/ana"


async def test_a_key_is_not_sought_on_another_server(world, client, budget):
    """KEY-06"""
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    alpha.redirect("/u/ana", beta.note("/u/bob"))
    with pytest.raises(Refused):
        await client.fetch_object("http://alpha.test/u/ana#main-key", budget, within_origin=True)
    assert beta.requests == []


async def test_a_key_document_that_names_another_server_is_refused(world, client, budget):
    """KEY-05, KEY-07"""
    victim, evil = await world.peer("victim.test"), await world.peer("evil.test")
    victim.note("/u/alice")
    evil.serve("/u/mallory", {"id": "http://victim.test/u/alice"})
    with pytest.raises(Refused):
        await client.fetch_object("http://evil.test/u/mallory", budget, within_origin=True)
    assert victim.requests == []


# Pages


@pytest.mark.parametrize("by_header", [True, False])
async def test_the_page_of_a_note_leads_to_the_note(world, client, budget, by_header):
    alpha = await world.peer("alpha.test")
    alpha.note("/n/1", content="hello")
    if by_header:
        alpha.serve(
            "/@ana/1", b"<html>", "text/html", Link=f'</feed>; rel=alternate, </n/1>; rel="alternate"; type="{AS2}"'
        )
    else:
        page = b'<link rel="stylesheet" href="/x.css"><LINK href="/n/1" type="application/activity+json" rel=alternate>'
        alpha.serve("/@ana/1", page, "text/html; charset=utf-8")
    assert (await client.inspect("http://alpha.test/@ana/1", budget))["content"] == "hello"


async def test_pages_that_point_at_each_other_are_left_after_one_hop(world, client, budget):
    """AUT-47"""
    evil = await world.peer("evil.test")
    evil.serve("/a", b'<link rel="alternate" type="application/activity+json" href="/b">', "text/html")
    evil.serve("/b", b'<link rel="alternate" type="application/activity+json" href="/a">', "text/html")
    with pytest.raises(UnsupportedType):
        await client.inspect("http://evil.test/a", budget)
    assert evil.paths == ["/a", "/a", "/b"]
    assert budget.fetches == Budget().fetches - 3


async def test_a_page_cannot_lead_inside(world, client, budget, dialled):
    """SSR-17, AUT-47"""
    evil = await world.peer("evil.test")
    evil.serve("/a", b'<link rel=alternate type="application/activity+json" href="http://127.0.0.1/b">', "text/html")
    with pytest.raises(Refused):
        await client.inspect("http://evil.test/a", budget)
    assert {port for _, port in dialled} == {evil.port}


# Handles and software


async def test_a_handle_is_looked_up_at_its_host(world, client, budget):
    alpha = await world.peer("alpha.test")
    links = [
        {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": "http://alpha.test/@ana"},
        {"rel": "self", "type": "text/html", "href": "http://alpha.test/wrong"},
        {"rel": "self", "type": LD, "href": "http://alpha.test/u/ana"},
        "nonsense",
    ]
    document = {"subject": "acct:ana@alpha.test", "links": links}
    alpha.serve("/.well-known/webfinger", document, "application/jrd+json; charset=utf-8")
    actor, found = await client.finger("@ana@ALPHA.test", budget)
    assert actor == "http://alpha.test/u/ana"
    assert found.page == "http://alpha.test/@ana"
    assert alpha.requests[0].raw_path == "/.well-known/webfinger?resource=acct:ana@alpha.test"
    assert "Signature" not in alpha.requests[0].headers


@pytest.mark.parametrize(
    "handle",
    [
        "@a@127.0.0.1:6379",
        "@a@127.0.0.1",
        "@a@host/../x",
        "@a@[::1]",
        "@a@u:p@host",
        "@a@localhost",
        "@a@evil.test?x=",
        "@a@evil.test#",
        "@a@evil.test%2f..",
        "@a@evil.test\\@moot",
        "@a b@evil.test",
        "@a@evil .test",
        "@a@evil.test\n",
        "@a@",
        "@@evil.test",
        "a",
        "",
        "@a@2130706433",
        "@a@router.local",
        "@../x@evil.test",
        "@" + "a" * 5000 + "@evil.test",
    ],
)
async def test_what_is_no_handle_is_refused_before_any_lookup(world, client, budget, handle, dialled):
    """SSR-30"""
    await world.peer("evil.test")
    with pytest.raises((Malformed, Refused)):
        await client.finger(handle, budget)
    assert (world.names.asked, dialled, budget) == ([], [], Budget())


async def test_the_answer_to_a_handle_cannot_lead_inside(world, client, budget, dialled):
    """SSR-17"""
    evil = await world.peer("evil.test")
    evil.redirect("/.well-known/webfinger", "http://127.0.0.1/")
    with pytest.raises(Refused):
        await client.finger("a@evil.test", budget)
    assert {port for _, port in dialled} == {evil.port}


@pytest.mark.parametrize(
    "links", [[], None, "x", [{"rel": "self", "type": "text/html", "href": "http://alpha.test/u"}]]
)
async def test_a_handle_without_an_actor_is_nobody(world, client, budget, links):
    alpha = await world.peer("alpha.test")
    alpha.serve("/.well-known/webfinger", {"links": links}, "application/jrd+json")
    with pytest.raises(Gone):
        await client.finger("ana@alpha.test", budget)


async def test_a_server_says_what_it_runs(world, client, budget):
    alpha = await world.peer("alpha.test")
    schema = "http://nodeinfo.diaspora.software/ns/schema/"
    links = [{"rel": schema + version, "href": f"http://alpha.test/nodeinfo/{version}"} for version in ("2.0", "2.1")]
    alpha.serve("/.well-known/nodeinfo", {"links": links}, "application/json")
    alpha.serve(
        "/nodeinfo/2.1",
        {"software": {"name": "lemmy", "version": "0.19.11"}},
        'application/json; profile="http://nodeinfo.diaspora.software/ns/schema/2.1#"',
    )
    assert await client.nodeinfo("alpha.test", budget) == ("lemmy", "0.19.11")


@pytest.mark.parametrize("href", ["http://127.0.0.1/nodeinfo", "data:application/json,{}", "file:///etc/passwd"])
async def test_nodeinfo_cannot_lead_inside(world, client, budget, href, dialled):
    """SSR-03"""
    evil = await world.peer("evil.test")
    links = [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": href}]
    evil.serve("/.well-known/nodeinfo", {"links": links}, "application/json")
    with pytest.raises((Gone, Refused)):
        await client.nodeinfo("evil.test", budget)
    assert {port for _, port in dialled} == {evil.port}


# Deliveries


async def test_a_delivery_is_signed_over_the_bytes_that_are_sent(world, client, signer, clock):
    alpha = await world.peer("alpha.test")
    alpha.serve("/inbox", b"", status=202)
    outcome = await client.post("http://alpha.test/inbox", b'{"type": "Follow"}', signer)
    assert (outcome.status, outcome.error, outcome.scheme_used, outcome.delivered) == (202, None, "cavage", True)
    asked = alpha.requests[0]
    assert alpha.bodies == [b'{"type": "Follow"}']
    assert asked.headers.getall("Content-Type") == [AS2]
    assert asked.headers["User-Agent"] == "Folkmoot/0.1.0 (+https://moot.test)"
    verify(read_claim(as_signed(asked, alpha.bodies[0]), now=clock.now), public(signer))


async def test_signing_may_happen_in_threads(world, open_client, signer):
    alpha = await world.peer("alpha.test")
    alpha.serve("/inbox", b"", status=202)
    with ThreadPoolExecutor(1) as threads:
        client = await open_client(signing=threads)
        assert (await client.post("http://alpha.test/inbox", b"{}", signer)).delivered


@pytest.mark.parametrize("status", [400, 401])
async def test_a_second_knock_tries_the_other_scheme(world, client, signer, clock, status):
    alpha = await world.peer("alpha.test")

    async def modern(request):
        return web.Response(status=202 if "Signature-Input" in request.headers else status)

    alpha.answers["/inbox"] = modern
    outcome = await client.post("http://alpha.test/inbox", b"{}", signer)
    assert (outcome.status, outcome.scheme_used) == (202, "rfc9421")
    verify(read_claim(as_signed(alpha.requests[1], b"{}"), now=clock.now), public(signer))
    again = await client.post("http://alpha.test/inbox", b"{}", signer, scheme=outcome.scheme_used)
    assert (again.status, len(alpha.requests)) == (202, 3)


async def test_a_second_knock_that_fails_too_leaves_the_first_answer(world, client, signer):
    """Lemmy answers 400 to what it has already: that says nothing of the scheme."""
    alpha = await world.peer("alpha.test")
    alpha.serve("/inbox", b"", status=400)
    outcome = await client.post("http://alpha.test/inbox", b"{}", signer)
    assert (outcome.status, outcome.scheme_used, len(alpha.requests)) == (400, "cavage", 2)


@pytest.mark.parametrize(("status", "knock_again"), [(400, False), (403, True), (404, True), (500, True)])
async def test_there_is_no_second_knock_without_a_reason(world, client, signer, status, knock_again):
    alpha = await world.peer("alpha.test")
    alpha.serve("/inbox", b"", status=status)
    assert (await client.post("http://alpha.test/inbox", b"{}", signer, knock_again=knock_again)).status == status
    assert len(alpha.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_delivery_follows_no_redirect(world, client, signer, status):
    """SSR-04"""
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    alpha.redirect("/inbox", "http://beta.test/inbox", status)
    outcome = await client.post("http://alpha.test/inbox", b"{}", signer)
    assert (outcome.status, outcome.delivered, beta.requests) == (status, False, [])


async def test_a_delivery_tells_when_to_come_again(world, client, signer):
    """FET-25"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/inbox", b"", status=429, Retry_After="120")
    outcome = await client.post("http://alpha.test/inbox", b"{}", signer)
    assert (outcome.status, outcome.retry_after) == (429, 120)


@pytest.mark.parametrize(
    ("inbox", "error"),
    [
        ("http://nowhere.test/inbox", "dns"),
        ("http://closed.test/inbox", "connection"),
        ("http://inner.test/inbox", "refused"),
        ("http://127.0.0.1/inbox", "refused"),
        ("https://moot.test/inbox", "refused"),
        ("mailto:ana@alpha.test", "refused"),
        ("http://garbage.test/inbox", "protocol"),
        ("http://silent.test/inbox", "connection"),
    ],
)
async def test_a_delivery_never_raises(world, client, signer, inbox, error):
    async def garbage(reader, writer):
        writer.write(b"220 mail.test ESMTP\r\n")
        await writer.drain()

    async def silent(reader, writer):
        writer.close()

    closed = await world.peer("closing.test")
    world.name("inner.test", closed.port, "10.0.0.7")
    # Port 1 of loopback: nobody listens there.
    world.name("closed.test", 1)
    await world.raw("garbage.test", garbage)
    await world.raw("silent.test", silent)
    outcome = await client.post(inbox, b"{}", signer)
    assert (outcome.status, outcome.error, outcome.delivered) == (None, error, False)


# Budgets, memory, single flight


async def test_every_request_and_every_hop_is_counted(world, client):
    """FET-12"""
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    alpha.redirect("/n/1", beta.note("/n/2"))
    budget = Budget(fetches=2)
    await client.fetch("http://alpha.test/n/1", budget)
    assert (budget.fetches, budget.spent) == (0, {"alpha.test": 1, "beta.test": 1})
    with pytest.raises(Exhausted):
        await client.fetch("http://beta.test/n/2", budget)
    assert len(beta.requests) == 1


async def test_a_redirect_beyond_the_budget_is_not_followed(world, client, remembered):
    """FET-06, FET-12"""
    alpha, beta = await world.peer("alpha.test"), await world.peer("beta.test")
    alpha.redirect("/n/1", beta.note("/n/2"))
    with pytest.raises(Exhausted):
        await client.fetch("http://alpha.test/n/1", Budget(fetches=1))
    assert (beta.requests, remembered.kept) == ([], {})


def test_subdomains_share_what_may_be_fetched_from_their_domain():
    """FET-13"""
    budget = Budget()
    for number in range(budget.per_domain):
        budget.spend(f"https://s{number}.evil.test/n/1")
    with pytest.raises(Exhausted):
        budget.spend("https://fresh.evil.test/n/1")
    budget.spend("https://other.test/n/1")


def test_a_budget_travels_with_the_work(clock):
    """FET-12"""
    budget = Budget(deadline=clock.now + timedelta(hours=1))
    budget.spend("https://a.test/", clock.now)
    assert Budget.from_json(budget.to_json()) == budget
    assert json.loads(Budget().to_json())["deadline"] is None
    with pytest.raises(Exhausted):
        Budget.from_json(budget.to_json()).spend("https://a.test/", clock.now + timedelta(hours=1))


def test_shares_of_a_budget_are_together_no_more_than_it_was():
    """FET-10, FET-12"""
    budget = Budget(fetches=20, per_domain=10)
    for _ in range(4):
        budget.spend("https://evil.test/")
    shares = budget.hand_on(3)
    assert (sum(share.fetches for share in shares), budget.fetches) == (15, 0)
    assert sum(share.per_domain - share.spent["evil.test"] for share in shares) <= 6
    assert {share.depth for share in shares} == {budget.depth - 1}


def test_follow_up_work_ends_somewhere():
    """FET-07"""
    budget = Budget(depth=2)
    (child,) = budget.hand_on()
    (grandchild,) = child.hand_on()
    with pytest.raises(Exhausted):
        grandchild.hand_on()


async def test_two_hundred_who_ask_at_once_are_one_fetch(world, client):
    """KEY-19"""
    alpha = await world.peer("alpha.test")
    url, budgets = alpha.note("/u/ana"), [Budget() for _ in range(200)]
    found = await asyncio.gather(*(client.fetch(url, budget) for budget in budgets))
    assert {each.document["id"] for each in found} == {url}
    assert len(alpha.requests) == 1
    assert sum(Budget().fetches - budget.fetches for budget in budgets) == 1


async def test_who_waits_for_a_fetch_of_a_poor_budget_fetches_for_itself(world, client):
    alpha = await world.peer("alpha.test")
    alpha.note("/n/3")
    alpha.redirect("/n/1", "/n/3")
    poor, rich = await asyncio.gather(
        client.fetch("http://alpha.test/n/1", Budget(fetches=1)),
        client.fetch("http://alpha.test/n/1", Budget()),
        return_exceptions=True,
    )
    assert isinstance(poor, Exhausted)
    assert rich.url == "http://alpha.test/n/3"


async def test_who_gives_up_leaves_the_fetch_to_the_others(world, client):
    alpha = await world.peer("alpha.test")
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def held(request):
        arrived.set()
        await go_on.wait()
        return web.json_response({"id": "http://alpha.test/n/1"}, content_type=AS2)

    alpha.answers["/n/1"] = held
    first = asyncio.create_task(client.fetch("http://alpha.test/n/1", Budget()))
    await arrived.wait()
    second = asyncio.create_task(client.fetch("http://alpha.test/n/1", Budget()))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go_on.set()
    assert (await second).url == "http://alpha.test/n/1"
    assert len(alpha.requests) == 1


async def test_closing_the_client_ends_what_is_under_way(world, open_client):
    alpha = await world.peer("alpha.test")
    arrived = asyncio.Event()

    async def held(request):
        arrived.set()
        await asyncio.Event().wait()

    alpha.answers["/n/1"] = held
    client = await open_client()
    waiting = asyncio.create_task(client.fetch("http://alpha.test/n/1", Budget()))
    await arrived.wait()
    await client.close()
    with pytest.raises(Unreachable):
        await waiting


@pytest.mark.parametrize(
    ("status", "error", "span"),
    [(410, Gone, timedelta(hours=1)), (500, Unreachable, timedelta(minutes=2)), (403, Refused, timedelta(minutes=2))],
)
async def test_a_failure_is_remembered_for_a_while(world, client, clock, budget, status, error, span):
    """KEY-10"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/u/ana", b"", status=status)
    for _ in range(3):
        with pytest.raises(error):
            await client.fetch("http://alpha.test/u/ana", budget)
    assert len(alpha.requests) == 1
    clock.now += span
    alpha.note("/u/ana")
    assert (await client.fetch("http://alpha.test/u/ana", budget)).url == "http://alpha.test/u/ana"


async def test_a_failure_is_remembered_by_the_next_process(world, open_client, budget):
    """KEY-10"""
    alpha = await world.peer("alpha.test")
    before = await open_client()
    with pytest.raises(Gone):
        await before.fetch("http://alpha.test/u/ana", budget)
    await before.close()
    with pytest.raises(Gone):
        await (await open_client()).fetch("http://alpha.test/u/ana", budget)
    assert len(alpha.requests) == 1


async def test_an_actor_asked_for_as_something_else_is_still_an_actor(world, client, budget):
    """KEY-10: what one question gave must not be remembered as the answer to another."""
    victim, evil = await world.peer("victim.test"), await world.peer("evil.test")
    url = victim.note("/u/alice")
    links = [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": url}]
    evil.serve("/.well-known/nodeinfo", {"links": links}, "application/json")
    with pytest.raises(UnsupportedType):
        await client.nodeinfo("evil.test", budget)
    assert (await client.fetch_object(url, budget))["id"] == url


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 1),
        ("99999999999999999999", 86400),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300),
        ("Sun, 01 Mar 2020 12:05:00 GMT", 1),
        ("soon", 120),
        ("-5", 120),
        ("1e9", 120),
        ("²", 120),
    ],
)
async def test_a_server_may_say_when_to_come_again_within_reason(
    world, client, budget, remembered, clock, header, seconds
):
    """FET-25"""
    alpha = await world.peer("alpha.test")
    alpha.serve("/n/1", b"", status=503, Retry_After=header)
    with pytest.raises(Unreachable) as raised:
        await client.fetch("http://alpha.test/n/1", budget)
    assert raised.value.retry_after == seconds
    assert remembered.kept["http://alpha.test/n/1"] == (clock.now + timedelta(seconds=seconds), "unreachable")


async def test_what_a_failed_server_wrote_is_told_to_nobody(world, client, budget):
    """SSR-24"""
    await world.peer("alpha.test")
    with pytest.raises(Gone) as raised:
        await client.fetch("http://alpha.test/n/1", budget)
    assert "secret" not in str(raised.value)


def as_signed(asked: web.Request, body: bytes) -> Request:
    """A request as the server of the tests received it, for the verifier."""
    headers = tuple((name.decode(), value.decode()) for name, value in asked.raw_headers)
    return Request(asked.method, asked.raw_path, headers, body, authority=asked.host, scheme="http")


def public(signer) -> PublicKey:
    return PublicKey(signer.key_id, signer.key_id.partition("#")[0], signer.private.public_key())
