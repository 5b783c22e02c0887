"""What other servers were owed and what became of it, on the admin's pages."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from storage import deliveries, ledger, letters, queues, settling
from storage.people import Inbox
from storage.schema import Act, Actor, Delivery
from storage.settling import Result, Round
from storage.work import Work
from tests.web.arrivals import awaken, member, sign_in
from tests.web.conftest import Browser, Moot

ADMIN = "/admin/federation"


@pytest.fixture
async def mira(moot: Moot) -> Browser:
    """The browser of Mira, who runs the node; Ana is a member."""
    awaken(moot)
    await member(moot, "mira", admin=True)
    await member(moot, "ana")
    return await sign_in(moot, "mira")


async def test_a_node_that_met_nobody_says_so_and_draws_nothing(mira: Browser) -> None:
    page = await mira.page(ADMIN)
    assert "Once something does, it is drawn here." in page.text()
    assert "<svg" not in page.source.partition("<main")[2].partition("</main>")[0]


@pytest.fixture
async def activity(moot: Moot, mira: Browser) -> int:
    """An activity that arrived at one server, was refused by one, and was put aside for a third; and a bad letter."""

    def say(work: Work) -> int:
        ana = work.scalars(select(Actor).where(Actor.name == "ana")).one()
        to = [Inbox(f"https://{name}/inbox", name, "microblog") for name in ("good.test", "gone.test", "odd.test")]
        return deliveries.enqueue(
            work, uri=f"{work.origin}/a/told", actor_id=ana.id, type="Create", about=f"{work.origin}/c/told",
            public=True, always=True, microblog=b"{}", forum=None, to=to,
        )  # fmt: skip

    def put_aside(work: Work) -> None:
        row = work.scalars(select(Delivery).where(Delivery.host == "odd.test")).one()
        row.parked_at, row.last_error = work.now, "500"

    activity_id = await moot.storage.write(say)
    await moot.storage.write(put_aside)
    claims = await moot.storage.write(deliveries.claim_hosts, "test", limit=5)
    rounds = [
        Round(claim.host, claim.token, tuple(Result(one.id, 202 if claim.host == "good.test" else 410, took_ms=30)
        for one in claim.ready))
        for claim in claims
    ]  # fmt: skip
    await moot.storage.write(settling.settle, rounds)
    await moot.storage.write(
        letters.accept, signer="https://odd.test/u/x", digest="d", key_id="k", host="odd.test",
        body=b'{"<script>": "alert(1)"}',
    )  # fmt: skip
    [letter] = await moot.storage.write(letters.claim, "test", 5)
    await moot.storage.write(letters.park, letter.id, "fault 00ff")
    return activity_id


async def test_the_pages_are_there_for_an_admin_alone(moot: Moot, mira: Browser, activity: int) -> None:
    """WEB-18"""
    ana = await sign_in(moot)
    for path in (ADMIN, f"{ADMIN}/parked", f"{ADMIN}/hosts/gone.test", f"{ADMIN}/activities/{activity}"):
        assert (await mira.get(path)).status == 200
        assert (await ana.get(path)).status == 404
        assert (await moot.get(path)).status == 404
    assert (await ana.post(ADMIN, {"act": "retry-host", "about": "gone.test"})).status == 404
    for path in (f"{ADMIN}/hosts/nowhere.test", f"{ADMIN}/activities/999"):
        assert (await mira.get(path)).status == 404


async def test_the_overview_has_its_numbers_pictures_and_tables(mira: Browser, activity: int) -> None:
    page = await (await mira.get(ADMIN)).text()
    assert page.count('<svg class="chart"') == 4
    assert page.count("<details>") >= 4
    assert "1 arrived, 1 tries failed, 1 given up, 1 came in" in page
    assert "style=" not in page


async def test_an_activity_shows_every_inbox_it_did_not_reach(mira: Browser, activity: int) -> None:
    page = await (await mira.get(f"{ADMIN}/activities/{activity}")).text()
    assert "3 owed, 1 arrived, 1 wait, 1 given up" in page
    assert "https://gone.test/inbox" in page and "https://odd.test/inbox" in page
    assert "https://good.test/inbox" not in page


async def test_what_a_letter_says_is_shown_and_does_nothing(mira: Browser, activity: int) -> None:
    """XSS: a letter is somebody else's word."""
    page = await (await mira.get(f"{ADMIN}/parked")).text()
    assert "fault 00ff" in page and "&lt;script&gt;" in page and '"<script>"' not in page


async def test_an_admin_tries_again_and_throws_away_with_a_reason_in_the_log(
    moot: Moot, mira: Browser, activity: int
) -> None:
    [parked] = await moot.storage.read(queues.parked)
    [letter] = await moot.storage.read(letters.parked)
    [lost] = await moot.storage.read(ledger.dead_letters)
    for what, about in (("drop-delivery", parked.id), ("retry-letter", letter.id), ("owe-again", lost.id)):
        assert (await mira.post(ADMIN, {"act": what, "about": str(about), "reason": "let us see"})).status == 303
    assert (await mira.post(ADMIN, {"act": "drop-letter", "about": str(letter.id)})).status == 404

    found = await moot.storage.read(ledger.balance, activity)
    assert (found.owed, found.delivered, found.given_up, found.waiting) == (3, 1, 1, 1)
    assert await moot.storage.read(ledger.imbalances) == []
    done = await moot.storage.read(lambda work: list(work.execute(select(Act.verb, Act.reason))))
    assert [tuple(row) for row in done] == [
        (verb, "let us see") for verb in ("throw away delivery", "retry letter", "owe again")
    ]
