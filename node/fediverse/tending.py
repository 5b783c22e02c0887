"""What moderators elsewhere do: Add and Remove of pins and moderators, Lock; in groups of ours, and in theirs.

In a group of ours they count from whoever is its moderator, wherever they live (AUT-25). Of a group elsewhere they
count as that group itself passes them on, for what it passed on to us.
"""

from federation.activities import Activity, text
from federation.budget import Budget
from federation.errors import FederationError, Refused
from federation.inbox import Received
from node.fediverse import people as fediverse_people
from node.forum import following, members, upkeep
from node.forum.errors import NotFound
from node.forum.people import group_of
from node.node import Node
from storage import groups, people, threads
from storage.schema import Actor, Comment
from storage.work import Work

COLLECTIONS = ("featured", "moderators")
REASON = upkeep.REASON


# ------------------------------------------------------------------ in groups of ours


async def gather(node: Node, received: Received, budget: Budget) -> None:
    """Meets the person whom an Add appoints, if the sender may appoint somebody at all."""
    activity = received.activity
    if activity.object_id is None or not await node.storage.read(_appoints, activity):
        return
    try:
        await fediverse_people.fetch_actor(node, activity.object_id, budget)
    except FederationError as error:
        raise Refused("whom it appoints cannot be asked") from error


def _appoints(work: Work, activity: Activity) -> bool:
    sender, ours = people.by_uri(work, activity.actor), _ours(work, activity.target)
    if sender is None or ours is None or ours[1] != "moderators":
        return False
    seat = groups.membership(work, ours[0].id, sender.id)
    return seat is not None and seat.role == "admin"


def receive_add(work: Work, activity: Activity, sender: Actor) -> str:
    """A moderator pins a thread of the group, or an admin of it appoints a moderator."""
    return _set(work, activity, sender, added=True)


def receive_remove(work: Work, activity: Activity, sender: Actor) -> str:
    """The same, taken back."""
    return _set(work, activity, sender, added=False)


def _set(work: Work, activity: Activity, sender: Actor, *, added: bool) -> str:
    ours = _ours(work, activity.target)
    if ours is None:
        theirs = passed_on(work, sender, activity) if sender.kind == "group" else None
        return theirs or "about a list that is not kept here"
    group, collection = ours
    if collection == "featured":
        opening = _opening(work, activity.object_id, sender)
        if threads.by_id(work, opening.thread_id).group_id != group.id:
            raise NotFound("There is no such thread in this group.")
        upkeep.pin_thread(work, sender, opening.thread_id, _reason(activity), pinned=added)
        return f"{'pinned' if added else 'unpinned'} {opening.uid}"
    person = people.by_uri(work, activity.object_id) if activity.object_id else None
    if person is None or person.state != "active":
        raise NotFound("There is no such person.")
    seat = groups.membership(work, group.id, person.id)
    runs_it = seat is not None and seat.role in ("admin", "moderator")
    if runs_it != added:
        role = "moderator" if added else "member"
        members.set_role(work, sender, group_of(work, group), person, role, _reason(activity))
    return f"{person.handle} {'is' if added else 'is not'} a moderator of {group.name}"


def receive_lock(work: Work, activity: Activity, sender: Actor) -> str:
    """A moderator closes a thread of the group to answers."""
    if activity.id is not None and people.is_gone(work, activity.id, sender.uri):
        return "undone before it came"
    opening = _opening(work, activity.object_id, sender)
    upkeep.lock_thread(work, sender, opening.thread_id, _reason(activity))
    return f"locked {opening.uid}"


def undo_lock(work: Work, undone: Activity, sender: Actor) -> str:
    """A moderator opens it again; it need not be the one who closed it."""
    if undone.id is not None:
        people.bury(work, undone.id, sender.uri, "activity")
    opening = _opening(work, undone.object_id, sender)
    upkeep.lock_thread(work, sender, opening.thread_id, "", locked=False)
    return f"open again {opening.uid}"


def _ours(work: Work, target: str | None) -> tuple[Actor, str] | None:
    """The group of ours whose collection it is, and which."""
    if target is None or not target.startswith(f"{work.origin}/g/"):
        return None
    uri, _, collection = target.rpartition("/")
    group = people.by_uri(work, uri) if collection in COLLECTIONS else None
    return (group, collection) if group is not None and group.kind == "group" else None


def _opening(work: Work, uri: str | None, sender: Actor) -> Comment:
    item = threads.comment_by_uri(work, uri) if uri else None
    if item is None or item.number or not threads.thread_is_visible(work, item.thread_id, sender.id):
        raise NotFound("There is no such thread here.")
    return item


def _reason(activity: Activity) -> str:
    return (text(activity.raw, "summary") or "")[:REASON]


# ------------------------------------------------------------------ in groups of others


def passed_on(work: Work, group: Actor, inner: Activity) -> str | None:
    """What a group that is followed says of a thread it passed on: first in it, or locked. None for everything else."""
    if group.kind != "group" or group.local:
        return None
    if inner.type in ("Add", "Remove"):
        return _listed(work, group, inner, added=inner.type == "Add")
    if inner.type == "Lock":
        if inner.id is not None and people.is_gone(work, inner.id, group.uri):
            return "undone before it came"
        return _locked(work, group, inner, locked=True)
    undone = inner.inner() if inner.type == "Undo" else None
    if undone is None or undone.type != "Lock":
        return None
    if undone.id is not None:
        people.bury(work, undone.id, group.uri, "activity")
    return _locked(work, group, undone, locked=False)


def _listed(work: Work, group: Actor, inner: Activity, *, added: bool) -> str:
    # PieFed writes its addresses in lower case, whatever they were.
    if group.featured is None or (inner.target or "").lower() != group.featured.lower():
        return "about a list that is not kept here"
    if inner.object_id is None or not following.mark(work, group, inner.object_id, pinned=added):
        return "about nothing that is kept here"
    return f"{'first' if added else 'no longer first'} in {group.handle}"


def _locked(work: Work, group: Actor, inner: Activity, *, locked: bool) -> str:
    if inner.object_id is None or not following.mark(work, group, inner.object_id, locked=locked):
        return "about nothing that is kept here"
    return f"{'locked' if locked else 'open again'} in {group.handle}"
