"""What is allowed: each rule is a function that raises the reason."""

from datetime import timedelta

from node.forum.errors import Invalid, NotAllowed, NotFound
from storage import groups, members, people, threads
from storage.schema import Actor, Comment, Group, Membership, Thread
from storage.work import Work

MODERATORS = ("admin", "moderator")


def must_stand(actor: Actor) -> None:
    """Refuses whoever is suspended or gone, and whoever moved away from here."""
    if actor.state != "active":
        raise NotAllowed("This account is suspended or was deleted.")
    if actor.local and actor.moved_to is not None:
        raise NotAllowed("This account moved to %(where)s, and does nothing more here.", where=actor.moved_to)


def must_be_open(group: Group) -> None:
    """Refuses anything new in an archived group."""
    if group.archived_at is not None:
        raise NotAllowed("This group is archived: it can be read, but nothing new is said in it.")


def part_in(work: Work, actor: Actor, group: Group) -> Membership | None:
    """The actor's part in the group; refuses whoever is banned from it."""
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is not None and membership.role == "banned":
        raise NotAllowed("This account is banned from the group.")
    return membership


def may_start(work: Work, author: Actor, group: Group, *, private: bool = False) -> None:
    """Members start threads, or moderators alone; outsiders where the group lets them."""
    must_stand(author)
    must_be_open(group)
    membership = part_in(work, author, group)
    if membership is None:
        if author.local or private or group.privacy == "secret" or not group.outsiders_may_start:
            raise NotAllowed("Only members of this group may start threads in it.")
        if group.who_may_start == "moderators":
            raise NotAllowed("Only moderators of this group may start threads in it.")
    elif group.who_may_start == "moderators" and membership.role not in MODERATORS:
        raise NotAllowed("Only moderators of this group may start threads in it.")
    elif membership.role == "guest":
        raise NotAllowed("Guests of this group may comment in it, but not start threads.")
    if private and group.threads == "public" and group.privacy != "secret":
        raise NotAllowed("Threads in this group are public.")
    if not private and group.threads == "private" and group.privacy != "secret":
        raise NotAllowed("Threads in this group are for its members alone.")


def may_comment(work: Work, author: Actor, group: Group, thread: Thread) -> None:
    """Members and guests comment; outsiders in public threads where the group lets them; nobody where it is locked."""
    must_stand(author)
    must_be_open(group)
    membership = part_in(work, author, group)
    if thread.state != "visible":
        raise NotFound("There is no such thread.")
    belongs = membership is not None or members.guest(work, thread.id, author.id) is not None
    # What comes from another server is public there, whoever wrote it.
    if (thread.private or group.privacy == "secret") and not (belongs and author.local):
        raise NotFound("There is no such thread.")
    if thread.locked_at is not None:
        raise NotAllowed("This thread is locked: it can be read, but not answered.")
    if not belongs and author.local:
        raise NotAllowed("Only members of this group may comment; join it first.")
    if not belongs and not group.outsiders_may_comment:
        raise NotAllowed("This group takes comments from its members only.")
    if group.slow_mode and author.local and (membership is None or membership.role not in MODERATORS):
        _must_have_waited(work, author, group)


