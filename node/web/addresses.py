"""The addresses of pages: where a group, a person, a thread and an item are shown."""

import re
from typing import TypeVar
from urllib.parse import quote, urlsplit

from aiohttp import web

from storage import tags
from storage.people import Person

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


def person_path(person: Person) -> str:
    """The page here of someone, or of a group: of ours their own, of those of other servers one about them."""
    if person.local:
        return path_of(person.uri)
    # A Lemmy may have a person and a community of one name; it calls the latter !name@host.
    return f"/people/{'!' if person.kind == 'group' else ''}{quote(person.handle, safe='@:')}"


def item_place(number: int, *, on_first_page: bool = False) -> str:
    """What leads from a thread's page to item #number, wherever it stands."""
    if number == 0:
        return ""
    return f"#c-{number}" if on_first_page else f"?at={number}#c-{number}"


def reply_path(page: str, number: int) -> str:
    """The place of item #number on its thread's page, with the composer open below it."""
    return f"{page}?reply={number}#compose"


Answer = TypeVar("Answer", bound=web.StreamResponse)


def unseen(response: Answer) -> Answer:
    """An answer at an address that is a secret: it is told to no other site, kept nowhere, found by nobody."""
    # Not no-referrer: browsers send "Origin: null" with the forms of such a page, and we take none that says so.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Cache-Control"] = "no-store"
    return response


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
