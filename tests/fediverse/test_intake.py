"""Letters that come at the same time share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from federation import inbox
from federation.documents import serialise
from federation.errors import Refused
from federation.inbox import Received
from node.fediverse.intake import Intake
from storage import letters
from storage.schema import Letter
from storage.work import Storage, Work


def received(number: int) -> Received:
    actor = f"https://peer{number}.test/users/ana"
    body = serialise({"id": f"{actor}/{number}", "type": "Like", "actor": actor, "object": "https://node.test/x"})
    return inbox.reopen(body, actor, f"{actor}#main-key")


class Door:
    """Keeps letters as the door does, but for what a test says of their numbers."""

    def __init__(self) -> None:
        self.wrong: dict[int, Exception] = {}
        self.transactions: set[int] = set()

    def accept(self, work: Work, letter: Received, path: str) -> int | None:
        self.transactions.add(id(work))
        number = int(letter.activity.id.rpartition("/")[2]) if letter.activity.id else 0
        if number in self.wrong:
            raise self.wrong[number]
        return letters.accept(
            work, signer=letter.signer, digest=letter.digest, key_id="k", host="peer.test", body=letter.body
        )


async def keep_all(storage: Storage, door: Door, count: int) -> list[Any]:
    intake = Intake(storage, door.accept)
    return await asyncio.gather(
        *(intake.keep(received(number), "/inbox") for number in range(count)), return_exceptions=True
    )


async def test_letters_that_come_together_are_kept_in_few_transactions(storage: Storage) -> None:
    door = Door()
    numbers = await keep_all(storage, door, 100)
    assert len(set(numbers)) == 100 and all(isinstance(number, int) for number in numbers)
    assert len(door.transactions) <= 2
    assert await storage.read(lambda work: work.query(Letter).count()) == 100


@pytest.mark.parametrize("wrong", [Refused("no"), ValueError("a fault of ours")])
async def test_what_is_wrong_with_one_letter_keeps_no_other_out(storage: Storage, wrong: Exception) -> None:
    door = Door()
    door.wrong[3] = wrong
    answers = await keep_all(storage, door, 6)
    assert answers[3] is wrong
    assert [isinstance(answer, int) for answer in answers] == [True, True, True, False, True, True]
    assert await storage.read(lambda work: work.query(Letter).count()) == 5


async def test_a_letter_that_comes_twice_at_once_is_kept_once(storage: Storage) -> None:
    """The second is answered as the first, for it is here."""
    intake = Intake(storage, Door().accept)
    first, second = await asyncio.gather(intake.keep(received(1), "/inbox"), intake.keep(received(1), "/inbox"))
    assert isinstance(first, int) and second is None
