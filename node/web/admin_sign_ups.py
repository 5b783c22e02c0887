"""Who waits to be let in, and an admin's yes or no to each."""

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from node.forum import sign_ups as rules
from node.forum.errors import Invalid
from node.languages import gettext as _
from node.node import NODE
from node.web import entrance, forms, session
from storage import people, sign_ups
from storage.work import Work


@dataclass(frozen=True, slots=True)
class Waiting:
    """Someone who proved their address and waits for an answer."""

    id: int
    name: str
    display_name: str
    email: str
    words: str
    language: str | None
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """All of them, and how many there are beyond those that are shown."""

    shown: list[Waiting]
    beyond: int
    mode: str


async def show_sign_ups(request: web.Request) -> web.StreamResponse:
    """Everybody who waits, the longest first."""
    session.must_be_admin(request)
    return await _page(request, done=request.query.get("done", ""))


async def _page(
    request: web.Request,
    *,
    done: str = "",
    of: int | None = None,
    reason: str = "",
    problems: dict[str, str] | None = None,
) -> web.Response:
    node = request.app[NODE]
    queue = await node.storage.read(_queue, node.settings.sign_up)
    return entrance.form_page(
        request, "admin_sign_ups.html", _("Run this node"), problems, tab="sign-ups", queue=queue, of=of,
        reason=reason, done=done if done in ("approve", "refuse") else "",
    )  # fmt: skip


def _queue(work: Work, mode: str) -> Queue:
    shown = [
        Waiting(it.id, it.name, it.display_name, it.email, it.words, it.language, it.verified_at or it.created_at)
        for it in sign_ups.waiting(work, limit=50)
    ]
    return Queue(shown, sign_ups.count_waiting(work) - len(shown), rules.mode_now(work, mode))


async def decide(request: web.Request) -> web.StreamResponse:
    """Yes, or no with its reason."""
    form = await forms.read(request)
    reader = session.must_be_admin(request)
    given, what, reason = request.match_info["id"], form.text("act"), form.text("reason")
    if what not in ("approve", "refuse") or len(given) > 18:
        raise web.HTTPBadRequest
    try:
        await request.app[NODE].storage.write(_decide, reader.id, int(given), what, reason)
    except Invalid as refusal:
        return await _page(request, of=int(given), reason=reason, problems=entrance.problems_of(refusal))
    return forms.see(f"/admin/sign-ups?done={what}")


def _decide(work: Work, by_id: int, sign_up_id: int, what: str, reason: str) -> None:
    by = people.by_id(work, by_id)
    if what == "approve":
        rules.approve(work, by, sign_up_id)
    else:
        rules.refuse(work, by, sign_up_id, reason)
