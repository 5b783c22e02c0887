"""Our own people come from other servers: what they came for is shown, and nothing is done before they say so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from federation.discovery import read_webfinger
from node.forum import limits, servers
from node.web import finding
from tests.equipment.browsers import Browser, browser_of
from tests.equipment.incoming import a_thread, deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedActor, ScriptedServer

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
async def ana(node: Moot) -> Browser:
    """The browser of a member."""
    await node.person("ana")
    return await browser_of(node, "ana")


@pytest.fixture
def maria(world: ScriptedServer) -> ScriptedActor:
    """Someone elsewhere."""
    return world.actor("maria@mastodon.test")


def there(address: str, how: str = "/authorize_interaction?uri=") -> str:
    return how + quote(address, safe="")


# ------------------------------------------------------------------ discovery


async def test_other_servers_find_the_way_in_for_our_people(node: Moot, ana: Browser) -> None:
    """FEP-3b86, OStatus"""
    post = "https://mastodon.test/users/maria/statuses/1?a=b&c"
    for resource in ("acct:ana@node.test", "https://node.test/", f"{node.origin}/u/ana"):
        status, response, _body = await node.get(f"/.well-known/webfinger?resource={resource}")
        links = read_webfinger(await response.json(content_type=None))
        assert status == 200
        for intent, path in (
            ("Object", "/authorize_interaction"), ("Follow", "/intents/follow"), ("Like", "/intents/like"),
        ):  # fmt: skip
            way = urlsplit(links.way_to(intent, post) or "")  # type: ignore[arg-type]
            assert (f"{way.scheme}://{way.netloc}", way.path) == (node.origin, path)
            assert list(parse_qs(way.query).values()) == [[post]]
        assert links.templates["http://ostatus.org/schema/1.0/subscribe"].endswith("/authorize_interaction?uri={uri}")
        assert links.templates["https://w3id.org/fep/3b86/Create"].startswith(f"{node.origin}/share?text={{content}}")
        assert "https://w3id.org/fep/3b86/Announce" not in links.templates


async def test_nobody_signs_in_as_a_group(node: Moot) -> None:
    await node.group("garden")
    _status, response, _body = await node.get("/.well-known/webfinger?resource=acct:garden@node.test")
    assert read_webfinger(await response.json(content_type=None)).templates == {}


# ------------------------------------------------------------------ nothing is done by looking


@pytest.mark.parametrize("how", ["/authorize_interaction?uri=", "/intents/follow?object=", "/intents/like?object="])
async def test_a_stranger_signs_in_first_and_nothing_is_fetched(
    node: Moot, maria: ScriptedActor, world: ScriptedServer, how: str
) -> None:
    """WEB-15"""
    note = maria.publish(maria.note("<p>Hello</p>"))
    world.requests.clear()
    answer = await Browser(node).get(there(note["id"], how))

    assert answer.status == 303
    [back] = parse_qs(urlsplit(answer.location).query)["next"]
    assert (urlsplit(answer.location).path, urlsplit(back).path) == ("/sign-in", urlsplit(how).path)
    assert list(parse_qs(urlsplit(back).query).values()) == [[note["id"]]]
    assert world.requests == []


async def test_a_get_shows_what_it_is_and_does_nothing(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    """WEB-15"""
    note = maria.publish(maria.note("<p>Who has a <b>ladder</b>?<script>alert(1)</script></p>", summary="Tools"))
    for how in ("/authorize_interaction?uri=", "/intents/follow?object=", "/intents/like?object="):
        for address in (note["id"], maria.uri, "acct:maria@mastodon.test", "@maria@mastodon.test"):
            page = await ana.page(there(address, how))
            assert "maria@mastodon.test" in page.text
            assert all("csrf" in fields for fields in page.forms().values())
            assert page.headers["Cache-Control"] == "private, no-store"
    await node.settle()

    page = await ana.page(there(note["id"]))
    assert "Content warning Tools" in page.text and "ladder?" in page.text and "alert(1)" not in page.source
    assert world.letters == []
    assert set(page.forms()) == {"/remarks/like", "/people/maria@mastodon.test/follow"}
    assert page.links()["Answer"] == f"/remarks/new?to={note['id'].replace(':', '%3A')}"


async def test_the_page_of_a_post_will_do_for_its_id(node: Moot, ana: Browser, maria: ScriptedActor) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    html = f'<link rel="alternate" type="application/activity+json" href="{note["id"]}">'.encode()
    maria.server.serve(note["url"], html, content_type="text/html")
    assert "Who has a ladder?" in (await ana.page(there(note["url"]))).text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("", 200),
        ("javascript:alert(1)", 422),
        ("data:text/html,x", 422),
        ("file:///etc/passwd", 422),
        ("//evil.test/", 422),
        ("https://u:p@mastodon.test/", 422),
        ("https://" + "a" * 3000 + ".test/", 422),
        ("not a thing", 422),
        ("https://mastodon.test/\x00", 422),
        ("https://127.0.0.1/", 404),
        ("https://[::1]/", 404),
        ("https://169.254.169.254/latest/meta-data", 404),
        ("http://localhost:6379/", 404),
        ("https://mastodon.test:8443/", 404),
        ("https://nowhere.test/1", 404),
        ("https://mastodon.test/absent", 404),
        ("@a@[::1]", 422),
        ("@a@127.0.0.1", 404),
        ("https://node.test/post/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404),
        ("https://node.test/actor", 404),
    ],
)
async def test_what_is_not_there_or_not_asked_for_is_said_in_words(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer, address: str, status: int
) -> None:
    """WEB-15, SSR-01, SSR-09, SSR-10, SSR-18, SSR-21, SSR-30"""
    world.requests.clear()
    answer = await ana.get(there(address))

    assert answer.status == status
    assert "<script>" not in answer.source
    assert {request.host for request in world.requests} <= {"mastodon.test"}
    if status == 404 and "node.test" not in address:
        assert "can be found at" in answer.text


async def test_a_blocked_server_is_not_asked(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    note = maria.publish(maria.note("<p>Buy</p>"))
    await node.storage.write(servers.block, None, "mastodon.test", "spam")
    world.requests.clear()
    for address in (note["id"], maria.uri):
        assert (await ana.get(there(address))).status == 404
    assert world.requests == []


async def test_a_post_that_says_it_is_of_another_server_is_not_shown(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    mallory = world.actor("mallory@mallory.test")
    forged = mallory.publish(mallory.note("<p>Maria never said that</p>", attributedTo=maria.uri))
    assert (await ana.get(there(forged["id"]))).status == 404


async def test_nobody_makes_us_ask_without_end(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "LOOK_UPS", limits.Limit("look-up", 2, finding.LOOK_UPS.within))
    note = maria.publish(maria.note("<p>Hello</p>"))
    statuses = [(await ana.get(there(note["id"]))).status for _ in range(3)]
    world.requests.clear()
    late = await ana.get(there(note["id"]))

    assert statuses == [200, 200, 429]
    assert late.status == 429 and int(late.headers["Retry-After"]) > 0
    assert world.requests == []


# ------------------------------------------------------------------ what is here already


async def test_what_is_here_already_leads_to_its_place(node: Moot, world: ScriptedServer, maria: ScriptedActor) -> None:
    thread = await a_thread(node)
    ana = await browser_of(node, "ana")
    note = maria.note("<p>I have one</p>", inReplyTo=thread)
    await deliver(node, maria, maria.create(note))
    ours = await node.say("ana", thread, "Thanks")
    world.requests.clear()

    opening = await ana.get(there(thread))
    assert opening.status == 303 and opening.location.endswith("-tools?reply=0#compose")
    page = opening.location.removesuffix("?reply=0#compose")
    for address in (note["id"], note["url"]):
        assert (await ana.get(there(address))).location == f"{page}?reply=1#compose"
    assert (await ana.get(there(ours))).location == f"{page}?reply=2#compose"
    assert (await ana.get(there(f"{node.origin}{page}?at=2"))).location == f"{page}?at=2"
    assert (await ana.get(there(f"{node.origin}/g/garden"))).location == "/g/garden"
    assert (await ana.get(there("@garden@node.test"))).location == "/g/garden"
    assert (await ana.get(there("acct:ana@node.test"))).location == "/u/ana"
    assert world.requests == []


async def test_who_has_an_account_here_need_not_go_elsewhere(node: Moot, world: ScriptedServer) -> None:
    thread = await a_thread(node)
    ours = await node.say("ana", thread, "Anybody?")
    ana, stranger = await browser_of(node, "ana"), Browser(node)
    for uri, number in ((thread, 0), (ours, 1)):
        path = f"/interact?object={quote(uri, safe='')}&intent=reply"
        assert (await ana.page(path)).links()["Go on here"].endswith(f"-tools?reply={number}#compose")
        assert "Go on here" not in (await stranger.page(path)).links()
    follow = f"/interact?object={quote(f'{node.origin}/g/garden', safe='')}&intent=follow"
    assert (await ana.page(follow)).links()["Go on here"] == "/g/garden"


async def test_what_is_hidden_here_is_as_absent_as_what_never_was(node: Moot, ana: Browser) -> None:
    """PRV-01"""
    await node.person("ben")
    await node.group("cellar", "ben", privacy="secret")
    secret = await node.start("ben", "cellar", "Plans")
    absent = f"{node.origin}/post/{'a' * 26}"
    answers = [await ana.get(there(uri)) for uri in (secret, absent, "@cellar@node.test", "@nobody@node.test")]

    assert {answer.status for answer in answers} == {404}
    said = [answer.text.split("This did not work:")[1] for answer in answers]
    assert len(set(said)) == 1
    ben = await browser_of(node, "ben")
    assert (await ben.get(there(secret))).status == 303


@pytest.mark.parametrize(
    "address",
    [
        "https://node.test//evil.test/",
        "https://node.test/g/x/a-b/../../..//evil.test",
        "https://node.test/\\evil.test",
        "https://node.test@evil.test/",
        "https://node.test.evil.test/g/x/a-b",
        "https://node.test/g/x/a-b\r\nLocation: https://evil.test",
        "https://node.test/%2f%2fevil.test",
        "https://node.test/sign-out",
    ],
)
async def test_nobody_is_led_away_by_an_address(node: Moot, ana: Browser, address: str) -> None:
    """WEB-14"""
    answer = await ana.get(there(address))
    assert answer.status in (404, 422) or (answer.location.startswith("/g/x/a-b") and "\r" not in answer.location)


# ------------------------------------------------------------------ follow, like


async def test_follow_and_like_from_there(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    forms = (await ana.page(there(maria.uri, "/intents/follow?object="))).forms()
    [(action, fields)] = forms.items()
    await ana.posted(action, fields)
    page = await ana.page(there(note["id"], "/intents/like?object="))
    led_to = await ana.posted("/remarks/like", page.forms()["/remarks/like"])
    again = await ana.page(led_to)
    await node.settle()

    assert [letter.json()["type"] for letter in world.letters_to(maria.inbox)] == ["Follow", "Like"]
    assert "You like this." in again.text
    await ana.posted("/remarks/like", again.forms()["/remarks/like"])
    await node.settle()
    assert world.letters_to(maria.inbox)[-1].json()["type"] == "Undo"


async def test_every_act_takes_our_own_form_and_somebody_who_is_signed_in(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    """WEB-01, WEB-02, WEB-15"""
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    fields = {"to": note["id"], "source": "I do"}
    world.requests.clear()
    for path in ("/remarks/like", "/remarks/new", "/following"):
        assert (await ana.post(path, fields | {"csrf": "forged"})).status == 403
        assert (await ana.post(path, fields, Origin="https://evil.test")).status == 403
        assert (await ana.post(path, fields, **{"Sec-Fetch-Site": "cross-site"})).status == 403
        kept = await Browser(node).post(path, fields)
        assert kept.status == 403 and "Your words are still here" in kept.text
    assert (await ana.get("/remarks/like")).status == 405
    assert world.requests == []


# ------------------------------------------------------------------ share


async def test_what_is_shared_becomes_the_beginning_of_a_thread(node: Moot, ana: Browser) -> None:
    await node.person("ben")
    await node.group("garden", "ana", title="The garden")
    await node.group("board", "ben", title="The board", who_may_start="moderators")
    await node.group("other", "ben", title="Others")

    def join(work: Any) -> None:
        from node.forum import members
        from storage import people
        from storage.schema import Group

        board, reader = people.by_name(work, "board"), people.by_name(work, "ana")
        assert board is not None and reader is not None
        members.join(work, reader, work.get_one(Group, board.id))

    await node.storage.write(join)
    page = await ana.page("/share?title=Ladders&text=See+%3Cthis%3E%20%26%20that&url=https%3A%2F%2Fladders.test%2F")

    assert "See <this> & that" in page.text
    [(words, href)] = page.links().items()
    assert (words, urlsplit(href).path) == ("The garden", "/g/garden/new")
    begun = await ana.page(href)
    assert begun.value("title") == "Ladders" and "See &lt;this&gt; &amp; that" in begun.source
    given = parse_qs(urlsplit(href).query)
    assert given == {"title": ["Ladders"], "text": ["See <this> & that\n\nhttps://ladders.test/"]}


async def test_who_is_in_no_group_is_told_where_there_are_some(node: Moot, ana: Browser) -> None:
    page = await ana.page("/share?text={content}&title={name}&to={inReplyTo}")
    assert page.links() == {"See the groups of this node": "/groups"}
    assert "{" not in page.text


async def test_sharing_an_answer_leads_to_answering(node: Moot, ana: Browser, maria: ScriptedActor) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    led_to = await ana.get(f"/share?text=I+do&to={quote(note['id'], safe='')}")
    assert led_to.status == 303
    assert "I do" in (await ana.page(led_to.location)).forms()["/remarks/new"]["source"]
