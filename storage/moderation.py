"""Reports, blocks between actors, and notices for one member alone."""

from sqlalchemy import select

from storage.schema import Block, Notice, Report
from storage.work import Work


def report_by_uri(work: Work, uri: str) -> Report | None:
    """The report whose Flag has that id."""
    return work.scalars(select(Report).where(Report.uri == uri)).one_or_none()


def block_of(work: Work, actor_id: int, target_id: int) -> Block | None:
    """How the actor bars the target."""
    return work.scalars(select(Block).where(Block.actor_id == actor_id, Block.target_id == target_id)).one_or_none()


def block_by_uri(work: Work, uri: str, actor_id: int) -> Block | None:
    """The actor's block whose activity has that id."""
    return work.scalars(select(Block).where(Block.uri == uri, Block.actor_id == actor_id)).first()


def was_told(work: Work, actor_id: int, uri: str) -> bool:
    """The member has the private notice of that message."""
    query = select(Notice.id).where(Notice.actor_id == actor_id, Notice.kind == "private", Notice.uri == uri)
    return work.scalar(query) is not None


def notices_from(work: Work, sender_id: int, uri: str) -> list[Notice]:
    """The notices that the sender's message became."""
    return list(work.scalars(select(Notice).where(Notice.uri == uri, Notice.from_id == sender_id)))
