"""How far an item came, for those whom it concerns."""

from __future__ import annotations

from storage import deliveries, settling
from storage.people import Inbox
from storage.schema import Comment
from storage.settling import Result, Round
from storage.work import Work
from tests.web.arrivals import awaken
from tests.web.conftest import Moot

SERVERS = ("good.test", "fine.test", "gone.test", "slow.test")


async def told(moot: Moot, item: Comment, kind: str, actor_id: int, name: str, body: bytes | None = b"{}") -> None:
    """Something that was said of the item to four servers."""

    def say(work: Work) -> None:
        deliveries.enqueue(
            work, uri=f"{work.origin}/a/{name}", actor_id=actor_id, type=kind, about=item.uri, public=True, always=True,
            microblog=None if kind == "Announce" else body, forum=body,
            to=[Inbox(f"https://{host}/inbox", host, "forum") for host in SERVERS],
        )  # fmt: skip

    await moot.storage.write(say)


async def sent(moot: Moot, answers: dict[str, int]) -> None:
    """The servers answer so; whoever is not named does not answer at all."""
    claims = await moot.storage.write(deliveries.claim_hosts, "test", limit=9)
    rounds = []
    for claim in claims:
        status = answers.get(claim.host, 503)
        rounds.append(Round(claim.host, claim.token, tuple(Result(one.id, status, took_ms=3) for one in claim.ready)))
    await moot.storage.write(settling.settle, rounds)


async def test_the_author_sees_how_far_an_item_came_and_where_it_did_not_arrive(moot: Moot) -> None:
    """With the servers that are still tried, and the others with the reason; who likes it is not told."""
    awaken(moot)
    commons = await moot.group()
    ana, mod = await moot.person("ana", "Ana Lima"), await moot.person("mod")
    await moot.join(ana, commons)
    await moot.join(mod, commons, "moderator")
    thread = await moot.thread(commons, ana, "Ladders")
    item = await moot.item(thread, 0)
    await told(moot, item, "Create", ana, "said")
    await told(moot, item, "Announce", commons, "liked", b'{"object": {"type": "Like"}}')
    await sent(moot, {"good.test": 202, "fine.test": 200, "gone.test": 410})
    path = f"/items/{item.uid}/delivery"

    for person in (ana, mod):
        page = await (await moot.sign_in(person)).page(path)
        assert "Reached 2 servers, 1 is still tried, 1 was given up." in page.text()
        assert page.text().count("Reached") == 1  # who likes it is nobody's business
        assert "gone.test refused for good" in page.text() and "slow.test waits" in page.text()
        assert "it answered 503" in page.text()
        assert "good.test" not in page.source
    keeper = await moot.person("keeper")
    assert "gone.test" in (await (await moot.sign_in(keeper, admin=True)).page(path)).source


async def test_for_everybody_else_there_is_no_such_page(moot: Moot) -> None:
    """WEB-18: no more than at an address at which there never was anything, and nothing of it in their menus."""
    commons = await moot.group()
    ana, ben = await moot.person("ana"), await moot.person("ben")
    for person in (ana, ben):
        await moot.join(person, commons)
    thread = await moot.thread(commons, ana, "Ladders")
    hidden = await moot.thread(commons, ana, "Whispers", private=True)
    item = await moot.item(thread, 0)
    browser, hers = await moot.sign_in(ben), await moot.sign_in(ana)
    assert (await browser.get(f"/items/{item.uid}/delivery")).status == 404
    assert (await browser.get("/items/aaaaaaaaaaaaaaaaaaaaaaaaaa/delivery")).status == 404
    assert (await moot.browser().get(f"/items/{item.uid}/delivery")).status == 303
    assert "/delivery" not in (await browser.page(await moot.path(thread))).source
    assert f"/items/{item.uid}/delivery" in (await hers.page(await moot.path(thread))).source
    assert "it is private" in (await hers.page(f"/items/{(await moot.item(hidden, 0)).uid}/delivery")).text()
