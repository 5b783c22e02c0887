"""WebFinger, host-meta and NodeInfo: what we answer, and what we make of others' answers."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import discovery
from federation.discovery import Resource, parse_resource, read_nodeinfo, read_nodeinfo_links, read_webfinger
from federation.errors import Malformed

ORIGIN = "https://moot.example"
ANA = f"{ORIGIN}/u/ana"
SELF = "application/activity+json"
THREAD = "https://moot.example/post/1?a=b&c=d"


@pytest.mark.parametrize(
    "resource, found",
    [
        ("acct:ana@moot.example", Resource(name="ana")),
        ("acct:ANA@Moot.Example", Resource(name="ana")),
        ("acct:@ana@moot.example", Resource(name="ana")),
        ("ana@moot.example", Resource(name="ana")),
        ("acct:ana@moot.example.", Resource(name="ana")),
        ("acct:moot.example@moot.example", Resource(name="moot.example")),
        (ANA, Resource(uri=ANA)),
        ("HTTPS://moot.example:443/u/ana", Resource(uri=ANA)),
        (ORIGIN, Resource()),
        (f"{ORIGIN}/", Resource()),
    ],
)
def test_a_resource_of_ours_is_found(resource, found):
    assert parse_resource(resource, ORIGIN) == found


@pytest.mark.parametrize(
    "resource",
    [
        "acct:ana@other.example",
        "acct:ana@evil.moot.example",
        "acct:ana@moot.example:8443",
        "https://moot.example.evil.example/u/ana",
        "http://moot.example/u/ana",
    ],
)
def test_a_resource_of_another_server_is_not_ours(resource):
    assert parse_resource(resource, ORIGIN) is None


@pytest.mark.parametrize(
    "resource",
    [
        "",
        "acct:",
        "ana",
        "acct:ana",
        "@ana",
        "acct:a/b@moot.example",
        "acct:a b@moot.example",
        "acct:ana@moot.example\r\n",
        "javascript:alert(1)",
        "https://moot.example@evil.example/u/ana",
        "acct:<b>@moot.example",
        "a" * 5000,
    ],
)
def test_what_is_no_resource_is_malformed(resource):
    """WEB-30."""
    with pytest.raises(Malformed):
        parse_resource(resource, ORIGIN)


def test_a_handle_on_a_development_port_is_ours():
    assert parse_resource("acct:ana@127.0.0.1:4100", "http://127.0.0.1:4100") == Resource(name="ana")


def jrd(**other):
    values = {"username": "ana", "actor": ANA, "page": ANA, "origin": ORIGIN, "kind": "Person"} | other
    return discovery.webfinger(**values)


def test_the_subject_and_the_self_link_are_exact():
    # Mastodon compares the subject with what it asked, the href with the actor's id and the type letter by letter.
    document = jrd()
    assert document["subject"] == "acct:ana@moot.example"
    [own] = [link for link in document["links"] if link["rel"] == "self"]
    assert own["href"] == ANA and own["type"] == SELF
    assert {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": ANA} in document["links"]
    assert document["aliases"] == [ANA]


def test_former_names_are_aliases():
    assert "acct:anna@moot.example" in jrd(former_names=("anna",))["aliases"]


def test_a_person_can_answer_from_home_and_a_group_cannot():
    rels = {link["rel"] for link in jrd()["links"] if "template" in link}
    assert "http://ostatus.org/schema/1.0/subscribe" in rels
    assert {f"https://w3id.org/fep/3b86/{intent}" for intent in ("Object", "Follow", "Create", "Like")} <= rels
    assert not any("template" in link for link in jrd(kind="Group")["links"])


def test_the_node_names_its_actor_and_its_intents():
    document = discovery.node_webfinger(origin=ORIGIN, actor=f"{ORIGIN}/actor")
    assert document["subject"] == f"{ORIGIN}/"
    assert document["links"][0]["rel"] == "https://www.w3.org/ns/activitystreams#Service"  # FEP-d556
    assert read_webfinger(document).way_to("Follow", ANA)


def test_we_read_our_own_webfinger():
    links = read_webfinger(jrd())
    assert (links.subject, links.actor, links.page) == ("acct:ana@moot.example", ANA, ANA)
    filled = "https%3A%2F%2Fmoot.example%2Fpost%2F1%3Fa%3Db%26c%3Dd"
    assert links.way_to("Like", THREAD) == f"{ORIGIN}/intents/like?object={filled}"
    assert links.way_to("Follow", THREAD) == f"{ORIGIN}/intents/follow?object={filled}"
    assert links.way_to("Object", THREAD) == f"{ORIGIN}/authorize_interaction?uri={filled}"
    assert links.way_to("Announce", THREAD) == f"{ORIGIN}/authorize_interaction?uri={filled}"  # by what it is about


def test_of_several_ways_the_most_exact_is_taken():
    links = [
        {"rel": "http://ostatus.org/schema/1.0/subscribe", "template": "https://a.example/sub?uri={uri}"},
        {"rel": "https://w3id.org/fep/3b86/Object", "template": "https://a.example/o?uri={object}"},
        {"rel": "https://w3id.org/fep/3b86/Like", "template": "https://a.example/like"},
    ]
    assert read_webfinger({"links": links}).way_to("Follow", ANA).startswith("https://a.example/o?uri=https%3A")
    assert read_webfinger({"links": links}).way_to("Like", ANA).startswith("https://a.example/o")
    assert read_webfinger({"links": links[:1]}).way_to("Follow", ANA).startswith("https://a.example/sub")
    assert read_webfinger({"links": []}).way_to("Follow", ANA) is None


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert('{uri}')",
        "data:text/html,{uri}",
        "https://a.example@evil.example/{uri}",
        "//a.example/{uri}",
        "https://a.example/ {uri}",
        "https://{uri}/",
        "{uri}" * 500,
        3,
        None,
    ],
)
def test_a_template_that_leads_nowhere_sane_is_not_used(template):
    """XSS-14."""
    links = [{"rel": "http://ostatus.org/schema/1.0/subscribe", "template": template}]
    assert read_webfinger({"links": links}).way_to("Follow", ANA) is None


@pytest.mark.parametrize("kind", ["text/html", None, "application/json", ["application/activity+json"]])
def test_a_self_link_of_another_type_is_not_the_actor(kind):
    assert read_webfinger({"links": [{"rel": "self", "type": kind, "href": ANA}]}).actor is None


def test_a_self_link_to_no_address_is_not_the_actor():
    """AUT-35: the caller compares the rest with the actor's own document."""
    for href in ("javascript:x", "acct:ana@moot.example", None, 3):
        assert read_webfinger({"links": [{"rel": "self", "type": SELF, "href": href}]}).actor is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["links", "rel", "href", "type", "template", "name", "version"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["links", "subject", "software"]), anything))
