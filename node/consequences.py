"""Event -> what follows: the table. All of it runs inside the transaction of the event."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from node.fediverse import actors, publishing, remarks, telling
from node.forum import events, reading
from storage import people, visibility
from storage.work import OnEvent, Work

Consequence = Callable[[Work, Any], object]

TABLE: dict[type, tuple[Consequence, ...]] = {
    events.ThreadStarted: (
        lambda work, it: publishing.publish_thread(work, it.opening),
        lambda work, it: reading.note_posted(work, it.opening, it.author),
    ),
    events.CommentPosted: (
        lambda work, it: publishing.publish_comment(work, it.comment),
        lambda work, it: reading.note_posted(work, it.comment, it.author),
    ),
    events.CommentEdited: (lambda work, it: publishing.publish_edit(work, it.comment, it.editor),),
    events.CommentErased: (
        lambda work, it: publishing.publish_erasure(work, it.comment, it.author, it.reacted, it.mentioned),
    ),
    events.CommentRemoved: (lambda work, it: publishing.publish_removal(work, it.comment, it.moderator, it.reason),),
    events.CommentRestored: (lambda work, it: publishing.publish_restoration(work, it.comment, it.moderator),),
    events.Reacted: (lambda work, it: _publish_reaction(work, it),),
    events.Unreacted: (
        lambda work, it: publishing.publish_reaction(work, it.comment, it.actor, it.kind, undone=it.uri or ""),
    ),
    events.FollowRequested: (lambda work, it: telling.send_follow(work, it.follow, it.follower, it.target),),
    events.FollowAccepted: (
        lambda work, it: telling.send_answer(work, it.follower, it.target, it.request, accepted=True),
    ),
    events.FollowRejected: (
        lambda work, it: telling.send_answer(work, it.follower, it.target, it.request, accepted=False),
    ),
    events.Unfollowed: (lambda work, it: telling.send_unfollow(work, it.follower, it.target, it.request),),
    events.ActorChanged: (lambda work, it: _publish_actor(work, it),),
    events.ActorErased: (
        lambda work, it: telling.publish_departure(work, it.actor),
        lambda work, it: reading.forget_all_of(work, it.actor.id),
        lambda work, it: drafts.drop_all_of(work, it.actor.id),
    ),
    events.Joined: (),
    events.RemarkMade: (lambda work, it: remarks.publish(work, it.remark, it.author),),
    events.RemarkEdited: (lambda work, it: remarks.publish_edit(work, it.remark, it.author),),
    events.RemarkErased: (lambda work, it: remarks.publish_erasure(work, it.remark, it.author),),
    events.LikedElsewhere: (
        lambda work, it: remarks.publish_like(work, it.actor, it.uri, it.author, undone=it.undone),
    ),
}


def consequences(bells: Sequence[asyncio.Event]) -> OnEvent:
    """What the storage calls for each event; the bells ring for the worker once it is committed."""

    def wake() -> None:
        for bell in bells:
            bell.set()

    def follow_up(work: Work, event: object) -> None:
        for consequence in TABLE[type(event)]:
            consequence(work, event)
        work.after_commit(wake)

    return follow_up


def _publish_reaction(work: Work, event: events.Reacted) -> None:
    uri = publishing.publish_reaction(work, event.comment, event.actor, event.reaction.kind)
    if uri is not None:
        event.reaction.uri = uri  # its Undo names it


def _publish_actor(work: Work, event: events.ActorChanged) -> None:
    # Without a key nobody has read the actor yet, so nobody holds a copy.
    if people.key_of(work, event.actor.id) is not None and visibility.is_shown(work, event.actor):
        telling.publish_actor(work, event.actor, actors.document(work, event.actor))
