"""The line to PostgreSQL is cut at a COMMIT: nobody knows then whether it was done, and all goes well either way."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults import load
from tests.faults.scenario import SECONDS, Scenario, played, until
from tests.faults.wire import Lost, Wire

LOST = 6  # commits and answers, in the bounded part


@pytest.fixture
async def wire(postgres_url: str) -> AsyncIterator[Wire]:
    """The way to an empty PostgreSQL database."""
    async with Wire(postgres_url) as wire:
        yield wire


@pytest.fixture
async def scenario(wire: Wire, tmp_path: Path) -> AsyncIterator[Scenario]:
    """A node that reaches its database by that wire."""
    async with played(tmp_path, wire.url, "serve") as scenario:
        yield scenario


@pytest.mark.timeout(300)
async def test_what_is_sent_again_after_a_commit_without_an_answer_counts_once(wire: Wire, scenario: Scenario) -> None:
    """REL-17, REL-01, REL-39, REL-47: a form by its nonce, a letter by its digest, whether it was done or not."""
    ledger, maria = scenario.ledger, load.resident(scenario.peers[0], "maria")
    both: tuple[Lost, Lost] = ("answer", "commit")
    async with load.Member(scenario.installation, scenario.scene, ledger, "ana") as ana:
        for lost in both:
            token = load.new_token()
            entry = ledger.form(token)
            fields = {"source": f"Something to say: {token}", "nonce": secrets.token_urlsafe(18), "do": "post"}
            path = f"/items/{scenario.scene.uid}/reply"
            wire.lose_once(lost, token.encode())
            assert not await ana.post(path, fields, tries=1, entry=entry)
            assert token in ana.answered.words  # they are given back
            assert int(ana.answered.headers["Retry-After"]) > 0
            assert await ana.post(path, fields, tries=3, entry=entry)
            assert entry.answers == ["503", "303"]

            note = maria.publish(maria.note("<p>From elsewhere</p>", inReplyTo=scenario.scene.opening))
            activity = maria.create(note)
            letter = ledger.letter(maria, activity)
            wire.lose_once(lost, letter.digest.encode())
            there = scenario.installation, ledger, maria, activity
            assert not await load.send_activity(*there, tries=1, entry=letter)
            assert await load.send_activity(*there, tries=3, entry=letter)
            assert letter.answers == ["503", "202"]
    assert wire.lost == {"answer": 2, "commit": 2}

    balance = await scenario.holds()
    assert (balance.visible, balance.held, balance.dead) == (2 + 6 - 2, 0, 0)
    assert balance.repeats == 0


@pytest.mark.timeout(600)
async def test_nothing_is_lost_while_the_line_is_cut_at_one_commit_after_another(
    wire: Wire, scenario: Scenario
) -> None:
    """REL-17, REL-16, REL-45: those of letters, forms, claims and deliveries alike; all is done soon afterwards."""
    async with scenario.load().running():
        wire.lose_every(17)
        await asyncio.sleep(SECONDS)
        await until(lambda: wire.lost.total() >= LOST, seconds=90)
        wire.lose_every(0)
    waited = await scenario.quiet()
    assert waited < 50  # nobody has to wait for the lease of a worker that is alive

    balance = await scenario.holds()
    assert min(wire.lost["answer"], wire.lost["commit"]) > 0
    assert balance.letters > 2 and balance.forms > 0
    assert balance.dead == 0
