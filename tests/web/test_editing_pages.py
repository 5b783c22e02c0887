"""Editing an item and looking at its history, on their pages."""

from __future__ import annotations

import pytest

from node.forum import upkeep
from storage.schema import Actor, Comment, Revision, Thread
from tests.web.conftest import Browser, Moot, Page

HOSTILE = "<script>alert(1)</script>"


class _Scene:
    """A thread of ana's that is a whiteboard, with a comment of ben's; dora is outside."""

    def __init__(self, moot: Moot) -> None:
        self.moot = moot
        self.browsers: dict[str, Browser] = {}
        self.ids: dict[str, int] = {}
        self.uids: dict[int, str] = {}

    async def set_up(self, **group: str) -> _Scene:
        self.group = await self.moot.group("garden", "The garden", **group)
        for name in ("ana", "ben", "dora"):
            self.ids[name] = await self.moot.person(name)
            self.browsers[name] = await self.moot.sign_in(self.ids[name])
        await self.moot.join(self.ids["ana"], self.group, "admin")
        await self.moot.join(self.ids["ben"], self.group)
        self.thread = await self.moot.thread(self.group, self.ids["ana"], "Beans", "One two three.", whiteboard=True)
        await self.moot.say(self.thread, self.ids["ben"], "Four five six.")
        for number in (0, 1):
            self.uids[number] = (await self.moot.item(self.thread, number)).uid
        return self

    async def edit(self, who: str, number: int, **fields: str) -> Page:
        response = await self.browsers[who].post(f"/items/{self.uids[number]}/edit", fields)
        return Page(await response.text())


@pytest.fixture
async def scene(moot: Moot) -> _Scene:
    return await _Scene(moot).set_up()


async def test_an_author_edits_and_everybody_sees_what_changed(scene: _Scene) -> None:
    ben = scene.browsers["ben"]
    form = await ben.page(f"/items/{scene.uids[1]}/edit")
    assert form.text(form.one("textarea", name="source")) == "Four five six."
    assert form.all("input", name="title") == []

    led_to = await ben.posted(
        f"/items/{scene.uids[1]}/edit", source="Four *or* five six.", note="not sure", since="0"
    )  # fmt: skip

    assert led_to.endswith("?at=1#c-1")
    history = await scene.moot.page(f"/items/{scene.uids[1]}/history")
    assert "not sure" in history.text()
    assert ["*or* " in history.text(ins) for ins in history.all("ins")] == [True]
    assert history.all("del") == []
    assert [heading.get("id") for heading in history.all("h2")] == ["v-2", "v-1"]


async def test_a_change_is_marked_by_words_and_elements_not_by_colour_alone(scene: _Scene) -> None:
    await scene.browsers["ben"].posted(f"/items/{scene.uids[1]}/edit", source="Four seven six.", since="0")

    history = await scene.moot.page(f"/items/{scene.uids[1]}/history")

    assert history.text(history.one("del")) == "[gone:] five [end]"
    assert history.text(history.one("ins")) == "[new:] seven [end]"


async def test_a_member_edits_a_whiteboard_with_its_title_and_tags(scene: _Scene) -> None:
    await scene.browsers["ben"].posted(
        f"/items/{scene.uids[0]}/edit", source="One.", title="Peas", tags="seeds", note="other ones", since="0"
    )

    thread = await scene.moot.storage.read(lambda work: work.query(Thread).one())
    assert (thread.title, thread.tags) == ("Peas", ["seeds"])
    history = await scene.moot.page(f"/items/{scene.uids[0]}/history")
    assert "Ben" in history.text() and "other ones" in history.text()
    assert next(history.text(gone) for gone in history.all("del")) == "[gone:] Beans"


