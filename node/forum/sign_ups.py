"""Sign-ups: somebody wants an account, proves their address, and is let in at once or by an admin's word."""

from dataclasses import dataclass, replace
from datetime import timedelta

from node.forum import accounts as forum_accounts
from node.forum import emails, joining, limits, people, rules, text
from node.forum import invitations as forum_invitations
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import SignUpApproved, SignUpAsked, SignUpKnown, SignUpRefused, SignUpWaits
from storage import accounts, groups, invitations, moderation, sign_ups, threads, tokens
from storage import people as stored_people
from storage.schema import Account, Actor, SignUp, Token
from storage.work import Work

MODES = ("open", "approval", "invitation", "closed")
LINK = timedelta(hours=1)
WORDS = 2000  # characters that somebody may say of themselves
WRONG_CODES = 5
# An open door that nobody looks after fills with robots (WEB-20).
UNATTENDED = timedelta(days=7)


def mode_now(work: Work, mode: str) -> str:
    """How people get in at present: an open node asks for approval once no admin was there for a week."""
    if mode != "open":
        return mode
    seen_at = accounts.admin_seen_at(work)
    return mode if seen_at is not None and seen_at > work.now - UNATTENDED else "approval"


@dataclass(frozen=True, slots=True)
class WayIn:
    """What an applicant came with: an invitation, or the link that lets people into a group."""

    email: str | None = None  # that was invited
    invitation_id: int | None = None
    join_group_id: int | None = None
    group_title: str = ""

    @property
    def is_invited(self) -> bool:
        return self.invitation_id is not None or self.join_group_id is not None


def way_in(work: Work, *, invitation: str = "", join: str = "") -> WayIn:
    """The invitation or the join link with that secret; none where it does not count any more."""
    if invitation:
        found = invitations.by_hash(work, tokens.hashed(invitation))
        if found is not None:
            return WayIn(found.email, found.id, None, stored_people.by_id(work, found.group_id).display_name)
    if join:
        opened = groups.by_join_token(work, join)
        if opened is not None:
            return WayIn(None, None, opened[1].id, opened[1].display_name)
    return WayIn()


def must_be_open(mode: str, way: WayIn) -> None:
    """Refuses whoever comes to a closed door, or without the invitation that it takes."""
    if mode == "closed":
        raise NotAllowed("This node takes no new members at present.")
    if mode == "invitation" and not way.is_invited:
        raise NotAllowed("This node takes new members by invitation only. Ask somebody who is here to invite you.")


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody filled in, read and found good but for what the database knows."""

    name: str
    display_name: str
    email: str
    words: str = ""
    language: str | None = None
    zone: str | None = None
    password_hash: str | None = None


def with_password(given: Application, password_hash: str | None) -> Application:
    """The application with the password as it is kept."""
    return replace(given, password_hash=password_hash)


def read(
    work: Work, mode: str, way: WayIn, given: Application, refused_hosts: frozenset[str] = frozenset()
) -> Application:
    """The application as it will be kept; refuses a handle that is taken or held, and an address that is none."""
    must_be_open(mode, way)
    name = people.free_name(work, given.name)
    email = emails.address(given.email)
    host = email.rpartition("@")[2]
    if any(host == refused or host.endswith(f".{refused}") for refused in refused_hosts):
        raise Invalid("Addresses at %(host)s are not taken here. Please use another one.", host=host, field="email")
    if sign_ups.holds(work, name, but_email=email):
        raise Invalid("Somebody else has asked for the handle %(name)s. Choose another.", name=name, field="name")
    words = given.words.strip()
    if mode == "approval" and not way.is_invited and not words:
        raise Invalid("Say a few words about why you want to join: people here read them.", field="words")
    if len(words) > WORDS:
        raise Invalid("That may have %(most)s characters.", most=WORDS, field="words")
    display_name = text.clean_name(given.display_name, 100) or name
    return replace(given, name=name, display_name=display_name, email=email, words=words)


def count_try(work: Work, network: str) -> int:
    """Counts a sign-up; answers the seconds to wait where there were too many (WEB-21)."""
    return limits.take(work, (limits.SIGN_UP_NETWORK, network), (limits.SIGN_UP_NODE, ""))


def ask(
    work: Work,
    mode: str,
    way: WayIn,
    given: Application,
    browser: str,
    refused_hosts: frozenset[str] = frozenset(),
) -> int | None:
    """Keeps the application and writes to its address; whoever was invited by that very address is in at once.

    Answers who they are in that case. Where the address has an account, all looks the same (WEB-09): its owner is
    told, and the handle is held for the day in which it could have been confirmed.
    """
    kept = read(work, mode, way, given, refused_hosts)
    sign_up = SignUp(
        name=kept.name,
        display_name=kept.display_name,
        email=kept.email,
        password_hash=kept.password_hash,
        words=kept.words,
        language=kept.language,
        zone=kept.zone,
        invitation_id=way.invitation_id,
        join_group_id=way.join_group_id,
        created_at=work.now,
    )
    work.add(sign_up)
    work.flush()
    known = accounts.by_email(work, kept.email)
    if way.email == kept.email and known is None:
        sign_up.verified_at = work.now
        return _let_in(work, sign_up)
    link = tokens.make(work, "sign_up", LINK, sign_up_id=sign_up.id, email=kept.email, bound_to=browser)
    if limits.take(work, (limits.MAIL_ADDRESS, kept.email)):
        return None
    if known is not None or sign_ups.waits(work, kept.email):
        owner = stored_people.by_id(work, known.actor_id) if known is not None else None
        work.happened(SignUpKnown(kept.email, owner))
    else:
        work.happened(SignUpAsked(sign_up, link.secret, link.code))
    return None


# ------------------------------------------------------------------ the address is proved


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What came of it: `in`, and who they are; `waiting` for an admin; `wrong`, and how many tries are left; `gone`."""

    state: str
    actor_id: int | None = None
    left: int = 0
    wait: int = 0


