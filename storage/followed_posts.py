"""What people and groups of other servers published, kept for those of ours who follow them: never comments."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from storage import visibility
from storage.follows import heard
from storage.people import Person, as_person
from storage.schema import Activity, Actor, Comment, Follow, FollowedPost
from storage.work import UNSYNCED, Work

KEPT = timedelta(days=30)  # it is a list of what is new, and the original stays where it is
MOST = 300  # of one author, or passed on by one group: who publishes more fills nobody's disk
PER_HOUR = 60  # of the same; more is a flood
PAGE = 30


@dataclass(frozen=True, slots=True)
class Listed:
    """A post in the list of what someone follows."""

    id: int
    uri: str
    author: Person
    group: Person | None  # who passed it on
    in_reply_to: str | None
    title: str | None
    html: str
    language: str | None
    summary: str | None
    sensitive: bool
    attachments: tuple[dict[str, Any], ...]
    page: str
    public: bool  # else for the followers of its author
    published_at: datetime
    edited_at: datetime | None
    liked: bool  # by whoever reads the list
    pinned: bool = False  # first in the group that passed it on
    locked: bool = False  # it takes no answers

    @property
    def covered(self) -> bool:
        """Its words wait behind a warning."""
        return self.sensitive or self.summary is not None


# ------------------------------------------------------------------ one post


def by_uri(work: Work, uri: str) -> FollowedPost | None:
    """The kept post of that URI."""
    return work.scalars(select(FollowedPost).where(FollowedPost.uri == uri)).one_or_none()


def is_locked(work: Work, uris: Collection[str]) -> bool:
    """One of these is a thread that its group closed to answers."""
    query = select(FollowedPost.id).where(FollowedPost.uri.in_(uris), FollowedPost.locked_at.is_not(None))
    return work.scalar(query.limit(1)) is not None


def is_followed(work: Work, actor_id: int) -> bool:
    """A person of ours follows the actor, and was accepted."""
    return work.scalar(select(_followed(actor_id))) is True


def came_lately(work: Work, *, author_id: int | None = None, group_id: int | None = None) -> int:
    """How much of an author, or through a group, came within the hour."""
    whose = FollowedPost.author_id == author_id if author_id is not None else FollowedPost.passed_on_id == group_id
    query = select(func.count()).select_from(FollowedPost)
    return work.scalar(query.where(whose, FollowedPost.arrived_at > work.now - timedelta(hours=1))) or 0


# ------------------------------------------------------------------ lists


def listed(
    work: Work, reader_id: int, *, before: int | None = None, author_id: int | None = None
) -> tuple[list[Listed], bool]:
    """What those whom the reader follows published, or one of them, latest arrival first; and whether there is more."""
    conditions = [] if before is None else [FollowedPost.id < before]
    if author_id is not None:
        conditions.append(or_(FollowedPost.author_id == author_id, FollowedPost.passed_on_id == author_id))
    found = _listed(work, reader_id, *conditions, limit=PAGE + 1)
    return found[:PAGE], len(found) > PAGE


def one(work: Work, reader_id: int, post_id: int) -> Listed | None:
    """That post, if it is in the list of the reader."""
    found = _listed(work, reader_id, FollowedPost.id == post_id, limit=1)
    return found[0] if found else None


def one_by_uri(work: Work, reader_id: int, uri: str) -> Listed | None:
    """The post of that URI, if it is in the list of the reader."""
    found = _listed(work, reader_id, FollowedPost.uri == uri, limit=1)
    return found[0] if found else None


def liked(work: Work, actor_id: int, uris: list[str]) -> set[str]:
    """Those of these posts elsewhere that someone of ours likes, by what they said last."""
    latest = (
        select(func.max(Activity.id))
        .where(Activity.actor_id == actor_id, Activity.about.in_(uris), Activity.type.in_(("Like", "Undo")))
        .group_by(Activity.about)
    )
    return set(work.scalars(select(Activity.about).where(Activity.id.in_(latest), Activity.type == "Like")))


def _listed(work: Work, reader_id: int, *conditions: ColumnElement[bool], limit: int) -> list[Listed]:
    author, group = aliased(Actor), aliased(Actor)
    group_heard = heard(group)
    query = (
        select(FollowedPost, author, group, group_heard.label("group_heard"))
        .join(author, author.id == FollowedPost.author_id)
        .outerjoin(group, group.id == FollowedPost.passed_on_id)
        .where(
            heard(author),
            visibility.unblocked(reader_id, FollowedPost.author_id),
            or_(
                _is_follower(reader_id, FollowedPost.author_id),
                # What is for the followers of its author is for them alone, whoever passes it on (PRV-09).
                and_(FollowedPost.public, group_heard, _is_follower(reader_id, FollowedPost.passed_on_id)),
            ),
            ~_is_item(),
            *conditions,
        )
        .order_by(FollowedPost.id.desc())
        .limit(limit)
    )
    rows = work.execute(query).all()
    likes = liked(work, reader_id, [post.uri for post, *_ in rows]) if rows else set()
    return [
        Listed(
            post.id,
            post.uri,
            as_person(wrote),
            as_person(passed_on) if passed_on is not None and heard else None,
            post.in_reply_to,
            post.title,
            post.html,
            post.language,
            post.summary,
            post.sensitive,
            tuple(post.attachments),
            post.page_url or post.uri,
            post.public,
            post.published_at,
            post.edited_at,
            post.uri in likes,
            post.pinned_at is not None,
            post.locked_at is not None,
        )
        for post, wrote, passed_on, heard in rows
    ]


def _is_follower(reader_id: int, target_id: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    accepted = select(Follow.target_id).where(Follow.follower_id == reader_id, Follow.state == "accepted")
    return target_id.in_(accepted)


def _is_item() -> ColumnElement[bool]:
    """It has its place in a thread here, and is read there."""
    item = select(Comment.id).where(Comment.uri == FollowedPost.uri, Comment.state != "missing")
    return exists(item.correlate(FollowedPost))


# ------------------------------------------------------------------ what goes


def drop(work: Work, post: FollowedPost) -> None:
    """That post is kept no more."""
    work.delete(post)
    work.flush()


def drop_of(work: Work, author_id: int) -> int:
    """Nothing of an author is kept any more; says how much that was."""
    return _drop(work, FollowedPost.author_id == author_id)


def drop_unread(work: Work, actor_id: int | None = None) -> int:
    """What nobody of ours follows any more goes: of that actor, or through it, or of everybody."""
    conditions = [
        ~_followed(FollowedPost.author_id),
        or_(~FollowedPost.public, FollowedPost.passed_on_id.is_(None), ~_followed(FollowedPost.passed_on_id)),
    ]
    if actor_id is not None:
        conditions.append(or_(FollowedPost.author_id == actor_id, FollowedPost.passed_on_id == actor_id))
    return _drop(work, *conditions)


def drop_old(work: Work) -> int:
    """What came longer ago than it is kept goes; says how much that was."""
    return _drop(work, FollowedPost.arrived_at <= work.now - KEPT)


def drop_beyond(work: Work, actor_id: int) -> None:
    """Of an author, and of what a group passed on, only the latest MOST stay."""
    for whose in (FollowedPost.author_id, FollowedPost.passed_on_id):
        edge = select(FollowedPost.id).where(whose == actor_id).order_by(FollowedPost.id.desc()).offset(MOST).limit(1)
        last = work.scalar(edge)
        if last is not None:
            _drop(work, whose == actor_id, FollowedPost.id <= last)


def _drop(work: Work, *conditions: ColumnElement[bool]) -> int:
    gone = work.execute(delete(FollowedPost).where(*conditions).execution_options(**UNSYNCED))
    return cast(CursorResult[Any], gone).rowcount


def _followed(actor_id: InstrumentedAttribute[Any] | int) -> ColumnElement[bool]:
    follower = aliased(Actor)
    return exists(
        select(Follow.id)
        .join(follower, follower.id == Follow.follower_id)
        .where(
            Follow.target_id == actor_id,
            Follow.state == "accepted",
            follower.local.is_(True),
            follower.kind == "person",
            follower.state == "active",
        )
    )
