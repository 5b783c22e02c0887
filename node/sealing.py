"""What the node's secret serves for beside the keys of actors: sealing small secrets, marks that cannot be forged."""

import base64
import hmac
import secrets
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBroken(Exception):
    """It was sealed with another secret, for another purpose, or changed."""


class Sealing:
    """Seals and signs with the node's secret; what is made for one purpose is worth nothing for another."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def fresh(cls) -> "Sealing":
        """One with a secret that nobody else has, and that is gone with it."""
        return cls(secrets.token_bytes(32))

    @cached_property
    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._derived("sealed")))

    def seal(self, purpose: str, secret: bytes) -> bytes:
        """The secret as it may lie in the database."""
        return self._fernet.encrypt(purpose.encode() + b"\0" + secret)

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """What was sealed; raises SealBroken."""
        try:
            found, _, secret = self._fernet.decrypt(sealed).partition(b"\0")
        except InvalidToken as error:
            raise SealBroken("sealed with another secret") from error
        if found != purpose.encode():
            raise SealBroken(f"not sealed for {purpose}")
        return secret

    def sign(self, purpose: str, words: str) -> str:
        """A mark of 128 bits that only this node can make of these words."""
        mark = hmac.digest(self._derived(purpose), words.encode(), "sha256")[:16]
        return base64.urlsafe_b64encode(mark).decode().rstrip("=")

    def signed(self, purpose: str, words: str, mark: str) -> bool:
        """The mark is ours, and of these words."""
        return hmac.compare_digest(self.sign(purpose, words).encode(), mark.encode())

    def _derived(self, purpose: str) -> bytes:
        info = b"folkmoot " + purpose.encode()
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(self._secret)


def new_secret() -> str:
    """What nobody can guess, for a cookie or a link: 256 bits."""
    return secrets.token_urlsafe(32)
