"""The scripted peer is honest unless told otherwise, and sees through letters that are not."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import RSA_V1_5_SHA256

from federation.budget import Budget
from federation.client import Client
from federation.signatures import Signer
from tests.equipment.certificates import authority
from tests.equipment.network import LoopbackNet
from tests.peers.scripted import Answer, ScriptedActor, ScriptedServer, rsa_key
from tests.peers.wire import BadSignature, Letter, Outgoing

INBOX = "http://victim.test/users/bo/inbox"


@pytest.fixture
async def world() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(scheme="http") as world:
        world.routes["victim.test"] = ("127.0.0.1", world.port)
        world.actor("bo@victim.test")
        yield world


@pytest.fixture
def ana(world: ScriptedServer) -> ScriptedActor:
    return world.actor("ana@mallory.test")


async def delivered(world: ScriptedServer, request: Outgoing) -> Letter:
    reply = await world.send(request)
    assert reply.status == 202
    return world.letters[-1]


async def test_its_cavage_signature_verifies_with_cryptography(world, ana):
    await ana.post(INBOX, ana.create(ana.note("<p>Hello</p>")))
    letter = world.letters_to(INBOX)[0]
    date, digest = letter.value("date"), letter.value("digest")
    signed = (
        f"(request-target): post /users/bo/inbox\nhost: victim.test\ndate: {date}\n"
        f"digest: {digest}\ncontent-type: application/activity+json"
    )
    signature = base64.b64decode(letter.value("signature").split('signature="')[1].rstrip('"'))
    ana.key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), SHA256())
    assert letter.verified and letter.scheme_used == "cavage" and letter.key_id == ana.key_id


async def test_its_rfc9421_signature_verifies_with_another_library(world, ana):
    request = ana.signed(ana.letter(INBOX, ana.like("http://victim.test/1")), scheme="rfc9421")

    class Keys(HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id: str):
            assert key_id == ana.key_id
            return ana.key.public_key()

    class Message:
        method, url, headers = request.method, request.url, dict(request.headers)

    verifier = HTTPMessageVerifier(signature_algorithm=RSA_V1_5_SHA256, key_resolver=Keys())
    (result,) = verifier.verify(Message())
    assert set(result.covered_components) >= {'"@method"', '"@target-uri"', '"content-digest"'}
    letter = await delivered(world, request)
    assert letter.verified and letter.scheme_used == "rfc9421" and letter.key_id == ana.key_id


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
async def test_a_body_changed_after_signing_does_not_verify(world, ana, scheme):
    request = ana.signed(ana.letter(INBOX, ana.like("http://victim.test/1")), scheme=scheme)
    letter = await delivered(world, request.with_body(b"{}"))
    with pytest.raises(BadSignature, match="Digest"):
        letter.verify()


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
async def test_another_actors_key_does_not_verify(world, ana, scheme):
    eve = world.actor("eve@mallory.test")
    letter = await delivered(world, ana.signed(ana.letter(INBOX, b"{}"), scheme=scheme, key=eve.key))
    with pytest.raises(BadSignature, match="not of this key"):
        letter.verify()


async def test_a_signature_that_leaves_out_the_digest_does_not_verify(world, ana):
    request = ana.signed(ana.letter(INBOX, b"{}"), covered=["(request-target)", "host", "date"])
    with pytest.raises(BadSignature, match="digest"):
        (await delivered(world, request)).verify()


async def test_a_repeated_header_goes_over_the_wire_twice(world, ana):
    request = ana.letter(INBOX, b"{}").adding("Digest", "SHA-256=other")
    letter = await delivered(world, request)
    assert [name for name, _ in letter.headers].count("Digest") == 2


async def test_answers_come_in_the_order_of_the_script_and_the_last_one_stays(world, ana):
    world.script("POST", INBOX, Answer(503, headers={"Retry-After": "120"}), Answer(202))
    first = await ana.post(INBOX, ana.like("http://victim.test/1"))
    assert first.status == 503 and first.headers["retry-after"] == "120"
    assert [(await ana.post(INBOX, ana.like("http://victim.test/1"))).status for _ in range(2)] == [202, 202]


async def test_an_answer_is_held_until_it_is_let_go(world, ana):
    hold = asyncio.Event()
    world.script("POST", INBOX, Answer(202, hold=hold))
    sending = asyncio.ensure_future(ana.post(INBOX, ana.like("http://victim.test/1")))
    letter = await world.arrival(lambda request: request.url == INBOX)
    assert letter.status is None and not sending.done()
    hold.set()
    assert (await sending).status == 202


async def test_a_host_answers_only_for_itself(world, ana):
    note = ana.publish(ana.note("<p>Hello</p>"))
    elsewhere = Outgoing.make("GET", note["id"].replace("mallory.test", "victim.test"))
    assert (await ana.server.send(Outgoing.make("GET", note["id"]), address=("127.0.0.1", world.port))).json() == note
    assert (await ana.server.send(elsewhere)).status == 404


async def test_an_actor_shows_its_new_key_after_it_was_rotated(world, ana):
    old = ana.key
    ana.rotate_key()
    shown = (await world.send(Outgoing.make("GET", ana.uri), address=("127.0.0.1", world.port))).json()
    assert shown["publicKey"]["publicKeyPem"] == ana.pem
    assert not (await delivered(world, ana.signed(ana.letter(INBOX, b"{}"), key=old))).verified
    assert (await delivered(world, ana.signed(ana.letter(INBOX, b"{}")))).verified


async def test_the_loopback_internet_serves_any_name_over_tls():
    async with ScriptedServer() as world:
        ana = world.actor("ana@mallory.test")
        net = LoopbackNet()
        net.add("mallory.test", world)
        (answer,) = await net.resolve("mallory.test", 443)
        assert answer.claimed_ip.startswith("93.184.") and answer.dial_ip == "127.0.0.1"
        url = f"https://127.0.0.1:{answer.dial_port}/users/ana"
        context = authority().client_context()
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Host": "mallory.test"}, ssl=context, server_hostname="mallory.test") as response,
        ):
            assert json.loads(await response.read()) == ana.document
        assert world.fetches[0].url == ana.uri


async def test_the_client_of_a_node_reaches_it_as_it_would_reach_the_internet():
    async def signer() -> Signer:
        return Signer("https://moot.example/actor#main-key", rsa_key("https://moot.example/actor"))

    net = LoopbackNet()
    async with ScriptedServer() as world:
        ana = world.actor("ana@mallory.test")
        net.add("mallory.test", world)
        client = Client(
            signer,
            user_agent="test",
            origin="https://moot.example",
            clock=world.clock,
            resolver=net,
            tls=authority().client_context(),
        )
        world.known_keys["https://moot.example/actor#main-key"] = (await signer()).private.public_key()
        async with client:
            assert await client.fetch_object(ana.uri, Budget()) == ana.document
            uri, _ = await client.finger("ana@mallory.test", Budget())
            outcome = await client.post(ana.inbox, b"{}", await signer())
        assert uri == ana.uri and outcome.status == 202
        assert [letter.verified for letter in world.letters] == [True]
        assert world.fetches[0].url == ana.uri and world.fetches[0].verified


async def test_an_unknown_name_does_not_resolve():
    net = LoopbackNet()
    with pytest.raises(OSError, match="not known"):
        await net.resolve("nowhere.test", 443)


async def test_a_name_may_move_to_an_inner_address():
    net = LoopbackNet()
    net.add("rebind.test", 8080)
    net.add("rebind.test", 8080, "93.184.1.1", "10.0.0.1")
    assert [answer.claimed_ip for answer in await net.resolve("rebind.test", 80)] == ["93.184.1.1", "10.0.0.1"]
