"""Editing an item: its form, what happens when two edit at once, and its source as it was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from node.forum import drafts, markup, rules, tags
from node.forum import threads as forum
from node.forum.errors import Invalid, NotAllowed, NotFound, Overtaken
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, deeds, forms, look, mentions, session
from node.web.forms import Form
from node.web.look import Head
from node.web.wordings import Piece, differences
from storage import people, revisions, subjects, threads
from storage.schema import Group
from storage.subjects import Subject
from storage.work import Work

SHOWN = ("title", "source", "tags", "note")


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit as it is written so far, and the wording that it began with."""

    subject: Subject
    since: int
    title: str
    source: str
    tags: str
    note: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    preview: str | None = None
    kept: bool = False  # it comes from a draft
    theirs: str | None = None  # what somebody else made of it meanwhile
    theirs_title: str = ""
    between: tuple[Piece, ...] = ()  # from theirs to ours
    form: Form | None = None


async def show_edit(request: web.Request) -> web.StreamResponse:
    """The form with the words as they are, or as the draft has them."""
    reader = session.must_be_signed_in(request)
    edit = await request.app[NODE].storage.read(_begin, request.match_info["uid"], reader.id)
    return _page(request, edit)


async def show_thread_edit(request: web.Request) -> web.StreamResponse:
    """The form for a thread is that for its opening."""
    reader = session.must_be_signed_in(request)
    uid = request.match_info["uid"]
    subject = None
    if addresses.UID.fullmatch(uid):
        subject = await request.app[NODE].storage.read(subjects.of_thread, uid, reader.id)
    if subject is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    raise web.HTTPSeeOther(f"/items/{subject.uid}/edit")


async def edit(request: web.Request) -> web.StreamResponse:
    """Keeps the new words; or shows them as they would be; or shows both where somebody else was quicker."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    node, uid = request.app[NODE], request.match_info["uid"]
    now = await node.storage.read(_begin, uid, reader.id, fresh=True)
    since = form.text("since")
    given = replace(
        _with(now, form), since=int(since) if since.isdecimal() and len(since) < 16 else now.since, form=form
    )
    try:
        if form.text("do") == "draft":
            words = {name: form.text(name) for name in SHOWN} | {"since": str(given.since)}
            await node.storage.write(_keep_draft, reader.id, f"edit:{uid}", words)
            return forms.see(f"/items/{uid}/edit")
        if now.subject.is_public:
            await mentions.meet_named(node, given.source)
        if form.text("do") == "preview":
            html = await node.storage.read(_rendered, given)
            return _page(request, replace(given, preview=html))
        return forms.see(await node.storage.write(_edit, uid, reader.id, given))
    except Overtaken as overtaken:
        return _page(request, _beside(given, now, deeds.told(overtaken)), status=409)
    except (Invalid, NotAllowed, TextRefused) as refusal:
        return _page(request, replace(given, errors=deeds.told(refusal)), status=422)


def _beside(given: Edit, now: Edit, told: dict[str, str]) -> Edit:
    """Both wordings; sent again, ours takes the place of theirs."""
    return replace(
        given, errors=told, since=now.since, theirs=now.source, theirs_title=now.title,
        between=differences(now.source, given.source),
    )  # fmt: skip


def _begin(work: Work, uid: str, reader_id: int, *, fresh: bool = False) -> Edit:
    """What there is to edit, for whom the rules let edit it."""
    subject = subjects.of_item(work, uid, reader_id) if addresses.UID.fullmatch(uid) else None
    if subject is None or subject.state in ("deleted", "missing", "refused", "moved"):
        raise NotFound("There is no such item.")
    editor = people.by_id(work, reader_id)
    thread = threads.by_id(work, subject.thread_id)
    comment = threads.comment(work, subject.id)
    rules.may_edit(work, editor, comment, thread, work.get_one(Group, thread.group_id))
    if subject.state != "visible":
        raise NotAllowed("A moderator took this away. It can be edited again when it is restored.")
    since = revisions.latest_id(work, subject.id)
    begun = Edit(subject, since, subject.title if subject.number == 0 else "", subject.source, ", ".join(subject.tags))
    words = {} if fresh else drafts.words_in(work, reader_id, f"edit:{uid}")
    if not words:
        return begun
    # With the wording that the draft began with: where another came since, both are shown.
    began_with = words.get("since", "")
    return replace(_with(begun, words), since=int(began_with) if began_with.isdecimal() else since, kept=True)


def _with(begun: Edit, words: Mapping[str, str]) -> Edit:
    title, source, tags_, note = (words.get(name, getattr(begun, name)) for name in SHOWN)
    return replace(begun, title=title, source=source, tags=tags_, note=note)


def _edit(work: Work, uid: str, reader_id: int, given: Edit) -> str:
    editor, comment = people.by_id(work, reader_id), threads.comment(work, given.subject.id)
    opening = comment.number == 0
    thread = threads.hold(work, comment)
    chosen = tags.split(given.tags) if opening else None
    if chosen is not None and given.form is not None and given.form.text("tags_were") == given.tags:
        chosen = None  # left as they were: who changed them meanwhile is not undone
    forum.edit_comment(
        work, editor, comment,
        forum.compose(work, given.source, language=comment.language or thread.language),
        title=given.title if opening else None, given_tags=chosen, note=given.note, since=given.since,
    )  # fmt: skip
    drafts.drop_draft(work, editor, f"edit:{uid}")
    return deeds.path_now(work, given.subject, reader_id)


def _keep_draft(work: Work, reader_id: int, place: str, words: dict[str, str]) -> None:
    drafts.keep_draft(work, people.by_id(work, reader_id), place, words)


def _rendered(work: Work, given: Edit) -> str:
    return forum.compose(work, given.source, language=given.subject.language).html


def _page(request: web.Request, given: Edit, *, status: int = 200) -> web.Response:
    subject = given.subject
    head = Head(
        title=_("Edit the opening") if subject.number == 0 else _("Edit #%(number)s", number=subject.number),
        indexed=False,
        hue=subject.hue,
    )
    return look.page(
        request, "edit.html", head, status=status, edit=given, subject=subject, back=deeds.place_of(subject),
        shown=SHOWN, longest=forum.TITLE, longest_note=forum.NOTE, most=tags.MOST,
    )  # fmt: skip


# ------------------------------------------------------------------ as it was written


async def show_source(request: web.Request) -> web.StreamResponse:
    """The words of an item as plain text: Markdown where that is what they were written in."""
    uid, viewer = request.match_info["uid"], session.viewer_of(request)
    subject = None
    if addresses.UID.fullmatch(uid):
        subject = await request.app[NODE].storage.read(subjects.of_item, uid, viewer)
    if subject is None or subject.state != "visible":
        raise NotFound(_("There is no such item here, or it is not public."))
    words = subject.source if subject.markdown else "\n\n".join(markup.lines(subject.html))
    response = web.Response(text=words, content_type="text/plain", charset="utf-8")
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
