"""What is new to a reader: marks, the bar, the views, who has seen a thread, the inbox."""

import pytest

from storage.schema import Account, Guest, Notice, Reading
from tests.web.conftest import THEN


@pytest.fixture
async def scene(moot):
    """A group, three members, an outsider and a thread with nine replies."""

    class Scene:
        pass

    found = Scene()
    found.group = await moot.group()
    found.people = {name: await moot.person(name) for name in ("liam", "greta", "mira", "out")}
    for name in ("liam", "greta", "mira"):
        await moot.join(found.people[name], found.group)
    found.thread = await moot.thread(found.group, found.people["liam"], "Who pays?")
    for number in range(9):
        await moot.say(found.thread, found.people["liam"], f"Number {number + 1}.", to=0 if number % 2 else number)
    found.path = await moot.path(found.thread)
    found.uid = found.path.split("/")[3].split("-")[0]
    found.browsers = {name: await moot.sign_in(person) for name, person in found.people.items()}
    return found


async def ranges(moot, person, thread):
    row = await moot.storage.read(lambda work: work.get(Reading, (person, thread)))
    return row.ranges if row is not None else None


def new_ones(page):
    return [int(a.get("id")[2:]) for a in page.all("article", class_="item") if "new" in a.get("class").split()]


async def test_what_a_member_was_shown_is_read_the_next_time(moot, scene):
    greta = scene.browsers["greta"]
    page = await greta.page(scene.path)
    assert sorted(new_ones(page)) == list(range(1, 10))
    assert page.text(page.all("span", class_="badge")[0]) == "new"
    assert await ranges(moot, scene.people["greta"], scene.thread) == "0-9"
    assert new_ones(await greta.page(scene.path)) == []
    await moot.say(scene.thread, scene.people["liam"], "One more.")
    page = await greta.page(scene.path)
    assert new_ones(page) == [10]
    bar = page.text(page.one("p", class_="unread"))
    assert bar == "1 new since Sunday: jump there"
    assert page.all("a", href="#c-10")


async def test_nothing_is_marked_for_strangers_machines_or_what_is_fetched_ahead(moot, scene):
    greta = scene.browsers["greta"]
    await moot.page(scene.path)
    await greta.get(scene.path, Sec_Purpose="prefetch;prerender")
    await moot.client.head(scene.path, headers=greta.headers)
    assert await ranges(moot, scene.people["greta"], scene.thread) is None


async def test_one_s_own_words_are_never_new(moot, scene):
    page = await scene.browsers["liam"].page(scene.path)
    assert new_ones(page) == []
    assert not page.all("p", class_="unread")


async def test_marks_are_taken_back_from_an_item_on_and_stay_taken_back(moot, scene):
    greta = scene.browsers["greta"]
    await greta.page(scene.path)
    answer = await greta.post(f"/threads/{scene.uid}/read", unread_from=4)
    assert answer.status == 303
    page = await greta.page(answer.headers["Location"])
    assert sorted(new_ones(page)) == list(range(4, 10))
    assert "Marked as unread from #4." in page.text()
    assert await ranges(moot, scene.people["greta"], scene.thread) == "0-3"
    answer = await greta.post(f"/threads/{scene.uid}/read", do="all", back=scene.path)
    assert answer.headers["Location"] == scene.path
    assert await ranges(moot, scene.people["greta"], scene.thread) == "0-9"


async def test_only_what_a_script_names_is_marked(moot, scene):
    greta = scene.browsers["greta"]
    answer = await greta.post(f"/threads/{scene.uid}/read", seen=[3, 4, "x", 4711])
    assert answer.status == 303
    assert await ranges(moot, scene.people["greta"], scene.thread) == "3-4"


async def test_a_reader_resumes_at_the_first_unread(moot, scene):
    greta = scene.browsers["greta"]
    await greta.page(scene.path)
    for number in range(60):
        await moot.say(scene.thread, scene.people["liam"], f"More {number}.")
    answer = await greta.get(f"{scene.path}?at=first-unread")
    assert answer.headers["Location"] == f"{scene.path}?at=10#c-10"
    await greta.post(f"/threads/{scene.uid}/read", do="all")
    answer = await greta.get(f"{scene.path}?at=first-unread")
    assert answer.headers["Location"] == f"{scene.path}?at=69#c-69"
    stranger = await moot.get(f"{scene.path}?at=first-unread")
    assert stranger.headers["Location"] == scene.path
    mira = await scene.browsers["mira"].get(f"{scene.path}?at=first-unread")
    assert mira.headers["Location"] == scene.path


async def test_the_view_of_what_is_new_names_what_it_answers(moot, scene):
    greta = scene.browsers["greta"]
    await greta.page(scene.path)
    await moot.say(scene.thread, scene.people["liam"], "To the third.", to=3)
    await moot.say(scene.thread, scene.people["liam"], "To all.")
    page = await greta.page(f"{scene.path}?view=new")
    assert page.numbers() == [10, 11]
    assert "reply to Liam" in page.text(page.one("article", id="c-10"))
    assert (await greta.page(f"{scene.path}?view=new")).numbers() == []
    assert "There is nothing new in this thread." in (await greta.page(f"{scene.path}?view=new")).text()
    assert len((await moot.page(f"{scene.path}?view=new")).numbers()) == 11


