"""Invitations: into a group or into one thread of it, by e-mail or by a handle; each works once."""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from node.forum import emails, markup, members, rules
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import Invited
from storage import accounts, blocks, groups, invitations, moderation, people, threads, tokens
from storage import members as stored_members
from storage.schema import Actor, Group, Guest, Invitation, Notice, Thread
from storage.work import Work

ROLES = ("member", "moderator", "guest")  # that one may be invited for
LASTS = timedelta(days=14)  # long enough for a holiday
DAY = timedelta(days=1)
AT_ONCE = 50  # addresses in one form
BY_ONE = 100  # invitations of one person a day: enough for a whole village, too few for advertising
INTO_ONE = 300  # into one group a day
WORDS = 2000  # characters
BETWEEN = re.compile(r"[\n,;]+")
NAMED = re.compile(r"^.*<([^<>]+)>$")  # Ana Lima <ana@coop.example>


def addresses(listed: str) -> list[str]:
    """The e-mail addresses of a list, one a line or with commas between, each once; says which are none."""
    found: dict[str, None] = {}
    wrong = []
    for entry in filter(None, (part.strip() for part in BETWEEN.split(listed))):
        named = NAMED.match(entry)
        try:
            found[emails.address(named[1] if named else entry)] = None
        except Invalid:
            wrong.append(entry[:80])
    if wrong:
        raise Invalid("These are no e-mail addresses: %(wrong)s", field="addresses", wrong=", ".join(wrong[:5]))
    if not found:
        raise Invalid("Give at least one e-mail address.", field="addresses")
    if len(found) > AT_ONCE:
        raise Invalid("At most %(most)s addresses at once; these are %(many)s.", field="addresses",
                      most=AT_ONCE, many=len(found))  # fmt: skip
    return list(found)


def invite_by_mail(
    work: Work, inviter: Actor | None, group: Group, to: Sequence[str], *, words: str = "", role: str = "member"
) -> list[Invitation]:
    """Invites people by their addresses, with a few words; whoever has an open invitation gets a new one instead."""
    _may_invite(work, inviter, group, role, words)
    _must_be_within_limits(work, inviter, group, len(to))
    return [_invite(work, inviter, group, words=words, role=role, email=email) for email in to]


def invite_actor(
    work: Work, inviter: Actor | None, group: Group, actor: Actor, *, words: str = "", role: str = "member"
) -> Invitation:
    """Invites somebody here or on another server by their handle; there it comes as a direct message."""
    _may_invite(work, inviter, group, role, words)
    _must_be_somebody(actor)
    membership = groups.membership(work, group.actor_id, actor.id)
    if membership is not None and membership.role == "banned":
        raise NotAllowed("They are banned from this group.")
    if membership is not None and not _is_more(role, membership.role):
        raise Invalid("They are in this group already.", field="handle")
    if not actor.local and group.privacy == "secret":
        raise NotAllowed("Nothing of a secret group goes to other servers: invite them by e-mail to an account here.")
    if not actor.local and role in rules.MODERATORS:
        raise NotAllowed("Moderators need an account here.")
    _must_be_within_limits(work, inviter, group, 1)
    return _invite(work, inviter, group, words=words, role=role, actor=actor)


def invite_guest(
    work: Work,
    inviter: Actor | None,
    thread: Thread,
    *,
    email: str | None = None,
    actor: Actor | None = None,
    words: str = "",
) -> Invitation:
    """Invites somebody into one thread: they read and comment it, and see nothing else of its group."""
    group = work.get_one(Group, thread.group_id)
    rules.may_invite_guests(work, inviter, thread, group, threads.opening(work, thread.id).author_id)
    if inviter is not None:
        rules.must_see(work, inviter, thread)
    words = _fitting(words)
    if actor is not None:
        _must_be_somebody(actor)
        rules.part_in(work, actor, group)
        if groups.membership(work, group.actor_id, actor.id) or stored_members.guest(work, thread.id, actor.id):
            raise Invalid("They are in this thread already.", field="handle")
        if not actor.local and (thread.private or group.privacy == "secret"):
            raise NotAllowed("Nothing private goes to other servers: invite them by e-mail to an account here.")
    elif email is None:
        raise Invalid("Give at least one e-mail address.", field="addresses")
    _must_be_within_limits(work, inviter, group, 1)
    return _invite(work, inviter, group, words=words, role="guest", email=email, actor=actor, thread=thread)


