"""Blocks between people, and what is said to members in private; limits of servers are in servers.py."""

from storage import blocks, moderation, people
from storage.schema import Actor, Block, Notice
from storage.work import Work


def take_block(work: Work, actor: Actor, target: Actor, *, uri: str | None = None) -> None:
    """Someone elsewhere wants nothing from one of ours: follows end, both ways, and nothing more is sent."""
    if blocks.of(work, actor.id, target.id) is None:
        work.add(Block(actor_id=actor.id, target_id=target.id, uri=uri, created_at=work.now))
    for one, other in ((actor, target), (target, actor)):
        known = people.follow_of(work, one.id, other.id)
        if known is not None:
            work.delete(known)
    work.flush()
    people.touch(work, target.id)


def lift_block(work: Work, actor: Actor, target: Actor) -> None:
    """They take it back."""
    known = blocks.of(work, actor.id, target.id)
    if known is not None:
        work.delete(known)
        work.flush()


def lift_block_by_uri(work: Work, actor: Actor, uri: str) -> bool:
    """They take back the block of that id, if it is theirs."""
    known = blocks.by_uri(work, uri, actor.id)
    if known is not None:
        work.delete(known)
        work.flush()
    return known is not None


def tell_privately(work: Work, sender: Actor, member_ids: list[int], *, uri: str, html: str) -> int:
    """What was written to members alone becomes a notice for each of them, and is shown to nobody else."""
    told = 0
    for member_id in member_ids:
        if blocks.of(work, member_id, sender.id) is not None:
            continue  # nothing of theirs reaches who blocked them, and they do not learn of it
        if not moderation.was_told(work, member_id, uri):
            work.add(
                Notice(actor_id=member_id, kind="private", uri=uri, from_id=sender.id, html=html, created_at=work.now)
            )
            told += 1
    work.flush()
    return told


def reword_private(work: Work, sender: Actor, uri: str, html: str) -> None:
    """Its author edited what they wrote in private."""
    for notice in moderation.notices_from(work, sender.id, uri):
        notice.html = html


def forget_private(work: Work, sender: Actor, uri: str) -> bool:
    """Its author deleted what they wrote in private."""
    found = moderation.notices_from(work, sender.id, uri)
    for notice in found:
        work.delete(notice)
    work.flush()
    return bool(found)
