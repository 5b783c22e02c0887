"""How a page comes to look as it does: templates, compiled once, and the values every one of them has."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from node import languages
from node.forum import text
from node.node import NODE
from node.web import addresses, forms, session

HERE = Path(__file__).parent
HUES = 36  # steps of ten degrees: finer ones are not told apart, and a stylesheet can name them all
EXCERPT = 200

VARY = "Accept, Accept-Language, Cookie"  # what a page depends on besides its address
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of ours that pages ask for, and its name for caches."""

    body: bytes
    content_type: str
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """What a page says about itself to machines."""

    title: str
    path: str = ""  # canonical
    description: str = ""
    alternate: str | None = None  # the ActivityPub id of what the page shows
    kind: str = "website"  # of OpenGraph
    published: datetime | None = None
    creator: str | None = None  # ana@coop.example
    language: str | None = None
    hue: int | None = None
    indexed: bool = True
    hidden: bool = False  # from whoever is not of the group: no browser keeps it for the next one at the machine


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file under /static, read once."""
    found = {}
    for file in sorted((HERE / "static").iterdir()):
        if file.suffix in TYPES:
            body = file.read_bytes()
            found[file.name] = StaticFile(body, TYPES[file.suffix], hashlib.sha256(body).hexdigest()[:16])
    return found


@cache
def environment() -> Environment:
    """The templates: everything is escaped but what `safe_html` lets through."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        lambda words: languages.voice().translations.ugettext(words),
        lambda one, many, num: languages.voice().translations.ungettext(one, many, num),
        newstyle=True,
        pgettext=lambda context, words: languages.voice().translations.upgettext(context, words),
        npgettext=lambda context, one, many, num: languages.voice().translations.unpgettext(context, one, many, num),
    )
    made.filters |= {
        "safe_html": safe_html,
        "excerpt": lambda html, limit=EXCERPT: text.plain(html, limit),
        "initials": text.initials,
        "hue": lambda handle: hue_step(text.hue(handle)),
        "hue_step": hue_step,
        "iso": iso,
        "path": addresses.path_of,
        "web_address": addresses.web_address,
    }
    made.globals |= {
        "interact_path": addresses.interact_path,
        "thread_path": addresses.thread_path,
        "group_path": addresses.group_path,
        "item_place": addresses.item_place,
        "person_path": addresses.person_path,
        "tag_path": addresses.tag_path,
        "said_day": languages.day,
        "said_moment": languages.moment,
        "said_ago": languages.ago,
        "said_weekday": languages.weekday,
        "enumerated": languages.enumerated,
        "endonym": languages.endonym,
        "number": languages.number,
    }
    return made


def safe_html(html: str) -> Markup:
    """Words that were made safe when they were written down; the one way for HTML into a page (XSS-18)."""
    return Markup(html)


def hue_step(angle: int) -> int:
    """The class of the stylesheet next to an angle on the colour wheel."""
    return round(angle % 360 / (360 / HUES)) % HUES


def iso(at: datetime) -> str:
    """A moment for machines, in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def render(request: web.Request, template: str, head: Head, **values: object) -> str:
    """The template with what it is given and what every page has."""
    node = request.app[NODE]
    compiled = environment().get_template(template)
    voice = languages.voice()
    return compiled.render(
        head=head,
        site=node.settings,
        reader=session.reader_of(request),
        unread_threads=request.get(session.UNREAD, 0),
        path_now=request.path_qs,
        csrf_field=partial(forms.csrf_field, request),
        csrf_token=partial(forms.token, request),
        nonce_field=forms.nonce_field,
        language=voice.language,
        direction=voice.direction,
        static={name: f"/static/{name}?v={file.digest}" for name, file in static_files().items()},
        now=node.storage.now(),
        **values,
    )


def page(request: web.Request, template: str, head: Head, *, status: int = 200, **values: object) -> web.Response:
    """The page as an answer: negotiated by Accept, tagged by its content, naming its ActivityPub id once."""
    body = render(request, template, head, **values).encode()
    response = web.Response(status=status, body=body, content_type="text/html", charset="utf-8")
    response.headers["Vary"] = VARY
    response.headers["Cache-Control"] = "no-cache"
    if session.reader_of(request) is not None or forms.VISIT in request:
        response.headers["Cache-Control"] = "private, no-cache"  # it is one reader's own (HTT-06)
    if head.hidden:
        response.headers["Cache-Control"] = "private, no-store"
    forms.keep_visit(request, response)
    if head.alternate and addresses.web_address(head.alternate):
        # One header only: Mastodon reads the first and no other.
        response.headers["Link"] = f'<{head.alternate}>; rel="alternate"; type="application/activity+json"'
    if status == 200:
        tag_it(request, response, hashlib.sha256(body).hexdigest()[:24])
    return response


def tag_it(request: web.Request, response: web.Response, tag: str) -> None:
    """Gives the answer its ETag, and nothing else to whoever holds the same already."""
    response.headers["ETag"] = f'W/"{tag}"'
    held = request.if_none_match or ()
    if any(etag.value in ("*", tag) for etag in held):
        response.set_status(304)
        response.body = None
