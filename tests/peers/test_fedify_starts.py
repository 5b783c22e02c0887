"""The Fedify peer starts, is what its own proof says it is, and judges our scripted peer's signatures."""

import asyncio
import sys

import pytest

from tests.equipment.fedify import FOLDER, FedifyPeer, PeerFailed
from tests.peers.scripted import ScriptedServer


async def test_two_fedify_peers_pass_their_own_proof():
    async with FedifyPeer() as one, FedifyPeer(first_knock="cavage") as two:
        controls = [peer.control.removeprefix("http://") for peer in (one, two)]
        proof = await asyncio.create_subprocess_exec(
            sys.executable, FOLDER / "selftest.py", *controls, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await proof.communicate()
    assert proof.returncode == 0, said.decode()
    assert said.decode().endswith("25 checks passed\n")


@pytest.mark.parametrize("scheme", ["cavage", "rfc9421"])
async def test_fedify_takes_a_letter_that_the_scripted_peer_signed(scheme):
    async with FedifyPeer() as peer, ScriptedServer(scheme="http") as world:
        ana = world.actor(f"ana@127.0.0.1:{world.port}")
        inbox = f"{peer.user}/inbox"
        note = ana.note("<p>Hello</p>", cc=[peer.user])
        assert (await ana.post(inbox, ana.create(note), scheme=scheme)).status == 202
        (received,) = await peer.get("/received")
        assert received["type"] == "Create" and received["actor"] == ana.uri
        assert received["authenticated"]["how"] == "http-signature"
        another = world.actor("eve@mallory.test").key
        assert (await ana.post(inbox, ana.create(note), scheme=scheme, key=another)).status == 401
        assert len(await peer.get("/received")) == 1


@pytest.mark.parametrize("first_knock", ["cavage", "rfc9421"])
async def test_the_scripted_peer_verifies_what_fedify_sends(first_knock):
    async with FedifyPeer(first_knock=first_knock) as peer, ScriptedServer(scheme="http") as world:
        ana = world.actor(f"ana@127.0.0.1:{world.port}")
        outcome = await peer.call("/follow", actor=ana.uri)
        assert outcome["deliveries"][0]["ok"]
        (letter,) = world.letters
        world.learn_actor(await peer.call("/lookup", query=peer.user))
        letter.verify()
        assert letter.scheme_used == first_knock and letter.json()["type"] == "Follow"


async def test_a_refused_call_says_why():
    async with FedifyPeer() as peer:
        with pytest.raises(PeerFailed, match="no such route"):
            await peer.call("/nonsense")
