"""What belongs to the node as a whole: what it is, what robots may read, its stylesheet and its picture."""

from datetime import timedelta

from aiohttp import web

from node import VERSION
from node.node import NODE
from node.web import look
from node.web.look import Head

YEAR = 365 * 86400  # seconds; a file's address changes with its content
SECURITY_TXT_HOLDS = timedelta(days=180)  # RFC 9116 recommends less than a year

# Pages that are one visitor's own are of no use to a search engine, and cost another server a request.
ROBOTS = """User-agent: *
Disallow: /interact
Disallow: /inbox
Disallow: /invitations/
Disallow: /join/
"""


async def show_about(request: web.Request) -> web.Response:
    """What this node runs, who runs it, what is expected here."""
    settings = request.app[NODE].settings
    head = Head(title=settings.name, path="/about", description=settings.description)
    return look.page(
        request, "about.html", head, version=VERSION, source=settings.source_url,  # AGPL, section 13
        contact=settings.contact, contact_link=_link_to(settings.contact),
    )  # fmt: skip


def _link_to(contact: str) -> str:
    """Where the contact leads: an address of mail as a link to write there."""
    if "@" in contact and "://" not in contact and not contact.startswith("mailto:"):
        return f"mailto:{contact}"
    return contact


async def show_security(request: web.Request) -> web.Response:
    """Whom to tell of a hole: RFC 9116, where the node names somebody (WEB-28)."""
    node = request.app[NODE]
    contact = _link_to(node.settings.security_contact or node.settings.contact)
    if not contact.startswith(("mailto:", "https://")) or not contact.isprintable():
        raise web.HTTPNotFound
    expires = (node.storage.now() + SECURITY_TXT_HOLDS).replace(hour=0, minute=0, second=0)
    lines = [
        f"Contact: {contact}",
        f"Expires: {look.iso(expires)}",
        f"Preferred-Languages: {', '.join(dict.fromkeys([node.settings.language, 'en']))}",
        f"Canonical: {node.settings.origin}/.well-known/security.txt",
    ]
    if node.settings.source_url.startswith("https://") and node.settings.source_url.isprintable():
        lines.append(f"Policy: {node.settings.source_url}")  # SECURITY.md lies beside the source
    return web.Response(text="\n".join(lines) + "\n", headers={"Cache-Control": "max-age=86400"})


async def show_robots(request: web.Request) -> web.Response:
    """What robots may read: everything public."""
    return web.Response(text=ROBOTS, headers={"Cache-Control": "max-age=86400"})


async def show_static(request: web.Request) -> web.Response:
    """A stylesheet, a script or a picture of ours."""
    return _static(request, request.match_info["name"])


async def show_favicon(request: web.Request) -> web.Response:
    """The picture that browsers ask for unasked."""
    return _static(request, "folkmoot.svg")


def _static(request: web.Request, name: str) -> web.Response:
    file = look.static_files().get(name)
    if file is None:
        raise web.HTTPNotFound
    charset = None if file.content_type.startswith("image/") else "utf-8"
    response = web.Response(body=file.body, content_type=file.content_type, charset=charset)
    lasting = request.query.get("v") == file.digest
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if lasting else "no-cache"
    look.tag_it(request, response, file.digest)
    return response
