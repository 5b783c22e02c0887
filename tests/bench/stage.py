"""The stage: prepared databases on both engines, the node's own processes on them, and a client beside them."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from node.app import Parts, opened
from node.fediverse.keys import make_rsa
from node.settings import Settings
from tests.bench import world as worlds
from tests.bench.figures import middle, ratio
from tests.bench.world import World
from tests.equipment.postgres import Postgres
from tests.equipment.processes import ROOT, Installation, free_port

ENGINES = ("sqlite", "postgresql")
CORES = sorted(os.sched_getaffinity(0))
# As an admin would have it: what was answered with 202 is on the disk.
POSTGRES = """
max_connections = 100
shared_buffers = 128MB
"""

Prepare = Callable[[Parts], Awaitable[Any]]


@dataclass(frozen=True)
class Answered:
    """What the client says of a run."""

    rate: float
    p50: float  # milliseconds
    p99: float
    statuses: dict[str, int]
    bytes: int
    answered: int
    cpu: float = 0.0  # microseconds of the server's processor for each request

    @property
    def rate_of_a_core(self) -> float:
        """How many a second one free core would answer: other work on the machine does not change it."""
        return 1e6 / self.cpu


def share(runs: list[Answered], limits: list[Answered]) -> float:
    """What a core does of these, as a part of what it does of those; run by run, and the middle one."""
    return ratio([run.rate_of_a_core for run in runs], [run.rate_of_a_core for run in limits])


def by_core(runs: list[Answered], limits: list[Answered]) -> str:
    """The same in words, with the ratio of what was answered while client and server shared the machine."""
    ours, bare = middle([run.cpu for run in runs]), middle([run.cpu for run in limits])
    rates = [run.rate for run in runs], [run.rate for run in limits]
    return (
        f"{ours:.0f} us of the processor each, the empty handler {bare:.0f}; "
        f"{ratio(*rates):.2f} of its {middle(rates[1]):,.0f}/s here and now"
    )


@dataclass
class Stage:
    """What the rows of one run share."""

    folder: Path
    quick: bool
    stack: AsyncExitStack
    private: rsa.RSAPrivateKey = field(default_factory=make_rsa)
    port: int = field(default_factory=free_port)
    sink_port: int = field(default_factory=free_port)
    _postgres: Postgres | None = None
    _worlds: dict[str, World] = field(default_factory=dict)
    _made: int = 0

    @property
    def runs(self) -> int:
        """How often each thing is measured; the middle one counts."""
        return 3 if self.quick else 5

    @property
    def seconds(self) -> float:
        """How long a run is."""
        return 0.7 if self.quick else 2.0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def peers(self, hosts: int) -> frozenset[str]:
        """The addresses that the node may write to."""
        return frozenset(f"{worlds.address_of(number)}:{self.sink_port}" for number in range(hosts))

    # -------------------------------------------------------------- databases

    def postgres(self) -> Postgres:
        """The run's own server, durable as an admin's would be."""
        if self._postgres is None:
            self._postgres = self.stack.enter_context(Postgres(POSTGRES))
        return self._postgres

    def raw_postgres(self) -> str:
        """An empty database."""
        return self.postgres().database()

    async def node(self, engine: str, *, hosts: int = 0) -> tuple[Installation, World]:
        """A node with a copy of the world on that engine."""
        if engine not in self._worlds:
            self._worlds[engine] = await self._make(engine)
        url = self.postgres().database(like="world") if engine == "postgresql" else self._copy()
        return Installation(self._settings(url, hosts)), self._worlds[engine]

    def _copy(self) -> str:
        self._made += 1
        file = self.folder / f"node{self._made}.sqlite3"
        shutil.copyfile(self.folder / "world.sqlite3", file)
        return f"sqlite:///{file}"

    def _settings(self, url: str, hosts: int) -> Settings:
        return Settings(
            origin=self.origin,
            data=self.folder / "data",
            database_url=url,
            listen=f"127.0.0.1:{self.port}",
            development=True,
            dev_peers=self.peers(hosts),
        )

    async def _make(self, engine: str) -> World:
        if engine == "sqlite":
            return await self._fill(f"sqlite:///{self.folder / 'world.sqlite3'}")
        url = self.postgres().database()
        world = await self._fill(url)
        self.postgres().keep(url, "world")
        return world

    async def _fill(self, url: str) -> World:
        async with opened(self._settings(url, 0), migrate=True) as parts:
            return await worlds.make(parts, self.private)

    # -------------------------------------------------------------- processes

    @asynccontextmanager
    async def running(self, installation: Installation, *command: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A process of the node's."""
        process = await installation.start(*command)
        try:
            yield process
        finally:
            await installation.kill(process)

    @asynccontextmanager
    async def beside(self, module: str, *given: object) -> AsyncIterator[asyncio.subprocess.Process]:
        """A process of the bench's own."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"tests.bench.{module}", *map(str, given), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            await process.stdout.readline()
            yield process
        finally:
            process.kill()
            await process.wait()

    async def ask(
        self,
        server: asyncio.subprocess.Process,
        port: int,
        requests: list[bytes],
        *,
        connections: int = 32,
        once: bool = False,
        seconds: float | None = None,
    ) -> Answered:
        """Has the client ask, and says what came of it."""
        file = self.folder / "requests"
        file.write_bytes(pickle.dumps(requests))
        before = cpu_of(server.pid)
        given = ["--connections", str(connections), "--seconds", str(seconds or self.seconds), "--warm", "0.2"]
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.load", str(port), str(file), *given, *(["--once"] if once else []),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await client.communicate()
        if client.returncode:
            raise RuntimeError("the client failed")
        answered = Answered(**json.loads(said))
        # What was asked while warming up was not counted, and took time of the server's all the same.
        whole = answered.answered + 0.2 * answered.rate
        return replace(answered, cpu=(cpu_of(server.pid) - before) / whole * 1e6)


@asynccontextmanager
async def staged(folder: Path, *, quick: bool) -> AsyncIterator[Stage]:
    """A stage, cleared away at the end."""
    async with AsyncExitStack() as stack:
        (folder / "data").mkdir()
        yield Stage(folder, quick, stack)


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has had, with all of its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_of(pid: int) -> float:
    """MB of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the process is gone")


def pin(pid: int, *cores: int) -> None:
    """Has a process and all of its threads on these cores alone."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)
