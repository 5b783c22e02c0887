"""A whole thread, in pieces: for paper, and for whoever takes it along as Markdown."""

from dataclasses import dataclass

from sqlalchemy import select

from storage import shown, visibility
from storage.schema import Comment, Group, Thread
from storage.shown import Item
from storage.work import Work

PIECE = 200  # items read in one go: a few milliseconds


@dataclass(frozen=True, slots=True)
class Sourced:
    """An item with what its author typed, or their HTML where it came as that."""

    item: Item
    source: str
    source_type: str


def piece(work: Work, thread_id: int, *, viewer: int | None, after: str = "") -> tuple[list[Sourced], str]:
    """The next items in the order of the conversation, the opening first, and where the ones after them begin.

    Nothing where there are no more, or the thread is not there for the viewer (any more).
    """
    there = work.scalar(
        select(Thread.id)
        .join(Group, Group.actor_id == Thread.group_id)
        .where(Thread.id == thread_id, visibility.thread_seen_by(viewer))
    )
    if there is None:
        return [], ""
    rows = work.execute(
        select(*shown.COLUMNS, Comment.path, Comment.source, Comment.source_type)
        .where(Comment.thread_id == thread_id, Comment.path > after)
        .order_by(Comment.path)
        .limit(PIECE)
    ).all()
    items = shown.of_rows(work, rows, viewer)
    found = [
        Sourced(item, row.source if item.state == visibility.VISIBLE else "", row.source_type)
        for item, row in zip(items, rows, strict=True)
    ]
    return found, rows[-1].path if len(rows) == PIECE else ""