def email_of_link(work: Work, secret: str) -> str:
    """The address that a link would prove; opening it changes nothing, for scanners of mail open links too."""
    token = tokens.find(work, "sign_up", secret)
    if token is None or token.email is None:
        raise NotFound("This link was used already, or it is too old. Please sign up again.")
    return token.email


def confirm(work: Work, mode: str, secret: str) -> Confirmed:
    """The link of the mail was followed."""
    token = tokens.find(work, "sign_up", secret)
    if token is None:
        raise NotFound("This link was used already, or it is too old. Please sign up again.")
    return _confirm(work, mode, token)


def confirm_code(work: Work, mode: str, browser: str, code: str) -> Confirmed:
    """The six digits of the mail were typed where they were asked for; wrong ones count."""
    token = tokens.of_browser(work, "sign_up", browser)
    if token is None:
        return Confirmed("gone")
    if wait := limits.take(work, (limits.CODE, f"sign-up {token.email}")):
        return Confirmed("wrong", wait=wait)
    fits = tokens.code_fits(token, browser, "".join(code.split()).replace("-", ""))
    if not fits or token.email is None or accounts.by_email(work, token.email) is not None:
        left = WRONG_CODES - tokens.fail(work, token)
        if left <= 0:
            tokens.use(work, token)
        return Confirmed("wrong" if left > 0 else "gone", left=max(0, left))
    return _confirm(work, mode, token)


def _confirm(work: Work, mode: str, token: Token) -> Confirmed:
    sign_up = sign_ups.by_id(work, token.sign_up_id) if token.sign_up_id is not None else None
    if sign_up is None or sign_up.decided_at is not None or not tokens.use(work, token):
        raise NotFound("This link was used already, or it is too old. Please sign up again.")
    if accounts.by_email(work, sign_up.email) is not None:
        raise NotAllowed("There is an account with that address by now: sign in with it.")
    sign_up.verified_at = work.now
    work.flush()
    sign_ups.drop_others(work, sign_up)
    way = WayIn(invitation_id=sign_up.invitation_id, join_group_id=sign_up.join_group_id)
    must_be_open(mode, way)
    if mode == "approval" and not way.is_invited:
        work.happened(SignUpWaits(sign_up))
        return Confirmed("waiting")
    return Confirmed("in", _let_in(work, sign_up))


