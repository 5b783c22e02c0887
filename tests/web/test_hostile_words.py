"""Names, titles and addresses made to break a page stay words (XSS-05, XSS-14, PAR-29)."""

import re

from tests.web.conftest import XHTML

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}{% raise %}%(name)s%s</title>"
ATTRIBUTES = {"action", "aria-busy", "href", "src"}


def check(page):
    """Nothing ran away: no foreign element, no handler, no address that runs."""
    scripts = page.all("script")
    assert [script.get("src").partition("?")[0] for script in scripts] == ["/static/folkmoot.js"]
    assert not page.all("img")
    for element in page.tree.iter():
        if not isinstance(element.tag, str):
            continue
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on"), (element.tag, name)
            if name in ATTRIBUTES:
                assert re.match(r"/|#|https?://|mailto:", value), value
    assert "7*7" in page.source
    assert element is not None


async def test_hostile_words_stay_words_on_every_page(moot):
    group = await moot.group("commons", EVIL, language="en")
    liam = await moot.person("liam", EVIL)
    ana = await moot.person("ana\"><b onmouseover='x'>", EVIL, host="coop.example", url="javascript:alert(3)")
    for person in (liam, ana):
        await moot.join(person, group)
    thread = await moot.thread(group, liam, EVIL, EVIL, tags=[EVIL])
    answer = await moot.say(
        thread,
        ana,
        EVIL,
        summary=EVIL,
        page_url="javascript:alert(4)",
        attachments=[
            {"kind": EVIL, "url": 'https://coop.example/"><script>', "alt": EVIL},
            {"kind": "x", "url": "https://coop.example/a?b='c", "alt": EVIL},
        ],
        question={"options": [[EVIL, 1]], "multiple": False, "end_time": EVIL, "closed": None},
    )
    await moot.say(thread, liam, EVIL, to=answer, state="removed", reason=EVIL)
    await moot.react(thread, answer, liam, EVIL[:40])
    await moot.hole(thread, "javascript:alert(5)")
    uri = (await moot.item(thread, answer)).uri
    for path in (
        "/",
        "/g/commons",
        "/u/liam",
        await moot.path(thread),
        f"{await moot.path(thread)}?view=flat",
        f"/interact?object={uri}&intent=reply",
    ):
        page = await moot.page(path)
        check(page)
        assert not page.all("b")
        assert page.one("title").text.count("<script>") in (0, 1)


async def test_the_words_typed_into_a_form_come_back_as_words(moot):
    await moot.group()
    response = await moot.client.post(
        "/interact",
        data={"object": "https://moot.example/g/commons", "intent": EVIL, "handle": EVIL},
        headers={"Accept": "text/html"},
    )
    source = await response.text()
    assert response.status == 422
    assert "<script>alert" not in source
    assert "&lt;script&gt;alert(1)" in source


async def test_a_slug_that_no_rule_made_still_leads_to_its_thread(moot):
    """HTT-08"""
    group, liam = await moot.group(), await moot.person("liam")
    thread = await moot.thread(group, liam, slug="a/b?c#d\r\nSet-Cookie: x")
    page = await moot.page("/g/commons")
    link = next(a.get("href") for h3 in page.all("h3") for a in h3.iter(XHTML + "a"))
    assert (await moot.get(link)).status == 200
    uid = (await moot.item(thread, 0)).uid
    response = await moot.get(f"/g/commons/{uid}")
    assert response.status == 301
    assert "Set-Cookie" not in response.headers
