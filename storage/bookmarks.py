"""Items that members keep at hand."""

from sqlalchemy import delete, select

from storage import pages
from storage.pages import Said
from storage.schema import Bookmark, Comment
from storage.work import Work


def of(work: Work, actor_id: int, comment_id: int) -> Bookmark | None:
    """The member's bookmark of that item."""
    return work.get(Bookmark, (actor_id, comment_id))


def ids_among(work: Work, actor_id: int, comment_ids: list[int]) -> set[int]:
    """Those of the items that the member keeps."""
    query = select(Bookmark.comment_id).where(Bookmark.actor_id == actor_id, Bookmark.comment_id.in_(comment_ids))
    return set(work.scalars(query))


def kept_by(work: Work, actor_id: int, *, limit: int) -> list[Said]:
    """What the member keeps and can still see, the latest kept first."""
    kept = list(
        work.scalars(
            select(Bookmark.comment_id)
            .where(Bookmark.actor_id == actor_id)
            .order_by(Bookmark.created_at.desc(), Bookmark.comment_id.desc())
            .limit(limit)
        )
    )
    place = {comment_id: index for index, comment_id in enumerate(kept)}
    found = pages.said(work, Comment.id.in_(kept), viewer=actor_id, limit=limit)
    return sorted(found, key=lambda said: place[said.item.id])


def drop_all_of(work: Work, actor_id: int) -> None:
    """Forgets what someone kept."""
    work.execute(delete(Bookmark).where(Bookmark.actor_id == actor_id))