async def test_whoever_may_not_edit_is_told_so_or_finds_nothing(scene: _Scene) -> None:
    for who, number, status in (("dora", 0, 403), ("dora", 1, 403), ("ana", 1, 403)):
        path = f"/items/{scene.uids[number]}/edit"
        assert (await scene.browsers[who].get(path)).status == status
        assert (await scene.browsers[who].post(path, source="Mine")).status == status
    assert (await scene.moot.get(f"/items/{scene.uids[0]}/edit")).status == 303
    assert (await scene.browsers["ana"].get("/items/aaaa/edit")).status == 404
    assert await scene.moot.storage.read(lambda work: work.query(Revision).count()) == 0


async def test_what_somebody_changed_meanwhile_stands_beside_ones_own_words(scene: _Scene) -> None:
    await scene.browsers["ana"].posted(
        f"/items/{scene.uids[0]}/edit", source="One two four.", title="Beans", since="0"
    )  # fmt: skip

    response = await scene.browsers["ben"].post(
        f"/items/{scene.uids[0]}/edit", source="One three.", title="Mine", tags="x, y", note="why", since="0"
    )

    page = Page(await response.text())
    assert response.status == 409
    assert page.text(page.one("textarea", id="theirs-words")) == "One two four."
    assert page.text(page.one("textarea", name="source")) == "One three."
    assert page.one("input", name="title").get("value") == "Mine"
    assert page.one("input", name="tags").get("value") == "x, y"
    assert page.one("input", name="note").get("value") == "why"
    assert (await scene.moot.item(scene.thread, 0)).source == "One two four."
    since = page.one("input", name="since").get("value")
    await scene.browsers["ben"].posted(f"/items/{scene.uids[0]}/edit", source="Both.", title="Beans", since=since)
    assert (await scene.moot.item(scene.thread, 0)).source == "Both."


@pytest.mark.parametrize(
    "wrong", [{"source": " "}, {"title": ""}, {"note": "x" * 201}, {"source": "x" * 100_001}, {"tags": "/"}]
)
async def test_a_refused_edit_gives_back_every_word(scene: _Scene, wrong: dict[str, str]) -> None:
    fields = {"source": "New.", "title": "Peas", "tags": "seeds", "note": "why", "since": "0"} | wrong

    page = await scene.edit("ana", 0, **fields)

    [name] = wrong
    field = page.one("textarea" if name == "source" else "input", name=name)
    assert field.get("aria-invalid") == "true"
    for name in ("title", "tags", "note"):
        assert page.one("input", name=name).get("value") == fields[name]
    assert "".join(page.one("textarea", name="source").itertext()) == fields["source"]
    assert (await scene.moot.item(scene.thread, 0)).source == "One two three."


async def test_a_preview_and_a_draft_change_nothing_yet(scene: _Scene) -> None:
    ben, path = scene.browsers["ben"], f"/items/{scene.uids[1]}/edit"

    preview = Page(await (await ben.post(path, source="**Bold**", note="n", since="0", do="preview")).text())
    assert "<strong>Bold</strong>" in preview.source
    assert await ben.posted(path, source="Half", note="so far", since="0", do="draft") == path

    page = await ben.page(path)
    assert page.text(page.one("textarea", name="source")) == "Half"
    assert page.one("input", name="note").get("value") == "so far"
    assert (await scene.moot.item(scene.thread, 1)).source == "Four five six."


async def test_a_draft_that_was_overtaken_shows_both_when_it_is_saved(scene: _Scene) -> None:
    ben, path = scene.browsers["ben"], f"/items/{scene.uids[0]}/edit"
    await ben.posted(path, source="Half", title="Beans", since="0", do="draft")
    await scene.browsers["ana"].posted(path, source="Meanwhile.", title="Beans", since="0")

    page = await ben.page(path)
    response = await ben.post(
        path, source="Half done", title="Beans", since=page.one("input", name="since").get("value")
    )

    assert response.status == 409


