"""Starting a thread: its title, its first words, its tags, and who may read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from aiohttp import web

from node.forum import drafts, rules, submissions, tags, text
from node.forum import threads as forum
from node.forum.errors import Invalid, NotAllowed
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, deeds, forms, group_access, look, mentions, session
from node.web.forms import Form
from node.web.group_access import Access
from node.web.look import Head
from storage import people, subjects
from storage.schema import Group
from storage.work import Work

FIELDS = ("title", "source", "tags", "visibility", "whiteboard")  # what a draft keeps
SHOWN = ("title", "source", "tags", "visibility")


@dataclass(frozen=True, slots=True)
class Begun:
    """A thread as it is written so far."""

    title: str = ""
    source: str = ""
    tags: str = ""
    visibility: str = ""
    whiteboard: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    preview: str | None = None
    kept: bool = False  # it comes from a draft
    form: Form | None = None


async def show_new(request: web.Request) -> web.StreamResponse:
    """The form, with what was begun here before."""
    session.must_be_signed_in(request)
    access = await group_access.of(request)
    reader_id = session.must_be_signed_in(request).id
    words = await request.app[NODE].storage.read(_begun, access, reader_id)
    begun = replace(_of(words), kept=bool(words))
    if not words:
        given = request.query
        begun = replace(
            begun, title=given.get("title", "")[: text.MAX_TITLE], source=given.get("text", "")[: text.MAX_SOURCE]
        )
    return _page(request, access, begun)


def _of(words: Mapping[str, str]) -> Begun:
    title, source, tags_, visibility, whiteboard = (words.get(name, "") for name in FIELDS)
    return Begun(title, source, tags_, visibility, whiteboard)


def _begun(work: Work, access: Access, reader_id: int) -> dict[str, str]:
    group = work.get_one(Group, access.card.id)
    private = group.threads == "private" or group.privacy == "secret"
    rules.may_start(work, people.by_id(work, reader_id), group, private=private)
    return drafts.words_in(work, reader_id, _place(access))


async def start(request: web.Request) -> web.StreamResponse:
    """Starts it once, however often it is sent; or shows it as it would be; or keeps it as a draft."""
    reader = session.must_be_signed_in(request)
    form = await forms.read(request)
    access = await group_access.of(request)
    node = request.app[NODE]
    begun = replace(_of({name: form.text(name) for name in FIELDS}), form=form)
    try:
        if form.text("do") == "draft":
            kept = {name: form.text(name) for name in FIELDS}
            await node.storage.write(_keep_draft, reader.id, _place(access), kept)
            return forms.see(f"{access.path}/new")
        if not _is_private(access, form):
            await mentions.meet_named(node, form.text("source"))
        if form.text("do") == "preview":
            html = await node.storage.read(_rendered, form.text("source"), access.card.language)
            return _page(request, access, replace(begun, preview=html))
        return forms.see(await node.storage.write(_start, reader.id, access, form))
    except (Invalid, NotAllowed, TextRefused) as refusal:
        return _page(request, access, replace(begun, errors=deeds.told(refusal)), status=422)


def _start(work: Work, reader_id: int, access: Access, form: Form) -> str:
    nonce = forms.nonce_in(form)
    led_to = submissions.once(work, reader_id, nonce)
    if led_to is not None:
        return led_to
    author, group = people.by_id(work, reader_id), work.get_one(Group, access.card.id)
    _refuse_the_empty(form)
    opening = forum.start_thread(
        work, author, group, form.text("title"),
        forum.compose(work, form.text("source"), language=group.language),
        private=_is_private(access, form), given_tags=tags.split(form.text("tags")), whiteboard=form.flag("whiteboard"),
    )  # fmt: skip
    drafts.drop_draft(work, author, _place(access))
    subject = subjects.of_item(work, opening.uid, reader_id)
    led_to = deeds.path_of(subject) if subject is not None else access.path
    submissions.keep(work, reader_id, nonce, led_to)
    return led_to


def _refuse_the_empty(form: Form) -> None:
    forum.clean_title(form.text("title"))
    if not form.text("source").strip():
        raise Invalid("Begin with a few words: what is it about, and what do you want to know?", field="source")


def _is_private(access: Access, form: Form) -> bool:
    if access.card.privacy == "secret" or access.card.threads_may_be == "private":
        return True
    return access.card.threads_may_be == "either" and form.text("visibility") == "private"


def _keep_draft(work: Work, reader_id: int, place: str, words: dict[str, str]) -> None:
    empty = not any(words[name].strip() for name in ("title", "source", "tags"))
    drafts.keep_draft(work, people.by_id(work, reader_id), place, {} if empty else words)


def _rendered(work: Work, source: str, language: str) -> str:
    return forum.compose(work, source, language=language).html


def _place(access: Access) -> str:
    return f"thread:{addresses.path_of(access.card.uri).rsplit('/', 1)[1]}"


def _page(request: web.Request, access: Access, begun: Begun, *, status: int = 200) -> web.Response:
    head = Head(title=_("Start a thread"), indexed=False, hue=access.card.hue)
    choices = [
        ("public", _("Public"), _("Everybody can read it, here and on other servers.")),
        ("private", _("Private"), _("For members of this group alone; it never leaves this node.")),
    ]
    return look.page(
        request, "start.html", head, status=status, access=access, begun=begun, place=_place(access),
        choices=choices if access.card.privacy != "secret" and access.card.threads_may_be == "either" else [],
        private=access.card.privacy == "secret" or access.card.threads_may_be == "private", shown=SHOWN,
        longest=forum.TITLE, most=tags.MOST,
    )  # fmt: skip
