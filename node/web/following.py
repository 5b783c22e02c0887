"""The list of what people and groups of other servers publish, for the member who follows them."""

from dataclasses import dataclass

from aiohttp import web

from node.forum import people as forum_people
from node.forum import remarks as forum_remarks
from node.forum.errors import NotFound, Refusal
from node.forum.remarks import Elsewhere
from node.languages import gettext as _
from node.node import NODE
from node.web import errors, finding, forms, look, session, threads
from node.web.look import Head
from storage import followed_posts, follows, people, remarks
from storage.followed_posts import Listed
from storage.follows import Followed
from storage.sessions import Known as Reader
from storage.work import Work

EXCERPT = 600  # characters of plain text; what is longer is opened
PATH = "/following"


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list."""

    posts: tuple[Listed, ...]
    more: bool
    follows_anybody: bool


async def show_following(request: web.Request) -> web.StreamResponse:
    """What those published whom the reader follows, whom they follow, or what they said elsewhere themselves."""
    reader = session.must_be_signed_in(request)
    view = request.query.get("view")
    if view == "people":
        return await _show_people(request, reader)
    before = threads.number_in(request, "before")
    if view == "mine":
        said, more = await request.app[NODE].storage.read(remarks.said_by, reader.id, before=before)
        return _page(request, "following_mine.html", _("Said elsewhere"), said=said, more=more, before=before)
    page = await request.app[NODE].storage.read(find, reader.id, before=before)
    return _page(request, "following.html", _("Following"), page=page, before=before, limit=EXCERPT)


def find(work: Work, reader_id: int, *, before: int | None = None) -> ListPage:
    """One page of the reader's list."""
    posts, more = followed_posts.listed(work, reader_id, before=before)
    return ListPage(tuple(posts), more, bool(posts) or bool(follows.by_follower(work, reader_id)))


async def _show_people(
    request: web.Request, reader: Reader, *, address: str = "", error: str = "", status: int = 200
) -> web.Response:
    found: list[Followed] = await request.app[NODE].storage.read(follows.by_follower, reader.id)
    return _page(
        request, "following_people.html", _("Whom you follow"), people=found, address=address,
        errors={"address": error} if error else {}, status=status,
    )  # fmt: skip


async def follow(request: web.Request) -> web.StreamResponse:
    """Finds somebody by the handle or the address that was typed, and follows them."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    node = request.app[NODE]
    typed = form.text("address")
    address = finding.address_in(typed)
    if address is None:
        error = _("That is neither a handle, such as @ana@coop.example, nor the address of a page.")
        return await _show_people(request, reader, address=typed, error=error, status=422)
    try:
        found = await finding.look_up(request, reader, address)
        if isinstance(found, finding.Here):
            return forms.see(found.path)
        if isinstance(found, Elsewhere):
            raise NotFound("That is the address of a post. Follow whoever wrote it.")

        def act(work: Work) -> None:
            forum_people.follow(work, people.by_id(work, reader.id), people.by_id(work, found))

        await node.storage.write(act)
    except finding.TooOften as often:
        return too_often(request, often)
    except Refusal as refusal:
        return await _show_people(request, reader, address=typed, error=errors.said(refusal), status=422)
    return forms.see(f"{PATH}?view=people")


async def like(request: web.Request) -> web.StreamResponse:
    """The reader likes a post of the list, or takes that back."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    post_id = request.match_info["post"]

    def act(work: Work) -> bool:
        post = followed_posts.one(work, reader.id, int(post_id)) if threads.NUMBER.fullmatch(post_id) else None
        if post is None:
            return False
        liked = Elsewhere(post.uri, post.page, post.author.uri, None, None)
        forum_remarks.like(work, people.by_id(work, reader.id), liked, undone=form.flag("undo"))
        return True

    if not await request.app[NODE].storage.write(act):
        raise NotFound(_("There is no such post in your list (any more)."))
    return forms.see(forms.path_within(form.text("next"), PATH) + f"#p-{post_id}")


def too_often(request: web.Request, often: finding.TooOften) -> web.Response:
    """They look up more than anybody reads."""
    words = _("You looked up a lot within an hour. Please go on in a while.")
    return errors.error_page(request, 429, words=words, headers={"Retry-After": str(often.wait)})


def _page(request: web.Request, template: str, title: str, *, status: int = 200, **values: object) -> web.Response:
    head = Head(title=title, indexed=False)
    return look.page(request, template, head, status=status, **values)
