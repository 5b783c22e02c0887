"""Whoever is signed out hears nothing more: event streams end at once, in every process."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from node.forum import accounts, signing_in
from storage import people, tokens
from storage import sessions as stored
from storage.work import Work
from tests.accounts.conftest import HOME
from tests.equipment.nodes import Moot


async def arrived(node: Moot, name: str) -> str:
    """The cookie of somebody who signs in."""

    def come(work: Work) -> str:
        actor = people.by_name(work, name)
        assert actor is not None
        return signing_in.arrive(work, actor.id, HOME).secret

    return await node.storage.write(come)


async def opened(node: Moot, uid: str, secret: str) -> aiohttp.ClientResponse:
    """The stream of a thread, once it speaks."""
    response = await node.session.get(
        f"http://127.0.0.1:{node.site.port}/threads/{uid}/live",
        headers={"Host": node.host, "Cookie": f"__Host-session={secret}", "Accept": "text/event-stream"},
    )
    assert response.status == 200
    await response.content.readuntil(b"\n\n")
    return response


@pytest.mark.parametrize("how", ["sign-out", "password", "suspend", "reset", "delete", "deactivate"])
async def test_a_stream_ends_within_a_second_of_its_session(node: Moot, how: str) -> None:
    """WEB-05 (GHSA-f3q3-rmf7-9655)"""
    await node.person("ana")
    await node.person("mira")
    await node.group("garden", "ana")
    thread = await node.start("ana", "garden", "Beans?")
    uid = thread.rpartition("/")[2]

    def give_accounts(work: Work) -> None:
        for name in ("ana", "mira"):
            actor = people.by_name(work, name)
            assert actor is not None
            accounts.make(work, actor, admin=name == "mira")

    await node.storage.write(give_accounts)
    secret = await arrived(node, "ana")
    mine = await opened(node, uid, secret)
    hers = await opened(node, uid, await arrived(node, "mira"))

    def end(work: Work) -> Any:
        ana, mira = people.by_name(work, "ana"), people.by_name(work, "mira")
        assert ana is not None and mira is not None
        session = stored.find(work, tokens.hashed(secret))
        assert session is not None
        return {
            "sign-out": lambda: signing_in.end_session(work, ana.id, session.session_id),
            "password": lambda: accounts.choose_password(work, ana, "another"),
            "suspend": lambda: accounts.suspend(work, mira, ana, "threats"),
            "reset": lambda: accounts.reset(work, None, ana) and None,
            "delete": lambda: accounts.erase(work, ana),
            "deactivate": lambda: accounts.deactivate(work, ana),
        }[how]()

    await node.storage.write(end)

    async with asyncio.timeout(1):
        await mine.content.read()
    assert not hers.content.at_eof()
    mine.close()
    hers.close()
