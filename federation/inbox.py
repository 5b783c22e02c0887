"""The inbox: a letter is opened, its sender proved, and only then believed, as far as the sender may speak."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import Protocol

from federation.activities import Activity, parse_json, serialise, urls
from federation.addresses import authority, same_origin
from federation.documents import Document, address
from federation.errors import Blocked, Gone, Ignored, Malformed, Refused, TooLarge, UnsupportedType, Unverified
from federation.signatures import Claim, PublicKey, Request, claimed_host, read_claim, verify

LARGEST = 1024 * 1024  # Mastodon's limit too

# What another server may pass on, because its origin can be asked: Mastodon forwards replies to those who follow the
# thread, and their edits and deletions. Anything else counts only from its own actor.
FORWARDED = frozenset({"Create", "Update", "Delete"})

_MEDIA_TYPE = re.compile(
    r"application/(?:activity|ld)\+json"
    r'(?:\s*;\s*(?:charset="?utf-8"?|profile="?https://www\.w3\.org/ns/activitystreams"?)){0,2}',
    re.IGNORECASE | re.ASCII,
)
_PROOF = object()

Fetch = Callable[[str], Awaitable[Document]]


class FindKey(Protocol):
    """Who finds the key of a key id: stored, or asked for at its owner's server."""

    async def __call__(self, key_id: str, *, failed: PublicKey | None = None) -> PublicKey:
        """The key that the actor it belongs to lists.

        With `failed`, the key that was just tried in vain, look at the origin again, unless a newer key is known or
        the origin was asked too recently. Raises Unverified, Gone, or Unreachable.
        """


@dataclass(frozen=True)
class Received:
    """An activity with the proof of who sent it; only the functions of this module make one."""

    activity: Activity
    signer: str  # the actor whose key signed it, or, once confirmed, whose server serves it
    key_id: str | None  # None: confirmed at its origin, which needs no key
    body: bytes  # the very bytes that were verified
    digest: str  # their SHA-256, in hex
    forwarded: bool  # another than its actor sent it: nothing in it may be believed before `confirm`
    proof: InitVar[object] = None

    def __post_init__(self, proof: object) -> None:
        if proof is not _PROOF:
            raise TypeError("only a verified letter is Received")


async def open_letter(
    request: Request,
    find_key: FindKey,
    *,
    now: datetime,
    is_blocked: Callable[[str], bool],
    knows_actor: Callable[[str], Awaitable[bool]],
) -> Received:
    """What somebody sent to an inbox, proved to be theirs; whatever is wrong with it raises a FederationError."""
    _check_envelope(request)
    sender = claimed_host(request.headers)
    if sender is not None and is_blocked(sender):
        raise Refused("this server is blocked")
    claim = read_claim(request, now=now)
    activity = Activity.parse(parse_json(request.body))
    _check_origins(request, claim, activity)
    if is_blocked(authority(claim.key_id)) or is_blocked(authority(activity.actor)):
        raise Refused("this server is blocked")
    # Mastodon tells everyone of every deleted account, whose key is gone by then: nobody could be asked for it.
    if _is_about_itself(activity) and not await knows_actor(activity.actor):
        raise Ignored("nothing is known of this actor")
    key = await _prove(claim, find_key)
    return _received(activity, key.owner, key.id, request.body)


async def prove_asker(request: Request, find_key: FindKey, *, now: datetime, is_blocked: Callable[[str], bool]) -> str:
    """Who signed a question, proved: the actor whose key it is; raises a FederationError for everybody else."""
    sender = claimed_host(request.headers)
    if sender is not None and is_blocked(sender):
        raise Blocked("this server is blocked")
    claim = read_claim(request, now=now)
    if is_blocked(authority(claim.key_id)):
        raise Blocked("this server is blocked")
    return (await _prove(claim, find_key)).owner


def reopen(body: bytes, signer: str, key_id: str) -> Received:
    """A letter that `open_letter` has opened before and that was stored since, with what was proved then."""
    return _received(Activity.parse(parse_json(body)), signer, key_id, body)


async def confirm(activity: Activity, fetch: Fetch) -> Received:
    """A forwarded or announced activity as its own server has it: the activity itself, else the object it is about.

    `fetch` gives the document that the server of an address serves there. Raises Gone, Refused or Unreachable. A Delete
    is confirmed by the absence of its object, which proves nothing of an object that was never public: strangers get
    404 for those at any time.
    """
    if activity.id is not None and not same_origin(activity.id, activity.actor):
        raise Refused("the activity has an id on another server than its actor")
    document = await _at_its_id(activity, fetch)
    if document is None:
        document = await _by_its_object(activity, fetch)
    body = serialise(document)
    return _made(Activity.parse(document), activity.actor, None, body, forwarded=False)


