"""People of other servers: found, refreshed, following, leaving."""

from datetime import timedelta

from federation.activities import Activity
from federation.actors import RemoteActor
from federation.addresses import authority, canonical
from federation.budget import Budget
from federation.documents import Document
from federation.errors import FederationError, Gone, Malformed, Refused
from node.fediverse.fetching import fetch_object
from node.forum import people as forum_people
from node.forum import text
from node.forum.errors import NotFound, Refusal
from node.forum.people import Profile
from node.node import Node
from storage import people, visibility
from storage.schema import Actor
from storage.work import Work

FRESH = timedelta(hours=24)  # as long as Mastodon believes an actor's document


def profile_of(remote: RemoteActor) -> Profile:
    """What an actor's document says, with its HTML made safe."""
    host = authority(remote.id)
    return Profile(
        uri=remote.id,
        kind=remote.type.lower(),
        name=remote.preferred_username or remote.id.rsplit("/", 1)[-1][:60] or host,
        display_name=remote.name or "",
        summary=_summary(remote),
        url=remote.url,
        inbox=remote.inbox,
        shared_inbox=remote.shared_inbox,
        outbox=remote.outbox,
        followers=remote.followers,
        following=remote.following,
        featured=remote.featured,
        moderators=remote.moderators,
        icon_url=remote.icon_url,
        discoverable=remote.discoverable,
        indexable=remote.indexable,
        manually_approves=remote.manually_approves,
        host=host,
        keys=tuple((key.id, key.pem) for key in remote.keys),
        also_known_as=remote.also_known_as,
        moved_to=remote.moved_to,
    )


def _summary(remote: RemoteActor) -> str:
    try:
        return text.from_html(remote.summary).html if remote.summary else ""
    except text.TextRefused:
        return ""  # too long or too deep to be shown; whoever it describes is still somebody (XSS-11)


async def find_actor(node: Node, address: str, budget: Budget | None = None) -> int:
    """The actor of `@name@host` or of a URL, remembered here; raises NotFound in words a person may read."""
    budget = budget or Budget()
    address = address.strip()
    try:
        if "://" in address:
            uri = canonical(address, development=node.settings.development)
        else:
            handle = address.lstrip("@")
            known = await node.storage.read(_known_handle, handle)
            if known is not None:
                return known
            uri, _ = await node.client.finger(handle, budget)
        return await fetch_actor(node, uri, budget)
    except FederationError as error:
        # One answer for all of it: else it would tell what lies inside our network (SSR-21).
        raise NotFound(
            "Nobody can be found at %(address)s. Look at the spelling, or try again later: their server may be silent"
            " just now.",
            address=address,
        ) from error


def _known_handle(work: Work, handle: str) -> int | None:
    actor = people.by_handle(work, handle, work.origin.split("://", 1)[1])
    return actor.id if actor is not None and actor.state == "active" else None


async def fetch_actor(node: Node, uri: str, budget: Budget, *, fresh: bool = False) -> int:
    """The actor of that id: as remembered while that is fresh, else as its server says now."""
    known = await node.storage.read(_known, uri)
    if known is not None:
        actor_id, is_fresh = known
        if is_fresh and not fresh:
            return actor_id
    if uri.startswith(f"{node.settings.origin}/"):
        raise Refused("It is ours, and there is no such actor here.")
    try:
        document = await fetch_object(node, uri, budget)
    except Gone:
        raise
    except FederationError:
        if known is not None and not fresh:
            return known[0]  # what we remember is better than nothing
        raise
    return await node.storage.write(_meet, profile_of(_speaking_of(document, uri)))


async def ask_actor(node: Node, uri: str, budget: Budget) -> RemoteActor:
    """What the actor's own server says of it now, which is remembered too."""
    if authority(uri) == node.settings.authority:
        raise Refused("It is ours.")
    remote = _speaking_of(await fetch_object(node, uri, budget), uri)
    await node.storage.write(_meet, profile_of(remote))
    return remote


def _speaking_of(document: Document, uri: str) -> RemoteActor:
    remote = RemoteActor.parse(document)
    if remote.id != uri and authority(remote.id) != authority(uri):
        raise Refused("The document speaks of an actor of another server.")
    return remote


