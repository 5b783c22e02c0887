"""Letters: kept once, read once, in a fair order, and none is lost, on both engines."""

import hashlib
from datetime import timedelta

import pytest

from storage import letters, queues
from storage.schema import Letter


@pytest.fixture
def accept(storage):
    async def accept(body: str, signer: str = "https://a.test/u/bo", host: str | None = None) -> bool:
        digest = hashlib.sha256(body.encode()).hexdigest()
        return await storage.write(
            letters.accept, signer=signer, digest=digest, key_id=f"{signer}#main-key",
            host=host or signer.split("/")[2], body=body.encode(),
        )  # fmt: skip

    return accept


@pytest.fixture
def claim(storage):
    async def claim(limit: int = 10, owner: str = "reader") -> list[letters.Waiting]:
        return await storage.write(letters.claim, owner, limit)

    return claim


def words(taken: list[letters.Waiting]) -> list[str]:
    return [letter.body.decode() for letter in taken]


async def row(storage, letter_id: int) -> Letter:
    return await storage.read(lambda work: work.get_one(Letter, letter_id))


async def test_the_same_letter_of_the_same_signer_is_kept_once(accept, storage):
    """SIG replay, REL-03, REL-39"""
    assert await accept("hello")
    assert not await accept("hello")
    assert await accept("hello", "https://b.test/u/eve")
    assert (await storage.read(queues.counts)).letters_waiting == 2


async def test_a_letter_that_was_read_is_not_taken_again_even_when_it_comes_again(accept, claim, storage):
    await accept("hello")
    [letter] = await claim()
    await storage.write(letters.done, letter.id, "a comment", owner="reader")
    assert not await accept("hello")
    assert await claim() == []
    assert (await row(storage, letter.id)).outcome == "a comment"


async def test_letters_are_read_oldest_first_and_those_of_one_signer_one_by_one(accept, claim, storage):
    await accept("1")
    await accept("2")
    await accept("3", "https://a.test/u/eve")
    taken = await claim()
    assert words(taken) == ["1", "3"]
    assert await claim() == []
    await storage.write(letters.done, taken[0].id, "", owner="reader")
    assert words(await claim()) == ["2"]


async def test_a_host_that_floods_us_does_not_keep_the_others_waiting(accept, claim):
    """DOS-02"""
    for number in range(20):
        await accept(f"flood {number}", f"https://flood.test/u/{number}")
    await accept("quiet", "https://quiet.test/u/bo")
    taken = words(await claim(4))
    assert "quiet" in taken
    await claim(10)
    assert await claim(10) == []  # four of one host at a time


async def test_a_try_is_counted_before_it_is_made(accept, claim, storage):
    """REL-21"""
    await accept("hello")
    [letter] = await claim()
    assert letter.tries == (await row(storage, letter.id)).tries == 1


async def test_a_letter_is_with_one_reader_at_a_time(accept, claim):
    """REL-10"""
    await accept("hello")
    assert len(await claim(owner="one")) == 1
    assert await claim(owner="two") == []


async def test_the_letter_of_a_killed_reader_is_read_by_another_alone(accept, claim, clock, storage):
    """REL-04, REL-10"""
    await accept("first")
    await accept("second", "https://b.test/u/eve")
    [*lost] = await claim(owner="killed")
    clock.forward(seconds=60)
    [again] = await claim(owner="next")
    assert again.id == lost[0].id and again.crashed and again.tries == 2
    await storage.write(letters.done, again.id, "too late", owner="killed")
    assert (await row(storage, again.id)).state == "waiting"
    await storage.write(letters.done, again.id, "read", owner="next")
    assert (await row(storage, again.id)).outcome == "read"


async def test_a_lease_is_renewed_while_a_letter_takes_long(accept, claim, clock, storage):
    await accept("hello")
    [letter] = await claim(owner="one")
    clock.forward(seconds=50)
    await storage.write(letters.renew, "one", [letter.id])
    clock.forward(seconds=50)
    assert await claim(owner="two") == []


async def test_a_letter_that_kills_its_readers_is_parked_after_the_third(accept, claim, clock, storage):
    """REL-21"""
    await accept("poison")
    for _ in range(letters.CRASHES):
        assert len(await claim()) == 1
        clock.forward(minutes=2)
    assert await claim() == []
    [parked] = await storage.read(letters.parked)
    assert parked.tries == letters.CRASHES


