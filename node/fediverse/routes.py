"""The door for servers: inboxes, documents and discovery over HTTP."""

import logging
import time
from functools import lru_cache
from secrets import token_hex

from aiohttp import web

from federation import discovery, inbox, signatures
from federation.addresses import authority
from federation.documents import Document, serialise
from federation.errors import (
    Blocked,
    FederationError,
    Ignored,
    Malformed,
    Refused,
    TooLarge,
    Unreachable,
    UnsupportedType,
    Unverified,
)
from federation.inbox import Received
from node.fediverse import documents
from node.fediverse.documents import Answer, Documents
from node.fediverse.gate import Gate
from node.fediverse.intake import Intake
from node.fediverse.pace import Crowd, Full, Pace, TooMany
from node.fediverse.senders import Senders
from node.forum.errors import NotFound
from node.node import Node
from node.room import RETRY_AFTER as ROOM_AFTER
from node.room import NoRoom
from storage import arrivals, hosts, letters, people, visibility
from storage.work import StorageUnavailable, Work

log = logging.getLogger(__name__)

AS2 = "application/activity+json"
AS2_TYPES = (AS2, "application/ld+json")
LARGEST_BODY = inbox.LARGEST + 1024  # bytes; one that is too large must get as far as being refused in our words
RETRY_AFTER = 60  # seconds; said with every 503 of ours
BLOCKS_KEPT = 1.0  # seconds; before a key is asked for, and before a letter is stored, the database is asked itself


class Door:
    """What the routes share: the node, its documents, and who sent what."""

    def __init__(self, node: Node, served: Documents, gate: Gate) -> None:
        self.node = node
        self.documents = served
        self.senders = Senders(node)
        self.intake = Intake(node.storage, accept)
        self.gate = gate
        self._dialects: dict[str, str] = {}
        self._looked_at = -BLOCKS_KEPT
        self._changes: int | None = None
        self.pace = Pace()
        self.crowd = Crowd(of_one=letters.FULL_OF_ONE, of_all=letters.FULL)

    async def look_at_hosts(self, *, exactly: bool = False) -> None:
        """Keeps blocks and dialects in memory for a second; `exactly` looks whether anything was committed since."""
        changes = self.node.storage.changes() if exactly else None
        lately = time.monotonic() - self._looked_at < BLOCKS_KEPT
        if lately and (not exactly or (changes is not None and changes == self._changes)):
            return
        await self.gate.look(exactly=True)
        self._dialects = await self.node.storage.read(hosts.dialects)
        self._looked_at, self._changes = time.monotonic(), changes

    def is_blocked(self, host: str) -> bool:
        """Whether we have nothing to do with a host."""
        return self.gate.suspends(host)

    def dialect_of(self, host: str | None) -> str | None:
        """The dialect of a host that asks, as it says who it is; None for strangers."""
        return self._dialects.get(host) if host is not None else None


DOOR = web.AppKey("door", Door)

# Whose key our own questions are signed with: where it had to be signed for, two such nodes could never meet.
OWN_ACTOR = "/actor"


def wants_document(request: web.Request) -> bool:
    """Whether ActivityPub is asked for rather than a page: by name, and at least as much as HTML."""
    return _prefers_document(",".join(request.headers.getall("Accept", [])))


@lru_cache(256)  # a server asks with the same words each time
def _prefers_document(accept: str) -> bool:
    best = {"as2": 0.0, "html": 0.0}
    for offer in accept.split(",")[:50]:
        kind, _, parameters = offer.partition(";")
        kind = kind.strip().lower()
        name = "as2" if kind in AS2_TYPES else "html" if kind in ("text/html", "application/xhtml+xml") else None
        if name is not None:
            best[name] = max(best[name], _quality(parameters))
    return best["as2"] > 0 and best["as2"] >= best["html"]


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


# ------------------------------------------------------------------ documents


async def show_document(request: web.Request) -> web.StreamResponse:
    """The AS2 document at the path: 200, 304, 404 or 410 with its Tombstone."""
    door = request.app[DOOR]
    asking = signatures.claimed_host(_raw_headers(request)) if _is_signed(request) else None
    await door.look_at_hosts(exactly=asking is not None)  # a host that just told what it runs gets its own wording
    if asking is not None and door.is_blocked(asking):
        return web.json_response({"error": "This server is blocked."}, status=403)
    if door.node.settings.authorised_fetch and request.path != OWN_ACTOR:
        try:
            await inbox.prove_asker(
                _signed_request(door, request, b""), door.senders.find_key, now=door.node.storage.now(),
                is_blocked=door.is_blocked,
            )  # fmt: skip
        except Exception as error:
            return _refused(request, error)
    known = door.dialect_of(asking)
    dialect = "microblog" if known in (None, "microblog") else "forum"
    page = request.query.get("page", "")
    answer = await door.documents.get(request.path, dialect, int(page) if page.isdecimal() and len(page) < 6 else 0)
    return _answered(request, answer, dialect, shared=not door.node.settings.authorised_fetch)


