"""Nodes of ours as processes of their own, to be killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from node.app import Parts, opened
from node.settings import Settings

ROOT = Path(__file__).parents[2]
READY = "ready"
SECONDS = 120.0  # a start takes one second of work, and twenty and more where others want the processor
# A node keeps its port through every restart: one that the kernel lends to connections may be taken in between.
BELOW_THE_PASSING_ONES = range(20_000, 32_000)


def free_port() -> int:
    """A loopback port that nobody listens on now, and that no connection out of this machine will be given."""
    for port in random.sample(BELOW_THE_PASSING_ONES, 100):
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass
class Installation:
    """A node on disk: its settings, and the processes that were started on it."""

    settings: Settings
    running: list[asyncio.subprocess.Process] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # by all of them, with the number of the process
    failpoint: str = ""  # for those that are started from now on
    _reading: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def make(cls, data: Path, database_url: str, *peers: str) -> Installation:
        """A development node at a free loopback port that may reach exactly these peers."""
        origin = f"http://127.0.0.1:{free_port()}"
        return cls(
            Settings(
                origin=origin,
                data=data,
                database_url=database_url,
                listen=origin.removeprefix("http://"),
                development=True,
                dev_peers=frozenset(peers),
                log_level="info",
            )
        )

    @property
    def origin(self) -> str:
        return self.settings.origin

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[Parts]:
        """The node opened in this process too, without doors or worker."""
        async with opened(self.settings, migrate=False) as parts:
            yield parts

    async def start(self, *command: str, module: str = "node") -> asyncio.subprocess.Process:
        """A process of the node, once it says that it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *command,
            cwd=ROOT,
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self.running.append(process)
        assert process.stdout is not None
        said = []
        async with asyncio.timeout(SECONDS):
            while line := await process.stdout.readline():
                said.append(line.decode())
                if READY in line.decode():
                    # Read on: a process whose words nobody takes stands still once the pipe is full.
                    reading = asyncio.create_task(self._listen(process))
                    self._reading.add(reading)
                    reading.add_done_callback(self._reading.discard)
                    return process
        self.running.remove(process)
        await process.wait()
        self.said += said
        raise AssertionError(f"{command} did not start:\n{''.join(said)}")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self.said.append(f"{process.pid} {line.decode(errors='replace')}")

    async def run(self, *command: str) -> str:
        """A command to its end; answers what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "node",
            *command,
            cwd=ROOT,
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
        self.said.append(said.decode(errors="replace"))
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """kill -9."""
        with suppress(ProcessLookupError):  # it ended by itself
            process.send_signal(signal.SIGKILL)
        await process.wait()
        self.running.remove(process)

    async def stop(self) -> None:
        """SIGTERM for all that run, and their ends."""
        for process in list(self.running):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SECONDS):
                await process.wait()
            self.running.remove(process)

    async def clean_up(self) -> None:
        for process in list(self.running):
            await self.kill(process)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FOLKMOOT_")}
        settings = self.settings
        return (
            kept
            | {
                "PYTHONUNBUFFERED": "1",
                "FOLKMOOT_ORIGIN": settings.origin,
                "FOLKMOOT_DATA": str(settings.data),
                "FOLKMOOT_DATABASE_URL": settings.database_url,
                "FOLKMOOT_LISTEN": settings.listen,
                "FOLKMOOT_DEVELOPMENT": "true",
                "FOLKMOOT_DEV_PEERS": ",".join(sorted(settings.dev_peers)),
                "FOLKMOOT_METRICS_LISTEN": settings.metrics_listen,
            }
            | ({"FOLKMOOT_FAILPOINT": self.failpoint} if self.failpoint else {})
        )
