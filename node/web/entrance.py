"""What the pages at the door share: who comes in where, what is said of tries, and pages of one button or one word."""

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

from aiohttp import web

from node import sealing
from node.forum import accounts, totp
from node.forum.errors import Invalid, NotFound
from node.forum.signing_in import Arrival, Place
from node.languages import gettext as _
from node.languages import ngettext
from node.node import Node
from node.web import agents, errors, forms, look, session
from node.web.forms import Form
from node.web.look import Head

R = TypeVar("R")

# Whether a mail is written or not must not be told by how long the answer takes (WEB-09).
EVENLY = 0.25  # seconds

SEALED_APP = "authenticator app"  # what its secret is sealed for


def place_of(request: web.Request) -> Place:
    """Where somebody signs in, and who was signed in there."""
    reader = session.reader_of(request)
    return Place(
        forms.browser_of(request),
        session.network_of(request),
        agents.family(request.headers.get("User-Agent", "")),
        reader.session_id if reader is not None else None,
    )


def enter(request: web.Request, arrival: Arrival) -> web.Response:
    """Lets somebody in who showed who they are, or leads them to what is still asked of them."""
    if arrival.step != "in":
        return forms.see(f"/sign-in/{arrival.step}")
    response = forms.see(forms.path_within(arrival.next))
    session.greet(request, response, arrival.secret)
    return response


def too_often(request: web.Request, wait: int, link: str = "/sign-in", link_words: str = "") -> web.Response:
    """It was tried often, and may be tried again in a while (WEB-08)."""
    minutes = math.ceil(wait / 60)
    words = ngettext(
        "That was tried often in a short while. Please try again in %(num)s minute.",
        "That was tried often in a short while. Please try again in %(num)s minutes.",
        minutes,
    )
    return errors.error_page(
        request, 429, words=words, link=link, link_words=link_words or _("Back to signing in"),
        headers={"Retry-After": str(wait)},
    )  # fmt: skip


async def evenly(answer: Awaitable[R]) -> R:
    """The answer, no sooner than any other."""
    loop = asyncio.get_running_loop()
    until = loop.time() + EVENLY
    result = await answer
    await asyncio.sleep(max(0.0, until - loop.time()))
    return result


def private(response: web.Response) -> web.Response:
    """Keeps what is for one pair of eyes out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    return response


def mails_go_out(node: Node) -> bool:
    """Mail is set up; in development it goes into a folder."""
    return bool(node.settings.smtp_url) or node.settings.development


def form_page(
    request: web.Request,
    template: str,
    title: str,
    problems: dict[str, str] | None = None,
    *,
    path: str = "",
    **values: object,
) -> web.Response:
    """A page with a form on it, for one pair of eyes: with what is wrong by field, where it was sent and not taken."""
    head = Head(title=title, path=path, indexed=False)
    status = 422 if problems else 200
    return private(look.page(request, template, head, status=status, errors=problems or {}, **values))


def code_page(
    request: web.Request, title: str, lead: str, problems: dict[str, str] | None, *, action: str, again: str
) -> web.Response:
    """A page for six digits."""
    return form_page(request, "code.html", title, problems, lead=lead, action=action, again=again)


def button_page(request: web.Request, title: str, lead: str, button: str) -> web.Response:
    """A page with one button: what a link of a mail leads to, for scanners of mail follow links too."""
    return form_page(request, "button.html", title, lead=lead, button=button)


def message_page(
    request: web.Request, title: str, lead: str, *, link: str = "/", link_words: str = "", status: int = 200
) -> web.Response:
    """A page that says one thing."""
    head = Head(title=title, indexed=False)
    words = link_words or _("To the first page")
    return private(look.page(request, "message.html", head, status=status, lead=lead, link=link, link_words=words))


# ------------------------------------------------------------------ codes


def wrong_code(left: int) -> str:
    """What is said of a code that does not fit."""
    if not left:
        return _("This code does not count any more. Ask for another one.")
    return ngettext("That is not the code. %(num)s try is left.", "That is not the code. %(num)s tries are left.", left)


def app_step(node: Node, totp_sealed: bytes | None, code: str) -> int | None:
    """The step of the authenticator app whose code that is, if it is one."""
    if totp_sealed is None:
        return None
    try:
        return totp.step_of(node.sealing.unseal(SEALED_APP, totp_sealed), code, node.storage.now())
    except sealing.SealBroken:
        return None  # the node has another secret than then: recovery codes still let in


# ------------------------------------------------------------------ passwords that are chosen


def read_new_password(form: Form, *known: str) -> str:
    """A password that is good enough; given twice where there is a second field for it."""
    password = form.text("password")
    accounts.must_be_strong(password, *known)
    if "again" in form and form.text("again") != password:
        raise Invalid("The two are not the same.", field="again")
    return password


def problems_of(refusal: Invalid) -> dict[str, str]:
    """What is wrong, by the field that it is about."""
    return {refusal.field or "form": errors.said(refusal)}


def not_there() -> NotFound:
    """What is said of a page that is not there, or not for the reader."""
    return NotFound(_("There is nothing at this address, or it is not public."))
