"""Limits of other servers at the console: block and take it back."""

import click

from node.cli.console import Console, Trouble, verb
from node.cli.federation import federation
from node.forum import servers


@verb(federation, "block")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def block(console: Console, host: str, reason: str) -> None:
    """Have nothing to do with a server and its subdomains: refused, hidden, not fetched, not sent to. Words are kept.

    \b
    Example:
      folkmoot federation block bad.example --reason "harassment"
    """
    name = _host(host)
    console.write(lambda work: servers.block(work, None, name, reason))
    console.answer({"host": name, "blocked": True}, f"{name} is blocked.")


@verb(federation, "unblock")
@click.argument("host")
@click.option("--reason", default="", help="Why, for the record.")
def unblock(console: Console, host: str, reason: str) -> None:
    """Take a block back: what was hidden shows again.

    \b
    Example:
      folkmoot federation unblock bad.example
    """
    name = _host(host)
    console.write(lambda work: servers.unblock(work, None, name, reason))
    console.answer({"host": name, "blocked": False}, f"{name} is not blocked.")


def _host(given: str) -> str:
    """A host as it stands in addresses; a URL's too."""
    name = given.strip().lower().removeprefix("https://").removeprefix("http://").split("/")[0].rstrip(".")
    if not name or any(char.isspace() for char in name) or "@" in name:
        raise Trouble(f"{given} is no host, such as other.example")
    return name
