"""People at the console, and who follows whom."""

from dataclasses import dataclass

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, verb
from node.forum import people as forum_people
from storage import console as seen
from storage import people
from storage.console import PersonRow
from storage.work import Work


@click.group()
def person() -> None:
    """Make people, change, suspend and delete them.

    \b
    Example:
      folkmoot person create ana --display-name "Ana Lima"
    """


@verb(person, "create")
@click.argument("name")
@click.option("--display-name", default="", help="What they call themselves; else the handle.")
@click.option("--about", default="", help="A few sentences, in Markdown.")
@click.option("--language", help="Their language, such as en or pt.")
def create(console: Console, name: str, display_name: str, about: str, language: str | None) -> None:
    """Make a person. NAME is their handle, which they keep for ever: @NAME@this.node.

    \b
    Example:
      folkmoot person create ana --display-name "Ana Lima"
    """

    def make(work: Work) -> PersonRow:
        made = forum_people.create_person(work, name, display_name=display_name, summary=about, language=language)
        return _row(work, made.id)

    made = console.write(make)
    console.answer(made, f"Made {made.display_name}: {made.uri}")


@verb(person, "list")
def list_people(console: Console) -> None:
    """List everyone of this node.

    \b
    Example:
      folkmoot person list
    """
    rows = console.read(seen.people)
    console.table(
        rows,
        ("handle", "name", "state", "groups", "followers", "items"),
        [(row.name, row.display_name, row.state, row.groups, row.followers, row.items) for row in rows],
    )


@verb(person, "show")
@click.argument("name")
def show(console: Console, name: str) -> None:
    """Show someone of this node.

    \b
    Example:
      folkmoot person show ana
    """
    row = console.read(lambda work: _row(work, finding.our_person(work, name).id))
    console.answer(
        row,
        [
            f"{row.display_name}  @{row.name}  {row.uri}",
            f"{row.state}, since {row.created_at:%Y-%m-%d}; in {row.groups} groups, {row.followers} followers, "
            f"{row.items} items",
            *([row.summary] if row.summary else []),
        ],
    )


@verb(person, "edit")
@click.argument("name")
@click.option("--display-name", help="What they call themselves.")
@click.option("--about", help="A few sentences, in Markdown; empty takes them away.")
def edit(console: Console, name: str, display_name: str | None, about: str | None) -> None:
    """Change what someone is called or says of themselves. Their servers' copies are updated.

    \b
    Example:
      folkmoot person edit ana --about "Gardener, *Porto*."
    """
    if display_name is None and about is None:
        raise click.UsageError("Say what to change: --display-name, --about.")

    def change(work: Work) -> PersonRow:
        actor = finding.our_person(work, name)
        forum_people.edit_actor(work, actor, display_name=display_name, summary=about)
        return _row(work, actor.id)

    row = console.write(change)
    console.answer(row, f"Changed {row.display_name} (@{row.name}).")


@verb(person, "suspend")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--lift", is_flag=True, help="Let them back.")
def suspend(console: Console, name: str, reason: str, lift: bool) -> None:
    """Hide someone, here or elsewhere, and let nothing more in from them; or let them back.

    \b
    Examples:
      folkmoot person suspend pest@elsewhere.example --reason "threats"
      folkmoot person suspend ben --lift
    """

    def act(work: Work) -> dict[str, str]:
        actor = finding.anybody(work, name)
        forum_people.suspend(work, actor, reason, suspended=not lift)
        return {"name": name, "state": actor.state}

    done = console.write(act)
    console.answer(done, f"{name} is {done['state']}.")


@verb(person, "delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(console: Console, name: str, yes: bool) -> None:
    """Delete someone of this node for good: words, name and follows. The handle is never given again.

    \b
    Example:
      folkmoot person delete ana --yes
    """
    if not yes:
        click.confirm(f"Delete {name} and all they wrote, here and elsewhere? This cannot be taken back", abort=True)

    def erase(work: Work) -> dict[str, str]:
        forum_people.erase_actor(work, finding.our_person(work, name))
        return {"name": name, "state": "deleted"}

    console.answer(console.write(erase), f"{name} is gone.")


def _row(work: Work, actor_id: int) -> PersonRow:
    rows = seen.people(work, actor_id=actor_id)
    if not rows:
        raise Trouble("there is no such person")
    return rows[0]


# ------------------------------------------------------------------ following


@dataclass(frozen=True, slots=True)
class Followed:
    """How one of ours stands to someone elsewhere."""

    follower: str
    target: str
    state: str


@verb(name="follow")
@click.argument("name")
@click.argument("address")
def follow(console: Console, name: str, address: str) -> None:
    """Follow someone on another server, as a person or group of ours. ADDRESS is @name@host or a URL.

    \b
    Example:
      folkmoot follow ana @garden@other.example
    """

    async def ask(parts: Parts) -> Followed:
        await parts.node.storage.read(finding.our_actor, name)  # before the network is asked
        target_id = await parts.node.network.find_actor(address)

        def act(work: Work) -> Followed:
            follower, target = finding.our_actor(work, name), people.by_id(work, target_id)
            made = forum_people.follow(work, follower, target)
            return Followed(follower.name, target.name if target.local else target.handle, made.state)

        return await console.write_in(parts, act)

    done = console.act(ask)
    state = {"pending": "asked; the other server has not answered yet", "accepted": "follows"}[done.state]
    console.answer(done, f"{done.follower} → {done.target}: {state}.")


@verb(name="unfollow")
@click.argument("name")
@click.argument("address")
def unfollow(console: Console, name: str, address: str) -> None:
    """Follow someone no longer.

    \b
    Example:
      folkmoot unfollow ana @garden@other.example
    """

    def act(work: Work) -> Followed:
        follower, target = finding.our_actor(work, name), finding.anybody(work, address)
        if people.follow_of(work, follower.id, target.id) is None:
            raise Trouble(f"{name} does not follow {address}")
        forum_people.unfollow(work, follower, target)
        return Followed(follower.name, target.name if target.local else target.handle, "none")

    done = console.write(act)
    console.answer(done, f"{done.follower} follows {done.target} no longer.")


@dataclass(frozen=True, slots=True)
class Follower:
    handle: str
    name: str
    uri: str


@verb(name="followers")
@click.argument("name")
def followers(console: Console, name: str) -> None:
    """Who follows a group or a person of ours.

    \b
    Example:
      folkmoot followers garden
    """

    def look(work: Work) -> list[Follower]:
        found = people.followers(work, finding.our_actor(work, name).id)
        return [Follower(a.name if a.local else a.handle, a.display_name or a.name, a.uri) for a in found]

    rows = console.read(look)
    console.table(rows, ("handle", "name", "uri"), [(row.handle, row.name, row.uri) for row in rows])
