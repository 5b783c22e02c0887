"""The encryption of backups: another program opens it, and nothing that was changed or cut off is believed."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest

from node.backups import age
from node.backups.age import CHUNK, CannotOpen, Decrypting, Encrypting, Identity, Passphrase, Recipient

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]
WORDS = Passphrase("beans beside the wall in spring")


@pytest.fixture(scope="module")
def key() -> pyrage.x25519.Identity:
    return pyrage.x25519.Identity.generate()


QUICK = 2  # cheap to guess, so that a test may try some hundred files


def encrypted(data: bytes, locks: age.Locks, work: int = QUICK) -> bytes:
    out = io.BytesIO()
    file = Encrypting(out, locks, work=work)
    for at in range(0, len(data), 10_000):
        file.write(data[at : at + 10_000])
    file.close()
    return out.getvalue()


def decrypted(data: bytes, openers: age.Openers) -> bytes:
    return Decrypting(io.BytesIO(data), openers).read()


def recipients(*keys: pyrage.x25519.Identity) -> list[Recipient]:
    return [Recipient.read(str(key.to_public())) for key in keys]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_encrypted_here_opens_elsewhere_and_the_other_way_round(size: int, key: pyrage.x25519.Identity) -> None:
    data = os.urandom(size)
    other = pyrage.x25519.Identity.generate()

    made = encrypted(data, recipients(other, key))

    assert pyrage.decrypt(made, [key]) == data
    assert decrypted(made, Identity.read(f"# created by hand\n{key}\n")) == data
    assert decrypted(pyrage.encrypt(data, [key.to_public()]), Identity.read(str(key))) == data


def test_a_passphrase_opens_it_elsewhere_too() -> None:
    made = encrypted(b"beans", WORDS, age.WORK)

    assert pyrage.passphrase.decrypt(made, WORDS.words) == b"beans"
    assert decrypted(made, WORDS) == b"beans"


@pytest.mark.skipif(not shutil.which("age"), reason="age is not installed: apt install age")
def test_the_program_age_opens_a_backup(tmp_path: Path, key: pyrage.x25519.Identity) -> None:
    (tmp_path / "key").write_text(f"{key}\n")
    (tmp_path / "file.age").write_bytes(encrypted(b"beans" * CHUNK, recipients(key)))

    said = subprocess.run(
        ["age", "--decrypt", "--identity", tmp_path / "key", tmp_path / "file.age"], capture_output=True, check=True
    )

    assert said.stdout == b"beans" * CHUNK


def test_reading_in_small_pieces_gives_the_same(key: pyrage.x25519.Identity) -> None:
    data = os.urandom(2 * CHUNK + 5)
    file = Decrypting(io.BytesIO(encrypted(data, recipients(key))), Identity.read(str(key)))

    assert b"".join(iter(lambda: file.read(1000), b"")) == data
    assert file.read() == file.read(10) == b""


def test_a_flipped_bit_anywhere_is_found() -> None:
    """REL-35: a copy that lay on a bad disk is refused, not restored in part."""
    data = encrypted(os.urandom(300), WORDS)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(CannotOpen):
            decrypted(bytes(changed), WORDS)


@pytest.mark.parametrize("size", [300, CHUNK, 2 * CHUNK, 2 * CHUNK + 300])
def test_a_missing_end_is_found_also_where_a_chunk_ends(size: int) -> None:
    data = encrypted(os.urandom(size), WORDS)
    body = len(data) - size - age.TAG * max(1, -(-size // CHUNK))
    whole_chunks = range(body, len(data), CHUNK + age.TAG)
    for cut in {*whole_chunks, len(data) - 1, len(data) - 17, body - 5}:
        with pytest.raises(CannotOpen):
            decrypted(data[:cut], WORDS)


def test_chunks_that_changed_places_or_were_added_are_found() -> None:
    data = encrypted(os.urandom(3 * CHUNK), WORDS)
    size = CHUNK + age.TAG
    head, chunks = data[: -3 * size], [data[-3 * size :][at : at + size] for at in range(0, 3 * size, size)]
    assert decrypted(head + b"".join(chunks), WORDS)

    for wrong in (chunks[::-1], [chunks[1], chunks[0], chunks[2]], [*chunks, chunks[2]], [chunks[0], chunks[2]]):
        with pytest.raises(CannotOpen):
            decrypted(head + b"".join(wrong), WORDS)


def test_another_passphrase_or_another_key_does_not_open_it(key: pyrage.x25519.Identity) -> None:
    stranger = Identity.read(str(pyrage.x25519.Identity.generate()))
    for locks, openers, words in (
        (WORDS, Passphrase("beans beside the wall in autumn"), "passphrase is another"),
        (recipients(key), stranger, "somebody else"),
        (recipients(key), WORDS, "--identity"),
        (WORDS, stranger, "--passphrase-file"),
    ):
        with pytest.raises(CannotOpen, match=words):
            decrypted(encrypted(b"beans", locks), openers)


def test_a_mistyped_key_is_refused(key: pyrage.x25519.Identity) -> None:
    public = str(key.to_public())
    wrong = public[:-1] + ("q" if public[-1] != "q" else "p")
    for text in (wrong, "age1", "", "age1b", public[:-2], str(key), f"Age{public[3:]}"):
        with pytest.raises(CannotOpen):
            Recipient.read(text)
    with pytest.raises(CannotOpen):
        Identity.read("# nothing\n")
    with pytest.raises(CannotOpen):
        Identity.read(public)


def test_a_file_that_asks_for_all_memory_is_refused() -> None:
    made = encrypted(b"beans", WORDS).replace(b" 2\n", b" 63\n", 1)

    with pytest.raises(CannotOpen, match="damaged"):
        decrypted(made, WORDS)
