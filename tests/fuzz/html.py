"""The sanitizer: what comes out holds only what is allowed, however a browser reads it, and settles."""

from __future__ import annotations

from node.forum import html, text, wire
from node.forum.markup import TextRefused
from tests.fuzz import samples
from tests.fuzz.reader import Reader
from tests.fuzz.safety import unsafe

MENTIONS = {"https://node.test/g/garden": "garden@node.test"}


def seeds() -> list[bytes]:
    return [
        samples.note()["content"].encode(),
        b'<p>a<br>b</p><ul><li>x<ol start="3" reversed><li value=2>y</ol></ul>',
        b'<blockquote lang="de" dir=rtl>z</blockquote>',
        b"<pre>\n\n<code class=language-py>x</code></pre><table><caption>c<tr><th>a<td>b</table><h1>t</h1><h4>u</h4>",
        b'<a href="https://evil.test"><span class=invisible>https://</span><span class=ellipsis>good.test</span></a>',
        b'<img src="https://x.test/a.png" alt="A"><img alt=":blob:" src=x><details><summary>s</summary>t</details>',
        b'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
        b'<svg></p><style><a id="</style><img src=1 onerror=alert(1)>"></a><noscript><p title="</noscript><b>">',
        b'<form><math><mtext></form><form><mglyph><svg><mtext><textarea><path id="</textarea><img onerror=x>">',
        "<ruby>漢<rp>(<rt>かん</ruby><a href=java\tscript:x>&#106;&NewLine;</a>".encode(),
        b"<a href=mailto:a@b.test>b@c.test</a>",
        b"<select><template><option><xmp><plaintext><frameset><b><i><a><nobr></b></i><p>",
    ]


def read(data: bytes) -> None:
    """HTML from anywhere; raises for what a browser would find in the answer and may not."""
    words = data.decode("utf-8", "replace")
    try:
        clean = html.sanitize(words, mentions=MENTIONS)
    except TextRefused:
        return
    assert len(clean.html) <= html.MAX_SAFE
    assert len(clean.hashtags) <= html.MAX_HASHTAGS
    assert (wrong := unsafe(clean.html)) is None, wrong
    again = html.sanitize(clean.html, mentions=MENTIONS)
    assert again.html == clean.html, "cleaned again it is another"
    text.plain(clean.html, 200)
    sent = wire.wire(clean.html)
    assert (wrong := unsafe(sent, sent=True)) is None, wrong


READER = Reader(
    "html",
    read,
    seeds,
    words=("<a href=", "<p>", "</p>", "<table>", "<svg>", "<math>", "<style>", "</style>", "<template>", "<noscript>",
           "<textarea>", "<title>", "<xmp>", "<iframe>", "<select>", "<form>", "<mglyph>", "<mtext>", "<!--", "-->",
           "--!>",
           "<![CDATA[", "]]>", "<?", "javascript:", "data:", "onerror=", "class=", "invisible", "ellipsis", "hashtag",
           "&lt;", "&#x3c;", "&#0;", "https://x.test", "<br>", "<pre>\n", "<li>", "<b>", "<i>", "<h1>",
           "<ruby>", "mailto:"),
    seconds=1.0,
)  # fmt: skip
