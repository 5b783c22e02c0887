"""A visitor's own server is asked how they answer from there: what it may say, and what is never dialled."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import aiohttp
import pytest

from tests.equipment.network import LoopbackNet
from tests.equipment.nodes import Moot
from tests.peers.scripted import ACTIVITY_JSON, Answer, ScriptedServer

OBJECT = "https://w3id.org/fep/3b86/Object"
FOLLOW = "https://w3id.org/fep/3b86/Follow"
SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"
HOST = "mastodon.test"


@pytest.fixture
async def thread(node: Moot) -> str:
    """A thread to answer; its URI."""
    await node.person("ana")
    await node.group("garden", "ana")
    return await node.start("ana", "garden", "Tools")


async def send(node: Moot, uri: str, handle: str = f"@maria@{HOST}", intent: str = "reply") -> tuple[int, str]:
    """The form, filled in by a visitor."""
    async with node.session.post(
        f"http://127.0.0.1:{node.site.port}/interact",
        data={"object": uri, "intent": intent, "handle": handle},
        headers={"Host": node.host, "Accept": "text/html"},
        allow_redirects=False,
    ) as response:
        assert "Location" not in response.headers
        return response.status, await response.text()


def door(page: str) -> str:
    """Where the page leads on to."""
    [href] = re.findall(r'<a class="door" href="([^"]*)"', page)
    return html.unescape(href)


def offer(world: ScriptedServer, templates: dict[str, str], host: str = HOST) -> None:
    """Has maria's server name these templates, beside her actor."""
    uri = f"https://{host}/users/maria"
    links = [{"rel": "self", "type": ACTIVITY_JSON, "href": uri}]
    links += [{"rel": rel, "template": template} for rel, template in templates.items()]
    jrd = {"subject": f"acct:maria@{host}", "aliases": [uri], "links": links}
    world.serve(
        f"https://{host}/.well-known/webfinger?resource=acct:maria@{host}", jrd, content_type="application/jrd+json"
    )


async def test_a_server_that_knows_the_intent_is_asked_for_it(node: Moot, world: ScriptedServer, thread: str) -> None:
    """FEP-3b86"""
    offer(
        world,
        {
            SUBSCRIBE: f"https://{HOST}/old?uri={{uri}}",
            OBJECT: f"https://{HOST}/share?object={{object}}",
            FOLLOW: f"https://{HOST}/follow?who={{object}}",
        },
    )
    status, page = await send(node, thread)
    assert (status, door(page)) == (200, f"https://{HOST}/share?object={quote(thread, safe='')}")
    garden = f"{node.origin}/g/garden"
    _, page = await send(node, garden, intent="follow")
    assert door(page) == f"https://{HOST}/follow?who={quote(garden, safe='')}"


async def test_a_server_that_knows_only_how_to_subscribe_is_asked_for_that(
    node: Moot, world: ScriptedServer, thread: str
) -> None:
    offer(world, {SUBSCRIBE: f"https://{HOST}/authorize_interaction?uri={{uri}}"})
    _, page = await send(node, thread)
    assert door(page) == f"https://{HOST}/authorize_interaction?uri={quote(thread, safe='')}"


async def test_a_server_that_names_no_way_is_taken_for_one_like_mastodon(
    node: Moot, world: ScriptedServer, thread: str
) -> None:
    offer(world, {})
    _, page = await send(node, thread)
    assert door(page) == f"https://{HOST}/authorize_interaction?uri={quote(thread, safe='')}"


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert('{object}')//{uri}",
        "data:text/html,{object}{uri}",
        "http://mastodon.test/share?uri={object}{uri}",
        "https://ana:word@mastodon.test/{object}{uri}",
        "//evil.test/{object}{uri}",
        "{object}{uri}",
    ],
)
@pytest.mark.parametrize("rel", [OBJECT, SUBSCRIBE])
async def test_a_template_that_lies_leads_nowhere_but_home(
    node: Moot, world: ScriptedServer, thread: str, rel: str, template: str
) -> None:
    """XSS-14, WEB-16"""
    offer(world, {rel: template})
    status, page = await send(node, thread)
    if status == 200:
        assert door(page) == f"https://{HOST}/authorize_interaction?uri={quote(thread, safe='')}"
    else:
        assert status == 422
        assert "does not look right" in page
        assert 'class="door"' not in page
    assert "javascript:" not in page and "evil.test" not in page


