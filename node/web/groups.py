"""Groups as people read them: the first page of the node, and each group on its own."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from node.forum import text
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, admin, errors, group_access, look, old_addresses, session, threads
from node.web.group_access import Access
from node.web.look import Head
from storage import groups, invitations, members, pages
from storage.groups import GroupCard
from storage.invitations import InvitationCard
from storage.members import Page
from storage.pages import ThreadCard
from storage.sessions import Known as Reader
from storage.work import Work

LATEST = 12  # threads on the home page: a look, not an archive
LISTED = 30  # threads on one page of a group
FACES = 24  # members by name; the others have a page of their own
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEFORE = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")
IN_A_GROUP = ("admin", "moderator", "member", "guest")


@dataclass(frozen=True, slots=True)
class Listing:
    """Threads of a group, and where the older ones begin."""

    pinned: tuple[ThreadCard, ...]
    latest: tuple[ThreadCard, ...]
    older: str | None


@dataclass(frozen=True, slots=True)
class GroupPage:
    """A group, finished."""

    access: Access
    listing: Listing
    members: Page
    subgroups: tuple[GroupCard, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """The first page, finished: for a member their own groups, for others those of the directory."""

    own: tuple[GroupCard, ...]
    others: tuple[GroupCard, ...]
    latest: tuple[ThreadCard, ...]
    waiting: tuple[InvitationCard, ...]  # invitations of the reader


@dataclass(frozen=True, slots=True)
class Gone:
    """A group that was deleted in public."""


# ------------------------------------------------------------------ home


async def show_home(request: web.Request) -> web.Response:
    """The node: what it is, its groups, what is talked about now."""
    node, reader = request.app[NODE], session.reader_of(request)
    page = await node.storage.read(_home, reader)
    steps = []
    if reader is not None and reader.admin:
        steps = await node.storage.read(admin.first_steps, node.settings, reader.id)
    head = Head(title=node.settings.name, path="/", description=node.settings.description)
    return look.page(request, "home.html", head, home=page, steps=steps)


def _home(work: Work, reader: Reader | None) -> Home:
    viewer = reader.id if reader is not None else None
    cards = groups.cards(work, viewer)
    own = tuple(card for card in cards if card.role not in (None, "banned"))
    latest = pages.cards(work, viewer=viewer, where="own", limit=LATEST) if viewer is not None else []
    if not own and not latest:  # whoever is in nothing yet sees what there is
        latest = pages.cards(work, viewer=viewer, where="listed", limit=LATEST)
    waiting = tuple(invitations.waiting_for(work, viewer)) if viewer is not None else ()
    return Home(own, tuple(card for card in cards if card not in own), tuple(latest), waiting)


# ------------------------------------------------------------------ a group


async def show_group(request: web.Request) -> web.StreamResponse:
    """A group: what it is for, its threads, who is in it, how to join and how to follow it."""
    node = request.app[NODE]
    name = request.match_info["name"]
    before = _before(request.query.get("before", ""))
    found = None
    if addresses.NAME.fullmatch(name):
        found = await node.storage.read(find, name, reader=session.reader_of(request), before=before)
    if found is None:
        await old_addresses.lead(request, old_addresses.find_group, name)
        raise NotFound(_("There is no such group here, or it is not public."))
    if isinstance(found, Gone):
        return errors.error_page(request, 410, words=_("This group was deleted."))
    access, card = found.access, found.access.card
    if request.path != access.path:
        raise web.HTTPMovedPermanently(access.path)
    handle = f"{card.name}@{node.settings.authority}"
    secret = card.privacy == "secret"
    head = Head(
        title=card.title,
        path="" if secret else access.path,  # nothing that others could make a preview of
        description="" if secret else text.plain(card.summary, threads.DESCRIPTION),
        alternate=None if secret else card.uri,
        kind="profile",
        creator=handle,
        language=card.language,
        hue=card.hue,
        indexed=before is None and not secret and card.listed,
        hidden=secret,
    )
    return look.page(request, "group.html", head, page=found, handle=handle, first=before is None)


async def show_thread(request: web.Request) -> web.StreamResponse:
    """A thread, or what has a group's old address with a slug behind it."""
    place = threads.PLACE.fullmatch(request.match_info["place"])
    page = await threads.show_thread(request, place[1]) if place else None
    if page is not None:
        return page
    await old_addresses.lead(request, old_addresses.find_group, request.match_info["name"])
    raise NotFound(_("There is no such thread here, or it is not public."))


def find(
    work: Work, name: str, *, reader: Reader | None, before: tuple[datetime, int] | None = None
) -> GroupPage | Gone | None:
    """The group of that handle; Gone for one that was deleted in public."""
    row = groups.by_name(work, name)
    if row is None:
        return None
    group, actor = row
    if actor.state == "deleted":
        return Gone() if group.privacy != "secret" else None
    viewer = reader.id if reader is not None else None
    card = groups.card(work, actor.id, viewer)
    if card is None:
        return None
    return GroupPage(
        group_access.of_card(work, card, reader),
        list_threads(work, actor.id, viewer=viewer, before=before),
        members.page(work, actor.id, roles=IN_A_GROUP, size=FACES),
        tuple(groups.subgroups(work, actor.id, viewer)),
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
