"""Passwords that are chosen by a link: a forgotten one anew, and the first one of somebody who was let in."""

from aiohttp import web

from node.forum import accounts, signing_in
from node.forum.errors import Invalid
from node.forum.signing_in import Arrival, Place
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, session
from storage import people
from storage.work import Work


async def show_reset(request: web.Request) -> web.StreamResponse:
    """Where a link to a new password is asked for."""
    if request.query.get("sent"):
        return entrance.message_page(
            request, _("Look into your mail"),
            _("If there is an account with that name, a link to a new password is on its way to its e-mail address."),
            link="/sign-in", link_words=_("Back to signing in"),
        )  # fmt: skip
    return _reset_page(request)


def _reset_page(request: web.Request, problems: dict[str, str] | None = None) -> web.Response:
    mails = entrance.mails_go_out(request.app[NODE])
    return entrance.form_page(request, "reset.html", _("A new password"), problems, path="/reset", mails=mails)


async def ask_reset(request: web.Request) -> web.StreamResponse:
    """Mails the link; whoever it was for, the answer is the same (WEB-09)."""
    form = await forms.read(request)
    login = form.text("login")
    if not login.strip():
        return _reset_page(request, {"login": _("Give your handle or your e-mail address.")})
    asked = request.app[NODE].storage.write(signing_in.ask_reset, login, session.network_of(request))
    wait = await entrance.evenly(asked)
    if wait:
        return entrance.too_often(request, wait)
    return forms.see("/reset?sent=1")


async def show_new(request: web.Request) -> web.StreamResponse:
    """Where the link leads: a form for the new password."""
    found = await request.app[NODE].storage.read(signing_in.link, request.match_info["secret"], "reset")
    return _new_page(request, found.name)


def _new_page(request: web.Request, name: str, problems: dict[str, str] | None = None) -> web.Response:
    return entrance.form_page(request, "new_password.html", _("A new password"), problems, name=name)


async def choose_new(request: web.Request) -> web.StreamResponse:
    """Changes the password, and has them sign in with it: a second factor is asked for there (WEB-22)."""
    form = await forms.read(request)
    node, secret = request.app[NODE], request.match_info["secret"]
    found = await node.storage.read(signing_in.link, secret, "reset")
    try:
        password = entrance.read_new_password(form, found.name)
    except Invalid as refusal:
        return _new_page(request, found.name, entrance.problems_of(refusal))
    await node.storage.write(signing_in.reset, secret, await node.passwords.hash(password))
    response = forms.see("/sign-in?done=reset")
    session.forget(request, response)
    return response


# ------------------------------------------------------------------ the first link


async def show_welcome(request: web.Request) -> web.StreamResponse:
    """Where a first link leads: who you are, and a password."""
    known = await request.app[NODE].storage.read(accounts.welcome, request.match_info["secret"])
    given = {"name": known.name or "", "display_name": known.display_name, "email": known.email or ""}
    return _welcome_page(request, known, given)


def _welcome_page(
    request: web.Request, known: accounts.Welcome, given: dict[str, str], problems: dict[str, str] | None = None
) -> web.Response:
    node = request.app[NODE]
    title = _("Welcome to %(name)s", name=node.settings.name)
    return entrance.form_page(
        request, "welcome.html", title, problems, known=known, given=given, mails=entrance.mails_go_out(node)
    )


async def move_in(request: web.Request) -> web.StreamResponse:
    """Makes the first admin, or gives somebody their password; they are signed in."""
    form = await forms.read(request)
    node, secret = request.app[NODE], request.match_info["secret"]
    known = await node.storage.read(accounts.welcome, secret)
    given = {name: form.text(name) for name in ("name", "display_name", "email")}
    try:
        password = entrance.read_new_password(form, known.name or given["name"], known.email or given["email"])
        password_hash = await node.passwords.hash(password)
        place = entrance.place_of(request)
        arrival = await node.storage.write(_move_in, secret, password_hash, given, place)
    except Invalid as refusal:
        return _welcome_page(request, known, given, entrance.problems_of(refusal))
    return entrance.enter(request, arrival)


def _move_in(work: Work, secret: str, password_hash: str, given: dict[str, str], place: Place) -> Arrival:
    actor_id = accounts.move_in(work, secret, password_hash=password_hash, **given)
    return signing_in.arrive(work, actor_id, place, next_path="/")


# ------------------------------------------------------------------ changed by whoever is signed in


async def change(request: web.Request) -> web.StreamResponse:
    """Another password: every other browser is signed out, and this one gets a new session (WEB-03, WEB-05)."""
    form = await forms.read(request)
    reader, node = session.must_have_proved(request), request.app[NODE]
    password = entrance.read_new_password(form, reader.name)
    place = entrance.place_of(request)
    secret = await node.storage.write(_change, reader.id, await node.passwords.hash(password), place)
    response = forms.see("/settings/security?done=password")
    session.greet(request, response, secret)
    return response


def _change(work: Work, actor_id: int, password_hash: str, place: Place) -> str:
    accounts.choose_password(work, people.by_id(work, actor_id), password_hash)
    return signing_in.renew(work, actor_id, place)
