"""How far an item came on other servers: for its author, the moderators of its group, and admins."""

from dataclasses import dataclass

from aiohttp import web

from node.forum.errors import NotFound
from node.languages import gettext as _
from node.languages import ngettext
from node.node import NODE
from node.web import addresses, admin_federation, deeds, look, session
from node.web.look import Head
from storage import outcomes, people, subjects
from storage.outcomes import Missed, Telling
from storage.subjects import Subject
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of an item."""

    subject: Subject
    tellings: tuple[Telling, ...]
    missed: tuple[Missed, ...]


async def show_delivery(request: web.Request) -> web.StreamResponse:
    """Which servers were told of the item, and which were not, and why; for everybody else there is no such page."""
    reader = session.must_be_signed_in(request)
    uid = request.match_info["uid"]
    found = None
    if addresses.UID.fullmatch(uid):
        found = await request.app[NODE].storage.read(_find, uid, reader.id)
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    head = Head(title=_("Where it arrived"), indexed=False, hue=found.subject.hue)
    return look.page(
        request, "delivery.html", head, subject=found.subject, back=deeds.place_of(found.subject),
        tellings=[(telling, _kinds()[telling.kind], _summary(telling)) for telling in found.tellings],
        missed=found.missed, fates=admin_federation.fates(), most=outcomes.SERVERS,
    )  # fmt: skip


def _find(work: Work, uid: str, reader_id: int) -> Delivered | None:
    subject = subjects.of_item(work, uid, reader_id)
    if subject is None:
        return None
    reader = people.by_id(work, reader_id)
    if not (deeds.is_author(reader, subject) or deeds.moderates(work, reader, subject)):
        return None
    author_id = subject.author.id if subject.author is not None else None
    told = outcomes.tellings(work, subject.uri, author_id, subject.group_id)
    return Delivered(subject, tuple(told), tuple(outcomes.missed(work, told)))


def _kinds() -> dict[str, str]:
    return {
        "Create": _("Sent in the name of its author"), "Update": _("An edit"), "Delete": _("That it was deleted"),
        "relay": _("Passed on by the group"), "Announce": _("Passed on by the group"),
    }  # fmt: skip


def _summary(telling: Telling) -> str:
    """How far it came, in a sentence."""
    said = [ngettext("Reached %(num)s server", "Reached %(num)s servers", telling.reached)]
    if telling.waiting:
        said.append(ngettext("%(num)s is still tried", "%(num)s are still tried", telling.waiting))
    if telling.given_up:
        said.append(ngettext("%(num)s was given up", "%(num)s were given up", telling.given_up))
    return ", ".join(said) + "."
