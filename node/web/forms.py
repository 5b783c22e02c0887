"""What every form of ours is held to: it comes from our own page, says so with its token, and loses no word."""

import re
import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from markupsafe import Markup

from node.forum.errors import NotAllowed
from node.languages import gettext as _
from node.node import NODE
from node.sealing import new_secret
from node.web import session

VISIT = web.RequestKey("visit", str)  # what the forms of this answer are bound to
URLENCODED = "application/x-www-form-urlencoded"
NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")  # what no database takes
# What is taken on a disk that is almost full: else nobody could come in and make room.
ALWAYS = ("/sign-in", "/sign-out", "/admin")
# What is never shown again, wherever a form is given back.
SECRETS = re.compile(r"password|secret|code|csrf|nonce|token", re.IGNORECASE)


class Expired(Exception):
    """The form's token is not one of this browser: it stood open for long, or the cookies are gone."""


class Garbled(Exception):
    """What came is not UTF-8; as far as it could be read it stands in the form."""


class Form(Mapping[str, str]):
    """The fields of a form as text; a field that is not there is not there, one that stands twice has a first value."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = [(name, NO_TEXT.sub("�", value).replace("\r\n", "\n")) for name, value in pairs]
        self._first = dict(reversed(self.pairs))

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def text(self, name: str) -> str:
        """The field, or nothing."""
        return self._first.get(name, "")

    def flag(self, name: str) -> bool:
        """The box is ticked."""
        return bool(self._first.get(name))

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [value for held, value in self.pairs if held == name]


FORM = web.RequestKey("form", Form)


async def read(request: web.Request) -> Form:
    """The form that was sent, once it is sure that its sender saw it here (WEB-01, WEB-02)."""
    refuse_strangers(request)
    form = await _parse(request)
    request[FORM] = form
    if not is_ours(request, form.text("csrf") or request.headers.get("X-CSRF-Token", "")):
        raise Expired
    if not request.path.startswith(ALWAYS):
        request.app[NODE].room.must_be_left()
    return form


async def _parse(request: web.Request) -> Form:
    try:
        return await _parsed(request)
    except ConnectionError:  # whoever sent it hung up before the end: no fault of ours
        raise web.HTTPBadRequest from None


async def _parsed(request: web.Request) -> Form:
    if request.content_type == "multipart/form-data":
        try:
            posted = await request.post()
        except (ValueError, LookupError, RuntimeError, HttpProcessingError):  # whatever is wrong in one of the parts
            raise web.HTTPBadRequest from None
        return Form([(name, value) for name, value in posted.items() if isinstance(value, str)])
    if request.content_type != URLENCODED:
        raise web.HTTPUnsupportedMediaType
    body = await request.read()
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=500)
    except UnicodeDecodeError:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=500)
        request[FORM] = Form(pairs)
        raise Garbled from None
    except ValueError:  # more fields than any form of ours has
        raise web.HTTPBadRequest from None
    return Form(pairs)


def refuse_strangers(request: web.Request) -> None:
    """Forms of other sites must not act for our readers, nor make our server ask theirs (WEB-01)."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = request.app[NODE].settings.origin
    if (site is not None and site not in ("same-origin", "none")) or (origin is not None and origin != own):
        raise NotAllowed(_("This form was sent from another site. Please use the one here."))


# ------------------------------------------------------------------ tokens


def token(request: web.Request) -> str:
    """The token of this answer's forms. It outlasts signing in and out: what was written before is sent after."""
    visit = request.get(VISIT) or _visit_of(request)
    if visit is None:
        visit = new_secret()
    request[VISIT] = visit
    return request.app[NODE].sealing.sign("form", visit)


def is_ours(request: web.Request, given: str) -> bool:
    """The token was made for this browser."""
    visit = _visit_of(request)
    return visit is not None and request.app[NODE].sealing.signed("form", visit, given)


def browser_of(request: web.Request) -> str:
    """What tells this browser from others, for what is bound to it; set with the answer."""
    token(request)
    return request[VISIT]


def keep_visit(request: web.Request, response: web.StreamResponse) -> None:
    """Gives the browser the cookie that its forms are bound to, if the answer has forms and there is none yet."""
    visit = request.get(VISIT)
    if visit is not None and visit != _visit_of(request):
        session.set_cookie(request, response, "visit", visit, lasts=None)


def _visit_of(request: web.Request) -> str | None:
    visit = request.cookies.get(session.cookie_name(request.app[NODE], "visit"), "")
    return visit if 20 <= len(visit) <= 100 and visit.isascii() else None


def csrf_field(request: web.Request) -> Markup:
    """The field that every form of ours carries."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token(request))


def nonce_field(form: Mapping[str, str] | None = None) -> Markup:
    """The field by which a form that is sent twice is known; a form that is given back keeps its own."""
    nonce = nonce_in(form) if form is not None else None
    return Markup('<input type="hidden" name="nonce" value="{}">').format(nonce or secrets.token_urlsafe(18))


def nonce_in(form: Mapping[str, str]) -> str | None:
    """The nonce that came with the form, if it looks like one."""
    nonce = form.get("nonce", "")
    return nonce if re.fullmatch(r"[\w-]{16,64}", nonce, re.ASCII) else None


# ------------------------------------------------------------------ where it goes on


def path_within(path: str, default: str = "/") -> str:
    """The path if it leads somewhere on this node, else the default (WEB-14)."""
    if not path.startswith("/") or len(path) > 2000 or re.search(r"[\x00-\x20\x7f\\]", path):
        return default
    if path.startswith("//") or re.match(r"/+(%2f|%5c)", path, re.IGNORECASE):
        return default
    try:
        parts = urlsplit(path)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else path


def see(path: str) -> web.Response:
    """The page to see after a form was done."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def to_give_back(form: Form) -> list[tuple[str, str]]:
    """The fields of a form that may be shown again."""
    return [(name, value) for name, value in form.pairs if not SECRETS.search(name)]
