"""Other servers at the console: how they are, and what waits for them; limits of them are in blocks.py."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import click

from node.cli import finding
from node.cli.console import Console, Trouble, verb
from node.fediverse import inspecting
from node.forum import deliveries as acts
from node.node import Node
from storage import hosts, hours, ledger, letters, queues
from storage.hours import Hour
from storage.ledger import Balance, DeadLetter, Destination
from storage.work import Work

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Overview:
    queues: queues.Counts
    given_up: dict[str, int]
    last_day: Hour
    slowest: dict[str, Hour]


@dataclass(frozen=True, slots=True)
class OneHost:
    server: hosts.Server
    queue: queues.HostQueue | None
    given_up: dict[str, int]
    hours: dict[datetime, Hour]
    latest: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class OneActivity:
    activity: Balance
    missing: list[Destination]


@click.group()
def federation() -> None:
    """Other servers: how they are, what was owed and what became of it, what was put aside, blocks.

    \b
    Examples:
      folkmoot federation overview
      folkmoot federation host mastodon.example
    """


@verb(federation, "overview")
def overview(console: Console) -> None:
    """How it goes: what waits, what was put aside or given up, the last day, the slowest servers.

    \b
    Example:
      folkmoot federation overview
    """

    def look(work: Work) -> Overview:
        day = hours.of(work.now) - DAY
        return Overview(
            queues.counts(work), ledger.count(work), hours.total(work, day), dict(hours.slowest(work, day, limit=5))
        )

    seen = console.read(look)
    lost = ", ".join(f"{count} {fate}" for fate, count in sorted(seen.given_up.items())) or "none"
    console.answer(
        seen,
        [
            f"deliveries: {seen.queues.deliveries_waiting} wait, {seen.queues.deliveries_parked} were put aside",
            f"letters: {seen.queues.letters_waiting} wait, {seen.queues.letters_parked} were put aside",
            f"servers: {seen.queues.hosts_failing} fail, {seen.queues.hosts_dead} are taken for dead",
            f"given up in {ledger.KEPT.days} days: {lost}",
            f"the last day: {_of_hours(seen.last_day)}",
            *(f"slow: {host}, {hour.average_ms} ms a try" for host, hour in seen.slowest.items()),
        ],
    )


@verb(federation, "host")
@click.argument("host")
def show_host(console: Console, host: str) -> None:
    """Show all of one server: how it is, what waits for it, what was given up and why, and its last two days.

    \b
    Example:
      folkmoot federation host mastodon.example
    """
    name = host.strip().lower()

    def look(work: Work) -> OneHost | None:
        found = hosts.server(work, name)
        if found is None:
            return None
        since = hours.of(work.now) - 2 * DAY
        return OneHost(
            found, queues.of_host(work, name), ledger.count(work, host=name), hours.series(work, since, host=name),
            ledger.dead_letters(work, host=name, limit=20),
        )  # fmt: skip

    seen = console.read(look)
    if seen is None:
        raise Trouble(f"nothing is known of {name}")
    waits = seen.queue
    console.answer(
        asdict(seen) | {"hours": {f"{hour:%Y-%m-%dT%H:00Z}": asdict(one) for hour, one in seen.hours.items()}},
        [
            *(f"{key}: {_short(value)}" for key, value in asdict(seen.server).items() if value is not None),
            f"{waits.waiting} wait since {_short(waits.oldest)}, {waits.parked} were put aside"
            if waits
            else "nothing waits",
            *(f"given up: {count} {fate}" for fate, count in sorted(seen.given_up.items())),
            *(f"{hour:%Y-%m-%d %H:00}: {_of_hours(one)}" for hour, one in seen.hours.items()),
            *(_of_dead_letter(one) for one in seen.latest),
        ],
    )


@verb(federation, "activity")
@click.argument("address")
def show_activity(console: Console, address: str) -> None:
    """Show what became of an activity, or of all that was said about an item: every inbox that it did not reach.

    ADDRESS is the id of an activity or of an item, or the address of an item's page.

    \b
    Example:
      folkmoot federation activity https://forum.example/c/0abc
    """

    def look(work: Work) -> list[OneActivity]:
        found = ledger.balances(work, address)
        if not found:
            found = ledger.balances(work, finding.item(work, address).uri or "")  # the address of a page
        return [OneActivity(one, ledger.destinations(work, one.id, limit=10_000)) for one in found]

    seen = console.read(look)
    if not seen:
        raise Trouble(f"nothing was said under or about {address}")
    lines = []
    for one in seen:
        told = one.activity
        lines.append(
            f"{told.type} {told.uri}, number {told.id}, {_short(told.created_at)}: {told.owed} owed, "
            f"{told.delivered} arrived, {told.waiting} wait, {told.given_up} given up"
        )
        lines += [
            f"  {row.inbox}: {row.fate}" + (f" ({row.why}; {row.attempts} tries)" if row.why else "")
            for row in one.missing
        ]
    console.answer(seen, lines)


@verb(federation, "given-up")
@click.option("--host", default="", help="Only of this server.")
@click.option("--fate", type=click.Choice(ledger.FATES), help="Only for this reason.")
@click.option("--before", type=int, help="Only those before this number, to see more.")
def given_up(console: Console, host: str, fate: str | None, before: int | None) -> None:
    """List what did not arrive and is not tried any more, the latest first.

    \b
    Example:
      folkmoot federation given-up --host mastodon.example --fate refused
    """
    rows = console.read(
        lambda work: ledger.dead_letters(work, host=host.strip().lower(), fate=fate or "", before=before)
    )
    console.answer(rows, [_of_dead_letter(row) for row in rows] or "There are none.")


@verb(federation, "parked")
def list_parked(console: Console) -> None:
    """List the deliveries and letters that were put aside, with the reason.

    \b
    Example:
      folkmoot federation parked
    """

    def look(work: Work) -> tuple[list[queues.ParkedDelivery], list[letters.Parked]]:
        return queues.parked(work), letters.parked(work)

    sent, came = console.read(look)
    console.answer(
        {"deliveries": sent, "letters": came},
        [
            *(
                f"delivery {row.id}, {row.type} of {row.about} to {row.inbox}: {row.why} "
                f"(folkmoot federation retry --delivery {row.id})"
                for row in sent
            ),
            *(
                f"letter {row.id} of {row.signer}, {_short(row.received_at)}: {row.why} "
                f"(folkmoot federation retry --letter {row.id})"
                for row in came
            ),
        ]
        or "There are none.",
    )


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
    kept: int = 0  # given up still, for they may not go


@verb(federation, "retry")
@click.argument("host", required=False)
@click.option("--delivery", type=int, help="A delivery that was put aside.")
@click.option("--letter", type=int, help="A letter that was put aside.")
@click.option("--given-up", "lost", type=int, multiple=True, help="What was given up, by its number.")
@click.option("--activity", type=int, help="All of an activity that was given up, by the activity's number.")
@click.option("--with-given-up", is_flag=True, help="With HOST: what was given up for it too.")
@click.option("--reason", default="", help="Why, for the record.")
def retry(
    console: Console, host: str | None, delivery: int | None, letter: int | None, lost: tuple[int, ...],
    activity: int | None, with_given_up: bool, reason: str,
) -> None:  # fmt: skip
    """Try again now: all that waits for a host, something that was put aside, or what was given up.

    \b
    Examples:
      folkmoot federation retry mastodon.example --with-given-up
      folkmoot federation retry --delivery 17
      folkmoot federation retry --given-up 4 --given-up 5
    """
    if sum(given is not None for given in (host, delivery, letter, activity, lost or None)) != 1:
        raise click.UsageError("Name one thing: a HOST, --delivery, --letter, --activity or --given-up.")
    name = host.strip().lower() if host is not None else ""
    if name:
        done = Retried(console.write(partial(acts.retry_host, by=None, host=name, reason=reason)), 0)
    elif delivery is not None:
        console.write(partial(acts.retry_delivery, by=None, delivery_id=delivery, reason=reason))
        done = Retried(1, 0)
    elif letter is not None:
        console.write(partial(acts.retry_letter, by=None, letter_id=letter, reason=reason))
        done = Retried(0, 1)
    else:
        done = Retried(0, 0)
    if activity is not None or lost or (name and with_given_up):
        owed, kept = console.act(lambda parts: _owe_again(parts.node, name, activity or 0, lost, reason))
        done = Retried(done.deliveries + owed, done.letters, kept)
    console.answer(
        done,
        f"{done.deliveries} deliveries and {done.letters} letters are due now."
        + (f" {done.kept} may not go, and stay given up." if done.kept else ""),
    )


async def _owe_again(node: Node, host: str, activity_id: int, ids: tuple[int, ...], reason: str) -> tuple[int, int]:
    owed, kept, after = 0, 0, 0
    while True:  # a piece at a time, so that nothing else waits long
        again = await node.storage.write(
            acts.owe_again, None, host=host, activity_id=activity_id, ids=ids, reason=reason, after=after
        )
        owed, kept = owed + again.owed, kept + again.kept
        if again.last is None:
            return owed, kept
        after = again.last


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


def _of_hours(hour: Hour) -> str:
    took = f", {hour.average_ms} ms a try, {hour.slowest_ms} at most" if hour.tries else ""
    return f"{hour.delivered} arrived, {hour.failed} tries failed, {hour.given_up} given up, {hour.received} came{took}"


def _of_dead_letter(one: DeadLetter) -> str:
    return (
        f"given up {one.id}, {_short(one.at)}: {one.type} of {one.about} to {one.inbox}: {one.fate} "
        f"({one.why}; {one.attempts} tries)"
    )


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    words = "" if value is None else str(value)
    return words if len(words) <= 200 else words[:199] + "…"
