"""Who reads: the cookie of a session, and what it takes to do what only members, or admins, may do."""

import ipaddress
from datetime import timedelta
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from node import languages
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE, Node
from storage import readings, sessions
from storage.sessions import Known as Reader
from storage.tokens import hashed
from storage.work import Work

READER: web.RequestKey[Reader] = web.RequestKey("reader", Reader)
UNREAD = web.RequestKey("unread", int)  # threads with something new for the reader
PROVED = timedelta(minutes=15)  # how long a password that was given counts for what cannot be taken back
OWN_ADDRESSES = ("/static/", "/inbox")  # nobody is greeted here


class SignInNeeded(Exception):
    """Only somebody who is signed in may do this."""


class ProofNeeded(Exception):
    """They are signed in, and should say their password once more."""


@web.middleware
async def know_reader(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds out who reads, and speaks their language."""
    node = request.app[NODE]
    reader = None
    if not request.path.startswith(OWN_ADDRESSES):
        reader = await _find(request, node)
    if reader is not None:
        request[READER] = reader
    languages.speak(language_of(request, reader), reader.zone if reader else None)
    return await handler(request)


def language_of(request: web.Request, reader: Reader | None) -> str:
    """The language that is spoken with the reader, or with a stranger's browser."""
    if len(languages.available()) < 2:
        return languages.SOURCE
    wanted = languages.accepted(request.headers.get("Accept-Language", ""))
    return languages.best(reader.language if reader else None, *wanted, request.app[NODE].settings.language)


def is_stranger(request: web.Request) -> bool:
    """The browser shows no sign of having been signed in."""
    return "Cookie" not in request.headers or cookie_name(request.app[NODE], "session") not in request.cookies


async def _find(request: web.Request, node: Node) -> Reader | None:
    secret = request.cookies.get(cookie_name(node, "session"), "")
    if not 20 <= len(secret) <= 100:
        return None
    wants_page = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    reader, unread = await node.storage.read(_who, hashed(secret), counting=wants_page)
    request[UNREAD] = unread
    if reader is not None and reader.stale:
        await node.storage.write(sessions.saw, reader.session_id, network_of(request))
    return reader


def _who(work: Work, secret_hash: str, *, counting: bool) -> tuple[Reader | None, int]:
    """Who is signed in, and how many threads hold something new for them, which every page says."""
    reader = sessions.find(work, secret_hash)
    return reader, readings.unread_threads(work, reader.id) if reader is not None and counting else 0


def reader_of(request: web.Request) -> Reader | None:
    """Who is signed in; None for a stranger."""
    reader: Reader | None = request.get(READER)
    return reader


def viewer_of(request: web.Request) -> int | None:
    """The actor for whom it is asked what may be seen."""
    reader = reader_of(request)
    return reader.id if reader is not None else None


def must_be_signed_in(request: web.Request) -> Reader:
    """Who is signed in; a stranger is led to signing in, and keeps what they wrote."""
    reader = reader_of(request)
    if reader is None:
        raise SignInNeeded
    return reader


def must_be_admin(request: web.Request) -> Reader:
    """The admin of the node who asks; for everybody else the page is not there (WEB-18)."""
    reader = reader_of(request)
    if reader is None or not reader.admin:
        raise NotFound(_("There is nothing at this address, or it is not public."))
    return reader


def must_have_proved(request: web.Request) -> Reader:
    """Who is signed in and gave their password a moment ago: for what cannot be taken back."""
    reader = must_be_signed_in(request)
    now = request.app[NODE].storage.now()
    if not now - PROVED < reader.proved_at <= now + PROVED:
        raise ProofNeeded
    return reader


def way_in(request: web.Request) -> web.Response:
    """Leads a stranger to signing in, and from there back here."""
    return _see(f"/sign-in?next={quote(request.path_qs, safe='')}")


def way_to_proof(request: web.Request) -> web.Response:
    """Leads to saying one's password once more, and from there back here."""
    back = request.path_qs if request.method in ("GET", "HEAD") else request.path
    return _see(f"/sign-in/prove?next={quote(back, safe='')}")


def _see(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


# ------------------------------------------------------------------ cookies


def cookie_name(node: Node, name: str) -> str:
    """Without https there is no Secure, and without Secure no `__Host-` (WEB-04)."""
    return name if node.settings.development else f"__Host-{name}"


def set_cookie(
    request: web.Request, response: web.StreamResponse, name: str, value: str, *, lasts: timedelta | None
) -> None:
    """A cookie that only this node reads, and no script; without `lasts` it is gone with the browser."""
    node = request.app[NODE]
    response.set_cookie(
        cookie_name(node, name),
        value,
        max_age=int(lasts.total_seconds()) if lasts is not None else None,
        path="/",
        secure=not node.settings.development,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(request: web.Request, response: web.StreamResponse, name: str) -> None:
    """Takes a cookie back."""
    node = request.app[NODE]
    response.del_cookie(
        cookie_name(node, name), path="/", secure=not node.settings.development, httponly=True, samesite="Lax"
    )


def greet(request: web.Request, response: web.StreamResponse, secret: str) -> None:
    """The browser is signed in from here on."""
    set_cookie(request, response, "session", secret, lasts=sessions.LASTS)


def forget(request: web.Request, response: web.StreamResponse) -> None:
    """The browser is signed out."""
    drop_cookie(request, response, "session")


# ------------------------------------------------------------------ where somebody is


def address_of(request: web.Request) -> str:
    """The address of the browser: as our proxy says, where what speaks to us is one (WEB-13)."""
    peer = request.remote or ""
    if not _is_proxy(request, peer):
        return peer
    # Each proxy adds at the end whom it speaks to; what stands before that anybody may have written.
    for said in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        address = said.strip()
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return peer
        if not _is_proxy(request, address):
            return address
    return peer


def is_from_proxy(request: web.Request) -> bool:
    """Whether what speaks to us is a proxy of ours, whose headers are believed."""
    return _is_proxy(request, request.remote or "")


def _is_proxy(request: web.Request, address: str) -> bool:
    return address in request.app[NODE].settings.trusted_proxies


def network_of(request: web.Request) -> str:
    """The network of the browser, as far as one household has it: /24, or /64 of IPv6."""
    try:
        address = ipaddress.ip_address(address_of(request))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))
