"""Signing in and out: by password, by a mailed link or its six digits, with a second factor where there is one."""

from aiohttp import web

from node.forum import accounts, signing_in
from node.forum.signing_in import Arrival, Wrong
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, session
from storage import people
from storage.work import Work

# ------------------------------------------------------------------ a password


async def show_sign_in(request: web.Request) -> web.StreamResponse:
    """The form to sign in with; whoever is signed in is led on."""
    next_path = forms.path_within(request.query.get("next", "/"))
    if session.reader_of(request) is not None:
        return forms.see(next_path)
    return _sign_in_page(request, next_path=next_path, done=request.query.get("done", ""))


def _sign_in_page(
    request: web.Request, *, next_path: str, login: str = "", done: str = "", problems: dict[str, str] | None = None
) -> web.Response:
    node = request.app[NODE]
    return entrance.form_page(
        request, "sign_in.html", _("Sign in"), problems, path="/sign-in", next=next_path, login=login, done=done,
        mails=entrance.mails_go_out(node), may_sign_up=node.settings.sign_up != "closed",
    )  # fmt: skip


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Takes a name and a password."""
    form = await forms.read(request)
    node, network = request.app[NODE], session.network_of(request)
    login, password = form.text("login"), form.text("password")
    next_path = forms.path_within(form.text("next"))
    if not login.strip() or not password:
        problems = {"login": _("Give your handle or your e-mail address.")} if not login.strip() else {}
        problems |= {} if password else {"password": _("Give your password.")}
        return _sign_in_page(request, next_path=next_path, login=login, problems=problems)
    wait, found = await node.storage.write(signing_in.begin, login, network)
    if wait:
        return entrance.too_often(request, wait)
    # What is longer than any password is only there to keep us hashing.
    sound = len(password.encode()) <= accounts.LONGEST_PASSWORD
    fits = await node.passwords.fits(found.password_hash, password if sound else "")
    if not fits or not sound or found.actor_id is None or found.password_hash is None:
        problems = {"password": _("Name and password do not belong together. Have a link mailed to you, if you like.")}
        return _sign_in_page(request, next_path=next_path, login=login, problems=problems)
    if node.passwords.is_old(found.password_hash):
        newer = await node.passwords.hash(password)
        await node.storage.write(accounts.strengthen, found.actor_id, found.password_hash, newer)
    await node.storage.write(signing_in.be_right, login, network)
    place = entrance.place_of(request)
    return entrance.enter(
        request, await node.storage.write(signing_in.arrive, found.actor_id, place, next_path=next_path)
    )


# ------------------------------------------------------------------ a mailed link, and its six digits


async def show_code(request: web.Request) -> web.StreamResponse:
    """Where the six digits of the mail are given."""
    return _code_page(request)


def _code_page(request: web.Request, problems: dict[str, str] | None = None) -> web.Response:
    lead = _(
        "If there is an account with that name, a link to sign in is on its way to its e-mail address. "
        "Follow it, or type the six digits of the mail here."
    )
    return entrance.code_page(
        request, _("Look into your mail"), lead, problems, action="/sign-in/code", again="/sign-in"
    )


async def take_code(request: web.Request) -> web.StreamResponse:
    """Sends a link and six digits, or takes the digits."""
    form = await forms.read(request)
    node = request.app[NODE]
    if "code" in form:
        return _arrived(
            request, await node.storage.write(signing_in.give_code, form.text("code"), entrance.place_of(request))
        )
    login, next_path = form.text("login"), forms.path_within(form.text("next"))
    if not login.strip():
        problems = {"login": _("Give your handle or your e-mail address.")}
        return _sign_in_page(request, next_path=next_path, problems=problems)
    browser, network = forms.browser_of(request), session.network_of(request)
    wait = await entrance.evenly(node.storage.write(signing_in.ask_link, login, browser, network, next_path))
    return entrance.too_often(request, wait) if wait else forms.see("/sign-in/code")


def _arrived(request: web.Request, outcome: Arrival | Wrong) -> web.Response:
    if isinstance(outcome, Arrival):
        return entrance.enter(request, outcome)
    if outcome.wait:
        return entrance.too_often(request, outcome.wait)
    return _code_page(request, {"code": entrance.wrong_code(outcome.left)})


async def show_link(request: web.Request) -> web.StreamResponse:
    """Where a mailed link leads: a button, so that nothing happens by looking."""
    found = await request.app[NODE].storage.read(signing_in.link, request.match_info["secret"])
    name = f"{found.display_name} (@{found.name})"
    return entrance.button_page(
        request, _("Sign in"), _("You are about to sign in as %(name)s.", name=name), _("Sign in")
    )


async def follow_link(request: web.Request) -> web.StreamResponse:
    """Uses the mailed link up."""
    await forms.read(request)
    secret = request.match_info["secret"]
    return entrance.enter(
        request, await request.app[NODE].storage.write(signing_in.follow_link, secret, entrance.place_of(request))
    )


# ------------------------------------------------------------------ a second factor, and the end of a break


async def show_second(request: web.Request) -> web.StreamResponse:
    """Where the code of the authenticator app is given."""
    if await request.app[NODE].storage.read(signing_in.pending, "second", forms.browser_of(request)) is None:
        return forms.see("/sign-in")
    return _second_page(request)


def _second_page(request: web.Request, problems: dict[str, str] | None = None) -> web.Response:
    lead = _("Give the six digits that your authenticator app shows now, or one of your recovery codes.")
    return entrance.code_page(
        request, _("Your second factor"), lead, problems, action="/sign-in/second", again="/sign-in"
    )


async def take_second(request: web.Request) -> web.StreamResponse:
    """Takes the code of the app, or a recovery code."""
    form = await forms.read(request)
    node, place = request.app[NODE], entrance.place_of(request)
    pending = await node.storage.read(signing_in.pending, "second", place.browser)
    if pending is None:
        return forms.see("/sign-in")
    code = form.text("code")[:100]
    step = entrance.app_step(node, pending.totp_sealed, code)
    outcome = await node.storage.write(signing_in.give_second, place, step, code)
    if isinstance(outcome, Arrival):
        return entrance.enter(request, outcome)
    if outcome.wait:
        return entrance.too_often(request, outcome.wait)
    if not outcome.left:
        return entrance.message_page(
            request, _("That was not the code"), _("There were too many wrong codes. Please sign in anew."),
            link="/sign-in", link_words=_("Back to signing in"), status=422,
        )  # fmt: skip
    return _second_page(request, {"code": entrance.wrong_code(outcome.left)})


async def show_awake(request: web.Request) -> web.StreamResponse:
    """Where somebody says that their break is over."""
    pending = await request.app[NODE].storage.read(signing_in.pending, "awake", forms.browser_of(request))
    if pending is None:
        return forms.see("/sign-in")
    return entrance.button_page(
        request,
        _("Welcome back"),
        _("You deactivated @%(name)s. Going on brings your profile back as it was.", name=pending.name),
        _("Go on with this account"),
    )


async def wake(request: web.Request) -> web.StreamResponse:
    """Ends a break."""
    await forms.read(request)
    return entrance.enter(request, await request.app[NODE].storage.write(signing_in.wake, entrance.place_of(request)))


# ------------------------------------------------------------------ once more, before what cannot be taken back


async def show_proof(request: web.Request) -> web.StreamResponse:
    """Where whoever is signed in shows once more who they are."""
    reader = session.must_be_signed_in(request)
    return await _proof_page(request, reader.id, forms.path_within(request.query.get("next", "/settings")))


async def _proof_page(
    request: web.Request, actor_id: int, next_path: str, problems: dict[str, str] | None = None, *, asked: bool = False
) -> web.Response:
    node = request.app[NODE]
    held = await node.storage.read(signing_in.means, actor_id)
    return entrance.form_page(
        request, "prove.html", _("Is it you?"), problems, next=next_path, held=held, asked=asked,
        mails=entrance.mails_go_out(node),
    )  # fmt: skip


async def prove(request: web.Request) -> web.StreamResponse:
    """Takes the password, or the digits of a mail, of whoever is signed in; or sends the mail."""
    form = await forms.read(request)
    reader, node, network = session.must_be_signed_in(request), request.app[NODE], session.network_of(request)
    next_path = forms.path_within(form.text("next"), "/settings")
    if "mail" in form:
        browser = forms.browser_of(request)
        wait = await node.storage.write(signing_in.ask_link, reader.name, browser, network, next_path)
        if wait:
            return entrance.too_often(request, wait, next_path, _("Back"))
        return await _proof_page(request, reader.id, next_path, asked=True)
    if "code" in form:
        given = await node.storage.write(
            signing_in.prove_by_code, reader.id, reader.session_id, form.text("code"), forms.browser_of(request)
        )
        if given is None:
            return forms.see(next_path)
        if given.wait:
            return entrance.too_often(request, given.wait, next_path, _("Back"))
        return await _proof_page(
            request, reader.id, next_path, {"code": entrance.wrong_code(given.left)}, asked=given.left > 0
        )
    wait, held = await node.storage.write(signing_in.begin_proof, reader.id, network)
    if wait:
        return entrance.too_often(request, wait, next_path, _("Back"))
    password = form.text("password")[: accounts.LONGEST_PASSWORD]
    if not await node.passwords.fits(held.password_hash, password):
        return await _proof_page(request, reader.id, next_path, {"password": _("That is not your password.")})
    await node.storage.write(_prove, reader.id, reader.session_id, network)
    return forms.see(next_path)


def _prove(work: Work, actor_id: int, session_id: int, network: str) -> None:
    signing_in.prove(work, people.by_id(work, actor_id), session_id, network)


# ------------------------------------------------------------------ out


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Ends the session of this browser (WEB-02: by a form of ours, and by nothing else)."""
    await forms.read(request)
    reader = session.reader_of(request)
    if reader is not None:
        await request.app[NODE].storage.write(signing_in.end_session, reader.id, reader.session_id)
    response = forms.see("/")
    session.forget(request, response)
    # What this browser keeps of pages behind the door is nobody's any more; cookies and the rest of its cache stay.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
