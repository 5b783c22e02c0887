"""Accounts: made, changed, given rights, left; signing in with one is another matter."""

from dataclasses import dataclass
from datetime import timedelta

from node.forum import emails, people, rules
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import (
    AccountErased,
    AccountMade,
    ActorChanged,
    EmailAsked,
    EmailChanged,
    PasswordChanged,
    SessionsEnded,
    SignUpKnown,
)
from storage import accounts, moderation, sessions, sign_ups, tallies, tokens
from storage import people as stored_people
from storage.schema import Account, Actor
from storage.work import Work

SHORTEST_PASSWORD = 10  # characters
LONGEST_PASSWORD = 1024  # bytes: what is longer only keeps us hashing
FIRST_LINK = timedelta(days=7)  # whoever sets a node up may be called away; others wait for their mail
EMAIL_LINK = timedelta(hours=1)
# What lets somebody in, or changes how: all of it is void once password or address change (WEB-10).
WAYS_IN = ("first", "sign_in", "reset", "new_email", "second", "awake", "passkey")


def must_be_strong(password: str, *known: str) -> None:
    """Refuses passwords that are guessed first: short, of one letter, or what anybody knows of their owner."""
    if "\0" in password or len(password.encode("utf-8", "replace")) > LONGEST_PASSWORD:
        raise Invalid("A password has at most 1024 bytes, and letters only that can be typed.", field="password")
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(
            "A password has at least %(least)s characters; three or four words in a row are easy to keep in mind.",
            least=SHORTEST_PASSWORD,
            field="password",
        )
    folded = password.strip().casefold()
    if len(set(folded)) < 4 or folded in {word.casefold() for word in known if word} or folded in GUESSED_FIRST:
        raise Invalid("That password is among the first that somebody would guess.", field="password")


# Of ten characters and more, the ones that lists of stolen passwords begin with.
GUESSED_FIRST = frozenset(
    (  # noqa: SIM905  a list of words reads better than a column of them
        "1234567890 12345678910 0123456789 0987654321 9876543210 1q2w3e4r5t q1w2e3r4t5 qwertyuiop 1qaz2wsx3edc "
        "password123 password1234 passwort123 passwordpassword iloveyou12 iloveyou123 qwerty12345 qwerty123456 "
        "qwertyuiop123 abcdefghij abcd123456 abc1234567 letmeinplease welcome123 administrator changemenow "
        "correcthorsebatterystaple motdepasse contrasena football123 superman123 sunshine123 princess123"
    ).split()
)


# ------------------------------------------------------------------ made


def make(work: Work, actor: Actor, *, email: str | None = None, admin: bool = False, zone: str | None = None) -> str:
    """An account for somebody who is here; answers the secret of the link with which they choose a password."""
    if accounts.of(work, actor.id) is not None:
        raise Invalid("%(name)s can sign in already.", name=actor.name, field="name")
    if email is not None:
        email = emails.address(email)
        if accounts.by_email(work, email) is not None:
            raise Invalid("Another account has that e-mail address.", field="email")
    work.add(Account(actor_id=actor.id, email=email, admin=admin, zone=zone, created_at=work.now))
    work.flush()
    link = tokens.make(work, "first", FIRST_LINK, actor_id=actor.id, email=email)
    if email is not None:
        work.happened(AccountMade(actor, email, link.secret))
    return link.secret


def link_for_first_admin(work: Work) -> str | None:
    """The secret of the link that makes whoever opens it the admin; None where there is one. Earlier links are void."""
    if accounts.admins(work):
        return None
    tokens.drop_of_nobody(work, "first")
    return tokens.make(work, "first", FIRST_LINK).secret


@dataclass(frozen=True, slots=True)
class Welcome:
    """Whom a first link is for: someone whose handle is known, or the admin of a new node."""

    name: str | None
    display_name: str
    email: str | None


def welcome(work: Work, secret: str) -> Welcome:
    """What the first link leads to; refuses one that was used, is too old or never was."""
    token = tokens.find(work, "first", secret)
    if token is None or (token.actor_id is None and accounts.admins(work)):
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    if token.actor_id is None:
        return Welcome(None, "", None)
    actor = stored_people.by_id(work, token.actor_id)
    return Welcome(actor.name, actor.display_name, token.email)


