"""What is acted upon: an item of a thread with all that a page about an act on it needs to say."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from storage import people, threads, visibility
from storage.people import Person, as_person, path_name
from storage.schema import Actor, Comment, Group, Thread
from storage.tags import fold
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Subject:
    """An item, or as its opening a whole thread, as somebody sees it who may want to change it."""

    id: int
    uid: str
    uri: str
    number: int
    state: str
    html: str
    source: str
    markdown: bool  # what it is written in; else HTML
    language: str | None
    author: Person | None
    published_at: datetime
    replies: int
    thread_id: int
    thread_uid: str
    title: str
    slug: str
    opening: str  # state of the thread's opening
    group_id: int
    group: str  # its name in addresses
    group_title: str
    group_threads: str  # may be public, private, either
    secret: bool
    hue: int
    private: bool
    locked: bool
    pinned: bool
    whiteboard: bool
    tags: tuple[str, ...]  # given to the thread, besides the hashtags of its opening
    comments: int

    @property
    def is_public(self) -> bool:
        """Everybody may read it."""
        return not (self.private or self.secret)


def of_item(work: Work, uid: str, viewer: int | None) -> Subject | None:
    """The item of that uid; None for whom its thread is not there."""
    return _find(work, Comment.uid == uid, viewer)


def of_thread(work: Work, uid: str, viewer: int | None) -> Subject | None:
    """The opening of the thread of that uid; None for whom it is not there."""
    return _find(work, (Thread.uid == uid) & (Comment.number == 0), viewer)


def _find(work: Work, which: ColumnElement[bool], viewer: int | None) -> Subject | None:
    row = work.execute(
        threads.with_thread(select(Comment, Thread, Group, visibility.author_heard())).where(
            which, visibility.thread_seen_by(viewer)
        )
    ).one_or_none()
    if row is None:
        return None
    item, thread, group, heard = row
    author = work.get(Actor, item.author_id) if item.author_id is not None and heard else None
    opening = item if item.number == 0 else threads.opening(work, thread.id)
    home = people.by_id(work, thread.group_id)
    written = {fold(tag) for tag in opening.tags}
    return Subject(
        item.id, item.uid, item.uri, item.number, item.state if heard or item.state != "visible" else "removed",
        item.html if heard else "", item.source if heard else "", item.source_type == "text/markdown", item.language,
        as_person(author) if author is not None else None, item.published_at, item.replies_count, thread.id,
        thread.uid, thread.title, thread.slug if opening.state == "visible" else threads.SLUG_OF_THE_GONE,
        opening.state, group.actor_id, path_name(home.uri), home.display_name or home.name, group.threads,
        group.privacy == "secret", group.hue, thread.private, thread.locked_at is not None,
        thread.pinned_at is not None, thread.whiteboard,
        tuple(tag for tag in thread.tags if fold(tag) not in written), thread.comments_count,
    )  # fmt: skip