def _must_have_waited(work: Work, author: Actor, group: Group) -> None:
    """Slow mode is for people here: whoever writes elsewhere is not told before they send, and would lose it."""
    latest = groups.latest_comment_at(work, group.actor_id, author.id)
    wait = latest + timedelta(seconds=group.slow_mode) - work.now if latest is not None else timedelta()
    if wait > timedelta():
        raise NotAllowed(
            "This group is in slow mode: one comment in %(every)s. You can send this one in %(wait)s.",
            every=_in_short(group.slow_mode),
            wait=_in_short(-int(-wait.total_seconds() // 1)),
        )


def _in_short(seconds: int) -> str:
    """A while in units that need no translation: 1 h 30 min."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest if not hours else 0, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "1 s"


def may_react(work: Work, actor: Actor, group: Group, thread: Thread) -> None:
    """Whoever can see an item may react to it, unless banned or suspended."""
    must_stand(actor)
    belongs = part_in(work, actor, group) is not None or members.guest(work, thread.id, actor.id) is not None
    hidden = (thread.private or group.privacy == "secret") and not (belongs and actor.local)
    if thread.state != "visible" or hidden:
        raise NotFound("There is no such item.")


def may_edit(work: Work, editor: Actor, comment: Comment, thread: Thread, group: Group) -> None:
    """Authors edit their own words, and members of the group the opening of a thread that is a whiteboard."""
    must_stand(editor)
    if editor.local and not threads.thread_is_visible(work, thread.id, editor.id):
        raise NotFound("There is no such item.")
    if comment.author_id == editor.id:
        return
    if not is_whiteboard(work, comment, thread):
        raise NotAllowed("Only its author may change this.")
    must_be_open(group)
    membership = part_in(work, editor, group)
    if membership is None or membership.role == "guest" or not editor.local:
        raise NotAllowed("Only its author and members of this group may change this.")
    if thread.locked_at is not None and membership.role not in MODERATORS:
        raise NotAllowed("This thread is locked: it can be read, but not changed.")


def must_see(work: Work, actor: Actor, thread: Thread) -> None:
    """Hides from whoever may not read the thread that it is there."""
    if not threads.thread_is_visible(work, thread.id, actor.id):
        raise NotFound("There is no such thread.")


def is_whiteboard(work: Work, comment: Comment, thread: Thread) -> bool:
    """Members may edit the item: the opening of a thread whose author, who is of this node, lets them."""
    if comment.number or not thread.whiteboard or comment.author_id is None:
        return False
    return people.by_id(work, comment.author_id).local  # what is signed elsewhere cannot be reworded here


def may_moderate(work: Work, actor: Actor | None, group_id: int) -> None:
    """Moderators and admins of the group, and those of the node; no actor is the admin at the console."""
    if actor is None:
        return
    must_stand(actor)
    membership = groups.membership(work, group_id, actor.id)
    if (membership is None or membership.role not in MODERATORS) and not runs_the_node(work, actor):
        raise NotAllowed("Only moderators of this group may do this.")


def may_administer(work: Work, actor: Actor | None, group_id: int) -> None:
    """Admins of the group, and those of the node; no actor is the admin at the console."""
    if actor is None:
        return
    must_stand(actor)
    membership = groups.membership(work, group_id, actor.id)
    if (membership is None or membership.role != "admin") and not runs_the_node(work, actor):
        raise NotAllowed("Only admins of this group may do this.")


def must_run_the_node(work: Work, actor: Actor | None) -> None:
    """Admins of the node, and whoever sits at the console."""
    if actor is None:
        return
    must_stand(actor)
    if not runs_the_node(work, actor):
        raise NotAllowed("Only admins of this node may do this.")


def runs_the_node(work: Work, actor: Actor) -> bool:
    """The actor is an admin of the node."""
    return actor.local and members.runs_the_node(work, actor.id)


def may_create_group(work: Work, founder: Actor, who_may_create: str, parent: Group | None) -> None:
    """Members or admins of the node, as it is set; part of a group is made by its admins alone."""
    must_stand(founder)
    if not founder.local:
        raise NotAllowed("Only people of this node may make groups here.")
    if parent is not None:
        may_administer(work, founder, parent.actor_id)
    if who_may_create == "admins" and parent is None and not runs_the_node(work, founder):
        raise NotAllowed("On this node, groups are made by its admins: ask one of them.")


def may_invite(work: Work, inviter: Actor | None, group: Group, *, role: str = "member") -> None:
    """Every member of an open group, moderators where joining is approved; to be a moderator, admins alone."""
    if inviter is None:
        return
    must_stand(inviter)
    must_be_open(group)
    if role in MODERATORS:
        return may_administer(work, inviter, group.actor_id)
    membership = part_in(work, inviter, group)
    role_here = membership.role if membership is not None else None
    if role_here in MODERATORS or runs_the_node(work, inviter):
        return
    if group.privacy != "open":
        raise NotAllowed("Moderators of this group invite people into it; ask one of them.")
    if role_here != "member":
        raise NotAllowed("Only members of this group may invite people into it.")


def may_invite_guests(work: Work, inviter: Actor | None, thread: Thread, group: Group, opener_id: int | None) -> None:
    """Moderators, and whoever of its members started the thread."""
    if inviter is None:
        return
    must_stand(inviter)
    must_be_open(group)
    membership = part_in(work, inviter, group)
    if membership is not None and membership.role != "guest" and opener_id == inviter.id:
        return
    may_moderate(work, inviter, thread.group_id)


def must_say_why(actor: Actor | None, reason: str) -> None:
    """Refuses what is done to somebody without a reason; the console may be brief."""
    if actor is not None and not reason.strip():
        raise Invalid("Say why: the reason stands in the log.", field="reason")
