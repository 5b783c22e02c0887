"""Sending: keeps the promises in the delivery queue, several hosts at once, each host in order and at its own pace."""

import asyncio
import logging
import secrets
import time
from collections import deque

from federation.claims import Scheme
from federation.client import Outcome
from node import logs
from node.fediverse import leases
from node.fediverse.crew import Crew, pause
from node.fediverse.keys import Keyring
from node.node import Node
from storage import backoff, deliveries, settling
from storage.deliveries import Claim, Ready
from storage.settling import Result, Round, Settled
from storage.work import StorageUnavailable

log = logging.getLogger(__name__)

STEADY_HOSTS = 48  # hosts that took what we sent last
# New and failing hosts have places of their own: a hundred dead ones would fill any number of others.
UNSURE_HOSTS = 16
IN_FLIGHT = 4  # per host
IN_VAIN = 3  # failures without a success after which a host is left alone for now
ROUND_ENDS = 30.0  # seconds; then nothing more is begun, so that the last two knocks end within the lease
POLL = 1.0  # the queue is the truth; a bell that was not heard costs a second
LOOK = 0.25  # seconds between two looks for hosts while most places are taken
DRAIN = 25.0  # what is in flight may end when we are stopped

# What an administrator wants to see without asking; all that went well is for debugging.
LOUD = {"refused", "dropped", "later", "parked"}


