"""What goes wrong becomes a page with a request id; and every answer carries the headers that keep readers safe."""

import logging
import re
import secrets
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

from node import logs
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.room import RETRY_AFTER as ROOM_AFTER
from node.room import NoRoom
from node.web import forms, look, session
from node.web.look import Head
from storage.work import StorageUnavailable

log = logging.getLogger(__name__)

REQUEST_ID = web.RequestKey("request_id", str)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()",
}

GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")  # no more: it stands in the log, in answers and on pages
NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")  # what no database takes
RETRY_AFTER = 5  # seconds; a locked database is free again sooner
WORDS = ("source", "words", "text", "title", "description", "summary", "reason")  # fields that somebody thought about
STATUS = {NotFound: 404, NotAllowed: 403, Invalid: 400}


@web.middleware
async def keep_readers_safe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Names the request and puts the security headers on whatever answers it (XSS-12, XSS-13, WEB-17)."""
    request[REQUEST_ID] = request_id(request)
    with logs.about(request_id=request[REQUEST_ID]):
        response = await handler(request)
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    return response


def request_id(request: web.Request) -> str:
    """What our own proxy calls the request, that its log and ours may be read side by side; else a new name."""
    given = request.headers.getall("X-Request-Id", [])
    if len(given) == 1 and GIVEN_ID.fullmatch(given[0]) and session.is_from_proxy(request):
        return given[0]
    return secrets.token_hex(8)


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The one place where a page's trouble becomes an answer."""
    try:
        if NO_TEXT.search(request.path):
            raise web.HTTPNotFound  # nothing of ours has such an address (PAR-11, PAR-12)
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400:
            return web.Response(
                status=answer.status,
                # A title can change and change back: whoever kept the way from one to the other would go in circles.
                headers={"Location": answer.headers["Location"], "Vary": look.VARY, "Cache-Control": "no-cache"},
            )
        return error_page(request, answer.status, headers={k: v for k, v in answer.headers.items() if k == "Allow"})
    except session.SignInNeeded:
        if request.method in ("GET", "HEAD"):
            return session.way_in(request)
        return await _kept(request, "signed-out")
    except session.ProofNeeded:
        return session.way_to_proof(request)
    except forms.Expired:
        return await _kept(request, "expired")
    except forms.Garbled:
        return await _kept(request, "garbled")
    except TextRefused as refusal:
        return error_page(request, 400, words=str(refusal))
    except Refusal as refusal:
        status = next((status for kind, status in STATUS.items() if isinstance(refusal, kind)), 403)
        return error_page(request, status, words=said(refusal))
    except NoRoom as error:
        log.warning("request %s: nothing was taken: %s", request[REQUEST_ID], error)
        words = _("The disk of this node is almost full: everything can be read, and nothing new can be kept just now.")
        return error_page(request, 503, words=words, headers={"Retry-After": str(ROOM_AFTER)})
    except StorageUnavailable as error:
        log.warning("request %s: the database did not answer: %s", request[REQUEST_ID], error)
        await _hear_out(request)
        return error_page(request, 503, headers={"Retry-After": str(RETRY_AFTER)})
    except Exception:
        log.exception("request %s failed: %s %r", request[REQUEST_ID], request.method, request.path)
        return error_page(request, 500)


def said(refusal: Refusal) -> str:
    """Why something was refused, in the reader's language."""
    return _(refusal.words, **refusal.values)


async def _kept(request: web.Request, why: str) -> web.StreamResponse:
    """The form given back; or what is wrong with it besides, as if it had been read first."""
    return await show_errors(request, lambda request: _give_back(request, why))


async def _give_back(request: web.Request, why: str) -> web.Response:
    """A form that could not be taken as it came, with every word that was in it, to be sent again (WEB-24)."""
    form = request.get(forms.FORM)
    if form is None:
        try:
            form = await forms.read(request)
        except forms.Expired:
            form = request[forms.FORM]
        except forms.Garbled:
            form, why = request[forms.FORM], "garbled"
    head = Head(title=_("Your words are still here"), indexed=False)
    response = look.page(
        request, "kept.html", head, status=400 if why == "garbled" else 403, why=why, action=request.path_qs,
        fields=forms.to_give_back(form), signed_in=session.reader_of(request) is not None,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


def error_page(
    request: web.Request,
    status: int,
    *,
    words: str = "",
    headers: dict[str, str] | None = None,
    link: str = "",
    link_words: str = "",
) -> web.Response:
    """What went wrong, in words for people or, for whoever asked for JSON, in one line; and what they had written."""
    if "json" in request.headers.get("Accept", "") and "text/html" not in request.headers.get("Accept", ""):
        response = web.json_response(
            {"error": words or web.Response(status=status).reason, "request": request[REQUEST_ID]}, status=status
        )
    else:
        head = Head(title="", indexed=False)
        response = look.page(
            request, "error.html", head, status=status, code=status, words=words, link=link, link_words=link_words,
            id=request[REQUEST_ID], fields=_written(request), action=request.path_qs,
        )  # fmt: skip
    response.headers["Vary"] = look.VARY
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers or {})
    return response


async def _hear_out(request: web.Request) -> None:
    """Reads the form to which nobody got, as who sent it could not be looked up: its words are given back (REL-43)."""
    if request.method == "POST" and forms.FORM not in request:
        with suppress(forms.Expired, forms.Garbled, Refusal, NoRoom, web.HTTPException):
            await forms.read(request)


def _written(request: web.Request) -> list[tuple[str, str]]:
    """The fields of the form, if there are words of somebody's own in it: whatever went wrong, they are not lost."""
    form = request.get(forms.FORM)
    if form is None or not any(form.text(name).strip() for name in WORDS):
        return []
    return forms.to_give_back(form)
