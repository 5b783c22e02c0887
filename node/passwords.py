"""Passwords: argon2id, off the event loop, a few at a time.

Parameters are above OWASP's least (19 MiB, two rounds, one lane); each hash takes about a twentieth of a second.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2

R = TypeVar("R")

AT_ONCE = 2  # hashes at the same time: each holds MEMORY, and two cores do no more
MEMORY = 32 * 1024  # KiB
ROUNDS = 2
SHORTEST = 10  # characters
LONGEST = 1024  # bytes


class Passwords:
    """Hashes and compares passwords in threads of its own, so that no page waits for them."""

    def __init__(self, memory: int = MEMORY, rounds: int = ROUNDS) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=rounds, memory_cost=memory, parallelism=1)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The password as it is kept."""
        return await self._in_a_thread(self._hasher.hash, normal(password))

    async def fits(self, kept: str | None, password: str) -> bool:
        """It is the password of that hash; where there is none, the answer takes as long (WEB-09)."""
        if kept is None:
            if self._nobodys is None:
                self._nobodys = await self.hash("nobody has this password")
            await self._in_a_thread(self._verify, self._nobodys, normal(password))
            return False
        return await self._in_a_thread(self._verify, kept, normal(password))

    def is_old(self, kept: str) -> bool:
        """It was hashed with other parameters than today's: hash it again while the password is at hand."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_a_thread(self, function: Callable[..., R], *args: str) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


def normal(password: str) -> str:
    """One form of a password however a keyboard composes its letters (RFC 8265)."""
    return unicodedata.normalize("NFC", password)
