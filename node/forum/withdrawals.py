"""What was public and is not any more: groups that become secret, groups that are deleted; done in pieces."""

from node.forum import rules, threads, upkeep
from node.forum.errors import Invalid
from node.forum.events import ActorErased, GroupHidden, MembershipEnded, ThreadWithdrawn
from storage import groups, invitations, moderation, people, visibility, withdrawals
from storage import members as stored_members
from storage.schema import Actor, Group
from storage.withdrawals import Begun
from storage.work import Work

PIECE = 40  # items of one transaction: some tens of milliseconds where many servers hold copies


def make_secret(work: Work, by: Actor | None, group: Group, typed: str, reason: str = "") -> None:
    """Hides a group for good, with its parts: from now on it is for its members here alone, and off the wire.

    It is gone for everybody else at once; what they hold copies of is taken back piece by piece, see `carry_on`.
    """
    rules.may_administer(work, by, group.actor_id)
    _must_be_sure(work, group, typed)
    if group.privacy == "secret":
        return
    rules.must_say_why(by, reason)
    reason = upkeep.clean_reason(reason)
    for hidden in (group, *groups.all_below(work, group.actor_id)):
        if hidden.privacy != "secret":
            _hide(work, by, groups.lock(work, hidden.actor_id), reason)
    visibility.has_changed(work)


def _hide(work: Work, by: Actor | None, group: Group, reason: str) -> None:
    actor = people.by_id(work, group.actor_id)
    for membership in stored_members.elsewhere(work, group.actor_id):
        if membership.role != "banned":
            work.happened(MembershipEnded(group.actor_id, people.by_id(work, membership.actor_id)))
            work.delete(membership)
    stored_members.drop_guests_elsewhere(work, group.actor_id)
    withdrawals.revoke_invitations_elsewhere(work, group.actor_id)
    group.privacy, group.threads, group.join_token = "secret", "private", None
    group.outsiders_may_start = group.outsiders_may_comment = False
    actor.version += 1
    moderation.keep_act(work, by, "make secret", actor.uri, reason, group.actor_id)
    withdrawals.begin(work, "hide", group.actor_id)
    work.happened(GroupHidden(actor))


def delete_group(work: Work, by: Actor | None, group: Group, typed: str, reason: str = "") -> None:
    """An admin of the node deletes a group and its parts: gone at once, then every word in them is erased."""
    rules.must_run_the_node(work, by)
    _must_be_sure(work, group, typed)
    rules.must_say_why(by, reason)
    reason = upkeep.clean_reason(reason)
    for gone in (*groups.all_below(work, group.actor_id), group):
        actor = people.by_id(work, gone.actor_id)
        if actor.state == "deleted":
            continue
        groups.lock(work, gone.actor_id)
        actor.state = "deleted"
        actor.version += 1
        gone.join_token = None
        invitations.revoke_of(work, gone.actor_id)
        moderation.keep_act(work, by, "delete group", actor.uri, reason, None)
        withdrawals.begin(work, "erase", gone.actor_id)
    visibility.has_changed(work)


def carry_on(work: Work) -> bool:
    """Does one piece of what was begun; says whether there may be more. The worker calls it until there is not."""
    begun = withdrawals.next_one(work)
    if begun is None:
        return False
    PIECES[begun.kind](work, begun, people.by_id(work, begun.group_id))
    return True


def _hide_piece(work: Work, begun: Begun, group: Actor) -> None:
    """One thread: private from now on, and taken back from whoever holds it."""
    thread = withdrawals.next_public_thread(work, begun.group_id, begun.after)
    if thread is None:
        withdrawals.drop_followers(work, begun.group_id)
        withdrawals.end(work, begun)
        return
    thread.private = True
    thread.version += 1
    withdrawals.go_on(work, begun, "hide", thread.id)
    if thread.state == "visible":
        work.happened(ThreadWithdrawn(thread, group))


def _erase_piece(work: Work, begun: Begun, group: Actor) -> None:
    """Some items, each deleted by its author's key; after the last of them the group itself."""
    piece = withdrawals.items_after(work, begun.group_id, begun.after, PIECE)
    for item in piece:
        if item.author_id is not None:
            threads.erase_comment(work, people.by_id(work, item.author_id), item)
    if piece:
        withdrawals.go_on(work, begun, "erase", piece[-1].id)
        return
    if visibility.is_shown(work, group):
        work.happened(ActorErased(group))
    withdrawals.go_on(work, begun, "end", 0)


def _end_piece(work: Work, begun: Begun, group: Actor) -> None:
    """What is left of a group that was deleted: its name, so that nobody takes it."""
    withdrawals.drop_followers(work, begun.group_id)
    withdrawals.drop_people(work, begun.group_id)
    group.display_name = group.summary = ""
    group.summary_source = None
    group.version += 1
    withdrawals.end(work, begun)


PIECES = {"hide": _hide_piece, "erase": _erase_piece, "end": _end_piece}


def _must_be_sure(work: Work, group: Group, typed: str) -> None:
    name = people.by_id(work, group.actor_id).name
    if typed.strip().lower().removeprefix("@") != name:
        raise Invalid("Type the group's handle, %(name)s, to show that you mean this group.", field="typed", name=name)
