"""What members began to write, by the place where they did."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from storage import groups, people, threads
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


@dataclass(frozen=True, slots=True)
class Told:
    """A draft in a list: what it says, and where that goes; `title` is empty where the place is gone."""

    place: str
    kind: str  # reply, edit, thread
    words: str
    title: str
    path: str  # where it is written on
    number: int
    updated_at: datetime


def told(work: Work, actor_id: int) -> list[Told]:
    """Everything that the member began to write, with where it goes, the latest first."""
    return [_told(work, draft) for draft in of_actor(work, actor_id)]


def _told(work: Work, draft: Draft) -> Told:
    kind, _, name = draft.place.partition(":")
    words = "\n".join(str(value) for value in draft.words.values() if str(value).strip())
    title, path, number = "", "", 0
    if kind == "thread":
        found = groups.by_name(work, name)
        card = groups.card(work, found[0].actor_id, draft.actor_id) if found is not None else None
        if card is not None:
            title, path = card.title, f"/g/{people.path_name(card.uri)}/new"
    else:
        comment = threads.comment_by_uid(work, name)
        if comment is not None and threads.thread_is_visible(work, comment.thread_id, draft.actor_id):
            opening = threads.opening(work, comment.thread_id)
            thread = threads.by_id(work, comment.thread_id)
            title = thread.title if opening.state == "visible" else ""
            path, number = f"/items/{name}/{kind}", comment.number
    return Told(draft.place, kind, words, title, path, number, draft.updated_at)
