"""Groups that are made, and what they may be part of."""

from __future__ import annotations

from node.forum import groups
from node.forum.errors import Invalid, NotAllowed
from tests.groups.conftest import Village, group_of, role_of, who


async def test_whoever_makes_a_group_is_its_admin_and_stands_in_its_log(village: Village) -> None:
    await village.people("ana")

    await village.do(lambda work: groups.found_group(work, who(work, "ana"), "garden", title="The garden").__len__())

    assert await village.do(lambda work: role_of(work, "garden", "ana")) == "admin"


async def test_a_node_may_keep_making_groups_to_its_admins(village: Village) -> None:
    await village.people("ana", "ruth", admin="ruth")

    def found(by: str, name: str):
        return lambda work: groups.found_group(work, who(work, by), name, title="G", who_may_create="admins")[1].id

    await village.refused(found("ana", "garden"), NotAllowed, "by its admins")
    assert await village.do(found("ruth", "garden"))


async def test_nobody_fills_the_node_with_groups_in_a_day(village: Village) -> None:
    await village.people("ana")

    def found(number: int):
        return lambda work: groups.found_group(work, who(work, "ana"), f"g{number}", title="G")[1].id

    for number in range(groups.CREATED_A_DAY):
        await village.do(found(number))
    await village.refused(found(99), NotAllowed, "tomorrow")


async def test_a_handle_is_suggested_from_the_title(village: Village) -> None:
    await village.people("ana")
    await village.group("the_garden_of_mill_lane", "ana")

    def suggest(title: str):
        return lambda work: groups.suggested_name(work, title)

    assert await village.do(suggest("Réparer ensemble!")) == "reparer_ensemble"
    assert await village.do(suggest("The garden of Mill Lane")) == "the_garden_of_mill_lane_2"
    assert await village.do(suggest("Admin")) == "admin_2"
    assert len(await village.do(suggest("A very long title that no handle can hold as it is"))) <= 30


async def test_a_part_of_a_group_is_made_by_an_admin_of_it(village: Village) -> None:
    await village.people("ana", "ben")
    await village.group("garden", "ana", "ben/moderator")

    def found(by: str, name: str):
        return lambda work: (
            groups.found_group(work, who(work, by), name, title="Seeds", parent=group_of(work, "garden"))[1].id
        )

    await village.refused(found("ben", "seeds"), NotAllowed, "admins of this group")
    await village.do(found("ana", "seeds"))
    assert await village.do(lambda work: group_of(work, "seeds").parent_id == group_of(work, "garden").actor_id)


async def test_groups_have_two_levels(village: Village) -> None:
    await village.people("ana")
    await village.group("garden", "ana")
    await village.group("seeds", "ana", parent="garden")

    await village.refused(
        lambda work: groups.create_group(work, "beans", parent=group_of(work, "seeds")), Invalid, "two levels"
    )


async def test_a_part_of_a_secret_group_is_secret(village: Village) -> None:
    await village.people("ana")
    await village.group("board", "ana", privacy="secret")

    def make(privacy: str):
        return lambda work: groups.create_group(work, "money", privacy=privacy, parent=group_of(work, "board"))[1].id

    await village.refused(make("closed"), Invalid, "secret too")
    assert await village.do(make("secret"))


async def test_only_admins_change_what_a_group_is(village: Village) -> None:
    await village.people("ana", "ben", "ruth", admin="ruth")
    await village.group("garden", "ana", "ben/moderator")

    def retitle(by: str):
        return lambda work: groups.edit_group(work, group_of(work, "garden"), by=who(work, by), title=f"By {by}")

    await village.refused(retitle("ben"), NotAllowed, "admins of this group")
    for admin in ("ana", "ruth"):
        await village.do(retitle(admin))
        assert await village.do(lambda work: who(work, "garden").display_name) == f"By {admin}"


async def test_settings_are_held_to_what_they_can_be(village: Village) -> None:
    await village.people("ana")
    await village.group("garden", "ana")
    await village.group("board", "ana", privacy="secret")

    def edit(name: str, **given):
        return lambda work: groups.edit_group(work, group_of(work, name), **given)

    await village.refused(edit("garden", slow_mode=90_000), Invalid, "at most a day")
    await village.refused(edit("garden", comments="loud"), Invalid, "quiet")
    await village.refused(edit("garden", title="x" * 101), Invalid, "101")
    await village.refused(edit("garden", privacy="secret"), NotAllowed)
    await village.refused(edit("board", privacy="open"), NotAllowed)
    await village.refused(edit("board", threads="public"), NotAllowed, "private")


async def test_an_archived_group_takes_nothing_new_until_it_is_opened_again(village: Village) -> None:
    await village.people("ana")
    await village.group("garden", "ana")

    def archive(archived: bool, reason: str = "over"):
        return lambda work: groups.archive_group(
            work, who(work, "ana"), group_of(work, "garden"), reason, archived=archived
        )

    await village.refused(archive(True, " "), Invalid, "why")
    await village.do(archive(True))
    await village.do(archive(True))
    try:
        await village.thread("ana", "garden")
        raise AssertionError("a thread was started in an archived group")
    except NotAllowed:
        pass
    await village.do(archive(False))
    assert await village.thread("ana", "garden")
