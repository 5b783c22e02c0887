"""What members say and like in threads of other servers: the page of a remark, and the forms for it."""

from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from node.forum import remarks as forum_remarks
from node.forum import submissions, text
from node.forum import threads as forum_threads
from node.forum.errors import NotFound, Refusal
from node.forum.remarks import Elsewhere
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, errors, finding, following, forms, look, mentions, session, threads
from node.web.finding import Here
from node.web.look import Head
from storage import people
from storage import remarks as stored_remarks
from storage.people import Person
from storage.remarks import Said
from storage.schema import Remark
from storage.sessions import Known as Reader
from storage.work import Work

DESCRIPTION = 300
MINE = f"{following.PATH}?view=mine"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an answer goes."""

    author: Person
    group: Person | None
    named: tuple[str, ...]  # handles of others who hear of it
    followers: int


# ------------------------------------------------------------------ the page


async def show_comment(request: web.Request) -> web.StreamResponse:
    """A remark at its own address; everything else of that kind of address is an item of a thread."""
    uid = request.match_info["uid"]
    said = None
    if addresses.UID.fullmatch(uid):
        said = await request.app[NODE].storage.read(stored_remarks.shown, uid)
    if said is None:
        return await threads.show_comment(request)
    creator = f"{said.author.handle}@{request.app[NODE].settings.authority}"
    head = Head(
        title=_("%(name)s, on another server", name=said.author.name),
        path=f"/comment/{uid}",
        description=text.plain(said.html, DESCRIPTION),
        alternate=said.uri,
        kind="article",
        published=said.published_at,
        creator=creator,
        language=said.language,
    )
    return look.page(request, "remark.html", head, said=said)


# ------------------------------------------------------------------ answer


async def show_new(request: web.Request) -> web.StreamResponse:
    """The form to answer what is at an address elsewhere."""
    reader = session.must_be_signed_in(request)
    given = request.query.get("to", "")
    found = await _answered(request, reader, given)
    if isinstance(found, web.Response):
        return found
    locked = await request.app[NODE].storage.read(_why_closed, found)
    return await _form(request, reader, found, source=request.query.get("text", "")[: text.MAX_SOURCE], error=locked)


def _why_closed(work: Work, found: Elsewhere) -> str:
    """Why it takes no answer, said before one is written; nothing where it does."""
    try:
        forum_remarks.must_be_open(work, found)
    except Refusal as refusal:
        return errors.said(refusal)
    return ""


async def answer(request: web.Request) -> web.StreamResponse:
    """Says it, or shows how it will look."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    source = form.text("source")
    found = await _answered(request, reader, form.text("to"), source=source)
    if isinstance(found, web.Response):
        return found
    node = request.app[NODE]
    nonce = forms.nonce_in(form) or ""

    def act(work: Work) -> str:
        led_to = submissions.once(work, reader.id, nonce)
        if led_to is not None:
            return led_to
        words = forum_threads.compose(work, source, language=reader.language)
        remark = forum_remarks.answer(work, people.by_id(work, reader.id), found, words)
        submissions.keep(work, reader.id, nonce, f"/comment/{remark.uid}")
        return f"/comment/{remark.uid}"

    try:
        await mentions.meet_named(node, source)
        if form.flag("preview"):
            preview = await node.storage.read(_rendered, source, reader.language)
            return await _form(request, reader, found, source=source, preview=preview, form=form)
        return forms.see(await node.storage.write(act))
    except (Refusal, TextRefused) as refusal:
        return await _form(request, reader, found, source=source, error=_why(refusal), form=form)


async def _answered(request: web.Request, reader: Reader, given: str, *, source: str = "") -> Elsewhere | web.Response:
    """What is answered; or the page that says why there is nothing to answer, with the words that were written."""
    address = finding.address_in(given)
    error = _("That is not the address of a post.")
    status = 422 if given or source else 200
    if address is not None:
        try:
            found = await finding.look_up(request, reader, address)
            if isinstance(found, Here):
                if not source:
                    return forms.see(found.path)
                error = _("That is a place on this node: answer it there.")
            elif isinstance(found, Elsewhere):
                return found
        except finding.TooOften as often:
            if not source:
                return following.too_often(request, often)
            error, status = _("You looked up a lot within an hour. Please go on in a while."), 429
        except Refusal as refusal:
            error, status = errors.said(refusal), 404
    head = Head(title=_("Answer something of another server"), indexed=False)
    return look.page(
        request, "remark_to.html", head, status=status, to=given[: finding.LONGEST], source=source,
        errors={"to": error} if status != 200 else {},
    )  # fmt: skip