async def test_who_has_seen_it_is_told_to_members_and_how_many_to_everybody(moot, scene):
    await scene.browsers["greta"].page(scene.path)
    assert "Seen by 1" in (await moot.page(scene.path)).text()
    page = await scene.browsers["mira"].page(f"/threads/{scene.uid}/seen")
    assert "Greta" in page.text(page.one("main"))
    assert page.all("time", datetime="2026-11-22T12:00:00Z")
    for browser in (moot, scene.browsers["out"]):
        page = await browser.page(f"/threads/{scene.uid}/seen")
        assert "Greta" not in page.text(page.one("main"))
        assert "Seen by 1 person here." in page.text()
    await moot.storage.write(
        lambda work: work.add(Guest(thread_id=scene.thread, actor_id=scene.people["out"], joined_at=THEN))
    )
    page = await scene.browsers["out"].page(f"/threads/{scene.uid}/seen")
    assert "Greta" in page.text(page.one("main"))


async def test_a_hidden_thread_is_not_there_in_any_way(moot, scene):
    """PRV-06"""
    hidden = await moot.thread(scene.group, scene.people["liam"], "Between us", private=True)
    uid = (await moot.path(hidden)).split("/")[3].split("-")[0]
    out = scene.browsers["out"]
    for part in ("seen", "print", "markdown", "live"):
        assert (await out.get(f"/threads/{uid}/{part}")).status == 404
        assert (await moot.get(f"/threads/{uid}/{part}")).status == 404
        assert (await out.get(f"/threads/aaaaaaaaaaaaaaaaaaaaaaaaaa/{part}")).status == 404
    for part in ("read", "dismiss"):
        assert (await out.post(f"/threads/{uid}/{part}", do="all")).status == 404
    item = (await moot.item(hidden, 0)).uid
    for part in ("composer", "fragment", "react"):
        assert (await out.get(f"/items/{item}/{part}")).status == 404
    for part in ("reply", "react", "bookmark"):
        assert (await out.post(f"/items/{item}/{part}", source="x", kind="🌱", kept=1)).status == 404
    assert (await scene.browsers["greta"].get(f"/threads/{uid}/seen")).status == 200


# ------------------------------------------------------------------ the inbox


async def test_the_inbox_tells_what_is_new_where(moot, scene):
    greta = scene.browsers["greta"]
    await greta.page(scene.path)
    assert "You have read everything." in (await greta.page("/unread")).text()
    await moot.say(scene.thread, scene.people["mira"], "The pot it is.")
    await moot.say(scene.thread, scene.people["liam"], "Good.")
    page = await greta.page("/unread")
    row = page.one("article", class_="row")
    assert page.all("a", href=f"{scene.path}?at=first-unread")
    for words in (
        "Who pays?",
        "2 new",
        "Mira: The pot it is.",
        "by Mira and Liam",
        "since Sunday",
        "Commons in Motion",
    ):
        assert words in page.text(row)


async def test_what_is_put_off_can_be_taken_back(moot, scene):
    greta = scene.browsers["greta"]
    await greta.page(scene.path)
    await moot.say(scene.thread, scene.people["mira"], "The pot it is.")
    answer = await greta.post(f"/threads/{scene.uid}/dismiss", do="dismiss")
    page = await greta.page(answer.headers["Location"])
    assert not page.all("article", class_="row")
    assert "Put off until something new is said: Who pays?" in page.text()
    await greta.post(f"/threads/{scene.uid}/dismiss", do="recall")
    assert (await greta.page("/unread")).all("article", class_="row")
    await greta.post("/unread", do="all")
    assert "You have read everything." in (await greta.page("/unread")).text()


async def test_what_was_said_to_me_alone_stands_on_top_until_i_have_read_it(moot, scene):
    ana = await moot.person("ana", "Ana Duarte", host="coop.example")
    said = {"kind": "private", "uri": "https://coop.example/notes/1", "from_id": ana, "html": "<p>Psst.</p>"}
    await moot.storage.write(lambda work: work.add(Notice(actor_id=scene.people["greta"], created_at=THEN, **said)))
    greta = scene.browsers["greta"]
    page = await greta.page("/unread")
    assert "Psst." in page.text()
    number = page.one("button", name="notice").get("value")
    assert "Psst." not in (await scene.browsers["mira"].page("/unread")).text()
    assert (await scene.browsers["mira"].post("/unread", notice=number)).status == 404
    await greta.post("/unread", notice=number)
    assert "Psst." not in (await greta.page("/unread")).text()


async def test_what_was_taken_away_leaves_the_inbox(moot, scene):
    greta = scene.browsers["greta"]
    await greta.page(scene.path)
    await moot.say(scene.thread, scene.people["mira"], "Spam.", state="removed")
    assert "You have read everything." in (await greta.page("/unread")).text()
    assert await ranges(moot, scene.people["greta"], scene.thread) == "0-10"


@pytest.mark.parametrize("path", ["/unread", "/bookmarks", "/drafts"])
async def test_a_stranger_is_led_to_signing_in(moot, path):
    answer = await moot.get(path)
    assert answer.status == 303
    assert answer.headers["Location"].startswith("/sign-in?next=")


async def test_the_keys_of_pages_can_be_switched_off(moot, scene):
    greta = scene.browsers["greta"]
    assert (await greta.page(scene.path)).one("dialog", id="keys").get("data-off") == "no"
    await greta.post("/keys", back=scene.path)
    assert (await greta.page(scene.path)).one("dialog", id="keys").get("data-off") == "yes"
    await greta.post("/keys", on=1)
    account = await moot.storage.read(lambda work: work.get(Account, scene.people["greta"]))
    assert account.keys_off is False
