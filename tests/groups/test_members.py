"""Parts, titles, leaving, removing and banning."""

from __future__ import annotations

import pytest

from node.forum import members
from node.forum.errors import Invalid, NotAllowed, NotFound
from node.forum.events import MembershipEnded
from storage import groups as stored_groups
from storage import members as stored_members
from storage.schema import Act, Follow
from tests.groups.conftest import Village, group_of, role_of, who


@pytest.fixture
async def garden(village: Village) -> Village:
    """A group with an admin, a moderator and two members."""
    await village.people("ana", "ben", "cleo", "dan", "ruth", admin="ruth")
    await village.group("garden", "ana", "ben/moderator", "cleo", "dan")
    return village


def make(by: str | None, person: str, role: str, reason: str = "so it is"):
    return lambda work: members.set_role(
        work, who(work, by) if by else None, group_of(work, "garden"), who(work, person), role, reason
    )


def remove(by: str, person: str, reason: str = "spam"):
    return lambda work: members.remove_member(work, who(work, by), group_of(work, "garden"), who(work, person), reason)


def leave(person: str):
    return lambda work: members.leave(work, who(work, person), group_of(work, "garden"))


async def test_admins_make_moderators_and_moderators_do_not(garden: Village) -> None:
    await garden.refused(make("cleo", "dan", "moderator"), NotAllowed, "moderators of this group")
    await garden.refused(make("ben", "dan", "moderator"), NotAllowed, "admins of this group")
    await garden.do(make("ana", "dan", "moderator"))
    assert await garden.do(lambda work: role_of(work, "garden", "dan")) == "moderator"


async def test_moderators_remove_members_but_neither_each_other_nor_admins(garden: Village) -> None:
    await garden.do(make("ana", "dan", "moderator"))
    for person in ("dan", "ana"):
        await garden.refused(remove("ben", person), NotAllowed)
    await garden.do(remove("ben", "cleo"))
    assert await garden.do(lambda work: role_of(work, "garden", "cleo")) is None
    assert isinstance(garden.told[-1], MembershipEnded)


async def test_the_last_admin_neither_leaves_nor_steps_down(garden: Village) -> None:
    await garden.refused(leave("ana"), NotAllowed, "last admin")
    await garden.refused(make("ana", "ana", "member"), NotAllowed, "last admin")
    await garden.do(make("ana", "ben", "admin"))
    await garden.do(leave("ana"))
    assert await garden.do(lambda work: role_of(work, "garden", "ana")) is None


async def test_an_admin_of_the_node_may_demote_the_last_admin(garden: Village) -> None:
    await garden.do(make("ruth", "ana", "member"))
    assert await garden.do(lambda work: role_of(work, "garden", "ana")) == "member"


async def test_what_is_done_to_somebody_needs_a_reason_and_stands_in_the_log(garden: Village) -> None:
    for act in (make("ben", "cleo", "banned", " "), remove("ben", "cleo", "")):
        await garden.refused(act, Invalid, "why")
    await garden.do(make("ben", "cleo", "banned", "sells watches"))

    def latest(work) -> tuple[str, str, str, bool]:
        act = work.query(Act).order_by(Act.id.desc()).first()
        return act.verb, act.reason, act.about, act.group_id == who(work, "garden").id

    assert await garden.do(latest) == ("ban", "sells watches", "https://node.test/u/cleo", True)


async def test_a_ban_ends_the_follow_and_keeps_out_until_it_is_lifted(garden: Village) -> None:
    await garden.do(
        lambda work: work.add(
            Follow(
                follower_id=who(work, "cleo").id, target_id=who(work, "garden").id, state="accepted",
                created_at=work.now,
            )
        )
    )  # fmt: skip
    await garden.do(make("ben", "cleo", "banned"))
    assert await garden.do(lambda work: work.query(Follow).count()) == 0
    join = lambda work: members.join(work, who(work, "cleo"), group_of(work, "garden"))  # noqa: E731
    await garden.refused(join, NotAllowed, "banned")

    def unban(by: str):
        return lambda work: members.unban(work, who(work, by), group_of(work, "garden"), who(work, "cleo"), "sorry")

    await garden.refused(unban("dan"), NotAllowed)
    await garden.do(unban("ben"))
    await garden.refused(unban("ben"), NotFound)
    await garden.do(join)
    assert await garden.do(lambda work: role_of(work, "garden", "cleo")) == "member"


async def test_removing_a_member_leaves_the_follow(garden: Village) -> None:
    await garden.do(
        lambda work: work.add(
            Follow(
                follower_id=who(work, "cleo").id, target_id=who(work, "garden").id, state="accepted",
                created_at=work.now,
            )
        )
    )  # fmt: skip
    await garden.do(remove("ben", "cleo"))
    assert await garden.do(lambda work: work.query(Follow).count()) == 1


async def test_members_carry_titles_in_words_of_their_own(garden: Village) -> None:
    def title(words: str):
        return lambda work: members.set_title(
            work, who(work, "ben"), group_of(work, "garden"), who(work, "cleo"), words
        )

    await garden.do(title("Keeper of\nthe shed"))
    shown = await garden.do(lambda work: stored_groups.membership(work, who(work, "garden").id, who(work, "cleo").id))
    assert shown.title == "Keeper of the shed"
    await garden.refused(title("x" * 61), Invalid, "60")


async def test_members_are_found_by_name_and_come_page_by_page(garden: Village) -> None:
    def page(**given):
        roles = given.pop("roles", ("admin", "moderator", "member"))
        return lambda work: stored_members.page(work, who(work, "garden").id, roles=roles, **given)

    def names(found) -> list[str]:
        return [entry.person.handle for entry in found.entries]

    everybody = await garden.do(page())
    assert names(everybody) == ["ana", "ben", "cleo", "dan"]
    assert (everybody.total, everybody.pages) == (4, 1)
    assert names(await garden.do(page(size=3, number=2))) == ["dan"]
    assert names(await garden.do(page(size=3, number=99))) == ["dan"]
    assert names(await garden.do(page(words="@CLE"))) == ["cleo"]
    assert names(await garden.do(page(words="100%"))) == []
    assert names(await garden.do(page(roles=("banned",)))) == []
