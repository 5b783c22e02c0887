"""Blocks of people and servers, and what is said to members in private."""

from storage import hosts, moderation, people, visibility
from storage.schema import Act, Actor, Block, Notice
from storage.work import Work

BELONGS = "It belongs to {}."


def take_block(work: Work, actor: Actor, target: Actor, *, uri: str | None = None) -> None:
    """Someone elsewhere wants nothing from one of ours: follows end, both ways, and nothing more is sent."""
    if moderation.block_of(work, actor.id, target.id) is None:
        work.add(Block(actor_id=actor.id, target_id=target.id, uri=uri, created_at=work.now))
    for one, other in ((actor, target), (target, actor)):
        known = people.follow_of(work, one.id, other.id)
        if known is not None:
            work.delete(known)
    work.flush()
    people.touch(work, target.id)


def lift_block(work: Work, actor: Actor, target: Actor) -> None:
    """They take it back."""
    known = moderation.block_of(work, actor.id, target.id)
    if known is not None:
        work.delete(known)
        work.flush()


def lift_block_by_uri(work: Work, actor: Actor, uri: str) -> bool:
    """They take back the block of that id, if it is theirs."""
    known = moderation.block_by_uri(work, uri, actor.id)
    if known is not None:
        work.delete(known)
        work.flush()
    return known is not None


def block_host(work: Work, host: str, reason: str) -> None:
    """Nothing comes from a server any more, nothing of it is shown, nothing goes there; its words are kept."""
    host = host.strip().lower().rstrip(".")
    hosts.block(work, host, reason)
    _block_below(work, host)
    work.add(Act(actor_id=None, verb="block", about=host, reason=reason, done_at=work.now))
    visibility.has_changed(work)


def unblock_host(work: Work, host: str, reason: str = "") -> None:
    """Takes the block back: what was hidden shows again."""
    host = host.strip().lower().rstrip(".")
    hosts.unblock(work, host)
    for below in people.hosts_below(work, host):
        known = hosts.server(work, below)
        if known is not None and known.blocked_why == BELONGS.format(host):
            hosts.unblock(work, below)
    for other in sorted(hosts.blocked(work)):
        if hosts.within(host, frozenset({other})) or hosts.within(other, frozenset({host})):
            _block_below(work, other)  # what belongs to that one as well stays blocked
    work.add(Act(actor_id=None, verb="unblock", about=host, reason=reason, done_at=work.now))
    visibility.has_changed(work)


def _block_below(work: Work, host: str) -> None:
    """Blocks the ports and subdomains that were met, each by its name: what is shown is asked for by name."""
    blocked = hosts.blocked(work)
    for below in people.hosts_below(work, host):
        if below not in blocked:
            hosts.block(work, below, BELONGS.format(host))


def tell_privately(work: Work, sender: Actor, member_ids: list[int], *, uri: str, html: str) -> int:
    """What was written to members alone becomes a notice for each of them, and is shown to nobody else."""
    told = 0
    for member_id in member_ids:
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
