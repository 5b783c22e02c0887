"""Invitations: by e-mail, by handle, into one thread; used once, for a while, and taken back."""

from __future__ import annotations

import asyncio

import pytest

from node.forum import groups, invitations, members, threads
from node.forum.errors import Invalid, NotAllowed, NotFound, Refusal
from node.forum.events import Invited
from storage import invitations as stored
from storage import members as stored_members
from storage import people
from storage import threads as stored_threads
from storage.schema import Invitation, Notice, Thread
from storage.work import Work
from tests.groups.conftest import Village, group_of, role_of, who


@pytest.fixture
async def lane(village: Village) -> Village:
    """An open and a secret group of Ana's, where Ben is a member; Cleo and Dan are outside."""
    await village.people("ana", "ben", "cleo", "dan")
    await village.group("garden", "ana", "ben")
    await village.group("board", "ana", "ben", privacy="secret")
    return village


def by_mail(by: str, group: str, *to: str, **more):
    return lambda work: [
        it.id for it in invitations.invite_by_mail(work, who(work, by), group_of(work, group), to, **more)
    ]


def by_handle(by: str, group: str, person: str, **more):
    return lambda work: (
        invitations.invite_actor(work, who(work, by), group_of(work, group), _anybody(work, person), **more).id
    )


def _anybody(work: Work, name: str):
    from_afar = people.by_uri(work, f"https://coop.example/users/{name}")
    return from_afar if from_afar is not None else who(work, name)


def secret_of(village: Village) -> str:
    """The secret of the latest invitation."""
    return [event.secret for event in village.told if isinstance(event, Invited)][-1]


def accept(person: str, secret: str):
    def act(work: Work) -> None:
        invitation = invitations.by_secret(work, secret)
        if invitation is None:
            raise NotFound("This invitation is not valid any more.")
        invitations.accept(work, _anybody(work, person), invitation)

    return act


# ------------------------------------------------------------------ by e-mail


