"""Signing in: a password, a mailed link or its six digits, a passkey; then a second factor; then a session."""

import re
import secrets
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from node.forum import accounts as forum_accounts
from node.forum import limits
from node.forum.errors import NotAllowed, NotFound
from node.forum.events import ResetAsked, SessionsEnded, SignInAsked
from node.forum.limits import Try
from storage import accounts, passkeys, people, sessions, tokens
from storage.schema import Account, Actor, Token
from storage.work import Work

LINK = timedelta(minutes=15)
RESET = timedelta(hours=1)
PENDING = timedelta(minutes=15)  # between the password and the second factor
WRONG_CODES = 5  # then the code is void, and another one has to be asked for


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody signs in."""

    browser: str  # a secret of the browser, from its cookie
    network: str
    agent: str = ""  # what the browser calls itself
    session_id: int | None = None  # who was signed in there before is signed out (WEB-03)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is compared with; of nobody where the name is of nobody, and then it takes as long (WEB-09)."""

    actor_id: int | None
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What comes next: `in` with the secret of a session; or `second`, a second factor; or `awake`, to end a break."""

    step: str
    secret: str = ""
    next: str = "/"


# ------------------------------------------------------------------ a password


def begin(work: Work, login: str, network: str) -> tuple[int, Credentials]:
    """Counts a try with a password; answers the seconds to wait if there were too many, and what to compare it with."""
    account = _by_login(work, login)
    found = Credentials(account.actor_id, account.password_hash) if account is not None else Credentials(None, None)
    return limits.take(work, *_tries(work, login, account, network)), found


def be_right(work: Work, login: str, network: str) -> None:
    """The password fitted: it was no guess."""
    account = _by_login(work, login)
    tries = _tries(work, login, account, network)
    limits.forget(work, *tries[0])
    limits.forgive(work, *tries[1:])


def _tries(work: Work, login: str, account: Account | None, network: str) -> list[Try]:
    # Handle and address of one person are one account, and so is a name however it is written (WEB-13).
    who = f"actor {account.actor_id}" if account is not None else folded(login)
    tries: list[Try] = [(limits.PASSWORD_HERE, f"{who} {network}"), (limits.PASSWORD_NETWORK, network)]
    if account is None or network not in accounts.networks(work, account.actor_id):
        tries.append((limits.PASSWORD_ACCOUNT, who))
    return tries


def folded(login: str) -> str:
    """A handle or an address as it is compared."""
    return unicodedata.normalize("NFKC", login).strip().casefold().rstrip(".").removeprefix("@")


def _by_login(work: Work, login: str) -> Account | None:
    name = folded(login)
    if not name or "\0" in name or len(name) > 320:
        return None
    account = accounts.by_email(work, name) if "@" in name else None
    if account is not None:
        return account
    handle, _, host = name.partition("@")
    if host and host != work.origin.split("://", 1)[1]:
        return None
    actor = people.by_name(work, handle)
    return accounts.of(work, actor.id) if actor is not None else None


# ------------------------------------------------------------------ arriving


def arrive(work: Work, actor_id: int, place: Place, *, next_path: str = "/", proved: tuple[str, ...] = ()) -> Arrival:
    """Somebody showed who they are; `proved` says with what beyond the first factor: second, awake.

    A second factor is asked for whatever came first, unless it was a passkey; a break is ended on purpose only.
    """
    actor = people.by_id(work, actor_id)
    account = forum_accounts.must_have_account(work, actor)
    if actor.state != "active":
        raise NotAllowed("This account is suspended. Whoever runs the node can say why.")
    if account.totp_sealed is not None and "second" not in proved:
        return _halt(work, "second", actor_id, place, next_path, proved)
    if account.deactivated_at is not None:
        if "awake" not in proved:
            return _halt(work, "awake", actor_id, place, next_path, proved)
        forum_accounts.reactivate(work, actor)
    if place.session_id is not None:
        _end_of_browser(work, place.session_id)
    secret = secrets.token_urlsafe(32)
    sessions.open_session(work, actor_id, tokens.hashed(secret), address=place.network, browser=place.agent)
    account.signed_in_at = work.now
    work.flush()
    return Arrival("in", secret, next_path)


def _halt(work: Work, step: str, actor_id: int, place: Place, next_path: str, proved: tuple[str, ...]) -> Arrival:
    more: dict[str, Any] = {"next": next_path, "proved": list(proved)}
    tokens.make(work, step, PENDING, actor_id=actor_id, bound_to=place.browser, more=more)
    return Arrival(step, next=next_path)


def _end_of_browser(work: Work, session_id: int) -> None:
    owner_id = accounts.owner_of_session(work, session_id)
    if owner_id is not None:
        end_session(work, owner_id, session_id)


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody at the door whose first factor was right."""

    actor_id: int
    name: str
    totp_sealed: bytes | None
    has_email: bool


