"""Threads that were public and are taken back from other servers, piece by piece: how far that has come."""

from dataclasses import dataclass

from sqlalchemy import select

from storage.schema import Fact
from storage.work import Work

PREFIX = "take back:"  # of the facts that keep what is left across restarts


@dataclass(frozen=True, slots=True)
class Begun:
    """A thread, the group in which it was public, and the item behind which it goes on."""

    thread_id: int
    group_id: int
    after: int


def remember(work: Work, thread_id: int, group_id: int, after: int) -> None:
    """There is more to take back behind that item."""
    name = f"{PREFIX}{thread_id}"
    fact = work.get(Fact, name)
    if fact is None:
        work.add(Fact(name=name, value=f"{group_id}:{after}"))
    else:
        fact.value = f"{group_id}:{after}"
    work.flush()


def forget(work: Work, thread_id: int) -> None:
    """All of the thread is taken back."""
    fact = work.get(Fact, f"{PREFIX}{thread_id}")
    if fact is not None:
        work.delete(fact)
        work.flush()


def next_one(work: Work) -> Begun | None:
    """What was begun and is not done; another worker does not get it meanwhile."""
    query = select(Fact).where(Fact.name.startswith(PREFIX, autoescape=True)).order_by(Fact.name).limit(1)
    if work.dialect == "postgresql":
        query = query.with_for_update(skip_locked=True)
    fact = work.scalars(query.execution_options(populate_existing=True)).first()
    if fact is None:
        return None
    group_id, _, after = fact.value.partition(":")
    return Begun(int(fact.name.removeprefix(PREFIX)), int(group_id), int(after))
