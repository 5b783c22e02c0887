"""A small internet on loopback: names with public addresses, each answered by a server on 127.0.0.1."""

from __future__ import annotations

import itertools
import socket
from typing import Protocol

from federation.resolving import Answer

# Bound to nothing: the kernel refuses a connection here at once.
DEAD_PORT = 1


class Site(Protocol):
    """A server that speaks plain HTTP on one loopback port and TLS on another."""

    port: int
    tls_port: int


class LoopbackNet:
    """A resolver that claims a public address for each known host and dials that host's server on loopback."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self._claims: dict[str, list[str]] = {}
        self._sites: dict[str, Site | int] = {}
        self._fresh = itertools.count(1)

    def add(self, host: str, site: Site | int, *claimed: str) -> str:
        """Let `host` be found: at the addresses claimed, or at one public address of its own. Answers the first.

        A bare number is a loopback port that takes whatever is dialled. Adding a host again moves it (DNS rebinding).
        """
        if not claimed:
            number = next(self._fresh)
            claimed = (f"93.184.{number // 250}.{number % 250 + 1}",)
        self._claims[host.lower()] = list(claimed)
        self._sites[host.lower()] = site
        return claimed[0]

    def unplug(self, host: str) -> None:
        """Keep the name, but refuse every connection to it."""
        self._sites[host.lower()] = DEAD_PORT

    def forget(self, host: str) -> None:
        """Let the name no longer resolve."""
        del self._claims[host.lower()], self._sites[host.lower()]

    async def resolve(self, host: str, port: int) -> list[Answer]:
        """What DNS would say of the host, raising what a failed look-up raises."""
        self.asked.append((host, port))
        name = host.lower().removesuffix(".")
        if name not in self._claims:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        site = self._sites[name]
        dial_port = site if isinstance(site, int) else site.tls_port if port == 443 else site.port
        return [Answer(claimed_ip=ip, dial_ip="127.0.0.1", dial_port=dial_port) for ip in self._claims[name]]
