"""Words: what people write, safe to show and to send, and the names, titles and slugs made of it."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from node.forum import html as sanitizer
from node.forum import markdown, markup, wire
from node.forum.html import needs_thread as needs_thread
from node.forum.markup import TextRefused as TextRefused

MAX_SOURCE = 100_000  # characters of Markdown: a short book; more is refused, never cut (PAR-25)
MAX_TITLE = 200

LinkMention = Callable[[str], str | None]
LinkHashtag = Callable[[str], str | None]


@dataclass(frozen=True)
class Words:
    """A text in every form it is needed in; `html` and `wire` are safe as they stand."""

    source: str
    source_type: Literal["text/markdown", "text/html"]
    html: str
    wire: str
    language: str | None
    mentions: tuple[str, ...] = ()  # handles: 'ana', 'ana@coop.example'
    hashtags: tuple[str, ...] = ()  # without '#', as typed
    attachments: tuple[tuple[str, str], ...] = ()  # images in the text: (url, alt)


def nobody(handle: str) -> str | None:
    """The default for links of people and hashtags: there are none."""
    return None


def from_markdown(
    source: str,
    *,
    language: str | None = None,
    link_mention: LinkMention = nobody,
    link_hashtag: LinkHashtag = nobody,
) -> Words:
    """What a person here wrote. The two callbacks give absolute links, or None for what stays text.

    Raises TextRefused with a reason for the writer.
    """
    source = markup.at_edge(source)
    if len(source) > MAX_SOURCE:
        raise TextRefused(f"A text may have {MAX_SOURCE} characters; this one has {len(source)}.")
    found = markdown.Found(link_mention, link_hashtag)
    rendered = markdown.render(source, found)
    clean = sanitizer.sanitize(rendered, mentions=found.mentions, limit=sanitizer.MAX_SAFE)
    return Words(
        source=source,
        source_type="text/markdown",
        html=clean.html,
        wire=wire.wire(clean.html),
        language=clean_language(language),
        mentions=tuple(found.mentions.values()),
        hashtags=tuple(found.hashtags.values()),
        attachments=clean.images,
    )


def from_html(
    html: str,
    *,
    language: str | None = None,
    mentions: Mapping[str, str] | None = None,
    hashtags: Iterable[str] = (),
) -> Words:
    """What came from a peer or an import. `mentions`: handle by href, ids and page addresses alike.

    `hashtags` are the names its tags carry beside the text. Raises TextRefused.
    """
    clean = sanitizer.sanitize(html, mentions=mentions)
    return Words(
        source=markup.at_edge(html),
        source_type="text/html",
        html=clean.html,
        wire=wire.wire(clean.html),
        language=clean_language(language),
        mentions=clean.mentions,
        hashtags=_tags([*hashtags, *clean.hashtags]),
        attachments=clean.images,
    )


def wire_from_html(html: str) -> str:
    """The form for the fediverse of HTML from anywhere. Raises TextRefused."""
    return wire.wire(sanitizer.sanitize(html).html)


def plain(html: str, limit: int) -> str:
    """An excerpt of any HTML as one line of plain text, cut between words."""
    return _cut(" ".join(markup.lines(html[: markup.MAX_HTML])), limit)


def title_of(text: str, drop_handle: str | None = None) -> str:
    """A title from HTML or plain text: its first line or sentence, without handles in front; may be empty.

    `drop_handle` ('garden@moot.example') is left out wherever it stands in that line.
    """
    text = text[: markup.MAX_HTML]
    marked_up = any(token.kind != "text" for token in markup.lex(text))
    for line in markup.lines(text) if marked_up else text.splitlines():
        line = clean_name(line, 20 * MAX_TITLE)
        if drop_handle:
            name, _, host = drop_handle.lstrip("@").partition("@")
            host = f"(?:@{re.escape(host)})?" if host else ""
            line = re.sub(rf"\s*(?<![\w@])@{re.escape(name)}{host}(?![\w@])", "", line, flags=re.IGNORECASE)
        line = " ".join(_LEADING_HANDLES.sub("", line).split())
        if any(char.isalnum() for char in line):
            return _first_sentences(line)
    return ""


_LEADING_HANDLES = re.compile(r"^(?:[\s,:;\u2013\u2014-]*@[\w.-]+(?:@[\w.:-]+)?)*[\s,:;\u2013\u2014-]*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[\u3002\uff01\uff1f])")


def _first_sentences(line: str, usual: int = 120) -> str:
    if len(line) <= usual:
        return line
    for end in _SENTENCE_END.finditer(line):
        if 20 <= end.start() <= MAX_TITLE:
            return line[: end.start()]
    return _cut(line, MAX_TITLE)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    words = head.rpartition(" ")[0] if text[limit - 1] != " " else head
    return (words if len(words) > limit // 2 else head).rstrip(" ,;:\u2013\u2014-") + "…"


def _tags(names: Iterable[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for name in names:
        name = markup.at_edge(name).lstrip("#")
        if len(kept) < sanitizer.MAX_HASHTAGS and re.fullmatch(sanitizer.HASHTAG, name):
            kept.setdefault(name.casefold(), name)
    return tuple(kept.values())


# Names

_BLANK = dict.fromkeys(map(ord, "\u115f\u1160\u3164\uffa0\u2800\u034f\u180e"), " ")
_MARKS_PER_LETTER = 3  # Vietnamese, Thai and Devanagari need two or three; more is drawn over other lines (PAR-15)


def clean_name(text: str, limit: int) -> str:
    """One line for a name, title or handle: no controls, no bidi tricks, no towers of marks; may be empty (PAR-15)."""
    text = unicodedata.normalize("NFC", markup.at_edge(text[: 8 * limit])).translate(_BLANK)
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Zs", "Zl", "Zp", "Cc"):
            kept.append(" ")
        elif (category[0] != "C" or char in "\u200c\u200d") and marks <= _MARKS_PER_LETTER:
            kept.append(char)
    line = " ".join("".join(kept).split()).strip("\u200c\u200d ")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean_language(tag: str | None) -> str | None:
    """A language tag (BCP 47) in the usual spelling, or None for what is none."""
    if not tag or not re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", tag):
        return None
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(part.upper() if len(part) == 2 else part for part in rest)])


_SPELLED = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "\u0131": "i"}
)


def slug(title: str, limit: int = 60) -> str:
    """A few ASCII words for an address; 'thread' when the script has no plain spelling in ASCII."""
    letters = unicodedata.normalize("NFKD", title[: 8 * limit].lower().translate(_SPELLED)).encode("ascii", "ignore")
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])'(?=[a-z])", "", letters.decode()))
    kept = ""
    for word in words:
        longer = f"{kept}-{word}" if kept else word[:limit]
        if len(longer) > limit:
            break
        kept = longer
    return kept or "thread"


def initials(name: str) -> str:
    """One or two letters for an avatar."""
    words = [letters for word in clean_name(name, 100).split() if (letters := re.sub(r"[\W_]", "", word))]
    if not words:
        return "?"
    chosen = words[:1] if len(words) == 1 or ord(words[0][0]) >= 0x1100 else [words[0], words[-1]]
    return "".join(word[0] for word in chosen).upper()[:2]


def hue(handle: str) -> int:
    """The angle on the colour wheel that belongs to this handle, the same on every machine."""
    return int.from_bytes(sha256(handle.lower().encode("utf-8", "replace")).digest()[:4], "big") % 360
