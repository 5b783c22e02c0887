"""Reading: hands each letter of the queue to whoever understands it; none is lost, and none is tried for ever."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

from federation.errors import FederationError, Unreachable
from node import logs
from node.fediverse import leases
from node.fediverse.crew import Crew, pause
from node.forum.errors import Refusal
from node.node import Node
from storage import letters
from storage.letters import Waiting
from storage.work import StorageUnavailable, Verb

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Process = Callable[[Waiting], Awaitable[str]]

AT_ONCE = 16  # most of them wait for other servers, if they wait
POLL = 1.0
RENEWED = 20.0  # seconds; a lease is 60
DRAIN = 25.0


class Reader:
    """Claims letters and has them processed, a few at once, those of one signer one by one."""

    def __init__(self, node: Node, process: Process) -> None:
        self._node = node
        self._process = process
        self._owner = leases.owner()
        self._crew = Crew(AT_ONCE)
        self._reading: set[int] = set()
        self._last_host = ""  # hosts have their turn in a circle
        self._unsure = False  # we may have been given letters, and did not hear which

    async def run(self, stop: asyncio.Event) -> None:
        """Reads until `stop` is set; then ends what was begun and gives the rest back."""
        bell = self._node.letters_came
        renewing = asyncio.create_task(self._renew())
        try:
            while not stop.is_set():
                bell.clear()
                try:
                    began = await self._begin()
                except StorageUnavailable as error:
                    log.warning("letters wait for the database: %s", error)
                    self._unsure, began = True, 0
                if not began:
                    await pause(self._crew, bells=(stop, bell), seconds=POLL)
        finally:
            await self._crew.finish(DRAIN)
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            await self._release()

    async def read_due(self) -> int:
        """Reads all that is due at the clock's present; says how many letters that were."""
        count = 0
        while began := await self._begin():
            count += began
            await self._crew.finish()
        return count

    async def _begin(self) -> int:
        if not self._crew.free:
            return 0
        if self._unsure:
            # The answer to a COMMIT may have been lost: what it gave us would wait for its lease to end.
            await self._node.storage.write(letters.give_back, self._owner, sorted(self._reading))
            self._unsure = False
        taken = await self._node.storage.write(letters.claim, self._owner, self._crew.free, after=self._last_host)
        if taken:
            last = self._last_host
            self._last_host = max((letter.host for letter in taken), key=lambda host: (host <= last, host))
        self._reading.update(letter.id for letter in taken)
        for letter in taken:
            if letter.crashed:
                # Perhaps it kills whoever reads it: then it should take no other with it (REL-21).
                await self._crew.finish()
            self._crew.start(self._read(letter))
            if letter.crashed:
                await self._crew.finish()
        return len(taken)

    async def _read(self, letter: Waiting) -> None:
        try:
            with logs.about(letter=letter.id, host=letter.host):
                await self._try(letter)
        finally:
            self._reading.discard(letter.id)

    async def _try(self, letter: Waiting) -> None:
        points = self._node.storage.points
        try:
            points.reach("reading.claimed")
            outcome = await self._process(letter)
            points.reach("reading.processed")
        except Unreachable as error:
            await self._later(letter, str(error) or "unreachable", timedelta(seconds=error.retry_after))
            return
        except (FederationError, Refusal) as error:
            outcome = f"{type(error).__name__.lower()}: {error}"
        except StorageUnavailable as error:
            await self._later(letter, str(error), first=letters.SOON)
            return
        except Exception:  # the worker's try-later
            fault = secrets.token_hex(4)
            log.exception("letter %d from %s could not be read (fault %s)", letter.id, letter.host, fault)
            await self._later(letter, f"fault {fault}")
            return
        await self._write_down(letters.done, letter.id, outcome, owner=self._owner)
        log.debug("letter %d from %s: %s", letter.id, letter.host, outcome)

    async def _later(
        self, letter: Waiting, why: str, after: timedelta = letters.NONE, first: timedelta = letters.FIRST
    ) -> None:
        parked = await self._write_down(letters.later, letter.id, why, owner=self._owner, after=after, first=first)
        fate = "parked" if parked else "later"
        log.info("letter %d from %s: %s (%s; try %d)", letter.id, letter.host, fate, why, letter.tries)

    async def _write_down(self, verb: Verb[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Writes down what came of a letter, for as long as its lease would last where the database does not take it.

        To be read again would be no harm, but late, and count as a try that its reader did not survive.
        """
        ends = asyncio.get_running_loop().time() + letters.LEASE.total_seconds()
        while True:
            try:
                return await self._node.storage.write(verb, *args, **kwargs)
            except StorageUnavailable as error:
                if asyncio.get_running_loop().time() >= ends:
                    raise
                log.warning("what came of a letter waits for the database: %s", error)
                await asyncio.sleep(POLL)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            try:
                await self._node.storage.write(letters.renew, self._owner, sorted(self._reading))
            except StorageUnavailable as error:
                log.warning("leases of letters could not be renewed: %s", error)

    async def _release(self) -> None:
        try:
            await self._node.storage.write(letters.release, self._owner)
        except StorageUnavailable as error:
            log.warning("letters that were not read wait for their lease to end: %s", error)
