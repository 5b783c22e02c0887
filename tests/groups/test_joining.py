"""Ways in from outside: open doors, links, requests."""

from __future__ import annotations

import pytest

from node.forum import groups, joining, members
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import JoinApproved, JoinAsked
from storage import invitations
from storage.schema import JoinRequest
from tests.groups.conftest import Village, group_of, role_of, who


@pytest.fixture
async def lane(village: Village) -> Village:
    """An open, a closed and a secret group of Ana's, and people outside."""
    await village.people("ana", "ben", "cleo")
    for name, privacy in (("garden", "open"), ("coop", "closed"), ("board", "secret")):
        await village.group(name, "ana", privacy=privacy)
    return village


def enter(person: str, group: str, words: str = ""):
    return lambda work: joining.enter(work, who(work, person), group_of(work, group), words)


def decide(by: str, group: str, person: str, approved: bool):
    def act(work) -> None:
        request = invitations.request_of(work, who(work, group).id, who(work, person).id)
        joining.decide(work, who(work, by), request, approved=approved)

    return act


async def test_an_open_group_is_joined_at_once(lane: Village) -> None:
    await lane.do(enter("ben", "garden"))
    assert await lane.do(lambda work: role_of(work, "garden", "ben")) == "member"


async def test_a_secret_group_cannot_be_asked_into(lane: Village) -> None:
    """PRV-06: not even by whoever is banned from it, who knows that it is there."""
    await lane.refused(enter("ben", "board"), NotFound, "There is no such group here, or it is not public.")
    await lane.do(lambda work: members.set_role(work, None, group_of(work, "board"), who(work, "ben"), "banned"))
    await lane.refused(enter("ben", "board"), NotFound, "There is no such group here, or it is not public.")


async def test_a_closed_group_is_asked_and_a_moderator_says_yes(lane: Village) -> None:
    await lane.do(enter("ben", "coop", "I live next door."))
    assert await lane.do(lambda work: role_of(work, "coop", "ben")) is None
    assert isinstance(lane.told[-1], JoinAsked)
    [waiting] = await lane.do(lambda work: invitations.waiting_requests(work, who(work, "coop").id))
    assert (waiting.person.handle, waiting.words) == ("ben", "I live next door.")

    await lane.refused(decide("cleo", "coop", "ben", True), NotAllowed)
    await lane.do(decide("ana", "coop", "ben", True))
    assert await lane.do(lambda work: role_of(work, "coop", "ben")) == "member"
    assert isinstance(lane.told[-1], JoinApproved)
    assert await lane.do(lambda work: invitations.count_waiting(work, who(work, "coop").id)) == 0


async def test_a_group_that_asks_something_wants_an_answer(lane: Village) -> None:
    await lane.do(lambda work: groups.edit_group(work, group_of(work, "coop"), join_prompt="Where do you live?"))
    await lane.refused(enter("ben", "coop", " \n"), Invalid, "answer")
    await lane.refused(enter("ben", "coop", "x" * 2001), Invalid, "2001")


async def test_whoever_is_ignored_is_not_told_and_may_ask_again_after_a_month(lane: Village, clock) -> None:
    await lane.do(enter("ben", "coop"))
    await lane.do(decide("ana", "coop", "ben", False))
    heard = len(lane.told)
    await lane.do(enter("ben", "coop", "please"))
    assert len(lane.told) == heard
    clock.forward(days=31)
    await lane.do(enter("ben", "coop", "please"))
    assert isinstance(lane.told[-1], JoinAsked)


async def test_asking_twice_is_asking_once_and_can_be_taken_back(lane: Village) -> None:
    for _ in range(2):
        await lane.do(enter("ben", "coop"))
    assert sum(isinstance(event, JoinAsked) for event in lane.told) == 1
    await lane.do(lambda work: joining.take_back(work, who(work, "ben"), group_of(work, "coop")))
    assert await lane.do(lambda work: work.query(JoinRequest).count()) == 0


async def test_nobody_knocks_on_every_door_at_once(lane: Village) -> None:
    for number in range(joining.WAITING):
        await lane.group(f"c{number}", "ana", privacy="closed")
        await lane.do(enter("ben", f"c{number}"))
    await lane.refused(enter("ben", "coop"), NotAllowed, "many groups")


async def test_a_join_link_lets_in_whoever_has_it_until_it_is_reset_or_off(lane: Village) -> None:
    def reset(by: str, group: str):
        return lambda work: joining.reset_join_link(work, who(work, by), group_of(work, group))

    def join(person: str, token: str):
        return lambda work: joining.join_by_link(work, who(work, person), token).role

    await lane.refused(reset("ben", "board"), NotAllowed)
    first = await lane.do(reset("ana", "board"))
    assert await lane.do(join("ben", first)) == "member"
    second = await lane.do(reset("ana", "board"))
    assert second != first
    await lane.refused(join("cleo", first), NotFound, "not valid any more")
    await lane.do(lambda work: joining.switch_off_join_link(work, who(work, "ana"), group_of(work, "board")))
    await lane.refused(join("cleo", second), NotFound, "not valid any more")
    await lane.refused(join("cleo", ""), NotFound)


async def test_a_banned_person_does_not_come_back_through_the_link(lane: Village) -> None:
    token = await lane.do(lambda work: joining.reset_join_link(work, who(work, "ana"), group_of(work, "garden")))
    await lane.do(lambda work: members.set_role(work, None, group_of(work, "garden"), who(work, "ben"), "banned"))
    await lane.refused(lambda work: joining.join_by_link(work, who(work, "ben"), token), NotAllowed, "banned")
    await lane.refused(enter("ben", "garden"), NotAllowed, "banned")


async def test_an_archived_group_is_joined_by_nobody(lane: Village) -> None:
    token = await lane.do(lambda work: joining.reset_join_link(work, who(work, "ana"), group_of(work, "garden")))
    await lane.do(lambda work: groups.archive_group(work, None, group_of(work, "garden")))
    await lane.refused(enter("ben", "garden"), NotAllowed, "archived")
    await lane.refused(lambda work: joining.join_by_link(work, who(work, "ben"), token), NotFound, "not valid any more")
