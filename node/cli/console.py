"""What all commands share: finding the settings, opening the node, answering in words or JSON, one-line errors."""

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from node import logs, settings
from node.app import OtherOrigin, Parts, opened
from node.fediverse.keys import KeysLocked
from node.forum.errors import Refusal
from node.forum.text import TextRefused
from node.serving import CannotListen
from node.settings import Settings, SettingsError
from storage import errors, mails, queues
from storage.steps import UnknownRevision
from storage.work import Storage, StorageUnavailable, Work

R = TypeVar("R")

HERE = Path("folkmoot.toml")


class Trouble(Exception):
    """The command cannot be done, for a reason that fits in a line."""


# What a person may have caused, and reads as one line; anything else is a fault of ours and keeps its traceback.
EXPECTED = (
    Trouble,
    Refusal,
    TextRefused,
    SettingsError,
    OtherOrigin,
    KeysLocked,
    UnknownRevision,
    StorageUnavailable,
    CannotListen,
)


@dataclass(frozen=True, slots=True)
class Console:
    """Where a command finds its node, and how it answers."""

    config: Path | None
    as_json: bool

    def settings(self, **given: Any) -> Settings:
        """The settings of the node, with what the command line says before all else."""
        return settings.load(file=settings_file(self.config), **given)

    def act(self, what: Callable[[Parts], Awaitable[R]]) -> R:
        """Opens the node, does it, and closes the node again."""
        chosen = self.settings()
        logs.set_up("warning", chosen.log_format)

        async def in_the_node() -> R:
            must_be_migrated(chosen)
            async with opened(chosen) as parts:
                return await what(parts)

        return asyncio.run(in_the_node())

    def read(self, verb: Callable[[Work], R]) -> R:
        """Answers from the node's database."""
        return self.act(lambda parts: parts.node.storage.read(verb))

    def write(self, verb: Callable[[Work], R]) -> R:
        """Changes something in the node, and says what waits to be sent because of it."""
        return self.act(lambda parts: self.write_in(parts, verb))

    async def write_in(self, parts: Parts, verb: Callable[[Work], R]) -> R:
        """`write`, in a node that is open already."""
        done = await parts.node.storage.write(verb)
        written = (await parts.node.storage.read(mails.counts)).waiting
        if written:
            many = "1 mail waits" if written == 1 else f"{written} mails wait"
            self.note(f"{many}; a running node sends them, or: folkmoot worker --until-idle")
        waiting = (await parts.node.storage.read(queues.counts)).deliveries_waiting
        if waiting:
            many = "1 delivery waits" if waiting == 1 else f"{waiting} deliveries wait"
            self.note(f"{many}; a running node sends them, or: folkmoot worker --until-idle")
        return done

    def answer(self, value: object, words: str | Iterable[str]) -> None:
        """The answer on standard output: the value as JSON, or the words."""
        if self.as_json:
            click.echo(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode())
        else:
            click.echo(words if isinstance(words, str) else "\n".join(words))

    def table(self, value: Sequence[object], heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """The answer as a table, or as a JSON list."""
        self.answer(value, _table(heads, list(rows)) if value else "There are none.")

    def note(self, words: str) -> None:
        """Something beside the answer, on standard error."""
        click.echo(words, err=True)

    def fail(self, error: Exception) -> None:
        """One line on standard error, and exit status 1."""
        words = " ".join(str(error).split()) or type(error).__name__
        click.echo(orjson.dumps({"error": words}).decode() if self.as_json else f"Error: {words}", err=True)
        sys.exit(1)


def verb(parent: click.Group | None = None, name: str | None = None) -> Callable[[Callable[..., None]], click.Command]:
    """Makes a command of a function that takes a Console: with --json, and with one-line errors."""

    def dress(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def command(*args: Any, as_json: bool, **given: Any) -> None:
            console = Console(click.get_current_context().find_root().obj, as_json)
            try:
                function(console, *args, **given)
            except EXPECTED as error:
                console.fail(error)
            except errors.CANNOT_OPEN as error:
                console.fail(Trouble(f"the database does not work: {errors.in_a_line(error)}"))
            except ModuleNotFoundError as error:
                if error.name != "psycopg":
                    raise
                console.fail(Trouble("PostgreSQL needs its driver: pip install 'folkmoot[postgres]'"))

        asked = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)
        return parent.command(name)(asked) if parent is not None else click.command(name)(asked)

    return dress


def settings_file(config: Path | None) -> Path | None:
    """The settings file as named, or the one in this folder."""
    return config or (HERE if HERE.exists() else None)


def must_be_migrated(chosen: Settings) -> None:
    """Refuses a PostgreSQL database whose tables are of another release; SQLite's are brought up to date on start."""
    if not chosen.database_url:
        return
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        pending = [] if storage.sqlite else storage.pending_migrations()
    finally:
        storage.close()
    if pending:
        raise Trouble(f"the tables are not up to date ({len(pending)} steps to take): folkmoot migrate")


def long_text(given: str | None, file: Any) -> str:
    """What is to be said: from --text, from --file, or from standard input."""
    if given is not None and file is not None:
        raise click.UsageError("Give the text with --text or with --file, not both.")
    if given is not None:
        return given
    try:
        if file is not None:
            return str(file.read())
        if sys.stdin.isatty():
            click.echo("Write the text; end it with Ctrl-D.", err=True)
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise Trouble(f"the text is not UTF-8: {error.reason}") from None


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _table(heads: Sequence[str], rows: list[Sequence[object]]) -> str:
    cells = [list(heads), *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
