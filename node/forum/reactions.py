"""Likes, dislikes, emoji and boosts: each person's once per item and kind."""

from node.forum import rules
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import Reacted, Unreacted
from storage import people, reactions, threads
from storage.schema import Actor, Comment, Group, Reaction
from storage.work import Work

OPPOSITE = {"like": "dislike", "dislike": "like"}
KIND = 40  # characters: the longest emoji sequences, and :shortcodes: of other servers


def react(work: Work, actor: Actor, comment: Comment, kind: str, *, uri: str | None = None) -> Reaction:
    """Adds someone's like, dislike, emoji or boost; the same again changes nothing."""
    if not 0 < len(kind) <= KIND or not kind.isprintable():
        raise Invalid("That is not a reaction.")
    thread = threads.lock(work, comment.thread_id)
    work.refresh(comment)
    if comment.state != "visible":
        raise NotFound("There is no such item.")
    rules.may_react(work, actor, work.get_one(Group, thread.group_id), thread)
    if uri is not None and people.is_gone(work, uri, actor.uri):
        raise NotAllowed("It was undone before it came.")
    known = reactions.of_actor(work, comment.id, actor.id, kind)
    if known is not None:
        return known
    if kind in OPPOSITE:
        unreact(work, actor, comment, OPPOSITE[kind])
    reaction = Reaction(comment_id=comment.id, actor_id=actor.id, kind=kind, uri=uri, created_at=work.now)
    work.add(reaction)
    work.flush()
    reactions.recount(work, comment.id)
    work.happened(Reacted(comment, actor, reaction))
    return reaction


def unreact(work: Work, actor: Actor, comment: Comment, kind: str) -> None:
    """Takes a reaction back; none there changes nothing."""
    known = reactions.of_actor(work, comment.id, actor.id, kind)
    if known is None:
        return
    uri = known.uri
    work.delete(known)
    work.flush()
    reactions.recount(work, comment.id)
    work.happened(Unreacted(comment, actor, kind, uri))


def unreact_by_uri(work: Work, actor: Actor, uri: str) -> bool:
    """Takes back the actor's reaction of that id, and keeps one out that is still to come."""
    people.bury(work, uri, actor.uri, "activity")
    known = reactions.by_uri(work, uri, actor.id)
    if known is None:
        return False
    unreact(work, actor, threads.comment(work, known.comment_id), known.kind)
    return True
