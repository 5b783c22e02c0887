"""Ways into a group from outside: open doors, join links, requests that a moderator approves."""

import secrets
from datetime import timedelta

from node.forum import markup, members, rules
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import JoinApproved, JoinAsked
from storage import groups, invitations, moderation, people
from storage.schema import Actor, Group, JoinRequest, Membership
from storage.work import Work

WORDS = 2000  # characters
ASKED_AGAIN = timedelta(days=30)  # whoever was ignored may ask again after a month
WAITING = 30  # requests of one person that wait anywhere; more is knocking on every door


def enter(work: Work, actor: Actor, group: Group, words: str = "") -> Membership | JoinRequest:
    """Joins an open group; asks to be let into a closed one. A secret group is not there."""
    rules.must_stand(actor)
    membership = groups.membership(work, group.actor_id, actor.id)
    if group.privacy == "secret" and (membership is None or membership.role == "banned"):
        raise NotFound("There is no such group here, or it is not public.")
    rules.part_in(work, actor, group)
    if membership is not None:
        return membership
    rules.must_be_open(group)
    return members.join(work, actor, group) if group.privacy == "open" else _ask(work, actor, group, words)


def _ask(work: Work, actor: Actor, group: Group, words: str) -> JoinRequest:
    words = markup.at_edge(words).strip()
    if len(words) > WORDS:
        raise Invalid("This has %(many)s characters; at most %(most)s have room.", field="words",
                      many=len(words), most=WORDS)  # fmt: skip
    if group.join_prompt and not words:
        raise Invalid("Please answer: the moderators of the group ask for it.", field="words")
    groups.lock(work, group.actor_id)
    request = invitations.request_of(work, group.actor_id, actor.id)
    if request is not None and (request.state == "waiting" or _was_lately(work, request)):
        return request  # also to one that was ignored: whoever asks is not told so
    if invitations.count_requests(work, actor.id) >= WAITING:
        raise NotAllowed("You wait to be let into many groups already; give them time.")
    if request is None:
        request = JoinRequest(group_id=group.actor_id, actor_id=actor.id, created_at=work.now)
        work.add(request)
    request.words, request.state, request.created_at = words, "waiting", work.now
    request.decided_at = request.decided_id = None
    work.flush()
    work.happened(JoinAsked(request, actor, people.by_id(work, group.actor_id)))
    return request


def _was_lately(work: Work, request: JoinRequest) -> bool:
    return request.state == "ignored" and request.created_at > work.now - ASKED_AGAIN


def take_back(work: Work, actor: Actor, group: Group) -> None:
    """Whoever asked to be let in does not want to any more."""
    request = invitations.request_of(work, group.actor_id, actor.id)
    if request is not None and request.state == "waiting":
        work.delete(request)
        work.flush()


def decide(work: Work, moderator: Actor | None, request: JoinRequest, *, approved: bool) -> None:
    """A moderator lets somebody in who asked, or ignores it: then nobody is told."""
    rules.may_moderate(work, moderator, request.group_id)
    group = groups.lock(work, request.group_id)
    work.refresh(request)
    if request.state != "waiting":
        return
    actor = people.by_id(work, request.actor_id)
    request.state = "approved" if approved else "ignored"
    request.decided_at, request.decided_id = work.now, moderator.id if moderator is not None else None
    verb = "approve request" if approved else "ignore request"
    moderation.keep_act(work, moderator, verb, actor.uri, "", request.group_id)
    if not approved:
        return
    rules.must_be_open(group)
    members.join(work, actor, group)
    work.happened(JoinApproved(request, actor, people.by_id(work, group.actor_id)))


# ------------------------------------------------------------------ the link


def reset_join_link(work: Work, moderator: Actor | None, group: Group) -> str:
    """A new link with which anybody joins who has it; the one before is worth nothing from now on."""
    rules.may_moderate(work, moderator, group.actor_id)
    rules.must_be_open(group)
    group.join_token = secrets.token_urlsafe(24)
    uri = people.by_id(work, group.actor_id).uri
    moderation.keep_act(work, moderator, "reset join link", uri, "", group.actor_id)
    return group.join_token


def switch_off_join_link(work: Work, moderator: Actor | None, group: Group) -> None:
    """Nobody joins with a link any more."""
    rules.may_moderate(work, moderator, group.actor_id)
    if group.join_token is None:
        return
    group.join_token = None
    uri = people.by_id(work, group.actor_id).uri
    moderation.keep_act(work, moderator, "switch off join link", uri, "", group.actor_id)


def join_by_link(work: Work, actor: Actor, token: str) -> Membership:
    """Joins the group whose link that is, whatever its privacy."""
    found = groups.by_join_token(work, token)
    if found is None:
        raise NotFound("This link is not valid any more. Ask whoever gave it to you for a new one.")
    return members.join(work, actor, found[0])
