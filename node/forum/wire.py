"""HTML for the fediverse: what is left of a safe text at Mastodon and at forum servers."""

import re
import unicodedata
from html import escape, unescape

from node.forum.markup import BLOCKS, VOID, Token, lex, read_attributes, write_attributes

_SPACE = re.compile(r"\s+")
_CELL = 40  # characters a table column is padded to; a wide cell must not widen every row


def wire(html: str) -> str:
    """The form that survives at Mastodon and forum servers, of HTML that `sanitize` returned.

    Mastodon shows line feeds as lines (pre-wrap), lets table cells run together and drops what it does not know.
    """
    writer = _Wire()
    for token in lex(html):
        writer.take(token)
    return "".join(writer.out)


class _Wire:
    def __init__(self) -> None:
        self.out: list[str] = []
        self._pre = 0
        self._tables = 0
        self._rows: list[list[str]] = []
        self._headed = False
        self._href = ""  # of the link that is open in a table, where only text can follow
        self._skip = 0  # inside a mention, which is written whole at its opening tag
        self._hashtag = False  # at the start of one, whose text comes next

    def take(self, token: Token) -> None:
        kind, name, body = token
        if self._tables or (kind == "open" and name == "table"):
            self._take_table(kind, name, body)
        elif self._skip:
            self._skip += (kind == "open" and name not in VOID) - (kind == "close")
        elif kind == "text":
            self._text(body)
        elif kind == "open":
            self._open(name, body)
        else:
            self._tag(name, f"</{name}>")
            self._pre -= name == "pre"

    def _text(self, text: str) -> None:
        if self._hashtag:
            self.out.append(f"#<span>{text.lstrip('#')}</span>")
            self._hashtag = False
            return
        if not self._pre:
            text = _SPACE.sub(lambda space: " " if "\n" in space[0] else space[0], text)
            if not self.out or _ends_line(self.out[-1]):
                text = text.lstrip(" ")
        if text:
            self.out.append(text)

    def _tag(self, name: str, tag: str) -> None:
        if name in BLOCKS and not self._pre and self.out and not self.out[-1].startswith("<"):
            self.out[-1] = self.out[-1].rstrip(" ")
        self.out.append(tag)

    def _open(self, name: str, body: str) -> None:
        attributes = read_attributes(body)
        title = attributes.pop("title", "")
        classes = attributes.pop("class", "")
        if classes == "mention":
            user = escape(title.lstrip("@").partition("@")[0], quote=False)
            link = write_attributes({"href": attributes.get("href", ""), "class": "u-url mention"})
            self.out.append(f'<span class="h-card" translate="no"><a{link}>@<span>{user}</span></a></span>')
            self._skip = 1
            return
        if classes == "hashtag":
            link = write_attributes({"href": attributes.get("href", ""), "class": "mention hashtag", "rel": "tag"})
            self.out.append(f"<a{link}>")
            self._hashtag = True
            return
        self._tag(name, f"<{name}{write_attributes(attributes)}>")
        self._pre += name == "pre"

    def _take_table(self, kind: str, name: str, body: str) -> None:
        if kind == "text" and self._rows and self._rows[-1]:
            self._rows[-1][-1] += body
        elif kind == "open" and name == "table":
            self._tables += 1
        elif kind == "open" and name in ("tr", "caption") and self._tables == 1:
            self._rows.append([] if name == "tr" else [""])
        elif kind == "open" and name in ("td", "th") and self._tables == 1:
            self._headed |= name == "th" and len(self._rows) == 1
            if self._rows:
                self._rows[-1].append("")
        elif kind == "open" and name == "a":
            attributes = read_attributes(body)
            self._href = "" if "class" in attributes else escape(attributes.get("href", ""), quote=False)
        elif kind == "close" and name == "a" and self._rows and self._rows[-1]:
            if self._href and self._href not in self._rows[-1][-1]:
                self._rows[-1][-1] += f" ({self._href})"
        elif kind == "open" and name in BLOCKS and self._rows and self._rows[-1]:
            self._rows[-1][-1] += " "
        elif kind == "close" and name == "table":
            self._tables -= 1
            if not self._tables:
                self._tag("pre", f"<pre>{_drawn(self._rows, self._headed)}</pre>")
                self._rows, self._headed = [], False


def _ends_line(tag: str) -> bool:
    name = re.match(r"</?([a-z0-9]+)", tag)
    return bool(name and name[1] in BLOCKS)


def _drawn(rows: list[list[str]], headed: bool) -> str:
    """A table as text, its columns padded, still escaped."""
    cells = [[" ".join(unescape(cell).split()) for cell in row] for row in rows if row]
    widths = [0] * max((len(row) for row in cells), default=0)
    for row in cells:
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], min(_CELL, _width(cell)))
    drawn = [
        "  ".join(cell + " " * (widths[column] - _width(cell)) for column, cell in enumerate(row)).rstrip()
        for row in cells
    ]
    if headed and drawn:
        drawn.insert(1, "  ".join("-" * width for width in widths[: len(cells[0])]))
    return escape("\n".join(drawn), quote=False)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
