"""The settings of a group, for its admins: what it is and what may be done in it, its handle, and its end."""

from collections.abc import Callable

from aiohttp import web

from node.forum import groups, withdrawals
from node.forum.errors import NotAllowed, Refusal
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, group_access, look, session
from node.web.forms import Form
from node.web.group_access import Access
from node.web.look import Head
from node.web.new_group import STEP, hue_choices, language_choices
from storage import people
from storage.schema import Actor, Group
from storage.work import Work

TEXTS = ("title", "description", "privacy", "who_may_start", "threads", "comments", "language", "join_prompt")
FLAGS = ("outsiders_may_start", "outsiders_may_comment", "listed")
NUMBERS = ("hue", "slow_mode")
Deed = Callable[[Work, Group, Actor, Form], None]


async def show_settings(request: web.Request) -> web.StreamResponse:
    """All settings of the group on one page."""
    access = await group_access.for_admins(request)
    values = await request.app[NODE].storage.read(_values, access.card.id)
    return _page(request, access, values, done=request.query.get("done", ""))


def _values(work: Work, group_id: int) -> dict[str, str]:
    group, actor = work.get_one(Group, group_id), people.by_id(work, group_id)
    return {
        "title": actor.display_name,
        "description": actor.summary_source or "",
        "privacy": group.privacy,
        "who_may_start": group.who_may_start,
        "threads": group.threads,
        "comments": group.comments,
        "language": group.language,
        "join_prompt": group.join_prompt,
        "outsiders_may_start": "1" if group.outsiders_may_start else "",
        "outsiders_may_comment": "1" if group.outsiders_may_comment else "",
        "listed": "1" if group.listed else "",
        "hue": str(look.hue_step(group.hue)),
        "slow_mode": str(group.slow_mode),
        "name": actor.name,
    }


def _page(
    request: web.Request,
    access: Access,
    values: dict[str, str],
    problems: dict[str, str] | None = None,
    *,
    done: str = "",
) -> web.Response:
    head = Head(title=_("Settings"), indexed=False, hue=access.card.hue)
    response = look.page(
        request, "group_settings.html", head, status=422 if problems else 200, access=access, given=values,
        errors=problems or {}, done=done, languages=language_choices(values["language"]), hues=hue_choices(),
        slowness=slow_choices(values["slow_mode"]),
    )  # fmt: skip
    return entrance.private(response)


def slow_choices(own: str) -> list[tuple[str, str]]:
    """How long members wait between two comments; an odd one that is set already is kept."""
    choices = {
        "0": _("off"), "30": _("30 seconds"), "60": _("1 minute"), "300": _("5 minutes"), "900": _("15 minutes"),
        "3600": _("1 hour"), "21600": _("6 hours"), "86400": _("1 day"),
    }  # fmt: skip
    return list(({own: _("%(seconds)s seconds", seconds=own)} | choices).items())


