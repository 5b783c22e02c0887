"""The worker: one loop over letters, deliveries and mails, and the clock."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from node.fediverse import block_lists, leases
from node.fediverse.hosts import probe_dead_hosts
from node.fediverse.keys import Keyring
from node.fediverse.reading import Process, Reader
from node.fediverse.sending import Sender
from node.forum import accounts, following, sign_ups, upkeep, withdrawals
from node.mail.sending import Mailer
from node.node import Node
from storage import backoff, deliveries, hosts, hours, ledger, letters, limits, mails, queues, submissions

log = logging.getLogger(__name__)

TICK = 60.0  # seconds between two looks at the clock
TIDIED = timedelta(hours=1)
LEAP = timedelta(minutes=10)  # by which the clock may be set without our minding
AFTER_A_FAULT = 5.0  # seconds


class Worker:
    """Reads letters, sends deliveries and mails, and keeps time until it is stopped; many may share one database."""

    def __init__(
        self, node: Node, keyring: Keyring, process: Process, *, chance: backoff.Chance = backoff.chance
    ) -> None:
        self._node = node
        self._sender = Sender(node, keyring, chance=chance)
        self._reader = Reader(node, process)
        self._mailer = Mailer(node, leases.owner(), chance=chance)
        self._stop = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()
        self._tidied_at: datetime | None = None
        self._went = (node.storage.now(), time.monotonic())  # the clock, and what cannot be set, at the last look
        self._leapt_at: float | None = None

    async def run(self) -> None:
        """Works until `stop`."""
        self._stop.clear()
        self._stopped.clear()
        await self._take_over()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep("letters", lambda: self._reader.run(self._stop)))
                group.create_task(self._keep("deliveries", lambda: self._sender.run(self._stop)))
                group.create_task(self._keep("mails", lambda: self._mailer.run(self._stop)))
                group.create_task(self._keep("clock", self._keep_time))
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Begins nothing more, waits for what was begun, and gives back what was only taken."""
        self._stop.set()
        await self._stopped.wait()

    async def until_idle(self) -> None:
        """Works until nothing is due at the clock's present."""
        await self._take_over()
        await self._on_time()
        while await self._reader.read_due() + await self._sender.send_due() + await self._mailer.send_due():
            pass

    async def _take_over(self) -> None:
        """Frees what a worker of this machine held when it was killed."""
        letters_freed = await self._node.storage.write(letters.take_over, leases.is_dead)
        hosts_freed = await self._node.storage.write(deliveries.take_over, leases.is_dead)
        mails_freed = await self._node.storage.write(mails.take_over, leases.is_dead)
        freed = (letters_freed, hosts_freed, mails_freed)
        if any(freed):
            log.info("taking over from a dead worker: %d letters, %d hosts, %d mails", *freed)

    async def _keep(self, what: str, run: Callable[[], Awaitable[None]]) -> None:
        """Runs one part until we are stopped, again after a fault."""
        while not self._stop.is_set():
            try:
                await run()
            except Exception:
                log.exception("worker: %s stopped (fault %s)", what, secrets.token_hex(4))
                await self._rest(AFTER_A_FAULT)

    async def _keep_time(self) -> None:
        while not self._stop.is_set():
            await self._on_time(steady=self._is_steady())
            await self._rest(TICK)

    def _is_steady(self) -> bool:
        """Whether the clock went as time does for an hour; where it was set, what is old by it may not be old."""
        then, before = self._went
        now, at = self._went = (self._node.storage.now(), time.monotonic())
        leap = now - then - timedelta(seconds=at - before)
        if abs(leap) > LEAP:
            log.warning("the clock was set by %s: for an hour nothing is given up or forgotten by its age", leap)
            self._leapt_at = at
        return self._leapt_at is None or at - self._leapt_at >= TIDIED.total_seconds()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _on_time(self, *, steady: bool = True) -> None:
        """What time alone brings: dead hosts are asked whether they are back, and old things go."""
        await probe_dead_hosts(self._node)
        while not self._stop.is_set() and await self._node.storage.write(withdrawals.carry_on):
            pass  # one piece a transaction: groups that are hidden or deleted may hold a lot
        while not self._stop.is_set() and await self._node.storage.write(upkeep.take_back_more):
            pass  # so that one long thread holds nobody up
        now = self._node.storage.now()
        if not steady:
            return
        if self._tidied_at is not None and abs(now - self._tidied_at) < TIDIED:
            return
        self._tidied_at = now
        while not self._stop.is_set() and (dropped := await self._node.storage.write(queues.drop_old)):
            for host, count in dropped:
                log.info("host %s: gave up %d deliveries that waited for %d days", host, count, queues.KEPT.days)
        while not self._stop.is_set() and await self._node.storage.write(ledger.prune) > 0:
            pass
        await self._node.storage.write(hours.prune)
        while not self._stop.is_set() and await self._node.storage.write(letters.erase_bodies) > 0:
            pass
        await self._node.storage.write(mails.prune)
        await self._node.storage.write(hosts.forget_failures)
        await self._node.storage.write(submissions.forget_old)
        await self._node.storage.write(accounts.tidy)
        await self._warn_of_open_door()
        # What was promised in the same moment as its server was blocked.
        await self._node.storage.write(limits.drop_deliveries)
        await block_lists.update_due(self._node)
        await self._node.storage.write(following.tidy)

    async def _warn_of_open_door(self) -> None:
        mode = self._node.settings.sign_up
        if await self._node.storage.read(sign_ups.mode_now, mode) != mode:
            log.warning(
                "sign-ups are open, but no admin was here for %d days: they wait for approval until one signs in",
                sign_ups.UNATTENDED.days,
            )
