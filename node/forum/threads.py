"""Threads and comments: start, answer, edit, erase, remove. One verb for every door."""

from datetime import datetime

from node.forum import items, rules, text
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import (
    CommentEdited,
    CommentErased,
    CommentPosted,
    CommentRemoved,
    CommentRestored,
    ThreadStarted,
)
from node.forum.items import Elsewhere as Elsewhere
from node.forum.items import Imported as Imported
from storage import items as stored_items
from storage import people, reactions, tags, threads
from storage.schema import Act, Actor, Comment, Group, Revision, Thread
from storage.work import Work

TITLE = 200  # characters; as much as Lemmy takes


def compose(work: Work, source: str, *, language: str | None = None) -> text.Words:
    """Markdown as words that can be posted: rendered once, with the people mentioned who are known here."""
    own_host = work.origin.split("://", 1)[1]

    def link(handle: str) -> str | None:
        actor = people.by_handle(work, handle, own_host)
        return (actor.url or actor.uri) if actor is not None and actor.state == "active" else None

    return text.from_markdown(
        source, language=language, link_mention=link, link_hashtag=lambda tag: f"{work.origin}/tags/{tag.lower()}"
    )


def start_thread(
    work: Work,
    author: Actor,
    group: Group,
    title: str,
    words: text.Words,
    *,
    private: bool = False,
    elsewhere: Elsewhere | None = None,
    imported: Imported | None = None,
) -> Comment:
    """Opens a thread in the group and answers its opening."""
    if elsewhere is not None:
        known = threads.comment_by_uri(work, elsewhere.uri)
        if known is not None:
            return known
        _refuse_the_gone(work, elsewhere.uri, author)
    if imported is None:
        rules.may_start(work, author, group, private=private)
    title = text.clean_name(title, TITLE + 1)
    if not title:
        raise Invalid("A thread needs a title.", field="title")
    if len(title) > TITLE:
        raise Invalid("A title has at most %(most)s characters; this one is longer.", most=TITLE, field="title")
    said_at = imported.said_at if imported else work.now
    uid = work.mint()
    uri = elsewhere.uri if elsewhere else f"{work.origin}/post/{uid}"
    own_context = f"{work.origin}/post/{uid}/context"
    context = own_context
    if elsewhere is not None and elsewhere.contexts and items.same_origin(elsewhere.contexts[0], uri):
        context = elsewhere.contexts[0]
    thread = Thread(
        uid=uid,
        group_id=group.actor_id,
        title=title,
        slug=text.slug(title),
        context=context,
        private=private or group.privacy == "secret",
        language=words.language or group.language,
        tags=list(words.hashtags),
        announced=imported is None,
        created_at=said_at,
        last_activity_at=said_at,
    )
    work.add(thread)
    work.flush()
    opening = items.new_item(
        work, thread, None, author, words, uid=uid, uri=uri, elsewhere=elsewhere, imported=imported
    )
    work.flush()
    for seen in {context, own_context}:
        threads.remember_context(work, thread.id, seen)
    if elsewhere is not None:
        items.remember_contexts(work, thread, uri, elsewhere.contexts)
    people.touch(work, group.actor_id)
    if imported is None:
        work.happened(ThreadStarted(thread, opening, author))
    return opening


def post_comment(
    work: Work,
    author: Actor,
    parent: Comment,
    words: text.Words,
    *,
    elsewhere: Elsewhere | None = None,
    imported: Imported | None = None,
) -> Comment:
    """Answers an item; what is here already, by its URI, is not posted twice."""
    thread = threads.lock(work, parent.thread_id)  # first: the same answer may be coming in beside us
    work.refresh(parent)
    known = _as_it_is_now(work, elsewhere.uri) if elsewhere else None
    if known is not None and known.state != "missing":
        return known
    if elsewhere is not None:
        _refuse_the_gone(work, elsewhere.uri, author)
    if known is not None and known.thread_id != thread.id:
        items.let_go_of_hole(work, known)
        known = None
    group = work.get_one(Group, thread.group_id)
    if imported is None:
        rules.may_comment(work, author, group, thread)
        if parent.state in ("removed", "deleted") and author.local:
            raise NotAllowed("What this answers was taken away; answer something else in the thread.")
    if not words.html.strip() and not (elsewhere and (elsewhere.attachments or elsewhere.question)):
        raise Invalid("There is nothing in it yet: write something.")
    if known is not None:
        comment = items.fill(work, thread, known, parent, author, words, elsewhere)
    else:
        uid = work.mint()
        comment = items.new_item(
            work,
            thread,
            parent,
            author,
            words,
            uid=uid,
            uri=elsewhere.uri if elsewhere else f"{work.origin}/comment/{uid}",
            elsewhere=elsewhere,
            imported=imported,
        )
    work.flush()
    if elsewhere is not None:
        items.remember_contexts(work, thread, comment.uri, elsewhere.contexts)
    if imported is None:
        work.happened(CommentPosted(comment, author))
    return comment


