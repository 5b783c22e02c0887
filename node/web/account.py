"""The account: its address, how pages speak to its owner, and how it is left."""

from aiohttp import web

from node import languages
from node.forum import accounts
from node.forum.errors import Invalid
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, session, sign_up
from storage import accounts as stored
from storage import people
from storage.work import Work


async def show_account(request: web.Request) -> web.StreamResponse:
    """Address, language, time zone, keys; and the ways to what cannot be taken back."""
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    email = await node.storage.read(_email, reader.id)
    return entrance.form_page(
        request, "settings_account.html", _("Settings"), tab="account", email=email, languages=language_choices(),
        done=request.query.get("done", ""), zones=sign_up.zone_choices(), held=reader,
    )  # fmt: skip


def _email(work: Work, actor_id: int) -> str | None:
    account = stored.of(work, actor_id)
    return account.email if account is not None else None


def language_choices() -> list[tuple[str, str]]:
    """The languages that there are texts in; none is what the browser asks for."""
    known = ((language, languages.endonym(language)) for language in languages.available())
    return [("", _("As my browser asks for")), *known]


async def choose(request: web.Request) -> web.StreamResponse:
    """Language, time zone and keys."""
    form = await forms.read(request)
    reader = session.must_be_signed_in(request)
    language = form.text("language") if form.text("language") in languages.available() else None
    zone = form.text("zone") if form.text("zone") in languages.zones() else None
    await request.app[NODE].storage.write(_choose, reader.id, language, zone, form.flag("keys_off"))
    return forms.see("/settings/account?done=saved")


def _choose(work: Work, actor_id: int, language: str | None, zone: str | None, keys_off: bool) -> None:
    actor = people.by_id(work, actor_id)
    accounts.choose(work, actor, language=language, zone=zone, keys_off=keys_off)


# ------------------------------------------------------------------ the address


async def show_email(request: web.Request) -> web.StreamResponse:
    """The form for another address."""
    session.must_have_proved(request)
    return _email_page(request)


def _email_page(request: web.Request, email: str = "", problems: dict[str, str] | None = None) -> web.Response:
    mails = entrance.mails_go_out(request.app[NODE])
    return entrance.form_page(request, "settings_email.html", _("E-mail address"), problems, email=email, mails=mails)


async def ask_email(request: web.Request) -> web.StreamResponse:
    """Writes to a new address; what counts is the one that was confirmed (WEB-12)."""
    form = await forms.read(request)
    reader, node = session.must_have_proved(request), request.app[NODE]
    try:
        await entrance.evenly(node.storage.write(_ask_email, reader.id, form.text("email")))
    except Invalid as refusal:
        return _email_page(request, form.text("email"), entrance.problems_of(refusal))
    return forms.see("/settings/account?done=email")


def _ask_email(work: Work, actor_id: int, email: str) -> None:
    actor = people.by_id(work, actor_id)
    accounts.ask_email(work, actor, accounts.must_have_account(work, actor), email)


async def show_email_link(request: web.Request) -> web.StreamResponse:
    """Where the link in the mail to a new address leads: a button, so that nothing happens by looking."""
    email = await request.app[NODE].storage.read(accounts.address_of_link, request.match_info["secret"])
    return entrance.button_page(
        request,
        _("Confirm your new address"),
        _("You are about to confirm that %(email)s is yours.", email=email),
        _("Confirm"),
    )


async def follow_email_link(request: web.Request) -> web.StreamResponse:
    """The new address counts from here on."""
    await forms.read(request)
    await request.app[NODE].storage.write(accounts.confirm_email, request.match_info["secret"])
    signed_in = session.reader_of(request) is not None
    return forms.see("/settings/account?done=confirmed" if signed_in else "/sign-in?done=email")


# ------------------------------------------------------------------ the ways out


async def show_leave(request: web.Request) -> web.StreamResponse:
    """What a break does, what deleting does, and the forms for both."""
    session.must_have_proved(request)
    return _leave_page(request)


def _leave_page(request: web.Request, typed: str = "", problems: dict[str, str] | None = None) -> web.Response:
    return entrance.form_page(request, "settings_leave.html", _("Leave"), problems, typed=typed)


async def leave(request: web.Request) -> web.StreamResponse:
    """Hides the account until its owner signs in again; or erases it, for whoever typed its handle."""
    form = await forms.read(request)
    reader, node = session.must_have_proved(request), request.app[NODE]
    if form.text("act") != "delete":
        await node.storage.write(_deactivate, reader.id)
        response = forms.see("/sign-in?done=deactivated")
    elif form.text("typed").strip().lower().removeprefix("@") != reader.name:
        words = _("Type %(name)s, to be sure.", name=reader.name)
        return _leave_page(request, form.text("typed"), {"typed": words})
    else:
        await node.storage.write(_erase, reader.id)
        response = forms.see("/goodbye")
    session.forget(request, response)
    return response


async def show_goodbye(request: web.Request) -> web.StreamResponse:
    """What is said to whoever left."""
    return entrance.message_page(
        request, _("Goodbye"),
        _("Your account is deleted, and so is what you said. Other servers were told to delete their copies."),
    )  # fmt: skip


def _deactivate(work: Work, actor_id: int) -> None:
    accounts.deactivate(work, people.by_id(work, actor_id))


def _erase(work: Work, actor_id: int) -> None:
    accounts.erase(work, people.by_id(work, actor_id))
