"""Hashtags: which items carry one."""

import unicodedata
from collections.abc import Iterable

from sqlalchemy import delete, insert, select

from storage import pages, visibility
from storage.pages import Said
from storage.schema import Comment, Group, Tagging, Thread
from storage.work import Work


def fold(tag: str) -> str:
    """The one form of a tag however it is written: #Straße, #STRASSE and #strasse are the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).casefold())


def set(work: Work, comment_id: int, tags: Iterable[str]) -> None:
    """Has the item carry these tags and no other."""
    wanted = {fold(tag) for tag in tags}
    if wanted == {*work.scalars(select(Tagging.tag).where(Tagging.comment_id == comment_id))}:
        return
    work.execute(delete(Tagging).where(Tagging.comment_id == comment_id))
    if wanted:
        work.execute(insert(Tagging), [{"tag": tag, "comment_id": comment_id} for tag in sorted(wanted)])


def said_with(work: Work, tag: str, *, viewer: int | None, limit: int, before: int | None = None) -> list[Said]:
    """The latest items with the tag that the viewer may read, newest first, those before an item's id."""
    # Along the index of the tag, so that a tag of a hundred thousand items is as quick as one of ten.
    query = (
        select(Comment.id)
        .join(Tagging, Tagging.comment_id == Comment.id)
        .join(Thread, Thread.id == Comment.thread_id)
        .join(Group, Group.actor_id == Thread.group_id)
        .where(Tagging.tag == fold(tag), visibility.comment_seen_by(viewer), visibility.author_pushed(viewer))
        .order_by(Tagging.comment_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Tagging.comment_id < before)
    return pages.said(work, Comment.id.in_(list(work.scalars(query))), viewer=viewer, limit=limit)