async def test_addresses_are_taken_from_a_list_as_people_write_it() -> None:
    listed = "ana@Coop.example, Ben Ode <ben@coop.example>;\n\n  cleo@coop.example\nANA@coop.example"
    assert invitations.addresses(listed) == ["ana@coop.example", "ben@coop.example", "cleo@coop.example"]


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("", "at least one"),
        ("ana@coop.example, ben at coop", "ben at coop"),
        (",".join(f"p{n}@coop.example" for n in range(51)), "At most 50"),
        ("a@b.example\r\nBcc: c@d.example", "Bcc: c@d.example"),
    ],
)
async def test_a_list_that_cannot_be_mailed_is_refused_as_a_whole(listed: str, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        invitations.addresses(listed)
    assert words in str(refusal.value)


async def test_an_invitation_lets_in_once_whoever_has_its_secret(lane: Village) -> None:
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example", words="Come!"))
    secret = secret_of(lane)
    assert await lane.do(lambda work: secret not in str(work.query(Invitation).one().__dict__))

    await lane.do(accept("cleo", secret))
    assert await lane.do(lambda work: role_of(work, "garden", "cleo")) == "member"
    await lane.refused(accept("dan", secret), NotFound)
    assert await lane.do(lambda work: role_of(work, "garden", "dan")) is None


async def test_two_who_use_it_at_the_same_moment_are_not_both_let_in(lane: Village) -> None:
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example"))
    secret = secret_of(lane)

    results = await asyncio.gather(
        lane.do(accept("cleo", secret)), lane.do(accept("dan", secret)), return_exceptions=True
    )

    assert sum(isinstance(result, Refusal) for result in results) == 1
    inside = [await lane.do(lambda work, name=name: role_of(work, "garden", name)) for name in ("cleo", "dan")]
    assert sorted(map(str, inside)) == ["None", "member"]


async def test_a_member_who_opens_it_does_not_use_it_up(lane: Village) -> None:
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example"))
    await lane.refused(accept("ben", secret_of(lane)), NotAllowed, "already")
    await lane.do(accept("cleo", secret_of(lane)))


async def test_an_invitation_expires_after_a_fortnight(lane: Village, clock) -> None:
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example"))
    clock.forward(days=14, seconds=1)
    await lane.refused(accept("cleo", secret_of(lane)), NotFound)
    assert await lane.do(lambda work: stored.of_group(work, who(work, "garden").id)) == []


async def test_an_invitation_is_taken_back_by_its_inviter_or_a_moderator(lane: Village) -> None:
    [first] = await lane.do(by_mail("ben", "garden", "someone@elsewhere.example"))

    def revoke(by: str, number: int):
        return lambda work: invitations.revoke(work, who(work, by), stored.by_id(work, number))

    await lane.refused(revoke("cleo", first), NotAllowed)
    await lane.do(revoke("ana", first))
    await lane.refused(accept("cleo", secret_of(lane)), NotFound)
    [second] = await lane.do(by_mail("ben", "garden", "someone@elsewhere.example"))
    await lane.do(revoke("ben", second))
    await lane.refused(accept("cleo", secret_of(lane)), NotFound)


async def test_sent_again_only_the_new_one_works(lane: Village) -> None:
    [number] = await lane.do(by_mail("ana", "garden", "someone@elsewhere.example", words="Come!"))
    first = secret_of(lane)
    await lane.do(lambda work: invitations.resend(work, who(work, "ana"), stored.by_id(work, number)).id)
    second = secret_of(lane)
    assert second != first
    await lane.refused(accept("cleo", first), NotFound)
    [shown] = await lane.do(lambda work: stored.of_group(work, who(work, "garden").id))
    assert shown.email == "someone@elsewhere.example"
    await lane.do(accept("cleo", second))


async def test_members_invite_into_open_groups_and_moderators_into_the_others(lane: Village) -> None:
    await lane.do(by_mail("ben", "garden", "x@elsewhere.example"))
    await lane.refused(by_mail("ben", "board", "x@elsewhere.example"), NotAllowed, "Moderators")
    await lane.refused(by_mail("cleo", "garden", "x@elsewhere.example"), NotAllowed, "Only members")
    await lane.refused(by_mail("ben", "garden", "x@elsewhere.example", role="moderator"), NotAllowed, "admins")
    await lane.refused(by_mail("ana", "garden", "x@elsewhere.example", role="admin"), Invalid)
    await lane.do(by_mail("ana", "garden", "x@elsewhere.example", role="moderator"))
    await lane.do(accept("cleo", secret_of(lane)))
    assert await lane.do(lambda work: role_of(work, "garden", "cleo")) == "moderator"


async def test_there_is_a_limit_to_what_one_person_sends_in_a_day(lane: Village, clock) -> None:
    for turn in range(2):
        await lane.do(by_mail("ben", "garden", *(f"p{turn}x{n}@elsewhere.example" for n in range(50))))
    await lane.refused(by_mail("ben", "garden", "one@elsewhere.example"), NotAllowed, "tomorrow")
    clock.forward(days=1, seconds=1)
    await lane.do(by_mail("ben", "garden", "one@elsewhere.example"))


async def test_whoever_is_removed_or_banned_leaves_no_open_invitations_behind(lane: Village) -> None:
    """PRV-08"""
    await lane.do(by_mail("ben", "garden", "someone@elsewhere.example"))
    await lane.do(
        lambda work: members.remove_member(work, who(work, "ana"), group_of(work, "garden"), who(work, "ben"), "spam")
    )
    await lane.refused(accept("cleo", secret_of(lane)), NotFound)


async def test_a_banned_person_is_not_let_in_by_an_invitation(lane: Village) -> None:
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example"))
    await lane.do(lambda work: members.set_role(work, None, group_of(work, "garden"), who(work, "cleo"), "banned"))
    await lane.refused(accept("cleo", secret_of(lane)), NotAllowed, "banned")
    await lane.do(accept("dan", secret_of(lane)))


async def test_nobody_is_let_into_an_archived_group(lane: Village) -> None:
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example"))
    await lane.do(lambda work: groups.archive_group(work, None, group_of(work, "garden")))
    await lane.refused(accept("cleo", secret_of(lane)), NotFound)


# ------------------------------------------------------------------ by handle


async def test_somebody_here_is_told_and_only_they_can_accept(lane: Village) -> None:
    number = await lane.do(by_handle("ana", "board", "cleo", words="We need you."))
    [waiting] = await lane.do(lambda work: stored.waiting_for(work, who(work, "cleo").id))
    assert (waiting.id, waiting.group_title, waiting.words) == (number, "board", "We need you.")
    assert await lane.do(lambda work: work.query(Notice).one().kind) == "invitation"
    assert await lane.do(lambda work: stored.waiting_for(work, who(work, "dan").id)) == []

    assert await lane.do(lambda work: invitations.addressed_to(work, number, who(work, "dan").id)) is None
    await lane.refused(accept("dan", secret_of(lane)), NotAllowed, "somebody else")
    await lane.do(
        lambda work: invitations.accept(
            work, who(work, "cleo"), invitations.addressed_to(work, number, who(work, "cleo").id)
        )
    )
    assert await lane.do(lambda work: role_of(work, "board", "cleo")) == "member"
    assert await lane.do(lambda work: work.query(Notice).count()) == 0


async def test_an_invitation_can_be_declined_without_anybody_hearing_of_it(lane: Village) -> None:
    number = await lane.do(by_handle("ana", "board", "cleo"))
    await lane.do(lambda work: invitations.decline(work, who(work, "cleo"), stored.by_id(work, number)))
    assert await lane.do(lambda work: stored.waiting_for(work, who(work, "cleo").id)) == []
    assert await lane.do(lambda work: work.query(Notice).count()) == 0


async def test_nobody_from_elsewhere_is_invited_into_a_secret_group(lane: Village) -> None:
    """PRV-12: nothing of it goes to another server."""
    await lane.remote("maria")
    await lane.refused(by_handle("ana", "board", "maria"), NotAllowed, "other servers")
    await lane.do(by_handle("ana", "garden", "maria"))
    await lane.do(accept("maria", secret_of(lane)))
    await lane.refused(by_handle("ana", "garden", "maria"), Invalid, "already")


async def test_someone_elsewhere_needs_to_be_the_one_who_was_invited(lane: Village) -> None:
    await lane.remote("maria")
    await lane.remote("mallory")
    await lane.do(by_handle("ana", "garden", "maria"))
    await lane.refused(accept("mallory", secret_of(lane)), NotAllowed, "somebody else")
    await lane.do(by_mail("ana", "garden", "someone@elsewhere.example"))
    await lane.refused(accept("mallory", secret_of(lane)), NotAllowed, "account here")


async def test_groups_are_not_invited_and_banned_people_neither(lane: Village) -> None:
    await lane.refused(by_handle("ana", "garden", "board"), Invalid, "no person")
    await lane.do(lambda work: members.set_role(work, None, group_of(work, "garden"), who(work, "cleo"), "banned"))
    await lane.refused(by_handle("ana", "garden", "cleo"), NotAllowed, "banned")


# ------------------------------------------------------------------ guests of a thread


def guest(by: str, uid: str, **more):
    def act(work: Work) -> int:
        given = dict(more)
        if "person" in given:
            given["actor"] = _anybody(work, given.pop("person"))
        return invitations.invite_guest(work, who(work, by), _thread(work, uid), **given).id

    return act


def _thread(work: Work, uid: str) -> Thread:
    found = stored_threads.by_uid(work, uid)
    assert found is not None
    return found


def sees(person: str | None, uid: str):
    return lambda work: stored_threads.thread_is_visible(
        work, _thread(work, uid).id, who(work, person).id if person else None
    )


def say(person: str, uid: str):
    def act(work: Work) -> int:
        opening = stored_threads.opening(work, _thread(work, uid).id)
        return threads.post_comment(work, who(work, person), opening, threads.compose(work, "Yes.")).number

    return act


async def test_a_guest_reads_and_answers_one_thread_and_nothing_else(lane: Village) -> None:
    """PRV-01"""
    uid, other = await lane.thread("ben", "board", "Money"), await lane.thread("ben", "board", "People")
    await lane.do(guest("ben", uid, person="cleo"))
    await lane.do(accept("cleo", secret_of(lane)))

    assert await lane.do(sees("cleo", uid))
    assert not await lane.do(sees("cleo", other))
    assert not await lane.do(sees("dan", uid))
    assert not await lane.do(sees(None, uid))
    assert await lane.do(say("cleo", uid)) == 1
    await lane.refused(say("cleo", other), NotFound)
    await lane.refused(say("dan", uid), NotFound)
    assert await lane.do(lambda work: role_of(work, "board", "cleo")) is None
    [entry] = await lane.do(lambda work: stored_members.guests(work, _thread(work, uid).id))
    assert entry.person.handle == "cleo"


async def test_only_moderators_and_whoever_started_it_ask_guests_into_a_thread(lane: Village) -> None:
    uid = await lane.thread("ana", "board")
    await lane.refused(guest("ben", uid, person="cleo"), NotAllowed)
    await lane.refused(guest("dan", uid, email="x@elsewhere.example"), NotAllowed)
    await lane.do(guest("ana", uid, email="x@elsewhere.example"))
    [shown] = await lane.do(lambda work: stored.of_group(work, who(work, "board").id, thread_id=_thread(work, uid).id))
    assert shown.email == "x@elsewhere.example"
    assert await lane.do(lambda work: stored.of_group(work, who(work, "board").id)) == []


async def test_nobody_from_elsewhere_is_guest_of_what_is_private(lane: Village) -> None:
    await lane.remote("maria")
    private, public = await lane.thread("ana", "garden", private=True), await lane.thread("ana", "garden")
    await lane.refused(guest("ana", private, person="maria"), NotAllowed, "other servers")
    await lane.do(guest("ana", public, person="maria"))
    await lane.do(accept("maria", secret_of(lane)))


async def test_a_guest_who_is_removed_or_banned_sees_nothing_from_then_on(lane: Village) -> None:
    """PRV-08"""
    uid = await lane.thread("ana", "board")
    for person in ("cleo", "dan"):
        await lane.do(guest("ana", uid, person=person))
        await lane.do(accept(person, secret_of(lane)))

    def remove(by: str, person: str, reason: str = ""):
        return lambda work: invitations.remove_guest(work, who(work, by), _thread(work, uid), who(work, person), reason)

    await lane.refused(remove("ben", "cleo", "why not"), NotAllowed)
    await lane.do(remove("ana", "cleo"))
    await lane.refused(remove("ana", "cleo"), NotFound)
    assert not await lane.do(sees("cleo", uid))
    await lane.do(lambda work: members.set_role(work, None, group_of(work, "board"), who(work, "dan"), "banned"))
    assert not await lane.do(sees("dan", uid))
    await lane.refused(say("dan", uid), Refusal)


async def test_a_guest_goes_by_themselves(lane: Village) -> None:
    uid = await lane.thread("ana", "board")
    await lane.do(guest("ana", uid, person="cleo"))
    await lane.do(accept("cleo", secret_of(lane)))
    await lane.do(lambda work: invitations.remove_guest(work, who(work, "cleo"), _thread(work, uid), who(work, "cleo")))
    assert not await lane.do(sees("cleo", uid))
