"""Posts, actors and collections: what is read of them is in its one spelling, of its own origin, and safe to show."""

from __future__ import annotations

from federation.actors import RemoteActor, is_actor
from federation.addresses import authority, same_origin
from federation.collections import MOST_ITEMS, Collection, is_collection
from federation.documents import address, parse_json
from federation.errors import FederationError, Malformed
from federation.objects import Post, is_post, is_tombstone
from federation.signatures import PublicKey
from node.fediverse import said
from tests.fuzz import samples
from tests.fuzz.reader import Reader
from tests.fuzz.safety import unsafe


def seeds() -> list[bytes]:
    return samples.as_bytes([*samples.posts(), *samples.actors(), *samples.collections()])


def read(data: bytes) -> None:
    """A document read as everything that it says it is, and as everything else."""
    try:
        document = parse_json(data)
    except Malformed:
        return
    is_tombstone(document)
    for is_one, parse in ((is_post, Post.parse), (is_actor, RemoteActor.parse), (is_collection, Collection.parse)):
        try:
            found = parse(document)
        except Malformed:
            continue
        assert is_one(document), "read as what it is not"
        assert parse(document) == found
        match found:
            case Post():
                _judge_post(found)
            case RemoteActor():
                _judge_actor(found)
            case Collection():
                _judge_collection(found)


def _judge_post(post: Post) -> None:
    for found in (post.id, post.attributed_to, post.in_reply_to, post.url, post.image, post.replies, post.quote):
        assert found is None or address(found) == found, f"{found!r} is not in its one spelling"
    try:
        said.read_post(post).__await__().send(None)  # short enough to be read at once
    except StopIteration as end:
        words: said.Said = end.value
        assert (wrong := unsafe(words.words.html)) is None, wrong
        assert words.elsewhere.page is None or authority(words.elsewhere.page) == authority(post.id)
        assert words.title is None or "\n" not in words.title
    except FederationError:
        return


def _judge_actor(actor: RemoteActor) -> None:
    for found in (actor.shared_inbox, actor.outbox, actor.followers, actor.following, actor.featured, actor.moderators):
        assert found is None or same_origin(found, actor.id), f"{found!r} is somebody else's"
    for found in (actor.id, actor.url, actor.inbox, actor.icon_url, actor.image_url, actor.moved_to):
        assert found is None or address(found) == found, f"{found!r} is not in its one spelling"
    for key in actor.keys:
        assert key.owner == actor.id and same_origin(key.id, actor.id), "a key that is not the actor's"
        try:
            PublicKey.listed(key.id, actor.id, actor.keys)
        except FederationError:
            continue


def _judge_collection(found: Collection) -> None:
    assert len(found.items) <= MOST_ITEMS
    for page in (found.first, found.next):
        assert page is None or (found.id and same_origin(page, found.id)), "a page of another server"


READER = Reader("objects", read, seeds, json=True)
