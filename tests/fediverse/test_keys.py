"""The keyring and the node's secret."""

import asyncio
import logging
import os

import pytest
from cryptography.hazmat.primitives import serialization

from node.fediverse import keys
from node.fediverse.keys import Keyring, KeysLocked, load_secret
from node.settings import Settings, SettingsError
from storage import people
from storage.schema import Actor, Key
from storage.work import Work

SECRET = b"a secret that is long enough"


def make_actor(work: Work, name: str = "ana", host: str = "node.test") -> int:
    uri = f"https://{host}/u/{name}"
    actor = Actor(
        uri=uri, kind="person", local=host == "node.test", host=host, name=name, inbox=f"{uri}/inbox",
        created_at=work.now, updated_at=work.now,
    )  # fmt: skip
    work.add(actor)
    work.flush()
    return actor.id


async def test_an_actor_gets_its_key_when_it_first_needs_one_and_keeps_it(storage):
    ana = await storage.write(make_actor)
    signer = await Keyring(storage, SECRET).signer(ana)
    again = Keyring(storage, SECRET)
    assert signer.key_id == "https://node.test/u/ana#main-key"
    assert (await again.signer(ana)).private.private_numbers() == signer.private.private_numbers()
    public = signer.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert await again.public_pem(ana) == public.decode()
    assert signer.private.key_size == 2048


async def test_two_processes_that_make_the_first_key_at_once_end_up_with_one(storage):
    ana = await storage.write(make_actor)
    rings = [Keyring(storage, SECRET) for _ in range(3)]
    signers = await asyncio.gather(*(ring.signer(ana) for ring in rings for _ in range(2)))
    assert len({signer.private.private_numbers().d for signer in signers}) == 1


async def test_a_key_lies_sealed_in_the_database(storage):
    """KEY-22"""
    ana = await storage.write(make_actor)
    signer = await Keyring(storage, SECRET).signer(ana)
    key: Key = await storage.read(people.key_of, ana)
    assert b"PRIVATE" not in key.private_sealed and "PRIVATE" not in key.public_pem
    with pytest.raises(KeysLocked) as locked:
        await Keyring(storage, b"another secret, also long").signer(ana)
    assert "PRIVATE" not in str(locked.value) and locked.value.__cause__ is None
    assert repr(signer) == "Signer(key_id='https://node.test/u/ana#main-key')"


async def test_nothing_private_is_logged(storage, caplog):
    """KEY-22"""
    caplog.set_level(logging.DEBUG)
    ana = await storage.write(make_actor)
    await Keyring(storage, SECRET).signer(ana)
    assert "PRIVATE" not in caplog.text and SECRET.decode() not in caplog.text


async def test_there_is_no_key_for_somebody_of_another_server(storage):
    eve = await storage.write(make_actor, "eve", "a.test")
    with pytest.raises(LookupError):
        await Keyring(storage, SECRET).signer(eve)


async def test_only_so_many_keys_are_kept_open(storage, monkeypatch):
    monkeypatch.setattr(keys, "KEPT_OPEN", 1)
    ring = Keyring(storage, SECRET)
    ana, bo = await storage.write(make_actor), await storage.write(make_actor, "bo")
    first = await ring.signer(ana)
    await ring.signer(bo)
    assert (await ring.signer(ana)).private.private_numbers() == first.private.private_numbers()


# ------------------------------------------------------------------ the secret


def settings(tmp_path, **given) -> Settings:
    return Settings(origin="https://node.test", data=tmp_path / "data", **given)


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path):
    """KEY-22"""
    made = load_secret(settings(tmp_path))
    file = tmp_path / "data" / "secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(made) >= 32
    assert load_secret(settings(tmp_path)) == made
    assert os.listdir(tmp_path / "data") == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o601])
def test_a_secret_that_others_can_read_is_refused(tmp_path, mode):
    """KEY-22"""
    load_secret(settings(tmp_path))
    (tmp_path / "data" / "secret").chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_secret(settings(tmp_path))


def test_a_secret_in_the_settings_comes_first_and_must_be_long(tmp_path):
    assert load_secret(settings(tmp_path, secret="sixteen letters!")) == b"sixteen letters!"
    assert not (tmp_path / "data").exists()
    with pytest.raises(SettingsError) as refused:
        load_secret(settings(tmp_path, secret="short-one"))
    assert "short-one" not in str(refused.value)


def test_an_empty_secret_is_no_secret(tmp_path):
    load_secret(settings(tmp_path))
    (tmp_path / "data" / "secret").write_text("\n")
    with pytest.raises(SettingsError, match="backup"):
        load_secret(settings(tmp_path))
