"""A thread's page: the tree, its places, its gaps, its pages."""

import re
from datetime import timedelta

import pytest

from tests.web.conftest import NOW, THEN


@pytest.fixture
async def people(moot):
    """Two people of ours and one of another server."""
    return (
        await moot.person("liam", "Liam Moran"),
        await moot.person("greg", "Greta Castell"),
        await moot.person("ana", "Ana Duarte", host="coop.example"),
    )


@pytest.fixture
async def thread(moot, people):
    return await moot.thread(await moot.group(), people[0], "Who pays?", "Tell **us**.", seen_count=42)


def levels(page):
    """How deep each item's list stands in other lists."""
    found = {}

    def walk(element, depth):
        deeper = depth + element.tag.endswith("}ol") if "words" not in (element.get("class") or "") else depth
        if (element.get("id") or "").startswith("c-"):
            found[int(element.get("id")[2:])] = deeper
        for child in element:
            walk(child, deeper)

    walk(page.tree, 0)
    return found


async def test_a_thread_shows_its_opening_and_its_replies(moot, people, thread):
    _liam, greg, ana = people
    one = await moot.say(thread, greg, "By use.")
    await moot.say(thread, ana, "By hours.", to=one)
    page = await moot.page(await moot.path(thread))
    assert page.text(page.one("h1")) == "Who pays?"
    opening = page.text(page.one("article", class_="opening"))
    for words in ("Liam Moran", "7 June 2017, 14:19 UTC", "Public", "Seen by 42", "Tell us.", "Commons in Motion"):
        assert words in opening
    assert page.numbers() == [1, 2]
    assert levels(page) == {1: 1, 2: 2}
    assert "reply to Greta Castell, level 2" in page.text(page.one("h3", id="h-2"))


async def test_times_are_absolute_and_say_how_long_ago(moot, people, thread):
    page = await moot.page(await moot.path(thread))
    time = page.all("time", datetime="2017-06-07T14:19:00Z")[0]
    assert page.text(time) == "7 June 2017, 14:19 UTC"
    assert time.get("title") == "9 years ago"
    young = await moot.thread(await moot.group("new"), people[0], "New", said_at=NOW - timedelta(hours=1))
    assert (await moot.page(await moot.path(young))).all("time")[0].get("title") == "1 hour ago"


async def test_an_item_of_another_server_carries_its_home(moot, people, thread):
    await moot.say(thread, people[2], "By hours.", page_url="https://coop.example/@ana/7")
    page = await moot.page(await moot.path(thread))
    item = page.one("article", id="c-1")
    assert "@ana@coop.example" in page.text(item)
    assert "from another server" in page.text(item)
    assert "replies may be missing" in page.text(item)
    links = [a.get("href") for a in item.iter("{http://www.w3.org/1999/xhtml}a")]
    assert "https://coop.example/@ana/7" in links
    assert "https://coop.example/@ana" in links
    assert not any(link.startswith("/u/ana") for link in links)


async def test_the_indent_ends_at_the_third_level_and_replies_say_whom_they_answer(moot, people, thread):
    number = 0
    for step in range(6):
        number = await moot.say(thread, people[step % 2], f"Step {step}", to=number)
    page = await moot.page(await moot.path(thread))
    assert levels(page) == {1: 1, 2: 2, 3: 3, 4: 3, 5: 3, 6: 3}
    assert "reply to Liam Moran" in page.text(page.one("article", id="c-4").find(".//*[@class='facts']"))
    assert not page.one("article", id="c-3").findall(".//*[@class='whom']")


async def test_a_hundred_and_fifty_levels_can_be_read(moot, people, thread):
    number = 0
    for step in range(150):
        number = await moot.say(thread, people[step % 2], f"Level {step + 1}.", to=number)
    path, seen = await moot.path(thread), []
    while path:
        page = await moot.page(path)
        seen += page.numbers()
        assert max(levels(page).values()) <= 3
        following = page.all("a", rel="next")
        path = following[0].get("href").partition("#")[0] if following else None
    assert seen == list(range(1, 151))


