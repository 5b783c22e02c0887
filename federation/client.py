"""The one way out: every request that the node sends to another server, within limits that no caller can lift."""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, Self
from urllib.parse import quote, urljoin

import aiohttp
from multidict import CIMultiDictProxy

from federation import answers, discovery
from federation.addresses import authority, canonical, same_origin
from federation.alternates import alternate_of_header, alternate_of_page
from federation.answers import KINDS, Kind
from federation.budget import Budget, Exhausted
from federation.claims import Scheme
from federation.documents import Document
from federation.errors import Blocked, FederationError, Gone, Malformed, Refused, Unreachable, UnsupportedType
from federation.failures import FailureMemory, Failures
from federation.resolving import REFUSAL, Policy, Resolver
from federation.signatures import Signer, sign
from federation.transport import DEFAULT_LIMITS, Limits, Transport, Unanswered

REDIRECTS = frozenset({301, 302, 303, 307, 308})
OTHER_SCHEME: dict[Scheme, Scheme] = {"cavage": "rfc9421", "rfc9421": "cavage"}
WRONG_ID = "The document does not have the address that it was fetched from."
BLOCKED = "its server is blocked"
HANDLE = re.compile(r"@?([\w.-]{1,128})@([^\s/@?#\\%]{1,255})")


@dataclass(frozen=True)
class Fetched:
    """What was found, and where at last. Those who asked at the same time share it: nobody changes it."""

    url: str
    document: Document
    body: bytes
    headers: CIMultiDictProxy[str]


@dataclass(frozen=True)
class Outcome:
    """What became of one delivery: a status, or the error that kept us from getting one."""

    status: int | None
    # 'refused' (by our policy), 'crowded' (not tried), 'dns', 'tls', 'connection', 'timeout', 'protocol'
    error: str | None
    retry_after: int | None
    scheme_used: Scheme

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class _Unchanged(Exception):
    """The file is the one that we have."""


class Gate(Protocol):
    """Who knows with which servers we have nothing to do."""

    async def bars(self, host: str, *, exactly: bool) -> bool:
        """Nothing is asked of the host and nothing told; `exactly`: as of now, and not of a second ago."""
        ...


