"""The profile: name, words and a table, by the person whose it is; and the pages elsewhere that confirm it."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from node.forum import limits, profiles
from node.forum.errors import Invalid
from node.forum.profiles import Field
from node.forum.text import TextRefused
from node.languages import gettext as _
from node.node import NODE, Node
from node.web import entrance, forms, session
from node.web.forms import Form
from storage import people
from storage.work import Work

PLACES = range(1, profiles.MOST_FIELDS + 1)
PATIENCE = 10.0  # seconds in which all pages of a profile are asked


@dataclass(frozen=True, slots=True)
class Filled:
    """A profile as it stands in the form."""

    display_name: str
    summary: str
    rows: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...] = ()


async def show_profile(request: web.Request) -> web.StreamResponse:
    """The form for one's own profile."""
    reader = session.must_be_signed_in(request)
    filled = await request.app[NODE].storage.read(_profile, reader.id)
    return _page(request, filled, done=request.query.get("done", ""))


def _profile(work: Work, actor_id: int) -> Filled:
    actor = people.by_id(work, actor_id)
    held = profiles.fields(actor)
    rows = tuple((field.name, field.value) for field in held)
    return Filled(actor.display_name, actor.summary_source or "", rows, held)


def _page(
    request: web.Request, filled: Filled, *, done: str = "", problems: dict[str, str] | None = None
) -> web.Response:
    return entrance.form_page(
        request, "settings.html", _("Settings"), problems, filled=filled, places=PLACES, done=done, tab="profile",
        verified={field.value for field in filled.fields if field.verified_at is not None},
    )  # fmt: skip


async def save(request: web.Request) -> web.StreamResponse:
    """Keeps the profile, and asks the pages that it names whether they say the same."""
    form = await forms.read(request)
    reader, node = session.must_be_signed_in(request), request.app[NODE]
    filled = _filled(form)
    try:
        pages = await node.storage.write(_save, reader.id, filled)
    except (Invalid, TextRefused) as refusal:
        problems = entrance.problems_of(refusal) if isinstance(refusal, Invalid) else {"summary": str(refusal)}
        held = await node.storage.read(_profile, reader.id)
        return _page(request, Filled(filled.display_name, filled.summary, filled.rows, held.fields), problems=problems)
    if pages and not await node.storage.write(limits.take, (limits.LINKS_BACK, f"actor {reader.id}")):
        await verify(node, reader.id, reader.uri, pages)
    return forms.see("/settings?done=profile")


def _filled(form: Form) -> Filled:
    rows = tuple((form.text(f"field-name-{place}"), form.text(f"field-value-{place}")) for place in PLACES)
    return Filled(form.text("display_name"), form.text("summary"), rows)


def _save(work: Work, actor_id: int, filled: Filled) -> tuple[str, ...]:
    actor = people.by_id(work, actor_id)
    return profiles.edit(work, actor, display_name=filled.display_name, summary=filled.summary, rows=filled.rows)


async def verify(node: Node, actor_id: int, uri: str, pages: tuple[str, ...]) -> None:
    """Asks each page, all at once and for a while, whether it links back with rel=me."""
    asked = {page: asyncio.create_task(node.network.links_back(page, uri)) for page in pages}
    done, late = await asyncio.wait(asked.values(), timeout=PATIENCE)
    for task in late:
        task.cancel()
    linking = {page for page, task in asked.items() if task in done and task.result()}
    await node.storage.write(_verify, actor_id, set(pages), linking)


def _verify(work: Work, actor_id: int, asked: set[str], linking: set[str]) -> None:
    profiles.verify(work, people.by_id(work, actor_id), asked, linking)