async def test_tags_that_were_changed_meanwhile_are_not_undone_by_an_edit_of_the_words(scene: _Scene) -> None:
    path = f"/items/{scene.uids[0]}/edit"
    form = await scene.browsers["ben"].page(path)
    were = form.one("input", name="tags_were").get("value")
    await scene.browsers["ana"].posted(f"/threads/{await _thread_uid(scene)}/tags", tags="fair")

    await scene.browsers["ben"].posted(path, source="New.", title="Beans", tags=were, tags_were=were, since="0")

    assert (await scene.moot.storage.read(lambda work: work.query(Thread).one())).tags == ["fair"]


async def _thread_uid(scene: _Scene) -> str:
    return await scene.moot.storage.read(lambda work: work.query(Thread).one().uid)


async def test_the_address_of_a_thread_s_edit_leads_to_that_of_its_opening(scene: _Scene) -> None:
    response = await scene.browsers["ana"].get(f"/threads/{await _thread_uid(scene)}/edit")

    assert (response.status, response.headers["Location"]) == (303, f"/items/{scene.uids[0]}/edit")


async def test_removed_and_private_items_have_no_history_and_no_source(moot: Moot) -> None:
    scene = await _Scene(moot).set_up()
    await scene.browsers["ben"].posted(f"/items/{scene.uids[1]}/edit", source="Rude words.", since="0")

    def remove(work: object) -> None:
        upkeep.remove_comment(
            work, work.get_one(Actor, scene.ids["ana"]), work.get_one(Comment, _id), "rude"  # type: ignore[attr-defined,arg-type]
        )  # fmt: skip

    _id = (await moot.item(scene.thread, 1)).id
    await moot.storage.write(remove)
    for part in ("history", "source"):
        for who in (moot, scene.browsers["ana"], scene.browsers["ben"]):
            response = await who.get(f"/items/{scene.uids[1]}/{part}")
            assert response.status == 404 and "Rude" not in await response.text()
    await moot.storage.write(lambda work: setattr(work.query(Thread).one(), "private", True))
    for part in ("history", "source"):
        assert (await moot.get(f"/items/{scene.uids[0]}/{part}")).status == 404
        assert (await scene.browsers["dora"].get(f"/items/{scene.uids[0]}/{part}")).status == 404
        assert (await scene.browsers["ben"].get(f"/items/{scene.uids[0]}/{part}")).status == 200


async def test_the_source_of_an_item_is_plain_text(scene: _Scene) -> None:
    response = await scene.moot.get(f"/items/{scene.uids[0]}/source")

    assert response.content_type == "text/plain"
    assert await response.text() == "One two three."


async def test_hostile_words_in_notes_titles_and_wordings_stay_words(scene: _Scene) -> None:
    await scene.browsers["ana"].posted(
        f"/items/{scene.uids[0]}/edit", source=HOSTILE, title=HOSTILE, note=HOSTILE, since="0"
    )

    for path in (f"/items/{scene.uids[0]}/history", f"/items/{scene.uids[0]}/edit"):
        page = await scene.browsers["ana"].page(path)
        assert "<script>alert" not in page.source
        assert all(script.get("src") for script in page.all("script"))
    source = await scene.moot.get(f"/items/{scene.uids[0]}/source")
    assert source.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_long_history_has_pages(scene: _Scene) -> None:
    for number in range(24):
        since = await scene.moot.storage.read(lambda work: work.query(Revision.id).count())
        await scene.browsers["ben"].posted(
            f"/items/{scene.uids[1]}/edit", source=f"Wording {number}.", since=str(since)
        )

    latest = await scene.moot.page(f"/items/{scene.uids[1]}/history")
    earlier = await scene.moot.page(latest.one("a", rel="next").get("href"))

    assert [h.get("id") for h in latest.all("h2")] == [f"v-{n}" for n in range(25, 5, -1)]
    assert [h.get("id") for h in earlier.all("h2")] == [f"v-{n}" for n in range(5, 0, -1)]
    assert latest.all("ins") and earlier.all("ins")