@pytest.mark.parametrize("view", ["", "view=flat"])
async def test_every_item_is_on_one_page_and_on_no_other(moot, people, thread, view):
    for number in range(120):
        await moot.say(thread, people[number % 3], f"Number {number + 1}.", to=number // 3 if number % 2 else 0)
    start = await moot.path(thread) + (f"?{view}" if view else "")
    forth, pages, path = [], [], start
    while path:
        page = await moot.page(path)
        pages.append(page)
        forth += page.numbers()
        following = page.all("a", rel="next")
        path = following[0].get("href").partition("#")[0] if following else None
    assert sorted(forth) == list(range(1, 121))
    assert len(pages) == 3
    if view:
        assert forth == sorted(forth)
    back = pages[-1].numbers()
    page = pages[-1]
    while page.all("a", rel="prev"):
        page = await moot.page(page.one("a", rel="prev").get("href").partition("#")[0])
        back = page.numbers() + back
    assert back == forth
    for number in (1, 60, 119, 120):
        around = await moot.page(f"{start}{'&' if view else '?'}at={number}")
        assert number in around.numbers()


async def test_places_that_make_no_sense_are_no_error(moot, people, thread):
    await moot.say(thread, people[1], "Here.")
    path = await moot.path(thread)
    for query in (
        "after=x",
        "at=-1",
        "before=99999999999999999999",
        "at=4711",
        "after=0",
        "view=none",
        "at=%00",
        "at=1&at=2",
    ):
        assert (await moot.get(f"{path}?{query}")).status == 200


async def test_the_slug_is_decoration(moot, people, thread):
    path = await moot.path(thread)
    bare = path.rpartition("-who-pays")[0]
    for wrong in (f"{bare}", f"{bare}-another-title", f"{bare}-", path.replace("/g/commons", "/g/elsewhere")):
        response = await moot.get(f"{wrong}?view=flat")
        assert (response.status, response.headers["Location"]) == (301, f"{path}?view=flat")


async def test_gaps_say_what_they_are(moot, people, thread):
    liam, greg, ana = people
    removed = await moot.say(thread, greg, "SPAM", state="removed", reason="an advertisement")
    deleted = await moot.say(thread, greg, "SORRY", state="deleted")
    missing = await moot.hole(thread, "https://far.example/notes/1")
    refused = await moot.say(thread, ana, "BAD", state="refused", reason="only members may comment")
    below = await moot.say(thread, liam, "Still here.", to=removed)
    page = await moot.page(await moot.path(thread))

    def words(number):
        return page.text(page.one("article", id=f"c-{number}"))

    assert "Removed by a moderator. The reason: an advertisement" in words(removed)
    assert "Deleted by its author." in words(deleted)
    assert "Greg" not in words(deleted)
    assert "Not here (yet)." in words(missing)
    assert page.all("a", href="https://far.example/notes/1")
    assert "only members may comment" in words(refused)
    assert "Still here." in words(below)
    for lost in ("SPAM", "SORRY", "BAD"):
        assert lost not in page.source


async def test_what_a_content_warning_covers_waits_for_a_click(moot, people, thread):
    await moot.say(thread, people[2], "It is a wasp.", summary="insects")
    page = await moot.page(await moot.path(thread))
    warning = page.one("details", class_="warning")
    assert "insects" in page.text(warning[0])
    assert "wasp" not in page.text(warning[0])
    assert warning.get("open") is None


async def test_pictures_of_other_servers_are_links_and_never_loaded(moot, people, thread):
    """XSS-10"""
    kept = [
        {"kind": "Image", "url": "https://coop.example/m/1.jpg", "media_type": "image/jpeg", "alt": "A ledger"},
        {"kind": "Document", "url": "javascript:alert(1)", "alt": "No"},
        {"kind": "Image", "url": "https://coop.example/m/2.jpg", "media_type": None, "alt": None},
    ]
    await moot.say(
        thread, people[2], '<p>See <img src="https://coop.example/t.gif" alt="me"></p>', html=True, attachments=kept
    )
    page = await moot.page(await moot.path(thread))
    assert not page.all("img")
    files = page.one("ul", class_="files")
    assert [page.text(file) for file in files] == ["image: A ledger", "image: no description"]
    assert "javascript:" not in page.source


async def test_polls_are_read_as_lists(moot, people, thread):
    for options in ([["Pot", 3], ["Use", None]], ["Pot", "Use"]):
        question = {"options": options, "multiple": True, "end_time": "2017-07-01T12:00:00+00:00", "closed": None}
        await moot.say(thread, people[2], "Which?", question=question)
    page = await moot.page(await moot.path(thread))
    polls = [page.text(poll) for poll in page.all("div", class_="poll")]
    assert polls[0] == "Poll: choose any Pot 3 votes Use Ends 2017-07-01 12:00 UTC"
    assert polls[1] == "Poll: choose any Pot Use Ends 2017-07-01 12:00 UTC"


async def test_reactions_are_counted_in_words(moot, people, thread):
    one = await moot.say(thread, people[1], "By use.")
    liam, greg, ana = people
    for who, kind in ((liam, "like"), (ana, "like"), (ana, "boost"), (greg, "🌱"), (liam, "dislike")):
        await moot.react(thread, one, who, kind)
    page = await moot.page(await moot.path(thread))
    foot = page.text(page.one("article", id="c-1").findall(".//*[@class='facts foot']")[0])
    assert foot == "Reply to #1 from your server 2 likes 1 dislike 1 boost 🌱 1 reaction"


async def test_an_edit_is_marked(moot, people, thread):
    await moot.say(thread, people[1], "By use.", edited_at=THEN + timedelta(days=1))
    assert "edited 8 June 2017" in (await moot.page(await moot.path(thread))).text()


async def test_a_locked_thread_offers_no_answer(moot, people):
    thread = await moot.thread(await moot.group(), people[0], locked_at=NOW)
    await moot.say(thread, people[1], "Done.")
    page = await moot.page(await moot.path(thread))
    assert "Locked" in page.text()
    assert not [a for a in page.all("a") if "intent=reply" in (a.get("href") or "")]


@pytest.mark.parametrize("given", [{"private": True}, {"state": "removed"}])
async def test_a_hidden_thread_looks_like_one_that_never_was(moot, people, given):
    """PRV-06"""
    thread = await moot.thread(await moot.group(), people[0], "Hidden", **given)
    number = await moot.say(thread, people[1], "Secret words.")
    path, uid = await moot.path(thread), (await moot.item(thread, number)).uid
    opening = (await moot.item(thread, 0)).uid
    for hidden, absent in (
        (path, "/g/commons/aaaaaaaaaaaaaaaaaaaaaaaaaa-hidden"),
        (f"/comment/{uid}", "/comment/aaaaaaaaaaaaaaaaaaaaaaaaaa"),
        (f"/post/{opening}", "/post/aaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ):
        one, other = await moot.get(hidden), await moot.get(absent)
        assert (one.status, other.status) == (404, 404)
        bodies = [re.sub(r"<code.*?</code>", "", await answer.text()) for answer in (one, other)]
        assert bodies[0] == bodies[1]


async def test_a_deleted_thread_is_gone_and_a_private_one_says_nothing(moot, people):
    group = await moot.group()
    thread = await moot.thread(group, people[0], "Deleted", state="deleted")
    hidden = await moot.thread(group, people[0], "Deleted", state="deleted", private=True)
    assert (await moot.get(await moot.path(thread))).status == 410
    assert (await moot.get(await moot.path(hidden))).status == 404
    uid = (await moot.item(thread, 0)).uid
    assert (await moot.get(f"/post/{uid}")).status == 410


async def test_a_deleted_opening_is_gone_but_what_others_said_stays(moot, people, thread):
    await moot.change(thread, 0, state="deleted", html="")
    path, uid = await moot.path(thread), (await moot.item(thread, 0)).uid
    assert (await moot.get(path)).status == 410
    await moot.say(thread, people[1], "I answered.")
    path = path.replace("-who-pays", "-gone")
    response = await moot.get(f"/post/{uid}")
    assert response.status == 410
    assert path in await response.text()
    page = await moot.page(path)
    assert "I answered." in page.text()
    assert "Liam" not in page.text(page.one("article", class_="opening"))
    assert page.meta("robots") == "noindex"


async def test_a_removed_opening_loses_its_words_and_its_title(moot, people, thread):
    await moot.change(thread, 0, state="removed", reason="not ours")
    assert (await moot.get(await moot.path(thread))).status == 404
    await moot.say(thread, people[1], "I answered.")
    moved = await moot.get(await moot.path(thread))
    assert (moved.status, moved.headers["Cache-Control"]) == (301, "no-cache")
    page = await moot.page(moved.headers["Location"])
    assert "Removed by a moderator." in page.text()
    assert "Who pays?" not in page.source
    assert "who-pays" not in page.source
    assert "Tell" not in page.source


async def test_the_id_of_an_item_leads_to_its_place(moot, people, thread):
    path = await moot.path(thread)
    for number in range(1, 61):
        await moot.say(thread, people[1], f"Number {number}.")
    for number, place in ((1, f"{path}#c-1"), (50, f"{path}#c-50"), (51, f"{path}?at=51#c-51")):
        response = await moot.get(f"/comment/{(await moot.item(thread, number)).uid}")
        assert (response.status, response.headers["Location"]) == (303, place)
        assert "Accept" in response.headers["Vary"].split(", ")
    response = await moot.get(f"/post/{(await moot.item(thread, 0)).uid}")
    assert (response.status, response.headers["Location"]) == (303, path)
    wrong = (await moot.item(thread, 1)).uid
    assert (await moot.get(f"/post/{wrong}")).status == 404


async def test_tags_of_the_opening_are_shown(moot, people):
    thread = await moot.thread(await moot.group(), people[0], tags=["Commons", "Geld", "سلام"])
    page = await moot.page(await moot.path(thread))
    links = page.all("a", rel="tag")
    assert [page.text(link) for link in links] == ["#Commons", "#Geld", "#سلام"]
    assert [link.get("href") for link in links] == ["/tags/commons", "/tags/geld", "/tags/%D8%B3%D9%84%D8%A7%D9%85"]
