"""Lists of limited servers that others keep: looked at before they hold, read again, and taken back."""

from dataclasses import dataclass

from aiohttp import web

from node.forum import block_lists as rules
from node.forum.block_lists import Preview, Read
from node.forum.errors import Invalid
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, session
from node.web.forms import Form
from storage import block_lists, people
from storage.block_lists import ListRow
from storage.work import Work

SHOWN = 100  # servers in a preview, and entries of a list


@dataclass(frozen=True, slots=True)
class ListPage:
    """One list and some of what is on it."""

    row: ListRow
    entries: tuple[tuple[str, ...], ...]
    more: str | None


async def show_lists(request: web.Request) -> web.StreamResponse:
    """Every list, and the form for another one."""
    session.must_be_admin(request)
    return await _page(request)


async def _page(
    request: web.Request,
    form: Form | None = None,
    problems: dict[str, str] | None = None,
    preview: Preview | None = None,
) -> web.Response:
    rows = await request.app[NODE].storage.read(block_lists.rows)
    given = {name: form.text(name) if form is not None else "" for name in ("name", "url", "list", "limit", "reason")}
    return entrance.form_page(
        request, "admin_block_lists.html", _("Run this node"), problems, tab="block-lists", rows=rows, given=given,
        preview=preview, most=SHOWN,
    )  # fmt: skip


async def add(request: web.Request) -> web.StreamResponse:
    """Shows what a list would change; sent from there, adds it."""
    form = await forms.read(request)
    reader = session.must_be_admin(request)
    session.must_have_proved(request)
    node = request.app[NODE]
    given = await _with_file(request, form)
    url, name, may = given.text("url").strip(), given.text("name"), given.text("limit") or rules.MAY[0]
    etag: str | None = None
    try:
        if url:
            fetched = await node.network.fetch_list(url)
            url, read, etag = fetched.url, fetched.read, fetched.etag
        else:
            read = rules.read_list(given.text("list").encode(), origin=node.settings.origin)
            if not read.listed:
                raise Invalid("In this there is no list of servers.", field="list")
        name = rules.clean_list_name(name or rules.name_of_url(url))
        if form.text("act") != "add":
            preview = await node.storage.read(rules.preview, read, may, name=name)
            return await _page(request, _named(given, name, url), preview=preview)
        await node.storage.write(_add, reader.id, name, read, url or None, etag, may, form.text("reason"))
    except Invalid as refusal:
        return await _page(request, given, entrance.problems_of(refusal))
    return forms.see("/admin/block-lists")


def _add(
    work: Work, by_id: int, name: str, read: Read, url: str | None, etag: str | None, may: str, reason: str
) -> None:
    rules.add(work, people.by_id(work, by_id), name, read, url=url, etag=etag, may=may, reason=reason)


async def _with_file(request: web.Request, form: Form) -> Form:
    """The form with the words of a file that was chosen, as if they had been typed."""
    if request.content_type != "multipart/form-data":
        return form
    file = (await request.post()).get("file")
    if not isinstance(file, web.FileField):
        return form
    body = file.file.read(rules.LARGEST + 1)
    if not body:
        return form
    try:
        words = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        words = "\N{REPLACEMENT CHARACTER}\0"  # what no list has: it is refused in words like everything else
    return Form([*((name, value) for name, value in form.pairs if name != "list"), ("list", words)])


def _named(form: Form, name: str, url: str) -> Form:
    others = [(held, value) for held, value in form.pairs if held not in ("name", "url")]
    return Form([*others, ("name", name), ("url", url)])


async def show_list(request: web.Request) -> web.StreamResponse:
    """What is on a list."""
    session.must_be_admin(request)
    return await _list_page(request)


async def _list_page(request: web.Request, *, reason: str = "", problems: dict[str, str] | None = None) -> web.Response:
    words, after = (request.query.get(name, "").replace("\0", "")[:300] for name in ("q", "after"))
    found = await request.app[NODE].storage.read(_list, int(request.match_info["id"]), words.strip(), after)
    if found is None:
        raise entrance.not_there()
    done = request.query.get("done", "")
    return entrance.form_page(
        request, "admin_block_list.html", found.row.name, problems, tab="block-lists", page=found, words=words,
        reason=reason, done=done if done in ("changed", "same") else "",
    )  # fmt: skip


def _list(work: Work, list_id: int, words: str, after: str) -> ListPage | None:
    row = next((row for row in block_lists.rows(work) if row.id == list_id), None)
    if row is None:
        return None
    entries = block_lists.entries(work, list_id, words=words, after=after, limit=SHOWN + 1)
    return ListPage(row, tuple(entries[:SHOWN]), entries[SHOWN - 1][0] if len(entries) > SHOWN else None)


async def act(request: web.Request) -> web.StreamResponse:
    """Reads a list again now, or drops it."""
    form = await forms.read(request)
    reader = session.must_be_admin(request)
    session.must_have_proved(request)
    node, list_id = request.app[NODE], int(request.match_info["id"])
    what, reason = form.text("act"), form.text("reason")
    if what not in ("update", "remove"):
        raise web.HTTPBadRequest
    try:
        if what == "update":
            changes = await node.network.update_list(list_id, reader.id)
            return forms.see(f"/admin/block-lists/{list_id}?done={'same' if changes is None else 'changed'}")
        await node.storage.write(_remove, reader.id, list_id, reason)
    except Invalid as refusal:
        return await _list_page(request, reason=reason, problems=entrance.problems_of(refusal))
    return forms.see("/admin/block-lists")


def _remove(work: Work, by_id: int, list_id: int, reason: str) -> None:
    kept = block_lists.by_id(work, list_id)
    if kept is None:
        raise entrance.not_there()
    rules.remove(work, people.by_id(work, by_id), kept.name, reason)
