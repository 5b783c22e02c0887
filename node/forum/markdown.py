"""Markdown as our people write it, made into HTML that still has to pass the sanitizer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from node.forum.html import HASHTAG, LANGUAGES, MAX_HASHTAGS

MAX_MENTIONS = 20  # people linked in one text; the rest stays text (DOS-07)
MAX_ASKED = 100  # names looked up for one text, whether or not there is such a person (DOS-07)
_NESTING = 16  # eight lists in one another; every level is tried again for each of 20,000 brackets (DOS-17)

LinkMention = Callable[[str], str | None]
LinkHashtag = Callable[[str], str | None]

_MARKS = re.compile(
    # Addresses say so with a scheme or www: `README.md` and `node.py` are no hosts. They are taken whole:
    # neither `@user` nor `#part` in one is ours.
    r"(?<!\w)(?P<address>(?:https?://[^\s<>\"]|www\.\w)[^\s<>\"]*)"
    # A host starts the second part only: `@ana@coop.example:8080`.
    r"|(?<![\w@/.#&+-])@(?P<handle>\w(?:[\w.-]{0,62}\w)?(?:@(?:[\w-]{1,63}\.)*[\w-]{1,63}(?::\d{1,5})?)?)(?![\w@])"
    rf"|(?<![\w@/.#&+-])\#(?P<tag>{HASHTAG})(?![\w#])"
)
_MARK = re.compile(r"[@#]|://|www\.", re.IGNORECASE)  # what most texts have none of
_TASK = re.compile(r"\[([ xX])\](?=\s)")


@dataclass
class Found:
    """Whom and what a text names: handle by link target, and hashtags as typed."""

    link_mention: LinkMention
    link_hashtag: LinkHashtag
    mentions: dict[str, str] = field(default_factory=dict)
    hashtags: dict[str, str] = field(default_factory=dict)
    _asked: dict[str, str | None] = field(default_factory=dict)
    _tags: dict[str, str | None] = field(default_factory=dict)

    def person(self, handle: str) -> str | None:
        name, at, host = handle.partition("@")
        handle = name + at + host.lower()
        if handle not in self._asked and len(self._asked) < MAX_ASKED:
            self._asked[handle] = self.link_mention(handle)
        href = self._asked.get(handle)
        if href is None or (href not in self.mentions and len(self.mentions) >= MAX_MENTIONS):
            return None
        self.mentions.setdefault(href, handle)
        return href

    def hashtag(self, tag: str) -> str | None:
        if not any(char.isalpha() for char in tag):
            return None
        key = tag.casefold()
        if key not in self._tags:
            if len(self._tags) >= MAX_HASHTAGS:
                return None
            self._tags[key] = self.link_hashtag(tag)
            self.hashtags[key] = tag
        return self._tags[key]


def render(source: str, found: Found) -> str:
    """The HTML of a Markdown text, whose people and hashtags are noted in `found`."""
    return str(_PARSER.render(source, {"found": found}))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": _NESTING})
    parser.enable(["table", "strikethrough"])
    parser.use(footnote_plugin)
    # Before escaped characters are joined to the text around them: `\\@ana` is meant as text.
    parser.core.ruler.before("text_join", "tasks", _tick_tasks)
    parser.core.ruler.before("text_join", "marks", _link_marks)
    parser.validateLink = _is_linkable  # type: ignore[method-assign]
    for name, rule in _FOOTNOTES.items():
        parser.add_render_rule(name, rule)
    parser.add_render_rule("fence", _fence)
    return parser


def _is_linkable(url: str) -> bool:
    return url.lower().startswith(("http://", "https://", "mailto:"))


def _tick_tasks(state: StateCore) -> None:
    for item, paragraph, inline in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if item.type == "list_item_open" and paragraph.type == "paragraph_open" and inline.children:
            first = inline.children[0]
            if first.type == "text" and (task := _TASK.match(first.content)):
                first.content = ("☐" if task[1] == " " else "☑") + first.content[task.end() :]


def _link_marks(state: StateCore) -> None:
    found: Found = state.env["found"]
    for block in state.tokens:
        if block.type == "inline" and block.children and _MARK.search(block.content):
            block.children = _marked(block.children, found)


def _marked(tokens: list[Token], found: Found) -> list[Token]:
    marked: list[Token] = []
    links = 0
    for token in tokens:
        links += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "text" and not links:
            marked.extend(_pieces(token, found))
        else:
            marked.append(token)
    return marked


def _pieces(token: Token, found: Found) -> list[Token]:
    pieces: list[Token] = []
    done = 0
    text = token.content
    for match in _MARKS.finditer(text):
        shown, kind = match[0], match.lastgroup or ""
        if kind == "handle":
            href = found.person(match[kind])
        elif kind == "tag":
            href = found.hashtag(match[kind])
        else:
            shown = _address(shown)
            href = shown if "://" in shown else f"https://{shown}"
        if href is None:
            continue
        pieces += [
            _text(text[done : match.start()], token.level),
            Token("link_open", "a", 1, attrs={"href": normalizeLink(href), "class": _CLASSES.get(kind, "")}),
            _text(shown, token.level + 1),
            Token("link_close", "a", -1),
        ]
        done = match.start() + len(shown)
    return [*pieces, _text(text[done:], token.level)] if pieces else [token]


_CLASSES = {"handle": "mention", "tag": "hashtag"}


def _address(text: str) -> str:
    """An address without the punctuation of the sentence around it; a bracket that opens inside closes inside."""
    counted = {closing: text.count(closing) - text.count(opening) for opening, closing in ("()", "[]")}
    while True:
        last = text[-1]
        if counted.get(last, 0) > 0:
            counted[last] -= 1
        elif last not in ".,;:!?'*_~|\u2019\u201c\u201d":
            return text
        text = text[:-1]


def _text(content: str, level: int) -> Token:
    return Token("text", "", 0, content=content, level=level)


# Footnotes without ids: fifty comments on one page would share them, and an id is a handle for attacks (XSS-02).
def _footnote_number(renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f"<sup>[{int(tokens[index].meta['id']) + 1}]</sup>"


def _constant(html: str) -> Callable[..., str]:
    return lambda renderer, tokens, index, options, env: html


_FOOTNOTES: dict[str, Callable[..., str]] = {
    "footnote_ref": _footnote_number,
    "footnote_block_open": _constant("<hr>\n<ol>\n"),
    "footnote_block_close": _constant("</ol>\n"),
    "footnote_open": _constant("<li>"),
    "footnote_close": _constant("</li>\n"),
    "footnote_anchor": _constant(""),
}


def _fence(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    words = tokens[index].info.split()
    language = words[0].lower() if words else ""
    start = f'<code class="language-{language}">' if language in LANGUAGES else "<code>"
    return f"<pre>{start}{_escape(tokens[index].content)}</code></pre>\n"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_PARSER = _parser()