def _known(work: Work, uri: str) -> tuple[int, bool] | None:
    actor = people.by_uri(work, uri)
    if actor is None or not visibility.is_shown(work, actor):
        return None
    return actor.id, actor.local or (actor.refreshed_at is not None and work.now - actor.refreshed_at < FRESH)


def _meet(work: Work, profile: Profile) -> int:
    return forum_people.meet(work, profile).id


# ------------------------------------------------------------------ follows


def receive_follow(work: Work, activity: Activity, sender: Actor) -> str:
    """Someone follows one of ours, and is answered each time they ask."""
    target = _ours(work, activity.object_id)
    try:
        forum_people.follow(work, sender, target, uri=activity.id)
    except Refusal as refusal:
        forum_people.drop_follower(work, sender, target)
        return f"rejected: {refusal}"
    return f"{sender.handle} follows {target.name}"


def undo_follow(work: Work, undone: Activity, sender: Actor) -> str:
    """They follow no longer."""
    target = people.by_uri(work, undone.object_id) if undone.object_id else None
    if target is None or not target.local:
        follow = people.follow_by_uri(work, undone.id) if undone.id else None
        if follow is None or follow.follower_id != sender.id:
            if undone.id:
                people.bury(work, undone.id, sender.uri, "activity")
            return "no such follow; its id is kept out"
        target = people.by_id(work, follow.target_id)
    forum_people.unfollow(work, sender, target, uri=undone.id)
    return f"{sender.handle} no longer follows {target.name}"


def receive_accept(work: Work, activity: Activity, sender: Actor) -> str:
    """The target of a Follow of ours says yes; an Accept by anybody else changes nothing (AUT-21)."""
    return _answer(work, activity, sender, accepted=True)


def receive_reject(work: Work, activity: Activity, sender: Actor) -> str:
    """The target of a Follow of ours says no; NodeBB also rejects what it could not read, which changes nothing."""
    return _answer(work, activity, sender, accepted=False)


def undo_accept(work: Work, undone: Activity, sender: Actor) -> str:
    """The target takes its yes back."""
    return _answer(work, undone, sender, accepted=False)


def _answer(work: Work, activity: Activity, sender: Actor, *, accepted: bool) -> str:
    inner = activity.inner()
    follow = people.follow_by_uri(work, activity.object_id) if activity.object_id else None
    if follow is None and inner is not None and inner.type == "Follow" and inner.object_id in (sender.uri, None):
        follower = people.by_uri(work, inner.actor)  # some answer with the Follow, but not its id
        follow = people.follow_of(work, follower.id, sender.id) if follower is not None else None
    if follow is None or follow.target_id != sender.id:
        return "answers no follow of ours"
    follower = people.by_id(work, follow.follower_id)
    if not follower.local:
        return "answers no follow of ours"
    forum_people.settle_follow(work, follower, sender, accepted=accepted)
    return f"{sender.handle} {'accepts' if accepted else 'rejects'} {follower.name}"


def _ours(work: Work, uri: str | None) -> Actor:
    actor = people.by_uri(work, uri) if uri else None
    if actor is None or not actor.local or actor.state != "active" or actor.kind == "application":
        raise NotFound("There is no such actor here.")
    if not visibility.is_shown(work, actor):  # answered like one that is not there: with nothing
        raise NotFound("There is no such actor here.")
    return actor


# ------------------------------------------------------------------ actors that change or leave


def receive_actor_update(work: Work, activity: Activity, sender: Actor) -> str:
    """An actor says of itself what is new; it came signed by its own key."""
    if not isinstance(activity.object, dict):
        return "says nothing new"
    remote = RemoteActor.parse(activity.object)
    if remote.id != sender.uri or remote.type.lower() != sender.kind:
        raise Malformed("An actor may only update itself.")
    forum_people.meet(work, profile_of(remote))
    return f"{sender.handle} updated"


def receive_actor_delete(work: Work, activity: Activity, sender: Actor) -> str:
    """An actor is gone, with all its words."""
    del activity
    forum_people.farewell(work, sender)
    return f"{sender.handle} is gone"
