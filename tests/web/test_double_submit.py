"""A form that is sent twice at the same moment, by a nervous finger or by a browser that tries again, counts once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from storage.schema import Account, Comment, Group, Invitation, JoinRequest, Mail, Reaction, Report, SignUp, Thread
from tests.equipment.browsers import Answer, Browser, browser_of
from tests.equipment.nodes import Moot
from tests.web.arrivals import PASSWORD, awaken, post_of


@pytest.fixture
async def liam(node: Moot) -> Browser:
    """The browser of the admin of a group, in which Mira started a thread."""
    for name in ("liam", "mira", "otto"):
        await node.person(name)
    await node.group("commons", "liam", "mira", title="Commons")
    await node.group("club", "mira", title="Club", privacy="closed")
    return await browser_of(node, "liam")


@pytest.fixture
async def opening(node: Moot, liam: Browser) -> str:
    """The uid of the thread's opening."""
    return (await node.start("mira", "commons", "What next?", "Tell us.")).rpartition("/")[2]


async def count(node: Any, kind: type) -> int:
    """How many rows of a kind there are."""
    found: int = await node.storage.read(lambda work: work.query(kind).count())
    return found


async def twice(browser: Browser, page: str, action: str, **given: str) -> list[Answer]:
    """Fills in the form on a page that is sent to `action`, and sends it two times at once."""
    fields = (await browser.page(page)).forms()[action] | given
    assert "nonce" in fields, page
    return list(await asyncio.gather(browser.post(action, fields), browser.post(action, fields)))


def nonce_on(page: Answer) -> str:
    """The number of the first form on a page that has one."""
    found = re.search(r'name="nonce" value="([^"]+)"', page.source)
    assert found is not None
    return found[1]


def both_led_on(answers: list[Answer]) -> None:
    """Whoever sent it sees where it led, whichever of the two their browser shows."""
    assert [answer.status for answer in answers] == [303, 303], [answer.text for answer in answers]
    assert answers[0].location.partition("&")[0] == answers[1].location.partition("&")[0]


async def test_one_answer(node: Moot, liam: Browser, opening: str) -> None:
    """WEB-23, REL-47"""
    place = (await liam.get(f"/items/{opening}/reply")).location.partition("#")[0]
    both_led_on(await twice(liam, place, f"/items/{opening}/reply", source="Yes."))
    assert await count(node, Comment) == 2


async def test_one_thread(node: Moot, liam: Browser) -> None:
    """WEB-23"""
    page = await liam.page("/g/commons/new")
    [action] = [action for action in page.forms() if action is None or "new" in action]
    fields = page.forms()[action] | {"title": "Water", "source": "How much?"}
    answers = await asyncio.gather(*(liam.post("/g/commons/new", fields) for _ in range(2)))
    both_led_on(list(answers))
    assert await count(node, Thread) == 1


async def test_one_group(node: Moot, liam: Browser) -> None:
    """WEB-23"""
    fields = {"title": "Orchard", "privacy": "open", "language": "en"}
    both_led_on(await twice(liam, "/groups/new", "/groups/new", **fields))
    assert await count(node, Group) == 3


async def test_one_invitation_and_one_mail(node: Moot, liam: Browser) -> None:
    """WEB-23: the second would make the link of the first void while it is on its way."""
    page = await liam.page("/g/commons/invite")
    assert "nonce" in page.source
    fields = {"nonce": nonce_on(page), "act": "mail", "addresses": "new@coop.example", "words": "Come."}
    both_led_on(list(await asyncio.gather(*(liam.post("/g/commons/invite", fields) for _ in range(2)))))
    assert await count(node, Invitation) == 1
    assert await count(node, Mail) == 1


async def test_one_guest_is_asked_once(node: Moot, liam: Browser, opening: str) -> None:
    """WEB-23"""
    thread = await node.storage.read(lambda work: work.query(Thread).one().uid)
    page = await liam.page(f"/threads/{thread}/guests")
    fields = {"nonce": nonce_on(page), "act": "invite", "who": "new@coop.example"}
    both_led_on(list(await asyncio.gather(*(liam.post(f"/threads/{thread}/guests", fields) for _ in range(2)))))
    assert await count(node, Invitation) == 1
    assert await count(node, Mail) == 1


async def test_one_report_of_an_item_and_of_a_person(node: Moot, liam: Browser, opening: str) -> None:
    """WEB-23"""
    for number, page in enumerate((f"/items/{opening}/report", "/u/mira/report"), start=1):
        fields = {"nonce": nonce_on(await liam.page(page)), "category": "spam", "words": "Look."}
        both_led_on(list(await asyncio.gather(*(liam.post(page, fields) for _ in range(2)))))
        assert await count(node, Report) == number


async def test_one_request_to_join(node: Moot, liam: Browser) -> None:
    """WEB-23: there is one of each person, with or without a number on the form."""
    answers = await asyncio.gather(*(liam.post("/g/club/join", {"words": "Let me in."}) for _ in range(2)))
    both_led_on(list(answers))
    assert await count(node, JoinRequest) == 1


async def test_one_reaction_or_none(node: Moot, liam: Browser, opening: str) -> None:
    """The same button takes it back: two at once leave one or none, and never two."""
    answers = await asyncio.gather(*(liam.post(f"/items/{opening}/react", {"kind": "like"}) for _ in range(2)))
    assert {answer.status for answer in answers} == {303}
    reactions = await count(node, Reaction)
    assert reactions in (0, 1)
    assert await node.storage.read(lambda work: work.query(Comment).one().likes_count) == reactions


async def test_one_account(open_moot: Callable[..., Any]) -> None:
    """WEB-23: whoever signs up twice at once, and follows both links at once, is there once."""
    moot = await open_moot(sign_up="approval", smtp_url="smtps://mail.example")
    awaken(moot)
    newcomer = moot.browser()
    newcomer.token()
    fields = {
        "name": "clara", "display_name": "Clara", "email": "clara@coop.example", "password": PASSWORD,
        "words": "I grow leeks.",
    }  # fmt: skip
    answers = await asyncio.gather(*(newcomer.post("/sign-up", fields) for _ in range(2)))
    assert [answer.status for answer in answers] == [303, 303]
    links = [mail.link for mail in await post_of(moot) if mail.kind == "sign_up"]
    answers = await asyncio.gather(*(newcomer.post(link) for link in [*links, links[0]]))
    assert sorted(answer.status for answer in answers)[0] == 200
    assert all(answer.status in (200, 404) for answer in answers)
    assert await moot.storage.read(lambda work: work.query(SignUp).filter(SignUp.verified_at.is_not(None)).count()) == 1
    assert await count(moot, Account) == 0  # an admin has not said yes
