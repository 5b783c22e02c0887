"""Making groups on pages, and finding them in the directory."""

from __future__ import annotations

from storage import groups
from storage.schema import Group
from tests.web.conftest import XHTML, Page


async def test_a_member_makes_a_group_and_is_its_admin(moot):
    ana = await moot.sign_in(await moot.person("ana"))
    form = await ana.page("/groups/new")
    assert form.text(form.one("h1")) == "A new group"
    where = await ana.posted(
        "/groups/new",
        title="The garden of Mill Lane",
        name="",
        description="We *dig*.",
        hue="7",
        privacy="closed",
        language="pt",
    )
    assert where == "/g/the_garden_of_mill_lane"
    page = await ana.page(where)
    assert page.text(page.one("h1")) == "The garden of Mill Lane"
    assert page.text(page.one("em")) == "dig"
    assert "Settings" in page.text(page.one("nav", class_="tabs"))
    assert "hue-7" in page.one("body").get("class").split()


async def test_a_form_that_is_sent_twice_makes_one_group(moot):
    ana = await moot.sign_in(await moot.person("ana"))
    given = {"title": "Garden", "privacy": "open", "language": "en", "nonce": "n" * 20}
    first, second = [await ana.posted("/groups/new", given) for _ in range(2)]
    assert first == second == "/g/garden"
    assert await moot.storage.read(lambda work: work.query(Group).count()) == 1


async def test_a_form_that_is_not_taken_gives_back_every_word(moot):
    ana = await moot.sign_in(await moot.person("ana"))
    answer = await ana.post(
        "/groups/new", title="Garden", name="no such handle", description="Many words.", privacy="closed", language="pt"
    )
    assert answer.status == 422
    page = Page(await answer.text())
    assert page.one("input", id="name").get("value") == "no such handle"
    assert page.text(page.one("textarea", id="description")) == "Many words."
    assert page.one("input", id="privacy-closed").get("checked") is not None
    assert "1 to 30 characters" in page.text(page.one("p", id="name-error"))


async def test_strangers_are_led_to_signing_in_and_members_stopped_where_admins_make_groups(open_moot):
    moot = await open_moot(who_may_create_groups="admins")
    answer = await moot.get("/groups/new")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=%2Fgroups%2Fnew")
    ana = await moot.sign_in(await moot.person("ana"))
    assert (await ana.get("/groups/new")).status == 403
    assert (await ana.post("/groups/new", title="G", privacy="open")).status == 403
    ruth = await moot.sign_in(await moot.person("ruth"), admin=True)
    assert (await ruth.get("/groups/new")).status == 200


async def test_a_part_of_a_group_is_made_by_its_admins_and_stands_on_its_page_and_in_the_directory(moot):
    garden = await moot.group("garden", "The garden")
    ana_id, ben_id = await moot.person("ana"), await moot.person("ben")
    await moot.join(ana_id, garden, "admin")
    await moot.join(ben_id, garden)
    ana, ben = await moot.sign_in(ana_id), await moot.sign_in(ben_id)
    assert (await ben.get("/groups/new?parent=garden")).status == 403
    await ana.posted("/groups/new", title="Seeds", parent="garden", privacy="open", language="en")

    page = await moot.page("/g/garden")
    assert "Seeds" in page.text(page.one("section", aria_labelledby="parts"))
    part = await moot.page("/g/seeds")
    assert "Part of The garden" in part.text(part.one("p", class_="crumb"))
    listed = await moot.page("/groups")
    assert listed.text(listed.one("ul", class_="below").find(".//{*}h4")) == "Seeds"


async def test_a_secret_group_has_no_part_for_whoever_does_not_see_it(moot):
    """PRV-06"""
    await moot.group("hidden", privacy="secret")
    ana = await moot.sign_in(await moot.person("ana"))
    hidden, absent = [await ana.get(f"/groups/new?parent={name}") for name in ("hidden", "nobody")]
    assert hidden.status == absent.status == 404


# ------------------------------------------------------------------ the directory


async def test_the_directory_has_the_readers_groups_first_and_keeps_secret_and_unlisted_ones_to_their_members(moot):
    """PRV-04"""
    ana_id = await moot.person("ana")
    for name, given in (("zeta", {}), ("hidden", {"privacy": "secret"}), ("quiet", {"listed": False}), ("alpha", {})):
        group = await moot.group(name, name.title(), **given)
        if name in ("zeta", "hidden"):
            await moot.join(ana_id, group)

    def titles(page: Page, section: str) -> list[str]:
        return [
            page.text(title.find("{*}a")) for title in page.one("section", aria_labelledby=section).iter(XHTML + "h3")
        ]

    stranger = await moot.page("/groups")
    assert titles(stranger, "others") == ["Alpha", "Zeta"]
    own = await (await moot.sign_in(ana_id)).page("/groups")
    assert titles(own, "own") == ["Hidden", "Zeta"]
    assert titles(own, "others") == ["Alpha"]
    for path in ("/", "/groups?q=hidden", "/groups?q=quiet"):
        source = (await moot.page(path)).text().replace("Hidden?", "")
        assert "Hidden" not in source
        assert "Quiet" not in source
    assert (await moot.page("/g/quiet")).text((await moot.page("/g/quiet")).one("h1")) == "Quiet"


async def test_groups_are_found_by_a_piece_of_their_name(moot):
    await moot.group("garden", "The 100% garden")
    await moot.group("shed", "The shed")
    for words, found in (("gard", 1), ("GARD the", 1), ("100%", 1), ("%", 1), ("nothing", 0), ("the", 2)):
        page = await moot.page(f"/groups?q={words.replace('%', '%25')}")
        assert len(page.all("article")) == found, words
    assert "0 groups" in (await moot.page("/groups?q=nothing")).text()


async def test_a_long_directory_comes_page_by_page(moot):
    for number in range(53):
        await moot.group(f"g{number}", f"Group {number:02}")
    first = await moot.page("/groups")
    assert len(first.all("article")) == 50
    second = await moot.page(first.one("a", rel="next").get("href"))
    assert [second.text(title.find("{*}a")) for title in second.all("h3")] == ["Group 50", "Group 51", "Group 52"]
    assert len((await moot.page("/groups?page=99")).all("article")) == 3


async def test_home_is_for_a_member_what_their_groups_talk_about(moot):
    garden, other = await moot.group("garden", "Garden"), await moot.group("other", "Other")
    ana_id, ben = await moot.person("ana"), await moot.person("ben")
    await moot.join(ana_id, garden)
    await moot.thread(garden, ben, "Beans", private=True)
    await moot.thread(other, ben, "Elsewhere")
    ana = await moot.sign_in(ana_id)
    page = await ana.page("/")
    assert page.text(page.one("h2", id="latest")) == "Talked about in your groups"
    assert "Beans" in page.text(page.one("main"))
    assert "Elsewhere" not in page.text(page.one("main"))
    stranger = await moot.page("/")
    assert "Beans" not in stranger.text()
    assert "Elsewhere" in stranger.text()


async def test_home_tells_whoever_is_in_no_group_what_to_do(moot):
    ana = await moot.sign_in(await moot.person("ana"))
    page = await ana.page("/")
    assert page.one("a", class_="door", href="/groups/new") is not None
    await moot.group("garden", "Garden")
    assert "join it" in (await ana.page("/")).text()
    assert await moot.storage.read(lambda work: len(groups.cards(work, None))) == 1
