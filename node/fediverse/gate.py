"""The gate: whom we have nothing to do with, kept in memory for those who ask with every request."""

import time

from storage import limits
from storage.limits import Limits
from storage.work import Storage, Work

KEPT = 1.0  # seconds that an answer may be old where the database is asked once more before anything comes of it


class Gate:
    """What limits other servers, read again only when it changed."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._limits = Limits(ours="")
        self._version: str | None = None
        self._looked_at = -KEPT

    async def look(self, *, exactly: bool = False) -> Limits:
        """All limits as of now, or as of a second ago."""
        lately = time.monotonic() - self._looked_at < KEPT
        if exactly or not lately:
            began = time.monotonic()
            newer = await self._storage.read(_newer, self._version)
            if newer is not None:
                self._version, self._limits = newer
            self._looked_at = began
        return self._limits

    def suspends(self, host: str) -> bool:
        """Whether we have nothing to do with the host, as of the last look."""
        return self._limits.suspends(host)

    async def bars(self, host: str, *, exactly: bool) -> bool:
        """Nothing is asked of the host and nothing told."""
        return (await self.look(exactly=exactly)).suspends(host)


def _newer(work: Work, version: str | None) -> tuple[str, Limits] | None:
    """The limits, unless they are those of that version."""
    now = limits.version(work)
    return None if now == version else (now, limits.known(work))
