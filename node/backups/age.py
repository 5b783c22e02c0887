"""Encryption of a backup, in the format of age (age-encryption.org/v1), which other programs open too.

What is made here opens with `age --decrypt`, and the other way round: a passphrase (scrypt), or the public keys of
whoever may open it (X25519). The body is ChaCha20-Poly1305 in numbered chunks, of which the last one says that it is
the last: whatever was changed, moved or cut off is found.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FIRST_LINE = b"age-encryption.org/v1"
CHUNK = 64 * 1024
TAG = 16
WORK = 17  # 128 MiB for a moment, which the smallest machines have; each further one doubles what guessing costs
HARDEST_WORK = 20  # a file that asks for more memory than 1 GiB is not ours
LONGEST_HEADER = 64 * 1024
NO_NONCE = bytes(12)  # each wrapping key is used once


class CannotOpen(Exception):
    """The file was encrypted for somebody else, or what is in it was changed."""


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Words that open the file."""

    words: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key: who has the secret half opens the file, and the machine that made it cannot."""

    key: bytes

    @classmethod
    def read(cls, text: str) -> "Recipient":
        """`age1…`, as age-keygen prints it."""
        return cls(_from_bech32(text.strip(), "age"))


@dataclass(frozen=True, slots=True)
class Identity:
    """The secret half of a recipient."""

    key: bytes

    @classmethod
    def read(cls, text: str) -> "list[Identity]":
        """Every `AGE-SECRET-KEY-1…` of a file as age-keygen writes it."""
        lines = [line.strip() for line in text.splitlines()]
        found = [cls(_from_bech32(line, "age-secret-key-")) for line in lines if line and not line.startswith("#")]
        if not found:
            raise CannotOpen("there is no key in the identity file")
        return found


Locks = Passphrase | Sequence[Recipient]
Openers = Passphrase | Sequence[Identity]


# ------------------------------------------------------------------ writing


class Encrypting:
    """A file to write to; `close` writes the end, without which nothing of it can be read."""

    def __init__(self, out: BinaryIO, locks: Locks, *, work: int = WORK) -> None:
        file_key = os.urandom(16)
        header = FIRST_LINE + b"\n" + b"".join(_stanzas(file_key, locks, work)) + b"---"
        out.write(header + b" " + _base64(_header_mac(file_key, header)) + b"\n")
        nonce = os.urandom(16)
        out.write(nonce)
        self._out = out
        self._seal = ChaCha20Poly1305(_derived(file_key, salt=nonce, info=b"payload"))
        self._number = 0
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        """Takes what is to be encrypted; a chunk leaves once it is known not to be the last."""
        self._waiting += data
        while len(self._waiting) > CHUNK:
            self._write_chunk(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Writes the last chunk; the file below stays open."""
        self._write_chunk(bytes(self._waiting), last=True)

    def _write_chunk(self, plain: bytes, *, last: bool) -> None:
        self._out.write(self._seal.encrypt(_chunk_nonce(self._number, last=last), plain, None))
        self._number += 1


def _stanzas(file_key: bytes, locks: Locks, work: int) -> list[bytes]:
    if isinstance(locks, Passphrase):
        salt = os.urandom(16)
        wrapped = ChaCha20Poly1305(_stretched(locks, salt, work)).encrypt(NO_NONCE, file_key, None)
        return [b"-> scrypt " + _base64(salt) + b" %d\n" % work + _body(wrapped)]
    return [_for_recipient(file_key, recipient) for recipient in locks]


def _for_recipient(file_key: bytes, recipient: Recipient) -> bytes:
    ours = X25519PrivateKey.generate()
    share = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(recipient.key))
    wrapped = ChaCha20Poly1305(_x25519_key(shared, share, recipient.key)).encrypt(NO_NONCE, file_key, None)
    return b"-> X25519 " + _base64(share) + b"\n" + _body(wrapped)


# ------------------------------------------------------------------ reading


def is_encrypted(file: BinaryIO) -> bool:
    """Whether the file is in this format; the place in it stays."""
    begin = file.read(len(FIRST_LINE))
    file.seek(0)
    return begin == FIRST_LINE


class Decrypting:
    """A file to read from; CannotOpen as soon as something in it was changed, or its end is missing."""

    def __init__(self, source: BinaryIO, openers: Openers) -> None:
        file_key = _opened(source, openers)
        self._source = source
        self._seal = ChaCha20Poly1305(_derived(file_key, salt=_exactly(source, 16), info=b"payload"))
        self._number = 0
        self._ahead = source.read(CHUNK + TAG)
        self._ready = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """What was encrypted, up to so many bytes."""
        parts = []
        while size and not (self._ended and not self._ready):
            if not self._ready:
                self._next_chunk()
            taken = self._ready if size < 0 else self._ready[:size]
            self._ready = self._ready[len(taken) :]
            parts.append(taken)
            size = size - len(taken) if size > 0 else size
        return b"".join(parts)

    def _next_chunk(self) -> None:
        chunk, self._ahead = self._ahead, self._source.read(CHUNK + TAG)
        last = not self._ahead
        try:
            self._ready = self._seal.decrypt(_chunk_nonce(self._number, last=last), chunk, None)
        except InvalidTag:
            raise CannotOpen("the file was changed, or its end is missing") from None
        if last and not self._ready and self._number:
            raise CannotOpen("the file was changed: its last piece is empty")
        self._number += 1
        self._ended = last


