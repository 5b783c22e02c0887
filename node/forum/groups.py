"""Groups: made, described, joined and left."""

from node.forum import people as forum_people
from node.forum import rules, text
from node.forum.errors import Invalid, NotAllowed
from node.forum.events import ActorChanged, Joined
from storage import groups, people
from storage.schema import Act, Actor, Group, Membership
from storage.work import Work

PRIVACY = ("open", "closed", "secret")
COMMENTS = ("quiet", "boosted", "none")
WHO_MAY_START = ("members", "moderators")
ROLES = ("admin", "moderator", "member", "guest", "banned")


def create_group(
    work: Work,
    name: str,
    *,
    title: str = "",
    description: str = "",
    language: str = "en",
    privacy: str = "open",
    creator: Actor | None = None,
) -> tuple[Group, Actor]:
    """A group with its actor; whoever makes it is its admin."""
    _one_of("privacy", privacy, PRIVACY)
    actor = forum_people.make_actor(
        work, "group", forum_people.free_name(work, name), title or name, description, language
    )
    group = Group(actor_id=actor.id, privacy=privacy, language=language, hue=text.hue(name))
    work.add(group)
    work.flush()
    if creator is not None:
        join(work, creator, group, role="admin")
    return group, actor


def edit_group(
    work: Work,
    group: Group,
    *,
    title: str | None = None,
    description: str | None = None,
    comments: str | None = None,
    who_may_start: str | None = None,
    outsiders_may_start: bool | None = None,
    outsiders_may_comment: bool | None = None,
    privacy: str | None = None,
    language: str | None = None,
) -> None:
    """Changes the group's settings; to secret is one-way and has a verb of its own."""
    if comments is not None:
        group.comments = _one_of("comments", comments, COMMENTS)
    if who_may_start is not None:
        group.who_may_start = _one_of("who may start", who_may_start, WHO_MAY_START)
    if outsiders_may_start is not None:
        group.outsiders_may_start = outsiders_may_start
    if outsiders_may_comment is not None:
        group.outsiders_may_comment = outsiders_may_comment
    if language is not None:
        group.language = language
    if privacy is not None and privacy != group.privacy:
        if "secret" in (privacy, group.privacy):
            raise NotAllowed("A group stays secret, or never becomes it, this way: servers elsewhere hold its threads.")
        group.privacy = _one_of("privacy", privacy, PRIVACY)
    actor = people.by_id(work, group.actor_id)
    if title is not None:
        actor.display_name = text.clean_name(title, 100) or actor.name
    if description is not None:
        actor.summary_source = description or None
        actor.summary = text.from_markdown(description).html if description else ""
    actor.version += 1
    actor.updated_at = work.now
    work.flush()
    work.happened(ActorChanged(actor))


def join(work: Work, actor: Actor, group: Group, *, role: str = "member") -> Membership:
    """Makes the actor a member; whoever is one stays what they are."""
    rules.must_stand(actor)
    _one_of("role", role, ROLES)
    membership = rules.part_in(work, actor, group)
    if membership is not None:
        return membership
    membership = Membership(group_id=group.actor_id, actor_id=actor.id, role=role, joined_at=work.now)
    work.add(membership)
    work.flush()
    people.touch(work, group.actor_id)
    work.happened(Joined(membership, actor))
    return membership


def set_role(work: Work, moderator: Actor | None, group: Group, actor: Actor, role: str, reason: str = "") -> None:
    """Gives a member another part; a ban refuses their follow and their posts from now on."""
    rules.may_moderate(work, moderator, group.actor_id)
    _one_of("role", role, ROLES)
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is None:
        membership = Membership(group_id=group.actor_id, actor_id=actor.id, role=role, joined_at=work.now)
        work.add(membership)
    membership.role = role
    work.add(
        Act(
            actor_id=moderator.id if moderator else None,
            verb=f"make {role}",
            about=actor.uri,
            reason=reason,
            done_at=work.now,
        )
    )
    work.flush()
    people.touch(work, group.actor_id)
    if role == "banned":
        forum_people.drop_follower(work, actor, people.by_id(work, group.actor_id))


def leave(work: Work, actor: Actor, group: Group) -> None:
    """Ends a membership; following is another matter."""
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is not None and membership.role != "banned":
        work.delete(membership)
        work.flush()
        people.touch(work, group.actor_id)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise Invalid(
            "%(what)s is one of %(allowed)s; not %(value)s.", what=what, allowed=", ".join(allowed), value=value
        )
    return value
