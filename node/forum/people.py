"""People, and actors of any kind: made here, met from elsewhere, following each other, gone."""

import re
from dataclasses import dataclass

from node.forum import remarks, rules, text, threads
from node.forum.errors import Invalid, NotAllowed
from node.forum.events import (
    ActorChanged,
    ActorErased,
    FollowAccepted,
    FollowRejected,
    FollowRequested,
    SessionsEnded,
    Unfollowed,
)
from storage import accounts, blocks, deliveries, groups, items, people, reactions, sessions, visibility
from storage import remarks as stored_remarks
from storage.schema import Act, Actor, Follow, Group, Handle
from storage.work import Work

NAME = re.compile(r"[a-z0-9_]{1,30}")  # what every server takes; Mastodon's own limit is 30
RESERVED = frozenset(
    (  # noqa: SIM905  a list of words reads better than a column of them
        "actor admin administrator a about abuse api attachment authorize_interaction comment css everyone "
        "explore feed feeds folkmoot g group groups help host hostmaster inbox info interact invitations join "
        "js livez login logout look mail media metrics mod moderator moderators new node nodeinfo notices "
        "null outbox post postmaster privacy readyz register robots root search security settings share "
        "shared sign sign_in sign_out signup sitemap static support system tags terms u undefined user users "
        "vote webfinger webmaster well_known"
    ).split()
)


def free_name(work: Work, name: str) -> str:
    """The handle in the form we keep; refuses one that is malformed, reserved, or was ever taken."""
    name = name.strip().lower().removeprefix("@")
    if not NAME.fullmatch(name):
        raise Invalid("A handle has 1 to 30 characters of a to z, 0 to 9 and _.", field="name")
    if name in RESERVED:
        raise Invalid("The handle %(name)s is reserved; choose another.", name=name, field="name")
    if people.name_taken(work, name):
        raise Invalid(
            "The handle %(name)s is taken, or once was; handles are never given again. Choose another.",
            name=name,
            field="name",
        )
    return name


def make_actor(work: Work, kind: str, name: str, display_name: str, summary: str, language: str | None) -> Actor:
    """A local actor with its addresses; its key is made when it first needs one."""
    uri = f"{work.origin}/{'g' if kind == 'group' else 'u'}/{name}"
    actor = Actor(
        uri=uri,
        kind=kind,
        local=True,
        host=work.origin.split("://", 1)[1],
        name=name,
        display_name=text.clean_name(display_name, 100) or name,
        summary=text.from_markdown(summary).html if summary else "",
        summary_source=summary or None,
        url=uri,
        inbox=f"{uri}/inbox",
        shared_inbox=f"{work.origin}/inbox",
        outbox=f"{uri}/outbox",
        followers=f"{uri}/followers",
        following=f"{uri}/following",
        featured=f"{uri}/featured",
        moderators=f"{uri}/moderators" if kind == "group" else None,
        language=language,
        created_at=work.now,
        updated_at=work.now,
    )
    work.add(actor)
    work.flush()
    work.add(Handle(name=name, actor_id=actor.id))
    work.flush()
    return actor


def make_node_actor(work: Work, name: str) -> Actor:
    """The actor of the node itself, who signs what we fetch; its name is the host, which nobody else can have."""
    uri = f"{work.origin}/actor"
    host = work.origin.split("://", 1)[1]
    actor = Actor(
        uri=uri,
        kind="application",
        local=True,
        host=host,
        name=host.partition(":")[0],
        display_name=text.clean_name(name, 100),
        url=f"{work.origin}/",
        inbox=f"{uri}/inbox",
        shared_inbox=f"{work.origin}/inbox",
        outbox=f"{uri}/outbox",
        discoverable=False,
        indexable=False,
        created_at=work.now,
        updated_at=work.now,
    )
    work.add(actor)
    work.flush()
    return actor


def create_person(
    work: Work, name: str, *, display_name: str = "", summary: str = "", language: str | None = None
) -> Actor:
    """A member of this node."""
    return make_actor(work, "person", free_name(work, name), display_name or name, summary, language)


