"""The addresses of the door for people."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from node.node import Node
from node.web import (
    account,
    admin,
    admin_people,
    admin_sign_ups,
    authorizing,
    directory,
    errors,
    fetching,
    following,
    groups,
    interact,
    look,
    old_addresses,
    passkeys,
    passwords,
    people,
    profile,
    remarks,
    remote_people,
    security,
    session,
    sign_in,
    sign_up,
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
        web.get("/groups", directory.show_directory),
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
        web.get("/sign-in", sign_in.show_sign_in),
        web.post("/sign-in", sign_in.sign_in),
        web.get("/sign-in/code", sign_in.show_code),
        web.post("/sign-in/code", sign_in.take_code),
        web.get("/sign-in/second", sign_in.show_second),
        web.post("/sign-in/second", sign_in.take_second),
        web.get("/sign-in/awake", sign_in.show_awake),
        web.post("/sign-in/awake", sign_in.wake),
        web.get("/sign-in/link/{secret}", sign_in.show_link),
        web.post("/sign-in/link/{secret}", sign_in.follow_link),
        web.post("/sign-in/passkey", passkeys.sign_in),
        web.get("/sign-in/prove", sign_in.show_proof),
        web.post("/sign-in/prove", sign_in.prove),
        web.post("/sign-out", sign_in.sign_out),
        web.get("/sign-up", sign_up.show_sign_up),
        web.post("/sign-up", sign_up.sign_up),
        web.get("/sign-up/confirm", sign_up.show_code),
        web.post("/sign-up/confirm", sign_up.take_code),
        web.get("/sign-up/confirm/{secret}", sign_up.show_link),
        web.post("/sign-up/confirm/{secret}", sign_up.follow_link),
        web.get("/welcome/{secret}", passwords.show_welcome),
        web.post("/welcome/{secret}", passwords.move_in),
        web.get("/reset", passwords.show_reset),
        web.post("/reset", passwords.ask_reset),
        web.get("/reset/{secret}", passwords.show_new),
        web.post("/reset/{secret}", passwords.choose_new),
        web.get("/settings", profile.show_profile),
        web.post("/settings", profile.save),
        web.get("/settings/account", account.show_account),
        web.post("/settings/account", account.choose),
        web.get("/settings/account/email", account.show_email),
        web.post("/settings/account/email", account.ask_email),
        web.get("/settings/account/email/{secret}", account.show_email_link),
        web.post("/settings/account/email/{secret}", account.follow_email_link),
        web.get("/settings/account/leave", account.show_leave),
        web.post("/settings/account/leave", account.leave),
        web.get("/goodbye", account.show_goodbye),
        web.get("/settings/security", security.show_security),
        web.get("/settings/security/app", security.show_app),
        web.post("/settings/security/app", security.turn_on_app),
        web.post("/settings/security/app/off", security.turn_off_app),
        web.post("/settings/security/codes", security.renew_codes),
        web.post("/settings/security/password", security.change_password),
        web.post("/settings/security/sessions", security.end_session),
        web.post("/settings/security/passkeys", passkeys.add),
        web.post("/settings/security/passkeys/remove", passkeys.remove),
        web.get("/settings/security/{part:.+}", security.show_part),
        web.get("/admin", admin.show_overview),
        web.get("/admin/people", admin_people.show_people),
        web.get("/admin/people/{name}", admin_people.show_person),
        web.post("/admin/people/{name}", admin_people.act),
        web.get("/admin/sign-ups", admin_sign_ups.show_sign_ups),
        web.post(r"/admin/sign-ups/{id:\d+}", admin_sign_ups.decide),
        web.get("/admin/log", admin.show_log),
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
