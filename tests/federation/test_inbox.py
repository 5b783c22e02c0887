"""A letter is believed as far as its sender may speak, and no further."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import FrozenInstanceError, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.activities import Activity
from federation.errors import (
    FederationError,
    Gone,
    Ignored,
    Malformed,
    Refused,
    TooLarge,
    Unreachable,
    UnsupportedType,
    Unverified,
)
from federation.inbox import LARGEST, Received, confirm, open_letter, reopen
from federation.signatures import PublicKey, Request, Scheme, Signer, digest_of, sign

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
OURS = "moot.example"
ANA = "https://coop.example/u/ana"
BOB = "https://coop.example/u/bob"
MALLORY = "https://mallory.example/u/mallory"
NOTE = "https://coop.example/notes/1"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def create(**changes: Any) -> dict[str, Any]:
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": NOTE + "/activity",
        "type": "Create",
        "actor": ANA,
        "to": [PUBLIC],
        "object": {"id": NOTE, "type": "Note", "attributedTo": ANA, "content": "<p>Hi.</p>"},
    } | changes


def delete_of(object: str, actor: str = ANA) -> dict[str, Any]:
    return {"id": actor + "#delete", "type": "Delete", "actor": actor, "to": [PUBLIC], "object": object}


@dataclass
class Keyring:
    """The keys that actors list at their servers, and those of them that are stored here."""

    listed: dict[str, PublicKey] = field(default_factory=dict)
    stored: dict[str, PublicKey] = field(default_factory=dict)
    trouble: FederationError | None = None
    asked: list[tuple[str, bool]] = field(default_factory=list)

    async def __call__(self, key_id: str, *, failed: PublicKey | None = None) -> PublicKey:
        self.asked.append((key_id, failed is not None))
        if failed is None and key_id in self.stored:
            return self.stored[key_id]
        if self.trouble is not None:
            raise self.trouble
        if key_id not in self.listed:
            raise Unverified("the actor does not list this key")
        return self.listed[key_id]


def public_of(private: rsa.RSAPrivateKey, owner: str) -> PublicKey:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return PublicKey.load(owner + "#main-key", owner, private.public_key().public_bytes(encoding, form).decode())


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def older() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def keys(private: rsa.RSAPrivateKey) -> Keyring:
    """Everybody has the same key here: what tells them apart is its id and owner."""
    return Keyring({owner + "#main-key": public_of(private, owner) for owner in (ANA, BOB, MALLORY)})


Post = Callable[..., Awaitable[Received]]


@pytest.fixture
def post(private: rsa.RSAPrivateKey, keys: Keyring) -> Post:
    """Send a document, properly signed by `by`, through the inbox."""

    async def post(
        document: dict[str, Any] | bytes,
        *,
        by: str = ANA,
        key: rsa.RSAPrivateKey | None = None,
        scheme: Scheme = "cavage",
        blocked: tuple[str, ...] = (),
        known: tuple[str, ...] = (ANA, BOB, MALLORY),
        headers: dict[str, str | None] | None = None,
    ) -> Received:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signer = Signer(by + "#main-key", key or private)
        signed = sign(signer, "POST", f"https://{OURS}/inbox", body=body, now=NOW, scheme=scheme)
        lines = {name: value for name, value in (signed | (headers or {})).items() if value is not None}
        request = Request("POST", "/inbox", tuple(lines.items()), body, OURS, "https")

        async def knows(actor: str) -> bool:
            return actor in known

        return await open_letter(request, keys, now=NOW, is_blocked=blocked.__contains__, knows_actor=knows)

    return post


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
async def test_a_letter_is_opened_and_its_sender_known(post: Post, keys: Keyring, scheme: Scheme) -> None:
    """AUT-54: what is acted on are the very bytes that were verified."""
    body = json.dumps(create()).encode()
    received = await post(body, scheme=scheme)
    assert (received.signer, received.key_id) == (ANA, ANA + "#main-key")
    assert received.activity.actor == ANA
    assert not received.forwarded
    assert (received.body, received.digest) == (body, hashlib.sha256(body).hexdigest())
    assert keys.asked == [(ANA + "#main-key", False)]


async def test_the_same_letter_is_opened_as_often_as_it_comes(post: Post) -> None:
    """SIG-46: that it takes effect once is the business of its id."""
    assert [await post(create()) for _ in range(3)] == [await post(create())] * 3


async def test_nothing_else_makes_a_letter_received(post: Post) -> None:
    """SIG-37, AUT-54"""
    received = await post(create())
    with pytest.raises(TypeError):
        Received(received.activity, MALLORY, "", b"", "", False)
    with pytest.raises((TypeError, ValueError)):
        replace(received, signer=MALLORY)
    with pytest.raises(FrozenInstanceError):
        received.signer = MALLORY  # type: ignore[misc]


@pytest.mark.parametrize(
    "media_type",
    [
        "application/activity+json",
        "APPLICATION/ACTIVITY+JSON",
        "application/activity+json; charset=utf-8",
        'application/ld+json; profile="https://www.w3.org/ns/activitystreams"',
        'application/ld+json;profile="https://www.w3.org/ns/activitystreams"; charset=UTF-8',
    ],
)
async def test_an_activity_comes_as_one(post: Post, media_type: str) -> None:
    """PAR-22"""
    await post(create(), scheme="rfc9421", headers={"Content-Type": media_type})


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "*/*",
        "text/html",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/activity+json, text/html",
        "application/activity+json; charset=utf-7",
        'application/activity+json; profile="' + "a" * 5000 + '"',
    ],
)
async def test_no_other_media_type_is_read(post: Post, keys: Keyring, media_type: str | None) -> None:
    """PAR-22: browsers can be made to send forms."""
    with pytest.raises(UnsupportedType):
        await post(create(), scheme="rfc9421", headers={"Content-Type": media_type})
    assert not keys.asked


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity", ""])
async def test_encoded_content_is_refused(post: Post, keys: Keyring, encoding: str) -> None:
    """SIG-49: it would be inflated before its digest is taken."""
    with pytest.raises(UnsupportedType):
        await post(create(), headers={"Content-Encoding": encoding})
    assert not keys.asked


async def test_a_letter_of_more_than_a_mebibyte_is_refused(post: Post, keys: Keyring) -> None:
    """FET limits: before a signature is looked at."""
    with pytest.raises(TooLarge):
        await post(b" " * (LARGEST + 1))
    assert not keys.asked


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"type":"Create"}', b'{"a":1,"a":2}', b"\xff", b"null"])
async def test_what_is_no_activity_is_malformed(post: Post, keys: Keyring, body: bytes) -> None:
    with pytest.raises(Malformed):
        await post(body)
    assert not keys.asked


async def test_an_unsigned_letter_is_refused_before_anyone_is_asked(post: Post, keys: Keyring) -> None:
    """SIG-01"""
    with pytest.raises(Unverified):
        await post(create(), headers={"Signature": None})
    assert not keys.asked


async def test_a_blocked_server_is_turned_away_before_anything_is_read(post: Post, keys: Keyring) -> None:
    """SIG-51"""
    with pytest.raises(Refused):
        await post(b"not even JSON", blocked=("coop.example",))
    assert not keys.asked


async def test_nobody_passes_on_what_a_blocked_server_says(post: Post, keys: Keyring) -> None:
    """SIG-51, AUT-43"""
    with pytest.raises(Refused):
        await post(create(), by=MALLORY, blocked=("coop.example",))
    assert not keys.asked


@pytest.mark.parametrize("key_id", [f"https://{OURS}/actor", "https://MOOT.example:443/u/x", f"http://{OURS}/actor"])
async def test_our_own_keys_sign_nothing_from_outside(post: Post, keys: Keyring, key_id: str) -> None:
    """SIG-40, UID-06"""
    with pytest.raises(Unverified):
        await post(create(), by=key_id)
    assert not keys.asked


@pytest.mark.parametrize(
    "actor", [f"https://{OURS}/u/eve", f"https://{OURS}/actor", f"https://{OURS.upper()}:443/u/eve"]
)
async def test_our_members_do_not_write_from_outside(post: Post, keys: Keyring, actor: str) -> None:
    """AUT-50, AUT-51"""
    with pytest.raises(Unverified):
        await post(create(actor=actor, id=f"https://{OURS}/a/1"))
    assert not keys.asked


@pytest.mark.parametrize("id", ["https://mallory.example/a/1", f"https://{OURS}/a/1", "http://coop.example/a/1"])
async def test_an_activity_has_its_id_on_its_actors_server(post: Post, id: str) -> None:
    """AUT-03, UID-03"""
    with pytest.raises(Refused):
        await post(create(id=id))


@pytest.mark.parametrize("actor", [[ANA, MALLORY], [MALLORY, ANA], [], None, 7, "ana"])
async def test_an_activity_has_one_actor(post: Post, actor: object) -> None:
    """AUT-31"""
    with pytest.raises(Malformed):
        await post(create(actor=actor))


async def test_a_neighbour_on_the_same_server_is_another_actor(post: Post) -> None:
    """AUT-01"""
    with pytest.raises(Unverified):
        await post(create(), by=BOB)


@pytest.mark.parametrize("kind", ["Like", "Follow", "Undo", "Accept", "Announce", "Block", "Flag", "Move", "Add"])
async def test_only_content_may_be_passed_on(post: Post, kind: str) -> None:
    """AUT-02, AUT-23"""
    with pytest.raises(Unverified):
        await post(create(type=kind, object=NOTE), by=MALLORY)


async def test_an_actor_with_a_key_inside_is_still_only_a_name(post: Post) -> None:
    """AUT-02: the embedded document of the actor proves nothing."""
    actor = {"id": ANA, "type": "Person", "publicKey": {"id": MALLORY + "#main-key", "owner": ANA}}
    with pytest.raises(Refused):
        await post(create(actor=actor, id="https://mallory.example/a/1"), by=MALLORY)


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
async def test_a_forwarded_letter_is_marked_as_such(post: Post, kind: str) -> None:
    """AUT-55, SIG-54"""
    received = await post(create(type=kind, signature={"type": "RsaSignature2017"}), by=MALLORY)
    assert (received.forwarded, received.signer, received.activity.actor) == (True, MALLORY, ANA)


async def test_a_wrong_signature_is_refused_after_one_look_at_the_origin(
    post: Post, keys: Keyring, older: rsa.RSAPrivateKey
) -> None:
    """KEY-09, KEY-10"""
    with pytest.raises(Unverified):
        await post(create(), key=older)
    assert keys.asked == [(ANA + "#main-key", False), (ANA + "#main-key", True)]


async def test_a_renewed_key_is_looked_up_once(post: Post, keys: Keyring, older: rsa.RSAPrivateKey) -> None:
    """KEY-09"""
    keys.stored[ANA + "#main-key"] = public_of(older, ANA)
    assert (await post(create())).signer == ANA
    assert keys.asked == [(ANA + "#main-key", False), (ANA + "#main-key", True)]


async def test_an_old_key_stops_working_once_it_was_renewed(post: Post, older: rsa.RSAPrivateKey) -> None:
    """KEY-09"""
    with pytest.raises(Unverified):
        await post(create(), key=older)


@pytest.mark.parametrize("owner", [MALLORY, BOB])
async def test_a_key_of_another_owner_does_not_speak_for_the_actor(
    post: Post, keys: Keyring, private: rsa.RSAPrivateKey, owner: str
) -> None:
    """KEY-01, KEY-16, KEY-18: what counts is whose key it is, not what it is called."""
    found = public_of(private, owner)
    keys.listed[ANA + "#main-key"] = replace(found, id=ANA + "#main-key")
    if owner == BOB:
        with pytest.raises(Unverified):
            await post(create())
    else:
        assert (await post(create())).forwarded
        with pytest.raises(Unverified):
            await post(create(type="Like", object=NOTE))


async def test_a_key_under_another_id_is_not_the_one_that_was_named(
    post: Post, keys: Keyring, private: rsa.RSAPrivateKey
) -> None:
    """KEY-04, KEY-05"""
    keys.listed[ANA + "#main-key"] = public_of(private, BOB)
    with pytest.raises(Unverified):
        await post(create())


@pytest.mark.parametrize("trouble", [Gone("x"), Refused("x"), Malformed("x"), Unverified("x")])
async def test_a_key_that_cannot_be_had_proves_nothing(post: Post, keys: Keyring, trouble: FederationError) -> None:
    """KEY-12, KEY-03, SIG-41"""
    keys.trouble = trouble
    with pytest.raises(Unverified):
        await post(create())


async def test_while_the_origin_is_unreachable_the_sender_may_try_again(
    post: Post, keys: Keyring, older: rsa.RSAPrivateKey
) -> None:
    """KEY-12"""
    keys.trouble = Unreachable("the server does not answer", retry_after=120)
    with pytest.raises(Unreachable) as caught:
        await post(create())
    assert caught.value.retry_after == 120
    keys.stored[ANA + "#main-key"] = public_of(older, ANA)
    with pytest.raises(Unreachable):
        await post(create())


@pytest.mark.parametrize("document", [delete_of(ANA), create(type="Update", object={"id": ANA, "type": "Person"})])
async def test_news_about_somebody_unknown_is_ignored_without_asking(
    post: Post, keys: Keyring, document: dict[str, Any]
) -> None:
    """KEY-13, FET-16: Mastodon tells everyone of every deleted account."""
    with pytest.raises(Ignored):
        await post(document, known=())
    assert not keys.asked


async def test_news_about_somebody_known_is_proved_with_the_stored_key(
    post: Post, keys: Keyring, private: rsa.RSAPrivateKey
) -> None:
    """KEY-14"""
    keys.stored[ANA + "#main-key"] = public_of(private, ANA)
    keys.trouble = Gone("the actor is gone")
    assert (await post(delete_of(ANA))).activity.object_id == ANA


async def test_other_news_of_somebody_unknown_is_not_ignored(post: Post) -> None:
    """KEY-13"""
    assert (await post(create(), known=())).signer == ANA
    assert (await post(delete_of(NOTE), known=())).signer == ANA
    with pytest.raises(Ignored):
        await post(delete_of(BOB, BOB), known=(ANA,))


async def test_a_stored_letter_is_reopened_with_what_was_proved(post: Post) -> None:
    """AUT-54"""
    for by in (ANA, MALLORY):
        received = await post(create(), by=by)
        assert received.key_id is not None
        assert reopen(received.body, received.signer, received.key_id) == received


def test_a_stored_letter_gives_nobody_anothers_voice() -> None:
    """AUT-01, AUT-02"""
    body = json.dumps(create(type="Like", object=NOTE)).encode()
    for signer in (BOB, MALLORY):
        with pytest.raises(Unverified):
            reopen(body, signer, signer + "#main-key")


class Origin:
    """The documents of coop.example, and what was asked for."""

    def __init__(self, **documents: Any) -> None:
        self.documents = documents
        self.asked: list[str] = []

    async def __call__(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        found = self.documents.get({NOTE: "note", NOTE + "/activity": "activity", ANA: "ana"}.get(url, url))
        if isinstance(found, FederationError):
            raise found
        if found is None:
            raise Gone("there is nothing")
        return dict(found)


GENUINE = {"id": NOTE, "type": "Note", "attributedTo": ANA, "to": [PUBLIC], "content": "<p>What Ana wrote.</p>"}
PUT_INTO_HER_MOUTH = {"id": NOTE, "type": "Note", "attributedTo": ANA, "content": "<p>Forged.</p>"}


async def test_a_forwarded_activity_is_believed_as_its_server_has_it() -> None:
    """AUT-55, AUT-26"""
    forwarded = Activity.parse(create(object=PUT_INTO_HER_MOUTH))
    received = await confirm(forwarded, Origin(activity=create(object=GENUINE)))
    assert isinstance(received.activity.object, dict)
    assert received.activity.object["content"] == "<p>What Ana wrote.</p>"
    assert (received.signer, received.key_id, received.forwarded) == (ANA, None, False)
    assert json.loads(received.body) == received.activity.raw


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize("activity", [None, Refused("not an activity"), Malformed("a page"), {"type": "Create"}])
async def test_else_the_object_is_taken_from_its_server(kind: str, activity: Any) -> None:
    """AUT-55, AUT-04"""
    forwarded = Activity.parse(create(type=kind, object=PUT_INTO_HER_MOUTH, cc=[ANA + "/followers"]))
    received = await confirm(forwarded, Origin(activity=activity, note=GENUINE))
    assert received.activity.object == GENUINE
    assert (received.activity.to, received.activity.cc) == ((PUBLIC,), ())


async def test_an_id_with_a_fragment_is_not_fetched() -> None:
    """UID-05"""
    origin = Origin(note=GENUINE)
    await confirm(Activity.parse(create(id=NOTE + "#create")), origin)
    await confirm(Activity.parse(create(id=None)), origin)
    assert origin.asked == [NOTE, NOTE]


@pytest.mark.parametrize(
    "served",
    [
        create(actor=BOB),
        create(type="Update"),
        create(id=NOTE + "/other"),
        {"id": NOTE + "/activity", "type": "Delete", "actor": ANA, "object": NOTE},
    ],
)
async def test_another_activity_at_its_id_confirms_nothing(served: dict[str, Any]) -> None:
    """AUT-45"""
    with pytest.raises(Refused):
        await confirm(Activity.parse(create()), Origin(activity=served, note=GENUINE))


@pytest.mark.parametrize(
    "note",
    [
        GENUINE | {"attributedTo": BOB},
        GENUINE | {"attributedTo": [ANA, BOB]},
        GENUINE | {"attributedTo": [BOB, ANA]},
        GENUINE | {"attributedTo": None},
        GENUINE | {"id": "https://coop.example/notes/2"},
        GENUINE | {"id": "https://mallory.example/notes/1"},
    ],
)
async def test_an_object_of_another_or_from_elsewhere_confirms_nothing(note: dict[str, Any]) -> None:
    """AUT-05, AUT-06, AUT-44, AUT-45"""
    with pytest.raises(Refused):
        await confirm(Activity.parse(create()), Origin(note=note))


async def test_an_object_on_another_server_confirms_nothing() -> None:
    """AUT-04, AUT-12"""
    origin = Origin()
    foreign = Activity.parse(create(object="https://mallory.example/notes/1"))
    with pytest.raises(Refused):
        await confirm(foreign, origin)
    assert origin.asked == [NOTE + "/activity"]


async def test_an_activity_with_a_foreign_id_is_not_even_asked_for() -> None:
    """AUT-03"""
    origin = Origin()
    with pytest.raises(Refused):
        await confirm(Activity.parse(create(id="https://mallory.example/a/1")), origin)
    assert not origin.asked


@pytest.mark.parametrize("kind", ["Like", "Follow", "Announce", "Undo"])
async def test_what_is_about_anothers_object_is_confirmed_by_its_id_alone(kind: str) -> None:
    """AUT-32"""
    activity = create(type=kind, object=NOTE)
    with pytest.raises(Refused):
        await confirm(Activity.parse(activity), Origin(note=GENUINE))
    assert (await confirm(Activity.parse(activity), Origin(activity=activity))).activity.type == kind


@pytest.mark.parametrize("note", [None, Gone("410"), {"id": NOTE, "type": "Tombstone"}])
async def test_a_forwarded_delete_counts_if_the_object_is_gone(note: Any) -> None:
    """AUT-27"""
    received = await confirm(Activity.parse(delete_of(NOTE)), Origin(note=note))
    assert (received.activity.type, received.activity.object_id, received.signer) == ("Delete", NOTE, ANA)


async def test_a_forwarded_delete_of_what_is_still_there_is_refused() -> None:
    """AUT-17, AUT-27"""
    with pytest.raises(Refused):
        await confirm(Activity.parse(delete_of(NOTE)), Origin(note=GENUINE))


@pytest.mark.parametrize("note", [None, {"id": NOTE, "type": "Tombstone"}])
async def test_what_is_gone_is_not_created(note: Any) -> None:
    with pytest.raises(Gone):
        await confirm(Activity.parse(create()), Origin(note=note))


@pytest.mark.parametrize("place", ["activity", "note"])
async def test_an_unreachable_origin_is_asked_again_later(place: str) -> None:
    with pytest.raises(Unreachable):
        await confirm(Activity.parse(create()), Origin(**{place: Unreachable("no answer")}))


async def test_an_actor_is_updated_from_its_own_document() -> None:
    """AUT-16"""
    person = {"id": ANA, "type": "Person", "name": "Ana"}
    forged = create(type="Update", id=ANA + "#update", object=person | {"name": "Forged"})
    received = await confirm(Activity.parse(forged), Origin(ana=person))
    assert received.activity.object == person


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.tuples(st.text(max_size=20), st.text(max_size=60)), max_size=5))
async def test_noise_in_an_inbox_is_answered_and_never_crashes(body: bytes, noise: list[tuple[str, str]]) -> None:
    """SIG-52"""
    usual = [("Host", OURS), ("Content-Type", "application/activity+json"), ("Digest", digest_of(body))]
    keys = Keyring()

    async def knows(actor: str) -> bool:
        return False

    request = Request("POST", "/inbox", (*usual, *noise), body, OURS, "https")
    with pytest.raises(FederationError):
        await open_letter(request, keys, now=NOW, is_blocked=lambda host: False, knows_actor=knows)
    assert not keys.asked
