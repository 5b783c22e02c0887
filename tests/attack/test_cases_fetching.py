"""What others make us fetch, and what they may fetch of us (FET, KEY-11, SSR-05)."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import Engine, event

from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer
from tests.peers.wire import Outgoing


async def test_images_emoji_and_previews_are_not_fetched(node: Moot, world: ScriptedServer) -> None:
    """SSR-05: nothing but the actor is asked for; a reader's browser fetches none of it either (XSS-10)."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    picture = {"type": "Image", "mediaType": "image/png", "url": "https://mallory.test/picture.png"}
    mallory = world.actor("mallory@mallory.test", icon=picture, image=picture, featured="https://mallory.test/featured")
    note = mallory.note(
        '<p>:blob: <img src="https://mallory.test/in.png"> <a href="https://mallory.test/page">look</a></p>',
        inReplyTo=thread,
        attachment=[picture | {"type": "Document", "url": f"https://mallory.test/{i}.png"} for i in range(4)],
        tag=[{"type": "Emoji", "name": ":blob:", "icon": picture}],
        icon=picture,
        preview={"type": "Note", "url": "https://mallory.test/preview"},
        replies="https://mallory.test/replies",
        likes="https://mallory.test/likes",
    )
    assert (await mallory.post(f"{node.origin}/inbox", mallory.create(note))).status == 202
    await node.settle()
    page = await node.page(thread)

    targets = {fetch.target for fetch in world.fetches}
    assert targets <= {"/users/mallory", "/.well-known/nodeinfo", "/nodeinfo/2.0"}, targets
    assert "look" in page
    assert "<img" not in page


async def test_a_herd_that_fetches_one_post_costs_little(node: Moot, database_url: str) -> None:
    """FET-15: every server that saw a link asks at the same moment; others may write to PostgreSQL, so it is asked."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    await node.document(thread)  # the key is made
    queries = 0

    def count(*_: Any) -> None:
        nonlocal queries
        queries += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        answers = await asyncio.gather(*(node.get(thread) for _ in range(200)))
    finally:
        event.remove(Engine, "before_cursor_execute", count)

    assert {(status, body) for status, _, body in answers} == {(200, answers[0][2])}
    assert queries < (200 if database_url.startswith("sqlite") else 200 * 16)


async def test_a_host_with_ever_new_keys_makes_us_ask_it_only_so_often(node: Moot, world: ScriptedServer) -> None:
    """KEY-11: hundreds of key ids of one host, none of which is there; an honest host is heard meanwhile."""
    await node.person("liam")
    garden = await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    mallory, maria = world.actor("mallory@mallory.test"), world.actor("maria@mastodon.test")

    async def knock(number: int) -> int:
        activity = mallory.like(thread) | {"actor": f"https://mallory.test/users/m{number}"}
        activity["id"] = f"https://mallory.test/likes/{number}"
        letter = mallory.letter(f"{node.origin}/inbox", activity)
        key_id = f"https://mallory.test/users/m{number}#main-key"
        return (await world.send(mallory.signed(letter, key_id=key_id))).status

    statuses = [await knock(number) for number in range(200)]
    honest = await maria.post(f"{node.origin}/inbox", maria.follow(garden))
    await node.settle()

    assert set(statuses) <= {401, 429, 503}
    asked = [fetch for fetch in world.fetches if fetch.target.startswith("/users/m") and fetch.host == "mallory.test"]
    print(f"{len(asked)} of 200 were asked for")
    assert len(asked) <= 100, "the host was asked too often"
    assert honest.status == 202
    assert await node.follower_count(garden) == 1


async def test_a_key_where_nobody_may_be_asked_is_not_asked_for(node: Moot, world: ScriptedServer) -> None:
    """SIG-41: refused as unproved, and no connection is made."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    mallory = world.actor("mallory@mallory.test")
    letter = mallory.letter(f"{node.origin}/inbox", mallory.like(thread))
    before = len(world.fetches)

    private = ("127.0.0.1", "10.0.0.7", "169.254.169.254", "[::1]", "[fd00::1]", "localhost", "node.local")
    for place in [*(f"https://{host}" for host in private), "http://mallory.test", "https://x@mallory.test"]:
        status = (await world.send(mallory.signed(letter, key_id=f"{place}/users/mallory#main-key"))).status
        assert status in (400, 401), place
    await node.settle()

    assert len(world.fetches) == before


async def test_one_key_id_that_is_not_there_is_asked_for_once(node: Moot, world: ScriptedServer) -> None:
    """KEY-10, KEY-11: the failure is remembered."""
    await node.person("liam")
    garden = await node.group("garden", "liam")
    mallory = world.actor("mallory@mallory.test")
    world.gone(mallory.uri)
    follow = mallory.follow(garden)
    statuses = [(await mallory.post(f"{node.origin}/inbox", follow)).status for _ in range(20)]

    assert set(statuses) == {401}
    assert len([fetch for fetch in world.fetches if fetch.url == mallory.uri]) == 1


async def test_what_we_show_needs_no_question_of_ours(node: Moot, world: ScriptedServer) -> None:
    """KEY-20: whoever asks with a signature that cannot be checked just now is answered without a fetch."""
    await node.person("liam")
    await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    maria = world.actor("maria@mastodon.test")
    world.fetches.clear()
    for url in (thread, f"{node.origin}/g/garden", f"{node.origin}/actor", f"{node.origin}/u/liam"):
        assert (await maria.get(url)).status == 200
        bent = Outgoing.make("GET", url, now=world.clock()).adding(
            "Signature", 'keyId="https://x.test/y",signature="AA=="'
        )
        assert (await world.send(bent)).status == 200
    assert not world.fetches
