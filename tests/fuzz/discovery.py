"""WebFinger, NodeInfo, and the pages that name a document or a person."""

from __future__ import annotations

from federation import alternates, backlinks, discovery
from federation.documents import address, parse_json
from federation.errors import Malformed
from tests.fuzz import samples
from tests.fuzz.reader import Reader

INTENTS: tuple[discovery.Intent, ...] = ("Object", "Follow", "Create", "Like", "Announce")
BASE = "https://peer.test/@mira"


def seeds() -> list[bytes]:
    intent = {"rel": "https://w3id.org/fep/3b86/Follow", "template": "https://peer.test/follow?uri={object}"}
    subscribe = {"rel": "http://ostatus.org/schema/1.0/subscribe", "template": "https://peer.test/i?uri={uri}"}
    profile = {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": BASE}
    own = {"rel": "self", "type": "application/activity+json", "href": samples.MIRA}
    versions = [
        {
            "rel": f"http://nodeinfo.diaspora.software/ns/schema/{version}",
            "href": f"https://peer.test/nodeinfo/{version}",
        }
        for version in ("2.0", "2.1")
    ]
    return [
        *samples.as_bytes(
            [
                {"subject": "acct:mira@peer.test", "links": [own, profile, subscribe, intent]},
                {"version": "2.0", "software": {"name": "Mastodon", "version": "4.3.0"}},
                {"links": versions},
            ]
        ),
        b"acct:garden@node.test",
        b"https://node.test/g/garden",
        b'<html><head><link rel="alternate" type="application/activity+json" href="/users/mira"></head>',
        b'<https://peer.test/users/mira>; rel="alternate"; type="application/activity+json"',
        b'<!-- x --><script>"</script>"</script><a href="https://node.test/u/ana/" rel="me nofollow">x</a>',
    ]


def read(data: bytes) -> None:
    """What a server says of somebody; raises for links that lead elsewhere than to the web."""
    words = data.decode("utf-8", "replace")
    try:
        found = discovery.parse_resource(words, "https://node.test")
        assert found is None or found.uri is None or found.uri.startswith("https://node.test/")
    except Malformed:
        pass
    alternates.alternate_of_page(words, BASE)
    alternates.alternate_of_header([words, words], BASE)
    backlinks.links_back(words, BASE, "https://node.test/u/ana")
    try:
        document = parse_json(data)
    except Malformed:
        return
    links = discovery.read_webfinger(document)
    for address_found in (
        links.actor,
        links.page,
        *(links.way_to(intent, "https://node.test/x?y&z") for intent in INTENTS),
    ):
        assert address_found is None or address(address_found) == address_found
    name, version = discovery.read_nodeinfo(document)
    assert (name + version).isprintable()
    discovery.read_nodeinfo_links(document)


READER = Reader(
    "discovery",
    read,
    seeds,
    words=("<link ", "<a ", "rel=", "href=", "alternate", "me", "type=", "application/activity+json", "<!--", "-->",
           "<script", "</script", "<textarea", "&#x", "acct:", "@node.test", "{object}", "{uri}",
           "https://[", "template"),
    json=True,
)  # fmt: skip
