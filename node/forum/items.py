"""How an item takes its place in a thread: its number, its path, its words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from node.forum import text
from storage import items, people, tags, threads
from storage.schema import Actor, Comment, Thread
from storage.work import Work


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


def same_origin(a: str, b: str) -> bool:
    """Both are addresses on the same server."""
    return a.split("/", 3)[:3] == b.split("/", 3)[:3]


def remember_contexts(work: Work, thread: Thread, uri: str, seen: tuple[str, ...]) -> None:
    """Keeps the contexts seen on an item, as far as its own server may name them.

    Else one reply could say that a conversation of a third server is held here, and catch all that is said in it.
    """
    host = uri.split("/", 3)[2]
    for context in seen:
        if same_origin(context, uri) or context.startswith((f"tag:{host},", f"tag:{host}:")):
            threads.remember_context(work, thread.id, context)


def new_item(
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
    """Something new that is said, at the next number."""
    number = imported.number if imported else None
    comment = _row(work, thread, parent, state="visible", uri=uri, uid=uid, number=number)
    comment.author_id = author.id
    _say(work, comment, words, elsewhere)
    said = elsewhere.published if elsewhere and elsewhere.published else work.now
    comment.published_at = imported.said_at if imported else _between(parent, said, work.now)
    if imported is not None:
        comment.edited_at = imported.edited_at
    else:
        comment.edited_at = edited_at(work, elsewhere)
    _count(work, thread, comment, parent)
    work.add(comment)
    work.flush()  # once, when all of it is known
    if words.hashtags:
        tags.set(work, comment.id, words.hashtags)
    if parent is not None:
        items.count_reply(work, parent.id)
    return comment


def fill(
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
    take_words(work, hole, words, elsewhere)
    said = elsewhere.published if elsewhere and elsewhere.published else work.now
    hole.published_at = _between(parent, said, work.now)
    hole.edited_at = edited_at(work, elsewhere)
    hole.arrived_at = work.now
    hole.version += 1
    _count(work, thread, hole, parent)
    items.count_reply(work, parent.id)
    return hole


def place(
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
    comment = _row(work, thread, parent, state=state, uri=uri, uid=uid, number=number, reason=reason)
    work.add(comment)
    work.flush()
    return comment


def _row(
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
    if number is None or number < thread.next_number:
        number = thread.next_number
    thread.next_number = number + 1
    if parent is None:
        path, depth = threads.segment(number), 0
    else:
        path, depth = path_below(parent.path if parent.number else "", parent.depth, number)
    thread.version += 1
    return Comment(
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


def path_below(path: str, depth: int, number: int) -> tuple[str, int]:
    """Path and depth of item #number below a parent at that path (none is the opening's) and depth."""
    if depth >= threads.DEPTH:
        return path[: -threads.SEGMENT] + threads.segment(number), depth
    return path + threads.segment(number), depth + 1


def take_words(work: Work, comment: Comment, words: text.Words, elsewhere: Elsewhere | None) -> None:
    """Has the item say these words, and nothing of what it said before."""
    _say(work, comment, words, elsewhere)
    tags.set(work, comment.id, words.hashtags)


def _say(work: Work, comment: Comment, words: text.Words, elsewhere: Elsewhere | None) -> None:
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


def let_go_of_hole(work: Work, hole: Comment) -> None:
    """Takes the URI from a hole whose item belongs to another thread: what somebody claimed of it was wrong."""
    hole.uri = f"{work.origin}/comment/{hole.uid}"
    hole.state, hole.reason = "refused", "This was said to answer here, and belongs to another thread."
    hole.version += 1
    items.touch_thread(work, hole.thread_id)
    work.flush()


def brings_nothing_new(comment: Comment, elsewhere: Elsewhere) -> bool:
    """Beside the words, an edit from elsewhere says what the item says already."""
    said = (elsewhere.summary, elsewhere.sensitive, elsewhere.question, list(elsewhere.attachments))
    return said == (comment.summary, comment.sensitive, comment.question, comment.attachments)


def edited_at(work: Work, elsewhere: Elsewhere | None) -> datetime | None:
    """When it was edited elsewhere, if it was; never in the future."""
    if elsewhere is None or elsewhere.updated is None:
        return None
    if elsewhere.published is not None and elsewhere.updated <= elsewhere.published:
        return None  # Discourse and others fill it in always
    return min(elsewhere.updated, work.now)


def _between(parent: Comment | None, said: datetime, now: datetime) -> datetime:
    """The claimed time, where it is after what it answers and not in the future."""
    earliest = parent.published_at if parent is not None else None
    if earliest is not None and said < earliest:
        said = earliest
    return min(said, now)


def _count(work: Work, thread: Thread, comment: Comment, parent: Comment | None) -> None:
    thread.last_activity_at = max(thread.last_activity_at, min(comment.published_at, work.now))
    if parent is not None:
        thread.comments_count += 1
