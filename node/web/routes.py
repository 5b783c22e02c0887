"""The addresses of the door for people."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from node.node import Node
from node.web import errors, fetching, groups, interact, look, old_addresses, people, session, site, tags, threads

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Addresses that the door for servers answers too: which of the two it is, is negotiated by Accept.
PAGES: dict[str, Page] = {
    "/g/{name}": groups.show_group,
    "/u/{name}": people.show_person,
    "/post/{uid}": threads.show_post,
    "/comment/{uid}": threads.show_comment,
}


def routes(node: Node, *, clock: fetching.Clock = time.monotonic) -> list[web.RouteDef]:
    """The addresses that only people have; the templates are read here, so that none is missing later."""
    for template in look.environment().list_templates(extensions=["html"]):
        look.environment().get_template(template)
    return [
        web.get("/", groups.show_home),
        web.get("/g/{name}/{place}", groups.show_thread),
        web.post("/g/{name}/{place}/fetch", fetching.Fetching(clock).fetch),
        web.get("/tags/{tag}", tags.show_tag),
        web.get("/interact", interact.show_form),
        web.post("/interact", interact.lead_home),
        web.get("/about", site.show_about),
        web.get("/robots.txt", site.show_robots),
        web.get("/favicon.ico", site.show_favicon),
        web.get("/static/{name}", site.show_static),
        web.get("/d/{key}", old_addresses.show_discussion),
        web.get("/d/{key}/comment/{comment}", old_addresses.show_discussion),
        web.get("/d/{key}/{slug}", old_addresses.show_discussion),
        web.get("/d/{key}/{slug}/{sequence}", old_addresses.show_discussion),
        web.get("/c/{id}", old_addresses.show_comment),
    ]


def middlewares() -> list[Middleware]:
    """What stands around every answer, outermost first."""
    return [errors.keep_readers_safe, errors.show_errors, session.know_reader]
