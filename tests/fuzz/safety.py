"""The judge of HTML: what a browser's algorithm makes of it holds only what is allowed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib

from node.forum.markup import names

TAGS = names(
    "a b code del em i rp rt ruby s span strong sub sup u blockquote br caption div h1 h2 h3 h4 h5 h6 hr li ol p pre"
    " table tbody td tfoot th thead tr ul"
)
ATTRIBUTES = {
    "a": {"href", "title", "class", "rel"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "code": {"class"},
}
EVERYWHERE = {"lang", "dir"}
CLASSES = re.compile(r"|mention|hashtag|language-[a-z]+")
# What microblogs know their mentions and hashtags by is sent to them, and shown by nobody here.
SENT = {"span": {"class", "translate"}}
SENT_CLASSES = re.compile(r"|mention|hashtag|u-url mention|mention hashtag|h-card|language-[a-z]+")


def unsafe(html: str, *, sent: bool = False) -> str | None:
    """The first thing in it that may not be there, as html5lib reads it; None if there is nothing."""
    tree = html5lib.parseFragment(html, container="div", namespaceHTMLElements=False)
    for element in tree.iter():
        if element is tree:
            continue
        if not isinstance(element.tag, str):
            return "a comment"
        if element.tag not in TAGS:
            return f"<{element.tag}>"
        if wrong := _unsafe_attribute(element, sent):
            return wrong
    return None


def _unsafe_attribute(element: Element, sent: bool) -> str | None:
    allowed = EVERYWHERE | ATTRIBUTES.get(element.tag, set()) | (SENT.get(element.tag, set()) if sent else set())
    classes = SENT_CLASSES if sent else CLASSES
    for name, value in element.items():
        if name not in allowed:
            return f"<{element.tag} {name}>"
        if name == "href" and urlsplit(value.strip()).scheme not in ("http", "https", "mailto"):
            return f"a link to {value[:40]!r}"
        if name == "class" and not classes.fullmatch(value):
            return f"the class {value[:40]!r}"
    if (
        not sent
        and element.tag == "a"
        and "href" in element.attrib
        and "noopener" not in element.get("rel", "noopener")
    ):
        return "a link that keeps its opener"
    return None
