"""What somebody may do in a thread, asked before it is offered: the same rules that the verbs hold to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.forum import rules
from node.forum.errors import Refusal
from storage import members, threads
from storage.schema import Actor, Group
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Rights:
    """What a page offers its reader; nothing to a stranger."""

    reply: bool = False
    why_not: Refusal | None = None  # where they may not reply, or not yet
    react: bool = False
    edit_opening: bool = False
    moderate: bool = False
    leave: bool = False  # a guest of this thread alone


def in_thread(work: Work, actor_id: int, thread_id: int) -> Rights:
    """What the actor may do in the thread now."""
    actor, thread = work.get_one(Actor, actor_id), threads.by_id(work, thread_id)
    group = work.get_one(Group, thread.group_id)
    why_not = _refusal(rules.may_comment, work, actor, group, thread)
    opening = threads.opening(work, thread_id)
    return Rights(
        # Who only has to wait a little may write meanwhile.
        reply=why_not is None or "wait" in why_not.values,
        why_not=why_not,
        react=_refusal(rules.may_react, work, actor, group, thread) is None,
        edit_opening=opening.state == "visible"
        and _refusal(rules.may_edit, work, actor, opening, thread, group) is None,
        moderate=_refusal(rules.may_moderate, work, actor, thread.group_id) is None,
        leave=members.guest(work, thread.id, actor_id) is not None,
    )


def _refusal(rule: Callable[..., Any], *given: Any) -> Refusal | None:
    try:
        rule(*given)
    except Refusal as refusal:
        return refusal
    return None