def leave_hole(work: Work, thread_id: int, uri: str, *, parent: Comment | None = None) -> Comment:
    """The place of an item that is not here (yet): it has a URI and no author."""
    thread = threads.lock(work, thread_id)
    known = _as_it_is_now(work, uri)
    parent = parent or threads.opening(work, thread_id)
    if known is not None:
        # A hole in another thread is but what somebody claimed; this thread has its own opening to hang things under.
        return known if known.state != "missing" or known.thread_id == thread_id else parent
    return items.place(work, thread, parent, state="missing", uri=uri)


def keep_refused(work: Work, parent: Comment, uri: str, author: Actor, reason: str) -> Comment:
    """Keeps the URI and the reason of a reply that is not let in: what answers it hangs under a hole."""
    if people.is_gone(work, uri, author.uri):
        raise NotFound("Its author deleted it.")
    thread = threads.lock(work, parent.thread_id)
    known = _as_it_is_now(work, uri)
    if known is not None:
        if known.state == "missing":
            known.state, known.reason = "refused", reason
            known.version += 1
        return known
    return items.place(work, thread, parent, state="refused", uri=uri, reason=reason)


def close_hole(work: Work, hole: Comment) -> None:
    """What was here as a hole is gone for good, says its own server."""
    thread = threads.lock(work, hole.thread_id)
    work.refresh(hole)
    if hole.state == "missing":
        hole.state = "deleted"
        hole.version += 1
        _changed(work, thread, hole)


def edit_comment(
    work: Work,
    editor: Actor,
    comment: Comment,
    words: text.Words,
    *,
    title: str | None = None,
    elsewhere: Elsewhere | None = None,
) -> Comment:
    """Replaces the words of an item and keeps the earlier ones; an older edit never undoes a newer one."""
    rules.may_edit(editor, comment)
    thread = threads.lock(work, comment.thread_id)
    work.refresh(comment)
    if comment.state not in ("visible", "removed"):
        raise NotFound("It is not here any more.")
    if elsewhere is not None and _is_stale(comment, elsewhere.updated):
        return comment
    edited_at = min(elsewhere.updated, work.now) if elsewhere and elsewhere.updated else work.now
    new_title = thread.title if title is None or comment.number else text.clean_name(title, TITLE) or thread.title
    same_words = (words.html, words.source, new_title) == (comment.html, comment.source, thread.title)
    if same_words and (elsewhere is None or items.brings_nothing_new(comment, elsewhere)):
        if elsewhere is not None:  # else an older edit that comes late would undo this one
            comment.edited_at = items.edited_at(work, elsewhere) or comment.edited_at
        return comment
    work.add(
        Revision(
            comment_id=comment.id,
            editor_id=editor.id,
            title=None if comment.number else thread.title,
            source=comment.source,
            html=comment.html,
            replaced_at=work.now,
        )
    )
    items.take_words(work, comment, words, elsewhere)
    comment.edited_at = edited_at
    comment.version += 1
    if comment.number == 0:
        thread.title, thread.slug, thread.tags = new_title, text.slug(new_title), list(words.hashtags)
    thread.version += 1
    work.flush()
    if comment.state == "visible":  # an edit of what a moderator removed is kept, and stays hidden
        work.happened(CommentEdited(comment, editor))
    return comment


