"""The button that fetches missing replies: when it stands there, what it says, how often it works."""

import asyncio

import pytest

from node.web import fetching
from tests.conftest import HeldClock
from tests.equipment.incoming import a_thread, deliver
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer

HTML = {"Accept": "text/html"}


@pytest.fixture
async def ana(moot):
    return await moot.person("ana", "Ana")


@pytest.fixture
async def thread(moot, ana):
    """One with something that is not here."""
    found = await moot.thread(await moot.group(), ana, "Who pays?")
    await moot.hole(found, "https://far.example/notes/1")
    return found


async def press(moot, thread, **headers):
    path = f"{await moot.path(thread)}/fetch"
    return await moot.client.post(path, headers=HTML | headers, allow_redirects=False)


async def said(moot, response):
    """What the page says to which the answer leads."""
    assert response.status == 303
    path, _, place = response.headers["Location"].partition("#")
    page = await moot.page(path)
    return page.text(page.one("section", id=place).find(".//*[@role='status']"))


async def test_a_thread_with_something_from_elsewhere_offers_to_fetch_more(moot, ana):
    group = await moot.group()
    local, mixed, holed = [await moot.thread(group, ana, f"Thread {n}") for n in range(3)]
    await moot.say(local, ana)
    await moot.say(mixed, await moot.person("bob", host="coop.example"))
    await moot.hole(holed, "https://far.example/notes/1")
    assert not (await moot.page(await moot.path(local))).all("section", id="fetch")
    for thread in (mixed, holed):
        section = (await moot.page(await moot.path(thread))).one("section", id="fetch")
        form = next(element for element in section.iter() if element.tag.endswith("}form"))
        assert (form.get("method"), form.get("action")) == ("post", f"{await moot.path(thread)}/fetch")


async def test_the_reader_is_led_back_and_told_how_many_came(moot, thread):
    for came, words in (
        (1, "1 reply came, and stands in its place."),
        (3, "3 replies came, and stand in their places."),
    ):
        moot.network.fill = lambda _, came=came: asyncio.sleep(0, came)
        assert await said(moot, await press(moot, thread)) == words
        moot.ticks.append(moot.ticks[-1] + 300)
    moot.network.fill = None
    response = await press(moot, thread)
    assert response.headers["Location"] == f"{await moot.path(thread)}?fetched=0#fetch"
    assert await said(moot, response) == "We looked, and nothing new came."
    assert moot.network.fetched == [thread] * 3


async def test_the_canonical_address_says_nothing_of_what_came(moot, thread):
    page = await moot.page(f"{await moot.path(thread)}?fetched=2")
    assert page.one("link", rel="canonical").get("href") == f"https://moot.example{await moot.path(thread)}"


async def test_words_in_the_address_are_not_words_on_the_page(moot, thread):
    for value in ("<b>", "-1", "1e9", "99999", "soonish", "٣"):
        page = await moot.page(f"{await moot.path(thread)}?fetched={value}")
        assert not page.all("p", role="status"), value


async def test_a_thread_is_looked_after_once_in_five_minutes(moot, thread):
    await press(moot, thread)
    moot.ticks.append(moot.ticks[-1] + 299)
    assert "a moment ago" in await said(moot, await press(moot, thread))
    assert moot.network.fetched == [thread]
    moot.ticks.append(moot.ticks[-1] + 1)
    await press(moot, thread)
    assert moot.network.fetched == [thread, thread]


async def test_two_readers_at_once_make_us_ask_once(moot, thread):
    """DOS-07"""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_thread):
        begun.set()
        await go_on.wait()
        return 1

    moot.network.fill = wait
    first = asyncio.ensure_future(press(moot, thread))
    await begun.wait()
    assert "a moment ago" in await said(moot, await press(moot, thread))
    go_on.set()
    assert "1 reply came" in await said(moot, await first)
    assert moot.network.fetched == [thread]


async def test_the_whole_node_looks_after_six_threads_a_minute(moot, ana):
    """DOS-07"""
    group = await moot.group()
    threads = [await moot.thread(group, ana, f"Thread {n}") for n in range(7)]
    for thread in threads[:6]:
        assert (await press(moot, thread)).status == 303
        moot.ticks.append(moot.ticks[-1] + 1)
    response = await press(moot, threads[6])
    assert (response.status, response.headers["Retry-After"]) == (429, "54")
    source = await response.text()
    assert f'href="{await moot.path(threads[6])}">Back to the thread' in source
    assert moot.network.fetched == threads[:6]
    moot.ticks.append(moot.ticks[-1] + 54)
    assert (await press(moot, threads[6])).status == 303


def test_the_pace_forgets_what_no_longer_matters():
    now = 0.0
    pace = fetching.Pace(lambda: now)
    for thread_id in range(1000):
        pace.take_turn(thread_id)
        now += 10
    assert len(pace._threads) <= 30
    assert pace.had_its_turn(999) and not pace.had_its_turn(900)


async def test_servers_that_take_long_do_not_keep_the_reader(moot, thread, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE", 0.01)
    moot.network.fill = lambda _: asyncio.Event().wait()
    assert "Some servers take long to answer." in await said(moot, await press(moot, thread))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://moot.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_site_cannot_press_the_button(moot, thread, headers):
    """WEB-01"""
    assert (await press(moot, thread, **headers)).status == 403
    assert moot.network.fetched == []
    ours = {"Origin": "https://moot.example", "Sec-Fetch-Site": "same-origin"}
    assert (await press(moot, thread, **ours)).status == 303


async def test_nothing_is_fetched_by_merely_looking(moot, thread):
    assert (await moot.get(f"{await moot.path(thread)}/fetch")).status == 405
    assert moot.network.fetched == []


async def test_nothing_is_fetched_for_what_is_closed_or_hidden(moot, ana):
    """PRV-06"""
    from_elsewhere = await moot.person("bob", host="coop.example")
    group = await moot.group()
    for given, status in (
        ({"locked_at": moot.storage.now()}, 403),
        ({"private": True}, 404),
        ({"state": "deleted"}, 404),
    ):
        thread = await moot.thread(group, ana, "Closed", **given)
        await moot.say(thread, from_elsewhere)
        assert (await press(moot, thread)).status == status, given
        if status == 403:
            assert not (await moot.page(await moot.path(thread))).all("section", id="fetch")
    for path in ("/g/commons/aaaa-nothing/fetch", "/g/commons/%00/fetch", "/g/commons/A/fetch"):
        assert (await moot.client.post(path, headers=HTML)).status == 404
    assert moot.network.fetched == []


async def test_what_is_missing_comes_from_its_own_server(node: Moot, world: ScriptedServer, clock: HeldClock) -> None:
    thread = await a_thread(node)
    context = (await node.document(thread))["context"]
    maria, bob = world.actor("maria@mastodon.test"), world.actor("bob@victim.test")
    lost = bob.note("<p>I have two.</p>", inReplyTo=thread)
    world.serve(lost["id"], b"", status=503)
    await deliver(node, maria, maria.create(maria.note("<p>Long ones?</p>", inReplyTo=lost["id"], context=context)))
    clock.forward(hours=3)
    bob.publish(lost)
    _, response, _ = await node.get(thread, accept="text/html")
    path = response.headers["Location"]
    assert "Some replies may be missing." in await node.page(path)

    async with node.session.post(
        f"http://127.0.0.1:{node.site.port}{path}/fetch", headers={"Host": node.host}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, f"{path}?fetched=1#fetch")
    page = await node.page(f"{path}?fetched=1")
    assert "1 reply came" in page and "I have two." in page
