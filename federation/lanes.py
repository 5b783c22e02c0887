"""Who may be asked at the same time, so that slow hosts hold up nobody but themselves."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager

PER_HOST = 4
# Hosts that we never reached or not lately share one pool, hosts that failed share a smaller one.
NEW_POOL = 32
FAILING_POOL = 8
# What is remembered about hosts is bounded, and is forgotten: a host that failed is just new after a while.
KNOWN_HOSTS = 4096
FORGOTTEN_AFTER = 600.0


class Standing:
    """What the last exchange with each host was like; bounded, and every memory ages."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._hosts: OrderedDict[str, tuple[bool, float]] = OrderedDict()

    def answered(self, host: str) -> None:
        self._remember(host, good=True)

    def failed(self, host: str) -> None:
        self._remember(host, good=False)

    def of(self, host: str) -> str:
        """'good', 'failing' or 'new'."""
        good, since = self._hosts.get(host, (False, float("-inf")))
        if self._tick() - since > FORGOTTEN_AFTER:
            return "new"
        return "good" if good else "failing"

    def _remember(self, host: str, *, good: bool) -> None:
        self._hosts[host] = (good, self._tick())
        self._hosts.move_to_end(host)
        while len(self._hosts) > KNOWN_HOSTS:
            self._hosts.popitem(last=False)


class Lanes:
    """Places at the counter: a few per host, and for all new and all failing hosts together a few more."""

    def __init__(
        self, standing: Standing, *, per_host: int = PER_HOST, new: int = NEW_POOL, failing: int = FAILING_POOL
    ) -> None:
        self._standing = standing
        self._per_host = per_host
        self._pools = {"new": asyncio.Semaphore(new), "failing": asyncio.Semaphore(failing)}
        self._hosts: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def place(self, host: str, domain: str) -> AsyncIterator[bool]:
        """A place for one exchange with `host`, and whether it is in good standing.

        Others count by their registrable domain: ten thousand names under it have no more places than one of them.
        """
        standing = self._standing.of(host)
        key = host if standing == "good" else (standing, domain)
        # First the host's own place: who waits for a slow host must not sit on a place of the pool meanwhile.
        async with self._own(key):
            pool = self._pools.get(standing)
            if pool is None:
                yield True
                return
            async with pool:
                yield False

    @asynccontextmanager
    async def _own(self, key: Hashable) -> AsyncIterator[None]:
        places, users = self._hosts.get(key, (asyncio.Semaphore(self._per_host), 0))
        self._hosts[key] = (places, users + 1)
        try:
            async with places:
                yield
        finally:
            places, users = self._hosts[key]
            if users == 1:
                del self._hosts[key]
            else:
                self._hosts[key] = (places, users - 1)
