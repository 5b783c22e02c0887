"""Reactions and bookmarks: the buttons below an item."""

from aiohttp import web

from node.forum import emoji, reactions, reading
from node.forum.errors import Invalid, NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import conversation, errors, forms, look, session
from node.web.look import Head
from storage import bookmarks, people, threads
from storage import reactions as stored_reactions
from storage.schema import Comment
from storage.work import Work

LISTED = 100  # bookmarks; whoever keeps more finds the older ones by searching
WRITTEN = {"+1": "👍", ":+1:": "👍", ":)": "🙂", ":-)": "🙂", "<3": "❤️", ":heart:": "❤️"}


async def show_reactions(request: web.Request) -> web.StreamResponse:
    """Who reacted to an item and how, and a field for any emoji."""
    return await _show(request)


async def _show(
    request: web.Request, *, given: str = "", wrong: dict[str, str] | None = None, status: int = 200
) -> web.StreamResponse:
    found = await request.app[NODE].storage.read(
        conversation.item_for, request.match_info["uid"], session.viewer_of(request)
    )
    item = None
    if isinstance(found, conversation.Found):
        item = next(iter(found.page.items), found.page.opening)
    if found is None or item is None or item.state != "visible":
        raise NotFound(_("There is no such item here, or it is not public."))
    return look.page(
        request, "reactions.html", Head(title=_("Reactions"), hue=found.page.group.hue, indexed=False),
        status=status, item=item, given=given, wrong=wrong or {}, **conversation.values_of(request, found),
    )  # fmt: skip


async def react(request: web.Request) -> web.StreamResponse:
    """Adds the reader's reaction, or takes it back if it is there already."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    kind = form.text("kind").strip()
    kind = WRITTEN.get(kind, kind)
    try:
        await request.app[NODE].storage.write(_toggle, reader.id, request.match_info["uid"], kind)
    except Invalid as refusal:
        return await _show(request, given=kind, wrong={"kind": errors.said(refusal)}, status=422)
    return await _done(request, form)


def _toggle(work: Work, actor_id: int, uid: str, kind: str) -> None:
    comment = _visible(work, uid, actor_id)
    actor = people.by_id(work, actor_id)
    if kind in ("👍", "like"):
        kind = "like"  # what every server understands
    elif kind in ("👎", "dislike"):
        kind = "dislike"
    elif not emoji.is_emoji(kind):
        raise Invalid("That is not an emoji.", field="kind")
    if stored_reactions.of_actor(work, comment.id, actor_id, kind) is not None:
        reactions.unreact(work, actor, comment, kind)
    else:
        reactions.react(work, actor, comment, kind)


async def bookmark(request: web.Request) -> web.StreamResponse:
    """Keeps an item at hand, or no longer does."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    await request.app[NODE].storage.write(_bookmark, reader.id, request.match_info["uid"], form.text("kept") != "0")
    return await _done(request, form)


def _bookmark(work: Work, reader_id: int, uid: str, kept: bool) -> None:
    comment = threads.comment_by_uid(work, uid)
    if comment is None or not threads.thread_is_visible(work, comment.thread_id, reader_id):
        raise NotFound("There is no such item.")
    reading.bookmark(work, people.by_id(work, reader_id), comment, kept=kept)


def _visible(work: Work, uid: str, viewer: int) -> Comment:
    comment = threads.comment_by_uid(work, uid)
    if comment is None or not threads.is_visible(work, comment.id, viewer):
        raise NotFound("There is no such item.")
    return comment


async def show_bookmarks(request: web.Request) -> web.StreamResponse:
    """What one keeps, the latest first."""
    reader = session.must_be_signed_in(request)
    found = await request.app[NODE].storage.read(lambda work: bookmarks.kept_by(work, reader.id, limit=LISTED))
    return look.page(request, "bookmarks.html", Head(title=_("Bookmarks"), indexed=False), said=found)


async def _done(request: web.Request, form: forms.Form) -> web.StreamResponse:
    if "application/json" in request.headers.get("Accept", ""):
        return web.Response(status=204, headers={"Cache-Control": "no-store"})
    number = await request.app[NODE].storage.read(_number, request.match_info["uid"])
    place = f"#c-{number}" if number else ""
    return forms.see(forms.path_within(form.text("back"), "/bookmarks").partition("#")[0] + place)


def _number(work: Work, uid: str) -> int:
    comment = threads.comment_by_uid(work, uid)
    return comment.number if comment is not None else 0
