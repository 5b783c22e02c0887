"""How servers find each other's people: WebFinger, host-meta and NodeInfo, written and read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import quote

from federation.addresses import canonical
from federation.documents import AS2, Document, address, members, text
from federation.errors import Malformed

ACTIVITY_JSON = "application/activity+json"
# Mastodon compares the type of a self link with these two, letter by letter.
_SELF_TYPES = frozenset({ACTIVITY_JSON, f'application/ld+json; profile="{AS2}"'})
_PROFILE = "http://webfinger.net/rel/profile-page"
_SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"
_INTENT = "https://w3id.org/fep/3b86/"
_NODEINFO = "http://nodeinfo.diaspora.software/ns/schema/"

NODEINFO_VERSIONS = ("2.0", "2.1")
MOST_LINKS = 50  # ours has nine; a JRD is no directory
LONGEST_TEMPLATE = 1000

Intent = Literal["Object", "Follow", "Create", "Like", "Announce"]

_HANDLE = re.compile(r"(?:acct:)?@?([A-Za-z0-9_.-]{1,64})@([^\s@/?#\\]{1,255})", re.IGNORECASE)


@dataclass(frozen=True)
class Resource:
    """Whom a WebFinger query of our host asks for: a name, one of our addresses, or with neither the node itself."""

    name: str | None = None
    uri: str | None = None


def parse_resource(resource: str, origin: str) -> Resource | None:
    """What a query asks of the server at `origin`; None for another server's, Malformed for no resource at all."""
    if match := _HANDLE.fullmatch(resource):
        asked = match[2].lower().removesuffix(".")
        return Resource(name=match[1].lower()) if asked == origin.partition("://")[2] else None
    if resource.startswith("acct:") and not resource.isascii():
        return None  # a name that nobody has, not even one that looks like it
    uri = canonical(resource, development=True)
    if uri == f"{origin}/":
        return Resource()
    return Resource(uri=uri) if uri.startswith(f"{origin}/") else None


def webfinger(
    *,
    username: str,
    actor: str,
    page: str,
    origin: str,
    kind: Literal["Person", "Group", "Application"],
    former_names: tuple[str, ...] = (),
) -> Document:
    """The JRD of an actor: Mastodon wants exactly this subject, and a typed self link that is the actor's id."""
    host = origin.partition("://")[2]
    return {
        "subject": f"acct:{username}@{host}",
        "aliases": list(dict.fromkeys((actor, page, *(f"acct:{name}@{host}" for name in former_names)))),
        "links": [
            {"rel": "self", "type": ACTIVITY_JSON, "href": actor, "properties": {f"{AS2}#type": kind}},
            {"rel": _PROFILE, "type": "text/html", "href": page},
            *(_intents(origin) if kind == "Person" else ()),  # nobody signs in as a group
        ],
    }


def node_webfinger(*, origin: str, actor: str) -> Document:
    """The JRD of the server itself: its actor (FEP-d556), and the intents for a visitor who typed only the host."""
    return {
        "subject": f"{origin}/",
        "aliases": [actor],
        "links": [
            {"rel": f"{AS2}#Service", "type": ACTIVITY_JSON, "href": actor},
            *_intents(origin),
        ],
    }


def _intents(origin: str) -> list[Document]:
    # No Announce: nobody boosts from here.
    return [
        {"rel": _SUBSCRIBE, "template": f"{origin}/authorize_interaction?uri={{uri}}"},
        {"rel": _INTENT + "Object", "template": f"{origin}/authorize_interaction?uri={{object}}"},
        {"rel": _INTENT + "Follow", "template": f"{origin}/intents/follow?object={{object}}"},
        {"rel": _INTENT + "Like", "template": f"{origin}/intents/like?object={{object}}"},
        {"rel": _INTENT + "Create", "template": f"{origin}/share?text={{content}}&title={{name}}&to={{inReplyTo}}"},
    ]


