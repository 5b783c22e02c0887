"""The pages of what one follows: the list, whom one follows, and someone of another server as seen from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.forum import people, servers
from storage import followed_posts
from storage import people as stored_people
from storage.work import Work
from tests.equipment.browsers import Browser, browser_of
from tests.equipment.incoming import a_thread, deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedActor, ScriptedServer

Ask = Callable[..., Awaitable[Any]]
MARIA = "/people/maria@mastodon.test"


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


# ------------------------------------------------------------------ the list


async def test_strangers_are_led_to_signing_in(node: Moot) -> None:
    stranger = Browser(node)
    for path in ("/following", "/following?view=people", "/following?view=mine", "/share?text=a", "/remarks/new"):
        answer = await stranger.get(path)
        assert answer.status == 303 and answer.location.startswith("/sign-in?next=%2F"), path


async def test_an_empty_list_says_what_to_do(node: Moot, ana: Browser, follow: Ask, maria: ScriptedActor) -> None:
    page = await ana.page("/following")
    assert page.links()["Follow somebody"] == "/following?view=people"
    await follow("ana", maria)
    assert "Nothing has come yet." in (await ana.page("/following")).text
    assert "You have said nothing on other servers yet." in (await ana.page("/following?view=mine")).text


async def test_the_list_shows_who_said_what_and_whence_it_came(
    node: Moot, ana: Browser, follow: Ask, maria: ScriptedActor
) -> None:
    await follow("ana", maria)
    warned = maria.note("<p>The end</p>", summary="Film", sensitive=True)
    quiet = maria.note("<p>Among us</p>", to=[maria.followers], cc=[])
    long = maria.note("<p>" + "word " * 800 + "</p>", type="Article", name="At length")
    evil = maria.note(
        '<p>x</p><img src=x onerror=alert(1)><a href="javascript:alert(1)">y</a>', url="javascript:alert(1)"
    )
    await deliver(node, maria, *map(maria.create, (warned, quiet, long, evil)))
    page = await ana.page("/following")

    assert "Content warning Film" in page.text and "The end" in page.text
    assert "For followers only" in page.text
    assert "Show all of it" in page.text
    assert page.links()["At length"] == long["url"]
    assert page.links()["The original on mastodon.test"].startswith("https://mastodon.test/")
    assert page.links()["Maria"] == MARIA
    assert "javascript:" not in page.source and "onerror" not in page.source and "<img" not in page.source
    answers = [href for words, href in page.links().items() if words.startswith("Answer")]
    assert all(href.startswith("/remarks/new?to=https") for href in answers)
    assert page.source.count("/remarks/new?to=") == 3  # in public one does not answer what was not
    assert page.headers["Cache-Control"].startswith("private")
    assert "Nothing has come yet" not in (await (await browser_of(node, "ana")).page("/following")).text
    ben = await browser_of(node, "ben")
    assert "The end" not in (await ben.page("/following")).source


async def test_the_list_goes_on_page_by_page(
    node: Moot, ana: Browser, follow: Ask, maria: ScriptedActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_posts, "PAGE", 2)
    await follow("ana", maria)
    await deliver(node, maria, *(maria.create(maria.note(f"<p>number {n}</p>")) for n in range(5)))
    seen, path = [], "/following"
    while path:
        page = await ana.page(path)
        seen += [n for n in range(4, -1, -1) if f"number {n}" in page.text]
        path = page.links().get("Older", "")

    assert seen == [4, 3, 2, 1, 0]
    for odd in ("-1", "x", "9" * 30, "0"):
        assert (await ana.get(f"/following?before={odd}")).status == 200


async def test_a_post_is_liked_and_no_longer(
    node: Moot, ana: Browser, follow: Ask, maria: ScriptedActor, world: ScriptedServer
) -> None:
    await follow("ana", maria)
    note = maria.note("<p>Among us</p>", to=[maria.followers], cc=[])
    await deliver(node, maria, maria.create(note))
    world.requests.clear()
    [(action, fields)] = (await ana.page("/following")).forms().items()
    led_to = await ana.posted(action, fields)
    assert led_to.startswith("/following#p-")
    await node.settle()
    [letter] = world.letters_to(maria.inbox)
    assert (letter.json()["type"], letter.json()["object"]) == ("Like", note["id"])

    [(action, fields)] = (await ana.page("/following")).forms().items()
    assert fields["undo"] == "1"
    await ana.posted(action, fields)
    await node.settle()
    assert world.letters_to(maria.inbox)[-1].json()["type"] == "Undo"
    assert "undo" not in (await ana.page("/following")).forms()[action]


async def test_nobody_likes_what_is_not_in_their_list(
    node: Moot, ana: Browser, follow: Ask, maria: ScriptedActor, world: ScriptedServer
) -> None:
    """PRV-09: a post for the followers of someone is not there for others."""
    await follow("ana", maria)
    await deliver(node, maria, maria.create(maria.note("<p>Among us</p>", to=[maria.followers], cc=[])))
    [action] = (await ana.page("/following")).forms()
    ben = await browser_of(node, "ben")

    hidden = await ben.post(action)
    absent = await ben.post("/following/999999/like")
    assert (hidden.status, absent.status) == (404, 404)
    assert hidden.text.split("Request")[0] == absent.text.split("Request")[0]
    assert (await ben.post("/following/x/like")).status == 404
    assert (await Browser(node).post(action)).status == 403


async def test_after_a_like_nobody_is_led_away(node: Moot, ana: Browser, follow: Ask, maria: ScriptedActor) -> None:
    """WEB-14"""
    await follow("ana", maria)
    await deliver(node, maria, maria.create(maria.note("<p>Hello</p>")))
    [(action, fields)] = (await ana.page("/following")).forms().items()
    for evil in ("//evil.test", "/\\evil.test", "/%2f%2fevil.test", "https:evil.test", "javascript:alert(1)", ""):
        led_to = await ana.posted(action, fields | {"next": evil})
        assert led_to.startswith("/following#p-"), evil


# ------------------------------------------------------------------ whom one follows


async def test_somebody_is_followed_by_their_handle_and_answers(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    assert await ana.posted("/following", {"address": " @maria@mastodon.test "}) == "/following?view=people"
    await node.settle()
    page = await ana.page("/following?view=people")
    assert "You asked; no answer yet" in page.text
    [letter] = world.letters_to(maria.inbox)
    await deliver(node, maria, maria.accept(letter.json()))
    page = await ana.page("/following?view=people")
    assert "You follow" in page.text

    [(action, fields)] = [form for form in page.forms().items() if form[0].endswith("/unfollow")]
    assert await ana.posted(action, fields) == "/following?view=people"
    await node.settle()
    assert world.letters_to(maria.inbox)[-1].json()["type"] == "Undo"
    assert "You follow nobody elsewhere yet." in (await ana.page("/following?view=people")).text


async def test_the_address_of_a_profile_will_do_as_well(node: Moot, ana: Browser, maria: ScriptedActor) -> None:
    assert await ana.posted("/following", {"address": maria.uri}) == "/following?view=people"
    assert "maria@mastodon.test" in (await ana.page("/following?view=people")).text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "neither a handle"),
        ("maria", "neither a handle"),
        ("javascript:alert(1)", "neither a handle"),
        ("@nobody@mastodon.test", "Nobody can be found"),
        ("@a@nowhere.test", "Nobody can be found"),
        ("@a@127.0.0.1:6379", "Nobody can be found"),
        ("https://127.0.0.1:6379/", "Nothing can be found"),
        ("https://10.0.0.1/users/a", "Nothing can be found"),
        ("https://localhost/", "Nothing can be found"),
    ],
)
async def test_what_cannot_be_followed_is_said_in_words_and_what_was_typed_is_kept(
    node: Moot, ana: Browser, maria: ScriptedActor, typed: str, said: str
) -> None:
    """SSR-21, SSR-30: refused, silent and absent look alike."""
    answer = await ana.post("/following", {"address": typed})
    assert answer.status == 422
    assert said in answer.text
    assert answer.value("address") == typed


async def test_a_post_is_not_followed_and_our_own_are_found_here(
    node: Moot, ana: Browser, maria: ScriptedActor
) -> None:
    note = maria.publish(maria.note("<p>Hello</p>"))
    answer = await ana.post("/following", {"address": note["id"]})
    assert answer.status == 422 and "Follow whoever wrote it." in answer.text
    assert await ana.posted("/following", {"address": "@ben@node.test"}) == "/u/ben"


# ------------------------------------------------------------------ someone of another server


async def test_someone_elsewhere_has_a_page_here(node: Moot, world: ScriptedServer, maria: ScriptedActor) -> None:
    thread = await a_thread(node)
    maria.publish(maria.document | {"summary": "<p>Ladders<script>alert(1)</script></p>"})
    await deliver(node, maria, maria.create(maria.note("<p>I have one</p>", inReplyTo=thread)))
    ana = await browser_of(node, "ana")
    for browser in (ana, Browser(node)):
        page = await browser.page(MARIA)
        assert "@maria@mastodon.test" in page.text and "I have one" in page.text and "Ladders" in page.text
        assert "alert(1)" not in page.source
        assert page.links()["The original profile on mastodon.test"] == "https://mastodon.test/@maria"
        assert '<meta name="robots" content="noindex">' in page.source
    assert (await Browser(node).page(MARIA)).forms() == {}
    for other in ("/people/MARIA@Mastodon.test", "/people/@maria@mastodon.test"):
        assert (await ana.get(other)).status == 200


async def test_following_from_their_page(node: Moot, ana: Browser, maria: ScriptedActor, follow: Ask) -> None:
    await node.node.network.find_actor(maria.uri)
    page = await ana.page(MARIA)
    [(action, fields)] = page.forms().items()
    assert (action, await ana.posted(action, fields)) == (f"{MARIA}/follow", MARIA)
    assert list((await ana.page(MARIA)).forms()) == [f"{MARIA}/unfollow"]
    await follow("ana", maria)
    await deliver(node, maria, maria.create(maria.note("<p>Good morning</p>")))
    assert "Good morning" in (await ana.page(MARIA)).text
    ben = await browser_of(node, "ben")
    assert "Good morning" not in (await ben.page(MARIA)).text


async def test_a_group_and_a_person_of_one_name_are_told_apart(node: Moot, ana: Browser, world: ScriptedServer) -> None:
    """Lemmy has /u/bikes and /c/bikes."""
    group = world.actor("bikes@lemmy.test", "Group")
    person = {**group.document, "id": "https://lemmy.test/u/bikes", "type": "Person", "name": "Bea"}
    person |= {"inbox": "https://lemmy.test/u/bikes/inbox", "publicKey": None}
    world.serve(person["id"], person)
    await node.node.network.find_actor(group.uri)
    await node.node.network.find_actor(person["id"])

    assert "Bea" in (await ana.page("/people/bikes@lemmy.test")).text
    assert "Group" in (await ana.page("/people/!bikes@lemmy.test")).text
    await ana.posted("/people/!bikes@lemmy.test/follow")
    assert "/people/!bikes@lemmy.test" in (await ana.page("/following?view=people")).links().values()


async def test_who_is_hidden_or_unknown_has_no_page(
    node: Moot, ana: Browser, maria: ScriptedActor, world: ScriptedServer
) -> None:
    bob, eve = world.actor("bob@victim.test"), world.actor("eve@lemmy.test")
    for actor in (maria, bob, eve):
        await node.node.network.find_actor(actor.uri)

    def suspend(work: Work) -> None:
        actor = stored_people.by_uri(work, bob.uri)
        assert actor is not None
        people.suspend(work, actor, "spam")

    await node.storage.write(suspend)
    await node.storage.write(servers.block, None, "lemmy.test", "spam")
    strangers = Browser(node)
    paths = ("/people/bob@victim.test", "/people/eve@lemmy.test", "/people/nobody@mastodon.test", "/people/x")
    words = set()
    for path in paths:
        answer = await ana.get(path)
        assert answer.status == 404, path
        words.add(answer.text.split("Request")[0])
        for act in ("follow", "unfollow"):
            assert (await ana.post(f"{path}/{act}")).status == 404
    assert len(words) == 1
    # Whom members follow or looked up is no stranger's business.
    assert (await ana.get(MARIA)).status == 200
    assert (await strangers.get(MARIA)).status == 404


async def test_following_takes_our_own_form(node: Moot, ana: Browser, maria: ScriptedActor) -> None:
    """WEB-01, WEB-02"""
    await node.node.network.find_actor(maria.uri)
    assert (await ana.post(f"{MARIA}/follow", {"csrf": "forged"})).status == 403
    assert (await ana.post(f"{MARIA}/follow", Origin="https://evil.test")).status == 403
    assert (await ana.get(f"{MARIA}/follow")).status == 405
    assert (await Browser(node).post(f"{MARIA}/follow")).status == 403
    assert "You follow nobody elsewhere yet." in (await ana.page("/following?view=people")).text
