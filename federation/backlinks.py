"""The pages that a web page says are of the same person (`rel=me`), read in one pass."""

import html
import re
from urllib.parse import urljoin, urlsplit

READ = 512 * 1024  # of a page; whoever links back does so before that
TAGS = 2000
TAG_LENGTH = 2048
# Each alternative starts with another character and none repeats what may overlap: no input makes it go back.
ATTRIBUTE = re.compile(r"""([a-zA-Z-]{1,32})\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
OPENING = re.compile(r"<(?:a|link)(?=[\s/])", re.IGNORECASE)
# What stands there is no link of the page, but text about links or a script.
HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style|textarea|template)\b.*?(?:</\1|\Z)", re.IGNORECASE | re.DOTALL)


def links_back(page: str, at: str, to: str) -> bool:
    """Whether the page at that address has a link with `rel=me` to the other address."""
    page = HIDDEN.sub(" ", page[:READ])
    wanted = _plain(to)
    for count, opening in enumerate(OPENING.finditer(page)):
        if count >= TAGS:
            return False
        end = page.find(">", opening.end(), opening.end() + TAG_LENGTH)
        if end < 0:
            continue
        attributes = {match[1].lower(): _value(match) for match in ATTRIBUTE.finditer(page, opening.end(), end)}
        if "me" in attributes.get("rel", "").lower().split() and _absolute(attributes.get("href", ""), at) == wanted:
            return True
    return False


def _value(match: re.Match[str]) -> str:
    return html.unescape(match[2] or match[3] or match[4] or "").strip()


def _absolute(href: str, at: str) -> str | None:
    try:
        return _plain(urljoin(at, href)) if href else None
    except ValueError:
        return None


def _plain(url: str) -> str:
    """The address as it is compared: without what names a place in the page, and without a slash at the end."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}" + (
        f"?{parts.query}" if parts.query else ""
    )