async def test_a_server_that_leads_to_another_one_is_named_with_it(
    node: Moot, world: ScriptedServer, thread: str
) -> None:
    """WEB-16"""
    offer(world, {OBJECT: "https://victim.test/share?object={object}"})
    _, page = await send(node, thread)
    assert f"Your server, {HOST}, sends you on to another one, victim.test." in page
    assert door(page).startswith("https://victim.test/share?object=")


async def test_a_server_that_does_not_answer_is_told_in_words(
    node: Moot, world: ScriptedServer, net: LoopbackNet, thread: str
) -> None:
    """SSR-21"""
    net.unplug(HOST)
    status, page = await send(node, thread)
    assert status == 422
    assert f"The server {HOST} does not answer right now." in page
    assert f'value="@maria@{HOST}"' in page


async def test_somebody_whom_their_server_does_not_know_is_told_in_words(
    node: Moot, world: ScriptedServer, thread: str
) -> None:
    status, page = await send(node, thread, handle=f"nobody@{HOST}")
    assert status == 422
    assert f"The server {HOST} knows nobody called nobody@{HOST}." in page


async def test_words_of_the_other_server_are_never_shown(node: Moot, world: ScriptedServer, thread: str) -> None:
    """SSR-24"""
    url = f"https://{HOST}/.well-known/webfinger?resource=acct:maria@{HOST}"
    for answer in (
        Answer(500, b"stack trace of theirs"),
        Answer(200, b"stack trace of theirs", "application/jrd+json"),
    ):
        world.script("GET", url, answer)
        status, page = await send(node, thread)
        assert status == 422
        assert "stack trace" not in page


@pytest.mark.parametrize(
    "handle",
    [
        "@a@127.0.0.1:6379",
        "@a@127.0.0.1",
        "@a@[::1]",
        "@a@[::ffff:127.0.0.1]",
        "@a@u:p@mastodon.test",
        "@a@mastodon.test/../x",
        "@a@10.0.0.1",
        "@a@192.168.1.1",
        "@a@169.254.169.254",
        "@a@2130706433",
        "@a@0x7f.1",
        "@a@0177.0.0.1",
        "@a@localhost",
        "@a@localhost:8080",
        "@a@mastodon.test:6379",
        "https://127.0.0.1:6379/@a",
        "https://localhost/users/a",
        "@a@mastodon.test#x",
        "@a@mastodon.test?x",
        "@a@mastodon.test\\x",
        "@a@127。0。0。1",
    ],
)
async def test_no_handle_leads_into_the_house(
    node: Moot, world: ScriptedServer, net: LoopbackNet, thread: str, handle: str
) -> None:
    """SSR-30: such a handle is refused before anybody is asked where its host is."""
    net.asked.clear()
    status, page = await send(node, thread, handle=handle)
    assert status == 422
    assert 'class="door"' not in page
    assert net.asked == []
    assert world.requests == []


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"])
async def test_a_name_that_points_into_the_house_is_never_dialled(
    node: Moot, world: ScriptedServer, net: LoopbackNet, thread: str, address: str
) -> None:
    """SSR-01, SSR-30"""
    net.add("inside.test", world, address)
    net.add("both.test", world, "93.184.216.34", address)
    for host in ("inside.test", "both.test"):
        status, page = await send(node, thread, handle=f"@a@{host}")
        assert status == 422
        assert 'class="door"' not in page
    assert world.requests == []


async def test_our_own_visitors_are_answered_without_asking_ourselves(
    node: Moot, net: LoopbackNet, thread: str
) -> None:
    """SSR-22"""
    net.asked.clear()
    await send(node, thread, handle="@ana@node.test")
    assert net.asked == []


async def test_another_site_cannot_make_us_ask(node: Moot, world: ScriptedServer, thread: str) -> None:
    """WEB-01"""
    async with aiohttp.ClientSession() as stranger:
        response = await stranger.post(
            f"http://127.0.0.1:{node.site.port}/interact",
            data={"object": thread, "intent": "reply", "handle": f"@maria@{HOST}"},
            headers={"Host": node.host, "Origin": "https://evil.test"},
        )
    assert response.status == 403
    assert world.requests == []
