"""Codes of an authenticator app (RFC 6238): six digits that change every half minute."""

import base64
import re
import secrets
from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP = 30  # seconds
# One step each way: clocks of phones are good, and typing takes a while (RFC 6238, 5.2).
AROUND = (0, -1, 1)


def new_secret() -> bytes:
    """A shared secret of 160 bits."""
    return secrets.token_bytes(20)


def spelled(secret: bytes) -> str:
    """The secret as people type it, in groups of four."""
    letters = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def address(secret: bytes, *, of: str, at: str) -> str:
    """What a QR code says to the app: whose code it is, and at which node."""
    label = f"{quote(at, safe='')}:{quote(of, safe='')}"
    letters = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/{label}?secret={letters}&issuer={quote(at, safe='')}"


def step_of(secret: bytes, code: str, now: datetime) -> int | None:
    """The step whose code this is, if it is one of now. That a step is used once is for the caller to see to."""
    code = re.sub(r"[\s-]", "", code)
    if not re.fullmatch(r"[0-9]{6}", code, re.ASCII):
        return None
    # Apps take no other hash than SHA-1, whatever the address says; as a MAC it stands (RFC 6194).
    codes = TOTP(secret, 6, SHA1(), STEP)
    present = int(now.timestamp()) // STEP
    for step in (present + off for off in AROUND):
        if secrets.compare_digest(codes.generate(step * STEP).decode(), code):
            return step
    return None
