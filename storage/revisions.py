"""What an item said before: every wording, who wrote it, when and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from storage import visibility
from storage.people import Person, as_person
from storage.schema import Actor, Comment, Revision, Thread
from storage.threads import with_thread
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Wording:
    """An item as it once stood, or stands: version 1 is what was first said."""

    version: int
    title: str | None
    source: str
    html: str
    writer: Person | None
    written_at: datetime
    note: str  # what whoever wrote it says that they changed


@dataclass(frozen=True, slots=True)
class History:
    """The wordings of one item, oldest first, from `first` on."""

    comment_id: int
    uid: str
    uri: str
    number: int
    local: bool
    markdown: bool  # what they are written in; else HTML
    language: str | None
    thread_id: int
    total: int
    wordings: tuple[Wording, ...]


def latest_id(work: Work, comment_id: int) -> int:
    """Changes with each edit of the item: 0 as long as there was none."""
    return work.scalar(select(func.max(Revision.id)).where(Revision.comment_id == comment_id)) or 0


def history(work: Work, uid: str, viewer: int | None, *, before: int | None = None, limit: int = 20) -> History | None:
    """The latest wordings of an item, or those before a version; None for whom its words are not there."""
    row = work.execute(
        with_thread(select(Comment, Thread)).where(Comment.uid == uid, visibility.comment_open_to(viewer))
    ).one_or_none()
    if row is None:
        return None
    comment, thread = row
    total = count(work, comment.id)
    end = min(total, before - 1) if before is not None else total
    wordings = _between(work, comment, thread, total, max(0, end - limit), end)
    author = work.get(Actor, comment.author_id) if comment.author_id is not None else None
    return History(
        comment.id, comment.uid, comment.uri, comment.number, author is not None and author.local,
        comment.source_type == "text/markdown", comment.language, thread.id, total, wordings,
    )  # fmt: skip


def wordings(work: Work, comment: Comment) -> tuple[Wording, ...]:
    """All that an item ever said, whoever may read it: for whoever sits at the console."""
    total = count(work, comment.id)
    return _between(work, comment, work.get_one(Thread, comment.thread_id), total, 0, total)


def count(work: Work, comment_id: int) -> int:
    """How many wordings there are of an item."""
    return 1 + (work.scalar(select(func.count()).where(Revision.comment_id == comment_id)) or 0)


def _between(work: Work, comment: Comment, thread: Thread, total: int, start: int, end: int) -> tuple[Wording, ...]:
    # Each row keeps what it replaced; who wrote that, when and why, stands on the row before it.
    kept = list(
        work.scalars(
            select(Revision)
            .where(Revision.comment_id == comment.id)
            .order_by(Revision.id)
            .offset(max(0, start - 1))
            .limit(end - start + 2)
        )
    )
    first_kept = max(0, start - 1)
    people = _people(work, {comment.author_id, *(revision.editor_id for revision in kept)})
    wordings = []
    for place in range(start, end):
        causing = kept[place - 1 - first_kept] if place else None
        standing = kept[place - first_kept] if place < total - 1 else None
        wordings.append(
            Wording(
                version=place + 1,
                title=standing.title if standing is not None else thread.title if comment.number == 0 else None,
                source=standing.source if standing is not None else comment.source,
                html=standing.html if standing is not None else comment.html,
                writer=people.get((causing.editor_id if causing is not None else comment.author_id) or 0),
                written_at=causing.replaced_at if causing is not None else comment.published_at,
                note=causing.note if causing is not None else "",
            )
        )
    return tuple(wordings)


def _people(work: Work, ids: set[int | None]) -> dict[int, Person]:
    found = work.scalars(select(Actor).where(Actor.id.in_([id for id in ids if id is not None])))
    return {actor.id: as_person(actor) for actor in found}
