"""Markdown as our people write it: safe on our pages and on others', whatever is in it."""

from __future__ import annotations

from node.forum import html, markdown, text
from node.forum.markup import TextRefused
from tests.fuzz.reader import Reader
from tests.fuzz.safety import unsafe


def seeds() -> list[bytes]:
    return [
        b"# Title\n\n*a* **b** ~~c~~ `d`\n\n> quote\n> > more\n\n1. x\n2. y\n   - [ ] z\n   - [x] w\n",
        b'| a | b |\n|---|:-:|\n| <b>x</b> | [y](https://x.test "t") |\n\n```py\nx < 1\n```\n\n    indented\n',
        b"@ana @ana@coop.example:8080 #sheds https://x.test/@ana#b <https://y.test> www.z.test a@b.test",
        b"![alt](https://x.test/a.png) [evil](javascript:alert(1)) [a][b]\n\n[b]: https://x.test/?q=<script>\n",
        b"note[^1] and[^1] [^2]\n\n[^1]: one\n\n[^2]: two [^1]\n",
        b"[good.test](https://evil.test) \\@ana &amp; &#60;script&#62;",
        "<script>alert(1)</script> \u202e Ελληνικά #हिन्दी".encode(),
        b"*a **b [c](d `e* f** " * 8,
    ]


def person(handle: str) -> str | None:
    return f"https://node.test/u/{handle}" if handle.isascii() and "<" not in handle else None


def tag(name: str) -> str | None:
    return f"https://node.test/tags/{name}" if name.isascii() else None


def read(data: bytes) -> None:
    """What somebody wrote, in every form; raises for what may not be in one."""
    source = data.decode("utf-8", "replace")
    try:
        words = text.from_markdown(source, link_mention=person, link_hashtag=tag)
    except TextRefused:
        return
    assert (wrong := unsafe(words.html)) is None, wrong
    assert (wrong := unsafe(words.wire, sent=True)) is None, wrong
    assert len(words.mentions) <= markdown.MAX_MENTIONS
    assert len(words.hashtags) <= html.MAX_HASHTAGS
    again = text.from_markdown(source, link_mention=person, link_hashtag=tag)
    assert again == words, "rendered twice, it is two texts"
    text.title_of(text.plain(words.html, 500))
    text.slug(source)
    text.initials(source)
    line = text.clean_name(source, 100)
    assert text.clean_name(line, 100) == line and len(line) <= 100


READER = Reader(
    "markdown",
    read,
    seeds,
    words=("**", "~~", "```", "](", "![", "[^", "]:", "<http", "- [ ] ", "|---|", "@ana", "#tag", "&#",
           "\\", "> ", "1. ",
           "javascript:", "https://", "www.", "<b>", "\u202e", "\u200b", "    ", "***", "___", "\n\n"),
    seconds=1.0,
)  # fmt: skip
