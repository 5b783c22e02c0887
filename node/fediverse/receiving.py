"""What we understand, on one screen; FEDERATION.md is checked against it by a test."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from federation import inbox
from federation.activities import Activity, url
from federation.addresses import authority
from federation.budget import Budget
from federation.documents import Document
from federation.errors import Refused
from federation.inbox import Received
from node.fediverse import following, hosts, moderation, moving, people, reactions, tending, threads
from node.fediverse.fetching import fetch_object
from node.forum import moderation as forum_moderation
from node.node import Node
from storage import hosts as stored_hosts
from storage import letters, limits
from storage import people as stored_people
from storage import threads as stored_threads
from storage.letters import Waiting
from storage.schema import Actor
from storage.work import Work

Receive = Callable[..., str]
Gather = Callable[[Node, Received, Budget], Awaitable[Any]]
Then = Callable[[Node, Activity, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handler:
    """What is done with an activity, after what has to be fetched for it was gathered, and what is too much at once."""

    receive: Receive
    gather: Gather | None = None
    then: Then | None = None  # after the commit; interrupted, the letter is read again


RECEIVES = {
    "Create": Handler(threads.receive_create, gather=threads.gather),
    "Update": Handler(threads.receive_update, gather=threads.gather),
    "Delete": Handler(threads.receive_delete),
    "Like": Handler(reactions.receive_like),
    "Dislike": Handler(reactions.receive_dislike),
    "EmojiReact": Handler(reactions.receive_emoji),
    "Announce": Handler(reactions.receive_boost, gather=following.gather_announced),
    "Follow": Handler(people.receive_follow),
    "Accept": Handler(people.receive_accept),
    "Reject": Handler(people.receive_reject),
    "Block": Handler(moderation.receive_block),
    "Flag": Handler(moderation.receive_flag),
    "Move": Handler(moving.receive_move, gather=moving.gather, then=moving.bring_along),
    "Add": Handler(tending.receive_add, gather=tending.gather),
    "Remove": Handler(tending.receive_remove),
    "Lock": Handler(tending.receive_lock),
}

UNDOES: dict[str, Receive] = {
    "Like": reactions.undo_like,
    "Dislike": reactions.undo_dislike,
    "EmojiReact": reactions.undo_emoji,
    "Announce": reactions.undo_boost,
    "Follow": people.undo_follow,
    "Accept": people.undo_accept,
    "Block": moderation.undo_block,
    "Lock": tending.undo_lock,
}

# Answered 202 and noted; what they ask for is not done yet.
NOTED = frozenset({"QuoteRequest"})

# What a group of another server may pass on in its Announce: words, which their own author's server confirms.
RELAYED = frozenset({"Create", "Update", "Delete"})


# One letter costs others at most 20 requests: the key took up to 3, and NodeInfo takes up to 4, once a day (FET-12).
FETCHES = 13


async def process(node: Node, letter: Waiting) -> str:
    """Does what a stored letter asks for and says in one line what came of it; Unreachable means later."""
    host = authority(letter.signer)
    blocked, asked = await node.storage.read(_standing, host)
    if blocked:
        # It was taken in while its server was being blocked: not read, and not lost.
        await node.storage.write(letters.park, letter.id, limits.WHY_PARKED)
        return limits.WHY_PARKED
    received = inbox.reopen(letter.body, letter.signer, letter.key_id)
    budget = Budget(fetches=FETCHES)
    if not asked:
        await hosts.get_to_know(node, host)
    brought = received.activity
    received = await _as_its_origin_says(node, received, budget)
    activity = received.activity
    handler = RECEIVES.get(activity.type)
    if activity.type != "Undo" and handler is None:
        return f"{activity.type}: {'noted' if activity.type in NOTED else 'not understood'}"
    if activity.type == "Update" and activity.object_id == activity.actor:
        await people.fetch_actor(node, activity.actor, budget)
        return await node.storage.write(_receive, received, people.receive_actor_update, None)
    if activity.type == "Delete" and activity.object_id == activity.actor:
        return await node.storage.write(_receive, received, threads.receive_delete, None)
    if activity.type != "Delete":  # of a Delete's actor, who may be gone, what is remembered is enough
        await people.fetch_actor(node, activity.actor, budget)
    try:
        gathered = await handler.gather(node, received, budget) if handler and handler.gather else None
    except Refused as refusal:
        return f"{activity.type}: {refusal}"
    if brought.type == "Announce" and isinstance(gathered, threads.Gathered):
        gathered = replace(gathered, passed_on_by=brought.actor)
    outcome = await node.storage.write(_receive, received, handler.receive if handler else _undo, gathered)
    if handler and handler.then:
        await handler.then(node, activity, gathered)
    return outcome


def _standing(work: Work, host: str) -> tuple[bool, bool]:
    """Whether we have nothing to do with the host, and whether we know what it runs."""
    return stored_hosts.is_blocked(work, host), stored_hosts.was_asked(work, host)


async def _as_its_origin_says(node: Node, received: Received, budget: Budget) -> Received:
    """A forwarded activity, or one that a group passes on, is asked for at its own server; the rest is proved."""

    async def fetch(uri: str) -> Document:
        return await fetch_object(node, uri, budget)

    activity = received.activity
    inner = activity.inner() if activity.type == "Announce" else None
    if inner is not None and inner.type in RELAYED and inner.actor != activity.actor:
        if inner.object_id == inner.actor:
            raise Refused("an actor speaks for itself")
        if authority(inner.actor) == node.settings.authority:
            raise Refused("a group tells us what our own members said")
        if not await node.storage.read(_is_about_us, inner):
            if inner.type == "Delete":
                return received  # all that the group can take away is what it passed on itself
            if not await node.storage.read(following.may_relay, activity.actor, inner):
                raise Refused("a group tells what concerns nothing here")
        return await inbox.confirm(inner, fetch)
    if received.forwarded:
        if activity.object_id == activity.actor:
            raise Refused("an actor speaks for itself")
        return await inbox.confirm(activity, fetch)
    return received


def _is_about_us(work: Work, activity: Activity) -> bool:
    """The activity is about an item here, or answers one."""
    about = activity.object if isinstance(activity.object, dict) else {}
    uris = [activity.object_id, url(about, "inReplyTo")]
    if any(uri is not None and stored_threads.comment_by_uri(work, uri) is not None for uri in uris):
        return True
    contexts = [seen for key in ("context", "conversation") if (seen := url(about, key)) is not None]
    return bool(contexts) and stored_threads.by_context(work, contexts) is not None


def _receive(work: Work, received: Received, receive: Receive, gathered: Any) -> str:
    """One letter, one transaction: the verb, and all that follows from it."""
    activity = received.activity
    if not _names_hidden(activity):
        work.cause = received  # what is passed on byte for byte
    sender = stored_people.by_uri(work, activity.actor)
    if sender is None:
        return f"{activity.type}: of nobody known here"
    if sender.local:
        raise Refused("nobody outside acts for our members")
    if sender.state == "deleted":
        return f"{activity.type}: its actor is gone"
    if sender.state == "suspended":
        return f"{activity.type}: its actor is suspended here"
    if stored_hosts.is_blocked(work, sender.host):
        return f"{activity.type}: its actor's server is blocked"
    arguments = (gathered,) if gathered is not None else ()
    return f"{activity.type}: {receive(work, activity, sender, *arguments)}"


def _names_hidden(activity: Activity) -> bool:
    """It says whom nobody should see it sent to (AUT-53): it is read, and not passed on."""
    inside = activity.object if isinstance(activity.object, dict) else {}
    return any(document.get(key) for document in (activity.raw, inside) for key in ("bto", "bcc"))


def _undo(work: Work, activity: Activity, sender: Actor) -> str:
    """Takes back what the sender did; what is undone is found by its id and this sender, never by what is claimed."""
    inner = activity.inner()
    if inner is not None and inner.actor != sender.uri:
        return "undoes what somebody else did"
    if inner is not None and inner.type in UNDOES:
        return UNDOES[inner.type](work, inner, sender)
    if activity.object_id is None:
        return "undoes nothing in particular"
    # Only an id: whatever of the sender's has it.
    bare = Activity.parse(
        {"id": activity.object_id, "type": "Undone", "actor": sender.uri, "object": activity.object_id}
    )
    if stored_people.follow_by_uri(work, activity.object_id) is not None:
        return people.undo_follow(work, bare, sender)
    if forum_moderation.lift_block_by_uri(work, sender, activity.object_id):
        return "a block taken back"
    return reactions.undo_boost(work, bare, sender)
