"""What those publish whom members follow elsewhere: kept for their list, where it belongs in no thread here."""

from federation.activities import Activity
from federation.addresses import authority
from federation.budget import Budget
from federation.inbox import Received
from federation.objects import is_post
from node.fediverse import people as fediverse_people
from node.fediverse import tending
from node.fediverse.fetching import fetch_post
from node.fediverse.said import Said, read_post
from node.forum import following
from node.node import Node
from storage import followed_posts, people, threads
from storage.schema import Actor
from storage.work import Work

OWN = frozenset({"Create", "Update"})  # what a group wraps of its own words


# ------------------------------------------------------------------ published


def is_wanted(work: Work, author_uri: str) -> bool:
    """Somebody of ours follows the author."""
    author = people.by_uri(work, author_uri)
    return author is not None and following.may_come(work, author)


def receive(
    work: Work, sender: Actor, said: Said, *, edited: bool = False, passed_on_by: str | None = None
) -> str | None:
    """Keeps a post for those who follow its author, or the group that passed it on; None where nobody does.

    Direct posts are for nobody but those addressed; what is for followers is for those of ours who follow (PRV-09).
    """
    for_followers = sender.followers is not None and sender.followers in said.addressed
    if not said.public and not for_followers:
        return "no longer for followers" if edited and following.withhold(work, sender, said.uri) else None
    group = people.by_uri(work, passed_on_by) if passed_on_by is not None and _is_news(said) else None
    kept = following.keep(
        work,
        sender,
        said.words,
        said.elsewhere,
        title=said.title,
        in_reply_to=said.in_reply_to,
        public=said.public,
        edited=edited,
        group=group,
    )
    return f"kept for who follows {sender.handle}" if kept is not None else None


def _is_news(said: Said) -> bool:
    """Of a group its threads are listed, not every answer in them."""
    return said.public and said.in_reply_to is None


# ------------------------------------------------------------------ passed on by a group


def may_relay(work: Work, group_uri: str, inner: Activity) -> bool:
    """A group that ours follow tells of a new thread in it, or of a change to one that is kept."""
    group = people.by_uri(work, group_uri)
    if group is None or inner.object_id is None or inner.type == "Delete":
        return False
    if followed_posts.by_uri(work, inner.object_id) is not None:
        return True
    about = inner.object if isinstance(inner.object, dict) else {}
    return not about.get("inReplyTo") and following.may_pass_on(work, group)


async def gather_announced(node: Node, received: Received, budget: Budget) -> Said | None:
    """The post that a followed group announces by its id, as its own server has it; None for all other boosts."""
    activity = received.activity
    uri = _announced(activity)
    if uri is None or authority(uri) == node.settings.authority:
        return None
    if not await node.storage.read(_is_new, activity, uri):
        return None
    said = await read_post(await fetch_post(node, uri, budget))
    if not _is_news(said) or said.is_vote:
        return None
    await fediverse_people.fetch_actor(node, said.author, budget)
    return said


def _announced(activity: Activity) -> str | None:
    """The id of the post that an Announce is about, be it plain or around the group's own Create."""
    inner = activity.inner()
    if inner is not None:
        return inner.object_id if inner.type in OWN and inner.actor == activity.actor else None
    if isinstance(activity.object, dict) and not is_post(activity.object):
        return None
    return activity.object_id


def _is_new(work: Work, announce: Activity, uri: str) -> bool:
    group = people.by_uri(work, announce.actor)
    if group is None or not following.may_pass_on(work, group):
        return False
    if people.is_gone(work, uri) or (announce.id is not None and people.is_gone(work, announce.id, group.uri)):
        return False
    item = threads.comment_by_uri(work, uri)
    known = followed_posts.by_uri(work, uri)
    return (item is None or item.state == "missing") and (known is None or known.passed_on_id is None)


def receive_announced(work: Work, activity: Activity, sender: Actor, said: Said | None) -> str | None:
    """Lists what a followed group announces, or takes from the list what it tells to be deleted; None for the rest."""
    inner = activity.inner()
    if inner is not None and (tended := tending.passed_on(work, sender, inner)) is not None:
        return tended
    if inner is not None and inner.type == "Delete" and inner.object_id is not None:
        return _passes_on_no_more(sender, following.keep_out(work, sender, inner.object_id))
    if activity.id is not None and people.is_gone(work, activity.id, sender.uri):
        return None  # undone before it came
    author = people.by_uri(work, said.author) if said is not None else None
    if said is None or author is None:
        return None
    return receive(work, author, said, passed_on_by=sender.uri)


def take_back(work: Work, group: Actor, uri: str) -> str | None:
    """A group takes back what it passed on."""
    return _passes_on_no_more(group, following.take_back(work, group, uri))


def _passes_on_no_more(group: Actor, taken_back: bool) -> str | None:
    return f"passed on by {group.handle} no more" if taken_back else None