def _is_signed(request: web.Request) -> bool:
    return "Signature" in request.headers or "Signature-Input" in request.headers


def _answered(request: web.Request, answer: Answer, dialect: str, *, shared: bool) -> web.StreamResponse:
    headers = {
        "Content-Type": AS2,
        "Vary": "Accept" if shared else "Accept, Signature",
        # Neither the forum's wording nor what must be signed for may come out of a cache to others.
        "Cache-Control": "public, max-age=60" if dialect == "microblog" and shared else "private, max-age=60",
        "X-Content-Type-Options": "nosniff",
    }
    if answer.status == 302 and answer.page:
        return web.Response(status=302, headers={"Location": answer.page, "Vary": "Accept"})
    if answer.status == 404:
        headers["Cache-Control"] = "no-store"
    if answer.etag:
        headers["ETag"] = answer.etag
        asked = request.headers.get("If-None-Match", "")
        if answer.status == 200 and answer.etag in [tag.strip().removeprefix("W/") for tag in asked.split(",")]:
            return web.Response(status=304, headers=headers)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def webfinger(request: web.Request) -> web.StreamResponse:
    """Who has that handle or address (RFC 7033)."""
    resource = request.query.get("resource")
    if not resource:
        return _jrd({"error": "resource is missing."}, status=400)
    try:
        status, document = await request.app[DOOR].node.storage.read(documents.webfinger, resource)
    except Malformed as error:
        return _jrd({"error": str(error)}, status=400)
    return _jrd(document, status=status)


def _jrd(document: Document, *, status: int = 200) -> web.Response:
    headers = {"Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
    kind = "application/jrd+json" if status == 200 else "application/json"
    return web.Response(status=status, body=serialise(document), content_type=kind, headers=headers)


async def host_meta(request: web.Request) -> web.StreamResponse:
    """Where WebFinger is, for those who look here first (RFC 6415)."""
    return web.Response(
        text=discovery.host_meta(request.app[DOOR].node.settings.origin),
        content_type="application/xrd+xml",
        headers={"Access-Control-Allow-Origin": "*"},
    )


async def nodeinfo_links(request: web.Request) -> web.StreamResponse:
    """Where the NodeInfo documents are."""
    origin = request.app[DOOR].node.settings.origin
    return web.json_response(
        discovery.nodeinfo_links(origin, f"{origin}/actor"), headers={"Access-Control-Allow-Origin": "*"}
    )


async def nodeinfo(request: web.Request) -> web.StreamResponse:
    """The node in numbers; Lemmy takes a server for dead that does not answer here."""
    version = request.match_info["version"]
    if version not in discovery.NODEINFO_VERSIONS:
        raise web.HTTPNotFound
    body = await request.app[DOOR].documents.nodeinfo(version)
    profile = f"http://nodeinfo.diaspora.software/ns/schema/{version}#"
    return web.Response(
        body=body,
        headers={"Content-Type": f'application/json; profile="{profile}"', "Access-Control-Allow-Origin": "*"},
    )


# ------------------------------------------------------------------ inboxes

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (Ignored, 202),
    (TooMany, 429),
    (UnsupportedType, 415),
    (TooLarge, 413),
    (Malformed, 400),
    (Unverified, 401),
    (Refused, 403),
    (Blocked, 403),
    (NotFound, 404),
    (Unreachable, 503),
    (Full, 503),
    (StorageUnavailable, 503),
    (FederationError, 401),
)


async def take_letter(request: web.Request) -> web.StreamResponse:
    """POST to an inbox: 202 once it is stored durably, else why not; peers drop for good on most 4xx."""
    door = request.app[DOOR]
    try:
        received = await _opened(door, request)
        number = await door.intake.keep(received, request.path)
    except Exception as error:
        return _refused(request, error)
    if number is not None:
        log.debug("letter %d is kept", number, extra={"letter": number, "host": authority(received.signer)})
    door.node.live.wake("letters")
    return web.Response(status=202)


async def _opened(door: Door, request: web.Request) -> Received:
    if (wait := door.pace.wait_of(signatures.claimed_host(_raw_headers(request)), time.monotonic())) is not None:
        raise TooMany(wait)
    door.node.room.must_be_left()
    if door.crowd.is_old(now := time.monotonic()):
        door.crowd.count(await door.node.storage.read(letters.waiting), now)
    door.crowd.must_have_room(signatures.claimed_host(_raw_headers(request)))
    if not request.raw_path.startswith("/"):
        raise Malformed("the request names another server")  # absolute form: whose host would be taken for ours
    if not any(name.lower() == b"content-encoding" for name, _ in request.raw_headers):
        body = await _body(request)
    else:
        body = b""  # refused by its header; it is not inflated to find that out
    await door.look_at_hosts()
    return await inbox.open_letter(
        _signed_request(door, request, body),
        door.senders.find_key,
        now=door.node.storage.now(),
        is_blocked=door.is_blocked,
        knows_actor=door.senders.knows_actor,
    )


