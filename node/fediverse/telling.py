"""What goes out about actors: follows and their answers, direct messages, changed profiles, departures."""

from collections.abc import Mapping
from html import escape
from typing import Any

from federation import activities
from federation.documents import PUBLIC, Document, moment, serialise
from federation.inbox import Received
from storage import deliveries, people, threads
from storage.schema import Actor, Follow, Invitation
from storage.work import Work


def send_follow(work: Work, follow: Follow, follower: Actor, target: Actor) -> None:
    """Our Follow, to the target's own inbox."""
    assert follow.uri is not None, "a follow of ours has an id"
    document = activities.follow(follow.uri, follower.uri, target.uri)
    send_to_one(work, document, follower, target, about=target.uri)


def send_unfollow(work: Work, follower: Actor, target: Actor, request: str | None) -> None:
    """Undo{Follow}, with the Follow embedded."""
    undone = activities.follow(request or deliveries.mint(work), follower.uri, target.uri)
    undo = activities.undo(deliveries.mint(work), follower.uri, undone, [target.uri])
    send_to_one(work, undo, follower, target, about=target.uri, always=True)


def send_answer(work: Work, follower: Actor, target: Actor, request: str | None, *, accepted: bool) -> None:
    """Accept or Reject with the Follow embedded as it came, to the follower's own inbox."""
    if follower.local:
        return
    received = work.cause
    follow: Mapping[str, Any] = activities.follow(request or deliveries.mint(work), follower.uri, target.uri)
    if isinstance(received, Received) and received.activity.type == "Follow" and received.activity.id == request:
        follow = received.activity.raw
    answer = (activities.accept if accepted else activities.reject)(
        deliveries.mint(work), target.uri, follow, [follower.uri]
    )
    send_to_one(work, answer, target, follower, about=follower.uri, always=True)


def send_to_one(
    work: Work, document: Document, sender: Actor, recipient: Actor, *, about: str, always: bool = False
) -> None:
    body = serialise(document)
    deliveries.enqueue(
        work,
        uri=document["id"],
        actor_id=sender.id,
        type=document["type"],
        about=about,
        public=False,
        always=always,
        microblog=body,
        forum=body,
        to=people.inboxes_of(work, {recipient.id}, sender_id=sender.id, shared=False, even_blocked=True),
    )


def tell(work: Work, group: Actor, recipient: Actor, words: str, *, about: str) -> None:
    """A direct message from the group to someone elsewhere, about a post of theirs."""
    uri = f"{work.origin}/comment/{work.mint()}"
    content = f'<p><a href="{escape(recipient.url or recipient.uri)}">@{recipient.name}</a> {escape(words)}</p>'
    note = {
        "id": uri,
        "type": "Note",
        "attributedTo": group.uri,
        "inReplyTo": about,
        "to": [recipient.uri],
        "cc": [],
        "content": content,
        "published": moment(work.now),
        "tag": [{"type": "Mention", "href": recipient.uri, "name": f"@{recipient.handle}"}],
    }
    create = activities.create(deliveries.mint(work), group.uri, note, [recipient.uri], [], published=work.now)
    send_to_one(work, create, group, recipient, about=uri, always=True)


def invite(work: Work, invitation: Invitation, secret: str, invited: Actor, inviter: Actor | None) -> None:
    """A direct message from the group to whom it invites elsewhere; its link is for them alone."""
    group = people.by_id(work, invitation.group_id)
    thread = threads.by_id(work, invitation.thread_id) if invitation.thread_id is not None else None
    into = f"the thread “{thread.title}”" if thread is not None else f"the group {group.display_name or group.name}"
    by = f"{inviter.display_name or inviter.name} (@{inviter.handle})" if inviter is not None else "An admin"
    link = escape(f"{work.origin}/invitations/{secret}")
    said = f"<blockquote><p>{escape(invitation.words)}</p></blockquote>" if invitation.words else ""
    content = (
        f'<p><a href="{escape(invited.url or invited.uri)}">@{escape(invited.name)}</a> '
        f"{escape(by)} invites you into {escape(into)}.</p>{said}"
        f'<p>See who asks, and accept, here: <a href="{link}">{link}</a></p>'
        "<p>The link is for you alone, and works for two weeks.</p>"
    )
    note: Document = {
        "id": f"{work.origin}/comment/{work.mint()}",
        "type": "Note",
        "attributedTo": group.uri,
        "to": [invited.uri],
        "cc": [],
        "content": content,
        "published": moment(work.now),
        "tag": [{"type": "Mention", "href": invited.uri, "name": f"@{invited.handle}"}],
    }
    create = activities.create(deliveries.mint(work), group.uri, note, [invited.uri], [], published=work.now)
    send_to_one(work, create, group, invited, about=note["id"])


# ------------------------------------------------------------------ actors


def publish_actor(work: Work, actor: Actor, document: Document) -> None:
    """Update of one of ours to its followers; a group's also by a moderator, wrapped: Lemmy takes no other."""
    followers = f"{actor.uri}/followers"
    uri = deliveries.mint(work)
    update = activities.update(uri, actor.uri, document, [PUBLIC], [followers])
    body = serialise(update)
    to = people.follower_inboxes(work, actor.id)
    deliveries.enqueue(
        work, uri=uri, actor_id=actor.id, type="Update", about=actor.uri, public=True, microblog=body, forum=body, to=to
    )
    acting = next((a for a in people.moderators(work, actor.id) if a.local), None) if actor.kind == "group" else None
    forums = {inbox for inbox in to if inbox.dialect == "forum"}
    if acting is not None and forums:
        addressed = [actor.uri, PUBLIC]
        inner = activities.update(
            deliveries.mint(work), acting.uri, document, addressed, [followers], audience=actor.uri
        )
        wrapped = activities.announce(
            deliveries.mint(work), actor.uri, inner, addressed, [followers], published=work.now
        )
        deliveries.enqueue(
            work,
            uri=wrapped["id"],
            actor_id=actor.id,
            type="Announce",
            about=actor.uri,
            public=True,
            microblog=None,
            forum=serialise(wrapped),
            to=forums,
        )


def publish_move(work: Work, actor: Actor, target: Actor) -> None:
    """Move of one of ours to its followers; their servers ask both accounts whether it is so."""
    uri = deliveries.mint(work)
    body = serialise(activities.move(uri, actor.uri, target.uri, [f"{actor.uri}/followers"]))
    deliveries.enqueue(
        work,
        uri=uri,
        actor_id=actor.id,
        type="Move",
        about=actor.uri,
        public=True,
        always=True,
        microblog=body,
        forum=body,
        to=people.follower_inboxes(work, actor.id),
    )


def publish_departure(work: Work, actor: Actor) -> None:
    """Delete of one of ours to every inbox it ever reached; its key signs until the last row is gone."""
    if actor.kind == "person":  # a group that was hidden lives on for its members
        deliveries.forget_words(work, actor.uri)
    uri = deliveries.mint(work)
    body = serialise(activities.delete(uri, actor.uri, actor.uri, [PUBLIC], [f"{actor.uri}/followers"]))
    to = people.follower_inboxes(work, actor.id) | people.reached_inboxes(work, actor.id)
    deliveries.enqueue(
        work,
        uri=uri,
        actor_id=actor.id,
        type="Delete",
        about=actor.uri,
        public=True,
        always=True,
        microblog=body,
        forum=body,
        to=to,
    )
