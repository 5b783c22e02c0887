"""One URL has one spelling here, and what could be read in two ways is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.addresses import (
    authority,
    canonical,
    is_public_address,
    origin,
    registrable_domain,
    require_public,
    same_origin,
    within,
    without_fragment,
)
from federation.errors import FederationError, Malformed, Refused


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://coop.example/u/ana", "https://coop.example/u/ana"),
        ("HTTPS://Coop.Example/u/Ana", "https://coop.example/u/Ana"),
        ("https://coop.example:443/u/ana", "https://coop.example/u/ana"),
        ("http://coop.example:80/u/ana", "http://coop.example/u/ana"),
        ("https://coop.example:8443/u/ana", "https://coop.example:8443/u/ana"),
        ("https://coop.example./u/ana", "https://coop.example/u/ana"),
        ("https://coop.example", "https://coop.example/"),
        ("https://coop.example?a=1", "https://coop.example/?a=1"),
        ("https://coop.example/u/ana#main-key", "https://coop.example/u/ana#main-key"),
        ("https://coop.example//u/ana;x=1?a[]=b@c&d", "https://coop.example//u/ana;x=1?a[]=b@c&d"),
        ("https://coop.example/%61na", "https://coop.example/%61na"),
        ("https://bücher.example/u", "https://xn--bcher-kva.example/u"),
        ("https://xn--bcher-kva.example/u", "https://xn--bcher-kva.example/u"),
        ("https://xn--ls8h.example/u", "https://xn--ls8h.example/u"),  # an emoji domain
        ("https://coop.example/caf\u00e9", "https://coop.example/caf%C3%A9"),
        ('https://coop.example/a"b<c>', "https://coop.example/a%22b%3Cc%3E"),
        ("https://[2A00:0:0::1]:8443/u", "https://[2a00::1]:8443/u"),
        ("http://127.0.0.1:4100/u", "http://127.0.0.1:4100/u"),
    ],
)
def test_a_url_has_one_spelling(written: str, read: str) -> None:
    """UID-01, UID-04, UID-05, UID-06"""
    assert canonical(written) == read
    assert canonical(read) == read


@pytest.mark.parametrize(
    "url",
    [
        "https://coop.example@mallory.example/u",
        "https://coop.example:443@mallory.example/",
        "https://mallory.example\\@coop.example/",
        "https://coop.example\\u",
        "https://coop.example%2emallory.example/",
        "https://coop%40mallory.example/",
        "https://coop.example\t.mallory.example/",
        "https://co\nop.example/",
        " https://coop.example/",
        "https://coop.example/ ",
        "https://coop.example/\x00",
        "https://coop.example/\x7f",
        "https://coop.example/ana%00",
        "https://coop.example/100%",
        "https://coop.example/%zz",
        "https://coop\u2024example/",
        "https://coop\u3002example/",
        "https://coop.example\uff0fmallory.example/",
        "https://coop.example\u2044mallory.example/",
        "https://\uff43oop.example/",
        "https://\u212aoop.example/",  # the Kelvin sign lower-cases to k
        "https://xn--/",
        "https://xn--coop-.example/",
        "https://coop.example:0443/",
        "https://coop.example:/",
        "https://coop.example:65536/",
        "https://coop.example:443:80/",
        "https://coop.example:\u0664\u0664\u0663/",
        "https://coop.example../",
        "https://.coop.example/",
        "https://co_op.example/",
        "https://-coop.example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
        "https://coop.example/u/./ana",
        "https://coop.example/u/../ana",
        "https://coop.example/u/%2e%2E/ana",
        "https://coop.example/..",
        "https://coop.example/u?",
        "https://coop.example/u#",
        "https://coop.example/" + "a" * 2048,
        "https://coop.example/" + "\u00e9" * 1000,
        "https://coop.example/\ud800",
        "https://[::ffff:93.184.216.34]/",
        "https://[::ffff:5db8:d822]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[2a00::1/",
        "https://2a00::1/",
        "https://[]/",
        "https://",
        "https:///u",
        "https://:443/",
        "https:coop.example",
        "//coop.example/u",
        "coop.example/u",
        "http\u017f://coop.example/",  # the long s, equal to s without regard to case
        "ftp://coop.example/",
        "data:application/activity+json,{}",
        "javascript:alert(1)",
        "acct:ana@coop.example",
        "did:web:coop.example",
        "",
    ],
)
def test_an_ambiguous_url_is_refused(url: str) -> None:
    """UID-01, SSR-18, SIG-41"""
    with pytest.raises(Malformed):
        canonical(url)


@pytest.mark.parametrize("host", ["127.1", "0", "2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "127.0.0.01"])
def test_an_address_in_disguise_is_refused(host: str) -> None:
    """SSR-09"""
    with pytest.raises(Malformed):
        canonical(f"https://{host}/", development=True)


@pytest.mark.parametrize("host", ["\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460"])
def test_digits_of_other_scripts_make_no_address(host: str) -> None:
    """SSR-09"""
    with pytest.raises(Malformed):
        canonical(f"https://{host}/")


def test_a_host_of_one_label_passes_only_in_development() -> None:
    """SSR-10"""
    assert canonical("http://localhost:4100/u", development=True) == "http://localhost:4100/u"
    with pytest.raises(Malformed):
        canonical("http://localhost:4100/u")


def test_http_and_https_are_two_origins() -> None:
    """UID-03"""
    assert origin("https://Coop.Example:443/u") == "https://coop.example"
    assert same_origin("https://coop.example/u", "https://COOP.example:443/notes/1")
    assert not same_origin("https://coop.example/u", "http://coop.example/u")
    assert not same_origin("https://coop.example/u", "https://coop.example:8443/u")
    assert not same_origin("https://coop.example/u", "https://sub.coop.example/u")


def test_what_is_no_url_has_no_origin() -> None:
    assert not same_origin("", "")
    assert not same_origin("acct:a@b.example", "acct:a@b.example")


def test_a_server_is_named_with_its_port() -> None:
    assert authority("https://coop.example:443/u") == "coop.example"
    assert authority("http://127.0.0.1:4100/u") == "127.0.0.1:4100"
    assert authority("https://[2a00::1]:8443/u") == "[2a00::1]:8443"


def test_a_key_is_found_in_the_document_without_the_fragment() -> None:
    assert without_fragment("https://coop.example/u/ana#main-key") == "https://coop.example/u/ana"


def test_subdomains_count_as_one_sender() -> None:
    """DOS rule 14: limits are counted by registrable domain, addresses by themselves."""
    assert registrable_domain("a.b.coop.example:8443") == "coop.example"
    assert registrable_domain("coop.example") == "coop.example"
    assert registrable_domain("203.0.113.7:4100") == "203.0.113.7"
    assert registrable_domain("[2a00::1]:443") == "2a00::1"
    assert registrable_domain("2a00::1") == "2a00::1"


def test_a_blocked_domain_stops_its_subdomains_and_nobody_else() -> None:
    """UID-02"""
    for host in ("evil.example", "sub.evil.example", "EVIL.example", "evil.example.", "evil.example:443"):
        assert within(host, "evil.example")
    assert not within("notevil.example", "evil.example")
    assert not within("evil.example", "sub.evil.example")


PRIVATE = """0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1
64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd00::1 fe80::1 fe80::1%eth0
fec0::1 ff02::1"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_a_special_purpose_address_is_not_public(address: str) -> None:
    """SSR-01, SSR-02"""
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2a00::1"])
def test_an_ordinary_address_is_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize("text", ["", "coop.example", "127.1", "1.2.3.4.", "0x8.8.8.8"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public_address(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://coop.example/",
        "https://coop.example:22/",
        "https://coop.example:8443/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://[::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://localhost/",
        "https://localhost./",
        "https://a.localhost/",
        "https://db/",
        "https://router.local/",
        "https://metadata.google.internal/",
        "https://kubernetes.default.svc/",
        "https://hidden.onion/",
    ],
)
def test_a_place_no_public_server_lives_at_is_refused(url: str) -> None:
    """SSR-01, SSR-10, SSR-18"""
    with pytest.raises(Refused):
        require_public(url)


@pytest.mark.parametrize(
    "url", ["https://coop.example/", "https://8.8.8.8/", "https://[2a00:1450::1]/", "https://a.test"]
)
def test_a_public_place_may_be_fetched(url: str) -> None:
    require_public(url)


@given(st.text() | st.text().map(lambda rest: "https://" + rest) | st.text().map(lambda path: "https://a.test/" + path))
def test_any_text_is_either_one_url_or_refused(text: str) -> None:
    """UID-01"""
    try:
        url = canonical(text)
    except FederationError:
        return
    assert canonical(url) == url
    assert url.isascii()
    assert len(origin(url)) <= len(url)
