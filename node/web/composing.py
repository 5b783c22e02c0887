"""Writing an answer: the form where one would answer, its preview, its draft, and whom one may mean."""

from dataclasses import dataclass

from aiohttp import web

from node.forum import drafts, submissions
from node.forum import threads as forum
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, audiences, conversation, errors, forms, look, session
from node.web.conversation import Found, Wanted, Written
from node.web.forms import Form
from node.web.look import Head
from storage import audience, mentions, people, readings, threads
from storage import drafts as stored_drafts
from storage.schema import Thread
from storage.work import Work

OF_FORMS = frozenset(("csrf", "nonce", "place", "do", "seen", "view", "back"))  # what no draft needs to keep


@dataclass(frozen=True, slots=True)
class Posted:
    """Where an answer stands, and how many others came while it was written."""

    led_to: str
    uid: str = ""
    came: int = 0


# ------------------------------------------------------------------ answering


async def reply(request: web.Request) -> web.StreamResponse:
    """Posts an answer; or shows it as it would be; or keeps it as a draft."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    uid, source = request.match_info["uid"], form.text("source")
    written = Written(source, nonce=forms.nonce_in(form) or "")
    node = request.app[NODE]
    try:
        if form.text("do") == "preview":
            return await _show_again(request, uid, form, Written(source, preview=True, nonce=written.nonce))
        if form.text("do") == "draft":
            await node.storage.write(_keep_draft, reader.id, f"reply:{uid}", {"source": source})
            return forms.see(await _place_of(request, uid, form))
        seen = form.text("seen")
        posted = await node.storage.write(
            _post, reader.id, uid, source, written.nonce, int(seen) if conversation.NUMBER.fullmatch(seen) else None
        )
    except (Invalid, NotAllowed, TextRefused) as refusal:
        words = errors.said(refusal) if isinstance(refusal, Refusal) else str(refusal)
        if _wants_json(request):
            return _json({"error": words}, status=422)
        written = Written(source, errors={"source": words}, nonce=written.nonce)
        return await _show_again(request, uid, form, written, status=422)
    except NotFound:
        return _give_back(request, form, 404)
    if _wants_json(request):
        return _json({"led_to": posted.led_to, "uid": posted.uid, "came": posted.came})
    return forms.see(posted.led_to)


def _post(work: Work, author_id: int, uid: str, source: str, nonce: str, seen: int | None) -> Posted:
    """The answer once, however often it is sent; its draft goes with it."""
    led_to = submissions.once(work, author_id, nonce)
    if led_to is not None:
        return Posted(led_to)
    parent = threads.comment_by_uid(work, uid)
    if parent is None or not threads.thread_is_visible(work, parent.thread_id, author_id):
        raise NotFound("There is no such item.")
    author = people.by_id(work, author_id)
    comment = forum.post_comment(work, author, parent, forum.compose(work, source))
    drafts.drop_draft(work, author, f"reply:{uid}")
    came = 0
    if seen is not None and comment.number - 1 > seen:
        came = readings.count_new(work, comment.thread_id, [(seen + 1, comment.number - 1)], author_id)
    thread = threads.by_id(work, comment.thread_id)
    query = f"?at={comment.number}" + (f"&came={came}" if came else "")
    led_to = f"{_path(work, thread)}{query}#c-{comment.number}"
    submissions.keep(work, author_id, nonce, led_to)
    return Posted(led_to, comment.uid, came)


def _path(work: Work, thread: Thread) -> str:
    group = people.by_id(work, thread.group_id)
    return addresses.thread_path(addresses.path_of(group.uri), thread.uid, thread.slug)


async def show_reply(request: web.Request) -> web.StreamResponse:
    """The address of the form, asked for as a page, leads to where the form is."""
    session.must_be_signed_in(request)
    return forms.see(await _place_of(request, request.match_info["uid"], Form([])))


async def show_composer(request: web.Request) -> web.StreamResponse:
    """The form alone, to be put below the item that it answers."""
    reader = session.must_be_signed_in(request)
    found = await request.app[NODE].storage.read(
        conversation.composer_for, request.match_info["uid"], reader.id, quote="quote" in request.query
    )
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    page, may, composer = found
    values = conversation.values_of(request, Found(page, may))
    return look.page(request, "composer.html", Head(title="", indexed=False), composer=composer, **values)


async def _show_again(
    request: web.Request, uid: str, form: Form, written: Written, *, status: int = 200
) -> web.StreamResponse:
    """The page with what was written, nothing lost; where the thread is gone, the words alone."""
    reader = session.must_be_signed_in(request)
    view = form.text("view")
    found = await request.app[NODE].storage.read(
        _find_again, uid, view if view in conversation.VIEWS else "tree", reader.id, written
    )
    if found is None:
        return _give_back(request, form, 404)
    if found[0].composer is None:
        return _give_back(request, form, 403)
    return conversation.render(request, *found, status=status)


def _find_again(work: Work, uid: str, view: str, viewer: int, written: Written) -> tuple[Found, Wanted] | None:
    comment = threads.comment_by_uid(work, uid)
    if comment is None:
        return None
    wanted = Wanted(view, at=comment.number or None, reply=comment.number)
    found = conversation.find_for(work, threads.by_id(work, comment.thread_id).uid, wanted, viewer, written)
    return (found, wanted) if isinstance(found, Found) else None


def _give_back(request: web.Request, form: Form, status: int) -> web.Response:
    """The words alone, where there is nothing (any more) that they could answer."""
    if _wants_json(request):
        return _json({"error": _("There is no such item here, or it is not public.")}, status=status)
    head = Head(title=_("Your words are still here"), indexed=False)
    response = look.page(
        request, "kept.html", head, status=status, why="gone", action=request.path_qs, fields=forms.to_give_back(form),
        signed_in=True,
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return response


async def _place_of(request: web.Request, uid: str, form: Form) -> str:
    found = await request.app[NODE].storage.read(_place, uid, session.viewer_of(request))
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    path, number = found
    view = form.text("view")
    flat = f"view={view}&" if view in ("flat", "new") else ""
    return f"{path}?{flat}reply={number}#compose"


def _place(work: Work, uid: str, viewer: int | None) -> tuple[str, int] | None:
    comment = threads.comment_by_uid(work, uid)
    if comment is None or not threads.thread_is_visible(work, comment.thread_id, viewer):
        return None
    return _path(work, threads.by_id(work, comment.thread_id)), comment.number


# ------------------------------------------------------------------ what scripts ask


async def preview(request: web.Request) -> web.StreamResponse:
    """Markdown as it would be shown, and who would get it."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    try:
        html, told = await request.app[NODE].storage.read(
            _preview, reader.id, form.text("source"), form.text("place").removeprefix("reply:")
        )
    except TextRefused as refusal:
        return _json({"error": str(refusal)}, status=422)
    return _json({"html": html, "audience": told})


