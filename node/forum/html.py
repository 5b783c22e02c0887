"""The one sanitizer: HTML from anywhere in, HTML out that is safe on our pages."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlsplit

import nh3

from node.forum.markup import (
    MAX_HTML,
    RAW_TEXT,
    RENAMED,
    SAFE_TAGS,
    VOID,
    TextRefused,
    at_edge,
    check_shape,
    escape_text,
    lex,
    lines,
    names,
    read_attributes,
    write_attributes,
)

MAX_SAFE = 600_000  # characters after cleaning: unclosed links can grow a text tenfold (XSS-11)
MAX_URL = 2048
MAX_HASHTAGS = 20  # DOS-10
LONG = 5_000  # characters that may take more than 10 ms to clean or to render
LANGUAGES = names(
    "bash c console cpp cs css diff go html http ini java javascript js json kotlin lua markdown md nix perl php python"
    " py r ruby rust sh shell sql swift text toml ts typescript xml yaml yml"
)


@dataclass(frozen=True)
class Clean:
    """What the sanitizer made of a text, and whom and what it found in it."""

    html: str
    mentions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    images: tuple[tuple[str, str], ...] = ()


def sanitize(html: str, *, mentions: Mapping[str, str] | None = None, limit: int = MAX_HTML, rounds: int = 5) -> Clean:
    """HTML with allow-listed elements only; cleaning it again changes nothing. `mentions`: handle by link target.

    Raises TextRefused for what is too long or too deeply nested.
    """
    html = at_edge(html)
    check_shape(html, limit)
    _check_growth(len(html) + 4 * html.count("&"))  # each one costs the parser all the text before it (XSS-11)
    page = first = _Page(mentions or {})
    for _ in range(rounds):
        before, retold = html, page.retell(at_edge(_WIDE.clean(html)))
        html = _NARROW.clean(retold)
        _check_growth(len(html))
        if html in (retold, before):  # nothing moved when it was read again
            break
        page = _Page(mentions or {})
    else:
        # Markup that never settles is made to be read differently by each parser (mXSS, XSS-04): keep the words only.
        html = "".join(f"<p>{escape_text(line)}</p>" for line in lines(html))
    return Clean(html, tuple(first.mentioned), tuple(first.hashtags), tuple(first.images))


def _check_growth(length: int) -> None:
    if length > MAX_SAFE:
        raise TextRefused(f"This text becomes longer than {MAX_SAFE} characters when it is written as HTML.")


def needs_thread(html: str) -> bool:
    """Whether reading this text may hold up the event loop for longer than a request should wait."""
    return len(html) > LONG


_RELATION = "nofollow noopener ugc"
_GENERIC = {"lang", "dir"}
_CODE_CLASSES = {f"language-{language}" for language in LANGUAGES}
_WIDE = nh3.Cleaner(
    tags=set(SAFE_TAGS | RENAMED.keys() | {"img"}),
    clean_content_tags={"script", "style", "svg", "template", *RAW_TEXT},
    attributes={
        "*": _GENERIC,
        "a": {"href"},
        "img": {"src", "alt"},
        "ol": {"start", "reversed"},
        "li": {"value"},
    },
    allowed_classes={"a": {"hashtag"}, "span": {"invisible", "ellipsis"}, "code": _CODE_CLASSES},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=None,
)
_NARROW = nh3.Cleaner(
    tags=set(SAFE_TAGS),
    clean_content_tags={"script", "style"},
    attributes={"*": _GENERIC, "a": {"href", "title"}, "ol": {"start", "reversed"}, "li": {"value"}},
    allowed_classes={"a": {"mention", "hashtag"}, "code": _CODE_CLASSES},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=_RELATION,
)

HASHTAG = r"(?:\w|[\u0900-\u0dff\u0e31-\u0e4e\u200c]){1,100}"  # \w alone breaks Hindi, Tamil and Thai words
_HASHTAG_TEXT = re.compile(rf"#({HASHTAG})")
_EMOJI = re.compile(r":[\w+-]{1,64}:")


@dataclass
class _Link:
    place: int  # where in the output its opening tag belongs
    href: str
    hashtag: bool
    text: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # the text without Mastodon's invisible parts
    folded: bool = False
    ellipsis: bool = False


class _Page:
    """One walk over what nh3 let through: links say where they go, images wait for a click, headings fit the page."""

    def __init__(self, mentions: Mapping[str, str]) -> None:
        self.known = mentions
        self.mentioned: dict[str, None] = {}
        self.hashtags: dict[str, None] = {}
        self.images: dict[tuple[str, str], None] = {}
        self._out: list[str] = []
        self._ends: list[Callable[[], None]] = []
        self._link: _Link | None = None
        self._invisible = 0
        self._shift = 0

    def retell(self, html: str) -> str:
        levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", html)]
        # The page has its own h1 and h2: the highest heading of a text is an h3.
        self._shift = 3 - min(levels, default=3)
        fresh_pre = False  # the parser drops a line feed there, once per reading: not the same twice (XSS-04)
        for kind, name, body in lex(html):
            if kind == "text":
                self._text(body.lstrip("\n") if fresh_pre else body)
            elif kind == "open" and name not in VOID:
                self._ends.append(self._open(name, body))
            elif kind == "open":
                self._void(name, body)
            elif kind == "close" and self._ends:
                self._ends.pop()()
            fresh_pre = kind == "open" and name == "pre"
        return "".join(self._out)

    def _text(self, raw: str) -> None:
        self._out.append(raw)
        if self._link:
            text = unescape(raw)
            self._link.text.append(text)
            if not self._invisible:
                self._link.seen.append(text)

    def _void(self, name: str, body: str) -> None:
        if name != "img":
            self._out.append(f"<{name}>")
            return
        attributes = read_attributes(body)
        source, alt = attributes.get("src", ""), " ".join(attributes.get("alt", "").split())
        if _EMOJI.fullmatch(alt):
            self._text(escape_text(alt))
            return
        label = f"image: {alt}" if alt else "image"
        if _fit(source):
            self.images[(source, alt)] = None
            if not self._link and _misleads(label, source, real_host(source)):
                label += f" [{real_host(source)}]"
        label = escape_text(label)
        if self._link or not _fit(source):
            self._text(label)
        else:
            self._out.append(f"<a{write_attributes({'href': source, 'rel': _RELATION})}>{label}</a>")

    def _open(self, name: str, body: str) -> Callable[[], None]:
        if name == "a":
            return self._open_link(read_attributes(body), body)
        if name == "span":
            return self._open_span(read_attributes(body))
        name = RENAMED.get(name, name)
        if name[0] == "h" and name[1:].isdigit():
            name = f"h{min(6, int(name[1:]) + self._shift)}"
        self._out.append(f"<{name}{body}>")
        return lambda: self._out.append(f"</{name}>")

    def _open_span(self, attributes: dict[str, str]) -> Callable[[], None]:
        classes = attributes.pop("class", "").split()
        start, end = (f"<span{write_attributes(attributes)}>", "</span>") if attributes else ("", "")
        self._out.append(start)
        if self._link and "ellipsis" in classes:
            self._link.ellipsis = True
        if not self._link or "invisible" not in classes:
            return lambda: self._out.append(end)
        self._link.folded = True
        self._invisible += 1

        def close() -> None:
            self._invisible -= 1
            self._out.append(end)

        return close

    def _open_link(self, attributes: dict[str, str], body: str) -> Callable[[], None]:
        href = attributes.get("href", "")
        if self._link or not _fit(href):
            return lambda: None
        self._link = _Link(len(self._out), href, hashtag="hashtag" in attributes.get("class", ""))
        self._out.append("")
        return self._close_link

    def _close_link(self) -> None:
        link, self._link, self._invisible = self._link, None, 0
        assert link is not None
        text, seen = "".join(link.text).strip(), "".join(link.seen).strip()
        if not text:
            return  # a link nobody can see is a link nobody meant to follow
        extra: dict[str, str] = {}
        host = real_host(link.href)
        if handle := self.known.get(link.href):
            self.mentioned[handle] = None
            extra = {"class": "mention", "title": f"@{handle}"}
            if text.lstrip("@").lower() not in (handle.lower(), handle.partition("@")[0].lower()):
                self._relabel(link, f"@{handle}")
        elif link.hashtag and (tag := _HASHTAG_TEXT.fullmatch(text)):
            extra = {"class": "hashtag"}
            if len(self.hashtags) < MAX_HASHTAGS:
                self.hashtags[tag[1]] = None
        elif link.folded and text.rstrip("/") == link.href.rstrip("/") and host in seen:
            self._relabel(link, seen + ("…" if link.ellipsis else ""))
        elif _misleads(text, link.href, host):
            self._out.append(f" [{escape_text(host)}]")
        self._out[link.place] = f"<a{write_attributes({'href': link.href, **extra, 'rel': _RELATION})}>"
        self._out.append("</a>")

    def _relabel(self, link: _Link, text: str) -> None:
        self._out[link.place + 1 :] = [escape_text(text)]


def _fit(href: str) -> bool:
    """Whether every reader takes this address for the same place."""
    if not href or len(href) > MAX_URL or "\\" in href or re.search(r"[\x00-\x20\x7f]", href):
        return False
    return bool(real_host(href))


def real_host(href: str) -> str:
    """The host a link really goes to (for mailto the mail's), or nothing."""
    try:
        parts = urlsplit(href)
        if parts.scheme == "mailto":
            return parts.path.rpartition("@")[2].lower()
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


_SHOWN_URL = re.compile(r"//([^\s/?#\\]+)")
_SHOWN_HOST = re.compile(
    r"(?:@?[^\s@/]+@)?((?:[\w-]+\.)+(?:[^\W\d_]{2,}|xn--[\w-]+|\d{1,3}))\.?(?::\d+)?(?:[/?#\\].*)?"
)


def _misleads(text: str, href: str, host: str) -> bool:
    """Whether a link shows another host than the one it goes to (XSS-09)."""
    text = "".join(char for char in unicodedata.normalize("NFKC", text[:MAX_URL]) if unicodedata.category(char) != "Cf")
    if text.endswith(f"[{host}]"):
        return False
    shown = [found.rpartition("@")[2].partition(":")[0].strip(".,;:!)]}'\"") for found in _SHOWN_URL.findall(text)]
    if alone := _SHOWN_HOST.fullmatch(text.strip()):
        shown.append(alone[1])
    userinfo = not href.startswith("mailto:") and "@" in urlsplit(href).netloc
    return userinfo or any(not _covers(_ascii(name), host) for name in shown)


def _covers(shown: str, host: str) -> bool:
    shown = shown.removeprefix("www.")
    return host == shown or host.endswith(f".{shown}")


def _ascii(host: str) -> str:
    try:
        return host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return host.lower()
