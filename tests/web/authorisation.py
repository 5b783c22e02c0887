"""Who may do what: every route of the door for people, and the table that says what each kind of reader gets there.

`TABLE` names every route. A rule answers the status for a reader in a world: `404` stands for "not there", and looks
the same as an address at which there never was anything. Whoever adds a route adds its line; a test fails until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

WORLDS = ("open", "private", "closed", "secret")  # an open group; a private thread in one; a closed group; a secret one
ROLES = (
    "stranger",  # not signed in
    "outsider",  # signed in, in another group only, where they are a moderator
    "banned",
    "former",  # was a member
    "guest",  # of the thread alone
    "member",
    "author",  # a member, who wrote what is asked for
    "moderator",
    "admin",  # of the group
    "keeper",  # admin of the node, in no group
    "suspended",  # a member who was suspended: their session ended with it
)
OF_GROUP = {"member", "author", "moderator", "admin"}
SIGNED_IN = set(ROLES) - {"stranger", "suspended"}

DONE = 200  # or wherever it leads: a redirect to a page that is theirs
SIGN_IN = 401  # a GET is led to signing in, a POST keeps the words on a page with 403
NO = 403  # or the form with the reason on it, 422
GONE = 404


@dataclass(frozen=True)
class Reader:
    """Somebody in a world."""

    role: str
    world: str

    @property
    def signed_in(self) -> bool:
        return self.role in SIGNED_IN

    @property
    def sees_group(self) -> bool:
        return self.world != "secret" or self.role in OF_GROUP

    @property
    def sees_thread(self) -> bool:
        return self.world in ("open", "closed") or self.role in OF_GROUP | {"guest"}


Rule = Callable[[Reader], int]


@dataclass(frozen=True)
class Line:
    """A route of the table: who gets what, and what is sent so that whoever may do it does it."""

    rule: Rule
    at: Mapping[str, str] = field(default_factory=dict)  # parts of the address that are not the usual ones
    fields: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    writes: bool = False  # being shown the page is written down
    comes_back: bool = False  # the form would need a secret, and is given back without it
    gone: bool = False  # what is done leaves a page that says so, with 404 or 410


# ------------------------------------------------------------------ rules


def everybody(_reader: Reader) -> int:
    """Nothing here is anybody's own."""
    return DONE


def nobody(_reader: Reader) -> int:
    """There is nothing at the address that is asked for, for anybody."""
    return GONE


def members_of_node(reader: Reader) -> int:
    """For whoever is signed in."""
    return DONE if reader.signed_in else SIGN_IN


def keepers(reader: Reader) -> int:
    """For admins of the node; for the others there is no such page (WEB-18)."""
    return DONE if reader.role == "keeper" else GONE


def see_group(reader: Reader) -> int:
    """For whoever sees the group."""
    return DONE if reader.sees_group else GONE


def see_thread(reader: Reader) -> int:
    """For whoever sees the thread."""
    return DONE if reader.sees_thread else GONE


def see_public(reader: Reader) -> int:
    """It is shown where everybody sees it, and to nobody else."""
    return DONE if reader.world in ("open", "closed") else GONE


def first_signed_in(rule: Rule) -> Rule:
    """A stranger is led to signing in, whether or not there is anything behind it; the others as the rule says."""

    def asked(reader: Reader) -> int:
        return rule(reader) if reader.signed_in else SIGN_IN

    return asked


def has_no_app(reader: Reader) -> int:
    """For whoever has an authenticator app; nobody here has."""
    return NO if reader.signed_in else SIGN_IN


def met(reader: Reader) -> int:
    """Of somebody elsewhere who said nothing here, only members learn that they are known."""
    return DONE if reader.signed_in else GONE


def end_account(reader: Reader) -> int:
    """Everybody their own, but the last admin of the node."""
    return NO if reader.role == "keeper" else members_of_node(reader)


def theirs(*roles: str) -> Rule:
    """It is the own thing of these; for everybody else who is signed in it is not there."""

    def asked(reader: Reader) -> int:
        if not reader.signed_in:
            return SIGN_IN
        return DONE if reader.role in roles else GONE

    return asked


