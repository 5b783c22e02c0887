"""The pages of hashtags: what stands there, how it is turned over, and what is not told."""

import re
from urllib.parse import quote

import pytest

from storage import tags
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer


@pytest.fixture
async def group(moot):
    return await moot.group()


@pytest.fixture
async def ana(moot):
    return await moot.person("ana", "Ana")


async def test_a_hashtag_leads_to_what_was_said_with_it(moot, group, ana):
    bob = await moot.person("bob", "Bob", host="coop.example")
    thread = await moot.thread(group, ana, "Who pays?", "By use, say I. #OpenBooks")
    await moot.say(thread, ana, "Nothing about that here.")
    await moot.say(
        thread, bob, '<p>Yes! <a class="hashtag" href="https://coop.example/t/x">#openbooks</a></p>', html=True
    )
    opening = await moot.page(await moot.path(thread))
    assert {a.get("href") for a in opening.all("a") if opening.text(a) == "#OpenBooks"} == {
        "/tags/openbooks", "https://moot.example/tags/openbooks",
    }  # fmt: skip
    page = await moot.page("/tags/openbooks")
    rows = [page.text(row) for row in page.all("article", class_="row")]
    assert page.text(page.one("h1")) == "#openbooks"
    assert [re.match(r"Who pays\?( #\d)?", row)[0] for row in rows] == ["Who pays? #2", "Who pays?"]
    assert "Bob" in rows[0] and "@bob@coop.example" in rows[0] and "Yes!" in rows[0]
    assert "in Commons in Motion" in rows[1] and "By use, say I." in rows[1]
    link = page.all("h3")[0].find("*").get("href")
    assert link == f"{await moot.path(thread)}?at=2#c-2"


async def test_a_hashtag_page_says_what_it_is_to_machines(moot, group, ana):
    await moot.thread(group, ana, "Who pays?", "By use. #Commons")
    page = await moot.page("/tags/commons")
    assert page.one("link", rel="canonical").get("href") == "https://moot.example/tags/commons"
    assert page.meta("og:title") == "#Commons"
    assert page.meta("og:url") == "https://moot.example/tags/commons"
    assert page.meta("og:description").startswith("By use.")
    assert page.meta("robots") is None
    assert (await moot.page("/tags/commons?before=1")).meta("robots") == "noindex"


@pytest.mark.parametrize(
    ("written", "asked", "folded"),
    [
        ("Commons", "COMMONS", "commons"),
        ("Straße", "STRASSE", "strasse"),
        ("Straße", "straße", "strasse"),  # as other servers are told
        ("Café", "cafe\u0301", "café"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ"),
        ("İzmir", "i\u0307zmir", "i\u0307zmir"),
        ("سلام", "سلام", "سلام"),
        ("हिन्दी", "हिन्दी", "हिन्दी"),
    ],
)
async def test_a_hashtag_is_the_same_however_it_is_written(moot, group, ana, written, asked, folded):
    await moot.thread(group, ana, "Who pays?", f"By use. #{written}")
    response = await moot.get(f"/tags/{quote(asked)}")
    if response.status == 301:
        assert response.headers["Location"] == f"/tags/{quote(folded)}"
    page = await moot.page(f"/tags/{quote(folded)}")
    assert len(page.all("article", class_="row")) == 1
    assert response.status == (200 if asked == folded else 301)


async def test_an_unknown_hashtag_and_a_hidden_one_look_the_same(moot, group, ana):
    """PRV-06"""
    secret = await moot.group("cellar", privacy="secret")
    mallory = await moot.person("mallory", state="suspended")
    await moot.thread(group, ana, "Private", "Psst #private", private=True)
    await moot.thread(secret, ana, "Secret", "Psst #secret")
    await moot.thread(group, mallory, "Spam", "Buy #watches")
    removed = await moot.thread(group, ana, "Removed", "Psst #removed")
    await moot.change(removed, 0, state="removed")
    absent = await moot.get("/tags/unheard")
    assert absent.status == 404
    body = re.sub(r"<code.*?</code>", "", await absent.text())
    for tag in ("private", "PRIVATE", "secret", "watches", "removed"):
        hidden = await moot.get(f"/tags/{tag}")
        assert hidden.status == 404, tag
        assert re.sub(r"<code.*?</code>", "", await hidden.text()) == body


async def test_no_address_below_tags_is_an_error(moot, group, ana):
    await moot.thread(group, ana, "Who pays?", "By use. #commons")
    for strange in ("%00", "a%00b", "%ff", "a" * 101, "a-b", "%F0%9F%92%A9", "..%2f..", "a%27b", "%ED%A0%80"):
        assert (await moot.get(f"/tags/{strange}")).status == 404, strange
    for place in ("x", "-1", "9" * 30, ""):
        assert (await moot.get(f"/tags/commons?before={place}")).status == 200, place


async def test_older_items_come_page_by_page_none_lost_and_none_twice(moot, group, ana):
    thread = await moot.thread(group, ana, "Counting")
    for number in range(65):
        await moot.say(thread, ana, f"Step {number} #count")
    path, seen, pages = "/tags/count", [], 0
    while path:
        page = await moot.page(path)
        pages += 1
        seen += [int(re.search(r"Step (\d+)", page.text(row))[1]) for row in page.all("article", class_="row")]
        following = page.all("a", rel="next")
        path = following[0].get("href") if following else None
    assert seen == list(range(64, -1, -1))
    assert pages == 3


async def test_words_behind_a_warning_are_not_on_the_page(moot, group, ana):
    thread = await moot.thread(group, ana, "Garden")
    await moot.say(thread, ana, "A wasp! #insects", summary="insects that sting")
    await moot.say(thread, ana, "A hornet! #insects", sensitive=True)
    page = await moot.page("/tags/insects")
    assert "insects that sting" in page.text()
    assert "wasp" not in page.source and "hornet" not in page.source


async def test_a_hashtag_goes_with_an_edit_and_with_the_item(node: Moot, world: ScriptedServer) -> None:
    await node.person("ana")
    garden = await node.group("garden", "ana")
    thread = await node.start("ana", "garden", "Tools", "Who has a #ladder and a #saw?")
    maria = world.actor("maria@mastodon.test")
    note = maria.note("<p>I have.</p>", inReplyTo=thread, tag=[{"type": "Hashtag", "name": "#Ladder", "href": "x"}])
    await maria.post(f"{garden}/inbox", maria.create(note))
    await node.settle()

    async def carrying(tag: str) -> list[str]:
        found = await node.storage.read(tags.said_with, tag, viewer=None, limit=9)
        return [said.item.uri for said in found]

    assert await carrying("ladder") == [note["id"], thread]
    assert await carrying("saw") == [thread]

    await node.edit("ana", thread, "Who has a #ladder and a #Hammer?")
    assert await carrying("saw") == []
    assert await carrying("hammer") == [thread]

    await node.erase("ana", thread)
    await maria.post(f"{garden}/inbox", maria.delete(note["id"]))
    await node.settle()
    assert await carrying("ladder") == await carrying("hammer") == []
    assert (await node.get("/tags/ladder", accept="text/html"))[0] == 404
