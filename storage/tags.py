"""Hashtags: which items carry one."""

import unicodedata
from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, delete, insert, select

from storage import threads
from storage.schema import Comment, Tagging
from storage.threads import Said
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
    carrying: ColumnElement[bool] = Comment.id.in_(select(Tagging.comment_id).where(Tagging.tag == fold(tag)))
    if before is not None:
        carrying = and_(carrying, Comment.id < before)
    return threads.said(work, carrying, viewer=viewer, limit=limit)