def of_group(*roles: str) -> Rule:
    """For these in the group; whoever sees it gets a no, for the others it is not there."""

    def asked(reader: Reader) -> int:
        if not reader.signed_in:
            return SIGN_IN
        if not reader.sees_group:
            return GONE
        return DONE if reader.role in roles else NO

    return asked


def of_thread(*roles: str) -> Rule:
    """For these, of whoever sees the thread; others who see it get a no, for the rest it is not there."""

    def asked(reader: Reader) -> int:
        if not reader.signed_in:
            return SIGN_IN
        if not reader.sees_thread:
            return GONE
        return DONE if reader.role in roles else NO

    return asked


MODERATORS = ("moderator", "admin", "keeper")
ADMINS = ("admin", "keeper")


def tend(reader: Reader) -> int:
    """Its author and moderators; the author owes nobody a reason."""
    return of_thread("author", *MODERATORS)(reader)


def see_delivery(reader: Reader) -> int:
    """Its author and moderators; for everybody else there is no such page."""
    answer = of_thread("author", *MODERATORS)(reader)
    return GONE if answer == NO else answer


def comment(reader: Reader) -> int:
    """Members and guests; nobody else of this node before they join."""
    return of_thread("guest", *OF_GROUP)(reader)


def see_composer(reader: Reader) -> int:
    """It is there for whoever may answer."""
    answer = comment(reader)
    return GONE if answer == NO else answer


def react(reader: Reader) -> int:
    """Whoever sees it, but those who are banned."""
    return of_thread(*(SIGNED_IN - {"banned"}))(reader)


def report(reader: Reader) -> int:
    """Whoever sees it, but nobody what they said themselves."""
    return of_thread(*(SIGNED_IN - {"author"}))(reader)


def make_private(reader: Reader) -> int:
    """Its author and moderators, once."""
    answer = tend(reader)
    return NO if answer == DONE and reader.world in ("private", "secret") else answer


def invite(reader: Reader) -> int:
    """Moderators; in open groups every member."""
    return of_group(*MODERATORS, *(OF_GROUP if reader.world in ("open", "private") else ()))(reader)


def join(reader: Reader) -> int:
    """Whoever sees the group joins it or asks to, unless they are banned."""
    return of_group(*(SIGNED_IN - {"banned"}))(reader)


def leave(reader: Reader) -> int:
    """Whoever is in it, but the last admin; who is not in it has left already."""
    return of_group(*(SIGNED_IN - {"admin"}))(reader)


def invited(reader: Reader) -> int:
    """Whoever has the link and is not in the group yet, of whatever privacy it is."""
    if not reader.signed_in:
        return SIGN_IN
    return NO if reader.role in OF_GROUP | {"banned"} else DONE


def join_by_link(reader: Reader) -> int:
    """Whoever has the link, of whatever privacy the group is; unless they are banned."""
    if not reader.signed_in:
        return SIGN_IN
    return NO if reader.role == "banned" else DONE


def hide(reader: Reader) -> int:
    """Admins of a group that is not secret yet."""
    return of_group(*ADMINS)(reader)


# ------------------------------------------------------------------ the table