def _invite(
    work: Work,
    inviter: Actor | None,
    group: Group,
    *,
    words: str,
    role: str,
    email: str | None = None,
    actor: Actor | None = None,
    thread: Thread | None = None,
) -> Invitation:
    invited_id = actor.id if actor is not None and email is None else None
    thread_id = thread.id if thread is not None else None
    for earlier in invitations.to_same(work, group.actor_id, thread_id=thread_id, email=email, invited_id=invited_id):
        earlier.revoked_at = work.now
        _forget_notice(work, earlier)
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        group_id=group.actor_id,
        thread_id=thread_id,
        email=email,
        invited_id=invited_id,
        inviter_id=inviter.id if inviter is not None else None,
        role=role,
        words=_fitting(words),
        secret_hash=tokens.hashed(secret),
        created_at=work.now,
        expires_at=work.now + LASTS,
    )
    work.add(invitation)
    work.flush()
    if _is_blocked(work, inviter, actor, email):
        return invitation  # which is there for whoever sent it, and reaches nobody
    if actor is not None and actor.local:
        _tell_here(work, invitation, actor, inviter)
    work.happened(Invited(invitation, secret, inviter))
    return invitation


def _is_blocked(work: Work, inviter: Actor | None, actor: Actor | None, email: str | None) -> bool:
    """Who is invited wants nothing of whoever invites them."""
    if inviter is None:
        return False
    account = accounts.by_email(work, email) if actor is None and email is not None else None
    invited_id = actor.id if actor is not None else account.actor_id if account is not None else None
    return invited_id is not None and blocks.of(work, invited_id, inviter.id) is not None


def _tell_here(work: Work, invitation: Invitation, actor: Actor, inviter: Actor | None) -> None:
    work.add(
        Notice(
            actor_id=actor.id,
            kind="invitation",
            uri=_place_of(work, invitation),
            from_id=inviter.id if inviter is not None else invitation.group_id,
            created_at=work.now,
        )
    )
    work.flush()


# ------------------------------------------------------------------ answered


def by_secret(work: Work, secret: str) -> Invitation | None:
    """The open invitation of that secret, if there is still something to be invited into."""
    invitation = invitations.by_hash(work, tokens.hashed(secret))
    if invitation is None or invitations.card(work, invitation.id) is None:
        return None
    return invitation


def addressed_to(work: Work, invitation_id: int, actor_id: int) -> Invitation | None:
    """The open invitation of that number, if it is somebody's own."""
    invitation = invitations.by_id(work, invitation_id)
    if invitation is None or invitation.invited_id != actor_id or invitations.card(work, invitation.id) is None:
        return None
    return invitation


def accept(work: Work, actor: Actor, invitation: Invitation) -> None:
    """Whoever has the secret joins with it, once; one that is for somebody known, only they."""
    rules.must_stand(actor)
    group = groups.lock(work, invitation.group_id)
    invitation = invitations.lock(work, invitation.id)
    if not invitations.is_open(work, invitation) or invitations.card(work, invitation.id) is None:
        raise NotFound("This invitation is not valid any more. Ask for a new one.")
    if invitation.invited_id is not None and invitation.invited_id != actor.id:
        raise NotAllowed("This invitation is for somebody else.")
    if not actor.local and invitation.invited_id is None:
        raise NotAllowed("This invitation needs an account here.")
    if invitation.thread_id is not None:
        _become_guest(work, actor, group, threads.by_id(work, invitation.thread_id), invitation.inviter_id)
    else:
        _become_member(work, actor, group, invitation)
    invitation.accepted_at, invitation.accepted_id = work.now, actor.id
    _forget_notice(work, invitation)


def _become_member(work: Work, actor: Actor, group: Group, invitation: Invitation) -> None:
    rules.must_be_open(group)
    membership = rules.part_in(work, actor, group)
    if membership is None:
        members.join(work, actor, group, role=invitation.role, inviter_id=invitation.inviter_id)
    elif _is_more(invitation.role, membership.role):
        membership.role = invitation.role
        people.touch(work, group.actor_id)
    else:
        raise NotAllowed("You are in this group already; the invitation still works for somebody else.")


def _become_guest(work: Work, actor: Actor, group: Group, thread: Thread, inviter_id: int | None) -> None:
    membership = rules.part_in(work, actor, group)
    if membership is not None or stored_members.guest(work, thread.id, actor.id) is not None:
        raise NotAllowed("You are in this thread already; the invitation still works for somebody else.")
    if not actor.local and (thread.private or group.privacy == "secret"):
        raise NotFound("This invitation is not valid any more. Ask for a new one.")
    work.add(Guest(thread_id=thread.id, actor_id=actor.id, inviter_id=inviter_id, joined_at=work.now))
    work.flush()


