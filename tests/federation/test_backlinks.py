"""Pages that link back with rel=me, and pages that only look as if they did."""

from __future__ import annotations

import time

import pytest

from federation.backlinks import links_back

AT, TO = "https://ana.example/about/", "https://moot.example/u/ana"


@pytest.mark.parametrize(
    "page",
    [
        f'<a rel="me" href="{TO}">me</a>',
        f"<A HREF='{TO}' REL='nofollow ME noopener'>me</A>",
        f"<link rel=me href={TO}>",
        f'<p>x</p>\n<a\n  class="u-url"\n  href="{TO}/"\n  rel="me">me</a>',
        f'<a rel="me" href="{TO}#top">me</a>',
        '<a rel="me" href="https://MOOT.example/u/ana">me</a>',
        '<a rel="me" href="https://moot.example/u/&#97;na">me</a>',
        f'<a rel="me" href="https://other.example/">x</a><a rel="me" href="{TO}">me</a>',
    ],
)
def test_a_page_links_back_however_it_writes_that(page: str) -> None:
    assert links_back(page, AT, TO)


@pytest.mark.parametrize(
    "page",
    [
        "",
        f'<a href="{TO}">a link without rel</a>',
        f'<a rel="menu" href="{TO}">not me</a>',
        f'<a rel="me" href="{TO}x">somebody else</a>',
        '<a rel="me" href="http://moot.example/u/ana">not over TLS</a>',
        f'<!-- <a rel="me" href="{TO}"> -->',
        f"<!-- <a rel='me' href='{TO}'>",
        f'<script>\'<a rel="me" href="{TO}">\'</script>',
        f'<textarea><a rel="me" href="{TO}"></textarea>',
        f'<abbr rel="me" href="{TO}">',
        f'&lt;a rel="me" href="{TO}"&gt;',
        f'<a rel="me" data-href="{TO}">',
        '<a rel="me" href="javascript:alert(1)">',
        '<a rel="me" href="https://[">',
    ],
)
def test_what_only_looks_like_a_link_back_is_none(page: str) -> None:
    assert not links_back(page, AT, TO)


def test_a_relative_link_is_read_from_where_the_page_is() -> None:
    assert links_back('<a rel="me" href="../u/ana">', "https://moot.example/x/y", TO)


@pytest.mark.parametrize("piece", ["<a ", "<a x=", "<!--", "<script", "<a rel=me href=x>", "<a rel='me", "<", "a=b "])
def test_a_hostile_page_is_read_in_no_time(piece: str) -> None:
    page = piece * (2_000_000 // len(piece))
    begun = time.perf_counter()

    assert not links_back(page, AT, TO)

    assert time.perf_counter() - begun < 2
