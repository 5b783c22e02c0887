"""Clearance: which of what waits to be sent may still go, by the predicate of pages, asked for many at once."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, bindparam, select

from storage import visibility
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work


class Said(Protocol):
    """What is asked of an activity, as a row or as a record."""

    @property
    def id(self) -> int: ...
    @property
    def actor_id(self) -> int: ...
    @property
    def about(self) -> str: ...
    @property
    def always(self) -> bool: ...
    @property
    def microblog(self) -> bytes | None: ...
    @property
    def forum(self) -> bytes | None: ...


def cleared(work: Work, activities: Sequence[Said]) -> set[int]:
    """The ids of those that may go: what was hidden while it waited stays here."""
    cleared = {one.id for one in activities if one.always}
    # What has no words any more had them forgotten.
    asked = [one for one in activities if not one.always and not (one.microblog is None and one.forum is None)]
    if not asked:
        return cleared
    senders = {row.id for row in work.execute(_SENDERS, {"ids": sorted({one.actor_id for one in asked})}) if row.shown}
    abouts = sorted({one.about for one in asked})
    shown = {row.uri: bool(row.shown) for row in work.execute(_COMMENTS, {"uris": abouts})}
    if others := [uri for uri in abouts if uri not in shown]:
        shown |= {row.uri: bool(row.shown) for row in work.execute(_SUBJECTS, {"uris": others})}
    # What is about nothing that we know of is for its sender to say.
    return cleared | {one.id for one in asked if one.actor_id in senders and shown.get(one.about, True)}


def _actors(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    shown = visibility.actor_shown().label("shown")
    return select(Actor.id, Actor.uri, shown).outerjoin(Group, Group.actor_id == Actor.id).where(which)


# Put together once: to put one together costs more than to ask it.
_SENDERS = _actors(Actor.id.in_(bindparam("ids", expanding=True)))
_SUBJECTS = _actors(Actor.uri.in_(bindparam("uris", expanding=True)))
_COMMENTS = (
    select(Comment.uri, visibility.comment_open_to(None).label("shown"))
    .outerjoin(Thread, Thread.id == Comment.thread_id)
    .outerjoin(Group, Group.actor_id == Thread.group_id)
    .where(Comment.uri.in_(bindparam("uris", expanding=True)))
)
