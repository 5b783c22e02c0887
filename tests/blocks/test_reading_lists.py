"""Lists as others write them, and as somebody hostile would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.forum.block_lists import LARGEST, MOST, Read, read_list
from node.forum.errors import Invalid


def read(words: str | bytes) -> Read:
    return read_list(words.encode() if isinstance(words, str) else words, origin="https://moot.example.test")


MASTODON = """#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
evil.test,suspend,TRUE,TRUE,"harassment, spam",FALSE
Loud.test,silence,FALSE,FALSE,,FALSE
media.test,noop,TRUE,FALSE,,FALSE
ev*l.test,suspend,TRUE,TRUE,,TRUE
"""


def test_mastodons_export_is_read_with_severities_and_comments() -> None:
    found = read(MASTODON)
    assert found.listed == {"evil.test": ("suspend", "harassment, spam"), "loud.test": ("silence", "")}
    assert (found.suspends, found.silences, found.without_limit, found.obfuscated) == (1, 1, 1, 1)


def test_columns_may_stand_in_another_order_and_be_fewer() -> None:
    assert read("domain,public_comment,severity\nevil.test,spam,silence\n").listed == {"evil.test": ("silence", "spam")}
    assert read("domain\nevil.test\n").listed == {"evil.test": ("suspend", "")}


def test_plain_lists_are_read_one_host_a_line() -> None:
    found = read("\ufeff# a remark\n\nevil.test\r\n  sub.evil.test  \n*.wild.test\nhttps://page.test/about\n")
    assert list(found.listed) == ["evil.test", "sub.evil.test", "wild.test", "page.test"]


def test_plain_csv_has_the_severity_second() -> None:
    assert read("evil.test,suspend,spam\nloud.test,limit\n").listed == {
        "evil.test": ("suspend", "spam"),
        "loud.test": ("silence", ""),
    }


def test_of_two_lines_about_one_host_the_harder_counts() -> None:
    assert read("domain,severity\na.test,suspend\na.test,silence\nb.test,silence\nB.test.,suspend\n").listed == {
        "a.test": ("suspend", ""),
        "b.test": ("suspend", ""),
    }


def test_names_with_stars_are_refused_and_counted() -> None:
    found = read("evil.test\ne*il.test\n*\n*.*.test\n***.test\n")
    assert (list(found.listed), found.obfuscated) == (["evil.test"], 4)


def test_this_server_and_whatever_is_above_it_are_left_out() -> None:
    found = read("moot.example.test\nexample.test\nMOOT.example.test:8443\nother.example.test\norg\n")
    assert (list(found.listed), found.ours, found.too_broad) == (["other.example.test"], 3, 1)


def test_an_international_name_is_kept_as_its_punycode() -> None:
    found = read("bücher.test\nxn--bcher-kva.test\nevil。test\n")
    assert (list(found.listed), found.unreadable) == (["xn--bcher-kva.test"], 1)


def test_what_cannot_be_read_is_counted_and_shown() -> None:
    found = read("evil.test\n<p>not a host</p>\n" + "a b\n" * 20)
    assert (list(found.listed), found.unreadable, len(found.examples)) == (["evil.test"], 21, 5)


@pytest.mark.parametrize(
    "body",
    [
        b"evil.test\n" * (LARGEST // 10 + 1),
        b"x" * 10 * 1024 * 1024,
        b"\x7fELF\x00\x01\x02",
        b"evil.test\n\x00\n",
        b"\xff\xfee\x00v\x00i\x00l\x00",
        b"caf\xe9.test\n",
        b"<!doctype html><html><body>404</body></html>",
        b'{"domains": ["evil.test"]}',
        b"a" * 200_000 + b"\n",
        b'"' + b"x,\n" * 100_000,
    ],
    ids=["long", "10 MB", "binary", "NUL", "UTF-16", "Latin-1", "page", "JSON", "one long line", "open quote"],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        read(body)


def test_more_hosts_than_any_list_has_are_refused() -> None:
    with pytest.raises(Invalid):
        read("".join(f"h{number}.test\n" for number in range(MOST + 1)))


def test_an_empty_list_is_a_list() -> None:
    assert read(b"").listed == {}
    assert read("#domain,#severity\n").listed == {}


def test_a_reason_has_no_markup_and_an_end() -> None:
    [(_, why)] = read("domain,severity,public_comment\na.test,suspend," + "x" * 5000 + "\n").listed.values()
    assert len(why) <= 500


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda words: words.encode("utf-8", "replace"))))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        found = read(body)
    except Invalid:
        return
    assert all(kind in ("suspend", "silence") and host == host.lower() for host, (kind, _) in found.listed.items())