def _signed_request(door: Door, request: web.Request, body: bytes) -> signatures.Request:
    settings = door.node.settings
    return signatures.Request(
        method=request.method,
        raw_path=request.raw_path,
        headers=_raw_headers(request),
        body=body,
        authority=settings.authority,
        scheme=settings.scheme,
    )


async def _body(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > inbox.LARGEST:
        raise TooLarge("the activity is larger than 1 MiB")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge("the activity is larger than 1 MiB") from None
    except ConnectionError:
        raise Malformed("the sender hung up before the end") from None  # no fault of ours, and no traceback each


def _raw_headers(request: web.Request) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)


def accept(work: Work, received: Received, path: str) -> int | None:
    """Stores a letter and answers its number, None when it was here before; asks the database again who is barred."""
    if not path.isprintable():
        raise NotFound("There is no such inbox.")  # PostgreSQL takes no NUL
    if not path.startswith(("/inbox", "/actor/")):
        actor = people.by_uri(work, work.origin + path.removesuffix("/inbox"))
        if actor is None or not actor.local or actor.state == "deleted" or not visibility.is_shown(work, actor):
            raise NotFound("There is no such inbox.")
    host = authority(received.signer)
    standing = arrivals.standing(work, host, received.signer)
    if standing.suspended_host:
        raise Refused("this server is blocked")
    if standing.suspended_signer:
        raise Refused("this account is suspended here")
    return letters.accept(
        work,
        signer=received.signer,
        digest=received.digest,
        key_id=received.key_id or "",
        host=host,
        body=received.body,
    )


def _refused(request: web.Request, error: Exception) -> web.Response:
    """The one place that turns what is wrong with a letter into an answer."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), None)
    if status is None:
        if isinstance(error, web.HTTPException):
            raise error
        reference = token_hex(6)
        log.exception("inbox: our fault %s, at %s", reference, request.path)
        return _said(503, f"Something is wrong here ({reference}). Try again later.")
    if isinstance(error, TooMany):
        return _said(429, "Too many letters at once; the rest is welcome later.", error.wait)
    if isinstance(error, NoRoom):
        log.info("inbox: a letter was not taken: %s", error)
        return _said(503, "There is no room for letters right now. Try again later.", ROOM_AFTER)
    if isinstance(error, StorageUnavailable):
        log.error("inbox: the database did not take a letter: %s", error)
        return _said(503, "The database is busy. Try again later.")
    if status != 202:
        log.info(
            "inbox: %s for %s at %s: %s", status, signatures.claimed_host(_raw_headers(request)), request.path, error
        )
    wait = error.retry_after if isinstance(error, Unreachable) else RETRY_AFTER
    return web.Response(status=202) if status == 202 else _said(status, str(error), wait)


def _said(status: int, words: str, wait: int = RETRY_AFTER) -> web.Response:
    headers = {"Retry-After": str(wait)} if status in (429, 503) else {}
    return web.json_response({"error": words}, status=status, headers=headers)


ACTOR_PARTS = ("outbox", "followers", "following", "featured", "moderators", "welcome")
COMMENT_PARTS = ("context", "replies", "likes", "shares")
UID = "[a-z2-7]{26}"


def routes() -> list[web.RouteDef]:
    """Every address that only servers ask for; `/g`, `/u`, `/post` and `/comment` are wired with their pages.

    Each begins with its own word: aiohttp looks at addresses that begin with a variable last.
    """
    return [
        *(web.post(path, take_letter) for path in ("/inbox", "/actor/inbox", "/g/{name}/inbox", "/u/{name}/inbox")),
        web.get("/actor", show_document),
        web.get("/actor/outbox", show_document),
        *(web.get(f"/{kind}/{{name}}/{part}", show_document) for kind in ("g", "u") for part in ACTOR_PARTS),
        *(
            web.get(f"/{kind}/{{uid:{UID}}}/{part}", show_document)
            for kind in ("post", "comment")
            for part in COMMENT_PARTS
        ),
        web.get(f"/a/{{uid:(?:create-|announce-)?{UID}}}", show_document),
        web.get("/.well-known/webfinger", webfinger),
        web.get("/.well-known/host-meta", host_meta),
        web.get("/.well-known/nodeinfo", nodeinfo_links),
        web.get("/nodeinfo/{version}", nodeinfo),
    ]
