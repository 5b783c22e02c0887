"""Threads and comments: start, answer, edit, erase, remove. One verb for every door."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update

from node.forum import rules, text
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import (
    CommentEdited,
    CommentErased,
    CommentPosted,
    CommentRemoved,
    CommentRestored,
    ThreadStarted,
)
from storage import people, threads
from storage.schema import Act, Actor, Comment, Group, Reaction, Revision, Thread
from storage.work import Work

TITLE = 200  # characters; as much as Lemmy takes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What an item from another server, or an import, brings beside its words."""

    uri: str
    published: datetime | None = None
    updated: datetime | None = None
    page: str | None = None
    summary: str | None = None
    sensitive: bool = False
    attachments: tuple[dict[str, Any], ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()  # uri, handle
    question: dict[str, Any] | None = None
    contexts: tuple[str, ...] = ()  # seen on it, its own first


@dataclass(frozen=True, slots=True)
class Imported:
    """What an item brings that was said before this node was there: it is never announced."""

    said_at: datetime
    edited_at: datetime | None = None
    number: int | None = None


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
        raise Invalid("A thread needs a title.")
    if len(title) > TITLE:
        raise Invalid(f"A title has at most {TITLE} characters; this one is longer.")
    said_at = imported.said_at if imported else work.now
    uid = work.mint()
    uri = elsewhere.uri if elsewhere else f"{work.origin}/post/{uid}"
    own_context = f"{work.origin}/post/{uid}/context"
    context = own_context
    if elsewhere is not None and elsewhere.contexts and _same_origin(elsewhere.contexts[0], uri):
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
    opening = _new_comment(work, thread, None, author, words, uid=uid, uri=uri, elsewhere=elsewhere, imported=imported)
    work.flush()
    for seen in {context, own_context, *(elsewhere.contexts if elsewhere else ())}:
        threads.remember_context(work, thread.id, seen)
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
    known = threads.comment_by_uri(work, elsewhere.uri) if elsewhere else None
    if known is not None and known.state != "missing":
        return known
    if elsewhere is not None:
        _refuse_the_gone(work, elsewhere.uri, author)
    thread = threads.lock(work, parent.thread_id)
    if known is not None and known.thread_id != thread.id:
        raise NotAllowed("It is expected in another thread.")
    group = work.get_one(Group, thread.group_id)
    if imported is None:
        rules.may_comment(work, author, group, thread)
        if parent.state in ("removed", "deleted") and author.local:
            raise NotAllowed("What this answers was taken away; answer something else in the thread.")
    if not words.html.strip() and not (elsewhere and (elsewhere.attachments or elsewhere.question)):
        raise Invalid("There is nothing in it yet: write something.")
    if known is not None:
        comment = _fill(work, thread, known, parent, author, words, elsewhere)
    else:
        uid = work.mint()
        comment = _new_comment(
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
    for seen in elsewhere.contexts if elsewhere else ():
        threads.remember_context(work, thread.id, seen)
    if imported is None:
        work.happened(CommentPosted(comment, author))
    return comment


def leave_hole(work: Work, thread_id: int, uri: str, *, parent: Comment | None = None) -> Comment:
    """The place of an item that is not here (yet): it has a URI and no author."""
    known = threads.comment_by_uri(work, uri)
    if known is not None:
        return known
    thread = threads.lock(work, thread_id)
    parent = parent or threads.opening(work, thread_id)
    return _place(work, thread, parent, state="missing", uri=uri)


def keep_refused(work: Work, parent: Comment, uri: str, author: Actor, reason: str) -> Comment:
    """Keeps the URI and the reason of a reply that is not let in: what answers it hangs under a hole."""
    known = threads.comment_by_uri(work, uri)
    if known is not None:
        if known.state == "missing":
            known.state, known.reason = "refused", reason
        return known
    thread = threads.lock(work, parent.thread_id)
    return _place(work, thread, parent, state="refused", uri=uri, reason=reason)


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
    if comment.state not in ("visible", "removed"):
        raise NotFound("It is not here any more.")
    if elsewhere is not None and _is_stale(comment, elsewhere.updated):
        return comment
    thread = threads.lock(work, comment.thread_id)
    new_title = thread.title if title is None or comment.number else text.clean_name(title, TITLE) or thread.title
    same_words = (words.html, words.source, new_title) == (comment.html, comment.source, thread.title)
    if same_words and (
        elsewhere is None or (elsewhere.summary, elsewhere.question) == (comment.summary, comment.question)
    ):
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
    _take_words(work, comment, words, elsewhere)
    comment.edited_at = min(elsewhere.updated, work.now) if elsewhere and elsewhere.updated else work.now
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
    if comment.state == "deleted":
        return
    thread = threads.lock(work, comment.thread_id)
    work.execute(delete(Revision).where(Revision.comment_id == comment.id))
    reacted = frozenset(threads.reacting_ids(work, comment.id))
    work.execute(delete(Reaction).where(Reaction.comment_id == comment.id))
    work.happened(CommentErased(comment, author, reacted, tuple(tuple(pair) for pair in comment.mentions)))
    if comment.number == 0:
        thread.title, thread.slug, thread.tags = "[deleted]", "deleted", []
    comment.state, comment.reason = "deleted", None
    comment.source = comment.html = comment.wire = ""
    comment.summary = comment.question = comment.page_url = None
    comment.mentions, comment.tags, comment.attachments = [], [], []
    comment.version += 1
    people.bury(work, comment.uri, author.uri, "object")
    _changed(work, thread, comment)


def remove_comment(work: Work, moderator: Actor | None, comment: Comment, reason: str) -> None:
    """A moderator takes an item away: its words are kept and shown to nobody."""
    thread = threads.lock(work, comment.thread_id)
    rules.may_moderate(work, moderator, thread.group_id)
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


def _same_origin(a: str, b: str) -> bool:
    return a.split("/", 3)[:3] == b.split("/", 3)[:3]


def _is_stale(comment: Comment, updated: datetime | None) -> bool:
    """An Update that is older than what we show; one without a time is taken in order of arrival."""
    return updated is not None and comment.edited_at is not None and updated < comment.edited_at


def _new_comment(
    work: Work,
    thread: Thread,
    parent: Comment | None,
    author: Actor,
    words: text.Words,
    *,
    uid: str,
    uri: str,
    elsewhere: Elsewhere | None,
    imported: Imported | None,
) -> Comment:
    number = imported.number if imported else None
    comment = _place(work, thread, parent, state="visible", uri=uri, uid=uid, number=number)
    comment.author_id = author.id
    _take_words(work, comment, words, elsewhere)
    said = elsewhere.published if elsewhere and elsewhere.published else work.now
    comment.published_at = imported.said_at if imported else _between(parent, said, work.now)
    if imported is not None:
        comment.edited_at = imported.edited_at
    elif (
        elsewhere is not None and elsewhere.updated and elsewhere.published and elsewhere.updated > elsewhere.published
    ):
        comment.edited_at = min(elsewhere.updated, work.now)
    _count(work, thread, comment, parent)
    return comment


def _fill(
    work: Work,
    thread: Thread,
    hole: Comment,
    parent: Comment,
    author: Actor,
    words: text.Words,
    elsewhere: Elsewhere | None,
) -> Comment:
    """Puts what arrived late into its place: the path stays, `parent_id` tells the truth."""
    hole.state, hole.author_id, hole.reason = "visible", author.id, None
    if parent.id != hole.id and parent.thread_id == hole.thread_id and parent.number < hole.number:
        hole.parent_id = parent.id
    _take_words(work, hole, words, elsewhere)
    said = elsewhere.published if elsewhere and elsewhere.published else work.now
    hole.published_at = _between(parent, said, work.now)
    hole.arrived_at = work.now
    hole.version += 1
    _count(work, thread, hole, parent)
    return hole


def _place(
    work: Work,
    thread: Thread,
    parent: Comment | None,
    *,
    state: str,
    uri: str,
    uid: str | None = None,
    number: int | None = None,
    reason: str | None = None,
) -> Comment:
    """A row at the next number, with its path under the parent's."""
    if number is None or number < thread.next_number:
        number = thread.next_number
    thread.next_number = number + 1
    here = threads.segment(number)
    if parent is None:
        path, depth = here, 0
    elif parent.number == 0:
        path, depth = here, 1
    elif parent.depth >= threads.DEPTH:
        path, depth = parent.path[: -threads.SEGMENT] + here, parent.depth
    else:
        path, depth = parent.path + here, parent.depth + 1
    comment = Comment(
        uid=uid or work.mint(),
        uri=uri,
        thread_id=thread.id,
        parent_id=parent.id if parent else None,
        number=number,
        path=path,
        depth=depth,
        state=state,
        reason=reason,
        published_at=work.now,
        arrived_at=work.now,
    )
    work.add(comment)
    thread.version += 1
    work.flush()
    return comment


def _take_words(work: Work, comment: Comment, words: text.Words, elsewhere: Elsewhere | None) -> None:
    comment.source, comment.source_type = words.source, words.source_type
    comment.html, comment.wire, comment.language = words.html, words.wire, words.language
    comment.tags = list(words.hashtags)
    comment.kind = "question" if elsewhere and elsewhere.question else "note"
    if elsewhere is not None:
        comment.summary, comment.sensitive, comment.question = (
            elsewhere.summary,
            elsewhere.sensitive,
            elsewhere.question,
        )
        comment.attachments = list(elsewhere.attachments)
        comment.mentions = [list(pair) for pair in elsewhere.mentions]
        comment.page_url = elsewhere.page
        return
    comment.attachments = [
        {"kind": "image", "url": url, "media_type": None, "alt": alt} for url, alt in words.attachments
    ]
    comment.mentions = [list(pair) for pair in people.named(work, words.mentions)]


def _between(parent: Comment | None, said: datetime, now: datetime) -> datetime:
    """The claimed time, where it is after what it answers and not in the future."""
    earliest = parent.published_at if parent is not None else None
    if earliest is not None and said < earliest:
        said = earliest
    return min(said, now)


def _count(work: Work, thread: Thread, comment: Comment, parent: Comment | None) -> None:
    thread.last_activity_at = max(thread.last_activity_at, min(comment.published_at, work.now))
    if parent is None:
        return
    thread.comments_count += 1
    work.execute(
        update(Comment)
        .where(Comment.id == parent.id)
        .values(replies_count=Comment.replies_count + 1, version=Comment.version + 1)
    )


def _changed(work: Work, thread: Thread, comment: Comment) -> None:
    """What was taken away or brought back changes its parent's `replies` too."""
    thread.version += 1
    if comment.parent_id is not None:
        threads.touch(work, [comment.parent_id])
    work.flush()
