"""Who is in a group: joining, leaving, parts and titles, removing and banning."""

from node.forum import people as forum_people
from node.forum import rules, text, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import ActorChanged, Joined, MembershipEnded
from storage import groups, invitations, moderation, people
from storage import members as stored_members
from storage.schema import Actor, Group, Membership
from storage.work import Work

ROLES = ("admin", "moderator", "member", "guest", "banned")
TITLE = 60  # characters


def join(work: Work, actor: Actor, group: Group, *, role: str = "member", inviter_id: int | None = None) -> Membership:
    """Makes the actor a member; whoever is one stays what they are."""
    rules.must_stand(actor)
    _known_role(role)
    membership = rules.part_in(work, actor, group)
    if membership is not None:
        return membership
    _may_be_in(actor, group)
    membership = Membership(
        group_id=group.actor_id, actor_id=actor.id, role=role, inviter_id=inviter_id, joined_at=work.now
    )
    work.add(membership)
    work.flush()
    people.touch(work, group.actor_id)
    work.happened(Joined(membership, actor))
    return membership


def leave(work: Work, actor: Actor, group: Group) -> None:
    """Ends a membership; following is another matter. The last admin stays until there is another one."""
    groups.lock(work, group.actor_id)
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is None or membership.role == "banned":
        return
    if membership.role == "admin" and not stored_members.other_admins(work, group.actor_id, actor.id):
        raise NotAllowed("You are the last admin of this group: make somebody else one first, or archive the group.")
    _end(work, actor, group, membership)


def set_role(work: Work, moderator: Actor | None, group: Group, actor: Actor, role: str, reason: str = "") -> None:
    """Gives someone another part; a ban refuses their follow and their posts from now on, what they said stays."""
    _known_role(role)
    groups.lock(work, group.actor_id)
    membership = groups.membership(work, group.actor_id, actor.id)
    before = membership.role if membership is not None else None
    _may_change(work, moderator, group, actor, before, role)
    if before == role:
        return
    if role == "banned":
        rules.must_say_why(moderator, reason)
    elif membership is None:
        _may_be_in(actor, group)
    if membership is None:
        membership = Membership(group_id=group.actor_id, actor_id=actor.id, role=role, joined_at=work.now)
        work.add(membership)
    membership.role = role
    group_actor = people.by_id(work, group.actor_id)
    moderation.keep_act(
        work,
        moderator,
        "ban" if role == "banned" else f"make {role}",
        actor.uri,
        upkeep.clean_reason(reason),
        group.actor_id,
    )
    people.touch(work, group.actor_id)
    if role == "banned":
        membership.title = None
        invitations.revoke_of(work, group.actor_id, inviter_id=actor.id)
        invitations.revoke_of(work, group.actor_id, invited_id=actor.id)
        stored_members.drop_guest(work, group.actor_id, actor.id)
        forum_people.drop_follower(work, actor, group_actor)
        work.happened(MembershipEnded(group.actor_id, actor))
    if {before, role} & set(rules.MODERATORS):
        work.happened(ActorChanged(group_actor))


def set_title(work: Work, moderator: Actor | None, group: Group, actor: Actor, title: str) -> None:
    """What a member is in the group, in words of its own, such as treasurer."""
    membership = _must_be_in(work, group, actor)
    _may_change(work, moderator, group, actor, membership.role, membership.role)
    title = text.clean_name(title, TITLE + 1)
    if len(title) > TITLE:
        raise Invalid("A title has at most %(most)s characters.", field="title", most=TITLE)
    if (membership.title or "") == title:
        return
    membership.title = title or None
    moderation.keep_act(work, moderator, "give a title", actor.uri, title, group.actor_id)


def remove_member(work: Work, moderator: Actor | None, group: Group, actor: Actor, reason: str = "") -> None:
    """Ends somebody's membership; they may follow on, and may be let in again."""
    groups.lock(work, group.actor_id)
    membership = _must_be_in(work, group, actor)
    _may_change(work, moderator, group, actor, membership.role, None)
    rules.must_say_why(moderator, reason)
    moderation.keep_act(work, moderator, "remove member", actor.uri, upkeep.clean_reason(reason), group.actor_id)
    invitations.revoke_of(work, group.actor_id, inviter_id=actor.id)
    _end(work, actor, group, membership)


def unban(work: Work, moderator: Actor | None, group: Group, actor: Actor, reason: str = "") -> None:
    """Lets somebody come back, if they want and are let in."""
    groups.lock(work, group.actor_id)
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is None or membership.role != "banned":
        raise NotFound("They are not banned from this group.")
    _may_change(work, moderator, group, actor, "banned", None)
    work.delete(membership)
    moderation.keep_act(work, moderator, "unban", actor.uri, upkeep.clean_reason(reason), group.actor_id)
    people.touch(work, group.actor_id)


def _end(work: Work, actor: Actor, group: Group, membership: Membership) -> None:
    ran_it = membership.role in rules.MODERATORS
    work.delete(membership)
    work.flush()
    stored_members.drop_guest(work, group.actor_id, actor.id)
    people.touch(work, group.actor_id)
    group_actor = people.by_id(work, group.actor_id)
    if group.privacy == "secret" and people.follow_of(work, actor.id, group.actor_id) is not None:
        forum_people.drop_follower(work, actor, group_actor)  # it is not there for them any more
    work.happened(MembershipEnded(group.actor_id, actor))
    if ran_it:
        work.happened(ActorChanged(group_actor))


def _may_be_in(actor: Actor, group: Group) -> None:
    if not actor.local and group.privacy == "secret":
        raise NotAllowed("Nothing of a secret group goes to other servers: only people with an account here are in it.")


def _may_change(
    work: Work, moderator: Actor | None, group: Group, actor: Actor, before: str | None, after: str | None
) -> None:
    """Moderators act on members; admins on everybody, but one of them stays."""
    rules.may_moderate(work, moderator, group.actor_id)
    if moderator is None or rules.runs_the_node(work, moderator):
        return
    if moderator.id == actor.id and after in (None, "banned"):
        raise NotAllowed("You cannot do this to yourself; you can leave the group.")
    if {before, after} & set(rules.MODERATORS):
        rules.may_administer(work, moderator, group.actor_id)
    demoted = before == "admin" and after != "admin"
    if demoted and not stored_members.other_admins(work, group.actor_id, actor.id):
        raise NotAllowed("This is the last admin of the group: make somebody else one first.")


def _must_be_in(work: Work, group: Group, actor: Actor) -> Membership:
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is None or membership.role == "banned":
        raise NotFound("They are not in this group.")
    return membership


def _known_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid("Choose one of %(allowed)s; not %(value)s.", field="role",
                      allowed=", ".join(ROLES), value=role)  # fmt: skip