class Sender:
    """Claims hosts that have something waiting, sends it, and writes down what became of it."""

    def __init__(self, node: Node, keyring: Keyring, *, chance: backoff.Chance = backoff.chance) -> None:
        self._node = node
        self._keyring = keyring
        self._chance = chance
        self._points = node.storage.points
        self._owner = leases.owner()
        self._crews = {True: Crew(STEADY_HOSTS), False: Crew(UNSURE_HOSTS)}
        self._looked = {True: float("-inf"), False: float("-inf")}
        self._last_hosts = {True: "", False: ""}  # hosts have their turn in a circle
        self._stopping = False
        self._tokens: set[str] = set()  # of claims that are not written down yet
        self._unsure = False  # we may have been given hosts, and did not hear which
        self._rounds: list[Round] = []  # sent, not yet written down
        self._settling = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Sends until `stop` is set; then lets what is in flight end, writes it down and gives the hosts back."""
        bell = self._node.deliveries_wait
        self._stopping = False
        try:
            while not stop.is_set():
                bell.clear()
                try:
                    began = await self._begin()
                    await self._settle()
                except StorageUnavailable as error:
                    log.warning("deliveries wait for the database: %s", error)
                    self._unsure, began = True, 0
                if not began:
                    await pause(*self._crews.values(), bells=(stop, bell), seconds=POLL)
        finally:
            await self._drain()

    async def send_due(self) -> int:
        """Sends all that is due at the clock's present; says how many deliveries were tried or thrown away."""
        self._stopping = False
        count = 0
        while True:
            claims = [
                claim for steady in (True, False) for claim in await self._claim(steady, self._crews[steady].most)
            ]
            if not claims:
                return count
            count += sum(max(1, len(claim.ready)) for claim in claims)
            async with asyncio.TaskGroup() as group:
                for claim in claims:
                    group.create_task(self._serve(claim))
            await self._settle()

    # ---------------------------------------------------------------- hosts

    async def _begin(self) -> int:
        began = 0
        now = asyncio.get_running_loop().time()
        for steady, crew in self._crews.items():
            # Looking for hosts costs the same for one as for many: not again for each place that gets free.
            if crew.free >= crew.most // 4 or (crew.free and now - self._looked[steady] >= LOOK):
                self._looked[steady] = now
                for claim in await self._claim(steady, crew.free):
                    crew.start(self._serve(claim))
                    began += 1
        return began

    async def _claim(self, steady: bool, limit: int) -> list[Claim]:
        if self._unsure:
            # The answer to a COMMIT may have been lost: hosts that it gave us would wait for their leases to end.
            await self._node.storage.write(deliveries.release, self._owner, keep=sorted(self._tokens))
            self._unsure = False
        after = self._last_hosts[steady]
        claims = await self._node.storage.write(
            deliveries.claim_hosts, self._owner, limit=limit, steady=steady, after=after
        )
        self._tokens.update(claim.token for claim in claims)
        if claims:
            self._last_hosts[steady] = max((claim.host for claim in claims), key=lambda host: (host <= after, host))
        return claims

    async def _drain(self) -> None:
        self._stopping = True
        await asyncio.gather(*(crew.finish(DRAIN) for crew in self._crews.values()))
        try:
            await self._settle()
            await self._node.storage.write(deliveries.release, self._owner)
        except StorageUnavailable as error:
            log.warning("what was sent last will be sent again: %s", error)

    async def _serve(self, claim: Claim) -> None:
        """One round with one host: sends what is ready, and has it written down."""
        with logs.about(host=claim.host):
            results = await self._send_round(claim)
        self._rounds.append(Round(claim.host, claim.token, tuple(results)))
        try:
            await self._settle()
        except StorageUnavailable as error:
            log.warning("what was sent to %s waits for the database, to be written down: %s", claim.host, error)

    async def _settle(self) -> None:
        """Writes down every round that has ended, all in one transaction; those that end meanwhile are the next."""
        async with self._settling:
            if not self._rounds:
                return
            rounds, self._rounds = self._rounds, []
            try:
                settled = await self._node.storage.write(settling.settle, rounds, chance=self._chance)
            except StorageUnavailable:
                self._rounds = rounds + self._rounds  # they were sent: that must not be forgotten
                raise
        self._tokens.difference_update(round.token for round in rounds)
        for one in settled:
            _tell(one)

    # ---------------------------------------------------------------- deliveries

    async def _send_round(self, claim: Claim) -> list[Result]:
        results: list[Result] = []
        waiting = deque(claim.ready)
        scheme: Scheme = "rfc9421" if claim.scheme == "rfc9421" else "cavage"
        ends = asyncio.get_running_loop().time() + ROUND_ENDS

        async def send_on() -> None:
            while waiting and not self._stopping and not _is_enough(results):
                if asyncio.get_running_loop().time() >= ends:
                    return
                results.append(await self._send(waiting.popleft(), scheme))

        if waiting and not claim.steady:
            results.append(await self._send(waiting.popleft(), scheme))  # one first, to see whether it lives
        async with asyncio.TaskGroup() as group:
            for _ in range(min(IN_FLIGHT, len(waiting))):
                group.create_task(send_on())
        return results

    async def _send(self, ready: Ready, scheme: Scheme) -> Result:
        began = time.monotonic()
        try:
            signer = await self._keyring.signer(ready.signer_id)
            self._points.reach("sending.claimed")
            outcome = await self._node.client.post(ready.inbox, ready.body, signer, scheme=scheme)
            self._points.reach("sending.answered")
        except StorageUnavailable:
            return Result(ready.id, None, "crowded")
        except Exception:  # the worker's try-later: a delivery that breaks us must not break the others
            with logs.about(delivery=ready.id):
                log.exception("delivery %d of %s failed here (fault %s)", ready.id, ready.uri, secrets.token_hex(4))
            return Result(ready.id, None, "fault")
        return _result(ready, outcome, round((time.monotonic() - began) * 1000))


def _result(ready: Ready, outcome: Outcome, took_ms: int) -> Result:
    return Result(ready.id, outcome.status, outcome.error, outcome.retry_after, outcome.scheme_used, took_ms)


def _is_enough(results: list[Result]) -> bool:
    """The host is silent or asks us to wait, or nothing of all this was taken."""
    if any(result.of_the_host or not result.tried for result in results):
        return True
    return len(results) >= IN_VAIN and not any(result.final for result in results)


def _tell(one: Settled) -> None:
    level = logging.INFO if one.fate in LOUD else logging.DEBUG
    log.log(level, "delivery %d to %s: %s (%s)", one.delivery_id, one.host, one.fate, one.why)