def test_no_answer_of_another_server_makes_reading_fail(doc):
    """PAR-16."""
    read_webfinger(doc).way_to("Object", ANA)
    name, version = read_nodeinfo(doc)
    assert isinstance(name, str) and isinstance(version, str)
    read_nodeinfo_links(doc)


def test_host_meta_is_xml_that_leads_to_webfinger():
    root = ElementTree.fromstring(discovery.host_meta(ORIGIN).encode())
    [link] = root
    assert link.tag == "{http://docs.oasis-open.org/ns/xri/xrd-1.0}Link" and link.get("rel") == "lrdd"
    assert link.get("template") == "https://moot.example/.well-known/webfinger?resource={uri}"


def info(version):
    return discovery.nodeinfo(
        version,
        software_version="1.0",
        name="Moot",
        description="A node",
        users=10,
        active_month=5,
        active_half_year=7,
        threads=100,
        comments=900,
        open_registrations=False,
        homepage="https://folkmoot.example/",
        repository="https://folkmoot.example/source",
    )


def test_nodeinfo_is_what_its_schema_says():
    for version in ("2.0", "2.1"):
        document = info(version)
        required = {"version", "software", "protocols", "services", "openRegistrations", "usage", "metadata"}
        assert set(document) == required and document["version"] == version  # additionalProperties: false
        assert document["protocols"] == ["activitypub"] and document["services"] == {"inbound": [], "outbound": []}
        assert document["usage"]["users"] == {"total": 10, "activeMonth": 5, "activeHalfyear": 7}
        assert (document["usage"]["localPosts"], document["usage"]["localComments"]) == (100, 900)
        assert read_nodeinfo(document) == ("folkmoot", "1.0")
    assert set(info("2.0")["software"]) == {"name", "version"}
    assert set(info("2.1")["software"]) == {"name", "version", "homepage", "repository"}


def test_there_is_no_other_nodeinfo():
    with pytest.raises(Malformed):
        info("3.0")


def test_nodeinfo_is_found_by_its_links():
    links = discovery.nodeinfo_links(ORIGIN, f"{ORIGIN}/actor")
    assert read_nodeinfo_links(links) == f"{ORIGIN}/nodeinfo/2.1"
    assert {
        "rel": "https://www.w3.org/ns/activitystreams#Application",
        "type": SELF,
        "href": f"{ORIGIN}/actor",
    } in links["links"]
    assert read_nodeinfo_links({"links": []}) is None


def test_a_software_name_that_cannot_be_printed_is_none():
    """XSS-05."""
    assert read_nodeinfo({"software": {"name": "Lemmy", "version": "1.0.0-beta.1"}}) == ("lemmy", "1.0.0-beta.1")
    assert read_nodeinfo({"software": {"name": "<script>", "version": "1\n2"}}) == ("", "")
