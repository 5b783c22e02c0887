"""Accounts of ours that are the same as others elsewhere, and that move."""

from dataclasses import dataclass

import click

from node.app import Parts
from node.cli import finding
from node.cli.console import Console, Trouble, verb
from node.forum import moving
from storage import people
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Place:
    """An account of ours, and where else the same one is."""

    name: str
    aliases: tuple[str, ...]
    moved_to: str | None


def _place(work: Work, actor_id: int) -> Place:
    actor = people.by_id(work, actor_id)
    return Place(actor.name, tuple(actor.also_known_as or ()), actor.moved_to)


@verb(name="alias")
@click.argument("name")
@click.argument("address", required=False)
@click.option("--drop", is_flag=True, help="It is not the same account any more.")
def alias(console: Console, name: str, address: str | None, drop: bool) -> None:
    """Say which account elsewhere is the same as a person or group of ours, so that it can move here.

    Without ADDRESS, which is @name@host or a URL, lists what was said so far. The move itself is started over there.

    \b
    Examples:
      folkmoot alias ana @ana@old.example
      folkmoot alias garden https://old.example/c/garden --drop
      folkmoot alias ana
    """

    async def act(parts: Parts) -> Place:
        actor_id = await parts.node.storage.read(lambda work: finding.our_actor(work, name).id)
        if address is None:
            return await parts.node.storage.read(_place, actor_id)
        other_id = None if drop and "://" in address else await parts.node.network.find_actor(address)

        def change(work: Work) -> Place:
            actor = people.by_id(work, actor_id)
            if drop:
                moving.drop_alias(work, actor, address if other_id is None else people.by_id(work, other_id).uri)
            elif other_id is not None:
                moving.add_alias(work, actor, people.by_id(work, other_id))
            return _place(work, actor_id)

        return await console.write_in(parts, change)

    done = console.act(act)
    told = [f"{done.name} is also {uri}" for uri in done.aliases] or [f"{done.name} is nobody else."]
    console.answer(done, told)


@verb(name="move")
@click.argument("name")
@click.argument("address", required=False)
@click.option("--reason", default="", help="Why, for the record of a group.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--stay", is_flag=True, help="It did not move after all: the account is in use again.")
def move(console: Console, name: str, address: str | None, reason: str, yes: bool, stay: bool) -> None:
    """Move a person or group of ours to an account elsewhere, with everybody who follows.

    The account at ADDRESS, which is @name@host or a URL, has to name ours as the same one first. From then on ours says
    nothing more, and a group is archived. Started again, it goes on where it was interrupted.

    \b
    Examples:
      folkmoot move ana @ana@new.example
      folkmoot move garden https://new.example/c/garden --yes
      folkmoot move ana --stay
    """
    if stay == (address is not None):
        raise click.UsageError("Say where to, or --stay.")
    if not stay and not yes:
        click.confirm(
            f"Move {name} to {address}? Its followers are led there, and it says nothing more here", abort=True
        )

    async def act(parts: Parts) -> Place:
        actor_id, uri = await parts.node.storage.read(_ours, name)
        if address is None:
            return await console.write_in(parts, lambda work: _stay(work, actor_id))
        target_id = await parts.node.network.find_actor(address)
        await parts.node.network.must_agree(uri, target_id)
        done = await console.write_in(parts, lambda work: _move(work, actor_id, target_id, reason))
        await parts.node.network.lead_followers(uri, done.moved_to or "")
        return done

    done = console.act(act)
    where = (
        f"moved to {done.moved_to}"
        if done.moved_to is not None
        else "is in use again; whoever was led away stays there"
    )
    console.answer(done, f"{done.name} {where}.")


def _ours(work: Work, name: str) -> tuple[int, str]:
    actor = finding.our_actor(work, name)
    return actor.id, actor.uri


def _move(work: Work, actor_id: int, target_id: int, reason: str) -> Place:
    moving.move_away(work, people.by_id(work, actor_id), people.by_id(work, target_id), by=None, reason=reason)
    return _place(work, actor_id)


def _stay(work: Work, actor_id: int) -> Place:
    actor = people.by_id(work, actor_id)
    if actor.moved_to is None:
        raise Trouble(f"{actor.name} did not move")
    moving.stay(work, actor)
    return _place(work, actor_id)
