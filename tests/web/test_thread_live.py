"""The stream of a thread: what it says, to whom, and when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from node.consequences import follow_up
from node.web import live
from storage import sessions
from storage.schema import Membership, SignedIn, Thread


class Ear:
    """A browser that listens."""

    def __init__(self, response: Any) -> None:
        self.response = response

    async def next(self) -> tuple[str, Any]:
        """The next event with its data."""
        kind = ""
        async with asyncio.timeout(10):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    return "end", None
                name, _, value = line.strip().partition(": ")
                if name == "event":
                    kind = value
                if name == "data":
                    return kind, json.loads(value)


@pytest.fixture
async def scene(moot: Any) -> AsyncIterator[Any]:
    class Scene:
        def __init__(self) -> None:
            self.ears: list[Any] = []

        async def listen(self, browser: Any = None) -> Ear:
            headers = browser.headers if browser else {}
            response = await moot.client.get(f"/threads/{self.uid}/live", headers=headers)
            assert response.status == 200, response.status
            self.ears.append(response)
            ear = Ear(response)
            kind, _ = await ear.next()
            assert kind == "newest"
            return ear

    moot.storage.on_event = follow_up
    found: Any = Scene()
    found.group = await moot.group()
    found.people = {name: await moot.person(name) for name in ("liam", "greta")}
    for person in found.people.values():
        await moot.join(person, found.group)
    found.thread = await moot.thread(found.group, found.people["liam"], "Who pays?")
    found.path = await moot.path(found.thread)
    found.uid = found.path.split("/")[3].split("-")[0]
    found.opening = (await moot.item(found.thread, 0)).uid
    found.greta = await moot.sign_in(found.people["greta"])
    async with moot.node.live.open():
        yield found
        for response in found.ears:
            response.close()


async def test_what_is_said_is_told_at_once_to_members_and_strangers(moot: Any, scene: Any) -> None:
    ears = [await scene.listen(scene.greta), await scene.listen()]
    await scene.greta.posted(f"/items/{scene.opening}/reply", source="Hello.")
    uid = (await moot.item(scene.thread, 1)).uid
    for ear in ears:
        assert await ear.next() == ("item", {"kind": "posted", "uid": uid, "number": 1})
    await scene.greta.posted(f"/items/{uid}/react", kind="🌱")
    assert await ears[1].next() == ("item", {"kind": "reacted", "uid": uid, "number": 1})


async def test_the_answer_is_a_stream_that_no_proxy_holds_back(moot: Any, scene: Any) -> None:
    ear = await scene.listen()
    headers = ear.response.headers
    assert headers["Content-Type"] == "text/event-stream"
    assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")


async def test_a_silent_stream_still_says_something(moot: Any, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.1)
    ear = await scene.listen()
    assert await ear.next() == ("newest", {"number": 0})


async def test_whoever_loses_sight_of_the_thread_hears_no_more(moot: Any, scene: Any) -> None:
    """PRV-08"""
    await moot.storage.write(lambda work: setattr(work.get_one(Thread, scene.thread), "private", True))
    assert (await moot.get(f"/threads/{scene.uid}/live")).status == 404
    ear = await scene.listen(scene.greta)
    await moot.storage.write(
        lambda work: setattr(work.query(Membership).filter_by(actor_id=scene.people["greta"]).one(), "role", "banned")
    )
    liam = await moot.sign_in(scene.people["liam"])
    await liam.posted(f"/items/{scene.opening}/reply", source="She is gone.")
    assert await ear.next() == ("bye", {})
    assert await ear.next() == ("end", None)


async def test_a_session_that_ended_hears_no_more(moot: Any, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """WEB-05"""
    ear = await scene.listen(scene.greta)
    await scene.greta.post("/sign-out")
    assert await ear.next() == ("bye", {})
    assert await moot.storage.read(lambda work: work.query(SignedIn).count()) == 0
    monkeypatch.setattr(live, "HEARTBEAT", 0.1)
    greta = await moot.sign_in(scene.people["greta"])
    ear = await scene.listen(greta)
    await moot.storage.write(lambda work: sessions.end(work, scene.people["greta"]))  # told to nobody
    while (heard := await ear.next())[0] == "newest":
        pass
    assert heard == ("bye", {})


async def test_nobody_has_more_streams_than_tabs(moot: Any, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OF_ONE", 2)
    first = await scene.listen(scene.greta)
    await scene.listen(scene.greta)
    refused = await moot.client.get(f"/threads/{scene.uid}/live", headers=scene.greta.headers)
    assert refused.status == 204
    await scene.listen()
    first.response.close()
    for _ in range(100):
        await scene.greta.posted(f"/items/{scene.opening}/react", kind="🌱")  # an event finds out that it went
        response = await moot.client.get(f"/threads/{scene.uid}/live", headers=scene.greta.headers)
        scene.ears.append(response)
        if response.status == 200:
            break
    assert response.status == 200
    monkeypatch.setattr(live, "STREAMS", 1)
    assert (await moot.client.get(f"/threads/{scene.uid}/live")).status == 204


async def test_a_node_that_stops_lets_its_listeners_go(moot: Any, scene: Any) -> None:
    ear = await scene.listen()
    moot.node.live.close()
    assert await ear.next() == ("end", None)
