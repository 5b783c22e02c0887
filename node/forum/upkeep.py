"""What keeps threads in order: moderators remove, restore, lock, pin; with authors they make private and share."""

from node.forum import markup, rules
from node.forum.errors import Invalid, NotAllowed
from node.forum.events import (
    CommentRemoved,
    CommentRestored,
    OpeningShared,
    ThreadLocked,
    ThreadPinned,
    ThreadWithdrawn,
)
from storage import moderation, people, retractions, threads
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work

REASON = 500  # characters: it is read by everybody, below what it is about


def clean_reason(reason: str) -> str:
    """Why, as it is shown and kept; refuses a long one."""
    reason = " ".join(markup.at_edge(reason).split())
    if len(reason) > REASON:
        raise Invalid("A reason has at most %(most)s characters; this one is longer.", most=REASON, field="reason")
    return reason


# ------------------------------------------------------------------ items


def remove_comment(work: Work, moderator: Actor | None, comment: Comment, reason: str) -> None:
    """A moderator takes an item away: its words are kept and shown to nobody."""
    thread = threads.hold(work, comment)
    rules.may_moderate(work, moderator, thread.group_id)
    if comment.state != "visible":
        return
    reason = clean_reason(reason)
    comment.state, comment.reason = "removed", reason
    comment.version += 1
    moderation.keep_act(work, moderator, "remove", comment.uri, reason, thread.group_id)
    changed(work, thread, comment)
    work.happened(CommentRemoved(comment, moderator, reason))


def restore_comment(work: Work, moderator: Actor | None, comment: Comment, reason: str = "") -> None:
    """A moderator brings back what was removed; what its author deleted stays gone."""
    thread = threads.hold(work, comment)
    rules.may_moderate(work, moderator, thread.group_id)
    if comment.state != "removed":
        raise NotAllowed("Only what a moderator removed can be restored.")
    comment.state, comment.reason = "visible", None
    comment.version += 1
    moderation.keep_act(work, moderator, "restore", comment.uri, clean_reason(reason), thread.group_id)
    changed(work, thread, comment)
    work.happened(CommentRestored(comment, moderator))


def changed(work: Work, thread: Thread, comment: Comment) -> None:
    """What was taken away or brought back changes its parent's `replies` too."""
    thread.version += 1
    if comment.parent_id is not None:
        threads.touch(work, [comment.parent_id])
    work.flush()


# ------------------------------------------------------------------ threads


def lock_thread(work: Work, moderator: Actor | None, thread_id: int, reason: str, *, locked: bool = True) -> None:
    """Ends or reopens a thread; what was said stays."""
    thread = threads.lock(work, thread_id)
    rules.may_moderate(work, moderator, thread.group_id)
    if (thread.locked_at is not None) == locked:
        return
    reason = clean_reason(reason)
    thread.locked_at = work.now if locked else None
    opening = _touched(work, thread)
    verb = "lock" if locked else "reopen"
    moderation.keep_act(work, moderator, verb, threads.uri_of(work, thread), reason, thread.group_id)
    work.happened(ThreadLocked(thread, opening, moderator, reason, locked))


def pin_thread(work: Work, moderator: Actor | None, thread_id: int, reason: str = "", *, pinned: bool = True) -> None:
    """Puts a thread first in its group, or back among the others."""
    thread = threads.lock(work, thread_id)
    rules.may_moderate(work, moderator, thread.group_id)
    if (thread.pinned_at is not None) == pinned:
        return
    thread.pinned_at = work.now if pinned else None
    opening = _touched(work, thread)
    verb = "pin" if pinned else "unpin"
    moderation.keep_act(work, moderator, verb, threads.uri_of(work, thread), clean_reason(reason), thread.group_id)
    work.happened(ThreadPinned(thread, opening, moderator, pinned))


def share_opening(work: Work, actor: Actor | None, thread_id: int, reason: str = "", *, shared: bool = True) -> None:
    """Makes the opening a whiteboard that members of the group edit, or its author's alone again."""
    thread = threads.lock(work, thread_id)
    opening = threads.opening(work, thread_id)
    by_author = may_tend(work, actor, thread, opening)
    author = people.by_id(work, opening.author_id) if opening.author_id is not None else None
    if shared and (author is None or not author.local):
        raise NotAllowed("What was written on another server can only be changed there.")
    if thread.whiteboard == shared:
        return
    thread.whiteboard = shared
    thread.version += 1
    work.flush()
    if not by_author:
        verb = "share opening" if shared else "close opening"
        uri = threads.uri_of(work, thread)
        moderation.keep_act(work, actor, verb, uri, clean_reason(reason), thread.group_id)
    work.happened(OpeningShared(thread, opening))


def make_private(work: Work, actor: Actor | None, thread_id: int, reason: str = "") -> None:
    """Takes a public thread off the wire for ever: from now on it is for the group's members alone."""
    thread = threads.lock(work, thread_id)
    opening = threads.opening(work, thread_id)
    by_author = may_tend(work, actor, thread, opening)
    group = work.get_one(Group, thread.group_id)
    if thread.private:
        return
    if group.threads == "public" and group.privacy != "secret":
        raise NotAllowed("Threads in this group are public.")
    withdraw(work, thread)
    if not by_author:
        uri = threads.uri_of(work, thread)
        moderation.keep_act(work, actor, "make private", uri, clean_reason(reason), thread.group_id)


def withdraw(work: Work, thread: Thread) -> None:
    """What was public becomes private: everybody elsewhere who may hold a copy is told to delete it."""
    was_public = work.get_one(Group, thread.group_id).privacy != "secret" and not thread.private
    thread.private = True
    _touched(work, thread)
    if was_public and thread.state == "visible":
        work.happened(ThreadWithdrawn(thread, people.by_id(work, thread.group_id)))


def take_back_more(work: Work) -> bool:
    """Takes the next piece of some withdrawn thread back; says whether there may be more. The worker calls it."""
    begun = retractions.next_one(work)
    if begun is None:
        return False
    thread, group = threads.by_id(work, begun.thread_id), people.by_id(work, begun.group_id)
    work.happened(ThreadWithdrawn(thread, group, begun.after))
    return True


def may_tend(work: Work, actor: Actor | None, thread: Thread, opening: Comment) -> bool:
    """Its author and moderators tend a thread; says whether it is the author, who owes nobody a reason."""
    if actor is not None and actor.id == opening.author_id:
        rules.must_stand(actor)
        rules.must_see(work, actor, thread)
        return True
    rules.may_moderate(work, actor, thread.group_id)
    return False


def _touched(work: Work, thread: Thread) -> Comment:
    """Marks the documents of the thread and of its group's collections as changed; answers the opening."""
    thread.version += 1
    opening = threads.opening(work, thread.id)
    threads.touch(work, [opening.id])
    people.touch(work, thread.group_id)
    work.flush()
    return opening
