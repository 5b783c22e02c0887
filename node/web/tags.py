"""The pages of hashtags: what was said with each, in every group that anybody may read."""

import re

from aiohttp import web

from node.forum import text
from node.forum.errors import NotFound
from node.languages import gettext as _
from node.node import NODE
from node.web import addresses, look, threads
from node.web.look import Head
from storage import tags
from storage.pages import Said
from storage.work import Work

LISTED = 30  # items on one page of a tag
LONGEST = 200  # characters; a tag has a hundred, of which folding may make more
NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")  # what no database takes


async def show_tag(request: web.Request) -> web.StreamResponse:
    """What was said with a hashtag, newest first; one that nobody used is not told from one used in secret."""
    node = request.app[NODE]
    tag = request.match_info["tag"]
    before = threads.number_in(request, "before")
    newest: Said | None = None
    said: list[Said] = []
    if len(tag) <= LONGEST and not NO_TEXT.search(tag):
        newest, said = await node.storage.read(find, tag, viewer=None, before=before)
    if newest is None:
        raise NotFound(_("Nobody has used this hashtag here yet."))
    path = addresses.tag_path(tag)
    if request.path != f"/tags/{tags.fold(tag)}":
        raise web.HTTPMovedPermanently(path)
    title = f"#{shown_tag(newest, tag)}"
    head = Head(
        title=title,
        path=path,
        description=text.plain(newest.item.html, threads.DESCRIPTION) if not newest.item.covered else "",
        indexed=before is None,
    )
    return look.page(
        request, "tag.html", head, title=title, path=path, first=before is None, said=said[:LISTED],
        older=said[LISTED - 1].item.id if len(said) > LISTED else None,
    )  # fmt: skip


def find(work: Work, tag: str, *, viewer: int | None, before: int | None = None) -> tuple[Said | None, list[Said]]:
    """The newest item with the tag, and a page of them with one more if there is one."""
    said = tags.said_with(work, tag, viewer=viewer, limit=LISTED + 1, before=before)
    if before is None:
        return (said[0] if said else None), said
    newest = tags.said_with(work, tag, viewer=viewer, limit=1)
    return (newest[0] if newest else None), said


def shown_tag(newest: Said, tag: str) -> str:
    """The tag as it was last written: capitals in it are for screen readers, which else read one long word."""
    written = (name for name in newest.item.tags if tags.fold(name) == tags.fold(tag))
    return next(written, tags.fold(tag))
