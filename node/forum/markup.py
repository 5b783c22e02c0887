"""Reading HTML from anywhere: its tags and words in one pass, and the limits it is held to before any parser."""

import re
from collections.abc import Iterator, Mapping
from html import escape, unescape
from typing import Literal, NamedTuple

MAX_HTML = 200_000  # characters from a peer; Mastodon's longest local settings stay below a tenth of it
MAX_DEPTH = 100  # elements in one another; the parser's time is quadratic in it (XSS-11)
MAX_OPENED = 10_000  # elements that could nest, whatever our own reading of their depth says


def names(words: str) -> frozenset[str]:
    """A set of the words of a line."""
    return frozenset(words.split())


INLINE = names("a b code del em i rp rt ruby s span strong sub sup u")
BLOCKS = names("blockquote br caption div h1 h2 h3 h4 h5 h6 hr li ol p pre table tbody td tfoot th thead tr ul")
SAFE_TAGS = INLINE | BLOCKS
# Elements with a near relative that we keep; blocks become a div, so that what stood apart stays apart.
RENAMED = {
    **dict.fromkeys(names("address article aside center dd details dl dt figcaption figure footer header main"), "div"),
    **dict.fromkeys(names("section summary"), "div"),
    **dict.fromkeys(names("kbd samp tt var"), "code"),
    "strike": "s",
    "ins": "u",
}
RAW_TEXT = names("iframe noembed noframes noscript script style textarea title xmp")
VOID = names("area base br col embed hr img input link meta param source track wbr")
# These end by themselves when the next one starts: they cannot nest without one that we count between them.
SELF_ENDING = names("colgroup dd dt li optgroup option p tbody td tfoot th thead tr")
# A closing tag does not end these, it is taken up again in the next block (WHATWG, "active formatting elements").
FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
# A closing tag does not look beyond these (WHATWG, "in scope").
SCOPES = names(
    "annotation-xml applet caption desc foreignobject marquee mi mn mo ms mtext object select table template title"
)


class TextRefused(Exception):
    """A text that is not taken, with a reason for its writer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Token(NamedTuple):
    kind: Literal["open", "close", "text", "hidden"]
    name: str
    body: str  # the attributes of an opening tag as written, or the text, still escaped


def at_edge(text: str) -> str:
    """The text without characters that no database, feed or letter takes: NUL, controls, lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNFIT.sub(lambda match: "\ufffd" if match[0] >= "\ud800" else "", text)


_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


_SPACE = r"[\t\n\f\r ]"
_ATTRIBUTES = (
    r"(?:[\t\n\f\r /]++|[^\t\n\f\r />][^\t\n\f\r />=]*+"
    rf"(?:{_SPACE}*+={_SPACE}*+(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r \"'>][^\t\n\f\r >]*+)?+)?+)*+"
)
_TAG = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?][^>]*(?:>|\Z)|</[^a-zA-Z>][^>]*(?:>|\Z)|</>"
    rf"|<(/?)([a-zA-Z][^\t\n\f\r />]*)({_ATTRIBUTES})(?:>|\Z)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r' ([a-z-]+)="([^"]*)"')
_ALT = re.compile(r"""(?<![\w-])alt=(?:"([^"]*)"|'([^']*)')""")
_END_OF_RAW = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])|\Z", re.IGNORECASE) for name in RAW_TEXT}


def lex(html: str) -> Iterator[Token]:
    """The tags and texts of any HTML, in one pass whose time grows with the length only (XSS-11, DOS-18)."""
    position = 0
    while match := _TAG.search(html, position):
        if match.start() > position:
            yield Token("text", "", html[position : match.start()])
        position = match.end()
        name = (match[2] or "").lower()
        if not name:
            continue
        if match[1]:
            yield Token("close", name, "")
            continue
        yield Token("open", name, match[3])
        if name in RAW_TEXT:
            end = _END_OF_RAW[name].search(html, position)
            assert end is not None  # \Z always matches
            yield Token("hidden", name, html[position : end.start()])
            position = end.start()
    if position < len(html):
        yield Token("text", "", html[position:])


def check_shape(html: str, limit: int = MAX_HTML) -> None:
    """Refuses what would keep the parser busy for seconds, before it sees it (XSS-11)."""
    if len(html) > limit:
        raise TextRefused(f"A text may have {limit} characters; this one has {len(html)}.")
    inside: list[str] = []
    opened = 0
    for kind, name, _ in lex(html):
        if kind == "open" and name not in VOID and name not in SELF_ENDING:
            opened += 1
            inside.append(name)
            if len(inside) > MAX_DEPTH:
                raise TextRefused(f"This text is nested deeper than {MAX_DEPTH} levels.")
            if opened > MAX_OPENED:
                raise TextRefused(f"This text has more than {MAX_OPENED} marked-up parts.")
        elif kind == "close":
            _close(inside, name)


def _close(inside: list[str], name: str) -> None:
    """Ends an element as the parser would, or leaves it open where the parser might."""
    for index in range(len(inside) - 1, -1, -1):
        if inside[index] == name:
            above = inside[index + 1 :]
            inside[index:] = above if name in FORMATTING else [other for other in above if other in FORMATTING]
            return
        if inside[index] in SCOPES:
            return


def lines(html: str) -> list[str]:
    """The words of any HTML, one string per line or block, spaces folded; never empty strings."""
    found = [""]
    for kind, name, body in lex(html):
        if kind == "text":
            found[-1] += body
        elif kind == "open" and name == "img" and (alt := _ALT.search(body)):
            found[-1] += alt[1] or alt[2] or ""
        elif (name in BLOCKS and name not in ("td", "th")) or RENAMED.get(name) == "div":
            found.append("")
        elif name in ("td", "th"):
            found[-1] += " "
    folded = (" ".join(at_edge(unescape(line)).split()) for line in found)
    return [line for line in folded if line]


def read_attributes(body: str) -> dict[str, str]:
    """The attributes of a tag as nh3 writes it."""
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(body)}


def write_attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f' {name}="{escape_text(value).replace(chr(34), "&quot;")}"' for name, value in attributes.items())


def escape_text(text: str) -> str:
    """Text as nh3 writes it, so that what it leaves alone stays the same to the letter."""
    return escape(text, quote=False).replace("\xa0", "&nbsp;")
