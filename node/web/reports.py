"""Reports of people, the queues of reports, and the log of what moderators did."""

from aiohttp import web

from node.forum import reports, submissions
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, deeds, errors, forms, group_access, look, moderating, session, threads
from node.web.forms import Form
from node.web.group_access import Access
from node.web.look import Head
from storage import moderation, people, subjects
from storage import reports as stored
from storage.people import Person, as_person
from storage.reports import ReportLine
from storage.schema import Actor
from storage.work import Work

LISTED = 30
HANDLE = 330  # characters of name@host


# ------------------------------------------------------------------ somebody is reported


async def show_reported(request: web.Request) -> web.StreamResponse:
    """Says that a report of an item was taken."""
    reader = session.must_be_signed_in(request)
    uid = request.match_info["uid"]
    subject = None
    if addresses.UID.fullmatch(uid):
        subject = await request.app[NODE].storage.read(subjects.of_item, uid, reader.id)
    if subject is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    return _thanks(request, deeds.place_of(subject))


def _thanks(request: web.Request, link: str) -> web.Response:
    return look.page(
        request, "message.html", Head(title=_("Thank you, it was reported"), indexed=False),
        lead=_("Those who can do something about it will look at it, and write down what they decided."),
        link=link, link_words=_("Back to where you were"),
    )  # fmt: skip


async def show_person_report(request: web.Request) -> web.StreamResponse:
    """The form to report someone, here or elsewhere, to the admins of the node."""
    reader = session.must_be_signed_in(request)
    person = await request.app[NODE].storage.read(_person, request.match_info, reader.id)
    return _person_page(request, person)


async def report_person(request: web.Request) -> web.StreamResponse:
    """Reports someone."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    node = request.app[NODE]
    person = await node.storage.read(_person, request.match_info, reader.id)

    def act(work: Work) -> None:
        nonce = forms.nonce_in(form)
        if submissions.once(work, reader.id, nonce) is not None:
            return
        reports.report_person(
            work, people.by_id(work, reader.id), people.by_id(work, person.id), form.text("category"),
            form.text("words"), forward=form.flag("forward"),
        )  # fmt: skip
        submissions.keep(work, reader.id, nonce, f"{request.path}ed")

    try:
        await node.storage.write(act)
    except Invalid as refusal:
        return _person_page(request, person, form=form, told=deeds.told(refusal), status=422)
    return forms.see(f"{request.path}ed")


async def show_person_reported(request: web.Request) -> web.StreamResponse:
    """Says that a report of someone was taken."""
    reader = session.must_be_signed_in(request)
    person = await request.app[NODE].storage.read(_person, request.match_info, reader.id)
    return _thanks(request, addresses.person_path(person))


def _person(work: Work, asked: web.UrlMappingMatchInfo, reader_id: int) -> Person:
    """Whom the address names: one of ours, or someone whom this node has met."""
    found: Actor | None = None
    if "name" in asked and addresses.NAME.fullmatch(asked["name"]):
        found = people.by_name(work, asked["name"])
    elif "handle" in asked and len(asked["handle"]) <= HANDLE:
        found = people.by_handle(work, asked["handle"].lstrip("!"), work.origin.split("://", 1)[1])
    if found is None or found.kind == "group" or found.state == "deleted" or found.kind == "application":
        raise NotFound("There is nobody of that name here.")
    if found.id == reader_id:
        raise NotAllowed("This is you.")
    return as_person(found)


def _person_page(
    request: web.Request, person: Person, *, form: Form | None = None, told: dict[str, str] | None = None,
    status: int = 200,
) -> web.Response:  # fmt: skip
    head = Head(title=_("Report %(name)s", name=person.name), indexed=False)
    categories = [choice for choice in moderating.categories() if choice[0] != "rules"]
    return look.page(
        request, "report_person.html", head, status=status, person=person, categories=categories, form=form or {},
        errors=told or {},
    )  # fmt: skip


# ------------------------------------------------------------------ the queues


async def show_queue(request: web.Request) -> web.StreamResponse:
    """The reports that wait for the group's moderators, or those that were resolved."""
    access = await group_access.for_moderators(request)
    return await _queue(request, access)


async def show_admin_queue(request: web.Request) -> web.StreamResponse:
    """The reports that wait for the admins of the node."""
    session.must_be_admin(request)
    return await _queue(request, None)


