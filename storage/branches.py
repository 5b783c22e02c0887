"""Branches of a thread: what hangs below an item, and how it comes to hang in another thread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, insert, select, update

from storage import ranges
from storage.schema import Comment, Moved, Reading, Thread
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Placed:
    """An item with its place, and whether it counts as something that was said."""

    id: int
    parent_id: int | None
    number: int
    counts: bool


@dataclass(frozen=True, slots=True)
class NewPlace:
    """Where an item hangs from now on."""

    id: int
    parent_id: int
    number: int
    path: str
    depth: int


def below(work: Work, root: Comment) -> list[Placed]:
    """The item and all that answers it, however deep, in order of arrival."""
    rows = work.execute(
        select(Comment.id, Comment.parent_id, Comment.number, Comment.author_id.is_not(None))
        .where(Comment.thread_id == root.thread_id)
        .order_by(Comment.number)
    ).all()
    answers: dict[int, list[int]] = {}
    for id, parent_id, _, _ in rows:
        answers.setdefault(parent_id or 0, []).append(id)
    inside, waiting = {root.id}, [root.id]
    while waiting:
        found = [id for id in answers.get(waiting.pop(), ()) if id not in inside]
        inside |= {*found}
        waiting += found
    return [Placed(*row) for row in rows if row[0] in inside]


def rehang(work: Work, thread_id: int, places: Sequence[NewPlace]) -> None:
    """Gives these items their places in another thread, all at once."""
    work.flush()
    table = Comment.__table__
    work.execute(
        update(table)  # type: ignore[arg-type]
        .where(table.c.id == bindparam("of"))
        .values(
            thread_id=thread_id,
            parent_id=bindparam("below"),
            number=bindparam("at"),
            path=bindparam("along"),
            depth=bindparam("deep"),
            version=table.c.version + 1,
        ),
        [{"of": it.id, "below": it.parent_id, "at": it.number, "along": it.path, "deep": it.depth} for it in places],
    )
    work.expire_all()


def keep_numbers(work: Work, thread_id: int, numbers: Mapping[int, int]) -> None:
    """Remembers which item had which number of the thread, so that its old addresses lead on."""
    if numbers:
        rows = [{"thread_id": thread_id, "number": number, "comment_id": id} for number, id in numbers.items()]
        work.execute(insert(Moved), rows)


def recount(work: Work, thread: Thread) -> None:
    """What the thread says of itself, counted afresh: how much was said in it, and when last."""
    count, latest = work.execute(
        select(func.count(), func.max(Comment.published_at)).where(
            Comment.thread_id == thread.id, Comment.number > 0, Comment.author_id.is_not(None)
        )
    ).one()
    thread.comments_count = count
    thread.last_activity_at = max(thread.created_at, latest) if latest is not None else thread.created_at
    work.execute(
        update(Comment)
        .where(Comment.thread_id == thread.id, Comment.number == 0)
        .values(replies_count=_direct_answers(work, thread.id), version=Comment.version + 1)
    )


def _direct_answers(work: Work, thread_id: int) -> int:
    opening = select(Comment.id).where(Comment.thread_id == thread_id, Comment.number == 0).scalar_subquery()
    query = select(func.count()).where(Comment.parent_id == opening, Comment.author_id.is_not(None))
    return work.scalar(query) or 0


def uncount_reply(work: Work, parent_id: int) -> None:
    """One item less answers the parent."""
    work.execute(
        update(Comment)
        .where(Comment.id == parent_id, Comment.replies_count > 0)
        .values(replies_count=Comment.replies_count - 1, version=Comment.version + 1)
    )


def carry_readings(work: Work, from_id: int, to_id: int, numbers: Mapping[int, int]) -> None:
    """Whoever saw these items in the one thread has seen them in the other: old number to new number."""
    rows = []
    for reading in work.scalars(select(Reading).where(Reading.thread_id == from_id)):
        known = ranges.parse(reading.ranges)
        seen = ranges.of(numbers[number] for number in numbers if ranges.holds(known, number))
        if seen:
            rows.append(
                {
                    "actor_id": reading.actor_id,
                    "thread_id": to_id,
                    "ranges": ranges.write(seen),
                    "first_at": reading.first_at,
                    "latest_at": reading.latest_at,
                }
            )
    if rows:
        work.execute(insert(Reading), rows)
