"""Groups at the console."""

from collections.abc import Callable
from typing import Any

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, verb
from node.forum import groups as forum_groups
from node.forum import members as forum_members
from node.forum import upkeep, withdrawals
from storage import console as seen
from storage import groups
from storage.console import GroupRow
from storage.groups import Member
from storage.schema import Group
from storage.work import Work


@click.group()
def group() -> None:
    """Make groups, change them, let people in.

    \b
    Example:
      folkmoot group create garden --title "The garden" --creator ana
    """


@verb(group, "create")
@click.argument("name")
@click.option("--title", default="", help="What people call it; else the handle.")
@click.option("--description", default="", help="A few sentences, in Markdown.")
@click.option("--language", default="en", help="Language of the group, such as en or de.")
@click.option("--privacy", type=click.Choice(forum_groups.PRIVACY), default="open", help="Who can see and join it.")
@click.option("--creator", help="The person who becomes its admin.")
@click.option("--parent", help="The group that it is a part of.")
def create(console: Console, name: str, creator: str | None, parent: str | None, **given: Any) -> None:
    """Make a group. NAME is its handle, and stays in its addresses for ever: people elsewhere follow @NAME@this.node.

    \b
    Examples:
      folkmoot group create garden --title "The garden" --creator ana
      folkmoot group create board --privacy secret --creator ana
    """

    def make(work: Work) -> GroupRow:
        admin = finding.our_person(work, creator) if creator else None
        above = finding.our_group(work, parent)[0] if parent else None
        made, _ = forum_groups.create_group(work, name, creator=admin, parent=above, **given)
        return _row(work, made.actor_id)

    made = console.write(make)
    console.answer(made, f"Made the group {made.title}: {made.uri}")


@verb(group, "list")
def list_groups(console: Console) -> None:
    """List every group.

    \b
    Example:
      folkmoot group list
    """
    cards = console.read(seen.groups)
    console.table(
        cards,
        ("handle", "title", "privacy", "members", "followers", "threads"),
        [(card.name, card.title, card.privacy, card.members, card.followers, card.threads) for card in cards],
    )


@verb(group, "show")
@click.argument("name")
def show(console: Console, name: str) -> None:
    """Show a group with its settings and its members.

    \b
    Example:
      folkmoot group show garden
    """

    def look(work: Work) -> tuple[GroupRow, list[Member]]:
        _, actor = finding.our_group(work, name)
        return _row(work, actor.id), groups.members(work, actor.id)

    card, members = console.read(look)
    console.answer(
        {"group": card, "members": members},
        [
            f"{card.title}  @{card.name}  {card.uri}",
            f"privacy: {card.privacy}{', archived' if card.archived else ''}{'' if card.listed else ', unlisted'}"
            f"   language: {card.language}{f'   part of: @{card.parent}' if card.parent else ''}",
            f"threads are {card.threads_may_be if card.threads_may_be != 'either' else 'public or private'}"
            f"{f', one comment in {card.slow_mode} seconds' if card.slow_mode else ''}",
            f"threads are started by {card.who_may_start}, "
            f"{'and by people elsewhere' if card.outsiders_may_start else 'by nobody elsewhere'}",
            f"comments go to followers: {card.comments}; from people elsewhere: "
            f"{'yes' if card.outsiders_may_comment else 'no'}",
            f"{card.members} members, {card.followers} followers, {card.threads} threads",
            *(f"  {member.role:9} @{member.person.handle}  {member.person.name}" for member in members),
        ],
    )