def erase_comment(work: Work, author: Actor, comment: Comment) -> None:
    """Its author deletes an item: words, history and reactions are gone, a placeholder holds the tree."""
    if comment.author_id != author.id:
        raise NotAllowed("Only its author may delete this.")
    thread = threads.lock(work, comment.thread_id)
    work.refresh(comment)
    if comment.state == "deleted":
        return
    stored_items.forget_revisions(work, comment.id)
    reacted = frozenset(threads.reacting_ids(work, comment.id))
    reactions.drop_all_to(work, comment.id)
    work.happened(CommentErased(comment, author, reacted, tuple(tuple(pair) for pair in comment.mentions)))
    if comment.number == 0:
        thread.title, thread.slug, thread.tags = "[deleted]", "deleted", []
    comment.state, comment.reason = "deleted", None
    comment.source = comment.html = comment.wire = ""
    comment.summary = comment.question = comment.page_url = None
    comment.mentions, comment.tags, comment.attachments = [], [], []
    tags.set(work, comment.id, ())
    comment.version += 1
    people.bury(work, comment.uri, author.uri, "object")
    _changed(work, thread, comment)


def remove_comment(work: Work, moderator: Actor | None, comment: Comment, reason: str) -> None:
    """A moderator takes an item away: its words are kept and shown to nobody."""
    thread = threads.lock(work, comment.thread_id)
    rules.may_moderate(work, moderator, thread.group_id)
    work.refresh(comment)
    if comment.state != "visible":
        return
    comment.state, comment.reason = "removed", reason
    comment.version += 1
    work.add(
        Act(
            actor_id=moderator.id if moderator else None,
            verb="remove",
            about=comment.uri,
            reason=reason,
            done_at=work.now,
        )
    )
    _changed(work, thread, comment)
    work.happened(CommentRemoved(comment, moderator, reason))


def restore_comment(work: Work, moderator: Actor | None, comment: Comment, reason: str = "") -> None:
    """A moderator brings back what was removed; what its author deleted stays gone."""
    thread = threads.lock(work, comment.thread_id)
    rules.may_moderate(work, moderator, thread.group_id)
    work.refresh(comment)
    if comment.state != "removed":
        raise NotAllowed("Only what a moderator removed can be restored.")
    comment.state, comment.reason = "visible", None
    comment.version += 1
    work.add(
        Act(
            actor_id=moderator.id if moderator else None,
            verb="restore",
            about=comment.uri,
            reason=reason,
            done_at=work.now,
        )
    )
    _changed(work, thread, comment)
    work.happened(CommentRestored(comment, moderator))


def lock_thread(work: Work, moderator: Actor | None, thread_id: int, reason: str, *, locked: bool = True) -> None:
    """Ends or reopens a thread; what was said stays."""
    thread = threads.lock(work, thread_id)
    rules.may_moderate(work, moderator, thread.group_id)
    if (thread.locked_at is not None) == locked:
        return
    thread.locked_at = work.now if locked else None
    thread.version += 1
    work.add(
        Act(
            actor_id=moderator.id if moderator else None,
            verb="lock" if locked else "reopen",
            about=f"{work.origin}/post/{thread.uid}",
            reason=reason,
            done_at=work.now,
        )
    )


# ------------------------------------------------------------------ below the verbs


def _refuse_the_gone(work: Work, uri: str, author: Actor) -> None:
    if people.is_gone(work, uri, author.uri):
        raise NotFound("Its author deleted it.")  # even when the Delete came first


def _as_it_is_now(work: Work, uri: str) -> Comment | None:
    """The item of that URI, also when another has changed it since we looked."""
    known = threads.comment_by_uri(work, uri)
    if known is not None:
        work.refresh(known)
    return known


def _is_stale(comment: Comment, updated: datetime | None) -> bool:
    """An Update that is older than what we show; one without a time is taken in order of arrival."""
    return updated is not None and comment.edited_at is not None and updated < comment.edited_at


def _changed(work: Work, thread: Thread, comment: Comment) -> None:
    """What was taken away or brought back changes its parent's `replies` too."""
    thread.version += 1
    if comment.parent_id is not None:
        threads.touch(work, [comment.parent_id])
    work.flush()
