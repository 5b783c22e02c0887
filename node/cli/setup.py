"""Setting a node up: init, config, migrate."""

import dataclasses
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from node import settings
from node.cli.console import HERE, Console, Trouble, must_be_migrated, verb
from node.fediverse.keys import load_secret
from node.settings import SECRET_SETTINGS, Settings
from storage.work import Storage


@verb(name="init")
@click.option("--origin", help="Public address of the node, such as https://moot.example. It can never change.")
@click.option("--name", help="Name of the node, shown on every page.")
@click.option("--contact", help="E-mail address or page of whoever runs the node.")
@click.option("--language", help="Language of the node's own pages.", default=None)
@click.option("--data", type=click.Path(path_type=Path), help="Folder for database, secret and media (var).")
@click.option("--listen", help="Address and port to serve on (127.0.0.1:8080).")
@click.option("--database-url", help="postgresql://… instead of SQLite in the data folder.")
@click.option("--development", is_flag=True, help="Allow http and peers on this machine. Never for a public node.")
@click.option("--dev-peers", help="With --development: loopback host:port of other servers, with commas.")
def init(console: Console, **given: Any) -> None:
    """Set up a node: writes folkmoot.toml, makes the secret and the tables.

    Asks for what was not said. The file may hold a password and is readable by you alone (mode 0600).

    \b
    Examples:
      folkmoot init --origin https://moot.example --name "Mill Lane"
      folkmoot init --origin http://127.0.0.1:4100 --listen 127.0.0.1:4100 --development
    """
    file = console.config or HERE
    if file.exists():
        raise Trouble(f"{file} is there already: edit it, or take it away first")
    asking = sys.stdin.isatty()
    if not given["origin"] and asking:
        given["origin"] = click.prompt("Public address of the node (can never change)", default="https://moot.example")
    if not given["name"] and asking:
        given["name"] = click.prompt("Name of the node", default="Folkmoot")
    chosen = {key: value for key, value in given.items() if value}
    chosen["data"] = str(Path(chosen.get("data") or "var").absolute())  # the same from wherever it is run
    if "dev_peers" in chosen:
        chosen["dev_peers"] = [peer.strip() for peer in chosen["dev_peers"].split(",") if peer.strip()]
    made = settings.load(**chosen)  # refused before anything is written
    made.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold private threads and sealed keys
    write_settings(file, chosen | {"origin": made.origin})
    load_secret(made)
    steps = migrate_now(made)
    console.answer(
        {"config": file, "origin": made.origin, "data": made.data, "migrations": steps},
        [
            f"Wrote {file}, the secret in {made.data}, and the tables.",
            f"Keep {made.data} and {file} in your backup: without the secret nobody here can be signed for.",
            "Next:",
            f"  {_with(file)} serve",
            "It prints a link, with which you become the admin of the node and make the first group.",
        ],
    )


def write_settings(file: Path, values: dict[str, Any]) -> None:
    """The settings file, with a line on every setting, readable by its owner alone."""
    lines = ["# Settings of a Folkmoot node; FOLKMOOT_* variables go before them. Try: folkmoot config check", ""]
    for setting in dataclasses.fields(Settings):
        lines.append(f"# {setting.metadata['says']}")
        if setting.name in values:
            lines.append(f"{setting.name} = {json.dumps(values[setting.name], ensure_ascii=False)}")
        else:
            lines.append(f"#{setting.name} = {json.dumps(_as_toml(getattr(_DEFAULTS, setting.name)))}")
        lines.append("")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write("\n".join(lines))
    except OSError as error:
        raise Trouble(f"cannot write {file}: {error.strerror}") from None


_DEFAULTS = Settings(origin="https://moot.example")


def _as_toml(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return sorted(value) if isinstance(value, frozenset) else value


def _with(file: Path) -> str:
    return "folkmoot" if file == HERE else f"folkmoot --config {file}"


@click.group()
def config() -> None:
    """Check the settings, or show them.

    \b
    Example:
      folkmoot config check
    """


@verb(config, "show")
def show(console: Console) -> None:
    """Show every setting as it counts, from file, environment and defaults. Secrets are hidden.

    \b
    Example:
      folkmoot config show --json
    """
    chosen = console.settings()
    values = {setting.name: _shown(setting.name, chosen) for setting in dataclasses.fields(Settings)}
    console.answer(values, [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()])


def _shown(name: str, chosen: Settings) -> Any:
    value = getattr(chosen, name)
    if name in SECRET_SETTINGS and value:
        return "(hidden)"
    return _as_toml(value)


@verb(config, "check")
def check(console: Console) -> None:
    """Check settings, secret, database and address, and say what is wrong.

    \b
    Example:
      folkmoot config check
    """
    chosen = console.settings()
    found = {"settings": "good", "secret": "good"}
    load_secret(chosen)
    must_be_migrated(chosen)
    if chosen.database_url:
        found["database"] = f"{urlsplit(chosen.database_url).scheme.partition('+')[0]}, up to date"
    else:
        file = chosen.data / "folkmoot.sqlite3"
        found["database"] = f"SQLite, {file}" + ("" if file.exists() else " (made at the first start)")
    found["origin"] = chosen.origin
    found["listen"] = f"{chosen.listen}, {_free(chosen)}"
    found["mail"] = _way_of_mail(chosen)
    if chosen.development:
        found["development"] = "on: never for a public node"
    console.answer(found, [f"{name}: {words}" for name, words in found.items()])


def _way_of_mail(chosen: Settings) -> str:
    if chosen.smtp is not None:
        encrypted = {"tls": "encrypted", "starttls": "encrypted by STARTTLS", "none": "not encrypted"}
        return f"{chosen.smtp.host}:{chosen.smtp.port}, {encrypted[chosen.smtp.encryption]}; try: folkmoot mail test"
    if chosen.development:
        return f"written into {chosen.data / 'mail'}"
    return "waits: no server is set (smtp_url)"


def _free(chosen: Settings) -> str:
    family = socket.AF_INET6 if ":" in chosen.listen_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((chosen.listen_host, chosen.listen_port))
        except OSError as error:
            return f"in use ({error.strerror})"
    return "free"


@verb(name="migrate")
def migrate(console: Console) -> None:
    """Bring the tables up to date. SQLite does this by itself at every start; PostgreSQL is asked for it here.

    \b
    Example:
      folkmoot migrate
    """
    steps = migrate_now(console.settings())
    console.answer(steps, steps or "The tables are up to date.")


def migrate_now(chosen: Settings) -> list[str]:
    """Takes every step that is due, and names them."""
    chosen.data.mkdir(parents=True, exist_ok=True)
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        return storage.migrate()
    finally:
        storage.close()
