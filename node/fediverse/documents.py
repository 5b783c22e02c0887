"""Our public documents, kept in memory by version: after an Announce a hundred servers ask within a second."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from federation import collections, discovery
from federation.documents import Document, serialise
from node import VERSION
from node.fediverse import actors, posts, remarks
from node.fediverse.actors import NoKey
from node.fediverse.keys import Keyring
from node.node import Node
from storage import deliveries, groups, people, threads, visibility
from storage import remarks as stored_remarks
from storage.schema import Actor, Comment
from storage.work import Work

KEPT = 4096  # documents, of a few KB each
COUNTED = timedelta(hours=1)  # for which the node's numbers serve: counting takes a second where much was said


@dataclass(frozen=True, slots=True)
class Answer:
    """A document ready to go out."""

    status: int
    body: bytes
    etag: str
    version: Any
    page: str | None = None  # where people read it


MISSING = Answer(404, b'{"error":"There is no such thing here."}', "", None)


class Documents:
    """Serves documents by path: from memory while nothing changed, else from one read of the database."""

    def __init__(self, node: Node, keyring: Keyring) -> None:
        self._node = node
        self._keyring = keyring
        self._kept: OrderedDict[tuple[str, str], tuple[object | None, Answer]] = OrderedDict()
        self._numbers: dict[str, tuple[datetime, bytes]] = {}
        self._counting = asyncio.Lock()

    async def get(self, path: str, dialect: str = "microblog", page: int = 0) -> Answer:
        """The document at that path, in that dialect; 404 for what is not there, or not for everybody."""
        if not path.isprintable():
            return MISSING  # PostgreSQL takes no NUL, and nothing here has such a name
        key = (f"{path}?{page}", dialect)
        kept = self._kept.get(key)
        state = await self._node.storage.state()  # before anything is read: what comes after it makes it old
        if kept is not None and state is not None and kept[0] == state:
            return kept[1]
        try:
            answer = await self._node.storage.read(_answer, path, dialect, page, kept[1] if kept else None)
        except NoKey as need:
            await self._keyring.signer(need.actor_id)  # made outside any transaction
            answer = await self._node.storage.read(_answer, path, dialect, page, None)
        if answer.status != 404:  # what strangers make up must not push out what is asked for
            self._kept[key] = (state, answer)
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return answer

    async def nodeinfo(self, version: str) -> bytes:
        """The node in numbers, counted once an hour, and once for all who ask at the same time."""
        async with self._counting:
            now, kept = self._node.storage.now(), self._numbers.get(version)
            if kept is not None and timedelta() <= now - kept[0] < COUNTED:
                return kept[1]
            settings = self._node.settings
            document = await self._node.storage.read(
                nodeinfo,
                version,
                software_version=VERSION,
                name=settings.name,
                description=settings.description,
            )
            body = serialise(document)
            self._numbers[version] = now, body
            return body


def _answer(work: Work, path: str, dialect: str, page: int, kept: Answer | None) -> Answer:
    parts = path.strip("/").split("/")
    match parts:
        case ["g" | "u" as kind, name, *rest]:
            return _of_actor(work, kind, name, rest[0] if len(rest) == 1 else "" if not rest else "?", kept)
        case ["actor", *rest] if rest in ([], ["outbox"]):
            return _of_actor(work, "", "", "".join(rest), kept)
        case ["post" | "comment" as kind, uid, *rest]:
            return _of_comment(
                work, kind, uid, rest[0] if len(rest) == 1 else "" if not rest else "?", dialect, page, kept
            )
        case ["a", uid]:
            return _of_activity(work, uid, dialect)
    return MISSING


ACTOR_PARTS: dict[str, Callable[[Work, Actor], Document]] = {
    "": actors.document,
    "outbox": actors.outbox,
    "followers": actors.followers,
    "following": actors.following,
    "featured": actors.featured,
    "moderators": actors.moderators,
    "welcome": lambda work, actor: actors.welcome(actor),
}
GROUPS_ONLY = {"moderators", "welcome"}


def _of_actor(work: Work, kind: str, name: str, part: str, kept: Answer | None) -> Answer:
    actor = people.by_name(work, name) if kind else people.by_uri(work, f"{work.origin}/actor")
    if actor is None or not visibility.is_shown(work, actor):
        return MISSING
    if kind and actor.uri != f"{work.origin}/{kind}/{name}":
        # A handle that it has now, or once had: its id stands at the first one for ever.
        renamed = not part and actor.uri.startswith(f"{work.origin}/{kind}/") and actor.state == "active"
        return Answer(302, b"", "", actor.version, actor.uri) if renamed else MISSING
    if actor.state == "deleted":
        return _made(410, actors.gone(work, actor), actor.version, None)
    if part not in ACTOR_PARTS or (part in GROUPS_ONLY and actor.kind != "group"):
        return MISSING
    version: tuple[Any, ...] = (actor.version,)
    if part in ("outbox", "featured"):
        version = (actor.version, visibility.epoch(work), threads.latest_version(work, actor.id))
    if kept is not None and kept.version == version:
        return kept
    return _made(200, ACTOR_PARTS[part](work, actor), version, actor.url or actor.uri)


def _of_comment(work: Work, kind: str, uid: str, part: str, dialect: str, page: int, kept: Answer | None) -> Answer:
    comment = threads.comment_by_uid(work, uid)
    if comment is None and kind == "comment" and part == "":
        return _of_remark(work, uid)
    if comment is None or (kind == "post") != (comment.number == 0):
        return MISSING
    thread = threads.by_id(work, comment.thread_id)
    if comment.state == "deleted" and posts.is_public(work, thread) and comment.uri.startswith(f"{work.origin}/"):
        return _made(410, posts.tombstone(work, comment), comment.version, None) if part == "" else MISSING
    if not posts.is_public(work, thread) or (part != "context" and not threads.is_visible(work, comment.id, None)):
        return MISSING
    group = people.by_id(work, thread.group_id)
    if group.state != "active":
        return MISSING
    author = people.by_id(work, comment.author_id) if comment.author_id else None
    version = (comment.version, thread.version, group.version, author.version if author else 0, visibility.epoch(work))
    if kept is not None and kept.version == version:
        return kept
    address = posts.page_of(work, thread, group, comment)
    return _part_of_comment(work, comment, part, dialect, page, version, address)


def _of_remark(work: Work, uid: str) -> Answer:
    remark = stored_remarks.by_uid(work, uid)
    if remark is None or people.by_id(work, remark.author_id).state == "suspended":
        return MISSING
    if remark.state == "deleted":
        return _made(410, remarks.tombstone(work, remark), None, None)
    return _made(200, remarks.document(work, remark), None, remark.answered_page)


def _part_of_comment(
    work: Work, comment: Comment, part: str, dialect: str, page: int, version: Any, address: str
) -> Answer:
    own = comment.uri.startswith(f"{work.origin}/")
    if part == "context" and comment.number == 0:
        return _context(work, comment, page, version, address)
    if not own:
        # A thread opened elsewhere has its id there; `/post/<id>` leads to it.
        return Answer(302, b"", "", version, comment.uri) if part == "" else MISSING
    if part == "":
        return _made(200, posts.document(work, comment, dialect), version, address)
    if part == "replies":
        ids, total = threads.replies(work, comment.id)
        make = collections.replies_page if page else collections.replies_collection
        return _made(200, make(comment.uri, ids, total), version, address)
    if part in ("likes", "shares"):
        count = comment.likes_count if part == "likes" else comment.boosts_count
        return _made(200, collections.collection(f"{comment.uri}/{part}", count), version, address)
    return MISSING


def _context(work: Work, opening: Comment, page: int, version: Any, address: str) -> Answer:
    thread = threads.by_id(work, opening.thread_id)
    group = people.by_id(work, thread.group_id)
    ids = threads.uris_in_order(work, thread.id)
    uri = f"{work.origin}/post/{opening.uid}/context"
    if page:
        document = collections.conversation_page(uri, ids, page)
        return MISSING if document is None else _made(200, document, version, address)
    document = collections.conversation(
        uri, ids, title=thread.title, page=address, group=group.uri, published=thread.created_at
    )
    body = serialise(document)
    # NodeBB asks with the digest of the ids that it has (FEP-8fcf's), and is spared the list when it has all.
    return Answer(200, body, f'"{collections.xor_digest(ids)}"', version, address)


def _of_activity(work: Work, uid: str, dialect: str) -> Answer:
    kind, _, opening_uid = uid.partition("-")
    if opening_uid:
        return _of_outbox(work, kind, opening_uid)
    activity = deliveries.activity_by_uri(work, f"{work.origin}/a/{uid}")
    if activity is None or not activity.public or activity.type == "relay":
        return MISSING
    body = activity.microblog if dialect == "microblog" else activity.forum
    body = body or activity.forum or activity.microblog
    if body is None:
        return MISSING
    about = threads.comment_by_uri(work, activity.about)
    if not activity.always and about is not None and not threads.is_visible(work, about.id, None):
        return MISSING
    subject = people.by_uri(work, activity.about) if about is None else None
    if subject is not None and not visibility.is_shown(work, subject):
        return MISSING  # what it said of itself before it was secret
    return Answer(200, body, _etag(body), None)


def _of_outbox(work: Work, kind: str, opening_uid: str) -> Answer:
    opening = threads.comment_by_uid(work, opening_uid)
    if opening is None or opening.number or not threads.is_visible(work, opening.id, None):
        return MISSING
    group = people.by_id(work, threads.by_id(work, opening.thread_id).group_id)
    announce = actors.announce_of(work, group, opening)
    if announce is None:
        return MISSING
    inner: Document = {"@context": announce["@context"], **announce["object"]}
    return _made(200, announce if kind == "announce" else inner, None, None)


def _made(status: int, document: Document, version: Any, page: str | None) -> Answer:
    body = serialise(document)
    return Answer(status, body, _etag(body), version, page)


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


# ------------------------------------------------------------------ discovery


def webfinger(work: Work, resource: str) -> tuple[int, Document]:
    """The JRD of a member, a group or the node: 404 for nobody, 410 for whoever was deleted."""
    asked = discovery.parse_resource(resource, work.origin)
    missing: Document = {"error": "There is nobody of that name here."}
    if asked is None:
        return 404, missing
    node_actor = f"{work.origin}/actor"
    if asked.name is None and asked.uri in (None, work.origin):
        return 200, discovery.node_webfinger(origin=work.origin, actor=node_actor)
    actor = people.by_name(work, asked.name) if asked.name else people.by_uri(work, asked.uri or "")
    if actor is None and asked.name is not None and people.by_uri(work, node_actor) is not None:
        own = people.by_uri(work, node_actor)
        actor = own if own is not None and own.name == asked.name else None
    if actor is None or not actor.local or not visibility.is_shown(work, actor):
        return 404, missing
    if actor.state == "deleted":
        return 410, {"error": "This account was deleted."}
    kind: Any = {"group": "Group", "application": "Application"}.get(actor.kind, "Person")
    return 200, discovery.webfinger(
        username=actor.name,
        actor=actor.uri,
        page=actor.url or actor.uri,
        origin=work.origin,
        kind=kind,
        former_names=tuple(people.former_names(work, actor.id)),
    )


def nodeinfo(work: Work, version: str, *, software_version: str, name: str, description: str) -> Document:
    """The node in numbers."""
    written, answered = groups.count_posts(work)
    users = people.count_local(work, "person")
    return discovery.nodeinfo(
        version,
        software_version=software_version,
        name=name,
        description=description,
        users=users,
        active_month=people.count_active(work, days=30),
        active_half_year=people.count_active(work, days=180),
        threads=written,
        comments=answered,
        open_registrations=False,
        repository=None,
    )
