"""Event -> what follows: the table. All of it runs inside the transaction of the event."""

from collections.abc import Callable
from typing import Any

from node import live
from node.fediverse import actors, moderation, publishing, remarks, telling, upkeep
from node.forum import events, following, reading
from node.mail import accounts as account_mails
from node.mail import groups as group_mails
from storage import drafts, people, visibility
from storage.schema import Comment, Thread
from storage.work import Work

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
    events.ThreadLocked: (
        lambda work, it: upkeep.publish_lock(work, it.opening, it.moderator, it.reason, locked=it.locked),
    ),
    events.ThreadPinned: (lambda work, it: upkeep.publish_pin(work, it.opening, it.moderator, pinned=it.pinned),),
    events.ThreadTagged: (lambda work, it: upkeep.publish_tags(work, it.thread, it.opening),),
    events.OpeningShared: (),
    events.ThreadWithdrawn: (
        lambda work, it: upkeep.publish_withdrawal(work, it.thread, it.group, it.after),
        lambda work, it: _have_looked_at(work, it.thread),
    ),
    events.ThreadMoved: (lambda work, it: upkeep.publish_move(work, it.thread, it.opening, it.origin, it.moderator),),
    events.BranchSplit: (
        lambda work, it: upkeep.publish_split(work, it.thread, it.moved),
        lambda work, it: _have_looked_at(work, it.origin),
    ),
    events.Reported: (lambda work, it: moderation.forward_report(work, it.report) if it.forward else None,),
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
    events.Unfollowed: (
        lambda work, it: telling.send_unfollow(work, it.follower, it.target, it.request),
        lambda work, it: following.let_go(work, it.target),
    ),
    events.ActorChanged: (lambda work, it: _publish_actor(work, it),),
    events.ActorBlocked: (
        lambda work, it: moderation.publish_block(work, it.uri, it.actor, it.target, undone=it.undone),
    ),
    events.ActorMoved: (lambda work, it: telling.publish_move(work, it.actor, it.target),),
    events.ActorErased: (
        lambda work, it: telling.publish_departure(work, it.actor),
        lambda work, it: reading.forget_all_of(work, it.actor.id),
        lambda work, it: drafts.drop_all_of(work, it.actor.id),
    ),
    events.Joined: (),
    events.MembershipEnded: (),
    events.Invited: (lambda work, it: _send_invitation(work, it),),
    events.JoinAsked: (group_mails.tell_moderators,),
    events.JoinApproved: (group_mails.tell_approved,),
    events.GroupHidden: (lambda work, it: telling.publish_departure(work, it.group),),
    events.RemarkMade: (lambda work, it: remarks.publish(work, it.remark, it.author),),
    events.RemarkEdited: (lambda work, it: remarks.publish_edit(work, it.remark, it.author),),
    events.RemarkErased: (lambda work, it: remarks.publish_erasure(work, it.remark, it.author),),
    events.LikedElsewhere: (
        lambda work, it: remarks.publish_like(work, it.actor, it.uri, it.author, undone=it.undone),
    ),
    events.MailQueued: (),
    events.AccountMade: (account_mails.send_first_link,),
    events.SignInAsked: (account_mails.send_sign_in,),
    events.ResetAsked: (account_mails.send_reset,),
    events.SignUpAsked: (account_mails.send_sign_up,),
    events.SignUpKnown: (account_mails.tell_known,),
    events.SignUpWaits: (account_mails.tell_admins,),
    events.SignUpApproved: (account_mails.welcome,),
    events.SignUpRefused: (account_mails.refuse,),
    events.EmailAsked: (account_mails.send_new_email,),
    events.EmailChanged: (account_mails.tell_old_email,),
    events.PasswordChanged: (account_mails.tell_password,),
    events.SecondFactorChanged: (account_mails.tell_second_factor,),
    events.AccountErased: (account_mails.say_farewell,),
    events.SessionsEnded: (lambda work, it: _end_streams(work, it),),
}


# What those hear who have the thread open: its kind, and the item that it is about.
TOLD: dict[type, tuple[str, Callable[[Any], Comment]]] = {
    events.ThreadStarted: ("posted", lambda it: it.opening),
    events.CommentPosted: ("posted", lambda it: it.comment),
    events.CommentEdited: ("edited", lambda it: it.comment),
    events.CommentErased: ("erased", lambda it: it.comment),
    events.CommentRemoved: ("removed", lambda it: it.comment),
    events.CommentRestored: ("restored", lambda it: it.comment),
    events.Reacted: ("reacted", lambda it: it.comment),
    events.Unreacted: ("unreacted", lambda it: it.comment),
    events.ThreadLocked: ("edited", lambda it: it.opening),
    events.ThreadTagged: ("edited", lambda it: it.opening),
    events.ThreadMoved: ("edited", lambda it: it.opening),
    events.OpeningShared: ("edited", lambda it: it.opening),
}


def follow_up(work: Work, event: object) -> None:
    """What the storage calls for each event: what follows it, and who is to hear of it once it is committed."""
    for consequence in TABLE[type(event)]:
        consequence(work, event)
    if type(event) in TOLD:
        kind, item_of = TOLD[type(event)]
        item = item_of(event)
        live.tell(work, f"thread:{item.thread_id}", {"kind": kind, "uid": item.uid, "number": item.number})
    live.tell(work, "mails" if isinstance(event, events.MailQueued) else "deliveries", {})


def _have_looked_at(work: Work, thread: Thread) -> None:
    """Those who have the thread open find out whether they still may, and what is there now."""
    live.tell(work, f"thread:{thread.id}", live.LOOK)


def _end_streams(work: Work, event: events.SessionsEnded) -> None:
    for session_id in event.session_ids:
        live.tell(work, f"session:{session_id}", {"kind": "ended"})


def _publish_reaction(work: Work, event: events.Reacted) -> None:
    uri = publishing.publish_reaction(work, event.comment, event.actor, event.reaction.kind)
    if uri is not None:
        event.reaction.uri = uri  # its Undo names it


def _publish_actor(work: Work, event: events.ActorChanged) -> None:
    # Without a key nobody has read the actor yet, so nobody holds a copy.
    if people.key_of(work, event.actor.id) is not None and visibility.is_shown(work, event.actor):
        telling.publish_actor(work, event.actor, actors.document(work, event.actor))


def _send_invitation(work: Work, event: events.Invited) -> None:
    """By mail, or where the person is elsewhere, as a direct message; whoever is here has a notice already."""
    invited_id = event.invitation.invited_id
    invited = people.by_id(work, invited_id) if invited_id is not None else None
    if invited is not None and not invited.local:
        telling.invite(work, event.invitation, event.secret, invited, event.inviter)
    else:
        group_mails.send_invitation(work, event)
