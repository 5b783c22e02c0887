"""What goes out when something happened here: the table "who sends what to whom", row by row.

Each function writes activities and deliveries inside the transaction of the change that caused it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from federation import activities, notes
from federation.documents import PUBLIC, Document, serialise, verbatim
from federation.inbox import Received
from node.fediverse import posts
from storage import deliveries, people, threads
from storage.people import Inbox
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work


def _letter(work: Work, about: str) -> Received | None:
    """The letter that brought this about, if it speaks of this very item and not of one that came along with it."""
    received = work.cause
    return received if isinstance(received, Received) and received.activity.object_id == about else None


def _place(work: Work, comment: Comment) -> tuple[Thread, Actor, Group] | None:
    """Thread, group actor and group of a public item; None for what never goes over the wire."""
    thread = threads.by_id(work, comment.thread_id)
    group = work.get_one(Group, thread.group_id)
    if not posts.is_public(work, thread):
        return None
    return thread, people.by_id(work, thread.group_id), group


def _of(dialects: set[str], inboxes: set[Inbox]) -> set[Inbox]:
    return {inbox for inbox in inboxes if inbox.dialect in dialects}


FORUM = {"forum"}
PLAIN = {"microblog", "discourse"}


# ------------------------------------------------------------------ threads and comments


def publish_thread(work: Work, opening: Comment) -> None:
    """Create to whom the member reaches; the group announces it to its followers, each in their own wording."""
    if (place := _place(work, opening)) is None:
        return
    _, group, _ = place
    author = people.by_id(work, opening.author_id or 0)
    received = _letter(work, opening.uri)
    if author.local:
        bodies = _creates(work, opening, author)
        to = people.follower_inboxes(work, author.id) | _mentioned(work, opening.mentions, author)
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
    _announce(work, group, opening, plain=True, wrapped=wrapped, author=author)


def publish_comment(work: Work, comment: Comment) -> None:
    """Create to the people concerned; to the group's followers wrapped, relayed quietly, boosted, or not at all."""
    if (place := _place(work, comment)) is None:
        return
    thread, group, settings = place
    author = people.by_id(work, comment.author_id or 0)
    received = _letter(work, comment.uri)
    quiet = settings.comments == "quiet"
    if author.local:
        uri, microblog, forum = _creates(work, comment, author)
        concerned = people.inboxes_of(work, _concerned(work, thread, comment), sender_id=author.id)
        concerned |= people.follower_inboxes(work, author.id) | _mentioned(work, comment.mentions, author)
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
            followers = _of({"microblog"}, people.follower_inboxes(work, group.id))
            deliveries.address(work, activity_id, followers, signer_id=group.id)
        wrapped: Any = forum
    else:
        wrapped = verbatim(received.body) if received is not None else None
        if quiet and received is not None:
            _relay(work, group, comment, received)
    _announce(work, group, comment, plain=settings.comments == "boosted", wrapped=wrapped, author=author)


def publish_edit(work: Work, comment: Comment, editor: Actor) -> None:
    """Update to everyone who may hold a copy."""
    if (place := _place(work, comment)) is None:
        return
    thread, group, settings = place
    received = _letter(work, comment.uri)
    if editor.local:
        uri = deliveries.mint(work)
        out = posts.out_post(work, comment)
        to, cc = notes.addressed_to(out)
        microblog, forum = (
            activities.update(uri, editor.uri, notes.DIALECTS[dialect](out), to, cc, audience=out.group)
            for dialect in ("microblog", "forum")
        )
        deliveries.enqueue(
            work,
            uri=uri,
            actor_id=editor.id,
            type="Update",
            about=comment.uri,
            public=True,
            microblog=serialise(microblog),
            forum=serialise(forum),
            to=_holders(work, thread, comment, editor, group, threads.reacting_ids(work, comment.id)),
        )
        wrapped: Any = forum
    elif received is not None:
        wrapped = verbatim(received.body)
        if settings.comments == "quiet":
            _relay(work, group, comment, received)
    else:
        return
    _announce(work, group, comment, plain=False, wrapped=wrapped, author=editor)


def publish_erasure(
    work: Work, comment: Comment, author: Actor, reacted: frozenset[int], mentioned: tuple[tuple[str, str], ...]
) -> None:
    """Delete to everyone who may hold a copy, and to every inbox that author or group ever reached."""
    if (place := _place(work, comment)) is None:
        return
    thread, group, settings = place
    received = _letter(work, comment.uri)
    if author.local:
        delete = _delete(work, comment, author, group)
        to = _holders(work, thread, comment, author, group, reacted)
        to |= people.reached_inboxes(work, author.id) | people.reached_inboxes(work, group.id)
        to |= _mentioned(work, mentioned, author)
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
            _relay(work, group, comment, received)
        _unboost(work, group, comment)
    _announce(work, group, comment, plain=False, wrapped=wrapped, author=author, always=True)