def host_meta(origin: str) -> str:
    """The XRD in which Mastodon looks for WebFinger once it got a 404 where it should be."""
    template = escape(f"{origin}/.well-known/webfinger?resource={{uri}}")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n'
        f'  <Link rel="lrdd" type="application/jrd+json" template="{template}"/>\n'
        "</XRD>\n"
    )


def nodeinfo_links(origin: str, actor: str) -> Document:
    """Where our NodeInfo documents are, and (FEP-2677) the node's actor."""
    documents = [{"rel": _NODEINFO + version, "href": f"{origin}/nodeinfo/{version}"} for version in NODEINFO_VERSIONS]
    return {"links": [*documents, {"rel": f"{AS2}#Application", "type": ACTIVITY_JSON, "href": actor}]}


def nodeinfo(
    version: str,
    *,
    software_version: str,
    name: str,
    description: str,
    users: int,
    active_month: int,
    active_half_year: int,
    threads: int,
    comments: int,
    open_registrations: bool,
    homepage: str | None = None,
    repository: str | None = None,
) -> Document:
    """The NodeInfo document of that version; Lemmy asks for it daily and calls a server dead that does not answer."""
    if version not in NODEINFO_VERSIONS:
        raise Malformed("There is no such version of NodeInfo here.")
    software = {"name": "folkmoot", "version": software_version}
    if version == "2.1":  # 2.0 allows no further keys
        software |= {key: value for key, value in (("homepage", homepage), ("repository", repository)) if value}
    return {
        "version": version,
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": open_registrations,
        "usage": {
            "users": {"total": users, "activeMonth": active_month, "activeHalfyear": active_half_year},
            "localPosts": threads,
            "localComments": comments,
        },
        "metadata": {"nodeName": name, "nodeDescription": description},
    }


@dataclass(frozen=True)
class Links:
    """What somebody's server says of a handle; believed only once the actor's own document agrees (AUT-35)."""

    subject: str | None
    actor: str | None
    page: str | None
    templates: Mapping[str, str]

    def way_to(self, intent: Intent, object: str) -> str | None:
        """The page on the person's own server where they do `intent` with `object`; None if it offers none."""
        wanted = ((_INTENT + intent, "object"), (_INTENT + "Object", "object"), (_SUBSCRIBE, "uri"))
        for rel, name in wanted:
            template = self.templates.get(rel, "")
            if f"{{{name}}}" in template:
                # Only what is an http(s) address once filled in: a template may say javascript: (XSS-14).
                return address(template.replace(f"{{{name}}}", quote(object, safe="")))
        return None


def read_webfinger(doc: Mapping[str, object]) -> Links:
    """The links of a JRD, whatever it looks like; what is wrong in it is left out."""
    actor = page = None
    templates: dict[str, str] = {}
    for link in members(doc.get("links"), MOST_LINKS):
        if not isinstance(link, dict):
            continue
        rel, href, template = text(link, "rel"), address(link.get("href")), text(link, "template")
        if rel == "self" and text(link, "type") in _SELF_TYPES:
            actor = actor or href
        elif rel == _PROFILE:
            page = page or href
        if rel and template and len(template) <= LONGEST_TEMPLATE:
            templates.setdefault(rel, template)
    return Links(text(doc, "subject", limit=2048), actor, page, templates)


def read_nodeinfo(doc: Mapping[str, object]) -> tuple[str, str]:
    """The software's name, lower-case, and its version; empty where there is none that could be printed."""
    software = doc.get("software")
    if not isinstance(software, dict):
        return "", ""
    name, version = text(software, "name", limit=64) or "", text(software, "version", limit=64) or ""
    return name.lower() if re.fullmatch(r"[\w.-]+", name, re.ASCII) else "", version if version.isprintable() else ""


def read_nodeinfo_links(doc: Mapping[str, object]) -> str | None:
    """The address of the newest NodeInfo document that is read here."""
    found = {
        link["rel"]: href
        for link in members(doc.get("links"), MOST_LINKS)
        if isinstance(link, dict) and isinstance(link.get("rel"), str) and (href := address(link.get("href")))
    }
    return next((found[_NODEINFO + version] for version in ("2.1", "2.0") if _NODEINFO + version in found), None)