def _preview(work: Work, reader_id: int, source: str, uid: str) -> tuple[str, str]:
    words = forum.compose(work, source)
    parent = threads.comment_by_uid(work, uid)
    if parent is None or not threads.thread_is_visible(work, parent.thread_id, reader_id):
        return words.html, ""
    heard = audience.of_reply(work, parent, reader_id, mentioned=audience.mentioned_ids(work, words.mentions))
    return words.html, audiences.said(heard)


async def complete_mention(request: web.Request) -> web.StreamResponse:
    """People whose handle or name begins as somebody types it."""
    reader = session.must_be_signed_in(request)
    words, thread = request.query.get("q", "")[:80], request.query.get("thread", "")[:40]
    if forms.NO_TEXT.search(words + thread):
        return _json([])
    found = await request.app[NODE].storage.read(_complete, words, thread, reader.id)
    return _json([{"handle": person.handle, "name": person.name, "remote": not person.local} for person in found])


def _complete(work: Work, words: str, uid: str, reader_id: int) -> list[people.Person]:
    thread = threads.by_uid(work, uid) if uid else None
    seen = thread is not None and threads.thread_is_visible(work, thread.id, reader_id)
    place = thread.id if thread is not None and seen else None
    return mentions.beginning_with(work, words, thread_id=place, viewer=reader_id)


# ------------------------------------------------------------------ drafts


async def keep_draft(request: web.Request) -> web.StreamResponse:
    """Keeps what a form holds so far, or throws it away."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    place, words = form.text("place"), {name: form[name] for name in form if name not in OF_FORMS}
    node = request.app[NODE]
    if form.text("do") == "discard":
        await node.storage.write(_drop_draft, reader.id, place)
        return _json({}) if _wants_json(request) else forms.see(forms.path_within(form.text("back"), "/drafts"))
    try:
        await node.storage.write(_keep_draft, reader.id, place, words)
    except Invalid as refusal:
        return _json({"error": errors.said(refusal)}, status=422)
    return _json({"kept_at": node.storage.now().isoformat()})


def _keep_draft(work: Work, writer_id: int, place: str, words: dict[str, str]) -> None:
    drafts.keep_draft(work, people.by_id(work, writer_id), place, words)


def _drop_draft(work: Work, writer_id: int, place: str) -> None:
    drafts.drop_draft(work, people.by_id(work, writer_id), place)


async def show_drafts(request: web.Request) -> web.StreamResponse:
    """Everything that one began to write, each with where it goes on."""
    reader = session.must_be_signed_in(request)
    found = await request.app[NODE].storage.read(stored_drafts.told, reader.id)
    return look.page(request, "drafts.html", Head(title=_("Drafts"), indexed=False), drafts=found)


def _wants_json(request: web.Request) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def _json(body: object, *, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
