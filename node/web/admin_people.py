"""People as an admin sees them: found, suspended, given rights, let in again."""

from aiohttp import web

from node.forum import accounts as rules
from node.forum.errors import Invalid
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, entrance, forms, session
from storage import accounts, people
from storage.accounts import PersonRow
from storage.work import Work

A_PAGE = 50
ACTS = ("suspend", "unsuspend", "promote", "demote", "reset")


async def show_people(request: web.Request) -> web.StreamResponse:
    """Everybody of this node by handle, or those who are looked for."""
    session.must_be_admin(request)
    words, after = request.query.get("q", "").strip()[:100], request.query.get("after", "")[:64]
    words, after = words.replace("\0", ""), after.replace("\0", "")
    rows = await request.app[NODE].storage.read(accounts.people, words, after=after, limit=A_PAGE + 1)
    more = rows[A_PAGE - 1].name if len(rows) > A_PAGE else None
    return entrance.form_page(
        request, "admin_people.html", _("Run this node"), tab="people", rows=rows[:A_PAGE], words=words, more=more
    )


async def show_person(request: web.Request) -> web.StreamResponse:
    """One of them, and what can be done."""
    session.must_be_admin(request)
    return await _page(request, done=request.query.get("done", ""))


async def _row(request: web.Request) -> PersonRow:
    name = request.match_info["name"]
    found = None
    if addresses.NAME.fullmatch(name):
        found = await request.app[NODE].storage.read(accounts.person, name.lower())
    if found is None:
        raise entrance.not_there()
    return found


async def _page(
    request: web.Request,
    *,
    done: str = "",
    link: str = "",
    reason: str = "",
    problems: dict[str, str] | None = None,
) -> web.Response:
    row = await _row(request)
    return entrance.form_page(
        request, "admin_person.html", row.display_name, problems, tab="people", row=row, link=link, reason=reason,
        done=done if done in ACTS else "", mails=entrance.mails_go_out(request.app[NODE]),
    )  # fmt: skip


async def act(request: web.Request) -> web.StreamResponse:
    """Suspends, lets back, gives rights, takes them, or makes a new first link; each with its reason."""
    form = await forms.read(request)
    reader = session.must_be_admin(request)
    session.must_have_proved(request)
    row, what, reason = await _row(request), form.text("act"), form.text("reason")
    if what not in ACTS:
        raise web.HTTPBadRequest
    try:
        secret = await request.app[NODE].storage.write(_act, reader.id, row.id, what, reason)
    except Invalid as refusal:
        return await _page(request, reason=reason, problems=entrance.problems_of(refusal))
    if secret is not None:
        link = f"{request.app[NODE].settings.origin}/welcome/{secret}"
        return await _page(request, done=what, link=link)
    return forms.see(f"/admin/people/{row.name}?done={what}")


def _act(work: Work, by_id: int, actor_id: int, what: str, reason: str) -> str | None:
    by, actor = people.by_id(work, by_id), people.by_id(work, actor_id)
    if what in ("suspend", "unsuspend"):
        rules.suspend(work, by, actor, reason, suspended=what == "suspend")
    elif what in ("promote", "demote"):
        rules.set_admin(work, by, actor, reason, admin=what == "promote")
    else:
        secret = rules.reset(work, by, actor, reason)
        account = accounts.of(work, actor_id)
        # Whoever has an address gets the link by mail: nobody else needs to see it.
        return secret if account is None or account.email is None else None
    return None
