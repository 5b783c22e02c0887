"""The addresses of the door for people."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from node.node import Node
from node.web import (
    authorizing,
    errors,
    fetching,
    following,
    groups,
    interact,
    look,
    old_addresses,
    people,
    remarks,
    remote_people,
    session,
    site,
    tags,
    threads,
)

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Addresses that the door for servers answers too: which of the two it is, is negotiated by Accept.
PAGES: dict[str, Page] = {
    "/g/{name}": groups.show_group,
    "/u/{name}": people.show_person,
    "/post/{uid}": threads.show_post,
    "/comment/{uid}": remarks.show_comment,
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
        web.get("/following", following.show_following),
        web.post("/following", following.follow),
        web.post("/following/{post}/like", following.like),
        web.get("/people/{handle}", remote_people.show_remote),
        web.post("/people/{handle}/follow", remote_people.follow),
        web.post("/people/{handle}/unfollow", remote_people.unfollow),
        web.get("/authorize_interaction", authorizing.authorize),
        web.get("/intents/{intent:follow|like}", authorizing.authorize),
        web.get("/share", authorizing.share),
        web.get("/remarks/new", remarks.show_new),
        web.post("/remarks/new", remarks.answer),
        web.post("/remarks/like", remarks.like),
        web.get("/remarks/{uid}/edit", remarks.show_edit),
        web.post("/remarks/{uid}/edit", remarks.edit),
        web.get("/remarks/{uid}/delete", remarks.show_delete),
        web.post("/remarks/{uid}/delete", remarks.delete),
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
