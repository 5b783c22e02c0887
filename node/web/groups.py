"""Groups as people read them: all of them on the home page, and each on its own."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from node.forum import text
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, look, old_addresses, threads
from node.web.look import Head
from storage import groups, pages
from storage.groups import GroupCard, Member
from storage.pages import ThreadCard
from storage.work import Work

LATEST = 12  # threads on the home page: a look, not an archive
LISTED = 30  # threads on one page of a group
FACES = 60  # members by name; a longer list is a list of strangers
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEFORE = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Listing:
    """Threads of a group, and where the older ones begin."""

    pinned: tuple[ThreadCard, ...]
    latest: tuple[ThreadCard, ...]
    older: str | None


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A group, finished."""

    group: GroupCard
    listing: Listing
    members: tuple[Member, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A group that was deleted in public."""


# ------------------------------------------------------------------ home


async def show_home(request: web.Request) -> web.Response:
    """The node: what it is, its groups, what is talked about now."""
    node = request.app[NODE]
    cards, latest = await node.storage.read(_home, None)
    head = Head(title=node.settings.name, path="/", description=node.settings.description)
    return look.page(request, "home.html", head, groups=cards, latest=latest)


def _home(work: Work, viewer: int | None) -> tuple[list[GroupCard], list[ThreadCard]]:
    return groups.cards(work, viewer), pages.cards(work, viewer=viewer, limit=LATEST)


# ------------------------------------------------------------------ a group


async def show_group(request: web.Request) -> web.StreamResponse:
    """A group: what it is for, its threads, who is in it, how to follow it."""
    node = request.app[NODE]
    name = request.match_info["name"]
    before = _before(request.query.get("before", ""))
    found = None
    if addresses.NAME.fullmatch(name):
        found = await node.storage.read(find, name, viewer=None, before=before)
    if found is None:
        await old_addresses.lead(request, old_addresses.find_group, name)
        raise NotFound(_("There is no such group here, or it is not public."))
    if isinstance(found, Gone):
        return errors.error_page(request, 410, words=_("This group was deleted."))
    if request.path != found.path:
        raise web.HTTPMovedPermanently(found.path)
    handle = f"{found.group.name}@{node.settings.authority}"
    head = Head(
        title=found.group.title,
        path=found.path,
        description=text.plain(found.group.summary, threads.DESCRIPTION),
        alternate=found.group.uri,
        kind="profile",
        creator=handle,
        language=found.group.language,
        hue=found.group.hue,
        indexed=before is None,
    )
    return look.page(request, "group.html", head, page=found, handle=handle, faces=FACES, first=before is None)


async def show_thread(request: web.Request) -> web.StreamResponse:
    """A thread, or what has a group's old address with a slug behind it."""
    place = threads.PLACE.fullmatch(request.match_info["place"])
    page = await threads.show_thread(request, place[1]) if place else None
    if page is not None:
        return page
    await old_addresses.lead(request, old_addresses.find_group, request.match_info["name"])
    raise NotFound(_("There is no such thread here, or it is not public."))


def find(
    work: Work, name: str, *, viewer: int | None, before: tuple[datetime, int] | None = None
) -> GroupPage | Gone | None:
    """The group of that handle; Gone for one that was deleted in public."""
    row = groups.by_name(work, name)
    if row is None:
        return None
    group, actor = row
    if actor.state == "deleted":
        return Gone() if group.privacy != "secret" else None
    card = groups.card(work, actor.id, viewer)
    if card is None:
        return None
    members = tuple(groups.members(work, actor.id))
    return GroupPage(
        card, list_threads(work, actor.id, viewer=viewer, before=before), members, addresses.path_of(actor.uri)
    )


def list_threads(
    work: Work, group_id: int, *, viewer: int | None, before: tuple[datetime, int] | None = None
) -> Listing:
    """Every pinned thread with the latest others, or the others before a place in their order."""
    pinned = []
    if before is None:
        pinned = pages.cards(work, viewer=viewer, group_id=group_id, pinned=True, limit=None)
    others = pages.cards(work, viewer=viewer, group_id=group_id, pinned=False, limit=LISTED + 1, before=before)
    latest = others[:LISTED]
    older = _place_in_order(latest[-1]) if len(others) > LISTED else None
    return Listing(tuple(pinned), tuple(latest), older)


def _place_in_order(card: ThreadCard) -> str:
    return f"{(card.last_activity_at - EPOCH) // timedelta(microseconds=1)}-{card.id}"


def _before(value: str) -> tuple[datetime, int] | None:
    match = BEFORE.fullmatch(value)
    if match is None:
        return None
    return EPOCH + timedelta(microseconds=int(match[1])), int(match[2])
