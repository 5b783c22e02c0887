"""What people write, in the forms it is shown and sent in. Case ids (DOS-17...) name the attack a test stands for."""

import time

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.forum import html, markup, text

PEOPLE = {"ana", "a.b", "bob@coop.example", "eva@coop.example:8443"}


def person(handle: str) -> str | None:
    return f"https://moot.example/@{handle}" if handle in PEOPLE else None


def hashtag(tag: str) -> str:
    return f"https://moot.example/tags/{tag.lower()}"


def write(source: str) -> text.Words:
    return text.from_markdown(source, link_mention=person, link_hashtag=hashtag)


def hold_dom_rules(fragment: str) -> None:
    document = html5lib.parse(f'<div id="comment">{fragment}</div><hr id="after">', namespaceHTMLElements=False)
    body = document.find("body")
    assert [child.get("id") for child in body] == ["comment", "after"]
    for element in list(body[0].iter())[1:]:
        assert element.tag in markup.SAFE_TAGS
        assert not {name for name in element.attrib if name.startswith("on") or name in ("style", "id", "name", "src")}
        assert element.get("href", "https://").startswith(("http://", "https://", "mailto:"))


# Markdown


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("Dear all,\nhello", "<p>Dear all,<br>\nhello</p>\n"),
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>\n"),
        ("# Plan\n## Costs", "<h3>Plan</h3>\n<h4>Costs</h4>\n"),
        ("## Only this", "<h3>Only this</h3>\n"),
        ("```Python title\nx < 1\n```", '<pre><code class="language-python">x &lt; 1\n</code></pre>\n'),
        ("```made-up\nx\n```", "<pre><code>x\n</code></pre>\n"),
        ("- [ ] seeds\n- [x] soil", "<ul>\n<li>☐ seeds</li>\n<li>☑ soil</li>\n</ul>\n"),
        ("3. three\n4. four", '<ol start="3">\n<li>three</li>\n<li>four</li>\n</ol>\n'),
        ("a[^1]\n\n[^1]: note", "<p>a<sup>[1]</sup></p>\n<hr>\n<ol>\n<li><p>note</p>\n</li>\n</ol>\n"),
        ("<b onclick=x>no</b>", "<p>&lt;b onclick=x&gt;no&lt;/b&gt;</p>\n"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", None),
    ],
)
def test_markdown_becomes_a_page(source: str, page: str | None) -> None:
    words = write(source)
    hold_dom_rules(words.html)
    hold_dom_rules(words.wire)
    assert words == write(source)
    assert (words.source, words.source_type) == (source, "text/markdown")
    if page is None:
        assert "<table>" in words.html
        assert words.wire == "<pre>a  b\n-  -\n1  2</pre>"
    else:
        assert words.html == page


LINK = ' rel="nofollow noopener ugc"'


@pytest.mark.parametrize(
    ("source", "target", "shown"),
    [
        ("see https://coop.example/a.", "https://coop.example/a", "https://coop.example/a"),
        ("(https://coop.example/a_(b)_c)", "https://coop.example/a_(b)_c", "https://coop.example/a_(b)_c"),
        ("www.coop.example/x, y", "https://www.coop.example/x", "www.coop.example/x"),
        (
            "https://coop.example/?a=1&b=2#c",
            "https://coop.example/?a=1&amp;b=2#c",
            "https://coop.example/?a=1&amp;b=2#c",
        ),
        (
            "https://social.example/@ana/1#bees",
            "https://social.example/@ana/1#bees",
            "https://social.example/@ana/1#bees",
        ),
        ("<https://coop.example/>", "https://coop.example/", "https://coop.example/"),
        ("[mail](mailto:us@coop.example)", "mailto:us@coop.example", "mail"),
        ('[a](https://coop.example/ "title")', "https://coop.example/", "a"),
        ("**https://coop.example/**", "https://coop.example/", "https://coop.example/"),
        ("[bank.example](https://evil.example/)", "https://evil.example/", "bank.example [evil.example]"),  # XSS-09
    ],
)
def test_an_address_is_a_link(source: str, target: str, shown: str) -> None:
    assert f'<a href="{target}"{LINK}>{shown}</a>' in write(source).html