async def resolve(request: web.Request) -> web.StreamResponse:
    """Writes down what was decided about a report to a group."""
    access = await group_access.for_moderators(request)
    return await _resolve(request, access)


async def admin_resolve(request: web.Request) -> web.StreamResponse:
    """Writes down what was decided about a report to the node."""
    session.must_be_admin(request)
    return await _resolve(request, None)


async def _resolve(request: web.Request, access: Access | None) -> web.StreamResponse:
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    report_id = int(request.match_info["id"])

    def act(work: Work) -> None:
        report = stored.by_id(work, report_id)
        if report is None or report.group_id != (access.card.id if access is not None else None):
            raise NotFound("There is no such report.")
        reports.resolve(work, people.by_id(work, reader.id), report_id, form.text("words"))

    try:
        await request.app[NODE].storage.write(act)
    except (Invalid, NotAllowed) as refusal:
        return await _queue(request, access, given=(report_id, form.text("words")), refusal=refusal)
    return forms.see(_path(access))


def _path(access: Access | None) -> str:
    return f"{access.path}/reports" if access is not None else "/admin/reports"


async def _queue(
    request: web.Request,
    access: Access | None,
    *,
    given: tuple[int, str] | None = None,
    refusal: Refusal | None = None,
) -> web.Response:
    reader = session.must_be_signed_in(request)
    resolved = "resolved" in request.query
    start = threads.number_in(request, "before")
    group_id = access.card.id if access is not None else None

    def find(work: Work) -> list[ReportLine]:
        return stored.lines(work, group_id, viewer=reader.id, resolved=resolved, before=start, limit=LISTED + 1)

    lines = await request.app[NODE].storage.read(find)
    head = Head(title=_("Reports"), indexed=False, hue=access.card.hue if access is not None else None)
    return look.page(
        request, "reports.html", head, status=422 if refusal is not None else 200, access=access, tab="reports",
        lines=lines[:LISTED], resolved=resolved, path=_path(access), given=given,
        error=errors.said(refusal) if refusal is not None else "",
        categories={value: words for value, words, _hint in moderating.categories()},
        more=lines[LISTED - 1].id if len(lines) > LISTED else None,
    )  # fmt: skip


# ------------------------------------------------------------------ the log


async def show_log(request: web.Request) -> web.StreamResponse:
    """What moderators did in a group, and why: its members read it, and nobody else."""
    reader = session.must_be_signed_in(request)
    access = await group_access.of(request)
    if not (access.is_in and access.role != "guest") and not access.moderates:
        raise NotAllowed("Only members of this group can read its log.")
    before = threads.number_in(request, "before")

    def find(work: Work) -> list[moderation.ActLine]:
        return moderation.acts(work, access.card.id, viewer=reader.id, before=before, limit=LISTED + 1)

    lines = await request.app[NODE].storage.read(find)
    head = Head(title=_("What moderators did"), indexed=False, hue=access.card.hue)
    return look.page(
        request, "log.html", head, access=access, lines=lines[:LISTED], verbs=_verbs(), before=before,
        more=lines[LISTED - 1].id if len(lines) > LISTED else None,
    )  # fmt: skip


def _verbs() -> dict[str, str]:
    """What was done, as it is read after a name and a colon."""
    return {
        "remove": _("removed"),
        "restore": _("restored"),
        "lock": _("locked"),
        "reopen": _("reopened"),
        "pin": _("pinned"),
        "unpin": _("unpinned"),
        "tag": _("changed the tags of"),
        "share opening": _("lets members edit the opening of"),
        "close opening": _("keeps the opening to its author of"),
        "make private": _("made private"),
        "move": _("moved"),
        "split": _("made a thread of its own of a part of"),
        "resolve report": _("resolved a report about"),
        "make admin": _("made an admin"),
        "make moderator": _("made a moderator"),
        "make member": _("made a member"),
        "make guest": _("made a guest"),
        "make banned": _("banned"),
        "unban": _("lifted the ban of"),
        "give a title": _("gave a title to"),
        "remove member": _("removed from the group"),
        "remove guest": _("removed as a guest"),
        "approve request": _("let in"),
        "ignore request": _("did not let in"),
        "create group": _("made the group"),
        "change settings": _("changed the settings of"),
        "rename": _("changed the handle of"),
        "archive": _("archived"),
        "unarchive": _("opened again"),
        "make secret": _("made secret"),
        "reset join link": _("made a new join link for"),
        "switch off join link": _("switched off the join link of"),
    }
