"""What is private is not there, whoever asks and however (PRV, AUT-24)."""

from __future__ import annotations

import re

import pytest

from node.forum import servers
from tests.equipment.nodes import AS2, Moot
from tests.peers.scripted import ScriptedServer

KEPT = "NOT FOR ALL EYES"


@pytest.fixture
async def hidden(node: Moot) -> str:
    """A thread of a secret group."""
    await node.person("liam")
    await node.group("hidden", "liam", privacy="secret", title=f"Group {KEPT}")
    thread = await node.start("liam", "hidden", f"Title {KEPT}", KEPT)
    await node.say("liam", thread, KEPT)
    await node.settle()
    return thread


async def test_a_secret_thread_is_not_there_for_anybody_from_outside(
    node: Moot, world: ScriptedServer, hidden: str
) -> None:
    """PRV-01, PRV-02, PRV-03: unsigned, signed by a stranger, signed by somebody blocked, as a page."""
    stranger, blocked = world.actor("sam@mastodon.test"), world.actor("mallory@mallory.test")
    await stranger.post(f"{node.origin}/inbox", stranger.like(hidden))
    await node.settle()
    await node.storage.write(servers.block, None, "mallory.test", "spam")
    group = f"{node.origin}/g/hidden"
    parts = ("", "/context", "/replies", "/likes", "/shares")
    urls = [hidden + part for part in parts]
    urls += [group + part for part in ("", "/outbox", "/followers", "/following", "/featured", "/moderators")]
    urls += [
        f"{node.origin}/a/create-{hidden.rpartition('/')[2]}",
        f"{node.origin}/a/announce-{hidden.rpartition('/')[2]}",
    ]

    for url in urls:
        for accept in (AS2, "text/html"):
            status, _, body = await node.get(url, accept)
            assert status == 404, (url, accept, status)
            assert KEPT.encode() not in body
        reply = await stranger.get(url)
        assert (reply.status, KEPT.encode() in reply.body) == (404, False), url
        assert (await blocked.get(url)).status in (403, 404), url


async def test_nothing_else_tells_of_what_is_secret(node: Moot, hidden: str) -> None:
    """PRV-03, PRV-04, PRV-05"""
    await node.group("open", "liam", title="Open")
    for path in (
        "/",
        "/g/open",
        "/u/liam",
        "/robots.txt",
        "/sitemap.xml",
        "/nodeinfo/2.1",
        f"/interact?object={hidden}",
    ):
        for accept in ("text/html", AS2):
            _, _, body = await node.get(path, accept)
            assert KEPT.encode() not in body, path
    outbox = await node.document("/u/liam/outbox")
    assert hidden not in str(outbox)
    for resource in (f"acct:hidden@{node.host}", f"{node.origin}/g/hidden", hidden):
        status, _, body = await node.get(f"/.well-known/webfinger?resource={resource}", "*/*")
        assert status == 404, resource
        assert KEPT.encode() not in body


async def test_what_is_secret_looks_like_what_never_was(node: Moot, hidden: str) -> None:
    """PRV-06"""
    for there, nowhere in (("/g/hidden", "/g/nobody"), (hidden, hidden[:-4] + "aaaa")):
        for accept in ("text/html", AS2):
            secret, absent = await node.get(there, accept), await node.get(nowhere, accept)
            assert secret[0] == absent[0] == 404
            assert _without_numbers(secret[2]) == _without_numbers(absent[2])


def _without_numbers(page: bytes) -> bytes:
    """The page without the number of the request, which is another each time."""
    return re.sub(rb"[0-9a-f]{12,16}", b"", page)


async def test_a_secret_group_cannot_be_followed_answered_or_joined(
    node: Moot, world: ScriptedServer, hidden: str
) -> None:
    """AUT-21, AUT-24, AUT-30, PRV-10: and those who tried are told nothing."""
    mallory = world.actor("mallory@mallory.test")
    group = f"{node.origin}/g/hidden"
    follow = mallory.follow(group)
    note = mallory.note("<p>I know</p>", cc=[group], inReplyTo=hidden)
    for activity in (
        follow,
        mallory.accept(follow),
        mallory.activity("Join", group),
        mallory.activity("Add", mallory.uri, target=f"{group}/followers"),
        mallory.create(note),
        mallory.announce(hidden),
        mallory.like(hidden),
    ):
        reply = await mallory.post(f"{node.origin}/inbox", activity)
        assert reply.status in (202, 403, 404), (activity["type"], reply)
        assert KEPT.encode() not in reply.body
    await node.settle()
    await node.say("liam", hidden, f"{KEPT} once more")
    await node.settle()

    assert await node.follower_count(group) == 0
    item = await node.item(hidden)
    assert item is not None
    assert (item.likes_count, item.boosts_count) == (0, 0)
    assert await node.said(note["id"]) is None
    assert not any(KEPT.encode() in letter.body for letter in world.letters)
    assert not any(letter.json()["type"] == "Accept" for letter in world.letters)
