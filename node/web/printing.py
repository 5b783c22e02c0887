"""A whole thread at once: as a document for paper, and as Markdown to take along."""

import re
from collections.abc import AsyncIterator

from aiohttp import web

from node import languages
from node.forum import markup
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import conversation, errors, look, reading, session
from node.web.look import Head
from storage import wholes
from storage.pages import ThreadPage
from storage.shown import Item
from storage.wholes import Sourced

MOST_PRINTED = 5_000  # items: a thousand sheets; a longer thread is read in its parts, or as Markdown


async def show_print(request: web.Request) -> web.StreamResponse:
    """The thread as a document, from its title to its last word."""
    page = await _page(request)
    items = [sourced.item async for sourced in _all(request, page)]
    return look.page(
        request, "print.html", Head(title=conversation.title_of(page.title, page.opening.state), indexed=False),
        page=page, path=conversation.path_of(page), items_of=items[1:MOST_PRINTED], cut=len(items) > MOST_PRINTED,
    )  # fmt: skip


async def show_markdown(request: web.Request) -> web.StreamResponse:
    """The thread as its people typed it, sent as it is read."""
    page = await _page(request)
    response = web.StreamResponse(
        headers=errors.HEADERS
        | {
            "Content-Type": "text/markdown; charset=utf-8",
            "Content-Disposition": f'inline; filename="{page.slug}.md"',
            "Cache-Control": "private, no-store",
            "X-Robots-Tag": "noindex",
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":  # what would follow would be taken for the next answer
        return response
    title = conversation.title_of(page.title, page.opening.state)
    address = f"{request.app[NODE].settings.origin}{conversation.path_of(page)}"
    await response.write(f"# {_line(title)}\n\n<{address}>\n".encode())
    async for sourced in _all(request, page):
        await response.write(_as_markdown(sourced).encode())
    await response.write_eof()
    return response


def _as_markdown(sourced: Sourced) -> str:
    item = sourced.item
    who = item.author.name if item.author is not None else _("Someone")
    if item.blocked:
        who = _("Somebody you blocked")
    elif item.author is not None and item.remote:
        who += f" (@{item.author.handle})"
    head = f"\n## #{item.number} {_line(who)}, {languages.moment(item.published_at)}\n\n"
    if item.parent_author and item.parent_number:
        head += f"*{_('reply to %(name)s', name=_line(item.parent_author))} #{item.parent_number}*\n\n"
    if item.state != "visible":
        return f"{head}*{_gap(item)}*\n"
    if item.blocked:  # there is nothing to open in a file
        return f"{head}*{_('Folded away.')}*\n"
    if item.summary:
        head += f"**{_('Content warning')}**: {_line(item.summary)}\n\n"
    words = sourced.source if sourced.source_type == "text/markdown" else "\n\n".join(markup.lines(item.html))
    # A line of its own that looks like one of our headings would look like another item.
    words = re.sub(r"^(#{1,2}) ", r"\\\1 ", words.strip(), flags=re.MULTILINE)
    return f"{head}{words}\n"


def _gap(item: Item) -> str:
    words = {
        "removed": _("Removed by a moderator."),
        "deleted": _("Deleted by its author."),
        "refused": _("Not let into this thread."),
        "moved": _("Moved to a thread of its own."),
    }.get(item.state, _("Not here (yet)."))
    return f"{words} {_('The reason:')} {_line(item.reason)}" if item.reason and item.state == "removed" else words


def _line(words: str) -> str:
    """Words that stay in their line and mean nothing in Markdown."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", " ".join(words.split()))


async def _page(request: web.Request) -> ThreadPage:
    viewer = session.viewer_of(request)
    found = await request.app[NODE].storage.read(reading.find, request.match_info["uid"], viewer)
    if found is None:
        raise NotFound(_("There is no such thread here, or it is not public."))
    return found


async def _all(request: web.Request, page: ThreadPage) -> AsyncIterator[Sourced]:
    """Every item in the order of the conversation, as long as its reader may see the thread."""
    storage, viewer, after = request.app[NODE].storage, session.viewer_of(request), ""
    while True:
        found, after = await storage.read(wholes.piece, page.id, viewer=viewer, after=after)
        for sourced in found:
            yield sourced
        if not after:
            return
