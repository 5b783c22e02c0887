"""Time and ids come from here, and tests can hold them still."""

import base64
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def mint(at: datetime) -> str:
    """A new id: UUIDv7 in lower-case base32 (26 characters), time-ordered and random (RFC 9562).

    Random, because a restored backup must not mint an id again that the world already knows.
    """
    milliseconds = int(at.timestamp() * 1000)
    number = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return base64.b32encode(number.to_bytes(16, "big")).decode().rstrip("=").lower()
