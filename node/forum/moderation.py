"""Reports, blocks, and what moderators see of them."""

from sqlalchemy import select

from storage import hosts, people, visibility
from storage.schema import Act, Actor, Block, Notice, Report
from storage.work import Work

REPORT_WORDS = 5000  # characters, as much as Mastodon takes
REPORT_OBJECTS = 100


def report(work: Work, reporter: Actor, objects: list[str], words: str, *, uri: str | None = None) -> Report:
    """Keeps a report for the moderators; the same one is kept once."""
    if uri is not None:
        known = work.scalars(select(Report).where(Report.uri == uri)).one_or_none()
        if known is not None:
            return known
    kept = Report(
        uri=uri,
        reporter_id=reporter.id,
        objects=objects[:REPORT_OBJECTS],
        words=words[:REPORT_WORDS],
        created_at=work.now,
    )
    work.add(kept)
    work.flush()
    return kept


def take_block(work: Work, actor: Actor, target: Actor, *, uri: str | None = None) -> None:
    """Someone elsewhere wants nothing from one of ours: follows end, both ways, and nothing more is sent."""
    if work.scalar(select(Block.id).where(Block.actor_id == actor.id, Block.target_id == target.id)) is None:
        work.add(Block(actor_id=actor.id, target_id=target.id, uri=uri, created_at=work.now))
    for one, other in ((actor, target), (target, actor)):
        known = people.follow_of(work, one.id, other.id)
        if known is not None:
            work.delete(known)
    work.flush()
    people.touch(work, target.id)


def lift_block(work: Work, actor: Actor, target: Actor) -> None:
    """They take it back."""
    known = work.scalars(select(Block).where(Block.actor_id == actor.id, Block.target_id == target.id)).one_or_none()
    if known is not None:
        work.delete(known)
        work.flush()


def block_host(work: Work, host: str, reason: str) -> None:
    """Nothing comes from a server any more, nothing of it is shown, nothing goes there; its words are kept."""
    hosts.block(work, host.strip().lower().rstrip("."), reason)
    work.add(Act(actor_id=None, verb="block", about=host, reason=reason, done_at=work.now))
    visibility.has_changed(work)


def unblock_host(work: Work, host: str, reason: str = "") -> None:
    """Takes the block back: what was hidden shows again."""
    hosts.unblock(work, host.strip().lower().rstrip("."))
    work.add(Act(actor_id=None, verb="unblock", about=host, reason=reason, done_at=work.now))
    visibility.has_changed(work)


def tell_privately(work: Work, sender: Actor, member_ids: list[int], *, uri: str, html: str) -> int:
    """What was written to members alone becomes a notice for each of them, and is shown to nobody else."""
    told = 0
    for member_id in member_ids:
        known = work.scalar(
            select(Notice.id).where(Notice.actor_id == member_id, Notice.kind == "private", Notice.uri == uri)
        )
        if known is None:
            work.add(
                Notice(actor_id=member_id, kind="private", uri=uri, from_id=sender.id, html=html, created_at=work.now)
            )
            told += 1
    work.flush()
    return told


def forget_private(work: Work, sender: Actor, uri: str) -> bool:
    """Its author deleted what they wrote in private."""
    found = list(work.scalars(select(Notice).where(Notice.uri == uri, Notice.from_id == sender.id)))
    for notice in found:
        work.delete(notice)
    work.flush()
    return bool(found)
