"""What is written to people about their own accounts: links, codes, and word of what was changed."""

from typing import Any

from node.forum import accounts as rules
from node.forum import events, sign_ups, signing_in
from node.mail import writing
from storage import accounts
from storage.schema import Actor
from storage.work import Work


def send_first_link(work: Work, it: events.AccountMade) -> None:
    """The link with which someone chooses a password."""
    _write(
        work, "first", it.actor, it.email, link=f"/welcome/{it.secret}", name=it.actor.name,
        till=work.now + rules.FIRST_LINK,
    )  # fmt: skip


def send_sign_in(work: Work, it: events.SignInAsked) -> None:
    """A link and six digits."""
    link = f"/sign-in/link/{it.secret}"
    _write(work, "sign_in", it.actor, it.email, link=link, code=it.code, till=work.now + signing_in.LINK)


def send_reset(work: Work, it: events.ResetAsked) -> None:
    """The way to another password."""
    _write(work, "reset", it.actor, it.email, link=f"/reset/{it.secret}", till=work.now + signing_in.RESET)


def send_sign_up(work: Work, it: events.SignUpAsked) -> None:
    """The way to prove an address."""
    writing.write(
        work, "sign_up", to_address=it.sign_up.email, language=it.sign_up.language, zone=it.sign_up.zone,
        link=f"/sign-up/confirm/{it.secret}", code=it.code, till=work.now + sign_ups.LINK,
    )  # fmt: skip


def tell_known(work: Work, it: events.SignUpKnown) -> None:
    """Whoever has an account, or waits for one, hears that somebody wanted one with their address."""
    if it.actor is not None:
        _write(work, "sign_up_known", it.actor, it.email)
    else:
        writing.write(work, "sign_up_known", to_address=it.email, waits=True)


def tell_admins(work: Work, it: events.SignUpWaits) -> None:
    """Every admin hears that somebody waits."""
    for account, admin in accounts.admins(work):
        if account.email is not None:
            _write(
                work, "sign_up_waiting", admin, account.email, name=it.sign_up.name,
                display_name=it.sign_up.display_name, words=it.sign_up.words,
            )  # fmt: skip


def welcome(work: Work, it: events.SignUpApproved) -> None:
    """An admin said yes."""
    _write(work, "sign_up_approved", it.actor, it.sign_up.email)


def refuse(work: Work, it: events.SignUpRefused) -> None:
    """An admin said no, and why."""
    writing.write(
        work, "sign_up_refused", to_address=it.sign_up.email, to_name=it.sign_up.display_name,
        language=it.sign_up.language, zone=it.sign_up.zone, reason=it.sign_up.reason or "",
    )  # fmt: skip


def send_new_email(work: Work, it: events.EmailAsked) -> None:
    """The way to prove another address."""
    link = f"/settings/account/email/{it.secret}"
    _write(work, "new_email", it.actor, it.email, link=link, till=work.now + rules.EMAIL_LINK)


def tell_old_email(work: Work, it: events.EmailChanged) -> None:
    """The address that was theirs until now hears of it."""
    if it.old is not None:
        _write(work, "email_changed", it.actor, it.old, at=work.now)


def tell_password(work: Work, it: events.PasswordChanged) -> None:
    """Their password is another one."""
    if it.email is not None:
        _write(work, "password_changed", it.actor, it.email, at=work.now)


def tell_second_factor(work: Work, it: events.SecondFactorChanged) -> None:
    """How they sign in is another way."""
    change = {
        ("app", True): "on",
        ("app", False): "off",
        ("codes", True): "codes",
        ("passkey", True): "passkey_added",
        ("passkey", False): "passkey_removed",
    }[it.what, it.added]
    if it.email is not None:
        _write(work, "second_factor_changed", it.actor, it.email, change=change, at=work.now)


def say_farewell(work: Work, it: events.AccountErased) -> None:
    """The last that is written to someone who left."""
    writing.write(
        work, "deleted", to_address=it.email, to_name=it.display_name, language=it.language, zone=it.zone, name=it.name
    )


def _write(work: Work, kind: str, actor: Actor, email: str, **values: Any) -> None:
    account = accounts.of(work, actor.id)
    writing.write(
        work, kind, to_address=email, to_name=actor.display_name, actor_id=actor.id, language=actor.language,
        zone=account.zone if account is not None else None, **values,
    )  # fmt: skip
