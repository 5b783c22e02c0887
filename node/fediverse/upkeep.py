"""What goes out when a thread is locked, pinned, tagged, moved, split or taken off the wire."""

from typing import Any

from federation import activities
from federation.documents import PUBLIC, serialise, verbatim
from federation.inbox import Received
from node.fediverse import announcing, publishing
from storage import deliveries, items, people, retractions, threads
from storage.people import Inbox
from storage.schema import Actor, Comment, Thread
from storage.work import Work

PIECE = 40  # items that one transaction takes back: some tens of milliseconds where many servers hold copies
EVERYBODY = 10_000  # people of other servers in one thread
UPDATED = 50  # items of a branch whose new place is told; older ones say it themselves when somebody fetches them


def publish_lock(work: Work, opening: Comment, moderator: Actor | None, reason: str, *, locked: bool) -> None:
    """Lock, or its Undo, for forums."""
    if (place := announcing.place(work, opening)) is None:
        return
    _, group, _ = place
    if (came := _as_it_came(work, moderator)) is not None:
        return _announce(work, group, opening, came)
    acting = announcing.acting(work, group, moderator)
    if acting is None:
        return
    to = [group.uri, PUBLIC]
    lock = activities.lock(
        deliveries.mint(work), acting.uri, opening.uri, to, [], audience=group.uri, summary=reason if locked else ""
    )
    _announce(
        work, group, opening, lock if locked else activities.undo(deliveries.mint(work), acting.uri, lock, to, [])
    )


def publish_pin(work: Work, opening: Comment, moderator: Actor | None, *, pinned: bool) -> None:
    """Add to, or Remove from, the group's featured threads, for forums."""
    if (place := announcing.place(work, opening)) is None:
        return
    _, group, _ = place
    if (came := _as_it_came(work, moderator)) is not None:
        return _announce(work, group, opening, came)
    acting = announcing.acting(work, group, moderator)
    if acting is None:
        return
    featured = group.featured or f"{group.uri}/featured"
    build = activities.add if pinned else activities.remove
    uri = deliveries.mint(work)
    _announce(
        work, group, opening,
        build(uri, acting.uri, opening.uri, featured, [group.uri, PUBLIC], [], audience=group.uri),
    )  # fmt: skip


def publish_tags(work: Work, thread: Thread, opening: Comment) -> None:
    """Update of an opening of ours: its hashtags are others."""
    if (place := announcing.place(work, opening)) is None or opening.state != "visible":
        return
    _, group, _ = place
    author = people.by_id(work, opening.author_id or 0)
    if author.local:
        to = announcing.holders(work, thread, opening, author, group, threads.reacting_ids(work, opening.id))
        publishing.publish_update(work, group, opening, author, to=to, updated=work.now)


def publish_withdrawal(work: Work, thread: Thread, group: Actor, after: int) -> None:
    """A public thread is private now: Delete of what is ours in it, and nothing of it is passed on any more.

    Some items at a time, so that a long thread holds nobody up: what is left is remembered for the worker.
    """
    piece = items.said_in(work, thread.id, after=after, limit=PIECE)
    to_all = people.reached_inboxes(work, group.id) | people.follower_inboxes(work, group.id)
    participants = {actor.id for actor in threads.participants_elsewhere(work, thread.id, limit=EVERYBODY)}
    to_all |= people.inboxes_of(work, participants, sender_id=group.id)
    reached: dict[int, set[Inbox]] = {}
    for comment in piece:
        author = people.by_id(work, comment.author_id or 0)
        if author.local:
            if author.id not in reached:
                own = people.reached_inboxes(work, author.id) | people.follower_inboxes(work, author.id)
                reached[author.id] = own | to_all
            reacting = people.inboxes_of(work, threads.reacting_ids(work, comment.id), sender_id=author.id)
            publishing.take_back(work, group, comment, author, to=reached[author.id] | reacting)
        else:
            announcing.unboost(work, group, comment)
        publishing.announce_removal(work, group, comment, author, None, "")
    if len(piece) == PIECE:
        retractions.remember(work, thread.id, group.id, piece[-1].id)
    else:
        retractions.forget(work, thread.id)


def publish_move(work: Work, thread: Thread, opening: Comment, origin: Actor, moderator: Actor | None) -> None:
    """A thread as public as before in its new group: ids stay, its documents name the new group, which announces it.

    NodeBB and PieFed understand a Move (FEP-f15d); Lemmy takes the thread over from the new group's Announce.
    """
    if (place := announcing.place(work, opening)) is None or opening.state != "visible":
        return
    _, group, _ = place
    author = people.by_id(work, opening.author_id or 0)
    followers = people.follower_inboxes(work, origin.id)
    forums = announcing.of(announcing.FORUM, followers | people.follower_inboxes(work, group.id))
    acting = announcing.acting(work, origin, moderator)
    if acting is not None and forums:
        context = f"{threads.uri_of(work, thread)}/context"
        move = activities.relocate(
            deliveries.mint(work), acting.uri, context, origin.uri, group.uri, [PUBLIC],
            [f"{origin.uri}/followers", f"{group.uri}/followers"],
        )  # fmt: skip
        deliveries.enqueue(
            work,
            uri=move["id"],
            actor_id=acting.id,
            type="Move",
            about=opening.uri,
            public=True,
            microblog=None,
            forum=serialise(move),
            to=forums,
        )
    if author.local:
        to = announcing.holders(work, thread, opening, author, group, threads.reacting_ids(work, opening.id))
        to |= announcing.of(announcing.PLAIN, followers)
        publishing.publish_update(work, group, opening, author, to=to, updated=work.now)
    wrapped = publishing.creates(work, opening, author)[2] if author.local else None
    announcing.announce(work, group, opening, plain=True, wrapped=wrapped, author=author)


def publish_split(work: Work, thread: Thread, moved: tuple[int, ...]) -> None:
    """Update of what is ours in a branch that became a thread: it belongs to another context from now on.

    That of its first item, which answers something else, and of the latest; the others say so when they are fetched.
    """
    for comment_id in dict.fromkeys((moved[0], *moved[-UPDATED:])):
        comment = threads.comment(work, comment_id)
        if comment.state != "visible" or (place := announcing.place(work, comment)) is None:
            continue
        _, group, _ = place
        author = people.by_id(work, comment.author_id or 0)
        if author.local:
            to = announcing.holders(work, thread, comment, author, group, threads.reacting_ids(work, comment_id))
            publishing.publish_update(work, group, comment, author, to=to, updated=work.now)


def _as_it_came(work: Work, moderator: Actor | None) -> Any:
    """The letter by which a moderator of another server did it: their own words go on; None for whoever is here."""
    received = work.cause
    if moderator is None or moderator.local or not isinstance(received, Received):
        return None
    return verbatim(received.body) if received.activity.actor == moderator.uri else None


def _announce(work: Work, group: Actor, opening: Comment, wrapped: Any) -> None:
    author = people.by_id(work, opening.author_id or 0)
    announcing.announce(work, group, opening, plain=False, wrapped=wrapped, author=author)
