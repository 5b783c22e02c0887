"""Versions of all that a page shows, asked for in one go: while none of them changed, the page is as it was."""

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select

from storage.schema import Actor, Comment, Fact, Thread
from storage.work import Work

# Made once: to build such a statement takes longer than to run it.
_OF_PAGE = select(
    select(Thread.version).where(Thread.id == bindparam("thread")).scalar_subquery(),
    select(Fact.value).where(Fact.name == "visibility").scalar_subquery(),
    select(func.sum(Comment.version)).where(Comment.id.in_(bindparam("items", expanding=True))).scalar_subquery(),
    select(func.sum(Actor.version)).where(Actor.id.in_(bindparam("actors", expanding=True))).scalar_subquery(),
)


def of_page(work: Work, thread_id: int, items: Sequence[int], actors: Sequence[int]) -> tuple[object, ...]:
    """Changes whenever the thread, one of the items or actors, or what is seen all over the node does."""
    [row] = work.rows(_OF_PAGE, {"thread": thread_id, "items": list(items), "actors": list(actors)})
    return tuple(row)