@pytest.mark.parametrize(
    "source",
    [
        "[x](javascript:steal())",
        "[x](&#106;avascript:steal())",
        "[x](data:text/html,hi)",
        "[x](//evil.example)",
        "[x](/groups/garden)",
        "![x](javascript:steal())",
        "<javascript:steal()>",
        "<ftp://coop.example/>",
        "README.md node.py e.g. 3.14 www. https://",
        "`https://coop.example/`",
        "[x]: javascript:steal()\n\n[x]",
    ],
)
def test_other_schemes_and_things_like_addresses_are_no_links(source: str) -> None:
    """XSS-02, XSS-14"""
    words = write(source)
    assert "<a" not in words.html + words.wire


@pytest.mark.parametrize(
    "source",
    [
        '```html" onmouseover="steal()\nx\n```',
        '![x](https://a.example/b.png "t\\" onerror=\\"steal()")',
        '![x" onerror="steal()](https://a.example/b.png)',
        '[x](<https://a.example/" onclick="steal()>)',
        'https://a.example/"onclick="steal()',
        '@ana"onclick="steal()',
        '#tag"onclick="steal()',
        "[<img src=x onerror=steal()>](https://a.example)",
        "<!-- --!><img src=x onerror=steal()>",
        "[^x]\n\n[^x]: <script>steal()</script>",
        "^[<script>steal()</script>]",
        "| <script>steal()</script> |\n|---|\n| <img src=x> |",
        "</div></article></main>",
        "- [x] <input onfocus=steal() autofocus>",
        "&lt;script&gt;steal()&lt;/script&gt;",
    ],
)
def test_hostile_markdown_leaves_nothing_that_acts(source: str) -> None:
    """XSS-02"""
    words = write(source)
    hold_dom_rules(words.html)
    hold_dom_rules(words.wire)
    assert html.sanitize(words.html, limit=html.MAX_SAFE).html.count("<a") == words.html.count("<a")


def test_an_image_becomes_a_link_and_an_attachment() -> None:
    words = write("![Our bees](https://moot.example/media/1.jpg) and ![](https://moot.example/media/2.jpg)")
    assert words.html.count("<a ") == 2
    assert ">image: Our bees</a>" in words.html
    assert ">image: Our bees</a>" in words.wire
    assert words.attachments == (
        ("https://moot.example/media/1.jpg", "Our bees"),
        ("https://moot.example/media/2.jpg", ""),
    )


def test_people_who_are_here_are_mentioned() -> None:
    words = write("@ana and @bob@Coop.Example, @eva@coop.example:8443. Also @a.b!")
    assert words.mentions == ("ana", "bob@coop.example", "eva@coop.example:8443", "a.b")
    assert (
        '<a href="https://moot.example/@bob@coop.example" class="mention" title="@bob@coop.example" '
        'rel="nofollow noopener ugc">@bob@Coop.Example</a>' in words.html
    )
    assert (
        '<span class="h-card" translate="no"><a href="https://moot.example/@bob@coop.example" class="u-url mention">'
        "@<span>bob</span></a></span>" in words.wire
    )


@pytest.mark.parametrize(
    "source",
    [
        "@nobody",
        "@x.y in a text",
        "mail ana@coop.example",
        "`@ana`",
        "    @ana",
        "\\@ana",
        "https://social.example/@ana",
        "[@ana](https://coop.example/)",
        "@ana@",
        "x@ana",
        "/@ana",
        "@ana@nowhere.example",
    ],
)
def test_what_only_looks_like_a_mention_is_text(source: str) -> None:
    words = write(source)
    assert words.mentions == ()
    assert "mention" not in words.html


def test_mentions_and_the_questions_who_they_are_have_a_limit() -> None:
    """DOS-07"""
    asked: list[str] = []

    def everybody(handle: str) -> str | None:
        asked.append(handle)
        return f"https://moot.example/@{handle}"

    def nobody(handle: str) -> str | None:
        asked.append(handle)
        return None

    many = " ".join(f"@p{number}" for number in range(2000)) + " @p1 @p1"
    assert len(text.from_markdown(many, link_mention=everybody).mentions) == 20
    assert text.from_markdown(many, link_mention=nobody).mentions == ()
    assert len(asked) == 200


def test_hashtags_are_found_and_linked() -> None:
    words = write("#Bees and #bees, #2026 #a1 #हिन्दी #über_uns. (#seeds)")
    assert words.hashtags == ("Bees", "a1", "हिन्दी", "über_uns", "seeds")
    assert '<a href="https://moot.example/tags/bees" class="hashtag"' in words.html
    assert (
        '<a href="https://moot.example/tags/bees" class="mention hashtag" rel="tag">#<span>Bees</span></a>'
        in words.wire
    )