async def _form(
    request: web.Request,
    reader: Reader,
    found: Elsewhere,
    *,
    source: str,
    preview: str = "",
    error: str = "",
    form: forms.Form | None = None,
) -> web.Response:
    reach = await request.app[NODE].storage.read(_reach, reader.id, found)
    head = Head(title=_("Answer %(name)s", name=reach.author.name), indexed=False)
    return look.page(
        request, "remark_form.html", head, found=found, reach=reach, source=source, preview=preview, form=form,
        errors={"source": error} if error else {}, most=text.MAX_SOURCE,
        status=422 if error else 200,
    )  # fmt: skip


def _reach(work: Work, reader_id: int, found: Elsewhere) -> Reach:
    author = people.by_uri(work, found.author)
    if author is None or author.state != "active":
        raise NotFound("Whoever wrote that cannot be found.")
    group = people.by_uri(work, found.group) if found.group else None
    told = {author.uri, found.group, people.by_id(work, reader_id).uri}
    named = tuple(handle for uri, handle in found.mentions if uri not in told)
    return Reach(
        people.as_person(author),
        people.as_person(group) if group is not None else None,
        named,
        people.count_followers(work, reader_id),
    )


def _rendered(work: Work, source: str, language: str | None) -> str:
    return forum_threads.compose(work, source, language=language).html


def _why(refusal: Refusal | TextRefused) -> str:
    return errors.said(refusal) if isinstance(refusal, Refusal) else str(refusal)


# ------------------------------------------------------------------ like


async def like(request: web.Request) -> web.StreamResponse:
    """The reader likes what is at an address elsewhere."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    found = await _answered(request, reader, form.text("to"))
    if isinstance(found, web.Response):
        return found
    undone = form.flag("undo")

    def act(work: Work) -> None:
        forum_remarks.like(work, people.by_id(work, reader.id), found, undone=undone)

    await request.app[NODE].storage.write(act)
    return forms.see(f"/intents/like?object={quote(found.uri, safe='')}")


# ------------------------------------------------------------------ edit and delete


async def show_edit(request: web.Request) -> web.StreamResponse:
    """The form with the words as they are."""
    said = await _mine(request)
    return _edit_form(request, said, source=said.source)


async def edit(request: web.Request) -> web.StreamResponse:
    """Replaces the words."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    said = await _mine(request)
    source = form.text("source")
    node = request.app[NODE]

    def act(work: Work) -> None:
        words = forum_threads.compose(work, source, language=said.language)
        forum_remarks.edit(work, people.by_id(work, reader.id), _row(work, said.uid), words)

    try:
        await mentions.meet_named(node, source)
        if form.flag("preview"):
            preview = await node.storage.read(_rendered, source, said.language)
            return _edit_form(request, said, source=source, preview=preview)
        await node.storage.write(act)
    except (Refusal, TextRefused) as refusal:
        return _edit_form(request, said, source=source, error=_why(refusal))
    return forms.see(f"/comment/{said.uid}")


async def show_delete(request: web.Request) -> web.StreamResponse:
    """Asks once more."""
    head = Head(title=_("Delete what you said"), indexed=False)
    said = await _mine(request)
    return look.page(request, "remark_delete.html", head, said=said)


async def delete(request: web.Request) -> web.StreamResponse:
    """It is gone for good, here and wherever it went."""
    reader = session.must_be_signed_in(request)
    await forms.read(request)
    said = await _mine(request)

    def act(work: Work) -> None:
        forum_remarks.erase(work, people.by_id(work, reader.id), _row(work, said.uid))

    await request.app[NODE].storage.write(act)
    return forms.see(MINE)


async def _mine(request: web.Request) -> Said:
    """The reader's own remark; anybody else's is not there to be changed."""
    reader = session.must_be_signed_in(request)
    uid = request.match_info["uid"]
    said = None
    if addresses.UID.fullmatch(uid):
        said = await request.app[NODE].storage.read(stored_remarks.shown, uid)
    if said is None or said.author.id != reader.id:
        raise NotFound(_("There is no such item here, or it is not public."))
    return said


def _row(work: Work, uid: str) -> Remark:
    found = stored_remarks.by_uid(work, uid)
    if found is None:
        raise NotFound("It is not here any more.")
    return found


def _edit_form(request: web.Request, said: Said, *, source: str, preview: str = "", error: str = "") -> web.Response:
    head = Head(title=_("Edit what you said"), indexed=False)
    return look.page(
        request, "remark_edit.html", head, said=said, source=source, preview=preview, most=text.MAX_SOURCE,
        errors={"source": error} if error else {}, status=422 if error else 200,
    )  # fmt: skip