def move_in(
    work: Work, secret: str, *, password_hash: str, name: str = "", display_name: str = "", email: str = ""
) -> int:
    """Someone follows their first link and chooses a password; answers who they are, for them to be signed in."""
    known = welcome(work, secret)
    token = tokens.find(work, "first", secret)
    if token is None or not tokens.use(work, token):
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    if token.actor_id is not None:
        actor = stored_people.by_id(work, token.actor_id)
        if display_name.strip() and display_name != known.display_name:
            people.edit_actor(work, actor, display_name=display_name)
    else:
        actor = people.create_person(work, name, display_name=display_name)
        work.add(Account(actor_id=actor.id, admin=True, created_at=work.now))
        work.flush()
    account = must_have_account(work, actor)
    account.password_hash = password_hash
    work.flush()
    tokens.drop(work, *WAYS_IN, actor_id=actor.id)
    if email.strip() and token.actor_id is None:
        ask_email(work, actor, account, email)
    return actor.id


def must_have_account(work: Work, actor: Actor) -> Account:
    """The account of someone who signed in."""
    account = accounts.of(work, actor.id)
    if account is None:
        raise NotAllowed("%(name)s has no account that could be signed in to.", name=actor.name)
    return account


# ------------------------------------------------------------------ changed


def choose_password(work: Work, actor: Actor, password_hash: str) -> None:
    """A new password: every browser is signed out, and every link that was sent is void (WEB-03, WEB-05, WEB-10)."""
    account = must_have_account(work, actor)
    account.password_hash = password_hash
    work.flush()
    tokens.drop(work, *WAYS_IN, actor_id=actor.id)
    sign_out_everywhere(work, actor.id)
    work.happened(PasswordChanged(actor, account.email))


def strengthen(work: Work, actor_id: int, old_hash: str, password_hash: str) -> None:
    """The same password, hashed as is due today."""
    account = accounts.of(work, actor_id)
    if account is not None and account.password_hash == old_hash:
        account.password_hash = password_hash


def ask_email(work: Work, actor: Actor, account: Account, email: str) -> None:
    """Writes to the new address; nothing changes before it is proved (WEB-12)."""
    email = emails.address(email)
    if email == account.email:
        raise Invalid("That is your address already.", field="email")
    tokens.drop(work, "new_email", actor_id=actor.id)
    other = accounts.by_email(work, email)
    if other is not None:  # its owner is told, and nobody else
        work.happened(SignUpKnown(email, stored_people.by_id(work, other.actor_id)))
        return
    link = tokens.make(work, "new_email", EMAIL_LINK, actor_id=actor.id, email=email)
    work.happened(EmailAsked(actor, email, link.secret))


def address_of_link(work: Work, secret: str) -> str:
    """The address that a link would make someone's; refuses one that was used or is too old."""
    token = tokens.find(work, "new_email", secret)
    if token is None or token.email is None:
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    return token.email


def confirm_email(work: Work, secret: str) -> str:
    """The new address is proved; the old one is told."""
    email = address_of_link(work, secret)
    token = tokens.find(work, "new_email", secret)
    if token is None or token.actor_id is None or not tokens.use(work, token):
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    actor = stored_people.by_id(work, token.actor_id)
    account = must_have_account(work, actor)
    if accounts.by_email(work, email) is not None:
        raise NotAllowed("Another account has that e-mail address by now.")
    old, account.email = account.email, email
    work.flush()
    tokens.drop(work, *WAYS_IN, actor_id=actor.id)
    work.happened(EmailChanged(actor, old, email))
    return email


def choose(work: Work, actor: Actor, *, language: str | None, zone: str | None, keys_off: bool) -> None:
    """How the pages speak to someone."""
    account = must_have_account(work, actor)
    account.zone, account.keys_off = zone, keys_off
    if actor.language != language:
        actor.language = language
        actor.version += 1
        actor.updated_at = work.now
        work.happened(ActorChanged(actor))
    work.flush()


def sign_out_everywhere(work: Work, actor_id: int, *, but: int | None = None) -> int:
    """Every browser of someone is signed out, or all but one; answers how many."""
    ended = sessions.end(work, actor_id, but=but)
    if ended:
        work.happened(SessionsEnded(actor_id, tuple(ended)))
    return len(ended)


# ------------------------------------------------------------------ rights