async def test_a_letter_that_cannot_be_read_is_parked_after_eight_tries_and_the_others_flow(
    accept, claim, clock, storage
):
    """REL-20"""
    await accept("poison")
    begun, tries = clock(), 0
    while not await storage.read(letters.parked):
        for letter in await claim():
            tries += 1
            await storage.write(letters.later, letter.id, "fault 1234", owner="reader")
        clock.moment = (await storage.read(lambda work: work.get_one(Letter, 1))).next_try_at
    assert tries == letters.TRIES
    assert timedelta(hours=12) < clock() - begun < timedelta(days=2)
    await accept("fine")
    assert words(await claim()) == ["fine"]
    [parked] = await storage.read(letters.parked)
    assert (parked.why, parked.host) == ("fault 1234", "a.test")
    assert await storage.write(letters.unpark, parked.id)
    assert await claim() == []  # the same signer's other letter is being read
    clock.forward(seconds=1)


async def test_a_letter_that_waits_for_its_next_try_does_not_hold_back_the_signer_s_others(accept, claim, storage):
    """REL-20"""
    await accept("unlucky")
    [letter] = await claim()
    await storage.write(letters.later, letter.id, "unreachable", owner="reader")
    await accept("next")
    assert words(await claim()) == ["next"]


async def test_a_letter_waits_as_long_as_the_other_server_asked(accept, claim, clock, storage):
    """FET-25"""
    await accept("hello")
    [letter] = await claim()
    await storage.write(letters.later, letter.id, "busy", owner="reader", after=timedelta(minutes=30))
    clock.forward(minutes=29)
    assert await claim() == []
    clock.forward(minutes=1)
    assert len(await claim()) == 1


async def test_what_was_taken_and_not_read_is_given_back(accept, claim, storage):
    """REL-32"""
    await accept("hello")
    await claim(owner="stopped")
    await storage.write(letters.release, "stopped")
    [letter] = await claim(owner="next")
    assert not letter.crashed


async def test_the_words_of_a_letter_are_forgotten_a_week_after_it_was_read(accept, claim, clock, storage):
    await accept("read")
    [letter] = await claim()
    await storage.write(letters.done, letter.id, "a comment", owner="reader")
    await accept("waiting", "https://b.test/u/eve")
    clock.forward(days=7)
    await storage.write(letters.erase_bodies)
    assert (await row(storage, letter.id)).body is None
    assert words(await claim()) == ["waiting"]
    assert not await accept("read")


async def test_the_words_of_letters_are_forgotten_in_pieces(accept, claim, clock, storage):
    for number in range(3):
        await accept(f"letter {number}", f"https://b{number}.test/u/eve")
    found = await claim(limit=3)
    for letter in found:
        await storage.write(letters.done, letter.id, "a comment", owner="reader")
    clock.forward(days=7)
    pieces = [await storage.write(letters.erase_bodies, 2) for _ in range(3)]
    assert pieces == [2, 1, 0]
    assert [(await row(storage, letter.id)).body for letter in found] == [None, None, None]


async def test_a_clock_that_went_astray_does_not_hold_a_letter_up(accept, claim, clock, storage):
    """REL-31"""
    clock.forward(days=400)
    await accept("hello")
    await claim()
    clock.forward(days=-400)
    assert len(await claim()) == 1


async def test_hosts_have_their_turn_in_a_circle(accept, claim, storage):
    """DOS-02: with more hosts than places, those late in the alphabet are not left waiting."""
    for host in "abc":
        await accept(f"from {host}", f"https://{host}.test/u/bo")
    [first] = await storage.write(letters.claim, "reader", 1)
    [second] = await storage.write(letters.claim, "reader", 1, after=first.host)
    await accept("another from a", "https://a.test/u/eve")
    [third] = await storage.write(letters.claim, "reader", 1, after=second.host)
    assert [one.host for one in (first, second, third)] == ["a.test", "b.test", "c.test"]
    assert words(await storage.write(letters.claim, "reader", 1, after=third.host)) == ["another from a"]
