"""The keyring: the private keys of our actors, sealed at rest, opened once, and shown to nobody."""

import asyncio
import base64
import os
import secrets
import stat
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federation.errors import Unverified
from federation.keys import PublicKey
from federation.signatures import Signer
from node.settings import Settings, SettingsError
from storage import failpoints, people
from storage.failpoints import Failpoints
from storage.work import Storage, Work

KEPT_OPEN = 4096  # loading a key costs 140 signatures, keeping it open a few KB
SHORTEST_SECRET = 16
FILE = "secret"


MakeKey = Callable[[], rsa.RSAPrivateKey]


class KeysLocked(Exception):
    """The private keys cannot be opened with this node's secret."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A key as it lies in the database."""

    uri: str
    public_pem: str
    private_sealed: bytes | None


class Keyring:
    """Signers of our actors; an actor gets its key when it first needs one."""

    def __init__(self, storage: Storage, secret: bytes, *, make: MakeKey | None = None) -> None:
        self._storage = storage
        self._make = make or make_rsa
        self._seal = Fernet(_sealing_key(secret))
        self._open: OrderedDict[int, tuple[Signer, str]] = OrderedDict()
        self._opening: dict[int, asyncio.Lock] = {}

    async def signer(self, actor_id: int) -> Signer:
        """What signs for one of our actors."""
        return (await self._key(actor_id))[0]

    async def public_pem(self, actor_id: int) -> str:
        """The public half, as the actor's document shows it."""
        return (await self._key(actor_id))[1]

    async def _key(self, actor_id: int) -> tuple[Signer, str]:
        key = self._open.get(actor_id)
        if key is None:
            # One at a time per actor: a first delivery to a thousand servers must not make a thousand keys.
            async with self._opening.setdefault(actor_id, asyncio.Lock()):
                key = self._open.get(actor_id) or await self._find_or_make(actor_id)
                self._open[actor_id] = key
            self._opening.pop(actor_id, None)
            while len(self._open) > KEPT_OPEN:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(actor_id)
        return key

    async def _find_or_make(self, actor_id: int) -> tuple[Signer, str]:
        sealed = await self._storage.read(_find, actor_id)
        if sealed is None:
            public_pem, private_sealed = await asyncio.to_thread(_sealed, self._seal, self._make)
            sealed = await self._storage.write(_keep, actor_id, public_pem, private_sealed)
        return await asyncio.to_thread(_unseal, self._seal, sealed), sealed.public_pem


def _find(work: Work, actor_id: int) -> Sealed | None:
    if not people.by_id(work, actor_id).local:
        raise LookupError("only actors of this node have a private key here")
    key = people.key_of(work, actor_id)
    return None if key is None else Sealed(key.uri, key.public_pem, key.private_sealed)


def _keep(work: Work, actor_id: int, public_pem: str, private_sealed: bytes) -> Sealed:
    """Stores the new key, unless another process was quicker: then its key is the actor's."""
    found = _find(work, actor_id)
    if found is not None:
        return found
    key = people.keep_key(work, actor_id, f"{people.by_id(work, actor_id).uri}#main-key", public_pem, private_sealed)
    return Sealed(key.uri, key.public_pem, key.private_sealed)


def make_rsa() -> rsa.RSAPrivateKey:
    """A new key of the kind that every server verifies; takes a tenth of a second and more."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _sealed(seal: Fernet, make: MakeKey) -> tuple[str, bytes]:
    private = make()
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return public_pem.decode(), seal.encrypt(private_pem)


def _unseal(seal: Fernet, key: Sealed) -> Signer:
    if key.private_sealed is None:
        raise KeysLocked(f"the private half of {key.uri} is not here")
    try:
        return Signer.load(key.uri, seal.decrypt(key.private_sealed))
    except InvalidToken:
        raise KeysLocked(f"{key.uri} was sealed with another secret than this node has now") from None


def must_work(secret: bytes, key: Sealed) -> None:
    """Refuses a key that does not open with the secret, or whose halves do not belong together; KeysLocked."""
    signer = _unseal(Fernet(_sealing_key(secret)), key)
    words = b"folkmoot: the halves of a key"
    try:
        public = PublicKey.load(key.uri, key.uri, key.public_pem).material
        if not isinstance(public, rsa.RSAPublicKey):
            raise KeysLocked(f"{key.uri} is not of the kind that our actors sign with")
        signature = signer.private.sign(words, padding.PKCS1v15(), hashes.SHA256())
        public.verify(signature, words, padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, Unverified):
        raise KeysLocked(f"what {key.uri} signs is not verified by its public half") from None


def _sealing_key(secret: bytes) -> bytes:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"folkmoot private keys").derive(secret)
    return base64.urlsafe_b64encode(derived)


# ------------------------------------------------------------------ the secret


def load_secret(settings: Settings, *, make: bool = True) -> bytes:
    """The node's secret: as set, or from its file in the data folder, made there if it may be; SettingsError."""
    if settings.secret:
        if len(settings.secret) < SHORTEST_SECRET:
            raise SettingsError(f"secret must have at least {SHORTEST_SECRET} characters")
        return settings.secret.encode()
    file = settings.data / FILE
    try:
        if make and not file.exists():
            _write_new(file, failpoints.parse(settings.failpoint))
        return _read(file)
    except OSError as error:
        raise SettingsError(f"cannot use {file}: {error.strerror}") from None


def _write_new(file: Path, points: Failpoints) -> None:
    """Puts a fresh secret there whole, or leaves the one that another process put there meanwhile."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{FILE}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(secrets.token_hex(32).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        points.reach("secret.written")
        try:
            os.link(draft, file)
        except FileExistsError:
            return
        points.reach("secret.placed")
    finally:
        draft.unlink()


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        mode = os.fstat(opened.fileno()).st_mode
        # Whoever reads it can speak as everybody here (KEY-22).
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingsError(f"{file} can be read by others than its owner: chmod 600 {file}")
        secret = opened.read().strip()
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(f"{file} holds no secret; restore it from the backup that has the database")
    return secret