def _let_in(work: Work, sign_up: SignUp) -> int:
    """Makes the person and their account."""
    actor = people.create_person(work, sign_up.name, display_name=sign_up.display_name, language=sign_up.language)
    work.add(
        Account(
            actor_id=actor.id,
            email=sign_up.email,
            password_hash=sign_up.password_hash,
            zone=sign_up.zone,
            created_at=work.now,
        )
    )
    sign_up.decided_at, sign_up.actor_id, sign_up.password_hash = work.now, actor.id, None
    work.flush()
    _bring_in(work, actor, sign_up)
    return actor.id


def _bring_in(work: Work, actor: Actor, sign_up: SignUp) -> None:
    """They are in the group that they were asked into, if it still is open to them; else they are here all the same."""
    if sign_up.invitation_id is not None:
        invitation = invitations.by_id(work, sign_up.invitation_id)
        if invitation is not None and invitations.card(work, invitation.id) is not None:
            forum_invitations.accept(work, actor, invitation)
    elif sign_up.join_group_id is not None:
        group = groups.by_id(work, sign_up.join_group_id)
        if group is not None and group.join_token is not None and groups.by_join_token(work, group.join_token):
            joining.join_by_link(work, actor, group.join_token)


@dataclass(frozen=True, slots=True)
class Destination:
    """The group that somebody was asked into, or the one thread of it."""

    group: str  # handle
    thread_uid: str | None = None
    thread_slug: str | None = None


def destination(work: Work, actor_id: int) -> Destination | None:
    """Where somebody who signed up wanted to go."""
    sign_up = sign_ups.of_actor(work, actor_id)
    if sign_up is None or (sign_up.invitation_id is None and sign_up.join_group_id is None):
        return None
    invitation = invitations.by_id(work, sign_up.invitation_id) if sign_up.invitation_id is not None else None
    group_id = invitation.group_id if invitation is not None else sign_up.join_group_id
    if group_id is None:
        return None
    name = stored_people.by_id(work, group_id).name
    if invitation is None or invitation.thread_id is None:
        return Destination(name)
    thread = threads.by_id(work, invitation.thread_id)
    return Destination(name, thread.uid, thread.slug)


# ------------------------------------------------------------------ an admin's word


def approve(work: Work, admin: Actor | None, sign_up_id: int) -> int:
    """An admin lets them in, and they are told; answers who they are now."""
    sign_up = _undecided(work, admin, sign_up_id)
    if accounts.by_email(work, sign_up.email) is not None:
        raise NotAllowed("Another account has that e-mail address by now.")
    actor_id = _let_in(work, sign_up)
    sign_up.decided_id = admin.id if admin is not None else None
    actor = stored_people.by_id(work, actor_id)
    moderation.keep_act(work, admin, "approve sign-up", actor.uri, "", None)
    work.happened(SignUpApproved(sign_up, actor))
    return actor_id


def refuse(work: Work, admin: Actor | None, sign_up_id: int, reason: str) -> None:
    """An admin says no, and why; they are told, and their handle is free again."""
    sign_up = _undecided(work, admin, sign_up_id)
    rules.must_say_why(admin, reason)
    sign_up.decided_at, sign_up.decided_id = work.now, admin.id if admin is not None else None
    sign_up.reason, sign_up.password_hash = reason.strip()[:WORDS], None
    work.flush()
    about = f"{sign_up.display_name} ({sign_up.name})"
    moderation.keep_act(work, admin, "refuse sign-up", about, reason.strip(), None)
    work.happened(SignUpRefused(sign_up))


def _undecided(work: Work, admin: Actor | None, sign_up_id: int) -> SignUp:
    forum_accounts.must_be_admin(work, admin)
    sign_up = sign_ups.by_id(work, sign_up_id)
    if sign_up is None or sign_up.verified_at is None:
        raise NotFound("There is no such sign-up.")
    if sign_up.decided_at is not None:
        raise NotAllowed("This was decided already.")
    return sign_up
