"""What every form of ours is held to."""

from gettext import gettext as _

from aiohttp import web

from node.forum.errors import NotAllowed
from node.node import NODE


def refuse_strangers(request: web.Request) -> None:
    """Forms of other sites must not make our server ask theirs, or set our cookie (WEB-01)."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = request.app[NODE].settings.origin
    if (site is not None and site not in ("same-origin", "none")) or (origin is not None and origin != own):
        raise NotAllowed(_("This form was sent from another site. Please use the one here."))
