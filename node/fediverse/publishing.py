"""What goes out when something happened here: the table "who sends what to whom", row by row.

Each function writes activities and deliveries inside the transaction of the change that caused it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from federation import activities, notes
from federation.documents import PUBLIC, Document, serialise, verbatim
from federation.inbox import Received
from node.fediverse import announcing, posts
from storage import deliveries, limits, people, threads
from storage.people import Inbox
from storage.schema import Actor, Comment
from storage.work import Work

# ------------------------------------------------------------------ threads and comments


def publish_thread(work: Work, opening: Comment) -> None:
    """Create to whom the member reaches; the group announces it to its followers, each in their own wording."""
    if (place := announcing.place(work, opening)) is None:
        return
    _, group, _ = place
    author = people.by_id(work, opening.author_id or 0)
    received = announcing.letter(work, opening.uri)
    if author.local:
        bodies = creates(work, opening, author)
        to = people.follower_inboxes(work, author.id) | announcing.mentioned(work, opening.mentions, author)
        deliveries.enqueue(
            work,
            uri=bodies[0],
            actor_id=author.id,
            type="Create",
            about=opening.uri,
            public=True,
            microblog=serialise(bodies[1]),
            forum=serialise(bodies[2]),
            to=to,
        )
        wrapped: Any = bodies[2]
    else:
        wrapped = verbatim(received.body) if received is not None else None
    announcing.announce(
        work, group, opening, plain=True, wrapped=wrapped, author=author, followers=not limits.silences(work, author)
    )


def publish_comment(work: Work, comment: Comment) -> None:
    """Create to the people concerned; to the group's followers wrapped, relayed quietly, boosted, or not at all."""
    if (place := announcing.place(work, comment)) is None:
        return
    thread, group, settings = place
    author = people.by_id(work, comment.author_id or 0)
    received = announcing.letter(work, comment.uri)
    quiet = settings.comments == "quiet"
    if author.local:
        uri, microblog, forum = creates(work, comment, author)
        concerned = people.inboxes_of(work, announcing.concerned(work, thread, comment), sender_id=author.id)
        concerned |= people.follower_inboxes(work, author.id) | announcing.mentioned(work, comment.mentions, author)
        activity_id = deliveries.enqueue(
            work,
            uri=uri,
            actor_id=author.id,
            type="Create",
            about=comment.uri,
            public=True,
            microblog=serialise(microblog),
            forum=serialise(forum),
            to=concerned,
        )
        if quiet:
            # GoToSocial fetches it and keeps it in the thread; Mastodon drops it and pulls `replies`.
            followers = announcing.of({"microblog"}, people.follower_inboxes(work, group.id))
            deliveries.address(work, activity_id, followers, signer_id=group.id)
        wrapped: Any = forum
    else:
        wrapped = verbatim(received.body) if received is not None else None
        if quiet and received is not None and not limits.silences(work, author):
            announcing.relay(work, group, comment, received)
    announcing.announce(
        work, group, comment, plain=settings.comments == "boosted", wrapped=wrapped, author=author,
        followers=not limits.silences(work, author),
    )  # fmt: skip


def publish_edit(work: Work, comment: Comment, editor: Actor) -> None:
    """Update to everyone who may hold a copy; what a member changed on a whiteboard, its author signs."""
    if (place := announcing.place(work, comment)) is None:
        return
    thread, group, settings = place
    received = announcing.letter(work, comment.uri)
    if editor.local:
        author = people.by_id(work, comment.author_id or 0)
        publish_update(
            work, group, comment, author,
            to=announcing.holders(work, thread, comment, author, group, threads.reacting_ids(work, comment.id)),
        )  # fmt: skip
    elif received is not None:
        if settings.comments == "quiet":
            announcing.relay(work, group, comment, received)
        announcing.announce(work, group, comment, plain=False, wrapped=verbatim(received.body), author=editor)