def edit_actor(work: Work, actor: Actor, *, display_name: str | None = None, summary: str | None = None) -> None:
    """Changes what one of ours is called or says of itself."""
    if display_name is not None:
        actor.display_name = text.clean_name(display_name, 100) or actor.name
    if summary is not None:
        actor.summary_source, actor.summary = summary or None, text.from_markdown(summary).html if summary else ""
    actor.version += 1
    actor.updated_at = work.now
    work.flush()
    work.happened(ActorChanged(actor))


def erase_actor(work: Work, actor: Actor) -> None:
    """Deletes one of ours for good: words, name and follows; the handle is never given again."""
    if actor.state == "deleted":
        return
    for comment in items.standing_by(work, actor.id):
        threads.erase_comment(work, actor, comment)
    for remark in stored_remarks.by_author(work, actor.id):
        remarks.erase(work, actor, remark)
    # Whoever follows holds at least the profile, and their follow is gone before the Delete is written.
    deliveries.reach(work, actor.id, people.follower_inboxes(work, actor.id))
    work.happened(ActorErased(actor))
    ended = accounts.erase(work, actor.id)
    if ended:
        work.happened(SessionsEnded(actor.id, tuple(ended)))
    _strip(work, actor)
    work.add(Act(actor_id=None, verb="delete account", about=actor.uri, reason="", done_at=work.now))


def suspend(work: Work, actor: Actor, reason: str, *, suspended: bool = True, by: Actor | None = None) -> None:
    """Hides an actor, here or elsewhere, lets nothing more in from it and signs it out; or lets it back."""
    if actor.state == "deleted":
        raise NotAllowed("This account was deleted.")
    actor.state = "suspended" if suspended else "active"
    actor.version += 1
    ended = sessions.end(work, actor.id) if suspended else []
    if ended:
        work.happened(SessionsEnded(actor.id, tuple(ended)))
    verb, by_id = "suspend" if suspended else "unsuspend", by.id if by is not None else None
    work.add(Act(actor_id=by_id, verb=verb, about=actor.uri, reason=reason, done_at=work.now))
    visibility.has_changed(work)


# ------------------------------------------------------------------ actors of other servers


@dataclass(frozen=True, slots=True)
class Profile:
    """What an actor's own server says of it."""

    uri: str
    kind: str
    name: str
    display_name: str
    summary: str  # safe HTML
    url: str | None
    inbox: str
    shared_inbox: str | None
    outbox: str | None
    followers: str | None
    following: str | None
    featured: str | None
    moderators: str | None
    icon_url: str | None
    discoverable: bool
    indexable: bool
    manually_approves: bool
    host: str
    keys: tuple[tuple[str, str], ...]  # keyId, PEM
    also_known_as: tuple[str, ...] = ()
    moved_to: str | None = None  # as it claims; it is believed when it says so by a Move, and the other agrees


def meet(work: Work, profile: Profile) -> Actor:
    """Remembers an actor of another server, or what changed about it; its URI and its kind never change."""
    actor = people.by_uri(work, profile.uri)
    if actor is not None and (actor.local or actor.state == "deleted"):
        return actor
    known = {
        field: getattr(profile, field)
        for field in (
            "name",
            "url",
            "inbox",
            "shared_inbox",
            "outbox",
            "followers",
            "following",
            "featured",
            "moderators",
            "icon_url",
            "discoverable",
            "indexable",
            "manually_approves",
            "summary",
        )
    } | {
        "display_name": text.clean_name(profile.display_name, 200) or profile.name,
        "also_known_as": list(profile.also_known_as) or None,
    }
    if actor is None:
        actor = Actor(
            uri=profile.uri,
            kind=profile.kind,
            local=False,
            host=profile.host,
            created_at=work.now,
            updated_at=work.now,
            refreshed_at=work.now,
            **known,
        )
        work.add(actor)
    else:
        for field, value in known.items():
            setattr(actor, field, value)
        if profile.moved_to != actor.moved_to:
            actor.moved_to = None  # it came back, or goes elsewhere, which it has to say
        actor.refreshed_at = work.now
        actor.version += 1
    work.flush()
    for key_id, pem in profile.keys:
        people.keep_key(work, actor.id, key_id, pem)
    if profile.keys:  # what the actor lists no more speaks for it no more (KEY-09)
        people.forget_keys(work, actor.id, but=[key_id for key_id, _ in profile.keys])
    return actor


