"""Security: the password, the second factor, passkeys, and where somebody is signed in."""

import io
from dataclasses import dataclass
from datetime import datetime

import segno
from aiohttp import web
from markupsafe import Markup

from node import sealing
from node.forum import accounts, second_factors, signing_in, totp
from node.forum.errors import Invalid
from node.forum.signing_in import Means
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, passwords, session
from storage import passkeys, people, sessions
from storage.passkeys import PasskeyRow
from storage.sessions import Known as Reader
from storage.work import Work

DONE = ("password", "app-on", "app-off", "passkey-added", "passkey-removed", "signed-out")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser in which somebody is signed in."""

    id: int
    browser: str
    network: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """All by which somebody gets in, and where they did."""

    means: Means
    codes_left: int
    passkeys: list[PasskeyRow]
    sessions: list[SessionRow]


async def show_security(request: web.Request) -> web.StreamResponse:
    """Everything by which one gets in, and where one is; for whoever just showed that it is they."""
    reader = session.must_have_proved(request)
    return await _page(request, reader, done=request.query.get("done", ""))


async def _page(
    request: web.Request, reader: Reader, *, done: str = "", problems: dict[str, str] | None = None
) -> web.Response:
    held = await request.app[NODE].storage.read(_held, reader.id)
    return entrance.form_page(
        request, "settings_security.html", _("Settings"), problems, tab="security", held=held,
        done=done if done in DONE else "", here=reader.session_id,
    )  # fmt: skip


def _held(work: Work, actor_id: int) -> Held:
    return Held(
        signing_in.means(work, actor_id),
        passkeys.codes_left(work, actor_id),
        passkeys.rows(work, actor_id),
        [
            SessionRow(it.id, it.browser, it.address, it.created_at, it.seen_at)
            for it in sessions.of_actor(work, actor_id)
        ],
    )


async def show_part(request: web.Request) -> web.StreamResponse:
    """Whoever had to show who they are before a form was taken comes back here, to the page of that form."""
    return forms.see("/settings/security")


async def change_password(request: web.Request) -> web.StreamResponse:
    """Another password."""
    try:
        return await passwords.change(request)
    except Invalid as refusal:
        return await _page(request, session.must_have_proved(request), problems=entrance.problems_of(refusal))


# ------------------------------------------------------------------ sessions


async def end_session(request: web.Request) -> web.StreamResponse:
    """Signs one other browser out, or all of them but this one."""
    form = await forms.read(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    number = form.text("session")
    if number == "others":
        await node.storage.write(_end_others, reader.id, reader.session_id)
    elif number.isascii() and number.isdigit() and len(number) < 19:
        await node.storage.write(signing_in.end_session, reader.id, int(number))
    return forms.see("/settings/security?done=signed-out#sessions")


def _end_others(work: Work, actor_id: int, session_id: int) -> None:
    accounts.sign_out_everywhere(work, actor_id, but=session_id)


# ------------------------------------------------------------------ an authenticator app


async def show_app(request: web.Request) -> web.StreamResponse:
    """The picture for the app, and a field for the first code that it shows."""
    reader = session.must_have_proved(request)
    return _app_page(request, reader, totp.new_secret())


def _app_page(
    request: web.Request, reader: Reader, secret: bytes, problems: dict[str, str] | None = None
) -> web.Response:
    node = request.app[NODE]
    address = totp.address(secret, of=f"{reader.name}@{node.settings.authority}", at=node.settings.name)
    # Nothing is kept before the app has shown that it works: until then the page carries the secret, sealed.
    carried = node.sealing.seal(f"new app of {reader.id}", secret).decode()
    return entrance.form_page(
        request, "settings_app.html", _("Authenticator app"), problems, picture=_picture(address),
        spelled=totp.spelled(secret), address=address, carried=carried,
    )  # fmt: skip


def _picture(address: str) -> Markup:
    """A QR code as an element of the page: pictures from elsewhere, and data: addresses, are not let in."""
    out = io.BytesIO()
    segno.make(address, error="m").save(
        out, kind="svg", xmldecl=False, svgns=False, scale=5, border=3, dark="#000", light="#fff", svgclass="qr",
        lineclass=None, omitsize=False,
    )  # fmt: skip
    return Markup(out.getvalue().decode())  # every letter of it is segno's: the address is drawn, not written


async def turn_on_app(request: web.Request) -> web.StreamResponse:
    """The app shows the right code: from now on it is asked for."""
    form = await forms.read(request)
    reader, node = session.must_have_proved(request), request.app[NODE]
    try:
        secret = node.sealing.unseal(f"new app of {reader.id}", form.text("carried").encode())
    except sealing.SealBroken:
        return forms.see("/settings/security/app")
    step = totp.step_of(secret, form.text("code"), node.storage.now())
    if step is None:
        words = _("That is not the code that the app should show now. Are the clocks of both right?")
        return _app_page(request, reader, secret, {"code": words})
    sealed = node.sealing.seal(entrance.SEALED_APP, secret)
    return _codes_page(request, await node.storage.write(_turn_on_app, reader.id, sealed, step))


def _turn_on_app(work: Work, actor_id: int, sealed: bytes, step: int) -> list[str]:
    return second_factors.turn_on_app(work, people.by_id(work, actor_id), sealed, step)


def _codes_page(request: web.Request, codes: list[str]) -> web.Response:
    return entrance.form_page(request, "settings_codes.html", _("Recovery codes"), codes=codes)


async def turn_off_app(request: web.Request) -> web.StreamResponse:
    """The app is asked for no longer."""
    await forms.read(request)
    reader = session.must_have_proved(request)
    await request.app[NODE].storage.write(_turn_off_app, reader.id)
    return forms.see("/settings/security?done=app-off")


def _turn_off_app(work: Work, actor_id: int) -> None:
    second_factors.turn_off_app(work, people.by_id(work, actor_id))


async def renew_codes(request: web.Request) -> web.StreamResponse:
    """Other recovery codes, shown this once."""
    await forms.read(request)
    reader = session.must_have_proved(request)
    return _codes_page(request, await request.app[NODE].storage.write(_renew_codes, reader.id))


def _renew_codes(work: Work, actor_id: int) -> list[str]:
    return second_factors.renew_codes(work, people.by_id(work, actor_id))
