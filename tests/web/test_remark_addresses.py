"""The address of what a member said in a thread of another server."""

import re

import pytest

from storage.schema import Actor, Remark

PAGE = "https://coop.example/@ana/17"
UID = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
async def remark(moot):
    """Makes one that answers the page given."""
    liam, ana = await moot.person("liam"), await moot.person("ana", host="coop.example")

    async def make(page=PAGE, **given):
        row = {
            "uid": UID, "uri": f"https://moot.example/comment/{UID}", "author_id": liam, "answered_id": ana,
            "in_reply_to": "https://coop.example/notes/17", "answered_page": page,
            "source": "Yes.", "html": "<p>Yes.</p>", "wire": "<p>Yes.</p>", "published_at": moot.storage.now(),
        } | given  # fmt: skip
        await moot.storage.write(lambda work: work.add(Remark(**row)))
        return f"/comment/{UID}"

    return make


async def test_a_remark_has_a_page_that_names_what_it_answers(moot, remark):
    page = await moot.page(await remark())
    assert "Liam answers Ana" in page.text(page.one("h1"))
    assert "Yes." in page.text(page.one("article"))
    assert [a.get("href") for a in page.all("a", rel="ugc")] == [PAGE]


async def test_a_deleted_remark_is_gone(moot, remark):
    response = await moot.get(await remark(state="deleted", html=""))
    assert response.status == 410
    assert "Its author deleted this." in await response.text()
    assert PAGE not in await response.text()


@pytest.mark.parametrize(
    "page",
    ["javascript:alert(1)", "//evil.example/", "data:text/html,x", "https://u:p@coop.example/", "", "https://c\n.d/"],
)
async def test_a_remark_links_nothing_but_a_page(moot, remark, page):
    """XSS-14, WEB-16"""
    shown = await moot.page(await remark(page))
    assert shown.all("a", rel="ugc") == []
    assert "javascript:" not in shown.source and "evil.example" not in shown.source


async def test_what_a_suspended_member_remarked_looks_like_what_never_was(moot, remark):
    """PRV-06"""
    path = await remark()

    def suspend(work):
        work.query(Actor).filter_by(name="liam").one().state = "suspended"

    await moot.storage.write(suspend)
    bodies = []
    for asked in (path, "/comment/aaaaaaaaaaaaaaaaaaaaaaaaaa"):
        response = await moot.get(asked)
        assert response.status == 404
        bodies.append(re.sub(r"<code.*?</code>", "", await response.text()))
    assert bodies[0] == bodies[1]


async def test_a_remark_has_no_address_as_an_opening(moot, remark):
    await remark()
    assert (await moot.get(f"/post/{UID}")).status == 404
