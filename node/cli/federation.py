"""Other servers at the console: how they are, and what waits for them; limits of them are in blocks.py."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import click

from node.cli.console import Console, Trouble, verb
from node.fediverse import inspecting
from storage import hosts, letters, queues
from storage.work import Work


@click.group()
def federation() -> None:
    """Other servers: how they are, what waits, what failed, blocks.

    \b
    Example:
      folkmoot federation deliveries
    """


@verb(federation, "hosts")
@click.argument("host", required=False)
def list_hosts(console: Console, host: str | None) -> None:
    """List the servers we know, blocked and failing ones first; or show one with all that is known.

    \b
    Examples:
      folkmoot federation hosts
      folkmoot federation hosts mastodon.example
    """
    if host is not None:
        found = console.read(lambda work: hosts.server(work, host.lower()))
        if found is None:
            raise Trouble(f"nothing is known of {host}")
        console.answer(found, [f"{key}: {_short(value)}" for key, value in asdict(found).items()])
        return
    rows = console.read(hosts.known)
    console.table(
        rows,
        ("host", "software", "dialect", "state", "failures", "last success", "last error"),
        [
            (
                row.host,
                row.software,
                row.dialect,
                {"suspend": "blocked", "silence": "silenced"}.get(row.limit or "", row.state),
                row.failures,
                _short(row.last_success_at),
                row.last_error,
            )
            for row in rows
        ],
    )


@verb(federation, "deliveries")
def deliveries(console: Console) -> None:
    """What we owe to other servers: how much waits for whom, and what was put aside.

    \b
    Example:
      folkmoot federation deliveries
    """

    def look(work: Work) -> tuple[queues.Counts, list[queues.HostQueue], list[queues.ParkedDelivery]]:
        return queues.counts(work), queues.by_host(work), queues.parked(work)

    counts, waiting, parked = console.read(look)
    console.answer(
        {"waiting": counts.deliveries_waiting, "parked": counts.deliveries_parked, "hosts": waiting, "aside": parked},
        [
            f"{counts.deliveries_waiting} wait, {counts.deliveries_parked} were put aside; "
            f"{counts.hosts_failing} servers fail, {counts.hosts_dead} are given up until they speak",
            *(
                f"{row.host}: {row.waiting} wait since {_short(row.oldest)}"
                + (f"; {row.failures} failures, last: {row.last_error}" if row.failures else "")
                + (f"; next try {_short(row.next_try_at)}" if row.next_try_at else "")
                for row in waiting
            ),
            *(
                f"put aside: delivery {row.id}, {row.type} of {row.about} to {row.inbox}: {row.why}"
                f"  (folkmoot federation retry --delivery {row.id})"
                for row in parked
            ),
        ],
    )


@verb(federation, "letters")
def list_letters(console: Console) -> None:
    """What other servers sent: how much waits to be read, and what could not be.

    \b
    Example:
      folkmoot federation letters
    """

    def look(work: Work) -> tuple[queues.Counts, list[letters.Parked]]:
        return queues.counts(work), letters.parked(work)

    counts, parked = console.read(look)
    console.answer(
        {"waiting": counts.letters_waiting, "parked": counts.letters_parked, "aside": parked},
        [
            f"{counts.letters_waiting} wait to be read, {counts.letters_parked} were put aside",
            *(
                f"put aside: letter {row.id} of {row.signer}, {_short(row.received_at)}: {row.why}"
                f"  (folkmoot federation retry --letter {row.id})"
                for row in parked
            ),
        ],
    )


@dataclass(frozen=True, slots=True)
class Retried:
    deliveries: int
    letters: int


@verb(federation, "retry")
@click.argument("host", required=False)
@click.option("--delivery", type=int, help="A delivery that was put aside.")
@click.option("--letter", type=int, help="A letter that was put aside.")
def retry(console: Console, host: str | None, delivery: int | None, letter: int | None) -> None:
    """Try again now: all that waits for a host, or something that was put aside.

    \b
    Examples:
      folkmoot federation retry mastodon.example
      folkmoot federation retry --delivery 17
    """
    if sum(given is not None for given in (host, delivery, letter)) != 1:
        raise click.UsageError("Name one thing: a HOST, --delivery or --letter.")

    def act(work: Work) -> Retried:
        if host is not None:
            return Retried(queues.retry(work, host.strip().lower()), 0)
        if delivery is not None:
            return Retried(int(queues.unpark(work, delivery)), 0)
        return Retried(0, int(letters.unpark(work, letter or 0)))

    done = console.write(act)
    if host is None and not done.deliveries and not done.letters:
        raise Trouble("nothing of that number was put aside")
    console.answer(done, f"{done.deliveries} deliveries and {done.letters} letters are due now.")


@verb(federation, "inspect")
@click.argument("address")
@click.option("--document", is_flag=True, help="Print the whole document too.")
def inspect(console: Console, address: str, document: bool) -> None:
    """Fetch something of another server as the node would, and say how it is read. ADDRESS is a URL or @name@host.

    \b
    Examples:
      folkmoot federation inspect @garden@other.example
      folkmoot federation inspect https://other.example/notes/1 --document
    """
    seen = console.act(lambda parts: inspecting.inspect(parts.node, address))
    lines = [f"{seen.kind} at {seen.found_at}" + (f", on {seen.software}" if seen.software else "")]
    lines += [f"we would refuse it: {seen.refused}"] if seen.refused else []
    lines += [f"  {key}: {_short(value)}" for key, value in seen.reads_as.items() if value not in (None, "", (), [])]
    if document:
        lines.append(json.dumps(seen.document, indent=2, ensure_ascii=False, default=str))
    console.answer(seen, lines)


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    words = "" if value is None else str(value)
    return words if len(words) <= 200 else words[:199] + "…"
