"""Running a node: serve, web, worker, and the two ways to try one."""

import asyncio
import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from node import demo as demonstration
from node import logs, serving
from node.app import Parts
from node.cli.console import Console, Trouble, must_be_migrated, verb
from node.cli.setup import write_settings
from node.forum import accounts
from node.settings import Settings, load

LISTEN = click.option("--listen", help="Address and port to serve on; else as the settings say.")
PORT = click.option("--port", type=click.IntRange(0, 65535), help="Port to serve on; 0 takes any that is free.")


def run_to_end(what: Coroutine[Any, Any, None]) -> None:
    """Runs it on uvloop where that is installed, which halves the cost of the network."""
    fast = importlib.util.find_spec("uvloop")
    factory = importlib.import_module("uvloop").new_event_loop if fast is not None else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(what)


def _served(console: Console, listen: str | None, port: int | None) -> Settings:
    chosen = console.settings(**({"listen": listen} if listen else {}))
    if port is not None:
        chosen = console.settings(listen=f"{chosen.listen.rpartition(':')[0]}:{port}")
    logs.set_up(chosen.log_level, chosen.log_format)
    must_be_migrated(chosen)
    return chosen


@verb(name="serve")
@LISTEN
@PORT
def serve(console: Console, listen: str | None, port: int | None) -> None:
    """Serve: web and worker in one process. Stops on SIGTERM or Ctrl-C when all that was begun is done.

    \b
    Examples:
      folkmoot serve
      folkmoot serve --listen 127.0.0.1:4100
    """
    chosen = _served(console, listen, port)
    run_to_end(serving.serve(chosen, doors=True, worker=True, ready=_ready(console, "ready", invite=True)))


@verb(name="web")
@LISTEN
@PORT
def web(console: Console, listen: str | None, port: int | None) -> None:
    """Serve the web alone, beside any number of others and of workers. For PostgreSQL.

    \b
    Example:
      folkmoot web --port 8081
    """
    chosen = _served(console, listen, port)
    run_to_end(serving.serve(chosen, doors=True, worker=False, ready=_ready(console, "ready, without worker")))


@verb(name="worker")
@click.option("--until-idle", is_flag=True, help="Do what is due now, and end.")
def worker(console: Console, until_idle: bool) -> None:
    """Read letters and send deliveries, beside any number of other workers.

    \b
    Examples:
      folkmoot worker
      folkmoot worker --until-idle
    """
    if until_idle:
        console.act(lambda parts: parts.worker.until_idle())
        console.answer({"idle": True}, "Nothing is due any more.")
        return
    chosen = _served(console, None, None)
    run_to_end(serving.serve(chosen, doors=False, worker=True, ready=_ready(console, "worker ready")))


def _ready(console: Console, words: str, *, invite: bool = False) -> serving.Ready:
    async def say(parts: Parts, address: str) -> None:
        link = await first_link(parts) if invite else None
        origin = parts.node.settings.origin
        where = f": {origin} on {address}" if address else f": {origin}"
        told = {"ready": True, "origin": origin, "listen": address}
        console.answer(told | ({"welcome": link} if link else {}), [f"{words}{where}", *_invitation(link)])
        sys.stdout.flush()

    return say


async def first_link(parts: Parts) -> str | None:
    """Where somebody becomes the admin of a node that has none; made anew at every start until then."""
    secret = await parts.node.storage.write(accounts.link_for_first_admin)
    return f"{parts.node.settings.origin}/welcome/{secret}" if secret is not None else None


def _invitation(link: str | None) -> list[str]:
    if link is None:
        return []
    return [
        "This node has no admin yet. Whoever opens this link first becomes one; it works once, for seven days:",
        f"  {link}",
    ]


# ------------------------------------------------------------------ to try it


@verb(name="run")
@click.option("--port", type=click.IntRange(1, 65535), help="Port on this machine (8080).")
@click.option("--data", type=click.Path(path_type=Path), default=Path("var"), help="Folder of the node (var).")
@click.option("--peer", "peers", multiple=True, help="Loopback host:port of another server; may be said often.")
def run(console: Console, port: int | None, data: Path, peers: tuple[str, ...]) -> None:
    """Try Folkmoot: a node on this machine, with a group and a thread to look at. Run again, it goes on.

    \b
    Examples:
      folkmoot run
      folkmoot run --port 4100 --data other --peer 127.0.0.1:4101
    """
    origin = f"http://127.0.0.1:{port or 8080}"
    file = data / "folkmoot.toml"
    if not file.exists():
        values = {"origin": origin, "name": "Folkmoot here", "data": str(data.absolute()), "development": True}
        write_settings(file, values | {"listen": f"127.0.0.1:{port or 8080}", "dev_peers": list(peers)})
    # What the environment says counts too, but this node is the one on this machine.
    given: dict[str, Any] = {"dev_peers": peers} if peers else {}
    chosen = load(file=file, development=True, **given)
    if port is not None and chosen.origin != origin:
        raise Trouble(f"the node in {data} is {chosen.origin}, for good; give another one its own --data")
    logs.set_up(chosen.log_level, chosen.log_format)
    must_be_migrated(chosen)

    async def say(parts: Parts, _address: str) -> None:
        places = await demonstration.furnish(parts)
        link = await first_link(parts)
        console.answer(
            {"ready": True, "origin": chosen.origin, "config": file, "places": places}
            | ({"welcome": link} if link else {}),
            [
                f"A node is ready: {chosen.origin}/",
                *(f"  {what}: {url}" for what, url in places.items()),
                *_invitation(link),
                f"Other commands for it: folkmoot --config {file} thread list",
                "Ctrl-C stops it; what is in it stays.",
            ],
        )
        sys.stdout.flush()

    run_to_end(serving.serve(chosen, doors=True, worker=True, ready=say))


@verb(name="demo")
@click.option("--no-wait", is_flag=True, help="End after the last step, for tests.")
def demo(console: Console, no_wait: bool) -> None:
    """Watch two nodes talk to each other, on this machine, in a temporary folder. Ctrl-C ends it.

    \b
    Example:
      folkmoot demo
    """
    logs.set_up("warning", "text")
    said: list[str] = []

    def say(words: str) -> None:
        said.append(words)
        if not console.as_json:
            click.echo(words)

    with tempfile.TemporaryDirectory(prefix="folkmoot-demo-") as folder:
        try:
            run_to_end(demonstration.show(Path(folder), say, wait=not no_wait))
        except demonstration.NothingCame as error:
            raise Trouble(str(error)) from error
    if console.as_json:
        console.answer(said, "")
