"""Accounts that move: from one server to another, with those who follow them here and the seats they have here."""

from collections.abc import Sequence
from datetime import timedelta

from node.forum import blocking, rules
from node.forum import groups as forum_groups
from node.forum import people as forum_people
from node.forum.errors import Invalid, NotAllowed, Refusal
from node.forum.events import ActorChanged, ActorMoved, Joined, MembershipEnded
from storage import blocks, follows, groups, members, people, visibility
from storage.schema import Actor, Follow, Membership
from storage.work import Work

COOLDOWN = timedelta(days=7)  # as at Mastodon: who moves again and again costs everybody who follows
PIECE = 50  # followers that one transaction takes along
MOST_ALIASES = 10  # who claims to be more people than that is nobody


# ------------------------------------------------------------------ somebody elsewhere moves


def take(work: Work, old: Actor, new: Actor) -> None:
    """An actor of another server moved, and its new self agreed: it takes its seats along, and then `bring_along`.

    Both documents were asked for just now. Said again, nothing more happens (AUT-33).
    """
    people.lock(work, old.id)
    if old.moved_to == new.uri:
        return
    _may_move(work, old, new)
    _note(work, old, new)
    _give_seats(work, old, new)
    _carry_blocks(work, old, new)
    visibility.has_changed(work)


def bring_along(work: Work, old: Actor, new: Actor, after: int = 0) -> int | None:
    """Those of ours who follow the old one follow the new one: some of them, and behind whom to go on."""
    if old.moved_to != new.uri:
        return None  # it came back meanwhile
    piece = follows.held_here(work, old.id, after=after, limit=PIECE)
    last = piece[-1].id if len(piece) == PIECE else None
    for row in piece:
        _bring(work, row, old, new)
    return last


def _bring(work: Work, row: Follow, old: Actor, new: Actor) -> None:
    follower = people.by_id(work, row.follower_id)
    if follower.id != new.id:
        known = people.follow_of(work, follower.id, new.id)
        try:
            if known is None or known.state == "rejected":
                forum_people.follow(work, follower, new)
        except Refusal:
            return  # they may not follow there: that they followed stays as it was
    forum_people.unfollow(work, follower, old)


def _may_move(work: Work, old: Actor, new: Actor) -> None:
    if new.id == old.id or new.state != "active":
        raise NotAllowed("An account moves to another one, which stands.")
    if new.moved_to is not None:
        raise NotAllowed("The account that it should move to moved away itself.")
    if (old.kind == "group") != (new.kind == "group") or "application" in (old.kind, new.kind):
        raise NotAllowed("A person moves to a person, and a group to a group.")
    if old.uri not in (new.also_known_as or ()):
        raise NotAllowed("The other account does not say that it is the same one.")
    if old.moved_at is not None and work.now - old.moved_at < COOLDOWN:
        raise NotAllowed("This account moved within the last 7 days; it can move again after that.")


def _note(work: Work, old: Actor, new: Actor) -> None:
    old.moved_to, old.moved_at = new.uri, work.now
    old.version += 1
    work.flush()


def _give_seats(work: Work, old: Actor, new: Actor) -> None:
    """Memberships go over to the new account, and so does a ban: both said that they are the same person."""
    for seat in members.seats(work, old.id):
        group, group_actor = groups.lock(work, seat.group_id), people.by_id(work, seat.group_id)
        theirs = groups.membership(work, seat.group_id, new.id)
        if seat.role == "banned":
            if theirs is None:
                work.add(Membership(group_id=seat.group_id, actor_id=new.id, role="banned", joined_at=work.now))
                forum_people.drop_follower(work, new, group_actor)
            continue
        if theirs is None:
            seat.actor_id = new.id
            work.flush()
            work.happened(Joined(seat, new))
        elif theirs.role != "banned":
            if members.RANK[seat.role] < members.RANK[theirs.role]:
                theirs.role = seat.role
            work.delete(seat)
        else:
            continue
        work.flush()
        people.touch(work, group.actor_id)
        work.happened(MembershipEnded(group.actor_id, old))
        if seat.role in rules.MODERATORS:
            work.happened(ActorChanged(group_actor))
    members.hand_over_guest_seats(work, old.id, new.id)


