"""What members of ours said in threads of other servers."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from storage.follows import heard
from storage.people import Person, as_person
from storage.schema import Actor, Remark
from storage.work import Work

PAGE = 30


@dataclass(frozen=True, slots=True)
class Said:
    """A remark as a page shows it."""

    id: int
    uid: str
    uri: str
    author: Person
    answered: Person | None  # none: whoever it is, is hidden here
    answered_page: str | None
    group: Person | None  # the group elsewhere in which it was said
    source: str
    html: str
    language: str | None
    published_at: datetime
    edited_at: datetime | None


def by_uri(work: Work, uri: str) -> Remark | None:
    """The remark of that URI."""
    return work.scalars(select(Remark).where(Remark.uri == uri)).one_or_none()


def by_uid(work: Work, uid: str) -> Remark | None:
    """The remark of that uid."""
    return work.scalars(select(Remark).where(Remark.uid == uid)).one_or_none()


def by_author(work: Work, author_id: int) -> list[Remark]:
    """Every standing remark of someone, newest first."""
    query = select(Remark).where(Remark.author_id == author_id, Remark.state == "visible")
    return list(work.scalars(query.order_by(Remark.id.desc())))


def shown(work: Work, uid: str) -> Said | None:
    """The remark of that uid as everybody may read it."""
    found = _shown(work, Remark.uid == uid, limit=1)
    return found[0] if found else None


def said_by(work: Work, author_id: int, *, before: int | None = None, limit: int = PAGE) -> tuple[list[Said], bool]:
    """What someone said elsewhere, latest first; and whether there is more."""
    conditions = [] if before is None else [Remark.id < before]
    found = _shown(work, Remark.author_id == author_id, *conditions, limit=limit + 1)
    return found[:limit], len(found) > limit


def _shown(work: Work, *conditions: ColumnElement[bool], limit: int) -> list[Said]:
    author, answered, group = aliased(Actor), aliased(Actor), aliased(Actor)
    query = (
        select(Remark, author, answered, heard(answered), group, heard(group))
        .join(author, author.id == Remark.author_id)
        .join(answered, answered.id == Remark.answered_id)
        .outerjoin(group, group.id == Remark.group_id)
        .where(Remark.state == "visible", author.state == "active", *conditions)
        .order_by(Remark.id.desc())
        .limit(limit)
    )
    return [
        Said(
            remark.id,
            remark.uid,
            remark.uri,
            as_person(wrote),
            as_person(to) if to_heard else None,
            remark.answered_page if to_heard else None,
            as_person(place) if place is not None and place_heard else None,
            remark.source,
            remark.html,
            remark.language,
            remark.published_at,
            remark.edited_at,
        )
        for remark, wrote, to, to_heard, place, place_heard in work.execute(query)
    ]