class Client:
    """Asks and tells other servers on behalf of the node; `async with` opens and closes its connections."""

    def __init__(
        self,
        signer_for: Callable[[], Awaitable[Signer]],
        *,
        user_agent: str,
        origin: str,
        clock: Callable[[], datetime],
        development: bool = False,
        dev_peers: frozenset[str] = frozenset(),
        resolver: Resolver | None = None,
        remembered: FailureMemory | None = None,
        gate: Gate | None = None,
        limits: Limits = DEFAULT_LIMITS,
        signing: Executor | None = None,
        tls: ssl.SSLContext | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._signer_for = signer_for
        self._user_agent = user_agent
        self._clock = clock
        self._development = development
        self._policy = Policy(origin, development=development, dev_peers=dev_peers)
        self._failures = Failures(remembered, limits, clock)
        self._gate = gate
        self._limits = limits
        self._signing = signing
        self._transport = Transport(resolver, limits, tls=tls, tick=tick)
        self.measure: Callable[[str, str], None] | None = None  # told what was asked or told, and how it went
        self._flights: dict[tuple[str, str, bool], asyncio.Task[Fetched]] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def start(self) -> None:
        await self._transport.start()

    async def close(self) -> None:
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self._transport.close()

    # Asking

    async def fetch(
        self,
        url: str,
        budget: Budget,
        *,
        accept: str = "activity",
        within_origin: bool = False,
        patience: float | None = None,
    ) -> Fetched:
        """The document at `url`, in one of the KINDS; raises Unreachable, Gone, Refused, Malformed or TooLarge.

        What many ask for at once is fetched once. `within_origin` refuses to be led to another server, as is due for
        a key; `patience` is in seconds, and when it ends the fetch itself still ends in its own time.
        """
        url = self._policy.admit(url)
        await self._failures.recall(_question(url, accept, within_origin))
        try:
            async with asyncio.timeout(patience):
                return await self._board(url, budget, accept, within_origin)
        except TimeoutError:
            raise Unreachable(answers.UNREACHABLE) from None

    async def fetch_object(
        self, uri: str, budget: Budget, *, within_origin: bool = False, patience: float | None = None
    ) -> Document:
        """The object at `uri` as the server that its id names serves it, which may be under another id than `uri`.

        A document that was found elsewhere than at its id is fetched once more, there; else Refused.
        """
        try:
            async with asyncio.timeout(patience or self._limits.total):
                found = await self.fetch(uri, budget, within_origin=within_origin)
                if self._id_of(found) == found.url:
                    return found.document
                if within_origin and not same_origin(self._id_of(found), uri):
                    raise Refused(WRONG_ID)
                found = await self.fetch(self._id_of(found), budget, within_origin=within_origin)
                if self._id_of(found) != found.url:
                    raise Refused(WRONG_ID)
                return found.document
        except TimeoutError:
            raise Unreachable(answers.UNREACHABLE) from None

    async def fetch_list(self, url: str, budget: Budget, *, etag: str | None = None) -> Fetched | None:
        """The file at `url`, as bytes; None while it is the one of that ETag. A failure is nobody's but the asker's."""
        with suppress(_Unchanged):
            return await self._follow(self._policy.admit(url), budget, KINDS["list"], False, etag=etag)
        return None

    async def find_alternate(self, url: str, budget: Budget) -> str | None:
        """Where the web page at `url` says that its ActivityPub document is; believed of nothing but that."""
        page = await self.fetch(url, budget, accept="page")
        return alternate_of_header(page.headers.getall("Link", []), page.url) or alternate_of_page(
            page.body.decode("utf-8", "replace"), page.url
        )

    async def inspect(self, url: str, budget: Budget) -> Document:
        """The object behind an address that a person typed: its id, or the web page of it (one hop, no further)."""
        try:
            return await self.fetch_object(url, budget)
        except UnsupportedType:
            alternate = await self.find_alternate(url, budget)
            if alternate is None:
                raise
        return await self.fetch_object(alternate, budget)

    async def finger(self, handle: str, budget: Budget) -> tuple[str, discovery.Links]:
        """The actor URI and all links that the host of 'user@host' gives for that handle, unconfirmed by the actor."""
        match = HANDLE.fullmatch(handle)
        if match is None:
            raise Malformed("That is not the handle of anybody.")
        host = authority(self._policy.admit(self._well_known(match[2], "webfinger")))
        resource = quote(f"acct:{match[1]}@{host}", safe=":@")
        found = await self.fetch(self._well_known(host, f"webfinger?resource={resource}"), budget, accept="jrd")
        links = discovery.read_webfinger(found.document)
        if links.actor is None:
            raise Gone(answers.GONE)
        return links.actor, links

    async def nodeinfo(self, host: str, budget: Budget, *, patience: float | None = None) -> tuple[str, str]:
        """The name and version of the software that `host` says it runs."""
        found = await self.fetch(self._well_known(host, "nodeinfo"), budget, accept="json", patience=patience)
        where = discovery.read_nodeinfo_links(found.document)
        if where is None:
            raise Gone(answers.GONE)
        return discovery.read_nodeinfo((await self.fetch(where, budget, accept="json", patience=patience)).document)

    def _well_known(self, host: str, rest: str) -> str:
        scheme = "http" if self._development else "https"
        return f"{scheme}://{host}/.well-known/{rest}"

    # Telling

    async def post(
        self,
        inbox: str,
        body: bytes,
        signer: Signer,
        *,
        digest: str | None = None,
        scheme: Scheme = "cavage",
        knock_again: bool = True,
    ) -> Outcome:
        """Deliver `body`, signed now; whatever goes wrong on the way is an Outcome. Never follows a redirect.

        On 400 or 401 it knocks once more with the other signature scheme, and speaks of that only if it was let in.
        """
        outcome = await self._knock_twice(inbox, body, signer, digest, scheme, knock_again)
        self._count("post", outcome.error or f"{(outcome.status or 0) // 100}xx")
        return outcome

    async def _knock_twice(
        self, inbox: str, body: bytes, signer: Signer, digest: str | None, scheme: Scheme, again: bool
    ) -> Outcome:
        outcome = await self._knock(inbox, body, signer, digest, scheme)
        if again and outcome.status in (400, 401):
            second = await self._knock(inbox, body, signer, digest, OTHER_SCHEME[scheme])
            # Lemmy answers 400 to what it has already: only success says that the other scheme was the reason.
            return second if second.delivered else outcome
        return outcome

    async def _knock(self, inbox: str, body: bytes, signer: Signer, digest: str | None, scheme: Scheme) -> Outcome:
        deadline = asyncio.get_running_loop().time() + self._limits.total
        try:
            url = self._policy.admit(inbox)
            if self._gate is not None and await self._gate.bars(authority(url), exactly=False):
                return Outcome(None, "refused", None, scheme)
            signed = await self._signed(signer, "POST", url, body=body, digest=digest, scheme=scheme)
            headers = {**self._headers(KINDS["activity"]), "Content-Type": "application/activity+json", **signed}
            async with self._transport.exchange("POST", url, headers, body=body, deadline=deadline) as response:
                status, wait = response.status, answers.retry_after(response.headers, now=self._clock())
                await self._drain(response)
        except Unanswered as silence:
            return Outcome(None, silence.why, None, scheme)
        except (Refused, Malformed):
            return Outcome(None, "refused", None, scheme)
        return Outcome(status, None, wait, scheme)

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        """Read a short answer to its end, so that its connection serves again; its words are nobody's business."""
        taken = 0
        # The status has arrived, and stands whatever becomes of the rest.
        with suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(self._limits.drained_within):
                while taken < self._limits.drained and not response.content.at_eof():
                    taken += len(await response.content.readany())

    # One fetch, however many wait for it

    async def _board(self, url: str, budget: Budget, accept: str, within_origin: bool) -> Fetched:
        key = (url, accept, within_origin)
        while True:
            flight, mine = self._flights.get(key), False
            if flight is None:
                flight, mine = asyncio.create_task(self._fly(url, budget, accept, within_origin)), True
                self._flights[key] = flight
                flight.add_done_callback(partial(self._landed, key))
            try:
                return await asyncio.shield(flight)
            except Exhausted:
                # It was another's budget that ended on the way: ours may reach further.
                if mine:
                    raise
            except asyncio.CancelledError:
                if flight.cancelled() and not _is_cancelled():
                    raise Unreachable(answers.UNREACHABLE) from None  # the client was closed
                raise

    def _landed(self, key: tuple[str, str, bool], flight: asyncio.Task[Fetched]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # counts as seen, also when all who waited for it have gone

    async def _fly(self, url: str, budget: Budget, accept: str, within_origin: bool) -> Fetched:
        try:
            found = await self._follow(url, budget, KINDS[accept], within_origin)
            self._count("fetch", "ok")
            return found
        except FederationError as failure:
            self._count("fetch", type(failure).__name__.lower())
            await self._failures.remember(_question(url, accept, within_origin), failure)
            raise

    def _count(self, what: str, outcome: str) -> None:
        if self.measure is not None:
            self.measure(what, outcome)

    async def _follow(
        self, url: str, budget: Budget, kind: Kind, within_origin: bool, *, etag: str | None = None
    ) -> Fetched:
        start, deadline = url, asyncio.get_running_loop().time() + self._limits.total
        for _ in range(1 + self._limits.redirects):
            # Each hop: what is allowed may lead to what is not (AUT-43).
            if self._gate is not None and await self._gate.bars(authority(url), exactly=True):
                raise Blocked(BLOCKED)
            budget.spend(url, self._clock())
            # Signed anew for every hop: what was signed for one host is of no use to the next.
            headers = self._headers(kind) | ({"If-None-Match": etag} if etag else {})
            if kind.signed:
                headers |= await self._signed(await self._signer_for(), "GET", url)
            async with self._transport.exchange("GET", url, headers, deadline=deadline) as response:
                if response.status == 304 and etag:
                    raise _Unchanged
                if response.status not in REDIRECTS:
                    return await self._read(url, response, kind)
                target = response.headers.getall("Location", [])
            if len(target) != 1:
                raise Malformed(answers.ODD)
            url = self._policy.admit(_join(url, target[0]))
            if within_origin and not same_origin(start, url):
                raise Refused(REFUSAL)
        raise Refused(REFUSAL)

    async def _read(self, url: str, response: aiohttp.ClientResponse, kind: Kind) -> Fetched:
        answers.check_status(
            response.status,
            response.headers,
            now=self._clock(),
            pause=int(self._limits.failed_for.total_seconds()),
        )
        answers.check_kind(kind, response.headers)
        body = await answers.read_body(response, self._limits.body)
        document = {} if kind in (KINDS["page"], KINDS["list"]) else await answers.read_json(body)
        return Fetched(url, document, body, response.headers)

    def _headers(self, kind: Kind) -> dict[str, str]:
        return {"Accept": kind.accept, "Accept-Encoding": "gzip", "User-Agent": self._user_agent}

    async def _signed(
        self,
        signer: Signer,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        digest: str | None = None,
        scheme: Scheme = "cavage",
    ) -> dict[str, str]:
        work = partial(sign, signer, method, url, body=body, digest=digest, now=self._clock(), scheme=scheme)
        if self._signing is None:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._signing, work)

    def _id_of(self, found: Fetched) -> str:
        name = found.document.get("id")
        if not isinstance(name, str):
            raise Malformed(WRONG_ID)
        return canonical(name, development=self._development)


def _question(url: str, accept: str, within_origin: bool) -> str:
    """What a failure is remembered under: the URL, and for all but the usual question the question.

    Else one could ask for somebody's actor as NodeInfo, by a link, and so make it unreadable as an actor.
    """
    if accept == "activity" and not within_origin:
        return url
    return f"{url}#{accept}{'-within-origin' if within_origin else ''}"


def _join(base: str, target: str) -> str:
    try:
        return urljoin(base, target)
    except ValueError:
        raise Malformed(answers.ODD) from None


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
