"""Other servers as an admin sees them: found, limited and let back, each with its reason; our own limits as a file."""

from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from node.forum import servers as rules
from node.forum.errors import Invalid
from node.forum.host_names import host_name
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, session
from storage import block_lists, hosts, limits, people
from storage.block_lists import Change
from storage.hosts import Server
from storage.limits import Limit
from storage.work import Work

A_PAGE = 50
LONGEST = 300  # characters of a host, port and all


@dataclass(frozen=True, slots=True)
class Row:
    """A server in the list, and what holds for it."""

    server: Server
    limit: Limit


@dataclass(frozen=True, slots=True)
class Found:
    """A page of servers."""

    rows: tuple[Row, ...]
    mode: str
    more: str | None


@dataclass(frozen=True, slots=True)
class ServerPage:
    """One server, finished; `server` is nothing for one that was never met."""

    host: str
    server: Server | None
    limit: Limit
    mode: str
    people: Change


async def show_servers(request: web.Request) -> web.StreamResponse:
    """Every server that is known here, by name, or those that are looked for."""
    session.must_be_admin(request)
    return await _list(request)


async def _list(
    request: web.Request, *, host: str = "", reason: str = "", problems: dict[str, str] | None = None
) -> web.Response:
    words, which, after = (request.query.get(name, "").replace("\0", "")[:LONGEST] for name in ("q", "which", "after"))
    found = await request.app[NODE].storage.read(_found, words.strip(), which, after)
    return entrance.form_page(
        request, "admin_servers.html", _("Run this node"), problems, tab="servers", found=found, words=words,
        which=which if which in hosts.WHICH else "", host=host, reason=reason,
    )  # fmt: skip


def _found(work: Work, words: str, which: str, after: str) -> Found:
    rows = hosts.found(work, words, which, after=after, limit=A_PAGE + 1)
    said = limits.known(work, [row.host for row in rows])
    shown = tuple(Row(row, said.of(row.host)) for row in rows[:A_PAGE])
    return Found(shown, said.mode, shown[-1].server.host if len(rows) > A_PAGE else None)


async def show_server(request: web.Request) -> web.StreamResponse:
    """One server: how it is, what holds for it and why, and what can be done."""
    session.must_be_admin(request)
    done = request.query.get("done", "")
    return await _page(request, _named(request), done=done if done in rules.ACTS else "")


def _named(request: web.Request) -> str:
    try:
        return host_name(request.match_info["host"][:LONGEST])
    except Invalid:
        raise entrance.not_there() from None


async def _page(
    request: web.Request, host: str, *, done: str = "", reason: str = "", problems: dict[str, str] | None = None
) -> web.Response:
    page = await request.app[NODE].storage.read(_of, host)
    return entrance.form_page(
        request, "admin_server.html", host, problems, tab="servers", page=page, done=done, reason=reason
    )


def _of(work: Work, host: str) -> ServerPage:
    return ServerPage(
        host, hosts.server(work, host), limits.of(work, host), limits.mode(work), block_lists.at_stake(work, host)
    )


async def act(request: web.Request) -> web.StreamResponse:
    """Blocks, silences or allows a server, or takes that back."""
    form = await forms.read(request)
    reader = session.must_be_admin(request)
    session.must_have_proved(request)
    what, host, reason = form.text("act"), form.text("host")[:LONGEST], form.text("reason")
    if what not in rules.ACTS:
        raise web.HTTPBadRequest
    try:
        name = host_name(host)
        await request.app[NODE].storage.write(_act, reader.id, what, name, reason)
    except Invalid as refusal:
        problems = entrance.problems_of(refusal)
        if form.flag("from_its_page"):
            return await _page(request, host_name(host), reason=reason, problems=problems)
        return await _list(request, host=host, reason=reason, problems=problems)
    return forms.see(f"/admin/servers/{quote(name, safe=':[]')}?done={what}")


def _act(work: Work, by_id: int, what: str, host: str, reason: str) -> None:
    rules.ACTS[what](work, people.by_id(work, by_id), host, reason)


async def export(request: web.Request) -> web.StreamResponse:
    """Our own limits in Mastodon's form, for others to import."""
    session.must_be_admin(request)
    words = await request.app[NODE].storage.read(rules.export)
    headers = {"Content-Disposition": 'attachment; filename="limits.csv"', "Cache-Control": "no-store"}
    return web.Response(text=words, content_type="text/csv", charset="utf-8", headers=headers)
