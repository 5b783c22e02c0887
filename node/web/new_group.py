"""Making a group, or a part of one."""

import re

from aiohttp import web

from node import languages
from node.forum import groups, submissions
from node.forum.errors import NotAllowed, Refusal
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, entrance, forms, group_access, look, session
from node.web.group_access import Access
from storage import people
from storage.schema import Actor, Group
from storage.work import Work

FIELDS = ("title", "name", "description", "privacy", "language", "hue", "parent")
STEP = 360 // look.HUES  # degrees between two hues
HUE = re.compile(r"[0-9]|[12][0-9]|3[0-5]")
# What groups talk in, as far as one may guess; whatever else a group has is kept.
LANGUAGES = (
    "ar bg bn ca cs cy da de el en eo es et eu fa fi fr ga gl he hi hr hu id is it ja ka ko lt lv mk nb nl nn oc pl "
    "pt pt-BR ro ru sk sl sq sr sv sw ta th tr uk ur vi zh"
)


async def show_form(request: web.Request) -> web.StreamResponse:
    """The form for a new group; with `?parent=` for a part of one."""
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    parent = await _parent(request, request.query.get("parent", ""))
    _may_create(request, parent)
    language = reader.language or node.settings.language
    given = dict.fromkeys(FIELDS, "") | {"privacy": parent.card.privacy if parent else "open", "language": language}
    return _page(request, given, parent)


async def create(request: web.Request) -> web.StreamResponse:
    """Makes the group, once, and leads to it."""
    form = await forms.read(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    given = {name: form.text(name) for name in FIELDS}
    parent = await _parent(request, given["parent"])
    _may_create(request, parent)
    try:
        path = await node.storage.write(
            _create, reader.id, given, parent.card.id if parent else None, node.settings.who_may_create_groups,
            forms.nonce_in(form),
        )  # fmt: skip
    except (Refusal, TextRefused) as refusal:
        return _page(request, given, parent, group_access.problems(refusal, "description"), nonce=forms.nonce_in(form))
    return forms.see(path)


def _create(
    work: Work, reader_id: int, given: dict[str, str], parent_id: int | None, who_may_create: str, nonce: str | None
) -> str:
    made = submissions.once(work, reader_id, nonce)
    if made is not None:
        return made
    _, actor = groups.found_group(
        work,
        work.get_one(Actor, reader_id),
        given["name"].strip() or groups.suggested_name(work, given["title"]),
        who_may_create=who_may_create,
        parent=work.get_one(Group, parent_id) if parent_id is not None else None,
        title=given["title"],
        description=given["description"],
        privacy=given["privacy"],
        language=given["language"] or "en",
        hue=int(given["hue"]) * STEP if HUE.fullmatch(given["hue"]) else None,
    )
    path = addresses.path_of(people.by_id(work, actor.id).uri)
    submissions.keep(work, reader_id, nonce, path)
    return path


async def _parent(request: web.Request, name: str) -> Access | None:
    """The group that the new one is a part of, if its reader runs it."""
    if not name:
        return None
    reader = session.must_be_signed_in(request)
    found = await request.app[NODE].storage.read(group_access.find, name, reader)
    return group_access.must_administer(found)


def _may_create(request: web.Request, parent: Access | None) -> None:
    reader = session.must_be_signed_in(request)
    if parent is None and not reader.admin and request.app[NODE].settings.who_may_create_groups == "admins":
        raise NotAllowed(_("On this node, groups are made by its admins: ask one of them."))


def _page(
    request: web.Request,
    given: dict[str, str],
    parent: Access | None,
    problems: dict[str, str] | None = None,
    *,
    nonce: str | None = None,
) -> web.Response:
    title = _("A part of %(group)s", group=parent.card.title) if parent else _("A new group")
    return entrance.form_page(
        request, "group_new.html", title, problems, given=given, parent=parent, nonce=nonce,
        languages=language_choices(given["language"]), privacies=privacy_choices(parent),
        hues=[("", _("one that comes from the handle")), *hue_choices()],
    )  # fmt: skip


def language_choices(own: str) -> list[tuple[str, str]]:
    """Languages by what they call themselves, with the one that is chosen already."""
    codes = dict.fromkeys([*LANGUAGES.split(), *([own] if own else [])])
    return sorted(((code, languages.endonym(code)) for code in codes), key=lambda pair: pair[1].casefold())


def privacy_choices(parent: Access | None) -> list[tuple[str, str, str]]:
    """What a new group may be; a part of a secret one is secret."""
    every = [
        ("open", _("Open"), _("Anyone reads it, anyone with an account here joins; people follow it elsewhere.")),
        ("closed", _("Closed"), _("Anyone reads what is public; moderators let people in.")),
        ("secret", _("Secret"), _("Its members alone know of it. Nothing of it leaves this node, for ever.")),
    ]
    return every[2:] if parent is not None and parent.card.privacy == "secret" else every


def hue_choices() -> list[tuple[str, str]]:
    """The hues by number and name: one is chosen by words, the colour beside them only helps."""
    families = (
        _("pink"), _("red"), _("orange"), _("amber"), _("olive"), _("green"), _("emerald"), _("teal"), _("cyan"),
        _("blue"), _("indigo"), _("violet"),
    )  # fmt: skip
    share = look.HUES // len(families)
    return [(str(step), f"{families[step // share]} {step % share + 1}") for step in range(look.HUES)]
