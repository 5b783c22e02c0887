"""Answering: the form stands where one would answer, says where the words go, and never loses one."""

import json

import pytest

from storage import drafts as stored
from storage.schema import Comment, Follow, Group, Thread
from tests.web.conftest import THEN, Page


@pytest.fixture
async def scene(moot):
    class Scene:
        pass

    found = Scene()
    found.group = await moot.group()
    found.people = {name: await moot.person(name) for name in ("liam", "greta", "out")}
    for name in ("liam", "greta"):
        await moot.join(found.people[name], found.group)
    found.thread = await moot.thread(found.group, found.people["liam"], "Who pays?", "Tell **us**.")
    for number in range(4):
        await moot.say(found.thread, found.people["liam"], f"Number {number + 1}.")
    found.path = await moot.path(found.thread)
    found.uids = [(await moot.item(found.thread, number)).uid for number in range(5)]
    found.greta = await moot.sign_in(found.people["greta"])
    found.out = await moot.sign_in(found.people["out"])
    return found


async def comments(moot, thread):
    return await moot.storage.read(lambda work: work.query(Comment).filter_by(thread_id=thread).count())


async def test_the_form_stands_below_the_thread_or_below_what_is_answered(moot, scene):
    page = await scene.greta.page(scene.path)
    form = page.one("section", id="compose")
    assert "Answer the thread" in page.text(form)
    assert form.get("data-uid") == scene.uids[0]
    page = await scene.greta.page(f"{scene.path}?reply=2")
    form = page.one("section", id="compose")
    assert page.text(form.find(".//*[@id='compose-title']")).startswith("Replying to Liam #2")
    item = next(li for li in page.all("li") if any(child is form for child in li))
    assert item[0].get("id") == "c-2"
    clear = page.one("a", class_="clear")
    assert clear.get("href") == f"{scene.path}?#compose"
    link = page.one("article", id="c-3").find(".//*[@data-reply]")
    assert link.get("href") == f"{scene.path}?reply=3#compose"


async def test_an_answer_stands_where_it_belongs_and_leads_there(moot, scene):
    answer = await scene.greta.post(f"/items/{scene.uids[2]}/reply", source="By **use**.", seen=4, do="post")
    assert (answer.status, answer.headers["Location"]) == (303, f"{scene.path}?at=5#c-5")
    item = await moot.item(scene.thread, 5)
    assert (item.source, item.author_id) == ("By **use**.", scene.people["greta"])
    parent = await moot.item(scene.thread, 2)
    assert item.parent_id == parent.id
    page = await scene.greta.page(answer.headers["Location"])
    assert 5 in page.numbers()


async def test_whoever_was_overtaken_is_told_by_how_many(moot, scene):
    await moot.say(scene.thread, scene.people["liam"], "Meanwhile.")
    await moot.say(scene.thread, scene.people["greta"], "My own.")
    answer = await scene.greta.post(f"/items/{scene.uids[0]}/reply", source="Late.", seen=4)
    assert answer.headers["Location"] == f"{scene.path}?at=7&came=1#c-7"
    page = await scene.greta.page(answer.headers["Location"])
    assert "1 new reply came while you wrote." in page.text()


async def test_a_form_that_is_sent_twice_posts_once(moot, scene):
    """WEB-23"""
    fields = {"source": "Once.", "nonce": "a" * 24}
    first = await scene.greta.post(f"/items/{scene.uids[0]}/reply", fields)
    again = await scene.greta.post(f"/items/{scene.uids[0]}/reply", fields)
    assert first.headers["Location"] == again.headers["Location"]
    assert await comments(moot, scene.thread) == 6


@pytest.mark.parametrize(
    ("source", "words"),
    [("", "There is nothing in it yet"), ("  \n", "There is nothing in it yet"), ("x" * 100_001, "may have 100000")],
)
async def test_what_cannot_be_taken_is_given_back(moot, scene, source, words):
    answer = await scene.greta.post(f"/items/{scene.uids[2]}/reply", source=source, nonce="b" * 24)
    assert answer.status == 422

    page = Page(await answer.text())
    area = page.one("textarea", name="source")
    assert (area.text or "").strip() == source.strip()
    assert area.get("aria-invalid") == "true"
    assert words in page.text(page.one("p", id="source-error"))
    assert "source-error" in area.get("aria-describedby")
    assert page.one("input", name="nonce").get("value") == "b" * 24
    assert "Replying to Liam #2" in page.text(page.one("section", id="compose"))
    assert await comments(moot, scene.thread) == 5


