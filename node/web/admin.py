"""The pages of whoever runs the node: what to do first, who waits, what was done. For nobody else they are there."""

from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from node.forum import sign_ups as forum_sign_ups
from node.languages import gettext as _
from node.node import NODE
from node.room import Left
from node.settings import Settings
from node.web import entrance, session
from storage import accounts, groups, invitations, moderation, people, reports, sign_ups
from storage.moderation import ActLine
from storage.work import Work

A_PAGE = 50
EVER = datetime(2000, 1, 1, tzinfo=UTC)  # before anybody was invited


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first things to do: whether it is done, which it is, and where it is done."""

    done: bool
    what: str  # group, invite, mail, profile
    path: str


def first_steps(work: Work, settings: Settings, actor_id: int) -> list[Step]:
    """The three things to do first, for the page of an admin; none once all are done."""
    made = groups.joined(work, actor_id)
    anywhere = people.count_local(work, "group") > 0
    invite = f"/g/{made[0].name}/invite" if made else "/groups"
    several = accounts.count(work) > 1 or invitations.count_since(work, EVER) > 0
    mails = bool(settings.smtp_url) or settings.development
    actor = people.by_id(work, actor_id)
    last = Step(bool(actor.summary or actor.fields), "profile", "/settings") if mails else Step(False, "mail", "/about")
    steps = [Step(anywhere, "group", "/groups/new"), Step(several, "invite", invite), last]
    return [] if all(step.done for step in steps) else steps


@dataclass(frozen=True, slots=True)
class Overview:
    """What an admin wants to know at a glance."""

    steps: list[Step]
    mode: str  # of sign-ups, at present
    waiting: int
    reports: int
    people: int
    groups: int
    left: Left  # on the disk


async def show_overview(request: web.Request) -> web.StreamResponse:
    """Where an admin begins."""
    reader, node = session.must_be_admin(request), request.app[NODE]
    found = await node.storage.read(_overview, node.settings, reader.id, node.room.look())
    return entrance.form_page(
        request, "admin.html", _("Run this node"), tab="overview", found=found, set_mode=node.settings.sign_up
    )


def _overview(work: Work, settings: Settings, actor_id: int, left: Left) -> Overview:
    return Overview(
        first_steps(work, settings, actor_id),
        forum_sign_ups.mode_now(work, settings.sign_up),
        sign_ups.count_waiting(work),
        reports.count_open(work, None),
        people.count_local(work, "person"),
        people.count_local(work, "group"),
        left,
    )


async def show_log(request: web.Request) -> web.StreamResponse:
    """What admins did, the latest first."""
    reader, node = session.must_be_admin(request), request.app[NODE]
    given = request.query.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    lines = await node.storage.read(_log, reader.id, before)
    more = lines[-2].id if len(lines) > A_PAGE else None
    return entrance.form_page(
        request, "admin_log.html", _("Run this node"), tab="log", lines=lines[:A_PAGE], more=more, before=before
    )


def _log(work: Work, viewer: int, before: int | None) -> list[ActLine]:
    return moderation.acts(work, None, viewer=viewer, before=before, limit=A_PAGE + 1)
