"""Who will get an answer, before it is sent: what a member is told beside the button."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select

from storage import people, threads, visibility
from storage.people import Person, as_person
from storage.schema import Actor, Comment, Follow, Group, Host
from storage.work import Work

NAMED = 50  # participants of other servers who get every answer, as the publishing of comments has it
# Which followers of a group are sent comments, by the dialect of their server and what the group does with comments.
TAKES = {"quiet": ("microblog", "forum"), "boosted": ("microblog", "forum", "discourse"), "none": ("forum",)}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who elsewhere gets an answer; `stays` where nothing of it ever leaves the node."""

    stays: bool
    people: tuple[Person, ...] = ()  # of other servers: who is answered first, then the others
    followers: int = 0  # of author and group, beside those


def of_reply(work: Work, parent: Comment, author_id: int, *, mentioned: Collection[int] = ()) -> Audience:
    """Who elsewhere would get the author's answer to that item.

    They are those to whom it is delivered: whoever is answered, the latest participants, whom it mentions, the
    followers of its author, and those followers of the group whose servers make something of a comment.
    """
    if not threads.thread_is_visible(work, parent.thread_id, None):
        return Audience(stays=True)
    thread = threads.by_id(work, parent.thread_id)
    group = work.get_one(Group, thread.group_id)
    named = [] if parent.author_id is None else [parent.author_id]
    named += [actor.id for actor in threads.participants_elsewhere(work, thread.id, NAMED)]
    named += mentioned
    known = {actor.id: actor for actor in work.scalars(_reached().where(Actor.id.in_(named)))}
    told = [as_person(known[actor_id]) for actor_id in dict.fromkeys(named) if actor_id in known]
    following = (
        _reached()
        .join(Follow, Follow.follower_id == Actor.id)
        .where(
            Follow.state == "accepted",
            Actor.id.not_in([person.id for person in told]),
            or_(
                Follow.target_id == author_id,
                (Follow.target_id == group.actor_id)
                & func.coalesce(Host.dialect, "microblog").in_(TAKES.get(group.comments, ("forum",))),
            ),
        )
        .with_only_columns(func.count(func.distinct(Actor.id)))
    )
    return Audience(False, tuple(told), work.scalar(following) or 0)


def mentioned_ids(work: Work, handles: Collection[str]) -> list[int]:
    """Those of the handles whom we know, as ids."""
    own_host = work.origin.split("://", 1)[1]
    found = (people.by_handle(work, handle, own_host) for handle in handles)
    return [actor.id for actor in found if actor is not None]


def _reached() -> Select[Actor]:
    return (
        select(Actor)
        .outerjoin(Host, Host.host == Actor.host)
        .where(Actor.local.is_(False), Actor.state == "active", visibility.not_suspended())
    )