@pytest.mark.parametrize(
    "source",
    ["# heading", "#2026", "a#b", "`#bees`", "##bees", "https://a.example/#bees", "\\#bees", "#" + "a" * 101, "&#98;"],
)
def test_what_only_looks_like_a_hashtag_is_text(source: str) -> None:
    assert write(source).hashtags == ()


def test_hashtags_have_a_limit() -> None:
    """DOS-10"""
    assert len(write(" ".join(f"#tag{number}" for number in range(1000))).hashtags) == 20


def test_a_text_that_is_too_long_is_refused_whole() -> None:
    """PAR-25"""
    assert write("x" * text.MAX_SOURCE).html
    with pytest.raises(text.TextRefused, match="100000 characters; this one has 100001") as refused:
        write("x" * (text.MAX_SOURCE + 1))
    assert refused.value.reason.startswith("A text may have")


@pytest.mark.parametrize(
    "source",
    [
        "[" * 15_000,
        "![](" * 5_000,
        "> " * 15_000,
        "1. " * 8_000,
        "*x " * 15_000,
        "__x" * 15_000,
        "``x`" * 12_000,
        "<i " * 20_000,
        '[a](b "' + "\\?" * 300,
        "http://" * 8_000,
        "www.x" * 15_000,
        "@a@" * 15_000,
        "#x" * 25_000,
        "[x]: y\n" * 8_000,
        "[^x]" * 10_000,
        "|x" * 25_000 + "\n" + "|-" * 25_000,
        "x&" * 25_000,
        "https://a.example/" + ")" * 40_000,
        "@a@" + "b." * 25_000 + "@",
        "#" + "x" * 50_000,
    ],
)
def test_markdown_made_to_be_slow_is_done_or_refused_in_time(source: str) -> None:
    """DOS-17, DOS-18"""
    started = time.process_time()
    try:
        write(source)
    except text.TextRefused as refused:
        assert refused.reason
    assert time.process_time() - started < 4  # usually under 0.5: linear, and off the loop from 5,000 characters


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [*"*_`[]()!<>&#|~'\"\\\n", "**", "](", "\n\n", "\n- ", "\n1. ", "\n> ", "|-|\n", "```\n", "    "]
            ),
            st.sampled_from(
                ["[^1]", "[^1]: ", "https://a.example/", "<b>", "[ ] ", "#bees", "@ana", "&amp;", "www.a.b"]
            ),
            st.text(max_size=4),
        ),
        max_size=30,
    ).map("".join)
)
def test_any_markdown_keeps_the_rules_of_the_page(source: str) -> None:
    """XSS-02, XSS-04"""
    words = write(source)
    hold_dom_rules(words.html)
    hold_dom_rules(words.wire)
    known = {f"https://moot.example/@{handle}": handle for handle in words.mentions}
    assert html.sanitize(words.html, mentions=known).html == words.html


def test_nul_controls_and_lone_surrogates_never_reach_the_store() -> None:
    """PAR-11, PAR-12"""
    words = write("a\x00b\x1b\ud800\r\nc")
    assert words.source == "ab\ufffd\nc"
    assert words.html == "<p>ab\ufffd<br>\nc</p>\n"
    words.html.encode()
    assert text.from_html("<p>a\x00\udfff</p>").source == "<p>a\ufffd</p>"


# HTML from peers


def test_a_letter_from_mastodon_reads_well() -> None:
    words = text.from_html(
        '<p><span class="h-card" translate="no"><a href="https://moot.example/@garden" class="u-url mention">'
        '@<span>garden</span></a></span> Who has <a href="https://coop.example/tags/seeds" class="mention hashtag" '
        'rel="tag">#<span>seeds</span></a>?</p>',
        language="de-at",
        mentions={"https://moot.example/@garden": "garden"},
        hashtags=["#Oats", "bad tag", "#seeds"],
    )
    assert words.html == (
        '<p><a href="https://moot.example/@garden" class="mention" title="@garden" rel="nofollow noopener ugc">'
        '@garden</a> Who has <a href="https://coop.example/tags/seeds" class="hashtag" rel="nofollow noopener ugc">'
        "#seeds</a>?</p>"
    )
    assert (words.mentions, words.hashtags, words.language) == (("garden",), ("Oats", "seeds"), "de-AT")
    assert words.source_type == "text/html"
    assert text.title_of(words.html, "garden@moot.example") == "Who has #seeds?"


