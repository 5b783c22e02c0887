"""Who sent a letter: the public keys of other servers' actors, remembered, asked for, and asked for again."""

from datetime import datetime, timedelta
from urllib.parse import urldefrag

from federation.actors import RemoteActor, is_actor
from federation.addresses import authority, registrable_domain, same_origin
from federation.budget import Budget
from federation.documents import Document, url
from federation.errors import Blocked, FederationError, Unreachable, Unverified
from federation.keys import PublicKey
from node.fediverse.people import profile_of
from node.forum import people as forum_people
from node.forum.people import Profile
from node.node import Node
from storage import hosts, people
from storage.work import Work

PATIENCE = 5.0  # seconds: the sender waits for our answer meanwhile
ASK_AGAIN = timedelta(minutes=5)  # a thousand bad signatures cost one look at the origin (KEY-10)
KEPT = 4096  # keys in memory
KEPT_FOR = timedelta(minutes=1)  # an actor's own Update may have brought another, perhaps to another process
FETCHES = 3  # the key, its owner, and one document that has moved
IN_VAIN = 100  # looks for keys at one domain within ASK_AGAIN that found none; then it has to wait (KEY-11)
DOMAINS = 10_000  # that are remembered for that


class Senders:
    """Finds the key of a key id, and believes it only as far as its owner's own document lists it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._kept: dict[str, tuple[PublicKey, datetime]] = {}
        self._in_vain: dict[str, tuple[int, datetime]] = {}  # domain -> how often, since when

    async def find_key(self, key_id: str, *, failed: PublicKey | None = None) -> PublicKey:
        """The key, remembered or asked for; with `failed`, a newer one if the origin has it."""
        if failed is None:
            kept = self._kept.get(key_id)
            if kept is not None and kept[1] > self._node.storage.now():
                return kept[0]
        stored = await self._node.storage.read(_stored, key_id)
        if stored is not None:
            owner, pem, asked_lately = stored
            key = PublicKey.load(key_id, owner, pem)
            if failed is None or key != failed:
                return self._keep(key)
            if asked_lately:
                return key
        if await self._node.storage.read(hosts.is_blocked, authority(key_id)):
            raise Blocked("this server is blocked")  # whatever the door remembers of blocks
        domain = registrable_domain(authority(key_id))
        self._refuse_the_tiresome(domain)
        try:
            found = await self._ask(key_id)
        except FederationError:
            self._count_in_vain(domain)
            raise
        return self._keep(found)

    async def knows_actor(self, uri: str) -> bool:
        """Whether anything is remembered of the actor."""
        return await self._node.storage.read(_is_known, uri)

    def _refuse_the_tiresome(self, domain: str) -> None:
        often, since = self._in_vain.get(domain, (0, self._node.storage.now()))
        if often >= IN_VAIN and self._node.storage.now() - since < ASK_AGAIN:
            raise Unreachable("too many unknown keys of this server", retry_after=int(ASK_AGAIN.total_seconds()))

    def _count_in_vain(self, domain: str) -> None:
        now = self._node.storage.now()
        often, since = self._in_vain.pop(domain, (0, now))
        if now - since >= ASK_AGAIN:
            often, since = 0, now
        while len(self._in_vain) >= DOMAINS:
            del self._in_vain[next(iter(self._in_vain))]
        self._in_vain[domain] = often + 1, since

    def _keep(self, key: PublicKey) -> PublicKey:
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[key.id] = key, self._node.storage.now() + KEPT_FOR
        return key

    async def _ask(self, key_id: str) -> PublicKey:
        budget = Budget(fetches=FETCHES)
        document = await self._fetch(urldefrag(key_id).url, budget)
        if not is_actor(document):
            owner = url(document, "owner") or url(document, "controller")
            if document.get("id") != key_id or owner is None or not same_origin(owner, key_id):
                raise Unverified("the key names no owner on its own server")
            document = await self._fetch(owner, budget)
        remote = RemoteActor.parse(document)
        if authority(remote.id) != authority(key_id):
            raise Unverified("the key belongs to an actor of another server")
        key = PublicKey.listed(key_id, remote.id, remote.keys)
        await self._node.storage.write(_meet, profile_of(remote))
        return key

    async def _fetch(self, uri: str, budget: Budget) -> Document:
        return await self._node.client.fetch_object(uri, budget, within_origin=True, patience=PATIENCE)


def _stored(work: Work, key_id: str) -> tuple[str, str, bool] | None:
    found = people.key_by_uri(work, key_id)
    if found is None:
        return None
    key, owner = found
    return owner.uri, key.public_pem, work.now - key.refreshed_at < ASK_AGAIN


def _is_known(work: Work, uri: str) -> bool:
    return people.by_uri(work, uri) is not None


def _meet(work: Work, profile: Profile) -> None:
    forum_people.meet(work, profile)
