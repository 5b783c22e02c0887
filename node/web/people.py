"""People of this node as others see them."""

from dataclasses import dataclass, replace

from aiohttp import web

from node.forum import accounts, profiles, text
from node.forum.errors import NotFound
from node.forum.profiles import Field
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, look, old_addresses, session
from node.web.look import Head
from storage import blocks, pages, people, remarks
from storage.pages import Said
from storage.people import Person
from storage.remarks import Said as Remark
from storage.work import Work

LATEST = 30  # of what someone said
DESCRIPTION = 300
NOT_PEOPLE = ("group", "application")


@dataclass(frozen=True, slots=True)
class PersonPage:
    """Someone, finished."""

    person: Person
    said: tuple[Said, ...]
    followers: int
    indexable: bool
    language: str | None
    fields: tuple[Field, ...] = ()
    elsewhere: tuple[Remark, ...] = ()  # said on other servers
    deactivated: bool = False  # they take a break: their name stands, and nothing else
    blocked: bool = False  # by the viewer


@dataclass(frozen=True, slots=True)
class Gone:
    """Someone who left and took their account with them."""


async def show_person(request: web.Request) -> web.StreamResponse:
    """Someone of this node: who they are and what they said in public."""
    node = request.app[NODE]
    name = request.match_info["name"]
    viewer = session.viewer_of(request)
    found = await node.storage.read(find, name, viewer=viewer) if addresses.NAME.fullmatch(name) else None
    if found is None:
        await old_addresses.lead(request, old_addresses.find_person, name)
        raise NotFound(_("There is nobody of that name here."))
    if isinstance(found, Gone):
        return errors.error_page(request, 410, words=_("This account was deleted."))
    path = addresses.path_of(found.person.uri)
    if request.path != path:
        raise web.HTTPMovedPermanently(path)
    handle = f"{found.person.handle}@{node.settings.authority}"
    head = Head(
        title=found.person.name,
        path=path,
        description=text.plain(found.person.summary, DESCRIPTION),
        alternate=found.person.uri,
        kind="profile",
        creator=handle,
        language=found.language,
        indexed=found.indexable and not found.deactivated,
    )
    return look.page(request, "person.html", head, page=found, handle=handle, own=found.person.id == viewer)


def find(work: Work, name: str, *, viewer: int | None) -> PersonPage | Gone | None:
    """The person of that handle with what the viewer may read of them."""
    actor = people.by_name(work, name)
    if actor is None or actor.kind in NOT_PEOPLE or actor.state == "suspended":
        return None
    if actor.state == "deleted":
        return Gone()
    shown = people.as_person(actor)
    followers = people.count_followers(work, actor.id)
    if accounts.is_deactivated(work, actor.id):
        hidden = replace(shown, summary="")
        return PersonPage(hidden, (), followers, False, actor.language, deactivated=True)
    said = tuple(pages.said_by(work, actor.id, viewer=viewer, limit=LATEST))
    elsewhere = tuple(remarks.said_by(work, actor.id, limit=LATEST)[0])
    blocked = viewer is not None and blocks.of(work, viewer, actor.id) is not None
    fields = profiles.fields(actor)
    return PersonPage(shown, said, followers, actor.indexable, actor.language, fields, elsewhere, blocked=blocked)
