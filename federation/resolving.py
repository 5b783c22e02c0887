"""Where the node may dial: which hosts, which ports, and the address that was checked is the one that is dialled."""

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from federation.addresses import authority, canonical, is_public_address, require_public, without_fragment
from federation.errors import Refused

# Every refusal reads the same: what lies inside a network is not told by the wording of an answer.
REFUSAL = "We do not connect to that address."

# A name with hundreds of addresses is an attack or a mistake; we dial no more than these.
MOST_DIALLED = 8
# Lookups that hang (10 s with the usual settings) outlive the 5 s that we wait for them; strangers make 32 at a time.
LOOKUP_THREADS = 48


@dataclass(frozen=True)
class Answer:
    """An address of a host: the one it claims, which the policy judges, and where it is dialled."""

    claimed_ip: str
    dial_ip: str
    dial_port: int


class Resolver(Protocol):
    """Finds the addresses of a host name; raises OSError when there are none."""

    async def resolve(self, host: str, port: int) -> list[Answer]: ...


class SystemResolver:
    """The resolver of the operating system, in threads of its own: a hanging lookup must not hold up other work."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")

    async def resolve(self, host: str, port: int) -> list[Answer]:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
        return [Answer(ip, ip, port) for ip in dict.fromkeys(found)]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Policy:
    """Where this node may connect to. There is no switch that turns it off."""

    def __init__(self, origin: str, *, development: bool = False, dev_peers: frozenset[str] = frozenset()) -> None:
        self._origin = origin
        self._development = development
        # Loopback addresses, each with its port, that count as other nodes on a developer's machine.
        self._dev_peers = dev_peers if development else frozenset()

    def admit(self, url: str) -> str:
        """The canonical form of a URL that may be asked, without its fragment; raises Malformed or Refused.

        It looks nothing up: what a name leads to is judged by CheckedResolver when it is dialled.
        """
        url = without_fragment(canonical(url, development=self._development))
        if self._is_own(url):
            raise Refused(REFUSAL)
        host = urlsplit(url).hostname or ""
        if _is_literal(host):
            # No server of the fediverse is known by a bare address, not even a public one; and one of them is ours.
            if authority(url) not in self._dev_peers or not ipaddress.ip_address(host).is_loopback:
                raise Refused(REFUSAL)
            return url
        try:
            # In development any port and http will do; which names lead inside is the same everywhere.
            require_public(f"https://{host}/" if self._development else url)
        except Refused:
            raise Refused(REFUSAL) from None
        return url

    def _is_own(self, url: str) -> bool:
        """Our own documents are read from the database, never fetched from ourselves."""
        if self._development:
            return authority(url) == authority(self._origin)
        return urlsplit(url).hostname == urlsplit(self._origin).hostname


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class CheckedResolver(AbstractResolver):
    """Hands aiohttp only addresses that were judged: there is no second lookup that could answer otherwise."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        answers = await self._resolver.resolve(host.rstrip("."), port)
        if not answers:
            raise OSError(socket.EAI_NONAME, "no address")
        # One inner address among public ones is how a name is rebound: then none of them is dialled.
        if not all(is_public_address(answer.claimed_ip) for answer in answers):
            raise Refused(REFUSAL)
        return [
            {
                "hostname": host,
                "host": answer.dial_ip,
                "port": answer.dial_port,
                "family": socket.AF_INET6 if ":" in answer.dial_ip else socket.AF_INET,
                "proto": socket.IPPROTO_TCP,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for answer in answers[:MOST_DIALLED]
        ]

    async def close(self) -> None:
        """Nothing to give back: the lookups belong to the resolver behind this one."""
