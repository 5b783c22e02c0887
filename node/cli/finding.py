"""What people type is found here: a handle, a thread, an item, by name, id or address."""

import re
from urllib.parse import urlsplit

from node.cli.console import Trouble
from storage import groups, people, threads
from storage.schema import Actor, Comment, Group, Thread
from storage.work import Work

UID = re.compile(r"[a-z2-7]{26}")


def our_actor(work: Work, name: str) -> Actor:
    """The person or group of ours with that handle."""
    own_host = work.origin.split("://", 1)[1]
    bare = name.strip().removeprefix("@").removesuffix(f"@{own_host}")
    actor = people.by_uri(work, bare) if "://" in bare else people.by_name(work, bare)
    if actor is None or not actor.local or actor.state == "deleted":
        raise Trouble(f"there is nobody called {bare} here; see: folkmoot person list, folkmoot group list")
    return actor


def our_person(work: Work, name: str) -> Actor:
    """The person of ours with that handle."""
    actor = our_actor(work, name)
    if actor.kind != "person":
        raise Trouble(f"{actor.name} is a {actor.kind}, not a person; see: folkmoot person list")
    return actor


def our_group(work: Work, name: str) -> tuple[Group, Actor]:
    """The group of ours with that handle."""
    actor = our_actor(work, name)
    found = groups.by_id(work, actor.id)
    if found is None:
        raise Trouble(f"{actor.name} is a {actor.kind}, not a group; see: folkmoot group list")
    return found, actor


def anybody(work: Work, name: str) -> Actor:
    """Someone here or known from elsewhere, by handle or id."""
    own_host = work.origin.split("://", 1)[1]
    actor = people.by_uri(work, name) if "://" in name else people.by_handle(work, name, own_host)
    if actor is None or actor.state == "deleted":
        raise Trouble(f"nobody called {name} is known here")
    return actor


def thread(work: Work, given: str) -> Thread:
    """The thread of a uid, or of the address of its page or opening."""
    found = threads.by_uid(work, _uid(given))
    if found is None:
        item = _item(work, given)
        found = threads.by_id(work, item.thread_id) if item is not None else None
    if found is None:
        raise Trouble(f"there is no thread {given}; see: folkmoot thread list")
    return found


def item(work: Work, given: str) -> Comment:
    """The item of a uid or an address; `THREAD#3` and a page's address with `#c-3` are the third one of a thread."""
    found = _item(work, given)
    if found is None:
        raise Trouble(f"there is no item {given}; see: folkmoot thread show THREAD")
    return found


def _item(work: Work, given: str) -> Comment | None:
    address, _, place = given.strip().partition("#")
    number = place.removeprefix("c-")
    found = threads.comment_by_uri(work, address) or threads.comment_by_uid(work, _uid(address))
    if found is not None and number.isdigit():
        return threads.comment_by_number(work, found.thread_id, int(number))
    return found


def _uid(given: str) -> str:
    """The last piece of an address that looks like a uid, without its slug."""
    path = urlsplit(given).path if "://" in given else given.partition("#")[0]
    pieces = [piece.partition("-")[0] for piece in path.split("/")]
    return next((piece for piece in reversed(pieces) if UID.fullmatch(piece)), given)
