"""Accounts of other servers that move: both ends are asked, and then those of ours who follow are brought along."""

from dataclasses import dataclass

from federation.activities import Activity
from federation.addresses import authority
from federation.budget import Budget
from federation.errors import FederationError, Gone, Refused
from federation.inbox import Received
from node.fediverse import people as fediverse_people
from node.forum import moving
from node.forum.errors import NotAllowed, NotFound
from node.node import Node
from storage import people, visibility
from storage.schema import Actor
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Moved:
    """Where an actor moved, by the id that its new self has."""

    target: str


async def gather(node: Node, received: Received, budget: Budget) -> Moved:
    """Asks the old actor whether it moved and the new one whether it is the same; Refused unless both say so (AUT-33).

    Nothing that was remembered is believed: an account may have come back, or been taken by somebody else.
    """
    activity = received.activity
    if activity.object_id != activity.actor:
        raise Refused("an actor moves itself alone")
    if activity.target is None or activity.target == activity.actor:
        raise Refused("it moves nowhere")
    try:
        old = await fediverse_people.ask_actor(node, activity.actor, budget)
    except Gone:
        raise Refused("the old account is gone: it says nothing any more") from None
    if old.id != activity.actor:
        raise Refused("the old account has another id now")
    if authority(activity.target) == node.settings.authority:
        target, aliases, moved_on = await node.storage.read(_ours, activity.target)
    else:
        try:
            new = await fediverse_people.ask_actor(node, activity.target, budget)
        except Gone:
            raise Refused("the new account is gone") from None
        target, aliases, moved_on = new.id, new.also_known_as, new.moved_to is not None
    if old.moved_to != target:
        raise Refused("the old account does not say that it moved there")
    if activity.actor not in aliases:
        raise Refused("the new account does not say that it is the same one")
    if moved_on:
        raise Refused("the new account moved away itself")
    return Moved(target)


def _ours(work: Work, uri: str) -> tuple[str, tuple[str, ...], bool]:
    actor = people.by_uri(work, uri)
    if actor is None or not actor.local or actor.state != "active" or not visibility.is_shown(work, actor):
        raise NotFound("There is no such actor here.")
    return actor.uri, tuple(actor.also_known_as or ()), actor.moved_to is not None


def receive_move(work: Work, activity: Activity, sender: Actor, moved: Moved) -> str:
    """The sender is another account now, here as well."""
    new = people.by_uri(work, moved.target)
    if new is None:
        raise NotFound("The new account is not known here.")
    before = sender.moved_to
    moving.take(work, sender, new)
    return f"{sender.handle} moved to {new.handle}" + (" before" if before == new.uri else "")


async def bring_along(node: Node, activity: Activity, moved: Moved) -> None:
    """Has everybody of ours who follows the old account follow the new one, some in each transaction."""
    await follow_through(node, activity.actor, moved.target)


async def follow_through(node: Node, old_uri: str, new_uri: str) -> None:
    """The same for an account of whichever server: what was interrupted goes on where it was."""
    after: int | None = 0
    while after is not None:
        after = await node.storage.write(_bring_some, old_uri, new_uri, after)


def _bring_some(work: Work, old_uri: str, new_uri: str, after: int) -> int | None:
    old, new = people.by_uri(work, old_uri), people.by_uri(work, new_uri)
    return moving.bring_along(work, old, new, after) if old is not None and new is not None else None


async def must_agree(node: Node, actor_uri: str, target_id: int, budget: Budget) -> None:
    """Asks the account to which one of ours wants to move whether it is the same, now; NotAllowed in words to read."""
    target = await node.storage.read(_uri_of, target_id)
    if authority(target) == node.settings.authority:
        aliases = (await node.storage.read(_ours, target))[1]
    else:
        try:
            aliases = (await fediverse_people.ask_actor(node, target, budget)).also_known_as
        except FederationError as error:
            raise NotFound("The other account cannot be asked right now. Try again in a while.") from error
    if actor_uri not in aliases:
        raise NotAllowed(
            "%(there)s does not say that it is the same account. Name %(here)s there first, as also yours.",
            there=target,
            here=actor_uri,
        )


def _uri_of(work: Work, actor_id: int) -> str:
    return people.by_id(work, actor_id).uri