async def test_a_preview_shows_the_words_and_sends_nothing(moot, scene):
    answer = await scene.greta.post(
        f"/items/{scene.uids[2]}/reply", source="By **use** <script>alert(1)</script>", do="preview"
    )
    source = await answer.text()
    assert answer.status == 200
    assert "<strong>use</strong>" in source
    assert "<script>alert" not in source
    assert "By **use** &lt;script&gt;" in source
    assert await comments(moot, scene.thread) == 5


async def test_a_draft_is_kept_shown_again_and_gone_once_it_is_sent(moot, scene):
    answer = await scene.greta.post(f"/items/{scene.uids[2]}/reply", source="By u", do="draft")
    assert answer.headers["Location"] == f"{scene.path}?reply=2#compose"
    page = await scene.greta.page(answer.headers["Location"])
    assert page.one("textarea", name="source").text.strip() == "By u"
    assert "Draft kept" in page.text()
    listed = await scene.greta.page("/drafts")
    assert "By u" in listed.text() and "Who pays?" in listed.text()
    assert listed.all("a", href=f"/items/{scene.uids[2]}/reply")
    led = await scene.greta.get(f"/items/{scene.uids[2]}/reply")
    assert led.headers["Location"] == f"{scene.path}?reply=2#compose"
    assert "By u" not in (await scene.out.page("/drafts")).text()
    await scene.greta.post(f"/items/{scene.uids[2]}/reply", source="By use.")
    assert await moot.storage.read(stored.count, scene.people["greta"]) == 0


async def test_scripts_keep_and_discard_drafts(moot, scene):
    place = f"reply:{scene.uids[0]}"
    answer = await scene.greta.post("/drafts", place=place, source="Half a thou", seen="4")
    assert answer.status == 200 and "kept_at" in json.loads(await answer.text())
    (draft,) = await moot.storage.read(stored.of_actor, scene.people["greta"])
    assert draft.words == {"source": "Half a thou"}
    await scene.greta.post("/drafts", place=place, do="discard")
    assert await moot.storage.read(stored.count, scene.people["greta"]) == 0
    assert (await scene.greta.post("/drafts", place="reply:nothing", source="x")).status == 404


async def test_without_a_session_or_a_token_the_words_come_back(moot, scene):
    """WEB-24"""
    stranger = moot.browser()
    answer = await stranger.post(f"/items/{scene.uids[0]}/reply", source="Long and dear.")
    assert answer.status == 403
    assert "Long and dear." in await answer.text()
    scene.greta.cookies["visit"] = "x" * 30
    response = await moot.client.post(
        f"/items/{scene.uids[0]}/reply",
        data={"csrf": "old", "source": "Long and dear."},
        headers=scene.greta.headers | {"Origin": moot.settings.origin},
        allow_redirects=False,
    )
    assert response.status == 403
    assert "Long and dear." in await response.text()
    assert await comments(moot, scene.thread) == 5


async def test_when_the_thread_went_away_the_words_come_back(moot, scene):
    await moot.storage.write(lambda work: setattr(work.get(Thread, scene.thread), "state", "removed"))
    answer = await scene.greta.post(f"/items/{scene.uids[0]}/reply", source="Long and dear.")
    assert answer.status == 404
    assert "Long and dear." in await answer.text()


async def test_what_was_removed_meanwhile_gives_the_words_back(moot, scene):
    await moot.change(scene.thread, 2, state="removed")
    answer = await scene.greta.post(f"/items/{scene.uids[2]}/reply", source="Long and dear.")
    assert answer.status == 422
    assert "Long and dear." in await answer.text()
    assert "was taken away" in await answer.text()


async def test_whoever_may_not_answer_is_told_why_and_how_to(moot, scene):
    page = await scene.out.page(scene.path)
    assert not page.all("section", id="compose")
    assert "Only members of this group may comment; join it first." in page.text(page.one("section", id="answer"))
    answer = await scene.out.post(f"/items/{scene.uids[0]}/reply", source="Let me in.")
    assert answer.status == 403
    assert "Let me in." in await answer.text()
    await moot.storage.write(lambda work: setattr(work.get(Thread, scene.thread), "locked_at", THEN))
    page = await scene.greta.page(scene.path)
    assert "This thread is locked" in page.text(page.one("section", id="answer"))
    await moot.storage.write(lambda work: setattr(work.get(Thread, scene.thread), "locked_at", None))
    await moot.storage.write(lambda work: setattr(work.get(Group, scene.group), "archived_at", THEN))
    assert "This group is archived" in (await scene.greta.page(scene.path)).text()


