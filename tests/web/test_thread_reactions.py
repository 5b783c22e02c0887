"""Reactions, bookmarks, a thread on paper and as Markdown."""

import pytest

from storage import wholes
from storage.schema import Comment, Reaction, Thread


@pytest.fixture
async def scene(moot):
    class Scene:
        pass

    found = Scene()
    found.group = await moot.group()
    found.people = {name: await moot.person(name) for name in ("liam", "greta")}
    for person in found.people.values():
        await moot.join(person, found.group)
    found.thread = await moot.thread(found.group, found.people["liam"], "Who pays?", "Tell **us**.")
    await moot.say(found.thread, found.people["liam"], "By *use*.")
    found.path = await moot.path(found.thread)
    found.uid = found.path.split("/")[3].split("-")[0]
    found.item = (await moot.item(found.thread, 1)).uid
    found.greta = await moot.sign_in(found.people["greta"])
    return found


async def kinds(moot):
    return await moot.storage.read(lambda work: sorted(row.kind for row in work.query(Reaction)))


@pytest.mark.parametrize(
    ("given", "kept"), [("🌱", "🌱"), ("like", "like"), ("👍", "like"), ("👎", "dislike"), ("<3", "❤️")]
)
async def test_a_reaction_is_given_and_taken_back_by_the_same_button(moot, scene, given, kept):
    answer = await scene.greta.post(f"/items/{scene.item}/react", kind=given, back=scene.path)
    assert (answer.status, answer.headers["Location"]) == (303, f"{scene.path}#c-1")
    assert await kinds(moot) == [kept]
    await scene.greta.post(f"/items/{scene.item}/react", kind=given, back=scene.path)
    assert await kinds(moot) == []


async def test_a_reaction_is_shown_with_who(moot, scene):
    ana = await moot.person("ana", "Ana Duarte", host="coop.example")
    await moot.react(scene.thread, 1, ana, "🌱")
    await scene.greta.post(f"/items/{scene.item}/react", kind="🌱")
    page = await scene.greta.page(scene.path)
    item = page.one("article", id="c-1")
    span = next(span for span in item.iter("{http://www.w3.org/1999/xhtml}span") if span.get("title"))
    assert span.get("title") == "Ana Duarte, Greta"
    assert page.text(span) == "🌱 2 reactions (yours too)"
    pressed = [b for b in item.iter("{http://www.w3.org/1999/xhtml}button") if b.get("aria-pressed") == "true"]
    assert [button.get("value") for button in pressed] == ["🌱"]
    everybody = await moot.page(f"/items/{scene.item}/react")
    assert "@ana@coop.example" in everybody.text()
    assert not everybody.all("input", name="kind")


@pytest.mark.parametrize("given", ["", "no", "🌱🌱", "<script>", "boost"])
async def test_what_is_no_emoji_is_given_back(moot, scene, given):
    answer = await scene.greta.post(f"/items/{scene.item}/react", kind=given)
    assert answer.status == 422
    assert "That is not an emoji." in await answer.text()
    assert await kinds(moot) == []


async def test_an_item_is_kept_and_let_go(moot, scene):
    await scene.greta.post(f"/items/{scene.item}/bookmark", kept=1, back=scene.path)
    assert "Bookmarked" in (await scene.greta.page(scene.path)).text()
    page = await scene.greta.page("/bookmarks")
    assert "By use." in page.text()
    await moot.change(scene.thread, 1, state="removed")
    assert "By use." not in (await scene.greta.page("/bookmarks")).text()
    await moot.change(scene.thread, 1, state="visible")
    await scene.greta.post(f"/items/{scene.item}/bookmark", kept=0)
    assert "You keep nothing yet." in (await scene.greta.page("/bookmarks")).text()


async def test_a_form_leads_back_to_this_node_alone(moot, scene):
    """WEB-14"""
    for evil in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = await scene.greta.post(f"/items/{scene.item}/bookmark", kept=1, back=evil)
        assert answer.headers["Location"].startswith("/bookmarks")


# ------------------------------------------------------------------ the whole thread


async def test_a_thread_is_one_document_for_paper(moot, scene):
    for number in range(70):
        await moot.say(scene.thread, scene.people["greta"], f"Number {number + 2}.", to=1)
    page = await moot.page(f"/threads/{scene.uid}/print")
    words = page.text(page.one("main"))
    for number in (2, 50, 71):
        assert f"Number {number}." in words
    assert page.text(page.one("h1")) == "Who pays?"
    assert page.meta("robots") == "noindex"


async def test_a_thread_is_taken_along_as_its_people_typed_it(moot, scene, monkeypatch):
    monkeypatch.setattr(wholes, "PIECE", 2)
    ana = await moot.person("ana", "Ana *Duarte*", host="coop.example")
    await moot.say(scene.thread, ana, "<p>By <b>hours</b>.</p><p>Twice a year.</p>", to=1, html=True)
    await moot.say(scene.thread, scene.people["greta"], "# Loud\n\n## #9 Liam, today\n\ntext")
    await moot.say(scene.thread, scene.people["greta"], "SPAM", state="removed", reason="an advertisement")
    answer = await moot.get(f"/threads/{scene.uid}/markdown")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    text = await answer.text()
    assert text.startswith("# Who pays?\n")
    assert f"<https://moot.example{scene.path}>" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert [line.split(",")[0] for line in headings] == [
        "## #0 Liam", "## #1 Liam", "## #2 Ana \\*Duarte\\* (@ana@coop.example)", "## #3 Greta", "## #4 Greta",
    ]  # fmt: skip
    assert "Tell **us**." in text and "By *use*." in text
    assert "By hours.\n\nTwice a year." in text
    assert "*reply to Liam #1*" in text
    assert "\\# Loud" in text and "\\## #9 Liam, today" in text
    assert "SPAM" not in text and "Removed by a moderator. The reason: an advertisement" in text


async def test_a_private_thread_is_taken_along_by_members_alone(moot, scene):
    await moot.storage.write(lambda work: setattr(work.get(Thread, scene.thread), "private", True))
    for part in ("print", "markdown"):
        assert (await moot.get(f"/threads/{scene.uid}/{part}")).status == 404
        assert (await scene.greta.get(f"/threads/{scene.uid}/{part}")).status == 200
    assert await moot.storage.read(lambda work: work.query(Comment).count()) == 2