def farewell(work: Work, actor: Actor) -> None:
    """An actor of another server deleted itself: its words here are erased, placeholders hold the trees."""
    if actor.local or actor.state == "deleted":
        return
    for comment in items.standing_by(work, actor.id):
        threads.erase_comment(work, actor, comment)
    people.bury(work, actor.uri, actor.uri, "actor")
    _strip(work, actor)


def _strip(work: Work, actor: Actor) -> None:
    people.drop_ties(work, actor.id)
    reactions.drop_all_of(work, actor.id)
    actor.state = "deleted"
    actor.display_name = actor.summary = ""
    actor.summary_source = actor.icon_url = actor.fields = None
    actor.version += 1
    work.flush()


# ------------------------------------------------------------------ following


def follow(work: Work, follower: Actor, target: Actor, *, uri: str | None = None) -> Follow:
    """Follows someone, here or elsewhere; asked again, it is answered again."""
    rules.must_stand(follower)
    if target.state != "active" or follower.id == target.id:
        raise NotAllowed("This account cannot be followed.")
    if target.moved_to is not None:
        raise NotAllowed("This account moved to %(where)s: follow them there.", where=target.moved_to)
    known = people.follow_of(work, follower.id, target.id)
    if uri is not None and known is None and people.is_gone(work, uri, follower.uri):
        raise NotAllowed("That follow was undone before it came.")
    if blocks.of(work, follower.id, target.id) is not None:
        raise NotAllowed("You blocked this account. Take that back before you follow it.")
    if target.local:
        _may_follow(work, follower, target)
    if known is None:
        known = Follow(follower_id=follower.id, target_id=target.id, state="pending", created_at=work.now)
        work.add(known)
    if follower.local and not target.local:
        known.uri = f"{work.origin}/a/{work.mint()}"
        if known.state == "rejected":
            known.state = "pending"
        work.flush()
        work.happened(FollowRequested(known, follower, target))
        return known
    known.state = "accepted"
    known.uri = uri or known.uri
    work.flush()
    people.touch(work, target.id)
    work.happened(FollowAccepted(known, follower, target, uri))
    return known


def _may_follow(work: Work, follower: Actor, target: Actor) -> None:
    """A ban or a block refuses the follow; a secret group is not there for whoever is outside it."""
    if blocks.of(work, target.id, follower.id) is not None:
        raise NotAllowed("This account cannot be followed.")
    group = groups.by_id(work, target.id) if target.kind == "group" else None
    if group is None:
        return
    membership = rules.part_in(work, follower, group)
    if group.privacy == "secret" and membership is None:
        raise NotAllowed("This account cannot be followed.")


def unfollow(work: Work, follower: Actor, target: Actor, *, uri: str | None = None) -> None:
    """Ends a follow; an Undo that comes before its Follow keeps it out."""
    if uri is not None:
        people.bury(work, uri, follower.uri, "activity")
    known = people.follow_of(work, follower.id, target.id)
    if known is None:
        return
    request = known.uri
    if request is not None:
        people.bury(work, request, follower.uri, "activity")
    work.delete(known)
    work.flush()
    if target.local:
        people.touch(work, target.id)
    if follower.local and not target.local:
        work.happened(Unfollowed(follower, target, request))


def settle_follow(work: Work, follower: Actor, target: Actor, *, accepted: bool) -> None:
    """The target says yes or no to a follow that we asked for; an answer nobody asked for changes nothing."""
    known = people.follow_of(work, follower.id, target.id)
    if known is None or not follower.local:
        return
    known.state = "accepted" if accepted else "rejected"
    people.touch(work, follower.id)
    work.flush()


def drop_follower(work: Work, follower: Actor, target: Actor) -> None:
    """One of ours does not want this follower any more."""
    known = people.follow_of(work, follower.id, target.id)
    request = known.uri if known else None
    if known is not None:
        work.delete(known)
        work.flush()
        people.touch(work, target.id)
    work.happened(FollowRejected(follower, target, request))


def group_of(work: Work, actor: Actor) -> Group:
    """The group of a group actor."""
    group = groups.by_id(work, actor.id)
    if group is None:
        raise Invalid("%(name)s is not a group.", name=actor.name)
    return group
