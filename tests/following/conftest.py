"""Members who follow people and groups of other servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from node.forum import people
from storage import followed_posts
from storage import people as stored_people
from storage.followed_posts import Listed
from storage.schema import FollowedPost
from storage.work import Work
from tests.equipment.incoming import deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedActor

Follow = Callable[..., Awaitable[int]]
Read = Callable[..., Awaitable[list[Listed]]]


@pytest.fixture
def follow(node: Moot) -> Follow:
    """Has a member follow someone elsewhere, who says yes unless told otherwise; answers the id of the followed."""

    async def do(name: str, target: ScriptedActor, *, accepted: bool = True) -> int:
        target_id = await node.node.network.find_actor(target.uri)

        def ask(work: Work) -> str:
            follower = stored_people.by_name(work, name)
            assert follower is not None
            asked = people.follow(work, follower, stored_people.by_id(work, target_id))
            return asked.uri or ""

        uri = await node.storage.write(ask)
        await node.settle()
        if accepted:
            theirs = {"id": uri, "type": "Follow", "actor": f"{node.origin}/u/{name}", "object": target.uri}
            await deliver(node, target, target.accept(theirs))
        return target_id

    return do


@pytest.fixture
def read(node: Moot) -> Read:
    """What a member finds in the list."""

    async def do(name: str) -> list[Listed]:
        def ask(work: Work) -> list[Listed]:
            reader = stored_people.by_name(work, name)
            assert reader is not None
            return followed_posts.listed(work, reader.id)[0]

        return await node.storage.read(ask)

    return do


@pytest.fixture
def kept(node: Moot) -> Callable[[], Awaitable[set[str]]]:
    """The ids of all that is kept, whoever may read it."""

    async def do() -> set[str]:
        return await node.storage.read(lambda work: {post.uri for post in work.query(FollowedPost)})

    return do
