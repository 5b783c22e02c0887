"""What gave nothing is not asked again for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from federation import answers
from federation.budget import Exhausted
from federation.errors import Blocked, FederationError, Gone, Malformed, Refused, TooLarge, Unreachable, UnsupportedType
from federation.resolving import REFUSAL
from federation.transport import Limits, Unanswered


class FailureMemory(Protocol):
    """Keeps for a while, across restarts, which URLs gave nothing."""

    async def get(self, url: str) -> str | None:
        """Why `url` gave nothing, for as long as that was to be remembered."""

    async def put(self, url: str, until: datetime, why: str) -> None: ...


# What a failure is kept as, and raised as when the same is asked again; the first that fits is taken.
KEPT: tuple[tuple[str, type[FederationError], str], ...] = (
    ("gone", Gone, answers.GONE),
    ("unreachable", Unreachable, answers.UNREACHABLE),
    ("large", TooLarge, answers.LARGE),
    ("type", UnsupportedType, answers.TYPE),
    ("malformed", Malformed, answers.ODD),
    ("refused", Refused, REFUSAL),
)


class Failures:
    """The failures of fetches, kept in a memory that outlives the process, if there is one."""

    def __init__(self, memory: FailureMemory | None, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._limits = limits
        self._clock = clock

    async def recall(self, url: str) -> None:
        """Raises again what was remembered of `url`."""
        why = await self._memory.get(url) if self._memory else None
        for name, kind, reason in KEPT:
            if why == name:
                raise kind(reason)

    async def remember(self, url: str, failure: FederationError) -> None:
        """Keep `failure` as long as its kind deserves; who was not asked at all has not failed, and blocks end."""
        crowded = isinstance(failure, Unanswered) and failure.why == "crowded"
        if self._memory is None or crowded or isinstance(failure, Exhausted | Blocked):
            return
        span = self._limits.failed_for
        if isinstance(failure, Gone):
            span = self._limits.gone_for
        elif isinstance(failure, Unreachable) and not isinstance(failure, Unanswered):
            # The server said when, or had `failed_for` put in its mouth.
            span = timedelta(seconds=failure.retry_after)
        why = next(name for name, kind, _ in KEPT if isinstance(failure, kind))
        await self._memory.put(url, self._clock() + span, why)
