"""Our items as the wire sees them: from rows to the values that a document is written from."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from urllib.parse import quote

from federation import notes
from federation.documents import Document
from federation.notes import OutAttachment, OutPost, OutQuestion
from node.forum import text
from storage import people, threads
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work

EXCERPT = 300  # characters of plain text that forums and link cards show


def page_of(work: Work, thread: Thread, group: Actor, comment: Comment) -> str:
    """The address of the item on its thread's page."""
    page = f"{group.uri}/{thread.uid}-{thread.slug}"  # its id stays where it is, whatever it is called now
    return page if comment.number == 0 else f"{page}?at={comment.number}#c-{comment.number}"


def out_post(work: Work, comment: Comment) -> OutPost:
    """Everything that the document of an item of ours says."""
    thread = threads.by_id(work, comment.thread_id)
    group = people.by_id(work, thread.group_id)
    assert comment.author_id is not None, "holes have no document"
    author = people.by_id(work, comment.author_id)
    parent = threads.comment(work, comment.parent_id) if comment.parent_id is not None else None
    answered = people.by_id(work, parent.author_id) if parent is not None and parent.author_id is not None else None
    mentions = [(answered.uri, answered.handle)] if answered is not None and answered.id != author.id else []
    mentions += [(uri, handle) for uri, handle in comment.mentions if uri != author.uri]
    participants = [actor.uri for actor in threads.participants_elsewhere(work, thread.id, notes.MOST_PARTICIPANTS)]
    replies, total = threads.replies(work, comment.id)
    return OutPost(
        id=comment.uri,
        author=author.uri,
        author_followers=author.followers or f"{author.uri}/followers",
        group=group.uri,
        group_handle=group.handle,
        url=page_of(work, thread, group, comment),
        context=thread.context,
        html=comment.wire,
        source=comment.source,
        source_type=comment.source_type,
        published=comment.published_at,
        title=thread.title if comment.number == 0 else None,
        in_reply_to=parent.uri if parent is not None else None,
        excerpt=text.plain(comment.html, EXCERPT) if comment.number == 0 else "",
        language=comment.language or thread.language,
        cc=tuple(dict.fromkeys([*(uri for uri, _ in mentions), *participants])),
        mentions=tuple(dict(mentions).items()),
        hashtags=tuple(_hashtags(work, thread.tags if comment.number == 0 else comment.tags)),
        updated=comment.edited_at,
        replies=tuple(replies),
        replies_total=total,
        likes=comment.likes_count,
        shares=comment.boosts_count,
        attachments=tuple(
            OutAttachment(
                "Image" if kept["kind"].lower() == "image" else "Document" if kept["kind"] != "Link" else "Link",
                kept["url"],
                kept.get("media_type"),
                kept.get("alt"),
            )
            for kept in comment.attachments
        ),
        sensitive=comment.sensitive,
        locked=thread.locked_at is not None,
        pinned=thread.pinned_at is not None and comment.number == 0,
        question=_question(comment),
    )


def _hashtags(work: Work, tags: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Tags as hashtags with their pages; one of several words is written as one, which others can search."""
    for tag in tags:
        words = re.findall(r"[\w\u0900-\u0dff\u0e31-\u0e4e\u200c]+", tag)
        name = words[0] + "".join(word[0].upper() + word[1:] for word in words[1:]) if words else ""
        if name and not name.isdecimal():
            page = tag.lower() if name == tag else quote(tag.lower(), safe="")
            yield name, f"{work.origin}/tags/{page}"


def _question(comment: Comment) -> OutQuestion | None:
    kept = comment.question
    if comment.kind != "question" or not kept or not kept.get("end_time"):
        return None
    return OutQuestion(
        tuple((str(name), int(votes or 0)) for name, votes in kept["options"]),
        datetime.fromisoformat(kept["end_time"]),
        bool(kept.get("multiple")),
        datetime.fromisoformat(kept["closed"]) if kept.get("closed") else None,
    )


def document(work: Work, comment: Comment, dialect: str) -> Document:
    """The item's document in that dialect; Discourse fetches the forum form."""
    return notes.DIALECTS["microblog" if dialect == "microblog" else "forum"](out_post(work, comment))


def tombstone(work: Work, comment: Comment) -> Document:
    """What stands where an item of ours was, for ever."""
    thread = threads.by_id(work, comment.thread_id)
    group = people.by_id(work, thread.group_id)
    former = "Question" if comment.kind == "question" else "Note"
    return notes.tombstone(
        comment.uri, former_type=former, deleted=work.now, context=thread.context, audience=group.uri
    )


def is_public(work: Work, thread: Thread) -> bool:
    """The thread may go over the wire at all."""
    group = work.get_one(Group, thread.group_id)
    return not thread.private and group.privacy != "secret" and thread.state == "visible"
