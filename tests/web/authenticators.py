"""An authenticator in software: keys on ES256 without attestation, as WebAuthn (Level 2) has them."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """A key of somebody's, and what a browser at `origin` does with it."""

    origin: str
    host: str
    verifies: bool = True  # asks for the owner's finger
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0

    def make(self, options: dict[str, Any], **changed: Any) -> str:
        """What the browser sends for a new key."""
        client = self._client("webauthn.create", options["challenge"], changed)
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + struct.pack(">H", len(self.credential)) + self.credential + cbor2.dumps(cose)
        data = self._data(ATTESTED, changed.get("host", self.host)) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._sent(
            clientDataJSON=bytes_to_base64url(client),
            attestationObject=bytes_to_base64url(attestation),
            transports=["internal", "nonsense"],
        )

    def sign(self, options: dict[str, Any], **changed: Any) -> str:
        """What the browser sends to sign in."""
        client = self._client("webauthn.get", options["challenge"], changed)
        self.count += 1
        data = self._data(0, changed.get("host", self.host))
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._sent(
            clientDataJSON=bytes_to_base64url(client),
            authenticatorData=bytes_to_base64url(data),
            signature=bytes_to_base64url(signature),
            userHandle=None,
        )

    def _client(self, kind: str, challenge: str, changed: dict[str, Any]) -> bytes:
        said = {
            "type": kind,
            "challenge": changed.get("challenge", bytes_to_base64url(base64url_to_bytes(challenge))),
            "origin": changed.get("origin", self.origin),
            "crossOrigin": False,
        }
        return json.dumps(said).encode()

    def _data(self, more: int, host: str) -> bytes:
        flags = PRESENT | more | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + struct.pack(">I", self.count)

    def _sent(self, **response: Any) -> str:
        name = bytes_to_base64url(self.credential)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
