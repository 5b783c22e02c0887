"""Signing up: who wants an account says so, proves their address, and is in or waits for an admin's word."""

from aiohttp import web

from node import languages
from node.forum import sign_ups, signing_in
from node.forum.errors import Invalid, NotAllowed
from node.forum.sign_ups import Application, Confirmed, WayIn
from node.forum.signing_in import Arrival, Place
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, entrance, errors, forms, session
from node.web.forms import Form
from storage.work import Work

FIELDS = ("name", "display_name", "email", "words", "zone", "invitation", "join")


async def show_sign_up(request: web.Request) -> web.StreamResponse:
    """The form to sign up with, or why there is none."""
    given = {name: request.query.get(name, "") for name in ("invitation", "join")}
    if session.reader_of(request) is not None:
        where = f"/invitations/{given['invitation']}" if given["invitation"] else f"/join/{given['join']}"
        return forms.see(forms.path_within(where) if any(given.values()) else "/")
    mode, way = await request.app[NODE].storage.read(_way, request.app[NODE].settings.sign_up, given)
    try:
        _must_be_open(request, mode, way)
    except NotAllowed as refusal:
        return _closed(request, refusal)
    return _page(request, mode, way, {name: "" for name in FIELDS} | given | {"email": way.email or ""})


def _way(work: Work, mode: str, given: dict[str, str]) -> tuple[str, WayIn]:
    way = sign_ups.way_in(work, invitation=given["invitation"], join=given["join"])
    return sign_ups.mode_now(work, mode), way


def _must_be_open(request: web.Request, mode: str, way: WayIn) -> None:
    """An address is proved by mail: a node that sends none lets in only whom it need not ask."""
    sign_ups.must_be_open(mode, way)
    if way.email is None and not entrance.mails_go_out(request.app[NODE]):
        raise NotAllowed("This node sends no mail yet, so nobody can sign up. Ask whoever runs it for a link.")


def _closed(request: web.Request, refusal: NotAllowed) -> web.Response:
    return entrance.message_page(
        request, _("Sign up"), errors.said(refusal), link="/sign-in", link_words=_("I have an account"), status=403
    )


def _page(
    request: web.Request, mode: str, way: WayIn, given: dict[str, str], problems: dict[str, str] | None = None
) -> web.Response:
    return entrance.form_page(
        request, "sign_up.html", _("Sign up"), problems, path="/sign-up", given=given, way=way,
        asks_words=mode == "approval" and not way.is_invited, zones=zone_choices(),
    )  # fmt: skip


def zone_choices() -> list[tuple[str, str]]:
    """The time zones to choose from; none is that of the node."""
    return [("", _("UTC")), *((zone, zone.replace("_", " ")) for zone in languages.zones() if zone != "UTC")]


async def sign_up(request: web.Request) -> web.StreamResponse:
    """Takes the form; whether its address is known here, the answer does not tell (WEB-09)."""
    form = await forms.read(request)
    node, network = request.app[NODE], session.network_of(request)
    given = {name: form.text(name) for name in FIELDS}
    mode, way = await node.storage.read(_way, node.settings.sign_up, given)
    try:
        _must_be_open(request, mode, way)
        application = _read(form, given)
        password = _password(form, given)
        # What is wrong with the form is told at once, and counts as no try.
        await node.storage.read(sign_ups.read, mode, way, application, node.settings.refused_email_hosts)
        if wait := await node.storage.write(sign_ups.count_try, network):
            return entrance.too_often(request, wait, "/sign-up", _("Back"))
        password_hash = await node.passwords.hash(password) if password else None
        arrival = await entrance.evenly(
            node.storage.write(
                _ask, node.settings.sign_up, given, application, password_hash, entrance.place_of(request),
                node.settings.refused_email_hosts,
            )
        )  # fmt: skip
    except NotAllowed as refusal:
        return _closed(request, refusal)
    except Invalid as refusal:
        return _page(request, mode, way, given, entrance.problems_of(refusal))
    return entrance.enter(request, arrival) if arrival is not None else forms.see("/sign-up/confirm")


