"""Who is in a group, at the console: members, invitations, requests, the join link. Groups themselves: groups.py."""

from dataclasses import dataclass

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, verb
from node.cli.groups import group as group
from node.forum import invitations, joining
from node.forum import members as forum_members
from storage import invitations as stored
from storage import members as stored_members
from storage import people
from storage.invitations import OpenInvitation, Request
from storage.members import Page
from storage.work import Work

ROLES = (*forum_members.ROLES,)


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who was invited."""

    group: str
    to: str
    role: str


@verb(group, "members")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="Only those with this part, such as banned.")
@click.option("--search", default="", help="Only those whose name or handle has these words.")
@click.option("--page", "number", type=click.IntRange(1), default=1, help="Sixty on each.")
def members(console: Console, name: str, role: str | None, search: str, number: int) -> None:
    """List who is in a group, with their parts and titles.

    \b
    Examples:
      folkmoot group members garden
      folkmoot group members garden --role banned
    """
    roles = [role] if role else ["admin", "moderator", "member", "guest"]

    def look(work: Work) -> Page:
        _, actor = finding.our_group(work, name)
        return stored_members.page(work, actor.id, roles=roles, words=search, number=number)

    page = console.read(look)
    console.table(
        page.entries,
        ("handle", "name", "part", "title", "since"),
        [(it.person.handle, it.person.name, it.role, it.title, it.joined_at.date()) for it in page.entries],
    )
    if page.pages > 1:
        console.note(f"page {page.number} of {page.pages}; the next: --page {page.number + 1}")


@verb(group, "title")
@click.argument("name")
@click.argument("person")
@click.argument("title")
def title(console: Console, name: str, person: str, title: str) -> None:
    """Say what a member is in the group, in words of its own; an empty TITLE takes it away.

    \b
    Example:
      folkmoot group title garden ben "Treasurer"
    """

    def give(work: Work) -> dict[str, str]:
        found, _ = finding.our_group(work, name)
        forum_members.set_title(work, None, found, finding.anybody(work, person), title)
        return {"group": name, "person": person, "title": title}

    done = console.write(give)
    console.answer(done, f"{person} is {title or 'without a title'} in {name}.")


@verb(group, "remove")
@click.argument("name")
@click.argument("person")
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--unban", is_flag=True, help="Lift a ban instead.")
def remove(console: Console, name: str, person: str, reason: str, unban: bool) -> None:
    """End somebody's membership, or lift a ban. They may follow on; to keep them out: group join --role banned.

    \b
    Examples:
      folkmoot group remove garden ben --reason "moved away"
      folkmoot group remove garden pest@elsewhere.example --unban
    """

    def end(work: Work) -> dict[str, str]:
        found, _ = finding.our_group(work, name)
        act = forum_members.unban if unban else forum_members.remove_member
        act(work, None, found, finding.anybody(work, person), reason)
        return {"group": name, "person": person}

    done = console.write(end)
    console.answer(done, f"{person} is {'not banned from' if unban else 'no longer in'} {name}.")


# ------------------------------------------------------------------ invitations


@verb(group, "invite")
@click.argument("name")
@click.argument("whom", nargs=-1, required=True)
@click.option("--words", default="", help="A few words to them.")
@click.option("--role", type=click.Choice(["member", "moderator"]), default="member", help="Their part in the group.")
@click.option("--by", "inviter", help="The person who invites; else the node.")
def invite(console: Console, name: str, whom: tuple[str, ...], words: str, role: str, inviter: str | None) -> None:
    """Invite people into a group. WHOM are e-mail addresses, or handles: @ana here, @ana@coop.example elsewhere.

    \b
    Examples:
      folkmoot group invite garden ben@coop.example eva@coop.example --words "Come and dig!"
      folkmoot group invite garden @maria@mastodon.example --by ana
    """

    async def act(parts: Parts) -> list[Invited]:
        network, storage = parts.node.network, parts.node.storage
        await storage.read(finding.our_group, name)  # before the network is asked
        handles = [it for it in whom if it.startswith("@")]
        known = [await network.find_actor(handle) for handle in handles]
        addresses = [it for it in whom if not it.startswith("@")]
        listed = invitations.addresses("\n".join(addresses)) if addresses else []

        def send(work: Work) -> list[Invited]:
            found, _ = finding.our_group(work, name)
            by = finding.our_person(work, inviter) if inviter else None
            invitations.invite_by_mail(work, by, found, listed, words=words, role=role)
            for actor_id in known:
                invitations.invite_actor(work, by, found, people.by_id(work, actor_id), words=words, role=role)
            return [Invited(name, to, role) for to in (*listed, *handles)]

        return await console.write_in(parts, send)

    sent = console.act(act)
    console.answer(sent, [f"Invited {it.to} into {it.group}." for it in sent])


@verb(group, "invitations")
@click.argument("name")
@click.option("--revoke", type=int, metavar="ID", help="Take one of them back.")
def list_invitations(console: Console, name: str, revoke: int | None) -> None:
    """List the invitations that nobody answered yet, or take one back.

    \b
    Examples:
      folkmoot group invitations garden
      folkmoot group invitations garden --revoke 12
    """

    def act(work: Work) -> list[OpenInvitation]:
        found, actor = finding.our_group(work, name)
        if revoke is not None:
            invitation = stored.by_id(work, revoke)
            if invitation is None or invitation.group_id != found.actor_id:
                raise Trouble(f"there is no invitation {revoke} into {name}; see: folkmoot group invitations {name}")
            invitations.revoke(work, None, invitation)
        return stored.of_group(work, actor.id)

    waiting = console.write(act) if revoke is not None else console.read(act)
    console.table(
        waiting,
        ("id", "to", "part", "from", "until"),
        [
            (
                it.id,
                it.email or (it.invited.handle if it.invited else ""),
                it.role,
                it.inviter.handle if it.inviter else "",
                it.expires_at.date(),
            )
            for it in waiting
        ],
    )


@verb(group, "link")
@click.argument("name")
@click.option("--reset", "act", flag_value="reset", help="Make a new link; the one before is worth nothing then.")
@click.option("--off", "act", flag_value="off", help="Switch it off.")
def link(console: Console, name: str, act: str | None) -> None:
    """Show the link with which whoever has it joins a group; make a new one, or switch it off.

    \b
    Examples:
      folkmoot group link garden --reset
      folkmoot group link garden --off
    """

    def settle(work: Work) -> dict[str, str | None]:
        found, _ = finding.our_group(work, name)
        if act == "reset":
            joining.reset_join_link(work, None, found)
        elif act == "off":
            joining.switch_off_join_link(work, None, found)
        address = f"{work.origin}/join/{found.join_token}" if found.join_token else None
        return {"group": name, "link": address}

    done = console.write(settle) if act else console.read(settle)
    console.answer(done, done["link"] or f"{name} has no join link.")


@verb(group, "requests")
@click.argument("name")
@click.option("--approve", metavar="PERSON", help="Let somebody in.")
@click.option("--ignore", metavar="PERSON", help="Leave somebody outside, who is told nothing.")
def requests(console: Console, name: str, approve: str | None, ignore: str | None) -> None:
    """List who asks to be let into a group, or answer one of them.

    \b
    Examples:
      folkmoot group requests garden
      folkmoot group requests garden --approve ben
    """
    if approve and ignore:
        raise click.UsageError("Answer one at a time: --approve or --ignore.")

    def act(work: Work) -> list[Request]:
        _, actor = finding.our_group(work, name)
        person = approve or ignore
        if person:
            asked = stored.request_of(work, actor.id, finding.anybody(work, person).id)
            if asked is None or asked.state != "waiting":
                raise Trouble(f"{person} does not ask to be let into {name}; see: folkmoot group requests {name}")
            joining.decide(work, None, asked, approved=bool(approve))
        return stored.waiting_requests(work, actor.id)

    waiting = console.write(act) if approve or ignore else console.read(act)
    console.table(
        waiting,
        ("handle", "name", "since", "words"),
        [(it.person.handle, it.person.name, it.created_at.date(), it.words[:60]) for it in waiting],
    )