def _check_envelope(request: Request) -> None:
    types = [value for name, value in request.headers if name.lower() == "content-type"]
    if len(types) != 1 or len(types[0]) > 200 or not _MEDIA_TYPE.fullmatch(types[0].strip()):
        raise UnsupportedType("an inbox takes application/activity+json")
    if any(name.lower() == "content-encoding" for name, _ in request.headers):
        # Servers inflate before anyone can look: the digest would be that of other bytes.
        raise UnsupportedType("an inbox takes no encoded content")
    if len(request.body) > LARGEST:
        raise TooLarge("the activity is larger than 1 MiB")


def _check_origins(request: Request, claim: Claim, activity: Activity) -> None:
    ours = request.authority.lower()
    if authority(claim.key_id) == ours:
        raise Unverified("nobody outside signs with our keys")
    if authority(activity.actor) == ours:
        raise Unverified("nobody outside acts for our members")
    if activity.id is not None and not same_origin(activity.id, activity.actor):
        raise Refused("the activity has an id on another server than its actor")


def _is_about_itself(activity: Activity) -> bool:
    return activity.type in ("Delete", "Update") and activity.object_id == activity.actor


async def _prove(claim: Claim, find_key: FindKey) -> PublicKey:
    key = await _key(claim, find_key, failed=None)
    try:
        verify(claim, key)
    except Unverified:
        # Keys are renewed under the same id, so the stored one may be out of date: ask once.
        renewed = await _key(claim, find_key, failed=key)
        if renewed == key:
            raise
        verify(claim, renewed)
        return renewed
    return key


async def _key(claim: Claim, find_key: FindKey, *, failed: PublicKey | None) -> PublicKey:
    try:
        return await find_key(claim.key_id, failed=failed)
    except Blocked:
        raise
    except (Gone, Refused, Malformed):
        raise Unverified("the key cannot be had") from None


def _received(activity: Activity, signer: str, key_id: str, body: bytes) -> Received:
    forwarded = activity.actor != signer
    if forwarded and (same_origin(activity.actor, signer) or activity.type not in FORWARDED):
        raise Unverified("the signature is another actor's")
    return _made(activity, signer, key_id, body, forwarded=forwarded)


def _made(activity: Activity, signer: str, key_id: str | None, body: bytes, *, forwarded: bool) -> Received:
    digest = hashlib.sha256(body).hexdigest()
    return Received(activity, signer, key_id, body, digest, forwarded, _PROOF)


async def _at_its_id(activity: Activity, fetch: Fetch) -> Document | None:
    # Ids with a fragment, as Mastodon gives to Delete and Like, lie inside another document.
    if activity.id is None or "#" in activity.id:
        return None
    try:
        document = await fetch(activity.id)
        served = Activity.parse(document)
    except (Gone, Refused, Malformed):
        return None
    if (served.id, served.actor, served.type) != (activity.id, activity.actor, activity.type):
        raise Refused("the server of the activity has another one there")
    return document


async def _by_its_object(activity: Activity, fetch: Fetch) -> Document:
    about = activity.object_id
    if about is None or activity.type not in FORWARDED:
        raise Refused("the activity can be confirmed by nobody")
    if not same_origin(about, activity.actor):
        raise Refused("the object belongs to another server")
    try:
        found = await fetch(about)
    except Gone:
        if activity.type != "Delete":
            raise
        return _rebuilt(activity, about)
    if address(found.get("id")) != about:
        raise Refused("the object is not where its id says")
    if found.get("type") == "Tombstone":
        if activity.type != "Delete":
            raise Gone("the object was deleted")
        return _rebuilt(activity, about)
    if activity.type == "Delete":
        raise Refused("the object is still there")
    if about != activity.actor and urls(found, "attributedTo") != (activity.actor,):
        raise Refused("the object is another actor's")
    return _rebuilt(activity, found)


def _rebuilt(activity: Activity, about: str | Document) -> Document:
    # Nothing but what the origin has just vouched for: who, what, and whom the object itself is addressed to.
    document: Document = {"type": activity.type, "actor": activity.actor, "object": about}
    if activity.id is not None:
        document["id"] = activity.id
    if isinstance(about, dict):
        document |= {key: about[key] for key in ("to", "cc", "audience") if key in about}
    return document