def publish_update(
    work: Work, group: Actor, comment: Comment, author: Actor, *, to: set[Inbox], updated: datetime | None = None
) -> None:
    """The Update of an item of ours, and the group's Announce of it for forums.

    `updated` is given where not its words changed but where it is: without a newer one Mastodon takes no Update.
    """
    uri = deliveries.mint(work)
    out = posts.out_post(work, comment)
    out = replace(out, updated=updated) if updated is not None else out
    addressed, cc = notes.addressed_to(out)
    microblog, forum = (
        activities.update(uri, author.uri, notes.DIALECTS[dialect](out), addressed, cc, audience=out.group)
        for dialect in ("microblog", "forum")
    )
    deliveries.enqueue(
        work,
        uri=uri,
        actor_id=author.id,
        type="Update",
        about=comment.uri,
        public=True,
        microblog=serialise(microblog),
        forum=serialise(forum),
        to=to,
    )
    announcing.announce(work, group, comment, plain=False, wrapped=forum, author=author)


def publish_erasure(
    work: Work, comment: Comment, author: Actor, reacted: frozenset[int], mentioned: tuple[tuple[str, str], ...]
) -> None:
    """Delete to everyone who may hold a copy, and to every inbox that author or group ever reached."""
    deliveries.forget_words(work, comment.uri)
    if (place := announcing.place(work, comment)) is None:
        return
    thread, group, settings = place
    received = announcing.letter(work, comment.uri)
    if author.local:
        delete = _delete(work, comment, author, group)
        to = announcing.holders(work, thread, comment, author, group, reacted)
        to |= people.reached_inboxes(work, author.id) | people.reached_inboxes(work, group.id)
        to |= announcing.mentioned(work, mentioned, author)
        body = serialise(delete)
        deliveries.enqueue(
            work,
            uri=delete["id"],
            actor_id=author.id,
            type="Delete",
            about=comment.uri,
            public=True,
            always=True,
            microblog=body,
            forum=body,
            to=to,
        )
        wrapped: Any = delete
    else:
        wrapped = verbatim(received.body) if received is not None else None
        if settings.comments == "quiet" and received is not None:
            announcing.relay(work, group, comment, received)
        announcing.unboost(work, group, comment)
    announcing.announce(work, group, comment, plain=False, wrapped=wrapped, author=author, always=True)


def publish_removal(work: Work, comment: Comment, moderator: Actor | None, reason: str) -> None:
    """Ours: Delete by its author's key; theirs: the boost is undone; forums get the moderator's Delete, wrapped."""
    if (place := announcing.place(work, comment)) is None:
        return
    thread, group, _ = place
    author = people.by_id(work, comment.author_id or 0)
    if author.local:
        to = announcing.holders(work, thread, comment, author, group, threads.reacting_ids(work, comment.id))
        to |= people.reached_inboxes(work, author.id) | people.reached_inboxes(work, group.id)
        take_back(work, group, comment, author, to=to)
    else:
        announcing.unboost(work, group, comment)
    announce_removal(work, group, comment, author, moderator, reason)


def take_back(work: Work, group: Actor, comment: Comment, author: Actor, *, to: set[Inbox]) -> None:
    """Delete of an item of ours, which is not erased here, by its author's key; forums hear it from a moderator."""
    delete = _delete(work, comment, author, group)
    deliveries.enqueue(
        work,
        uri=delete["id"],
        actor_id=author.id,
        type="Delete",
        about=comment.uri,
        public=True,
        always=True,
        microblog=serialise(delete),
        forum=None,
        to=to,
    )


def announce_removal(
    work: Work, group: Actor, comment: Comment, author: Actor, moderator: Actor | None, reason: str
) -> None:
    """A moderator's Delete in the group's Announce, for forums."""
    acting = announcing.acting(work, group, moderator)
    if acting is None:
        return
    # A summary, even an empty one, tells Lemmy that a moderator did it.
    delete = activities.delete(
        deliveries.mint(work), acting.uri, comment.uri, [group.uri, PUBLIC], [], audience=group.uri, summary=reason
    )
    announcing.announce(work, group, comment, plain=False, author=author, always=True, wrapped=delete)


