"""Reactions: each actor's once per item and kind, and the counts that follow from them."""

from sqlalchemy import delete, func, select, update

from storage.schema import Comment, Reaction
from storage.work import Work


def of_actor(work: Work, comment_id: int, actor_id: int, kind: str) -> Reaction | None:
    """The actor's reaction of that kind to the item."""
    return work.scalars(
        select(Reaction).where(Reaction.comment_id == comment_id, Reaction.actor_id == actor_id, Reaction.kind == kind)
    ).one_or_none()


def by_uri(work: Work, uri: str, actor_id: int) -> Reaction | None:
    """The actor's reaction whose activity has that id."""
    return work.scalars(select(Reaction).where(Reaction.uri == uri, Reaction.actor_id == actor_id)).first()


def recount(work: Work, comment_id: int) -> None:
    """Counts are what the rows say, never more or less by one."""
    if work.dialect == "postgresql":
        # Held first, and counted in a statement of its own: that one sees what others committed while we waited.
        work.execute(select(Comment.id).where(Comment.id == comment_id).with_for_update())

    def count(kind: str) -> object:
        return (
            select(func.count())
            .select_from(Reaction)
            .where(Reaction.comment_id == comment_id, Reaction.kind == kind)
            .scalar_subquery()
        )

    work.execute(
        update(Comment)
        .where(Comment.id == comment_id)
        .values(likes_count=count("like"), boosts_count=count("boost"), version=Comment.version + 1)
        .execution_options(synchronize_session="fetch")
    )


def drop_all_of(work: Work, actor_id: int) -> None:
    """Removes every trace of someone's reactions."""
    touched = sorted(set(work.scalars(select(Reaction.comment_id).where(Reaction.actor_id == actor_id))))
    work.execute(delete(Reaction).where(Reaction.actor_id == actor_id))
    for comment_id in touched:
        recount(work, comment_id)


def drop_all_to(work: Work, comment_id: int) -> None:
    """Removes every reaction to an item."""
    work.execute(delete(Reaction).where(Reaction.comment_id == comment_id))
    recount(work, comment_id)
