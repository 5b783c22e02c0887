"""A Fedify peer in a process of its own, for tests that need another implementation on the other side.

async with FedifyPeer(first_knock="cavage") as peer:
    await peer.call("/follow", actor=group_uri)
    received = await peer.get("/received")
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp

from tests.equipment.tools import missing

FOLDER = Path(__file__).parents[1] / "peers" / "fedify"
MODULES = FOLDER / "node_modules"
HOW_TO = "run: npm ci --prefix tests/peers/fedify"
START_SECONDS = 90.0


class PeerFailed(Exception):
    """The peer did not start, or refused a call."""


class FedifyPeer:
    """A Person (`alice`) and a Group (`club`) on a free loopback port, as a context manager of either kind.

    Its `origin` is plain http on 127.0.0.1; it fetches from and delivers to loopback only.
    """

    def __init__(
        self,
        ports: tuple[int, int] | None = None,
        *,
        first_knock: Literal["rfc9421", "cavage"] = "rfc9421",
        keys: str = "rsa,ed25519",
        ld: bool = True,
        hold_follows: bool = False,
        options: tuple[str, ...] = (),
    ) -> None:
        self._ports = ports
        self._options = [f"--first-knock={first_knock}", f"--keys={keys}", f"--ld={'on' if ld else 'off'}", *options]
        self._options += ["--hold-follows"] if hold_follows else []
        self.log: deque[str] = deque(maxlen=500)
        self.origin = self.control = ""
        self._process: subprocess.Popen[str] | None = None

    @property
    def user(self) -> str:
        return f"{self.origin}/users/alice"

    @property
    def group(self) -> str:
        return f"{self.origin}/users/club"

    @property
    def authority(self) -> str:
        return self.origin.removeprefix("http://")

    async def call(self, path: str, /, **parameters: Any) -> Any:
        """Have the peer do something (the routes of peer.mjs); it answers when the deliveries have been tried."""
        return await self._ask("POST", path, json=parameters)

    async def get(self, path: str, /, **query: Any) -> Any:
        """Read the peer's state or logs: /state, /received, /refused, /inbound, /outbound."""
        return await self._ask("GET", path, params=query)

    async def _ask(self, method: str, path: str, **what: Any) -> Any:
        # A session for each call, so that one peer serves tests on different event loops.
        async with aiohttp.ClientSession() as session, session.request(method, self.control + path, **what) as response:
            answer = await response.json()
            if response.status != 200:
                raise PeerFailed(f"{path}: {answer}")
            return answer

    async def __aenter__(self) -> Self:
        # Skipping must happen here and not in a thread; starting must not hold up the loop of a node in this process.
        node, _ = node_22(), installed()
        await asyncio.to_thread(self._start, node)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._stop)

    def __enter__(self) -> Self:
        node, _ = node_22(), installed()
        self._start(node)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self, node: Path) -> None:
        for ports in [self._ports] if self._ports else [free_ports() for _ in range(3)]:
            self.origin, self.control = (f"http://127.0.0.1:{port}" for port in ports)
            command = [str(node), "peer.mjs", f"--origin={self.origin}", f"--control=127.0.0.1:{ports[1]}"]
            self._process = subprocess.Popen(
                [*command, "--until-eof", *self._options],
                cwd=FOLDER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            ready = threading.Event()
            self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
            self._reader.start()
            ready.wait(START_SECONDS)
            if any("fedify-peer ready" in line for line in self.log):
                return
            self._stop()
            if not any("EADDRINUSE" in line for line in self.log):
                break
        raise PeerFailed("the Fedify peer did not start:\n" + "\n".join(self.log))

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        """Keep what it says: who does not read a pipe stops the one who writes it."""
        assert process.stdout
        for line in process.stdout:
            self.log.append(line.rstrip())
            if "fedify-peer ready" in line:
                ready.set()
        ready.set()

    def _stop(self) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        for how in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, how)
            try:
                process.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(5)
        assert process.stdin and process.stdout
        process.stdin.close()
        process.stdout.close()


def free_ports() -> tuple[int, int]:
    """Two loopback ports that nobody listens on at this moment."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def installed() -> Path:
    """Fedify's folder; without it the test is skipped."""
    fedify = MODULES / "@fedify" / "fedify"
    return fedify if fedify.is_dir() else missing(f"Fedify is not installed: {HOW_TO}")


@cache
def node_22() -> Path:
    """The first Node of version 22 or later that there is; without one the test is skipped."""
    for candidate in _nodes():
        if _major(candidate) >= 22:
            return candidate
    missing(f"Fedify needs Node 22 or later (or name one in FOLKMOOT_NODE): {HOW_TO}")


def _nodes() -> Iterator[Path]:
    if named := os.environ.get("FOLKMOOT_NODE"):
        yield Path(named)
    yield MODULES / ".bin" / "node"
    if on_path := shutil.which("node"):
        yield Path(on_path)


def _major(node: Path) -> int:
    """The version of a Node, or 0 where it does not run."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return int(said.removeprefix("v").partition(".")[0])
