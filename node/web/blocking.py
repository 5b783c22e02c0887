"""Blocking somebody, here or elsewhere, on a page that says what it means; and the list of whom one blocked."""

from aiohttp import web

from node.forum import blocking
from node.forum.errors import NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, forms, look, session
from node.web.look import Head
from storage import blocks, follows, people
from storage.blocks import Blocked
from storage.people import Person, as_person
from storage.schema import Actor
from storage.work import Work

LIST = "/settings/blocks"
HANDLE = 330  # characters of name@host


async def show_block(request: web.Request) -> web.StreamResponse:
    """Asks whether to block them, or to take that back."""
    reader = session.must_be_signed_in(request)
    person, blocked = await request.app[NODE].storage.read(_found, request.match_info, reader.id)
    return _page(request, person, blocked)


async def block(request: web.Request) -> web.StreamResponse:
    """Blocks them, or takes that back; done twice it is done once."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    node = request.app[NODE]
    verb = blocking.unblock if form.flag("undo") else blocking.block

    def act(work: Work) -> str:
        actor = _named(work, request.match_info, reader.id)
        verb(work, people.by_id(work, reader.id), actor)
        return addresses.person_path(as_person(actor))

    try:
        path = await node.storage.write(act)
    except NotFound:
        raise
    except Refusal as refusal:
        person, blocked = await node.storage.read(_found, request.match_info, reader.id)
        return _page(request, person, blocked, error=errors.said(refusal), status=422)
    return forms.see(path)


async def show_blocks(request: web.Request) -> web.StreamResponse:
    """Whom the reader blocked, each with the way back."""
    reader = session.must_be_signed_in(request)
    found: list[Blocked] = await request.app[NODE].storage.read(blocks.blocked_by, reader.id)
    head = Head(title=_("Whom you blocked"), indexed=False)
    return look.page(request, "settings_blocks.html", head, found=found, done=request.query.get("done") == "1")


async def unblock(request: web.Request) -> web.StreamResponse:
    """Takes back a block of the list; whom they did not block is passed over."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)

    def act(work: Work) -> None:
        target = people.by_uri(work, form.text("uri"))
        if target is not None:
            blocking.unblock(work, people.by_id(work, reader.id), target)

    await request.app[NODE].storage.write(act)
    return forms.see(f"{LIST}?done=1")


def _found(work: Work, asked: web.UrlMappingMatchInfo, reader_id: int) -> tuple[Person, bool]:
    actor = _named(work, asked, reader_id)
    return as_person(actor), blocks.of(work, reader_id, actor.id) is not None


def _named(work: Work, asked: web.UrlMappingMatchInfo, reader_id: int) -> Actor:
    """Whom the address names: somebody of ours, or somebody or a group elsewhere whom this node has met."""
    found: Actor | None = None
    if "name" in asked and addresses.NAME.fullmatch(asked["name"]):
        found = people.by_name(work, asked["name"])
    elif "handle" in asked and len(asked["handle"]) <= HANDLE:
        name, _at, host = asked["handle"].lstrip("!@").partition("@")
        found = follows.elsewhere(work, name, host, group=asked["handle"].startswith("!"))
    standing = found is not None and found.state == "active" and found.id != reader_id
    if found is None or not standing or found.kind == "application" or (found.local and found.kind == "group"):
        raise NotFound("There is nobody of that name here.")
    return found


def _page(request: web.Request, person: Person, blocked: bool, *, error: str = "", status: int = 200) -> web.Response:
    title = _("Unblock %(name)s", name=person.name) if blocked else _("Block %(name)s", name=person.name)
    return look.page(
        request, "block.html", Head(title=title, indexed=False), status=status, person=person, blocked=blocked,
        error=error,
    )  # fmt: skip
