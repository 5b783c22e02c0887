"""Limits of other servers at the console: block, silence, allow, and take it back; what holds, and lists of others."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from node.cli.console import Console, Trouble, verb
from node.cli.federation import federation
from node.fediverse import block_lists as fetching
from node.forum import block_lists, servers
from node.forum.block_lists import MAY, Preview, Read
from node.forum.host_names import host_name
from storage import block_lists as stored
from storage import hosts, limits
from storage.block_lists import Change
from storage.limits import Limit
from storage.schema import Actor
from storage.work import Work

STATES = {limits.SUSPEND: "blocked", limits.SILENCE: "silenced", None: "not limited"}
SHOWN = 50  # servers in a preview

Act = Callable[[Work, Actor | None, str, str], Limit]


def _act(console: Console, act: Act, host: str, reason: str) -> None:
    name = host_name(host)
    holds = console.write(lambda work: act(work, None, name, reason))
    answer = {"host": name, "blocked": holds.kind == limits.SUSPEND, "limit": holds.kind, "by": holds.by}
    console.answer(answer | {"list": holds.list}, f"{name} is {STATES[holds.kind]}{_because(name, holds)}.")


def _because(host: str, holds: Limit) -> str:
    if holds.by == "list":
        return f" by the list {holds.list} (folkmoot federation allow {host} goes before it)"
    if holds.by == "mode":
        return f", for it is not on the allow-list (folkmoot federation allow {host})"
    return f", as {holds.name} is" if holds.name not in ("", host) and holds.kind else ""


@verb(federation, "block")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def block(console: Console, host: str, reason: str) -> None:
    """Have nothing to do with a server and its subdomains: refused, hidden, not fetched, not sent to. Words are kept.

    \b
    Example:
      folkmoot federation block bad.example --reason "harassment"
    """
    _act(console, servers.block, host, reason)


@verb(federation, "unblock")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def unblock(console: Console, host: str, reason: str) -> None:
    """Take a block back: what was hidden shows again.

    \b
    Example:
      folkmoot federation unblock bad.example
    """
    _act(console, servers.unblock, host, reason)


@verb(federation, "silence")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def silence(console: Console, host: str, reason: str) -> None:
    """Let a server's people take part, and put nothing of theirs before anybody who does not follow them.

    \b
    Example:
      folkmoot federation silence loud.example --reason "advertising"
    """
    _act(console, servers.silence, host, reason)


@verb(federation, "unsilence")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def unsilence(console: Console, host: str, reason: str) -> None:
    """Take a silence back.

    \b
    Example:
      folkmoot federation unsilence loud.example
    """
    _act(console, servers.unsilence, host, reason)


@verb(federation, "allow")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def allow(console: Console, host: str, reason: str) -> None:
    """Let a server and its subdomains in, whatever lists say, and where only allowed ones are let in.

    \b
    Example:
      folkmoot federation allow friends.example
    """
    _act(console, servers.allow, host, reason)


@verb(federation, "disallow")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def disallow(console: Console, host: str, reason: str) -> None:
    """Take that back: lists, and the setting `federation`, hold again.

    \b
    Example:
      folkmoot federation disallow friends.example
    """
    _act(console, servers.disallow, host, reason)


@dataclass(frozen=True, slots=True)
class Limited:
    host: str
    limit: str | None
    by: str
    why: str


@verb(federation, "blocks")
@click.option("--csv", "as_csv", is_flag=True, help="Our own limits in Mastodon's form, for others to import.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the CSV to this file.")
def blocks(console: Console, as_csv: bool, out: Path | None) -> None:
    """What was said of servers here by name, lists left out; or the same as a file for others.

    \b
    Examples:
      folkmoot federation blocks
      folkmoot federation blocks --csv --out our-blocks.csv
    """
    if as_csv or out is not None:
        words = console.read(servers.export)
        if out is None:
            click.echo(words, nl=False)
        else:
            out.write_text(words, encoding="utf-8")
            console.answer({"file": str(out)}, f"Written to {out}.")
        return

    def look(work: Work) -> tuple[str, list[Limited]]:
        return limits.mode(work), [
            Limited(row.host, row.limit, "admin", row.blocked_why or row.silenced_why or "")
            for row in hosts.named(work)
        ]

    mode, rows = console.read(look)
    console.note(
        "Only servers that were allowed are federated with."
        if mode == limits.ALLOW_LIST
        else "All servers are federated with, but those that are blocked."
    )
    console.table(
        rows,
        ("host", "limit", "why"),
        [(row.host, STATES[row.limit] if row.limit else "allowed", row.why) for row in rows],
    )


# ------------------------------------------------------------------ lists


@federation.group("lists")
def lists() -> None:
    """Lists of limited servers that others keep: from a file, or from an address that is read again each day.

    \b
    Example:
      folkmoot federation lists add https://lists.example/blocks.csv --dry-run
    """


@verb(lists, "add")
@click.argument("source")
@click.option("--name", default="", help="What the list is called here.")
@click.option("--limit", "may", type=click.Choice(MAY), default="as listed", help="What the list may do.")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--dry-run", is_flag=True, help="Say what it would change, and change nothing.")
def add(console: Console, source: str, name: str, may: str, reason: str, dry_run: bool) -> None:
    """Limit servers by a list. SOURCE is a file, or an address (https://…) that is read again each day.

    \b
    Examples:
      folkmoot federation lists add blocks.csv --name ours --dry-run
      folkmoot federation lists add https://lists.example/tier0.csv --limit silence
    """
    url: str | None = None
    etag: str | None = None
    if "://" in source:
        found = console.act(lambda parts: fetching.fetch(parts.node, source))
        read, url, etag = found.read, found.url, found.etag
    else:
        read = block_lists.read_list(_bytes_of(source), origin=console.settings().origin)
    called = name or (block_lists.name_of_url(url) if url else Path(source).name)
    if dry_run:
        foreseen = console.read(lambda work: block_lists.preview(work, read, may, name=called))
        console.answer(_as_json(foreseen), _said(foreseen, "would be"))
        return
    changes = console.write(
        lambda work: block_lists.add(work, None, called, read, url=url, etag=etag, may=may, reason=reason)
    )
    done = Preview(read, tuple(changes))
    console.answer({"name": called, **_as_json(done)}, [f"The list {called} holds.", *_said(done, "is now")])


@verb(lists, "list")
def list_lists(console: Console) -> None:
    """Every list, when it was read, and what went wrong.

    \b
    Example:
      folkmoot federation lists list
    """
    rows = console.read(stored.rows)
    console.table(
        rows,
        ("name", "may", "suspends", "silences", "read", "from", "last error"),
        [
            (
                row.name, row.limit, row.suspends, row.silences, f"{row.read_at:%Y-%m-%d %H:%M}" if row.read_at else "",
                row.url or "a file", row.last_error,
            )
            for row in rows
        ],
    )  # fmt: skip


@verb(lists, "update")
@click.argument("name", required=False)
def update(console: Console, name: str | None) -> None:
    """Read lists from their addresses again now: one, or all.

    \b
    Example:
      folkmoot federation lists update tier0.csv
    """
    rows = [row for row in console.read(stored.rows) if (name is None and row.url) or row.name == name]
    if not rows and name is not None:
        raise Trouble(f"there is no list called {name}")
    said: list[str] = []
    changed: dict[str, list[Change] | None] = {}
    for row in rows:
        changes = console.act(lambda parts, row=row: fetching.update(parts.node, row.id))  # type: ignore[misc]
        changed[row.name] = changes
        said.append(f"{row.name}: " + ("as it was" if changes is None else f"{len(changes)} servers changed"))
        said += [_line(change, "is now") for change in changes or ()]
    console.answer(changed, said or ["There are no lists at addresses."])


@verb(lists, "remove")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the record.")
def remove(console: Console, name: str, reason: str) -> None:
    """Drop a list: what it alone limited is let back.

    \b
    Example:
      folkmoot federation lists remove tier0.csv
    """
    console.write(lambda work: block_lists.remove(work, None, name, reason))
    console.answer({"name": name, "removed": True}, f"The list {name} holds no longer.")


@verb(lists, "show")
@click.argument("name")
@click.option("--search", default="", help="Only hosts with this in their names.")
def show(console: Console, name: str, search: str) -> None:
    """What is on a list.

    \b
    Example:
      folkmoot federation lists show tier0.csv --search example
    """

    def look(work: Work) -> list[tuple[str, ...]]:
        return stored.entries(work, block_lists.named(work, name).id, words=search, limit=block_lists.MOST)

    rows = console.read(look)
    value = [{"host": host, "limit": limit, "why": why} for host, limit, why in rows]
    console.table(value, ("host", "limit", "why"), rows)


def _bytes_of(source: str) -> bytes:
    try:
        with Path(source).open("rb") as file:
            return file.read(block_lists.LARGEST + 1)  # what is longer is refused by its length
    except OSError as error:
        raise Trouble(f"cannot read {source}: {error.strerror}") from None


def _counts(read: Read) -> dict[str, int]:
    return {
        "suspends": read.suspends, "silences": read.silences, "obfuscated": read.obfuscated, "ours": read.ours,
        "too_broad": read.too_broad, "without_limit": read.without_limit, "unreadable": read.unreadable,
    }  # fmt: skip


def _as_json(preview: Preview) -> dict[str, object]:
    return {**_counts(preview.read), "examples": preview.read.examples, "changes": preview.changes}


LEFT_OUT = {
    "obfuscated": "with stars in their names, so that nobody can know whom they mean",
    "ours": "that are this server itself or a name above it",
    "too_broad": "that are a whole top level",
    "without_limit": "on which the list sets no limit",
    "unreadable": "that could not be read",
}


def _said(preview: Preview, how: str) -> list[str]:
    read = preview.read
    lines = [f"It suspends {read.suspends} servers and silences {read.silences}."]
    counts = _counts(read)
    lines += [f"Left out: {counts[what]} {words}." for what, words in LEFT_OUT.items() if counts[what]]
    lines += [f"  {line}" for line in read.examples]
    change = "would change" if how == "would be" else "changed"
    lines.append(f"{len(preview.changes)} servers that are known here {change}.")
    lines += [_line(change, how) for change in preview.changes[:SHOWN]]
    if len(preview.changes) > SHOWN:
        lines.append(f"  and {len(preview.changes) - SHOWN} more")
    return lines


def _line(change: Change, how: str) -> str:
    return (
        f"  {change.host} {how} {STATES[change.then]}: {change.followed} people there are followed from here, "
        f"{change.followers} follow from there, {change.comments} comments"
    )
