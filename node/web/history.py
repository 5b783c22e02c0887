"""The history of an item: every wording, who wrote it, when and why, and what changed from one to the next."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from node.forum import markup
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, deeds, look, session, threads
from node.web.look import Head
from node.web.wordings import Piece, differences, shortened
from storage import revisions, subjects
from storage.revisions import History, Wording
from storage.subjects import Subject
from storage.work import Work

LISTED = 20  # wordings on one page


@dataclass(frozen=True, slots=True)
class Step:
    """A wording, and how it differs from the one before it; the first is shown as it stood."""

    wording: Wording
    pieces: tuple[Piece, ...]
    title_before: str | None  # where it was another one


async def show_history(request: web.Request) -> web.StreamResponse:
    """Every wording, the latest first; what may not be read has no history either."""
    uid, viewer = request.match_info["uid"], session.viewer_of(request)
    before = threads.number_in(request, "before")
    found = None
    if addresses.UID.fullmatch(uid):
        found = await request.app[NODE].storage.read(_find, uid, viewer, before)
    if found is None:
        raise NotFound(_("There is no such item here, or it is not public."))
    subject, history = found
    steps = await asyncio.to_thread(_steps, history)
    head = Head(title=_("What changed"), indexed=False, hue=subject.hue)
    shown = steps[-LISTED:] if len(steps) > LISTED else steps
    return look.page(
        request, "history.html", head, subject=subject, back=deeds.place_of(subject), path=f"/items/{uid}/history",
        steps=list(reversed(shown)), total=history.total,
        earlier=shown[0].wording.version if shown and shown[0].wording.version > 1 else None,
        latest=bool(shown) and shown[-1].wording.version == history.total,
    )  # fmt: skip


def _find(work: Work, uid: str, viewer: int | None, before: int | None) -> tuple[Subject, History] | None:
    subject = subjects.of_item(work, uid, viewer)
    # One more than is shown: the first on the page is told by what changed since the one before it.
    history = revisions.history(work, uid, viewer, before=before, limit=LISTED + 1)
    return (subject, history) if subject is not None and history is not None and history.wordings else None


def _steps(history: History) -> list[Step]:
    """Off the event loop: long texts take a while to compare."""
    steps: list[Step] = []
    earlier: Wording | None = None
    for wording in history.wordings:
        now = _plain(wording, history)
        if earlier is None:
            steps.append(Step(wording, (Piece("same", now),), None))
        else:
            pieces = shortened(differences(_plain(earlier, history), now))
            steps.append(Step(wording, pieces, earlier.title if earlier.title != wording.title else None))
        earlier = wording
    return steps


def _plain(wording: Wording, history: History) -> str:
    """The words that are compared: as they were written here, or as they read where they are HTML from elsewhere."""
    return wording.source if history.local else "\n".join(markup.lines(wording.html))