def publish_restoration(work: Work, comment: Comment, moderator: Actor | None) -> None:
    """Forums get Undo{Delete}; Mastodon has tombstoned the id, and the page says so."""
    if (place := announcing.place(work, comment)) is None:
        return
    _, group, _ = place
    author = people.by_id(work, comment.author_id or 0)
    acting = announcing.acting(work, group, moderator)
    if acting is None:
        return
    to = [group.uri, PUBLIC]
    delete = activities.delete(deliveries.mint(work), acting.uri, comment.uri, to, [], audience=group.uri, summary="")
    undo = activities.undo(deliveries.mint(work), acting.uri, delete, to, [])
    announcing.announce(work, group, comment, plain=False, wrapped=undo, author=author, always=True)


def creates(work: Work, comment: Comment, author: Actor) -> tuple[str, Document, Document]:
    """One Create in both wordings."""
    uri = deliveries.mint(work)
    out = posts.out_post(work, comment)
    to, cc = notes.addressed_to(out)
    microblog, forum = (
        activities.create(
            uri, author.uri, notes.DIALECTS[dialect](out), to, cc, audience=out.group, published=out.published
        )
        for dialect in ("microblog", "forum")
    )
    return uri, microblog, forum


def _delete(work: Work, comment: Comment, author: Actor, group: Actor) -> Document:
    # An id alone: Lemmy and NodeBB take it, and Mastodon asks for nothing more.
    cc = [author.followers or f"{author.uri}/followers", f"{group.uri}/followers"]
    return activities.delete(
        deliveries.mint(work), author.uri, comment.uri, [group.uri, PUBLIC], cc, audience=group.uri
    )


# ------------------------------------------------------------------ reactions


def publish_reaction(work: Work, comment: Comment, actor: Actor, kind: str, *, undone: str | None = None) -> str | None:
    """A Like or Dislike, or its Undo, to the author's server; the group tells forums that follow it."""
    if (place := announcing.place(work, comment)) is None or kind == "boost" or comment.author_id is None:
        return None
    _, group, _ = place
    author = people.by_id(work, comment.author_id)
    received = work.cause if isinstance(work.cause, Received) else None
    activity: Any
    uri: str | None = None
    if actor.local:
        uri = undone or deliveries.mint(work)
        build = activities.dislike if kind == "dislike" else activities.like
        activity = build(uri, actor.uri, comment.uri, [author.uri, PUBLIC], [], audience=group.uri)
        if undone is not None:
            activity = activities.undo(deliveries.mint(work), actor.uri, activity, [author.uri, PUBLIC], [])
        ends = undone is not None
        to = people.inboxes_of(work, {author.id}, sender_id=actor.id, shared=False, even_blocked=ends)
        if kind == "dislike":
            to = announcing.of(announcing.FORUM, to)  # nobody else knows what it is
        body = serialise(activity)
        deliveries.enqueue(
            work,
            uri=activity["id"],
            actor_id=actor.id,
            type="Undo" if undone else "Like",
            about=comment.uri,
            public=True,
            always=undone is not None,
            microblog=body,
            forum=body,
            to=to,
        )
    elif received is not None:
        activity = verbatim(received.body)
    else:
        return None
    forums = announcing.of(announcing.FORUM, people.follower_inboxes(work, group.id))
    if forums:
        announce = activities.announce(
            deliveries.mint(work),
            group.uri,
            activity,
            [group.uri, PUBLIC],
            [f"{group.uri}/followers"],
            published=work.now,
        )
        deliveries.enqueue(
            work,
            uri=announce["id"],
            actor_id=group.id,
            type="Announce",
            about=comment.uri,
            public=True,
            always=undone is not None,
            microblog=None,
            forum=serialise(announce),
            to=forums,
        )
    return uri