def _carry_blocks(work: Work, old: Actor, new: Actor) -> None:
    """Whoever blocked the old account wants nothing of the same person under another name (PRV-15)."""
    if new.local and new.kind == "group":
        return  # whoever wants nothing of a group here leaves it
    for blocker in blocks.blockers_of(work, old.id):
        if blocker.id != new.id:
            blocking.block(work, blocker, new)


# ------------------------------------------------------------------ one of ours: from elsewhere, and away


def set_aliases(work: Work, actor: Actor, uris: Sequence[str]) -> None:
    """Says which accounts elsewhere are the same person or group: those can move here."""
    if not actor.local or actor.state != "active":
        raise NotAllowed("Only an account of this node says here who else it is.")
    uris = [uri for uri in dict.fromkeys(uris) if uri != actor.uri]
    if len(uris) > MOST_ALIASES:
        raise Invalid("At most %(most)s other accounts can be named.", most=MOST_ALIASES, field="alias")
    if uris == list(actor.also_known_as or ()):
        return
    actor.also_known_as = uris or None
    actor.version += 1
    actor.updated_at = work.now
    work.flush()
    work.happened(ActorChanged(actor))


def add_alias(work: Work, actor: Actor, other: Actor) -> None:
    """One more account that is the same person or group."""
    if other.id == actor.id:
        raise Invalid("That is this very account.", field="alias")
    if (other.kind == "group") != (actor.kind == "group"):
        raise Invalid("A person is no group: name an account of the same kind.", field="alias")
    set_aliases(work, actor, [*(actor.also_known_as or ()), other.uri])


def drop_alias(work: Work, actor: Actor, uri: str) -> None:
    """That account is not the same one any more."""
    set_aliases(work, actor, [other for other in actor.also_known_as or () if other != uri])


def move_away(work: Work, actor: Actor, new: Actor, *, by: Actor | None, reason: str = "") -> None:
    """One of ours goes to another account, which names it: followers are led there, and it says nothing more here.

    A person does that themselves, a group's admins do it for the group, which is archived; nobody is the console.
    """
    people.lock(work, actor.id)
    if actor.kind == "group":
        rules.may_administer(work, by, actor.id)
    elif by is not None and by.id != actor.id:
        raise NotAllowed("People move themselves.")
    if not actor.local or actor.state != "active":
        raise NotAllowed("Only an account of this node can be moved from here.")
    if actor.moved_to == new.uri:
        return
    if actor.moved_to is not None:
        raise NotAllowed("This account moved to %(where)s already.", where=actor.moved_to)
    _may_move(work, actor, new)
    for group_id in members.run_by(work, actor.id):
        if not members.other_admins(work, group_id, actor.id):
            raise NotAllowed(
                "You are the last admin of %(group)s: make somebody else one first.",
                group=people.by_id(work, group_id).name,
            )
    _note(work, actor, new)
    actor.updated_at = work.now
    work.flush()
    if actor.kind == "group":
        forum_groups.archive_group(work, by, forum_people.group_of(work, actor), reason or f"Moved to {new.handle}.")
    visibility.has_changed(work)
    work.happened(ActorChanged(actor))
    work.happened(ActorMoved(actor, new))


def stay(work: Work, actor: Actor) -> None:
    """One of ours did not move after all, and speaks again; whoever was led away stays there."""
    if not actor.local or actor.moved_to is None:
        return
    actor.moved_to = None
    actor.version += 1
    actor.updated_at = work.now
    work.flush()
    visibility.has_changed(work)
    work.happened(ActorChanged(actor))