async def save(request: web.Request) -> web.StreamResponse:
    """Keeps the settings."""
    form = await forms.read(request)
    access = await group_access.for_admins(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    held = await node.storage.read(_values, access.card.id)
    given = held | {name: form[name] for name in (*TEXTS, *NUMBERS) if name in form}
    given |= {name: form.text(name) for name in FLAGS}
    try:
        await node.storage.write(_save, access.card.id, reader.id, given)
    except (Refusal, TextRefused) as refusal:
        return _page(request, access, given, group_access.problems(refusal, "description"))
    return forms.see(f"{access.path}/settings?done=settings")


def _save(work: Work, group_id: int, reader_id: int, given: dict[str, str]) -> None:
    group = work.get_one(Group, group_id)
    secret = group.privacy == "secret"
    groups.edit_group(
        work,
        group,
        by=work.get_one(Actor, reader_id),
        title=given["title"],
        description=given["description"],
        privacy=None if secret else given["privacy"],
        who_may_start=given["who_may_start"],
        threads=None if secret else given["threads"],
        comments=given["comments"],
        language=given["language"],
        join_prompt=given["join_prompt"],
        outsiders_may_start=None if secret else bool(given["outsiders_may_start"]),
        outsiders_may_comment=None if secret else bool(given["outsiders_may_comment"]),
        listed=bool(given["listed"]),
        hue=_number(given["hue"]) * STEP % 360,
        slow_mode=_number(given["slow_mode"]),
    )


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else 0


# ------------------------------------------------------------------ handle, archive


async def rename(request: web.Request) -> web.StreamResponse:
    """Gives the group another handle."""
    form = await forms.read(request)
    access = await group_access.for_admins(request)
    return await _act(request, access, form, "name", _rename)


def _rename(work: Work, group: Group, actor: Actor, form: Form) -> None:
    groups.rename_group(work, actor, group, form.text("name"))


async def archive(request: web.Request) -> web.StreamResponse:
    """Archives the group, or opens it again."""
    form = await forms.read(request)
    access = await group_access.for_admins(request)
    return await _act(request, access, form, "reason", _archive)


def _archive(work: Work, group: Group, actor: Actor, form: Form) -> None:
    groups.archive_group(work, actor, group, form.text("reason"), archived=form.text("act") == "archive")


async def _act(request: web.Request, access: Access, form: Form, field: str, deed: Deed) -> web.Response:
    """One act of the settings page that stands in a form of its own."""
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    try:
        await node.storage.write(_do, access.card.id, reader.id, form, deed)
    except Refusal as refusal:
        values = await node.storage.read(_values, access.card.id)
        words = next(iter(group_access.problems(refusal).values()))
        return _page(request, access, values | {field: form.text(field)}, {field: words})
    return forms.see(f"{access.path}/settings?done={field}")


def _do(work: Work, group_id: int, reader_id: int, form: Form, deed: Deed) -> None:
    deed(work, work.get_one(Group, group_id), work.get_one(Actor, reader_id), form)


# ------------------------------------------------------------------ what cannot be taken back


async def show_secret(request: web.Request) -> web.StreamResponse:
    """What it means to make the group secret."""
    session.must_have_proved(request)
    return _end_page(request, await group_access.for_admins(request), "group_secret.html", _("Make this group secret"))


async def make_secret(request: web.Request) -> web.StreamResponse:
    """Hides the group from everybody but its members, for ever."""
    form = await forms.read(request)
    reader = session.must_have_proved(request)
    access = await group_access.for_admins(request)
    try:
        await request.app[NODE].storage.write(_make_secret, access.card.id, reader.id, form)
    except Refusal as refusal:
        problems = group_access.problems(refusal)
        return _end_page(request, access, "group_secret.html", _("Make this group secret"), form, problems)
    return forms.see(access.path if access.is_in else "/groups")


def _make_secret(work: Work, group_id: int, reader_id: int, form: Form) -> None:
    group, actor = work.get_one(Group, group_id), work.get_one(Actor, reader_id)
    withdrawals.make_secret(work, actor, group, form.text("typed"), form.text("reason"))


async def show_delete(request: web.Request) -> web.StreamResponse:
    """What it means to delete the group; admins of the node alone do."""
    session.must_have_proved(request)
    return _end_page(request, await _for_keepers(request), "group_delete.html", _("Delete this group"))


async def delete(request: web.Request) -> web.StreamResponse:
    """Deletes the group and every word in it."""
    form = await forms.read(request)
    reader = session.must_have_proved(request)
    access = await _for_keepers(request)
    try:
        await request.app[NODE].storage.write(_delete, access.card.id, reader.id, form)
    except Refusal as refusal:
        problems = group_access.problems(refusal)
        return _end_page(request, access, "group_delete.html", _("Delete this group"), form, problems)
    return forms.see("/groups")


async def _for_keepers(request: web.Request) -> Access:
    access = await group_access.for_admins(request)
    if not session.must_be_signed_in(request).admin:
        raise NotAllowed(_("Only admins of this node may do this."))
    return access


def _delete(work: Work, group_id: int, reader_id: int, form: Form) -> None:
    group, actor = work.get_one(Group, group_id), work.get_one(Actor, reader_id)
    withdrawals.delete_group(work, actor, group, form.text("typed"), form.text("reason"))


def _end_page(
    request: web.Request,
    access: Access,
    template: str,
    title: str,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
) -> web.Response:
    given = {name: form.text(name) if form is not None else "" for name in ("typed", "reason")}
    return entrance.form_page(request, template, title, problems, access=access, given=given)
