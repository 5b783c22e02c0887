"""Keys: the public ones that are believed, and ours that sign."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from federation.addresses import canonical, same_origin
from federation.errors import Malformed, Unverified

LONGEST_PEM = 4096  # a modulus of 8192 bits takes about 1500
SMALLEST_RSA, LARGEST_RSA = 2048, 8192  # below it can be factored, above it verifying costs whole milliseconds
MOST_KEYS = 10  # that one actor may list

_PEM_HEADS = ("-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----")


class ListedKey(Protocol):
    """A key as an actor document lists it, not yet judged."""

    @property
    def id(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def pem(self) -> str: ...


@dataclass(frozen=True)
class PublicKey:
    """A key that its owner's own document lists, strong enough to be believed."""

    id: str
    owner: str
    material: RSAPublicKey | Ed25519PublicKey

    @classmethod
    def load(cls, id: str, owner: str, pem: str) -> Self:
        """Judge a key before anything is verified with it: RSA of 2048 to 8192 bits, or Ed25519; else Unverified."""
        try:
            id, owner = canonical(id, development=True), canonical(owner, development=True)
        except Malformed:
            raise Unverified("the key has no proper id or owner") from None
        if not same_origin(id, owner):
            raise Unverified("the key belongs to an actor of another server")
        return cls(id, owner, _material(pem))

    @classmethod
    def listed(cls, key_id: str, actor: str, keys: Iterable[ListedKey]) -> Self:
        """The key named `key_id` in `actor`'s own list, and of that actor alone; never just the first one."""
        for _, key in zip(range(MOST_KEYS), keys, strict=False):
            if key.id == key_id:
                if key.owner != actor:
                    raise Unverified("the key says that it is another actor's")
                return cls.load(key.id, key.owner, key.pem)
        raise Unverified("the actor does not list this key")


@dataclass(frozen=True)
class Signer:
    """One of our actors' keys, loaded, with the id under which peers find its public half."""

    key_id: str
    private: RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, key_id: str, pem: str | bytes) -> Self:
        data = pem.encode("ascii") if isinstance(pem, str) else pem
        # Our own key, made here: checking its primes again would take longer than signing.
        private = serialization.load_pem_private_key(data, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(private, RSAPrivateKey):
            raise TypeError("actors sign with RSA keys")  # what Mastodon before 4.7 and Lemmy verify
        return cls(key_id, private)


def _material(pem: str) -> RSAPublicKey | Ed25519PublicKey:
    if not isinstance(pem, str) or len(pem) > LONGEST_PEM or not pem.lstrip().startswith(_PEM_HEADS):
        raise Unverified("the key is not a public key in PEM")
    try:
        material = serialization.load_pem_public_key(pem.strip().encode("ascii"))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unverified("the key cannot be read") from None
    if isinstance(material, Ed25519PublicKey):
        return material
    if not isinstance(material, RSAPublicKey) or not SMALLEST_RSA <= material.key_size <= LARGEST_RSA:
        raise Unverified("the key is neither Ed25519 nor RSA of 2048 to 8192 bits")
    exponent = material.public_numbers().e
    if exponent < 65537 or exponent % 2 == 0 or exponent.bit_length() > 32:
        raise Unverified("the key has an unusual exponent")  # 3 invites forgeries, a huge one is slow
    return material