def must_be_admin(work: Work, actor: Actor | None) -> None:
    """Admins of the node; no actor is the admin at the console."""
    if actor is None:
        return
    account = accounts.of(work, actor.id)
    if actor.state != "active" or account is None or not account.admin or account.deactivated_at is not None:
        raise NotFound("There is nothing at this address, or it is not public.")


def must_leave_an_admin(work: Work, actor: Actor) -> None:
    """Refuses what would leave the node without anybody who may look after it."""
    rest = [admin.id for _, admin in accounts.admins(work)]
    if rest == [actor.id]:
        raise NotAllowed("This is the only admin of the node. Make somebody else an admin first.")


def set_admin(work: Work, by: Actor | None, actor: Actor, reason: str = "", *, admin: bool = True) -> None:
    """Gives someone the rights of an admin of the node, or takes them; they sign in anew (WEB-03)."""
    must_be_admin(work, by)
    if actor.kind != "person" or not actor.local or actor.state != "active":
        raise NotAllowed("Only people of this node can be its admins.")
    account = accounts.of(work, actor.id)
    if account is None:
        make(work, actor)
        account = must_have_account(work, actor)
    if account.admin == admin:
        return
    if not admin:
        must_leave_an_admin(work, actor)
    account.admin = admin
    work.flush()
    sign_out_everywhere(work, actor.id)
    moderation.keep_act(work, by, "make admin" if admin else "unmake admin", actor.uri, reason.strip(), None)


def suspend(work: Work, by: Actor | None, actor: Actor, reason: str, *, suspended: bool = True) -> None:
    """An admin hides someone and signs them out everywhere, or lets them back."""
    must_be_admin(work, by)
    rules.must_say_why(by, reason)
    if by is not None and by.id == actor.id:
        raise NotAllowed("Nobody suspends themselves.")
    if suspended:
        must_leave_an_admin(work, actor)
    people.suspend(work, actor, reason.strip(), suspended=suspended, by=by)


def reset(work: Work, by: Actor | None, actor: Actor, reason: str = "") -> str:
    """Signs someone out everywhere and gives them a new first link; answers its secret, for whoever has no address."""
    must_be_admin(work, by)
    if actor.state != "active":
        raise NotAllowed("This account is suspended or was deleted.")
    account = accounts.of(work, actor.id)
    if account is None:
        secret = make(work, actor)
    else:
        account.password_hash = None
        work.flush()
        tokens.drop(work, *WAYS_IN, actor_id=actor.id)
        sign_out_everywhere(work, actor.id)
        secret = tokens.make(work, "first", FIRST_LINK, actor_id=actor.id, email=account.email).secret
        if account.email is not None:
            work.happened(AccountMade(actor, account.email, secret))
    moderation.keep_act(work, by, "reset password", actor.uri, reason.strip(), None)
    return secret


# ------------------------------------------------------------------ left


def deactivate(work: Work, actor: Actor) -> None:
    """Someone takes a break: their profile is hidden, what they said stays; signing in again ends it."""
    must_leave_an_admin(work, actor)
    account = must_have_account(work, actor)
    account.deactivated_at = work.now
    actor.version += 1
    work.flush()
    sign_out_everywhere(work, actor.id)


def reactivate(work: Work, actor: Actor) -> None:
    """They are back."""
    account = must_have_account(work, actor)
    account.deactivated_at = None
    actor.version += 1
    work.flush()


def is_deactivated(work: Work, actor_id: int) -> bool:
    """Someone takes a break."""
    account = accounts.of(work, actor_id)
    return account is not None and account.deactivated_at is not None


def erase(work: Work, actor: Actor) -> None:
    """Someone leaves for good: what they said is erased, here and wherever it went."""
    must_leave_an_admin(work, actor)
    account = accounts.of(work, actor.id)
    farewell = None
    if account is not None and account.email is not None:
        farewell = AccountErased(actor.name, actor.display_name, account.email, actor.language, account.zone)
    people.erase_actor(work, actor)
    if farewell is not None:
        work.happened(farewell)


def tidy(work: Work) -> None:
    """Forgets what time made worthless: sessions, links, sign-ups that nobody confirmed, tallies (WEB-27)."""
    sessions.prune(work)
    tokens.prune(work)
    sign_ups.prune(work)
    tallies.prune(work)