@verb(group, "edit")
@click.argument("name")
@click.option("--title", help="What people call it.")
@click.option("--description", help="A few sentences, in Markdown.")
@click.option(
    "--comments",
    type=click.Choice(forum_groups.COMMENTS),
    help="What followers get of comments: quietly into the thread, boosted into their timeline, or nothing.",
)
@click.option("--who-may-start", type=click.Choice(forum_groups.WHO_MAY_START), help="Who here starts threads.")
@click.option("--outsiders-may-start/--outsiders-may-not-start", default=None, help="People elsewhere start threads.")
@click.option("--outsiders-may-comment/--outsiders-may-not-comment", default=None, help="People elsewhere comment.")
@click.option(
    "--privacy", type=click.Choice(["open", "closed"]), help="Open and closed interchange; secret is for ever."
)
@click.option("--language", help="Language of the group, such as en or de.")
@click.option("--threads", type=click.Choice(forum_groups.THREADS), help="What threads may be.")
@click.option("--slow-mode", type=click.IntRange(0, forum_groups.SLOWEST), help="Seconds between two comments; 0: off.")
@click.option("--listed/--unlisted", default=None, help="Whether the directory has it.")
@click.option("--join-prompt", help="What whoever asks to join a closed group has to answer.")
@click.option("--hue", type=click.IntRange(0, 359), help="Angle of its accent on the colour wheel.")
def edit(console: Console, name: str, **given: Any) -> None:
    """Change what a group is called and what may be done in it.

    \b
    Examples:
      folkmoot group edit garden --comments boosted
      folkmoot group edit garden --outsiders-may-not-start
    """
    wanted = {key: value for key, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("Say what to change, such as --title 'The garden'.")

    def change(work: Work) -> GroupRow:
        found, actor = finding.our_group(work, name)
        forum_groups.edit_group(work, found, **wanted)
        return _row(work, actor.id)

    card = console.write(change)
    console.answer(card, f"Changed {card.title}: {', '.join(wanted).replace('_', ' ')}.")


@verb(group, "join")
@click.argument("name")
@click.argument("person")
@click.option("--role", type=click.Choice(forum_members.ROLES), default="member", help="Their part in the group.")
@click.option("--reason", default="", help="Why, for the record; with a change of roles.")
def join(console: Console, name: str, person: str, role: str, reason: str) -> None:
    """Make someone a member, or give a member another part.

    \b
    Examples:
      folkmoot group join garden ben
      folkmoot group join garden ben --role moderator
      folkmoot group join garden pest@elsewhere.example --role banned --reason "advertising"
    """

    def let_in(work: Work) -> dict[str, str]:
        found, _ = finding.our_group(work, name)
        actor = finding.anybody(work, person)
        known = groups.membership(work, found.actor_id, actor.id)
        if role == "banned" or (known is not None and known.role != role):
            forum_members.set_role(work, None, found, actor, role, reason)
        else:
            forum_members.join(work, actor, found, role=role)
        return {"group": name, "person": person, "role": role}

    done = console.write(let_in)
    console.answer(done, f"{person} is {role} of {name}.")


@verb(group, "rename")
@click.argument("name")
@click.argument("handle")
def rename(console: Console, name: str, handle: str) -> None:
    """Give a group another handle. The old one leads on to it for ever, and its addresses stay.

    \b
    Example:
      folkmoot group rename garden orchard
    """

    def change(work: Work) -> GroupRow:
        found, actor = finding.our_group(work, name)
        forum_groups.rename_group(work, None, found, handle)
        return _row(work, actor.id)

    card = console.write(change)
    console.answer(card, f"{card.title} is @{card.name} from now on: {card.uri}")


@verb(group, "archive")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--undo", is_flag=True, help="Open it again.")
def archive(console: Console, name: str, reason: str, undo: bool) -> None:
    """End what is said in a group; it can be read on, and opened again with --undo.

    \b
    Examples:
      folkmoot group archive garden --reason "the lane is sold"
      folkmoot group archive garden --undo
    """

    def change(work: Work) -> GroupRow:
        found, actor = finding.our_group(work, name)
        forum_groups.archive_group(work, None, found, reason, archived=not undo)
        return _row(work, actor.id)

    card = console.write(change)
    console.answer(card, f"{card.title} is {'open again' if undo else 'archived'}.")


@verb(group, "secret")
@click.argument("name")
@click.option("--sure", required=True, metavar="NAME", help="The handle once more: it cannot be taken back.")
@click.option("--reason", default="", help="Why, for the record.")
def secret(console: Console, name: str, sure: str, reason: str) -> None:
    """Make a group secret, with its parts, for ever: its members here alone know of it from then on.

    \b
    Example:
      folkmoot group secret board --sure board --reason "names of donors"
    """
    _end(console, name, lambda work, found: withdrawals.make_secret(work, None, found, sure, reason))
    console.answer({"group": name, "privacy": "secret"}, f"{name} is secret.")


@verb(group, "delete")
@click.argument("name")
@click.option("--sure", required=True, metavar="NAME", help="The handle once more: it cannot be taken back.")
@click.option("--reason", default="", help="Why, for the record.")
def delete(console: Console, name: str, sure: str, reason: str) -> None:
    """Delete a group, its parts and every word in them. Its handle is never given again.

    \b
    Example:
      folkmoot group delete spam --sure spam --reason "advertising"
    """
    _end(console, name, lambda work, found: withdrawals.delete_group(work, None, found, sure, reason))
    console.answer({"group": name, "deleted": True}, f"{name} is deleted.")


def _end(console: Console, name: str, how: Callable[[Work, Group], None]) -> None:
    """Does it, and then each of the pieces that it takes, so that what other servers are told waits for the worker."""

    async def act(parts: Parts) -> None:
        await parts.node.storage.write(lambda work: how(work, finding.our_group(work, name)[0]))
        while await parts.node.storage.write(withdrawals.carry_on):
            pass
        while await parts.node.storage.write(upkeep.take_back_more):
            pass
        await console.write_in(parts, lambda work: None)

    console.act(act)


def _row(work: Work, group_id: int) -> GroupRow:
    [row] = seen.groups(work, actor_id=group_id)
    return row
