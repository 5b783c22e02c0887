"""The addresses of pages: where a group, a person, a thread and an item are shown."""

import re
from urllib.parse import quote, urlsplit

from storage import tags

NAME = re.compile(r"[A-Za-z0-9_]{1,30}")
UID = re.compile(r"[a-z2-7]{1,32}")


def path_of(uri: str) -> str:
    """The path of an actor of ours: its id shows its page."""
    return urlsplit(uri).path


def thread_path(group_path: str, uid: str, slug: str) -> str:
    """The thread's page."""
    return f"{group_path}/{uid}-{quote(slug, safe='')}"


def tag_path(tag: str) -> str:
    """The hashtag's page."""
    return f"/tags/{quote(tags.fold(tag), safe='')}"


def group_path(name: str) -> str:
    """The group's page, by its handle."""
    return f"/g/{name}"


def item_place(number: int, *, on_first_page: bool = False) -> str:
    """What leads from a thread's page to item #number, wherever it stands."""
    if number == 0:
        return ""
    return f"#c-{number}" if on_first_page else f"?at={number}#c-{number}"


def interact_path(object_uri: str, intent: str) -> str:
    """Where a visitor answers, follows or likes from their own server."""
    return f"/interact?object={quote(object_uri, safe='')}&intent={intent}"


def web_address(url: str | None) -> str | None:
    """The URL if a link may lead there: http or https, with a host and nothing hidden in it (XSS-14)."""
    if not url or re.search(r"[\x00-\x20\x7f<>\"\\]", url):
        return None
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            return None
    except ValueError:
        return None
    return url
