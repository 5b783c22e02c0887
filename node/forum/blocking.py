"""Blocking: a member wants nothing more of somebody, here or elsewhere, who does not learn of it from a page here."""

from node.forum import people as forum_people
from node.forum import reading
from node.forum.errors import NotAllowed
from node.forum.events import ActorBlocked
from storage import blocks, people
from storage.schema import Actor, Block
from storage.work import Work


def block(work: Work, actor: Actor, target: Actor) -> None:
    """What the target says is folded away for the actor and reaches them nowhere; follows end, both ways (PRV-15).

    Their words stay in their threads, for the others and for whoever opens them: a group decides of its threads.
    """
    if not actor.local or actor.kind != "person" or actor.state != "active":
        raise NotAllowed("Only members of this node can block somebody here.")
    if actor.id == target.id:
        raise NotAllowed("This is you.")
    if target.kind == "application" or (target.kind == "group" and target.local):
        raise NotAllowed("A group of this node cannot be blocked; you can leave it.")
    if target.state == "deleted":
        raise NotAllowed("This account was deleted.")
    if blocks.of(work, actor.id, target.id) is not None:
        return
    forum_people.unfollow(work, actor, target)
    if people.follow_of(work, target.id, actor.id) is not None:
        # Said too: not every server ends the follow by itself when it is told of the block.
        forum_people.drop_follower(work, target, actor)
    uri = f"{work.origin}/a/{work.mint()}"
    work.add(Block(actor_id=actor.id, target_id=target.id, uri=uri, created_at=work.now))
    work.flush()
    reading.let_be(work, actor.id)
    work.happened(ActorBlocked(uri, actor, target))


def unblock(work: Work, actor: Actor, target: Actor) -> None:
    """The actor takes it back; follows that it ended stay ended."""
    known = blocks.of(work, actor.id, target.id)
    if known is None:
        return
    uri = known.uri or f"{work.origin}/a/{work.mint()}"
    work.delete(known)
    work.flush()
    work.happened(ActorBlocked(uri, actor, target, undone=True))