def _opened(source: BinaryIO, openers: Openers) -> bytes:
    """The key of the file, from its header, which was not changed either."""
    header, stanzas, mac = _header(source)
    file_key = _unlocked(stanzas, openers)
    if not hmac.compare_digest(mac, _header_mac(file_key, header)):
        raise CannotOpen("the header of the file was changed")
    return file_key


def _header(source: BinaryIO) -> tuple[bytes, list[tuple[list[bytes], bytes]], bytes]:
    read = [_line(source)]
    if read[0] != FIRST_LINE:
        raise CannotOpen("the file is not encrypted in a form that is known here")
    stanzas: list[tuple[list[bytes], bytes]] = []
    while sum(map(len, read)) < LONGEST_HEADER:
        line = _line(source)
        if line.startswith(b"--- "):
            return b"\n".join(read) + b"\n---", stanzas, _unbase64(line[4:])
        read.append(line)
        if line.startswith(b"-> "):
            stanzas.append((line[3:].split(b" "), b""))
        elif stanzas:
            words, body = stanzas[-1]
            stanzas[-1] = (words, body + line)
        else:
            break
    raise CannotOpen("the header of the file is damaged")


def _unlocked(stanzas: list[tuple[list[bytes], bytes]], openers: Openers) -> bytes:
    kinds = [words[0] for words, _ in stanzas]
    if isinstance(openers, Passphrase):
        if kinds != [b"scrypt"]:
            raise CannotOpen("the file was not encrypted with a passphrase: name your key with --identity")
        return _by_passphrase(*stanzas[0], openers)
    if b"X25519" not in kinds:
        raise CannotOpen("the file was encrypted with a passphrase: say it with --passphrase-file")
    for words, body in stanzas:
        for identity in openers:
            file_key = _by_identity(words, body, identity)
            if file_key is not None:
                return file_key
    raise CannotOpen("the file was encrypted for somebody else: none of these keys opens it")


def _by_passphrase(words: list[bytes], body: bytes, passphrase: Passphrase) -> bytes:
    if len(words) != 3 or not words[2].isdigit() or not 0 < int(words[2]) <= HARDEST_WORK:
        raise CannotOpen("the header of the file is damaged")
    try:
        key = _stretched(passphrase, _unbase64(words[1]), int(words[2]))
        return ChaCha20Poly1305(key).decrypt(NO_NONCE, _unbase64(body), None)
    except InvalidTag:
        raise CannotOpen("the passphrase is another one") from None


def _by_identity(words: list[bytes], body: bytes, identity: Identity) -> bytes | None:
    if words[0] != b"X25519" or len(words) != 2:
        return None
    share = _unbase64(words[1])
    ours = X25519PrivateKey.from_private_bytes(identity.key)
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(share))
        key = _x25519_key(shared, share, ours.public_key().public_bytes_raw())
        return ChaCha20Poly1305(key).decrypt(NO_NONCE, _unbase64(body), None)
    except (InvalidTag, ValueError):
        return None


# ------------------------------------------------------------------ keys


def _stretched(passphrase: Passphrase, salt: bytes, work: int) -> bytes:
    salted = b"age-encryption.org/v1/scrypt" + salt
    return Scrypt(salt=salted, length=32, n=1 << work, r=8, p=1).derive(passphrase.words.encode())


def _x25519_key(shared: bytes, share: bytes, recipient: bytes) -> bytes:
    return _derived(shared, salt=share + recipient, info=b"age-encryption.org/v1/X25519")


def _derived(key: bytes, *, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


def _header_mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derived(file_key, salt=b"", info=b"header"), header, hashlib.sha256)


def _chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


# ------------------------------------------------------------------ letters


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise CannotOpen("the header of the file is damaged") from None


def _body(data: bytes) -> bytes:
    """In lines of 64, the last of which is shorter."""
    text = _base64(data)
    return b"\n".join(text[at : at + 64] for at in range(0, len(text) + 1, 64)) + b"\n"


def _line(source: BinaryIO) -> bytes:
    line = source.readline(LONGEST_HEADER)
    if not line.endswith(b"\n"):
        raise CannotOpen("the header of the file is damaged")
    return line[:-1]


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise CannotOpen("the file ends in the middle")
    return data


BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"  # BIP 173


def _from_bech32(text: str, prefix: str) -> bytes:
    """The 32 bytes of a key as people copy it; a mistyped letter is found."""
    wrong = f"this is not a key of the form {prefix.upper() if prefix.endswith('-') else prefix}1…"
    low = text.lower()
    name, _, letters = low.rpartition("1")
    if text not in (low, text.upper()) or name != prefix or not set(letters) <= set(BECH32):
        raise CannotOpen(wrong)
    values = [BECH32.index(letter) for letter in letters]
    if _polymod([ord(it) >> 5 for it in prefix] + [0] + [ord(it) & 31 for it in prefix] + values) != 1:
        raise CannotOpen(f"{wrong}, or a letter of it is mistyped")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    size, spare = divmod(5 * (len(values) - 6), 8)
    if size != 32 or number & (1 << spare) - 1:
        raise CannotOpen(wrong)
    return (number >> spare).to_bytes(size)


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check
