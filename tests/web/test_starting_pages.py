"""Starting a thread on its page: previewed, kept as a draft, sent twice, sent wrong, and never with a word lost."""

from __future__ import annotations

import pytest

from storage.schema import Comment, Thread
from tests.web.conftest import Browser, Moot, Page

NONCE = "n" * 24
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


async def _ana(moot: Moot, **group: str) -> Browser:
    group_id = await moot.group("garden", "The garden", **group)
    ana = await moot.person("ana")
    await moot.join(ana, group_id)
    return await moot.sign_in(ana)


async def _threads(moot: Moot) -> list[Thread]:
    return await moot.storage.read(lambda work: work.query(Thread).order_by(Thread.id).all())


async def test_a_member_starts_a_thread_and_sees_it(moot: Moot) -> None:
    ana = await _ana(moot)
    form = await ana.page("/g/garden/new")
    assert {field.get("name") for field in form.all("input")} >= {"csrf", "nonce", "title", "tags", "visibility"}

    led_to = await ana.posted(
        "/g/garden/new", title="Beans?", source="Where shall *they* go?", tags="seeds, open air", whiteboard="1",
        visibility="private", nonce=NONCE,
    )  # fmt: skip

    [thread] = await _threads(moot)
    assert (thread.title, thread.private, thread.whiteboard) == ("Beans?", True, True)
    assert thread.tags == ["seeds", "open air"]
    page = await ana.page(led_to)
    assert "Beans?" in page.text(page.one("h1"))
    assert "<em>they</em>" in page.source


async def test_a_form_that_is_sent_twice_starts_one_thread(moot: Moot) -> None:
    """WEB-23"""
    ana = await _ana(moot)
    fields = {"title": "Beans?", "source": "Where?", "nonce": NONCE}

    led_to = {await ana.posted("/g/garden/new", fields) for _ in range(3)}

    assert len(led_to) == 1 and len(await _threads(moot)) == 1


async def test_a_preview_shows_the_words_and_starts_nothing(moot: Moot) -> None:
    ana = await _ana(moot)

    response = await ana.post(
        "/g/garden/new", title="Beans?", source="**Where?**", tags="seeds", do="preview", nonce=NONCE
    )

    page = Page(await response.text())
    assert response.status == 200 and await _threads(moot) == []
    assert "<strong>Where?</strong>" in page.source
    assert page.one("input", name="title").get("value") == "Beans?"
    assert page.one("input", name="nonce").get("value") == NONCE
    assert page.text(page.one("textarea", name="source")) == "**Where?**"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"source": "  "}, "source"),
        ({"source": "x" * 100_001}, "source"),
        ({"tags": "a/b"}, "tags"),
    ],
)
async def test_a_refused_form_gives_back_every_word_with_the_reason_at_its_field(
    moot: Moot, wrong: dict[str, str], field: str
) -> None:
    ana = await _ana(moot)
    fields = {
        "title": "Beans?",
        "source": "Where?",
        "tags": "seeds",
        "whiteboard": "1",
        "visibility": "private",
    } | wrong

    response = await ana.post("/g/garden/new", fields)

    page = Page(await response.text())
    assert response.status == 422 and await _threads(moot) == []
    tag = "textarea" if field == "source" else "input"
    told = page.one(tag, name=field).get("aria-describedby").split()[0]
    assert page.text(page.one("p", id=told))
    assert page.one("input", name="title").get("value") == fields["title"]
    assert "".join(page.one("textarea", name="source").itertext()) == fields["source"].removeprefix("\n")
    assert page.one("input", name="whiteboard").get("checked") is not None
    assert page.one("input", id="visibility-private").get("checked") is not None


async def test_what_was_begun_is_there_again(moot: Moot) -> None:
    ana = await _ana(moot)
    fields = {"title": "Beans?", "source": "Whe", "tags": "seeds", "do": "draft"}

    assert await ana.posted("/g/garden/new", fields) == "/g/garden/new"

    page = await ana.page("/g/garden/new")
    assert page.one("input", name="title").get("value") == "Beans?"
    assert page.text(page.one("textarea", name="source")) == "Whe"
    await ana.posted("/g/garden/new", title="Beans?", source="Where?", nonce=NONCE)
    assert (await ana.page("/g/garden/new")).one("input", name="title").get("value") == ""


@pytest.mark.parametrize(
    ("settings", "private"),
    [({"threads": "private"}, True), ({"privacy": "secret"}, True), ({"threads": "public"}, False)],
)
async def test_the_group_says_who_can_read_it_whatever_the_form_says(
    moot: Moot, settings: dict[str, str], private: bool
) -> None:
    ana = await _ana(moot, **settings)
    assert (await ana.page("/g/garden/new")).all("input", name="visibility") == []

    await ana.posted("/g/garden/new", title="Beans?", source="?", visibility="public" if private else "private")

    [thread] = await _threads(moot)
    assert thread.private == private


async def test_only_those_who_may_start_one_get_the_form(moot: Moot) -> None:
    await _ana(moot)
    ben = await moot.sign_in(await moot.person("ben"))
    fields = {"title": "Beans?", "source": "Where?"}

    assert (await moot.get("/g/garden/new")).headers["Location"] == "/sign-in?next=%2Fg%2Fgarden%2Fnew"
    assert (await ben.get("/g/garden/new")).status == 403
    assert (await ben.post("/g/garden/new", fields)).status == 422
    assert (await ben.get("/g/nothing/new")).status == 404
    assert await _threads(moot) == []


async def test_hostile_words_stay_words(moot: Moot) -> None:
    ana = await _ana(moot)

    response = await ana.post("/g/garden/new", title=HOSTILE, source=HOSTILE, tags=HOSTILE, do="preview")
    refused = await ana.post("/g/garden/new", title=HOSTILE, source=HOSTILE, tags="a/" + HOSTILE)
    led_to = await ana.posted("/g/garden/new", title=HOSTILE, source="x", nonce=NONCE)

    for answer in (response, refused):
        page = Page(await answer.text())
        assert [script.get("src") for script in page.all("script") if not script.get("src")] == []
        assert page.all("img") == [] and "<script>alert" not in page.source
    assert "<script>alert" not in (await ana.page(led_to)).source
    item = await moot.storage.read(lambda work: work.query(Comment).one())
    assert item.number == 0
