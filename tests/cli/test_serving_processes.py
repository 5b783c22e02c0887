"""Real processes: ready, graceful stop, kill -9 and start again, commands beside a server, the two ways to try."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from tests.equipment.processes import Installation, free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """A node on SQLite in a folder of its own."""
    return Installation.make(tmp_path / "node", "")


async def status_of(url: str) -> int:
    """What a browser gets there."""

    def ask() -> int:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    return await asyncio.to_thread(ask)


async def test_a_server_says_when_it_is_ready_and_stops_gracefully(installation: Installation) -> None:
    process = await installation.start("serve")
    assert await status_of(f"{installation.origin}/") == 200
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def test_a_killed_server_starts_again_with_all_that_was_said(installation: Installation) -> None:
    process = await installation.start("serve")
    await installation.run("person", "create", "ana")
    await installation.run("group", "create", "garden", "--creator", "ana")
    said = await installation.run(
        "thread", "start", "garden", "--author", "ana", "--title", "Beans", "--text", "Where?", "--json"
    )
    page = json.loads(said)["page"]
    assert await status_of(page) == 200  # a command beside the server just works
    await installation.kill(process)
    again = await installation.start("serve")
    assert await status_of(page) == 200
    await installation.kill(again)


async def test_the_web_and_a_worker_run_apart(installation: Installation) -> None:
    web = await installation.start("web")
    worker = await installation.start("worker")
    assert await status_of(f"{installation.origin}/") == 200
    for process in (web, worker):
        process.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        assert [await process.wait() for process in (web, worker)] == [0, 0]


async def test_a_worker_is_watched_on_an_address_of_its_own(installation: Installation) -> None:
    own = f"127.0.0.1:{free_port()}"
    installation.settings = replace(installation.settings, metrics_listen=own)
    worker = await installation.start("worker")
    for path in ("livez", "readyz", "metrics"):
        assert await status_of(f"http://{own}/{path}") == 200
    await installation.kill(worker)


async def test_a_port_in_use_is_one_line_and_status_1(installation: Installation) -> None:
    process = await installation.start("serve")
    other = Installation(installation.settings)
    with pytest.raises(AssertionError, match="cannot listen on") as refused:
        await other.run("serve")
    assert "Traceback" not in str(refused.value)
    await installation.kill(process)


async def test_a_sqlite_node_loads_no_postgresql_driver(installation: Installation) -> None:
    code = (
        "import sys; from node.cli import folkmoot\n"
        "folkmoot.main(['group', 'list'], standalone_mode=False)\n"
        "assert 'psycopg' not in sys.modules and 'nothing' not in sys.modules\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, env=installation._environment(), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def test_help_reads_neither_the_web_nor_the_database() -> None:
    code = (
        "import sys; from node.cli import folkmoot\n"
        "try: folkmoot.main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'aiohttp', 'sqlalchemy'} & sys.modules.keys()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def test_the_demonstration_runs_through(installation: Installation) -> None:
    said = await installation.run("demo", "--no-wait")
    assert "7. Ben likes" in said and "/g/garden/" in said


async def test_run_furnishes_a_node_once(installation: Installation, tmp_path: Path) -> None:
    trial = Installation(installation.settings)
    arguments = ("run", "--port", str(free_port()), "--data", str(tmp_path / "trial"))
    environment = {name: value for name, value in trial._environment().items() if not name.startswith("FOLKMOOT_")}
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node", *arguments, "--json", cwd=ROOT, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        said = b""
        async with asyncio.timeout(60):
            while not said.rstrip().endswith(b"\n}"):
                line = await process.stdout.readline()
                assert line, said.decode()
                said += line
        places = json.loads(said)["places"]
        assert await status_of(places["its latest thread"]) == 200
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await process.wait()
    assert (tmp_path / "trial" / "folkmoot.toml").stat().st_mode & 0o777 == 0o600
