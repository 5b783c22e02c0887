"""Items of threads as verbs change them: what an author said, what answers what, what an item once said."""

from sqlalchemy import delete, select, update

from storage.schema import Comment, Revision, Thread
from storage.work import Work


def standing_by(work: Work, author_id: int) -> list[Comment]:
    """Every item of someone that was not deleted."""
    query = select(Comment).where(Comment.author_id == author_id, Comment.state != "deleted")
    return list(work.scalars(query.order_by(Comment.thread_id, Comment.id)))


def count_reply(work: Work, parent_id: int) -> None:
    """One more item answers the parent."""
    work.execute(
        update(Comment)
        .where(Comment.id == parent_id)
        .values(replies_count=Comment.replies_count + 1, version=Comment.version + 1)
    )


def touch_thread(work: Work, thread_id: int) -> None:
    """Marks the thread's documents as changed."""
    work.execute(update(Thread).where(Thread.id == thread_id).values(version=Thread.version + 1))


def forget_revisions(work: Work, comment_id: int) -> None:
    """Erases what the item said before."""
    work.execute(delete(Revision).where(Revision.comment_id == comment_id))


def said_in(work: Work, thread_id: int, *, after: int, limit: int) -> list[Comment]:
    """What can be seen in the thread, behind the item of an id."""
    query = select(Comment).where(Comment.thread_id == thread_id, Comment.state == "visible", Comment.id > after)
    return list(work.scalars(query.order_by(Comment.id).limit(limit)))