async def test_a_quotation_stands_ready(moot, scene):
    await moot.say(scene.thread, scene.people["liam"], "First line.\nSecond **line**.")
    page = await scene.greta.page(f"{scene.path}?reply=5&quote=1")
    assert page.one("textarea", name="source").text.rstrip() == "\n> First line.\n> Second **line**.".lstrip("\n")
    ana = await moot.person("ana", host="coop.example")
    await moot.say(scene.thread, ana, "<p>By hours, <b>not</b> money.</p>", html=True)
    page = await scene.greta.page(f"{scene.path}?reply=6&quote=1")
    assert page.one("textarea", name="source").text.strip() == "> By hours, not money."


async def test_a_member_sees_where_an_answer_goes(moot, scene):
    ana = await moot.person("ana", host="coop.example")
    number = await moot.say(scene.thread, ana, "By hours.")
    for name in ("ben", "cara"):
        fan = await moot.person(name, host="fans.example")
        await moot.follow(fan, scene.group)
    page = await scene.greta.page(f"{scene.path}?reply={number}")
    assert "also to @ana@coop.example and 2 followers" in page.text(page.one("p", id="reach"))
    await moot.storage.write(lambda work: setattr(work.get(Thread, scene.thread), "private", True))
    page = await scene.greta.page(scene.path)
    assert "Stays here" in page.text(page.one("p", id="reach"))
    assert await moot.storage.read(lambda work: work.query(Follow).count()) == 2


async def test_scripts_get_a_preview_and_the_form_for_an_item(moot, scene):
    answer = await scene.greta.post("/preview", source="By **use**. @greta", place=f"reply:{scene.uids[0]}")
    told = await answer.json()
    assert "<strong>use</strong>" in told["html"]
    assert "Everybody can read it here" in told["audience"]
    form = await scene.greta.page(f"/items/{scene.uids[3]}/composer")
    assert "Replying to Liam #3" in form.text(form.one("section", id="compose"))
    assert (await scene.out.get(f"/items/{scene.uids[3]}/composer")).status == 404
    fragment = await scene.greta.page(f"/items/{scene.uids[3]}/fragment")
    assert fragment.numbers() == [3]
    assert (await moot.page(f"/items/{scene.uids[3]}/fragment")).numbers() == [3]


async def test_scripts_are_answered_in_json(moot, scene):
    greta = scene.greta
    headers = greta.headers | {"Accept": "application/json", "Origin": moot.settings.origin}

    async def post(source, nonce="c" * 24):
        return await moot.client.post(
            f"/items/{scene.uids[0]}/reply",
            data={"csrf": greta.token(), "source": source, "nonce": nonce, "seen": "4"},
            headers=headers | {"Cookie": greta.headers["Cookie"]},
        )

    greta.token()
    headers = greta.headers | {"Accept": "application/json", "Origin": moot.settings.origin}
    assert (await post("")).status == 422
    told = await (await post("Yes.")).json()
    assert told["led_to"] == f"{scene.path}?at=5#c-5"
    assert told["uid"] == (await moot.item(scene.thread, 5)).uid


async def test_mentions_complete_people_here_and_in_the_thread(moot, scene):
    ana = await moot.person("greg", "Greg Far", host="coop.example")
    await moot.say(scene.thread, ana, "Hello.")
    uid = scene.path.split("/")[3].split("-")[0]
    answer = await scene.greta.get(f"/mentions?q=gre&thread={uid}")
    assert await answer.json() == [
        {"handle": "greg@coop.example", "name": "Greg Far", "remote": True},
        {"handle": "greta", "name": "Greta", "remote": False},
    ]
    for odd in ("%00", "%ed%a0%80", "'", "x" * 500):
        assert (await scene.greta.get(f"/mentions?q={odd}&thread={odd}")).status == 200
    assert (await moot.get("/mentions?q=gre")).status == 303


async def test_nothing_is_done_by_another_site_or_without_a_token(moot, scene):
    """WEB-01"""
    for path in (f"/items/{scene.uids[0]}/reply", "/drafts", "/preview", f"/items/{scene.uids[0]}/react", "/unread"):
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await moot.client.post(
                path, data={"csrf": scene.greta.token(), "source": "x"}, headers=scene.greta.headers | headers
            )
            assert answer.status == 403
        answer = await moot.client.post(path, data={"source": "x"}, headers=scene.greta.headers)
        assert answer.status == 403
    assert await comments(moot, scene.thread) == 5
