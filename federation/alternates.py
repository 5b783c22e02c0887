"""The ActivityPub document that a web page names, read in one pass."""

import html
import re
from urllib.parse import urljoin

# The head of a page; what a page names later than this is not found.
READ = 256 * 1024
TAGS = 64
TAG_LENGTH = 2048

TYPES = ("application/activity+json", "application/ld+json")
# Each alternative starts with another character and none repeats what may overlap: no input makes it go back.
ATTRIBUTE = re.compile(r"""([a-zA-Z-]{1,32})\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")


def alternate_of_page(page: str, base: str) -> str | None:
    """Where `<link rel="alternate">` of a page says that its ActivityPub document is."""
    page = page[:READ]
    lowered = page.lower()
    if len(lowered) != len(page):
        # A few capitals change their length when lowered; positions must mean the same in both.
        lowered = page
    at = 0
    for _ in range(TAGS):
        at = lowered.find("<link", at)
        end = lowered.find(">", at, at + TAG_LENGTH) if at >= 0 else -1
        if at < 0:
            return None
        if end >= 0:
            found = _named({match[1].lower(): _value(match) for match in ATTRIBUTE.finditer(page, at + 5, end)}, base)
            if found:
                return found
        at += 5
    return None


def alternate_of_header(values: list[str], base: str) -> str | None:
    """The same out of `Link:` headers (RFC 8288)."""
    for part in ",".join(values).split("<")[1 : TAGS + 1]:
        target, closed, parameters = part.partition(">")
        if closed:
            attributes = {match[1].lower(): _value(match) for match in ATTRIBUTE.finditer(parameters.rstrip(", "))}
            found = _named({**attributes, "href": target.strip()}, base)
            if found:
                return found
    return None


def _value(match: re.Match[str]) -> str:
    return html.unescape(match[2] or match[3] or match[4] or "").strip()


def _named(attributes: dict[str, str], base: str) -> str | None:
    kind = attributes.get("type", "").lower().partition(";")[0].strip()
    if "alternate" not in attributes.get("rel", "").lower().split() or kind not in TYPES:
        return None
    href = attributes.get("href", "")
    try:
        return urljoin(base, href) if href else None
    except ValueError:
        return None