def pending(work: Work, step: str, browser: str) -> Pending | None:
    """Who waits in that browser to take the step, if anybody does."""
    token = tokens.of_browser(work, step, browser)
    account = accounts.of(work, token.actor_id) if token is not None and token.actor_id is not None else None
    if account is None:
        return None
    name = people.by_id(work, account.actor_id).name
    return Pending(account.actor_id, name, account.totp_sealed, account.email is not None)


def wake(work: Work, place: Place) -> Arrival:
    """They said that their break is over."""
    token = tokens.of_browser(work, "awake", place.browser)
    if token is None or token.actor_id is None or not tokens.use(work, token):
        raise NotFound("Too much time has passed. Please sign in again.")
    return _go_on(work, token, place, "awake")


def _go_on(work: Work, token: Token, place: Place, proved: str) -> Arrival:
    more = token.more or {}
    if token.actor_id is None:
        raise NotFound("Too much time has passed. Please sign in again.")
    before = tuple(str(it) for it in more.get("proved", ()))
    return arrive(work, token.actor_id, place, next_path=str(more.get("next", "/")), proved=(*before, proved))


# ------------------------------------------------------------------ a second factor


@dataclass(frozen=True, slots=True)
class Wrong:
    """A code did not fit; so many tries are left, and none where the code is void now."""

    left: int
    wait: int = 0  # seconds, where a limit was reached


def give_second(work: Work, place: Place, step: int | None, code: str) -> Arrival | Wrong:
    """Takes a code of the app, whose step the caller found, or a recovery code; each once (WEB-22)."""
    token = tokens.of_browser(work, "second", place.browser)
    if token is None or token.actor_id is None:
        return Wrong(0)
    guess = (limits.SECOND_FACTOR, f"actor {token.actor_id}")
    if wait := limits.take(work, guess):
        return Wrong(0, wait)
    account = accounts.of(work, token.actor_id)
    if account is None:
        return Wrong(0)
    fits = step is not None and accounts.use_step(work, account.actor_id, step)
    if not fits and not passkeys.use_code(work, account.actor_id, tokens.hashed(spelled_code(code))):
        return _wrong(work, token)
    if not tokens.use(work, token):
        return Wrong(0)
    limits.forget(work, *guess)
    return _go_on(work, token, place, "second")


def spelled_code(code: str) -> str:
    """A recovery code as it is compared: without hyphens and spaces, in small letters."""
    return re.sub(r"[\s-]", "", code).lower()


def _wrong(work: Work, token: Token) -> Wrong:
    left = WRONG_CODES - tokens.fail(work, token)
    if left <= 0:
        tokens.use(work, token)
    return Wrong(max(0, left))


# ------------------------------------------------------------------ a mailed link, and its six digits


def ask_link(work: Work, login: str, browser: str, network: str, next_path: str = "/") -> int:
    """Mails a link and six digits to whoever that is; answers the seconds to wait if this was asked too often.

    Where it is nobody all looks and works the same, but for the mail (WEB-09).
    """
    if wait := limits.take(work, (limits.MAIL_NETWORK, network)):
        return wait
    account = _by_login(work, login)
    actor = people.by_id(work, account.actor_id) if account is not None else None
    # The digits are asked for on the next page, whoever it is: there is a token for nobody too.
    written_to = account is not None and actor is not None and actor.state == "active" and account.email is not None
    who = f"actor {account.actor_id}" if account is not None else folded(login)
    enough = limits.take(work, (limits.MAIL_ADDRESS, who)) > 0
    link = tokens.make(
        work,
        "sign_in",
        LINK,
        actor_id=account.actor_id if account is not None and written_to else None,
        bound_to=browser,
        more={"next": next_path},
    )
    if written_to and not enough and account is not None and actor is not None and account.email is not None:
        work.happened(SignInAsked(actor, account.email, link.secret, link.code))
    return 0


@dataclass(frozen=True, slots=True)
class Linked:
    """Whom a mailed link would let in."""

    name: str
    display_name: str


def link(work: Work, secret: str, purpose: str = "sign_in") -> Linked:
    """What a mailed link leads to; opening it changes nothing, for scanners of mail open links too."""
    actor = people.by_id(work, _actor_of(tokens.find(work, purpose, secret)))
    return Linked(actor.name, actor.display_name or actor.name)


def follow_link(work: Work, secret: str, place: Place) -> Arrival:
    """Uses the link up and lets them in."""
    token = tokens.find(work, "sign_in", secret)
    actor_id = _actor_of(token)
    if token is None or not tokens.use(work, token):
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    return arrive(work, actor_id, place, next_path=str((token.more or {}).get("next", "/")))


