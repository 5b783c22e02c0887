"""What is allowed: each rule is a function that raises the reason."""

from node.forum.errors import NotAllowed, NotFound
from storage import groups
from storage.schema import Actor, Comment, Group, Membership, Thread
from storage.work import Work

MODERATORS = ("admin", "moderator")


def must_stand(actor: Actor) -> None:
    """Refuses whoever is suspended or gone."""
    if actor.state != "active":
        raise NotAllowed("This account is suspended or was deleted.")


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


def may_comment(work: Work, author: Actor, group: Group, thread: Thread) -> None:
    """Members comment; outsiders in public threads where the group lets them; nobody where it is locked."""
    must_stand(author)
    must_be_open(group)
    membership = part_in(work, author, group)
    if thread.state != "visible":
        raise NotFound("There is no such thread.")
    if membership is None and (thread.private or group.privacy == "secret"):
        raise NotFound("There is no such thread.")
    if thread.locked_at is not None:
        raise NotAllowed("This thread is locked: it can be read, but not answered.")
    if membership is None and author.local:
        raise NotAllowed("Only members of this group may comment; join it first.")
    if membership is None and not group.outsiders_may_comment:
        raise NotAllowed("This group takes comments from its members only.")


def may_react(work: Work, actor: Actor, group: Group, thread: Thread) -> None:
    """Whoever can see an item may react to it, unless banned or suspended."""
    must_stand(actor)
    membership = part_in(work, actor, group)
    if thread.state != "visible" or (membership is None and (thread.private or group.privacy == "secret")):
        raise NotFound("There is no such item.")


def may_edit(editor: Actor, comment: Comment) -> None:
    """Authors edit their own words, and nobody else's."""
    must_stand(editor)
    if comment.author_id != editor.id:
        raise NotAllowed("Only its author may change this.")


def may_moderate(work: Work, actor: Actor | None, group_id: int) -> None:
    """Moderators and admins of the group; no actor is the admin at the console."""
    if actor is None:
        return
    must_stand(actor)
    membership = groups.membership(work, group_id, actor.id)
    if membership is None or membership.role not in MODERATORS:
        raise NotAllowed("Only moderators of this group may do this.")