TABLE: dict[str, Line] = {
    # What anybody reads.
    "GET /": Line(everybody),
    "GET /groups": Line(everybody),
    "GET /about": Line(everybody),
    "GET /robots.txt": Line(everybody),
    "GET /.well-known/security.txt": Line(nobody),  # nobody is named
    "GET /favicon.ico": Line(everybody),
    "GET /static/{name}": Line(everybody, {"name": "look.css"}),
    "GET /tags/{tag}": Line(nobody, {"tag": "unused"}),
    "GET /d/{key}": Line(nobody, {"key": "abcdefgh"}),
    "GET /d/{key}/comment/{comment}": Line(nobody, {"key": "abcdefgh", "comment": "1"}),
    "GET /d/{key}/{slug}": Line(nobody, {"key": "abcdefgh", "slug": "x"}),
    "GET /d/{key}/{slug}/{sequence}": Line(nobody, {"key": "abcdefgh", "slug": "x", "sequence": "1"}),
    "GET /c/{id}": Line(nobody, {"id": "1"}),
    # Groups and threads.
    "GET /g/{name}": Line(see_group),
    "GET /g/{name}/{place}": Line(see_thread, writes=True),
    "GET /post/{uid}": Line(see_thread, {"uid": "{opening}"}),
    "GET /comment/{uid}": Line(see_thread),
    "GET /u/{name}": Line(everybody, {"name": "the_author"}),
    "POST /g/{name}/{place}/fetch": Line(see_public),  # nothing of what is private is elsewhere
    # Into a group and out of it.
    "GET /groups/new": Line(members_of_node),
    "POST /groups/new": Line(members_of_node, fields={"title": "Newer", "name": "newer", "privacy": "open"}),
    "GET /g/{name}/join": Line(first_signed_in(see_group)),
    "POST /g/{name}/join": Line(join, fields={"words": "Let me in."}),
    "GET /g/{name}/leave": Line(first_signed_in(see_group)),
    "POST /g/{name}/leave": Line(leave),
    "GET /join/{token}": Line(everybody),
    "POST /join/{token}": Line(join_by_link),
    "GET /invitations/{secret}": Line(everybody),
    "POST /invitations/{secret}": Line(invited, fields={"act": "accept"}),
    "GET /g/{name}/invite": Line(invite),
    "POST /g/{name}/invite": Line(invite, fields={"addresses": "somebody@coop.example", "words": "Come."}),
    "GET /g/{name}/requests": Line(of_group(*MODERATORS)),
    "POST /g/{name}/requests": Line(of_group(*MODERATORS), fields={"request": "{request}", "act": "approve"}),
    # Who is in it, and what it is.
    "GET /g/{name}/members": Line(see_group),
    "GET /g/{name}/members/change": Line(of_group(*MODERATORS), query="who={member}"),
    "POST /g/{name}/members/change": Line(
        of_group(*MODERATORS), fields={"who": "{member}", "act": "remove", "reason": "Spam."}
    ),
    "GET /g/{name}/log": Line(of_group("keeper", *OF_GROUP)),
    "GET /g/{name}/reports": Line(of_group(*MODERATORS)),
    "POST /g/{name}/reports/{id}": Line(of_group(*MODERATORS), {"id": "{report}"}, {"words": "Done."}),
    "GET /g/{name}/settings": Line(of_group(*ADMINS)),
    "POST /g/{name}/settings": Line(of_group(*ADMINS), fields={"title": "Another name"}),
    "POST /g/{name}/settings/handle": Line(of_group(*ADMINS), fields={"name": "renamed"}),
    "POST /g/{name}/settings/archive": Line(of_group(*ADMINS), fields={"act": "archive", "reason": "Over."}),
    "GET /g/{name}/settings/secret": Line(hide),
    "POST /g/{name}/settings/secret": Line(hide, fields={"typed": "{name}", "reason": "Ours alone."}),
    "GET /g/{name}/settings/delete": Line(of_group("keeper")),
    "POST /g/{name}/settings/delete": Line(of_group("keeper"), fields={"typed": "{name}", "reason": "Over."}),
    # What is said.
    "GET /g/{name}/new": Line(of_group(*OF_GROUP)),
    "POST /g/{name}/new": Line(of_group(*OF_GROUP), fields={"title": "Hello", "source": "Hello."}),
    "GET /items/{uid}/reply": Line(first_signed_in(see_thread)),
    "POST /items/{uid}/reply": Line(comment, fields={"source": "Hello."}),
    "GET /items/{uid}/composer": Line(see_composer),
    "GET /items/{uid}/fragment": Line(see_thread),
    "GET /items/{uid}/source": Line(see_thread),
    "GET /items/{uid}/history": Line(see_thread),
    "GET /items/{uid}/delivery": Line(see_delivery),
    "GET /items/{uid}/edit": Line(of_thread("author")),
    "POST /items/{uid}/edit": Line(of_thread("author"), fields={"source": "Other words."}),
    "GET /threads/{uid}/edit": Line(first_signed_in(see_thread)),
    "GET /items/{uid}/delete": Line(of_thread("author")),
    "POST /items/{uid}/delete": Line(of_thread("author")),
    "GET /items/{uid}/react": Line(see_thread),
    "POST /items/{uid}/react": Line(react, fields={"kind": "like"}),
    "POST /items/{uid}/bookmark": Line(first_signed_in(see_thread)),
    "GET /items/{uid}/report": Line(report),
    "POST /items/{uid}/report": Line(report, fields={"category": "spam", "words": "Look."}),
    "GET /items/{uid}/reported": Line(first_signed_in(see_thread)),
    "POST /preview": Line(members_of_node, fields={"source": "Hello.", "place": "reply:{item}"}),
    "GET /mentions": Line(members_of_node, query="q=the&thread={thread}"),
    "GET /drafts": Line(members_of_node),
    "POST /drafts": Line(first_signed_in(see_thread), fields={"place": "reply:{item}", "source": "Hello."}),
    # What moderators do, and authors.
    "GET /items/{uid}/remove": Line(of_thread(*MODERATORS)),
    "POST /items/{uid}/remove": Line(of_thread(*MODERATORS), fields={"reason": "Spam."}),
    "GET /items/{uid}/restore": Line(of_thread(*MODERATORS), {"uid": "{removed}"}),
    "POST /items/{uid}/restore": Line(of_thread(*MODERATORS), {"uid": "{removed}"}),
    "GET /items/{uid}/split": Line(of_thread(*MODERATORS)),
    "POST /items/{uid}/split": Line(of_thread(*MODERATORS), fields={"title": "Its own", "source": "It began there."}),
    "GET /threads/{uid}/lock": Line(of_thread(*MODERATORS)),
    "POST /threads/{uid}/lock": Line(of_thread(*MODERATORS), fields={"turn": "on", "reason": "Over."}),
    "GET /threads/{uid}/pin": Line(of_thread(*MODERATORS)),
    "POST /threads/{uid}/pin": Line(of_thread(*MODERATORS), fields={"turn": "on"}),
    "GET /threads/{uid}/move": Line(of_thread(*MODERATORS)),
    "POST /threads/{uid}/move": Line(of_thread(*MODERATORS), fields={"group": "vault", "reason": "There."}),
    "GET /threads/{uid}/tags": Line(tend),
    "POST /threads/{uid}/tags": Line(tend, fields={"tags": "water, wood"}),
    "GET /threads/{uid}/whiteboard": Line(tend),
    "POST /threads/{uid}/whiteboard": Line(tend, fields={"turn": "on", "reason": "Ours."}),
    "GET /threads/{uid}/private": Line(make_private),
    "POST /threads/{uid}/private": Line(make_private, fields={"reason": "Ours."}),
    "GET /threads/{uid}/guests": Line(tend),
    "POST /threads/{uid}/guests": Line(tend, fields={"act": "invite", "who": "somebody@coop.example"}),
    # How it is read.
    "GET /threads/{uid}/live": Line(see_thread),
    "POST /threads/{uid}/read": Line(first_signed_in(see_thread), fields={"seen": ["0", "1"]}),
    "POST /threads/{uid}/dismiss": Line(first_signed_in(see_thread)),
    "GET /threads/{uid}/seen": Line(see_thread),
    "GET /threads/{uid}/print": Line(see_thread),
    "GET /threads/{uid}/markdown": Line(see_thread),
    "GET /unread": Line(members_of_node, writes=True),
    "POST /unread": Line(members_of_node),
    "GET /bookmarks": Line(members_of_node),
    "POST /keys": Line(members_of_node, fields={"on": "1"}),
    # Somebody is reported.
    "GET /u/{name}/report": Line(members_of_node, {"name": "joining"}),
    "POST /u/{name}/report": Line(members_of_node, {"name": "joining"}, {"category": "spam", "words": "Look."}),
    "GET /u/{name}/reported": Line(members_of_node, {"name": "joining"}),
    "GET /people/{handle}/report": Line(members_of_node, {"handle": "rita@coop.example"}),
    "POST /people/{handle}/report": Line(
        members_of_node, {"handle": "rita@coop.example"}, {"category": "spam", "words": "Look."}
    ),
    "GET /people/{handle}/reported": Line(members_of_node, {"handle": "rita@coop.example"}),
    "GET /u/{name}/block": Line(members_of_node, {"name": "joining"}),
    "POST /u/{name}/block": Line(members_of_node, {"name": "joining"}),
    "GET /people/{handle}/block": Line(members_of_node, {"handle": "rita@coop.example"}),
    "POST /people/{handle}/block": Line(members_of_node, {"handle": "rita@coop.example"}),
    "GET /settings/blocks": Line(members_of_node),
    "POST /settings/blocks": Line(members_of_node, fields={"uri": "https://coop.example/users/nobody"}),
    # From and to other servers.
    "GET /interact": Line(
        lambda reader: DONE if reader.world in ("open", "closed") else GONE, query="object={item_uri}"
    ),
    "POST /interact": Line(
        see_public,
        fields={"object": "{item_uri}", "intent": "reply", "handle": "@ana@coop.example"},
    ),
    "GET /authorize_interaction": Line(first_signed_in(see_thread), query="uri={item_uri}"),
    "GET /intents/{intent}": Line(first_signed_in(see_thread), {"intent": "like"}, query="object={item_uri}"),
    "GET /share": Line(members_of_node, query="text=Hello"),
    "GET /following": Line(members_of_node),
    "POST /following": Line(members_of_node, fields={"address": "@the_author@moot.example"}),
    "POST /following/{post}/like": Line(theirs("member"), {"post": "{followed_post}"}),
    "GET /people/{handle}": Line(met, {"handle": "rita@coop.example"}),
    "POST /people/{handle}/follow": Line(members_of_node, {"handle": "rita@coop.example"}),
    "POST /people/{handle}/unfollow": Line(members_of_node, {"handle": "rita@coop.example"}),
    "GET /remarks/new": Line(first_signed_in(see_thread), query="to={item_uri}"),
    "POST /remarks/new": Line(
        first_signed_in(see_thread), fields={"to": "{item_uri}", "source": "Hi."}, comes_back=True
    ),
    "POST /remarks/like": Line(first_signed_in(see_thread), fields={"to": "{item_uri}"}),
    "GET /remarks/{uid}/edit": Line(theirs("author"), {"uid": "{remark}"}),
    "POST /remarks/{uid}/edit": Line(theirs("author"), {"uid": "{remark}"}, {"source": "Other words."}),
    "GET /remarks/{uid}/delete": Line(theirs("author"), {"uid": "{remark}"}),
    "POST /remarks/{uid}/delete": Line(theirs("author"), {"uid": "{remark}"}),
    # The way in.
    "GET /sign-in": Line(everybody),
    "POST /sign-in": Line(everybody, fields={"login": "the_author", "password": "wrong"}, comes_back=True),
    "GET /sign-in/code": Line(everybody),
    "POST /sign-in/code": Line(everybody, fields={"login": "the_author"}),
    "GET /sign-in/second": Line(everybody),
    "POST /sign-in/second": Line(everybody, fields={"code": "123456"}),
    "GET /sign-in/awake": Line(everybody),
    "POST /sign-in/awake": Line(nobody),
    "GET /sign-in/link/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "POST /sign-in/link/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "POST /sign-in/passkey": Line(everybody, fields={"step": "begin"}),
    "GET /sign-in/prove": Line(members_of_node),
    "POST /sign-in/prove": Line(members_of_node, fields={"password": "wrong"}, comes_back=True),
    "POST /sign-out": Line(everybody),
    "GET /sign-up": Line(everybody),
    "POST /sign-up": Line(everybody, fields={}, comes_back=True),
    "GET /sign-up/confirm": Line(everybody),
    "POST /sign-up/confirm": Line(everybody, fields={"code": "123456"}, comes_back=True),
    "GET /sign-up/confirm/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "POST /sign-up/confirm/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "GET /welcome/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "POST /welcome/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "GET /reset": Line(everybody),
    "POST /reset": Line(everybody, fields={"login": "the_author"}),
    "GET /reset/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "POST /reset/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "GET /goodbye": Line(everybody),
    # One's own.
    "GET /settings": Line(members_of_node),
    "POST /settings": Line(members_of_node, fields={"display_name": "Somebody", "summary": "Hello."}),
    "GET /settings/account": Line(members_of_node),
    "POST /settings/account": Line(members_of_node, fields={"zone": "Europe/Lisbon"}),
    "GET /settings/account/email": Line(members_of_node),
    "POST /settings/account/email": Line(members_of_node, fields={"email": "other@coop.example"}),
    "GET /settings/account/email/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "POST /settings/account/email/{secret}": Line(nobody, {"secret": "{nothing}"}),
    "GET /settings/account/moving": Line(members_of_node),
    "POST /settings/account/moving": Line(members_of_node, fields={"act": "drop", "alias": "https://coop.example/u/a"}),
    "GET /settings/account/leave": Line(members_of_node),
    "POST /settings/account/leave": Line(end_account, fields={"act": "deactivate"}),
    "GET /settings/security": Line(members_of_node),
    "GET /settings/security/app": Line(members_of_node),
    "POST /settings/security/app": Line(members_of_node, fields={"carried": "x", "code": "123456"}),
    "POST /settings/security/app/off": Line(members_of_node),
    "POST /settings/security/codes": Line(has_no_app),
    "POST /settings/security/password": Line(members_of_node, fields={"password": "a long enough one, so"}),
    "POST /settings/security/sessions": Line(members_of_node, fields={"session": "others"}),
    "POST /settings/security/passkeys": Line(members_of_node, fields={"step": "begin"}),
    "POST /settings/security/passkeys/remove": Line(theirs("author"), fields={"passkey": "{passkey}"}),
    "GET /settings/security/{part}": Line(everybody, {"part": "sessions"}),
    # The node.
    "GET /admin": Line(keepers),
    "GET /admin/people": Line(keepers),
    "GET /admin/people/{name}": Line(keepers, {"name": "the_member"}),
    "POST /admin/people/{name}": Line(keepers, {"name": "the_member"}, {"act": "suspend", "reason": "Spam."}),
    "GET /admin/sign-ups": Line(keepers),
    "POST /admin/sign-ups/{id}": Line(keepers, {"id": "{sign_up}"}, {"act": "approve"}),
    "GET /admin/log": Line(keepers),
    "GET /admin/federation": Line(keepers),
    "POST /admin/federation": Line(keepers, fields={"act": "owe-again", "about": "1"}),
    "GET /admin/federation/parked": Line(keepers),
    "GET /admin/federation/hosts/{host}": Line(nobody, {"host": "nothing.example"}),
    "GET /admin/federation/activities/{id}": Line(nobody, {"id": "999999"}),
    "GET /admin/servers": Line(keepers),
    "POST /admin/servers": Line(keepers, fields={"host": "bad.example", "act": "silence", "reason": "Advertising."}),
    "GET /admin/servers/{host}": Line(keepers, {"host": "listed.example"}),
    "GET /admin/limits.csv": Line(keepers),
    "GET /admin/block-lists": Line(keepers),
    "POST /admin/block-lists": Line(keepers, fields={"name": "Ours", "list": "worse.example", "act": "add"}),
    "GET /admin/block-lists/{id}": Line(keepers, {"id": "{block_list}"}),
    "POST /admin/block-lists/{id}": Line(keepers, {"id": "{block_list}"}, {"act": "remove", "reason": "Too hard."}),
    "GET /admin/reports": Line(keepers),
    "POST /admin/reports/{id}": Line(keepers, {"id": "{node_report}"}, {"words": "Done."}),
}

# What stands in an address, where the line does not say otherwise.
USUAL = {
    "/g/": {"name": "{name}", "place": "{place}", "report": "{report}", "id": "{request}"},
    "/items/": {"uid": "{item}"},
    "/threads/": {"uid": "{thread}"},
    "/comment/": {"uid": "{item}"},
    "/invitations/": {"secret": "{invitation}", "id": "{invitation_id}"},
    "/join/": {"token": "{join}"},
}


def filled(route: str, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The address and the form of a route with what it is about."""
    line = TABLE[route]
    path = route.partition(" ")[2]
    usual = next((given for start, given in USUAL.items() if path.startswith(start)), {})
    for name, value in (usual | dict(line.at)).items():
        path = path.replace("{" + name + "}", value.format_map(values))
    query = "?" + line.query.format_map(values) if line.query else ""
    fields = {name: _filled(value, values) for name, value in line.fields.items()}
    return path + query, fields


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    return value.format_map(values) if isinstance(value, str) else value
