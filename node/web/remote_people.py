"""People and groups of other servers as they are seen from here, to be followed or not."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from node.forum import people as forum_people
from node.forum.errors import NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, forms, look, session
from node.web.look import Head
from storage import blocks, followed_posts, follows, limits, pages, people
from storage.followed_posts import Listed
from storage.pages import Said
from storage.people import Person
from storage.schema import Actor
from storage.work import Work

HANDLE = re.compile(r"(!?)@?([^@/\s]{1,200})@([^@/\s]{1,300})")
LATEST = 30

Verb = Callable[[Work, Actor, Actor], object]


@dataclass(frozen=True, slots=True)
class RemotePage:
    """Someone of another server, finished."""

    person: Person
    state: str | None  # of the viewer's follow: pending, accepted, rejected
    by_hand: bool  # they let followers in one by one
    said: tuple[Said, ...]  # in threads here
    posts: tuple[Listed, ...]  # elsewhere, for whoever follows
    silenced: bool = False  # their server is, and the viewer does not follow them
    blocked: bool = False  # by the viewer


async def show_remote(request: web.Request) -> web.StreamResponse:
    """Someone of another server: who they are, what they said here, and whether one follows them."""
    viewer = session.viewer_of(request)
    found = await request.app[NODE].storage.read(find, request.match_info["handle"], viewer=viewer)
    if found is None or (viewer is None and not found.said):
        raise _nobody()  # whom members follow or like is nobody else's business
    return show(request, found)


def show(request: web.Request, found: RemotePage, *, error: str = "", status: int = 200) -> web.Response:
    """The page about them."""
    head = Head(title=found.person.name, path=addresses.person_path(found.person), indexed=False)
    covered = found.silenced and not request.query.get("anyway")
    return look.page(request, "remote_person.html", head, status=status, page=found, error=error, covered=covered)


async def follow(request: web.Request) -> web.StreamResponse:
    """The reader follows them, or asks to."""
    return await _change(request, forum_people.follow)


async def unfollow(request: web.Request) -> web.StreamResponse:
    """The reader follows them no longer."""
    return await _change(request, forum_people.unfollow)


async def _change(request: web.Request, verb: Verb) -> web.StreamResponse:
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    node = request.app[NODE]
    handle = request.match_info["handle"]

    def act(work: Work) -> str | None:
        target = _named(work, handle, form.text("uri"))
        if target is None:
            return None
        verb(work, people.by_id(work, reader.id), target)
        return addresses.person_path(people.as_person(target))

    try:
        path = await node.storage.write(act)
    except Refusal as refusal:
        found = await node.storage.read(find, handle, viewer=reader.id)
        if found is None:
            raise _nobody() from None
        return show(request, found, error=errors.said(refusal), status=422)
    if path is None:
        raise _nobody()
    return forms.see(forms.path_within(form.text("next"), path))


def _nobody() -> NotFound:
    return NotFound(_("There is nobody of that name here."))


def find(work: Work, handle: str, *, viewer: int | None) -> RemotePage | None:
    """Whoever of another server has that handle, with what the viewer may see of them."""
    actor = _named(work, handle)
    return page_of(work, actor, viewer=viewer) if actor is not None else None


def page_of_id(work: Work, actor_id: int, *, viewer: int | None) -> RemotePage | None:
    """The same by id; None for whoever is hidden here."""
    actor = people.by_id(work, actor_id)
    if actor.local or not follows.is_heard(work, actor.id):
        return None
    return page_of(work, actor, viewer=viewer)


def page_of(work: Work, actor: Actor, *, viewer: int | None) -> RemotePage:
    """The page of that actor for the viewer."""
    followed = people.follow_of(work, viewer, actor.id) if viewer is not None else None
    posts = followed_posts.listed(work, viewer, author_id=actor.id)[0] if viewer is not None else []
    return RemotePage(
        people.as_person(actor),
        followed.state if followed is not None else None,
        actor.manually_approves,
        tuple(pages.said_by(work, actor.id, viewer=viewer, limit=LATEST)),
        tuple(posts),
        limits.silences(work, actor) and (followed is None or followed.state != "accepted"),
        viewer is not None and blocks.of(work, viewer, actor.id) is not None,
    )


def _named(work: Work, handle: str, uri: str = "") -> Actor | None:
    """The actor of a handle; where a form says which of several, that one."""
    match = HANDLE.fullmatch(handle)
    if match is None:
        return None
    if uri:
        actor = people.by_uri(work, uri)
        if actor is not None and not actor.local and follows.is_heard(work, actor.id):
            return actor
        return None
    return follows.elsewhere(work, match[2], match[3], group=match[1] == "!")
