"""What members of ours said in threads of other servers."""

from sqlalchemy import select

from storage.schema import Remark
from storage.work import Work


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
