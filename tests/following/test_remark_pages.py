"""Answering what is on another server: where it goes is said before, and no word is lost."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from node.forum import people, servers
from storage import people as stored_people
from storage.schema import Remark
from storage.work import Work
from tests.equipment.browsers import Browser, browser_of
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedActor, ScriptedServer


@pytest.fixture
async def ana(node: Moot) -> Browser:
    """The browser of a member."""
    await node.person("ana")
    await node.person("ben")
    return await browser_of(node, "ana")


@pytest.fixture
def maria(world: ScriptedServer) -> ScriptedActor:
    """Someone elsewhere."""
    return world.actor("maria@mastodon.test")


async def composer(browser: Browser, uri: str) -> dict[str, str]:
    """The fields of the form that answers what is at an address."""
    return (await browser.page(f"/remarks/new?to={quote(uri, safe='')}")).forms()["/remarks/new"]


async def say(browser: Browser, uri: str, source: str) -> str:
    """Answers it; the path of what was said."""
    return await browser.posted("/remarks/new", await composer(browser, uri) | {"source": source})


async def remarks(node: Moot) -> list[str]:
    """The words of all remarks that stand."""
    return await node.storage.read(lambda work: [it.source for it in work.query(Remark) if it.state == "visible"])


async def test_the_form_shows_what_is_answered_and_says_where_it_goes(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    group, bob, cleo = world.actor("tools@lemmy.test", "Group"), world.actor("bob@victim.test"), "cleo@nodebb.test"
    for follower in ("f1@mallory.test", "f2@mallory.test"):
        actor = world.actor(follower)
        await actor.post(f"{node.origin}/inbox", actor.follow(f"{node.origin}/u/ana"))
    await node.settle()
    tag = [{"type": "Mention", "href": who.uri, "name": f"@{who.handle}"} for who in (bob, world.actor(cleo), group)]
    note = maria.publish(maria.note("<p>Who has a ladder?</p>", audience=group.uri, tag=tag))
    page = await ana.page(f"/remarks/new?to={quote(note['id'], safe='')}")

    assert "Who has a ladder?" in page.text
    assert (
        "It goes to @maria@mastodon.test, to the group @tools@lemmy.test, to bob@victim.test and cleo@nodebb.test"
        " (named in what you answer), and to your 2 followers." in page.text
    )
    await say(ana, note["id"], "I *do*.")
    await node.settle()
    told = {letter.url for letter in world.letters if letter.json()["type"] == "Create"}
    # Each server once, by its shared inbox, and mallory's followers too.
    assert told == {f"https://{host}/inbox" for host in (
        "mastodon.test", "lemmy.test", "victim.test", "nodebb.test", "mallory.test",
    )}  # fmt: skip


async def test_without_followers_none_are_spoken_of(node: Moot, ana: Browser, maria: ScriptedActor) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    page = await ana.page(f"/remarks/new?to={quote(note['id'], safe='')}")
    assert "Everybody can read it. It goes to @maria@mastodon.test." in page.text


async def test_an_answer_is_said_once_and_has_a_page_of_its_own(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    fields = await composer(ana, note["id"]) | {"source": "I *do*. <script>alert(1)</script>"}
    first, second = await ana.posted("/remarks/new", fields), await ana.posted("/remarks/new", fields)
    await node.settle()

    assert first == second and first.startswith("/comment/")
    [letter] = world.letters_to(maria.shared_inbox)
    assert (letter.json()["type"], letter.json()["object"]["inReplyTo"]) == ("Create", note["id"])
    for browser in (ana, Browser(node)):
        page = await browser.page(first)
        assert "Ana answers Maria" in page.text and "I do." in page.text
        assert page.links()["What is answered on mastodon.test"] == note["url"]
        assert "<script>alert" not in page.source
        assert f'<link rel="alternate" type="application/activity+json" href="{node.origin}{first}">' in page.source
    assert ("Edit" in (await ana.page(first)).links(), "Edit" in (await Browser(node).page(first)).links()) == (
        True,
        False,
    )
    assert (await node.document(first))["inReplyTo"] == note["id"]
    assert "To Maria" in (await ana.page("/following?view=mine")).links()
    for browser in (ana, Browser(node)):
        assert (await browser.page("/u/ana")).links()["To Maria"] == first


async def test_a_preview_says_nothing(node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    fields = await composer(ana, note["id"]) | {"source": "I **do**.", "preview": "1"}
    answer = await ana.post("/remarks/new", fields)
    await node.settle()

    assert answer.status == 200 and "<strong>do</strong>" in answer.source
    again = answer.forms()["/remarks/new"]
    assert (again["source"], again["nonce"]) == ("I **do**.", fields["nonce"])
    assert await remarks(node) == [] and world.letters == []


@pytest.mark.parametrize(("source", "said"), [(" \n ", "There is nothing in it yet"), ("x" * 100_001, "100000")])
async def test_what_cannot_be_said_is_given_back(
    node: Moot, ana: Browser, maria: ScriptedActor, source: str, said: str
) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    answer = await ana.post("/remarks/new", await composer(ana, note["id"]) | {"source": source})
    assert answer.status == 422
    assert said in answer.text.replace(",", "")
    assert len(answer.forms()["/remarks/new"]["source"].strip()) == len(source.strip())
    assert await remarks(node) == []


async def test_no_word_is_lost_when_what_is_answered_cannot_be_had(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    fields = await composer(ana, note["id"]) | {"source": "Long thoughts"}
    world.gone(note["id"])
    answer = await ana.post("/remarks/new", fields)
    assert answer.status == 404
    assert "Long thoughts" in answer.source and "Nothing can be found at" in answer.text

    for to in ("", "javascript:alert(1)", maria.uri):
        answer = await ana.post("/remarks/new", fields | {"to": to})
        assert answer.status == 422 and "Long thoughts" in answer.source, to
    assert await remarks(node) == []


async def test_whoever_is_named_hears_of_it(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    bob = world.actor("bob@victim.test")
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    await say(ana, note["id"], "@bob@victim.test has, and @nobody@nowhere.test has none.")
    await node.settle()
    [letter] = world.letters_to(bob.shared_inbox)
    assert {"type": "Mention", "href": bob.uri, "name": "@bob@victim.test"} in letter.json()["object"]["tag"]


async def test_an_answer_is_edited_and_deleted_by_its_author_alone(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    """WEB-18"""
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    path = await say(ana, note["id"], "I do.")
    remark = path.replace("/comment/", "/remarks/")
    ben = await browser_of(node, "ben")
    absent = f"/remarks/{'a' * 26}"
    for act in ("edit", "delete"):
        assert (await ben.get(f"{remark}/{act}")).status == 404
        theirs, nobodys = [await ben.post(f"{it}/{act}", {"source": "No."}) for it in (remark, absent)]
        assert (theirs.status, theirs.text.split("Request")[0]) == (404, nobodys.text.split("Request")[0])
        assert (await Browser(node).get(f"{remark}/{act}")).status == 303
        assert (await Browser(node).post(f"{remark}/{act}")).status == 403

    fields = (await ana.page(f"{remark}/edit")).forms()[f"{remark}/edit"]
    assert fields["source"] == "I do."
    assert (await ana.post(f"{remark}/edit", fields | {"source": " "})).status == 422
    assert "I <em>did</em>" in (await ana.post(f"{remark}/edit", {"source": "I *did*", "preview": "1"})).source
    assert await ana.posted(f"{remark}/edit", fields | {"source": "I did."}) == path
    assert "I did." in (await ana.page(path)).text and "edited" in (await ana.page(path)).text

    await node.settle()
    assert await ana.posted(f"{remark}/edit", fields | {"source": "I never did."}) == path  # and nobody is told that
    assert "I never did." in (await ana.page(f"{remark}/delete")).text
    assert await remarks(node) == ["I never did."]
    assert await ana.posted(f"{remark}/delete") == "/following?view=mine"
    await node.settle()
    assert [letter.json()["type"] for letter in world.letters_to(maria.shared_inbox)] == ["Create", "Update", "Delete"]
    gone = await Browser(node).get(path)
    assert gone.status == 410 and "I did." not in gone.source
    assert (await ana.get(f"{remark}/edit")).status == 404


async def test_what_is_hidden_is_not_shown_beside_an_answer(node: Moot, ana: Browser, maria: ScriptedActor) -> None:
    note = maria.publish(maria.note("<p>Who has a ladder?</p>"))
    path = await say(ana, note["id"], "I do.")
    await node.storage.write(servers.block, None, "mastodon.test", "spam")
    page = await Browser(node).page(path)
    assert "I do." in page.text and "cannot be shown here" in page.text
    assert "mastodon.test" not in page.source

    def suspend(work: Work) -> None:
        actor = stored_people.by_name(work, "ana")
        assert actor is not None
        people.suspend(work, actor, "spam")

    await node.storage.write(suspend)
    assert (await Browser(node).get(path)).status == 404


async def test_what_is_here_is_answered_in_its_thread(node: Moot, ana: Browser) -> None:
    await node.group("garden", "ana")
    thread = await node.start("ana", "garden", "Tools")
    answer = await ana.get(f"/remarks/new?to={quote(thread, safe='')}")
    assert answer.status == 303 and answer.location.endswith("?reply=0#compose")
    refused = await ana.post("/remarks/new", {"to": thread, "source": "Long thoughts"})
    assert refused.status == 422 and "Long thoughts" in refused.source
