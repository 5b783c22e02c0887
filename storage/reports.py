"""Reports to moderators: the queue of a group, that of the node, and what was decided."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from storage import moderation
from storage.moderation import Place
from storage.people import Person, as_person
from storage.schema import Actor, Comment, Membership, Report
from storage.work import Work


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A report as its moderators see it."""

    id: int
    category: str
    words: str
    reporter: Person
    about: Person | None
    place: Place  # of the item, where there is one
    item_uid: str | None
    item_state: str | None
    item_html: str  # what it is about, as it stands now, hidden or not
    objects: tuple[str, ...]
    created_at: datetime
    resolved_at: datetime | None
    resolver: Person | None
    resolution: str


def by_id(work: Work, report_id: int) -> Report | None:
    """The report, held until the commit on PostgreSQL."""
    query = select(Report).where(Report.id == report_id)
    if work.dialect == "postgresql":
        query = query.with_for_update()
    return work.scalars(query.execution_options(populate_existing=True)).one_or_none()


def by_uri(work: Work, uri: str) -> Report | None:
    """The report whose Flag has that id."""
    return work.scalars(select(Report).where(Report.uri == uri)).one_or_none()


def open_of(work: Work, reporter_id: int, *, comment_id: int | None, about_id: int | None) -> Report | None:
    """What this reporter said of the same, and nobody decided yet."""
    query = select(Report).where(Report.reporter_id == reporter_id, Report.resolved_at.is_(None), Report.uri.is_(None))
    if comment_id is not None:
        query = query.where(Report.comment_id == comment_id)
    else:
        query = query.where(Report.comment_id.is_(None), Report.about_id == about_id)
    return work.scalars(query.limit(1)).one_or_none()


def open_from(work: Work, host: str, *, comment_id: int | None, about_id: int | None) -> Report | None:
    """What anybody of that server said of the same, and nobody decided yet."""
    query = select(Report).join(Actor, Actor.id == Report.reporter_id)
    query = query.where(
        Actor.host == host, Report.resolved_at.is_(None), Report.comment_id.is_not_distinct_from(comment_id)
    )
    query = query.where(Report.about_id.is_not_distinct_from(about_id))
    return work.scalars(query.order_by(Report.id).limit(1)).one_or_none()


def count_open(work: Work, group_id: int | None) -> int:
    """How many wait for a decision of the group's moderators, or of the node's admins."""
    return work.scalar(select(func.count()).where(_of(group_id), Report.resolved_at.is_(None))) or 0


def lines(
    work: Work,
    group_id: int | None,
    *,
    viewer: int | None,
    resolved: bool = False,
    before: int | None = None,
    limit: int = 30,
) -> list[ReportLine]:
    """Those that wait, oldest first, so that none is forgotten; or those that were decided, newest first."""
    reporter, about, resolver = aliased(Actor), aliased(Actor), aliased(Actor)
    query = (
        select(Report, reporter, about, resolver, Comment)
        .join(reporter, reporter.id == Report.reporter_id)
        .outerjoin(about, about.id == Report.about_id)
        .outerjoin(resolver, resolver.id == Report.resolved_id)
        .outerjoin(Comment, Comment.id == Report.comment_id)
        .where(_of(group_id), Report.resolved_at.is_not(None) if resolved else Report.resolved_at.is_(None))
        .order_by(Report.id.desc() if resolved else Report.id)
        .limit(limit)
    )
    if before is not None:
        query = query.where(Report.id < before if resolved else Report.id > before)
    rows = work.execute(query).all()
    places = moderation.places_of(work, {item.uri for *_, item in rows if item is not None}, viewer)
    return [
        ReportLine(
            report.id, report.category, report.words, as_person(told), as_person(of) if of is not None else None,
            places.get(item.uri, Place()) if item is not None else Place(), item.uid if item is not None else None,
            item.state if item is not None else None, item.html if item is not None else "",
            tuple(report.objects), report.created_at, report.resolved_at,
            as_person(decided) if decided is not None else None, report.resolution,
        )
        for report, told, of, decided, item in rows
    ]  # fmt: skip


def _of(group_id: int | None) -> ColumnElement[bool]:
    return Report.group_id == group_id if group_id is not None else Report.group_id.is_(None)


def moderates(work: Work, actor_id: int, group_id: int) -> bool:
    """The actor is one of the group's moderators."""
    query = select(Membership.id).where(
        Membership.group_id == group_id,
        Membership.actor_id == actor_id,
        Membership.role.in_(("admin", "moderator")),
    )
    return work.scalar(query) is not None