def _actor_of(token: Token | None) -> int:
    if token is None or token.actor_id is None:
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    return token.actor_id


def give_code(work: Work, code: str, place: Place) -> Arrival | Wrong:
    """Takes the six digits in the browser that asked for them; wrong ones count, and are answered, not raised."""
    token = tokens.of_browser(work, "sign_in", place.browser)
    if token is None:
        return Wrong(0)
    who = f"actor {token.actor_id}" if token.actor_id is not None else f"browser {place.browser}"
    if wait := limits.take(work, (limits.CODE, who)):
        return Wrong(0, wait)
    fits = tokens.code_fits(token, place.browser, re.sub(r"[\s-]", "", code))
    if token.actor_id is None or not fits:
        return _wrong(work, token)
    if not tokens.use(work, token):
        return Wrong(0)
    return arrive(work, token.actor_id, place, next_path=str((token.more or {}).get("next", "/")))


# ------------------------------------------------------------------ a forgotten password


def ask_reset(work: Work, login: str, network: str) -> int:
    """Mails a link to whoever that is; answers the seconds to wait if this was asked too often, and nothing else."""
    if wait := limits.take(work, (limits.MAIL_NETWORK, network)):
        return wait
    account = _by_login(work, login)
    who = f"actor {account.actor_id}" if account is not None else folded(login)
    enough = limits.take(work, (limits.MAIL_ADDRESS, who)) > 0
    if account is None or account.email is None or enough:
        return 0
    actor = people.by_id(work, account.actor_id)
    if actor.state == "active":
        made = tokens.make(work, "reset", RESET, actor_id=actor.id, email=account.email)
        work.happened(ResetAsked(actor, account.email, made.secret))
    return 0


def reset(work: Work, secret: str, password_hash: str) -> int:
    """A new password by a mailed link; answers whose. A second factor is still asked for when they sign in (WEB-22)."""
    token = tokens.find(work, "reset", secret)
    actor = people.by_id(work, _actor_of(token))
    account = forum_accounts.must_have_account(work, actor)
    if token is None or token.email != account.email or not tokens.use(work, token):
        raise NotFound("This link was used already, or it is too old. Ask for another one.")
    forum_accounts.choose_password(work, actor, password_hash)
    limits.forget(work, limits.PASSWORD_ACCOUNT, f"actor {actor.id}")
    return actor.id


# ------------------------------------------------------------------ sessions


def end_session(work: Work, actor_id: int, session_id: int) -> None:
    """One browser is signed out."""
    ended = sessions.end(work, actor_id, only=session_id)
    if ended:
        work.happened(SessionsEnded(actor_id, tuple(ended)))


def renew(work: Work, actor_id: int, place: Place) -> str:
    """The same browser under a new secret, after something that ended all sessions; answers the secret (WEB-03)."""
    arrival = arrive(work, actor_id, replace(place, session_id=None), proved=("second", "awake"))
    return arrival.secret


def begin_proof(work: Work, actor_id: int, network: str) -> tuple[int, Credentials]:
    """Counts a try to prove again who is signed in; answers the seconds to wait, and what to compare it with."""
    account = accounts.of(work, actor_id)
    wait = limits.take(work, (limits.PASSWORD_HERE, f"actor {actor_id} {network}"))
    return wait, Credentials(actor_id, account.password_hash if account is not None else None)


def prove(work: Work, actor: Actor, session_id: int, network: str) -> None:
    """Who is signed in showed it once more."""
    limits.forget(work, limits.PASSWORD_HERE, f"actor {actor.id} {network}")
    sessions.prove(work, session_id)


def prove_by_code(work: Work, actor_id: int, session_id: int, code: str, browser: str) -> Wrong | None:
    """Takes the six digits that were mailed to whoever is signed in; None when they fit."""
    token = tokens.of_browser(work, "sign_in", browser)
    if token is None or token.actor_id != actor_id:
        return Wrong(0)
    if wait := limits.take(work, (limits.CODE, f"actor {actor_id}")):
        return Wrong(0, wait)
    if not tokens.code_fits(token, browser, re.sub(r"[\s-]", "", code)):
        return _wrong(work, token)
    if not tokens.use(work, token):
        return Wrong(0)
    sessions.prove(work, session_id)
    return None


@dataclass(frozen=True, slots=True)
class Means:
    """By what someone can show who they are."""

    password: bool
    email: str | None
    app: bool
    passkeys: int


def means(work: Work, actor_id: int) -> Means:
    """What someone has to show who they are."""
    account = accounts.of(work, actor_id)
    keys = len(passkeys.of_actor(work, actor_id))
    if account is None:
        return Means(False, None, False, keys)
    return Means(account.password_hash is not None, account.email, account.totp_sealed is not None, keys)