def decline(work: Work, actor: Actor, invitation: Invitation) -> None:
    """Whoever was invited by name does not want to."""
    invitation = invitations.lock(work, invitation.id)
    if invitation.invited_id == actor.id and invitations.is_open(work, invitation):
        invitation.revoked_at = work.now
        _forget_notice(work, invitation)


# ------------------------------------------------------------------ taken back, sent again


def revoke(work: Work, actor: Actor | None, invitation: Invitation) -> None:
    """Whoever sent it, or a moderator, takes an invitation back."""
    _may_tend(work, actor, invitation)
    invitation = invitations.lock(work, invitation.id)
    if invitations.is_open(work, invitation):
        invitation.revoked_at = work.now
        _forget_notice(work, invitation)


def resend(work: Work, actor: Actor | None, invitation: Invitation) -> Invitation:
    """Sends an invitation once more, with a new secret and a new fortnight; the earlier one is void."""
    _may_tend(work, actor, invitation)
    group = groups.lock(work, invitation.group_id)
    invitation = invitations.lock(work, invitation.id)
    if not invitations.is_open(work, invitation):
        raise NotFound("This invitation was used or taken back in the meantime.")
    thread = threads.by_id(work, invitation.thread_id) if invitation.thread_id is not None else None
    if thread is None:
        rules.may_invite(work, actor, group, role=invitation.role)
    _must_be_within_limits(work, actor, group, 1)
    invited = people.by_id(work, invitation.invited_id) if invitation.invited_id is not None else None
    return _invite(
        work,
        actor,
        group,
        words=invitation.words,
        role=invitation.role,
        email=invitation.email,
        actor=invited,
        thread=thread,
    )


def remove_guest(work: Work, moderator: Actor | None, thread: Thread, actor: Actor, reason: str = "") -> None:
    """Ends somebody's way into one thread; guests may go by themselves."""
    guest = stored_members.guest(work, thread.id, actor.id)
    if guest is None:
        raise NotFound("They are no guest of this thread.")
    if moderator is None or moderator.id != actor.id:
        if moderator is None or guest.inviter_id != moderator.id:
            rules.may_moderate(work, moderator, thread.group_id)
            rules.must_say_why(moderator, reason)
        moderation.keep_act(work, moderator, "remove guest", actor.uri, reason.strip()[:500], thread.group_id)
    work.delete(guest)
    work.flush()


def _place_of(work: Work, invitation: Invitation) -> str:
    """Where somebody of ours finds an invitation that is theirs alone; its number is no secret."""
    return f"{work.origin}/invitations/{invitation.id}"


def _forget_notice(work: Work, invitation: Invitation) -> None:
    invitations.forget_notice(work, _place_of(work, invitation))


def _may_tend(work: Work, actor: Actor | None, invitation: Invitation) -> None:
    if actor is not None and actor.id == invitation.inviter_id:
        return rules.must_stand(actor)
    return rules.may_moderate(work, actor, invitation.group_id)


def _may_invite(work: Work, inviter: Actor | None, group: Group, role: str, words: str) -> None:
    if role not in ROLES:
        raise Invalid("Choose one of %(allowed)s; not %(value)s.", field="role", allowed=", ".join(ROLES), value=role)
    rules.may_invite(work, inviter, group, role=role)
    _fitting(words)


def _must_be_somebody(actor: Actor) -> None:
    if actor.kind != "person" or actor.state != "active":
        raise Invalid("%(name)s is no person who could be invited.", field="handle", name=actor.handle)


def _must_be_within_limits(work: Work, inviter: Actor | None, group: Group, many: int) -> None:
    """The group is locked first, so that two forms at once do not both fit."""
    groups.lock(work, group.actor_id)
    if inviter is None:
        return
    since = work.now - DAY
    if invitations.count_since(work, since, inviter_id=inviter.id) + many > BY_ONE:
        raise NotAllowed("You sent many invitations within a day: at most %(most)s. Try again tomorrow.", most=BY_ONE)
    if invitations.count_since(work, since, group_id=group.actor_id) + many > INTO_ONE:
        raise NotAllowed(
            "Many were invited into this group within a day: at most %(most)s. Try again tomorrow.", most=INTO_ONE
        )


def _fitting(words: str) -> str:
    words = markup.at_edge(words).strip()
    if len(words) > WORDS:
        raise Invalid("This has %(many)s characters; at most %(most)s have room.", field="words",
                      many=len(words), most=WORDS)  # fmt: skip
    return words


def _is_more(role: str, than: str) -> bool:
    rank = stored_members.RANK
    return rank[role] < rank[than]
