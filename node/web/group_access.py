"""A group as a reader may act in it: every page of a group begins by asking this."""

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, session
from storage import groups, invitations, reports
from storage.groups import GroupCard
from storage.schema import Actor, Group
from storage.sessions import Known as Reader
from storage.work import Work

MODERATORS = ("admin", "moderator")


@dataclass(frozen=True, slots=True)
class Access:
    """A group that the reader can see, and what they are in it."""

    card: GroupCard
    path: str
    role: str | None  # of the reader; None for whoever is not in it
    moderates: bool
    administers: bool
    may_invite: bool
    requests: int = 0  # that wait, for whoever moderates
    reports: int = 0
    asked_at: datetime | None = None  # when the reader asked to be let in

    @property
    def is_in(self) -> bool:
        return self.role not in (None, "banned")

    @property
    def may_start(self) -> bool:
        """The reader may start a thread, as far as a page needs to know."""
        if self.card.archived or not self.is_in or self.role == "guest":
            return False
        return self.card.who_may_start == "members" or self.role in MODERATORS


def find(work: Work, name: str, reader: Reader | None) -> Access | None:
    """The group of that handle, as the reader may act in it; None for whom it is not there."""
    row = groups.by_name(work, name) if addresses.NAME.fullmatch(name) else None
    card = groups.card(work, row[1].id, reader.id if reader is not None else None) if row is not None else None
    return of_card(work, card, reader) if card is not None else None


def of_card(work: Work, card: GroupCard, reader: Reader | None) -> Access:
    """What the reader may do in a group that they see."""
    role = card.role if reader is not None else None
    keeper = reader is not None and reader.admin
    moderates = role in MODERATORS or keeper
    asked = None
    if reader is not None and role is None and card.privacy == "closed":
        request = invitations.request_of(work, card.id, reader.id)
        asked = request.created_at if request is not None and request.state in ("waiting", "ignored") else None
    return Access(
        card,
        addresses.path_of(card.uri),
        role,
        moderates,
        role == "admin" or keeper,
        not card.archived and (moderates or (role == "member" and card.privacy == "open")),
        invitations.count_waiting(work, card.id) if moderates else 0,
        reports.count_open(work, card.id) if moderates else 0,
        asked,
    )


async def of(request: web.Request) -> Access:
    """The group at this address for whoever reads; at its own address, whatever it is called now."""
    found = await request.app[NODE].storage.read(find, request.match_info["name"], session.reader_of(request))
    if found is None:
        raise NotFound(_("There is no such group here, or it is not public."))
    asked = f"/g/{request.match_info['name']}"
    if asked != found.path and request.method in ("GET", "HEAD"):
        raise web.HTTPMovedPermanently(found.path + request.path_qs.removeprefix(asked))
    return found


async def for_moderators(request: web.Request) -> Access:
    """The same, for its moderators alone."""
    session.must_be_signed_in(request)
    found = await of(request)
    if not found.moderates:
        raise NotAllowed(_("Only moderators of this group may do this."))
    return found


async def for_admins(request: web.Request) -> Access:
    """The same, for its admins alone."""
    session.must_be_signed_in(request)
    return must_administer(await of(request))


def rows(work: Work, access: Access, reader: Reader) -> tuple[Group, Actor]:
    """The group's row and the reader's, inside a transaction."""
    return work.get_one(Group, access.card.id), work.get_one(Actor, reader.id)


def must_administer(found: Access | None) -> Access:
    """The group, for its admins alone; who does not see it is not told that it is there."""
    if found is None:
        raise NotFound(_("There is no such group here, or it is not public."))
    if not found.administers:
        raise NotAllowed(_("Only admins of this group may do this."))
    return found


def problems(refusal: Refusal | TextRefused, words: str = "form") -> dict[str, str]:
    """What is wrong with a form, by the field that it is about; `words` is the field that holds long text."""
    if isinstance(refusal, NotFound):
        raise refusal  # it is not there, whatever the form says
    if isinstance(refusal, TextRefused):
        return {words: str(refusal)}
    return {(refusal.field if isinstance(refusal, Invalid) else None) or "form": errors.said(refusal)}