def test_html_is_told_for_the_wire() -> None:
    assert text.wire_from_html("<table><tr><td>a<td>b</table><script>x</script>") == "<pre>a  b</pre>"
    with pytest.raises(text.TextRefused):
        text.wire_from_html("<b>" * 500)


# Excerpts, titles, names


def test_an_excerpt_is_one_line_of_words() -> None:
    source = "<h3>Plan</h3><p>one<br>two &lt;3</p><script>x</script><table><tr><td>a</td><td>b</td></tr></table>"
    assert text.plain(source, 100) == "Plan one two <3 a b"
    assert text.plain("<p>" + "word " * 50, 22) == "word word word word…"
    assert len(text.plain("x" * 500, 40)) == 40
    assert text.plain("<b>" * 60_000 + "deep", 10) in ("", "deep")
    assert text.plain("a < b & c", 20) == "a < b & c"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("<p>@garden@moot.example Who has seeds?</p><p>I need some.</p>", "Who has seeds?"),
        ("@ana @bob@coop.example: hello\nmore", "hello"),
        ("<p>@ana</p><p>Real title</p>", "Real title"),
        ("<p>Hello @garden@moot.example, news</p>", "Hello, news"),
        ("<p></p>", ""),
        ("👋", ""),
        ("a" * 300, "a" * 199 + "…"),
        (
            "A first sentence, not long. " + "And more words follow here. " * 20,
            "A first sentence, not long.",
        ),
        ("<img src=x alt='Our bees'>", "Our bees"),
        ("<p>&lt;script&gt;x&lt;/script&gt;</p>", "<script>x</script>"),
        ("x\r\nBcc: a@b.example", "x"),
    ],
)
def test_a_title_is_the_first_line_without_handles(source: str, title: str) -> None:
    assert text.title_of(source, "garden@moot.example") == title
    assert len(title) <= text.MAX_TITLE


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("  Ana\tMaria\r\nBcc: x ", "Ana Maria Bcc: x"),
        ("abc\u202edcba\u2066", "abcdcba"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("Z" + "\u0335\u0310\u0301\u0330\u0342" * 40, "Z\u0335\u0335\u0335"),
        ("e\u0301", "é"),
        ("नमस्ते", "नमस्ते"),
        ("👩\u200d🌾", "👩\u200d🌾"),
        ("\u3164\u2800\u200d", ""),
        ("flag\U000e0067\U000e007f", "flag"),
        ("a\x00\ud800", "a\ufffd"),
        ("<script>", "<script>"),
        ("x" * 100_000, "x" * 29 + "…"),
    ],
)
def test_a_name_is_one_plain_line(name: str, clean: str) -> None:
    """PAR-11, PAR-12, PAR-15, PAR-25"""
    assert text.clean_name(name, 30) == clean


@pytest.mark.parametrize(
    ("tag", "clean"),
    [("de", "de"), ("pt-br", "pt-BR"), ("zh-Hant", "zh-Hant"), ('"><script>', None), ("", None), (None, None)],
)
def test_a_language_is_a_language_tag_or_none(tag: str | None, clean: str | None) -> None:
    """XSS-05"""
    assert text.clean_language(tag) == clean


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Who has seeds?", "who-has-seeds"),
        ("Ärger über Straße & Søren's Œuvre", "arger-uber-strasse-sorens-oeuvre"),
        ("日本語", "thread"),
        ("", "thread"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 500, "x" * 60),
        ("a " * 500, "-".join("a" * 30)),
    ],
)
def test_a_slug_is_plain_ascii(title: str, slug: str) -> None:
    assert text.slug(title) == slug


def test_initials_and_hues_stand_for_people_without_a_picture() -> None:
    assert [text.initials(name) for name in ("Liam Moran", "ana", "Eva M. de Vries", "山田 太郎", "👋", "")] == [
        *("LM", "A", "EV", "山", "?", "?")
    ]
    assert text.hue("ana@coop.example") == text.hue("ANA@coop.example")
    assert len({text.hue(f"person{number}") for number in range(50)}) > 30
    assert all(0 <= text.hue(f"person{number}") < 360 for number in range(50))
