"""What members began to write, by the place where they did."""

from sqlalchemy import delete, func, select

from storage.schema import Draft
from storage.work import Work


def of(work: Work, actor_id: int, place: str) -> Draft | None:
    """What the member began to write in that place."""
    return work.get(Draft, (actor_id, place))


def of_actor(work: Work, actor_id: int) -> list[Draft]:
    """Everything that the member began to write, the latest first."""
    query = select(Draft).where(Draft.actor_id == actor_id).order_by(Draft.updated_at.desc(), Draft.place)
    return list(work.scalars(query))


def count(work: Work, actor_id: int) -> int:
    """How many drafts the member keeps."""
    return work.scalar(select(func.count()).select_from(Draft).where(Draft.actor_id == actor_id)) or 0


def drop(work: Work, actor_id: int, place: str) -> None:
    """Erases what the member began to write in that place."""
    work.execute(delete(Draft).where(Draft.actor_id == actor_id, Draft.place == place))


def drop_all_of(work: Work, actor_id: int) -> None:
    """Erases everything that the member began to write."""
    work.execute(delete(Draft).where(Draft.actor_id == actor_id))
