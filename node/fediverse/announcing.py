"""To whom something of a thread goes, and how a group passes it on to its followers."""

from collections.abc import Iterable, Sequence
from typing import Any

from federation import activities, notes
from federation.documents import PUBLIC, serialise
from federation.inbox import Received
from node.fediverse import posts
from storage import deliveries, people, threads
from storage.people import Inbox
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work


def letter(work: Work, about: str) -> Received | None:
    """The letter that brought this about, if it speaks of this very item and not of one that came along with it."""
    received = work.cause
    return received if isinstance(received, Received) and received.activity.object_id == about else None


def place(work: Work, comment: Comment) -> tuple[Thread, Actor, Group] | None:
    """Thread, group actor and group of a public item; None for what never goes over the wire."""
    thread = threads.by_id(work, comment.thread_id)
    group = work.get_one(Group, thread.group_id)
    if not posts.is_public(work, thread):
        return None
    return thread, people.by_id(work, thread.group_id), group


def acting(work: Work, group: Actor, moderator: Actor | None) -> Actor | None:
    """Who stands behind a moderator's act on the wire: for one done at the console, some moderator of ours."""
    chosen = moderator or next((actor for actor in people.moderators(work, group.id) if actor.local), None)
    return chosen if chosen is not None and chosen.local else None


def of(dialects: set[str], inboxes: set[Inbox]) -> set[Inbox]:
    return {inbox for inbox in inboxes if inbox.dialect in dialects}


FORUM = {"forum"}
PLAIN = {"microblog", "discourse"}


def announce(
    work: Work,
    group: Actor,
    comment: Comment,
    *,
    plain: bool,
    wrapped: Any,
    author: Actor,
    always: bool = False,
    followers: bool = True,
) -> None:
    """The group's Announce to its followers: wrapped for forums, for the others the id alone, or nothing.

    Without `followers` it goes to the author's own server alone: that of somebody silenced is passed on to nobody.
    """
    if not plain and wrapped is None:
        return
    uri = deliveries.mint(work)
    to = people.follower_inboxes(work, group.id) if followers else set()
    if not plain:
        to = of(FORUM, to)
    # The author's own server needs its copy back: Lemmy shows a post as pending until then.
    to |= of(FORUM, people.inboxes_of(work, {author.id}, sender_id=group.id))
    if not to:
        return
    collection = f"{group.uri}/followers"
    wrap = (
        activities.announce(uri, group.uri, wrapped, [group.uri, PUBLIC], [collection], published=work.now)
        if wrapped is not None
        else None
    )
    boost = activities.announce(uri, group.uri, comment.uri, [PUBLIC], [collection, author.uri], published=work.now)
    if plain:
        comment.boosted_as = uri
    deliveries.enqueue(
        work,
        uri=uri,
        actor_id=group.id,
        type="Announce",
        about=comment.uri,
        public=True,
        always=always,
        microblog=serialise(boost) if plain else None,
        forum=serialise(wrap) if wrap is not None else None,
        to=to,
    )


def relay(work: Work, group: Actor, comment: Comment, received: Received) -> None:
    """What another server said, passed on byte for byte by the group, in nobody's timeline."""
    to = of({"microblog"}, people.follower_inboxes(work, group.id))
    author_host = people.by_id(work, comment.author_id or 0).host
    to = {inbox for inbox in to if inbox.host != author_host}
    if to:
        deliveries.enqueue(
            work,
            uri=deliveries.mint(work),
            actor_id=group.id,
            type="relay",
            about=comment.uri,
            public=True,
            always=received.activity.type == "Delete",
            microblog=received.body,
            forum=None,
            to=to,
        )


def unboost(work: Work, group: Actor, comment: Comment) -> None:
    """Takes the group's boost of an item back."""
    if comment.boosted_as is None:
        return
    boosted = deliveries.activity_by_uri(work, comment.boosted_as)
    if boosted is not None and boosted.actor_id != group.id:
        group = people.by_id(work, boosted.actor_id)  # its thread was in another group then
    followers = f"{group.uri}/followers"
    boost = activities.announce(comment.boosted_as, group.uri, comment.uri, [PUBLIC], [followers])
    undo = activities.undo(deliveries.mint(work), group.uri, boost, [PUBLIC], [followers])
    deliveries.enqueue(
        work,
        uri=undo["id"],
        actor_id=group.id,
        type="Undo",
        about=comment.uri,
        public=True,
        always=True,
        microblog=serialise(undo),
        forum=None,
        to=of(PLAIN, people.reached_inboxes(work, group.id)),
    )
    comment.boosted_as = None


def concerned(work: Work, thread: Thread, comment: Comment) -> set[int]:
    """The author of what is answered, and the latest participants elsewhere."""
    concerned = {actor.id for actor in threads.participants_elsewhere(work, thread.id, notes.MOST_PARTICIPANTS)}
    if comment.parent_id is not None:
        parent = threads.comment(work, comment.parent_id)
        if parent.author_id is not None:
            concerned.add(parent.author_id)
    return concerned


def mentioned(work: Work, mentions: Iterable[Sequence[str]], author: Actor) -> set[Inbox]:
    found = (people.by_uri(work, uri) for uri, _ in mentions)
    return people.inboxes_of(work, {actor.id for actor in found if actor is not None}, sender_id=author.id)


def holders(
    work: Work, thread: Thread, comment: Comment, author: Actor, group: Actor, reacted: set[int] | frozenset[int]
) -> set[Inbox]:
    """Everyone who may hold a copy: followers of author and group, participants, likers, boosters, who answered it."""
    ids = concerned(work, thread, comment) | set(reacted) | threads.answering_ids(work, comment.id)
    holders = (
        people.inboxes_of(work, ids, sender_id=author.id)
        | people.follower_inboxes(work, author.id)
        | mentioned(work, comment.mentions, author)
    )
    return holders | of(PLAIN, people.follower_inboxes(work, group.id))
