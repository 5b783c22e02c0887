"""Health: whether this process answers, and whether people and letters should be sent to it."""

import asyncio
import hmac
import logging
import time
from dataclasses import dataclass

from aiohttp import web

from node.node import NODE, Node
from storage import soundness
from storage.work import StorageUnavailable

log = logging.getLogger(__name__)

KEPT = 1.0  # seconds for which an answer serves: asking often costs nothing
PATIENCE = 3.0  # seconds for the database; whoever asks has little more
LATE = 3600.0  # seconds: nobody reads the letters
RETRY_AFTER = 5  # seconds


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so for the node to serve."""

    name: str
    passed: bool
    words: str  # for the admin, not for strangers


class Health:
    """Looks at what the node stands on, at most once a second."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._looking = asyncio.Lock()
        self._at = -KEPT
        self._checks: tuple[Check, ...] = ()

    async def look(self) -> tuple[Check, ...]:
        """Every check; those who ask at once share one look."""
        async with self._looking:
            if time.monotonic() - self._at >= KEPT:
                found = (*await self._database(), self._disk())
                for check in found:
                    if not check.passed and check not in self._checks:
                        log.warning("not ready: %s: %s", check.name, check.words)
                self._checks, self._at = found, time.monotonic()
            return self._checks

    async def _database(self) -> tuple[Check, ...]:
        try:
            async with asyncio.timeout(PATIENCE):
                look = await self._node.storage.read(soundness.look)
        except (StorageUnavailable, TimeoutError) as error:
            words = "the database does not answer" if isinstance(error, TimeoutError) else str(error)
            return (Check("database", False, words),)
        except Exception as error:
            # Tables that are not there, a file that is no database: whatever it is, the node cannot serve.
            return (Check("database", False, f"{type(error).__name__}: the tables cannot be read"),)
        return (
            Check("database", True, "answers"),
            Check("migrations", look.migrated, "up to date" if look.migrated else "the tables are of another release"),
            Check("queue", look.late < LATE, f"the oldest letter has been due for {look.late:.0f} seconds"),
        )

    def _disk(self) -> Check:
        left = self._node.room.look()
        return Check("disk", left.enough, str(left) if left.enough else f"{left}: nothing new is taken")


HEALTH = web.AppKey("health", Health)
OWN = web.AppKey("own", bool)  # this application is for the admin's own network


async def live(_request: web.Request) -> web.Response:
    """The process answers; nothing else is asked."""
    return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})


async def ready(request: web.Request) -> web.Response:
    """200, or 503 with the names of what fails; how it fails only the admin hears."""
    checks = await request.app[HEALTH].look()
    failing = [check.name for check in checks if not check.passed]
    said: dict[str, object] = {"ready": not failing}
    if failing:
        said["failing"] = failing
    if knows_token(request):
        said["checks"] = {check.name: check.words for check in checks}
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": str(RETRY_AFTER)} if failing else {})
    return web.json_response(said, status=503 if failing else 200, headers=headers)


def knows_token(request: web.Request) -> bool:
    """Whoever asks is the admin's own monitoring: on an address of its own, or with the token."""
    if request.app.get(OWN):
        return True
    token = request.app[NODE].settings.metrics_token
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    return bool(token) and kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def routes() -> list[web.RouteDef]:
    """What a load balancer, a container or systemd asks."""
    return [web.get("/livez", live), web.get("/readyz", ready)]
