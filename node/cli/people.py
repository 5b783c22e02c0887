"""People at the console, and who follows whom."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, verb
from node.forum import accounts, blocking, second_factors
from node.forum import people as forum_people
from storage import accounts as stored_accounts
from storage import blocks, people
from storage import console as seen
from storage.accounts import PersonRow as SeenByAdmin
from storage.console import PersonRow
from storage.schema import Actor
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
@click.option("--email", help="Their e-mail address: they can sign in, and get a link to choose a password.")
@click.option("--link", is_flag=True, help="They can sign in: prints the link with which they choose a password.")
@click.option("--admin", is_flag=True, help="They run this node. With --email or --link.")
def create(
    console: Console,
    name: str,
    display_name: str,
    about: str,
    language: str | None,
    email: str | None,
    link: bool,
    admin: bool,
) -> None:
    """Make a person. NAME is their handle, which they keep for ever: @NAME@this.node.

    With --email or --link they can sign in; without, they speak at the console alone.

    \b
    Examples:
      folkmoot person create ana --display-name "Ana Lima" --email ana@coop.example
      folkmoot person create mira --admin --link
      folkmoot person create bot
    """
    if admin and not (email or link):
        raise click.UsageError("An admin has to sign in: say --email or --link as well.")

    def make(work: Work) -> tuple[PersonRow, str | None]:
        made = forum_people.create_person(work, name, display_name=display_name, summary=about, language=language)
        secret = accounts.make(work, made, email=email, admin=admin) if email or link else None
        return _row(work, made.id), secret

    made, secret = console.write(make)
    told = _as_told(made) | _link(console, secret, email, shown=link)
    console.answer(told, [f"Made {made.display_name}: {made.uri}", *_link_in_words(told, email)])


def _as_told(row: PersonRow) -> dict[str, Any]:
    return dataclasses.asdict(row)


def _link(console: Console, secret: str | None, email: str | None, *, shown: bool) -> dict[str, Any]:
    """The link, where it was asked for or cannot be mailed."""
    chosen = console.settings()
    mailed = email is not None and bool(chosen.smtp_url or chosen.development)
    if secret is None or (mailed and not shown):
        return {}
    return {"link": f"{chosen.origin}/welcome/{secret}"}


def _link_in_words(told: dict[str, Any], email: str | None) -> list[str]:
    if "link" in told:
        return ["With this link they choose a password; it works once, for seven days:", f"  {told['link']}"]
    return [f"A link to choose a password is mailed to {email}."] if email else []


@verb(person, "reset")
@click.argument("name")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--link", is_flag=True, help="Print the link also if it is mailed.")
def reset(console: Console, name: str, reason: str, link: bool) -> None:
    """Sign someone out everywhere, and give them a link with which they choose a new password.

    Their old password works no longer. A second factor stays; whoever lost theirs and has no recovery code gets in
    again with --no-second-factor of `person edit`.

    \b
    Example:
      folkmoot person reset ana
    """

    def act(work: Work) -> tuple[str, str | None]:
        actor = finding.our_person(work, name)
        secret = accounts.reset(work, None, actor, reason)
        return secret, accounts.must_have_account(work, actor).email

    secret, email = console.write(act)
    told = {"name": name} | _link(console, secret, email, shown=link)
    console.answer(told, [f"{name} is signed out everywhere.", *_link_in_words(told, email)])


@verb(person, "promote")
@click.argument("name")
@click.option("--demote", is_flag=True, help="Take the rights away again.")
@click.option("--reason", default="", help="Why, for the record.")
def promote(console: Console, name: str, demote: bool, reason: str) -> None:
    """Make someone an admin of the node, or one no longer. They sign in anew.

    \b
    Examples:
      folkmoot person promote ana
      folkmoot person promote ana --demote --reason "on leave"
    """

    def act(work: Work) -> dict[str, Any]:
        actor = finding.our_person(work, name)
        accounts.set_admin(work, None, actor, reason, admin=not demote)
        return {"name": actor.name, "admin": not demote}

    done = console.write(act)
    console.answer(done, f"{done['name']} is {'an admin' if done['admin'] else 'no admin any more'}.")


@verb(person, "block")
@click.argument("name")
@click.argument("target")
def block(console: Console, name: str, target: str) -> None:
    """Fold away what TARGET says for NAME, who wants nothing more of them. TARGET is here or on another server.

    \b
    Examples:
      folkmoot person block ana ben
      folkmoot person block ana @troll@other.example
    """
    console.answer(*_block(console, name, target, blocking.block, "wants nothing more of"))


@verb(person, "unblock")
@click.argument("name")
@click.argument("target")
def unblock(console: Console, name: str, target: str) -> None:
    """Take back that NAME blocked TARGET. Follows that it ended stay ended.

    \b
    Example:
      folkmoot person unblock ana @troll@other.example
    """
    console.answer(*_block(console, name, target, blocking.unblock, "does not block, any more,"))


def _block(
    console: Console, name: str, target: str, act: Callable[[Work, Actor, Actor], None], words: str
) -> tuple[dict[str, str], str]:
    def do(work: Work) -> dict[str, str]:
        actor, other = finding.our_person(work, name), finding.anybody(work, target)
        act(work, actor, other)
        return {"name": actor.name, "target": other.name if other.local else other.handle}

    done = console.write(do)
    return done, f"{done['name']} {words} {done['target']}."


@verb(person, "blocks")
@click.argument("name")
def list_blocks(console: Console, name: str) -> None:
    """Whom someone blocked.

    \b
    Example:
      folkmoot person blocks ana
    """
    found = console.read(lambda work: blocks.blocked_by(work, finding.our_person(work, name).id))
    rows = [BlockRow(one.person.handle, one.person.name, one.person.uri, one.since.isoformat()) for one in found]
    console.table(rows, ("handle", "name", "since"), [(row.handle, row.name, row.since) for row in rows])


@dataclass(frozen=True, slots=True)
class BlockRow:
    handle: str
    name: str
    uri: str
    since: str


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

    def look(work: Work) -> tuple[PersonRow, SeenByAdmin | None]:
        found = finding.our_person(work, name)
        return _row(work, found.id), stored_accounts.person(work, found.name)

    row, seen_by_admin = console.read(look)
    account = {
        "can_sign_in": seen_by_admin is not None and seen_by_admin.can_sign_in,
        "email": seen_by_admin.email if seen_by_admin is not None else None,
        "admin": seen_by_admin is not None and seen_by_admin.admin,
        "second_factor": seen_by_admin is not None and seen_by_admin.second_factor,
    }
    console.answer(
        _as_told(row) | account,
        [
            f"{row.display_name}  @{row.name}  {row.uri}",
            f"{row.state}, since {row.created_at:%Y-%m-%d}; in {row.groups} groups, {row.followers} followers, "
            f"{row.items} items",
            *([row.summary] if row.summary else []),
            _account_in_words(account),
        ],
    )


def _account_in_words(account: dict[str, Any]) -> str:
    if not account["can_sign_in"]:
        return "Cannot sign in; to change that: folkmoot person reset NAME"
    words = ["Can sign in", account["email"] or "no e-mail address"]
    words += ["admin of the node"] * account["admin"] + ["with a second factor"] * account["second_factor"]
    return "; ".join(words)


@verb(person, "edit")
@click.argument("name")
@click.option("--display-name", help="What they call themselves.")
@click.option("--about", help="A few sentences, in Markdown; empty takes them away.")
@click.option("--no-second-factor", is_flag=True, help="Take an authenticator app away that was lost, with its codes.")
def edit(console: Console, name: str, display_name: str | None, about: str | None, no_second_factor: bool) -> None:
    """Change what someone is called or says of themselves. Copies on other servers are updated.

    \b
    Example:
      folkmoot person edit ana --about "Gardener, *Porto*."
    """
    if display_name is None and about is None and not no_second_factor:
        raise click.UsageError("Say what to change: --display-name, --about, --no-second-factor.")

    def change(work: Work) -> PersonRow:
        actor = finding.our_person(work, name)
        if display_name is not None or about is not None:
            forum_people.edit_actor(work, actor, display_name=display_name, summary=about)
        if no_second_factor:
            second_factors.turn_off_app(work, actor)
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
        if actor.local and actor.kind == "person":
            accounts.suspend(work, None, actor, reason, suspended=not lift)
        else:
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
        accounts.erase(work, finding.our_person(work, name))
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