def publish_removal(work: Work, comment: Comment, moderator: Actor | None, reason: str) -> None:
    """Ours: Delete by its author's key; theirs: the boost is undone; forums get the moderator's Delete, wrapped."""
    if (place := _place(work, comment)) is None:
        return
    thread, group, _ = place
    author = people.by_id(work, comment.author_id or 0)
    if author.local:
        delete = _delete(work, comment, author, group)
        to = _holders(work, thread, comment, author, group, threads.reacting_ids(work, comment.id))
        to |= people.reached_inboxes(work, author.id) | people.reached_inboxes(work, group.id)
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
    else:
        _unboost(work, group, comment)
    acting = moderator or next(iter(people.moderators(work, group.id)), None)
    if acting is not None and acting.local:
        # A summary, even an empty one, tells Lemmy that a moderator did it.
        _announce(
            work,
            group,
            comment,
            plain=False,
            author=author,
            always=True,
            wrapped=activities.delete(
                deliveries.mint(work),
                acting.uri,
                comment.uri,
                [group.uri, PUBLIC],
                [],
                audience=group.uri,
                summary=reason,
            ),
        )


def publish_restoration(work: Work, comment: Comment, moderator: Actor | None) -> None:
    """Forums get Undo{Delete}; Mastodon has tombstoned the id, and the page says so."""
    if (place := _place(work, comment)) is None:
        return
    _, group, _ = place
    author = people.by_id(work, comment.author_id or 0)
    acting = moderator or next(iter(people.moderators(work, group.id)), None)
    if acting is None or not acting.local:
        return
    to = [group.uri, PUBLIC]
    delete = activities.delete(deliveries.mint(work), acting.uri, comment.uri, to, [], audience=group.uri, summary="")
    undo = activities.undo(deliveries.mint(work), acting.uri, delete, to, [])
    _announce(work, group, comment, plain=False, wrapped=undo, author=author, always=True)


def _creates(work: Work, comment: Comment, author: Actor) -> tuple[str, Document, Document]:
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


def _announce(
    work: Work,
    group: Actor,
    comment: Comment,
    *,
    plain: bool,
    wrapped: Any,
    author: Actor,
    always: bool = False,
) -> None:
    """The group's Announce to its followers: wrapped for forums, for the others the id alone, or nothing."""
    if not plain and wrapped is None:
        return
    uri = deliveries.mint(work)
    to = people.follower_inboxes(work, group.id)
    if not plain:
        to = _of(FORUM, to)
    # The author's own server needs its copy back: Lemmy shows a post as pending until then.
    to |= _of(FORUM, people.inboxes_of(work, {author.id}, sender_id=group.id))
    if not to:
        return
    followers = f"{group.uri}/followers"
    wrap = (
        activities.announce(uri, group.uri, wrapped, [group.uri, PUBLIC], [followers], published=work.now)
        if wrapped is not None
        else None
    )
    boost = activities.announce(uri, group.uri, comment.uri, [PUBLIC], [followers, author.uri], published=work.now)
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


def _relay(work: Work, group: Actor, comment: Comment, received: Received) -> None:
    """What another server said, passed on byte for byte by the group, in nobody's timeline."""
    to = _of({"microblog"}, people.follower_inboxes(work, group.id))
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


def _unboost(work: Work, group: Actor, comment: Comment) -> None:
    """Takes the group's boost of an item back."""
    if comment.boosted_as is None:
        return
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
        to=_of(PLAIN, people.reached_inboxes(work, group.id)),
    )
    comment.boosted_as = None


def _concerned(work: Work, thread: Thread, comment: Comment) -> set[int]:
    """The author of what is answered, and the latest participants elsewhere."""
    concerned = {actor.id for actor in threads.participants_elsewhere(work, thread.id, notes.MOST_PARTICIPANTS)}
    if comment.parent_id is not None:
        parent = threads.comment(work, comment.parent_id)
        if parent.author_id is not None:
            concerned.add(parent.author_id)
    return concerned


def _mentioned(work: Work, mentions: Iterable[Sequence[str]], author: Actor) -> set[Inbox]:
    found = (people.by_uri(work, uri) for uri, _ in mentions)
    return people.inboxes_of(work, {actor.id for actor in found if actor is not None}, sender_id=author.id)


def _holders(
    work: Work, thread: Thread, comment: Comment, author: Actor, group: Actor, reacted: set[int] | frozenset[int]
) -> set[Inbox]:
    """Everyone who may hold a copy: followers of author and group, participants, likers, boosters, who answered it."""
    ids = _concerned(work, thread, comment) | set(reacted) | threads.answering_ids(work, comment.id)
    holders = (
        people.inboxes_of(work, ids, sender_id=author.id)
        | people.follower_inboxes(work, author.id)
        | _mentioned(work, comment.mentions, author)
    )
    return holders | _of(PLAIN, people.follower_inboxes(work, group.id))


# ------------------------------------------------------------------ reactions


def publish_reaction(work: Work, comment: Comment, actor: Actor, kind: str, *, undone: str | None = None) -> str | None:
    """A Like or Dislike, or its Undo, to the author's server; the group tells forums that follow it."""
    if (place := _place(work, comment)) is None or kind == "boost" or comment.author_id is None:
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
        to = people.inboxes_of(work, {author.id}, sender_id=actor.id, shared=False)
        if kind == "dislike":
            to = _of(FORUM, to)  # nobody else knows what it is
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
    forums = _of(FORUM, people.follower_inboxes(work, group.id))
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