def _read(form: Form, given: dict[str, str]) -> Application:
    zone = given["zone"] if given["zone"] in languages.zones() else None
    language = languages.voice().language
    return Application(given["name"], given["display_name"], given["email"], given["words"], language, zone)


def _password(form: Form, given: dict[str, str]) -> str:
    """None is as good as one: a link is mailed whenever somebody signs in."""
    return entrance.read_new_password(form, given["name"], given["email"]) if form.text("password") else ""


def _ask(
    work: Work,
    mode: str,
    given: dict[str, str],
    application: Application,
    password_hash: str | None,
    place: Place,
    refused_hosts: frozenset[str],
) -> Arrival | None:
    mode, way = _way(work, mode, given)
    asked = sign_ups.with_password(application, password_hash)
    actor_id = sign_ups.ask(work, mode, way, asked, place.browser, refused_hosts)
    return _arrive(work, actor_id, place) if actor_id is not None else None


def _arrive(work: Work, actor_id: int, place: Place) -> Arrival:
    to = sign_ups.destination(work, actor_id)
    path = "/"
    if to is not None:
        path = addresses.group_path(to.group)
        if to.thread_uid is not None and to.thread_slug is not None:
            path = addresses.thread_path(path, to.thread_uid, to.thread_slug)
    return signing_in.arrive(work, actor_id, place, next_path=path)


# ------------------------------------------------------------------ the address is proved


async def show_code(request: web.Request) -> web.StreamResponse:
    """Where the six digits of the mail are given."""
    return _code_page(request)


def _code_page(request: web.Request, problems: dict[str, str] | None = None) -> web.Response:
    lead = _(
        "A link is on its way to your e-mail address. Follow it, or type the six digits of the mail here. "
        "If nothing comes within some minutes, look among what is taken for spam."
    )
    return entrance.code_page(
        request, _("Look into your mail"), lead, problems, action="/sign-up/confirm", again="/sign-up"
    )


async def take_code(request: web.Request) -> web.StreamResponse:
    """Takes the six digits."""
    form = await forms.read(request)
    node = request.app[NODE]
    place = entrance.place_of(request)
    outcome, arrival = await node.storage.write(_confirm_code, node.settings.sign_up, form.text("code")[:60], place)
    return _confirmed(request, outcome, arrival)


def _confirm_code(work: Work, mode: str, code: str, place: Place) -> tuple[Confirmed, Arrival | None]:
    outcome = sign_ups.confirm_code(work, sign_ups.mode_now(work, mode), place.browser, code)
    return outcome, _arrive(work, outcome.actor_id, place) if outcome.actor_id is not None else None


async def show_link(request: web.Request) -> web.StreamResponse:
    """Where the link of the mail leads: a button, so that nothing happens by looking."""
    email = await request.app[NODE].storage.read(sign_ups.email_of_link, request.match_info["secret"])
    return entrance.button_page(
        request,
        _("Confirm your address"),
        _("You are about to confirm that %(email)s is yours.", email=email),
        _("Confirm"),
    )


async def follow_link(request: web.Request) -> web.StreamResponse:
    """Uses the link up."""
    await forms.read(request)
    node, place = request.app[NODE], entrance.place_of(request)
    outcome, arrival = await node.storage.write(_confirm, node.settings.sign_up, request.match_info["secret"], place)
    return _confirmed(request, outcome, arrival)


def _confirm(work: Work, mode: str, secret: str, place: Place) -> tuple[Confirmed, Arrival | None]:
    outcome = sign_ups.confirm(work, sign_ups.mode_now(work, mode), secret)
    return outcome, _arrive(work, outcome.actor_id, place) if outcome.actor_id is not None else None


def _confirmed(request: web.Request, outcome: Confirmed, arrival: Arrival | None) -> web.Response:
    if arrival is not None:
        return entrance.enter(request, arrival)
    if outcome.state == "waiting":
        return entrance.message_page(
            request, _("Thank you"),
            _("Your address is confirmed. Somebody here reads what you wrote, and you get a mail with their answer."),
        )  # fmt: skip
    if outcome.wait:
        return entrance.too_often(request, outcome.wait, "/sign-up/confirm", _("Back"))
    return _code_page(request, {"code": entrance.wrong_code(outcome.left)})
