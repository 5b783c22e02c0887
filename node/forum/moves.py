"""Threads that move to another group, and branches that become threads of their own."""

from dataclasses import dataclass

from node.forum import items, rules, text, threads, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.events import BranchSplit, ThreadMoved
from storage import branches, groups, moderation, people
from storage import threads as stored_threads
from storage.branches import NewPlace, Placed
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work


def move_thread(work: Work, mover: Actor | None, thread_id: int, target: Group, reason: str) -> None:
    """Puts a thread into another group, which is at least as private.

    Whoever moves it is a moderator where it was, and may start such a thread where it goes: to its members it is a
    new one. Where the other group is stricter, the thread is withdrawn from the fediverse, as `make_private` does.
    """
    thread = stored_threads.lock(work, thread_id)
    rules.may_moderate(work, mover, thread.group_id)
    reason = upkeep.clean_reason(reason)
    if thread.group_id == target.actor_id:
        return
    origin = work.get_one(Group, thread.group_id)
    if origin.privacy == "secret" and target.privacy != "secret":
        raise NotAllowed("What was said in a secret group stays among its members, or moves to another secret group.")
    private = _is_private_in(thread, target)
    if mover is not None:
        rules.may_start(work, mover, target, private=private)
    else:
        rules.must_be_open(target)
    if private and not thread.private and origin.privacy != "secret":
        upkeep.withdraw(work, thread)
    was_in = people.by_id(work, thread.group_id)
    thread.group_id, thread.private = target.actor_id, private
    thread.pinned_at = None  # first in one group is not first in another
    thread.version += 1
    opening = stored_threads.opening(work, thread.id)
    stored_threads.touch(work, [opening.id])
    for group_id in sorted((origin.actor_id, target.actor_id)):  # in one order, so that none waits for another
        people.touch(work, group_id)
        moderation.keep_act(work, mover, "move", stored_threads.uri_of(work, thread), reason, group_id)
    work.happened(ThreadMoved(thread, opening, was_in, mover))


def split_branch(
    work: Work, moderator: Actor, root: Comment, title: str, words: text.Words, reason: str = ""
) -> Comment:
    """Makes an item with all that answers it a thread of its own, and answers that thread's opening.

    The moderator opens it, in their own words. The items keep their ids, their order and what was said of them, and
    get new numbers; where the item was, a line says where it went.
    """
    origin = stored_threads.hold(work, root)
    rules.may_moderate(work, moderator, origin.group_id)
    if root.number == 0 or root.state == "moved":
        raise NotFound("There is no such branch.")
    if not words.html.strip():
        raise Invalid("Write a few words that open the new thread.", field="source")
    reason = upkeep.clean_reason(reason)
    branch = branches.below(work, root)
    stub = _stub_of(work, root)
    opening = threads.split_off(work, moderator, origin, title, words)
    thread = stored_threads.lock(work, opening.thread_id)
    places = _places(branch, root.id, opening)
    branches.rehang(work, thread.id, places)
    thread.next_number = len(branch) + 1
    work.add(stub)
    new_numbers = {place.id: place.number for place in places}
    branches.keep_numbers(work, origin.id, {it.number: it.id for it in branch if it.id != root.id})
    branches.carry_readings(work, origin.id, thread.id, {it.number: new_numbers[it.id] for it in branch})
    if stub.parent_id is not None and any(it.counts for it in branch if it.id == root.id):
        branches.uncount_reply(work, stub.parent_id)
    for changed in (origin, thread):
        branches.recount(work, changed)
        changed.version += 1
    work.flush()
    moderation.keep_act(work, moderator, "split", stored_threads.uri_of(work, thread), reason, thread.group_id)
    work.happened(
        BranchSplit(origin, thread, opening, (root.id, *(it.id for it in branch if it.id != root.id)), moderator)
    )
    return opening


def _stub_of(work: Work, root: Comment) -> Comment:
    """What stands where a branch was, and leads to it."""
    uid = work.mint()
    return Comment(
        uid=uid,
        uri=f"{work.origin}/comment/{uid}",
        thread_id=root.thread_id,
        parent_id=root.parent_id,
        number=root.number,
        path=root.path,
        depth=root.depth,
        state="moved",
        moved_to_id=root.id,
        published_at=root.published_at,
        arrived_at=work.now,
    )


def _places(branch: list[Placed], root_id: int, opening: Comment) -> list[NewPlace]:
    """The branch below the opening of its own thread: the same order, numbers from 1, paths to fit."""
    numbers = {it.id: number for number, it in enumerate(branch, start=1)}
    answers: dict[int, list[Placed]] = {}
    for it in branch:
        answers.setdefault(opening.id if it.id == root_id else it.parent_id or 0, []).append(it)
    places: list[NewPlace] = []
    waiting = [(opening.id, "", 0)]
    while waiting:
        parent_id, path, depth = waiting.pop()
        for it in answers.get(parent_id, ()):
            below = items.path_below(path, depth, numbers[it.id])
            places.append(NewPlace(it.id, parent_id, numbers[it.id], *below))
            waiting.append((it.id, *below))
    return places


@dataclass(frozen=True, slots=True)
class Target:
    """A group to which a thread may be moved."""

    id: int
    name: str
    title: str
    privacy: str
    threads_are: str  # public, private, either


def targets(work: Work, mover: Actor, thread_id: int) -> list[Target]:
    """The groups to which the mover may move the thread, by their titles."""
    thread = stored_threads.by_id(work, thread_id)
    origin = work.get_one(Group, thread.group_id)
    found = []
    for card in groups.joined(work, mover.id):
        target = work.get_one(Group, card.id)
        if target.actor_id == thread.group_id or (origin.privacy == "secret" and target.privacy != "secret"):
            continue
        try:
            rules.may_start(work, mover, target, private=_is_private_in(thread, target))
        except Refusal:
            continue
        found.append(Target(card.id, card.name, card.title, target.privacy, target.threads))
    return found


def _is_private_in(thread: Thread, target: Group) -> bool:
    return thread.private or target.privacy == "secret" or target.threads == "private"
