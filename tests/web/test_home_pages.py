"""The pages of the node itself: home, about, robots, static files."""

import tomllib
from pathlib import Path


async def test_the_home_page_lists_public_groups_and_threads(moot):
    group = await moot.group()
    ana = await moot.person("ana")
    await moot.thread(group, ana, "How do we begin?")
    page = await moot.page("/")
    assert page.text(page.one("h1")) == "The Moot"
    assert [page.text(link) for link in page.all("h3")] == ["Commons in Motion", "How do we begin?"]
    assert "A node for commoners." in page.text()


async def test_an_empty_node_tells_what_to_do(moot):
    page = await moot.page("/")
    assert len(page.all("p", class_="empty")) == 2


async def test_the_home_page_keeps_secret_groups_and_private_threads_to_itself(moot):
    """PRV-04"""
    secret = await moot.group("cellar", "The Cellar", privacy="secret")
    commons = await moot.group()
    ana = await moot.person("ana")
    await moot.thread(secret, ana, "Hidden in a secret group")
    await moot.thread(commons, ana, "Hidden by itself", private=True)
    await moot.thread(commons, ana, "Hidden by a moderator", state="removed")
    source = (await moot.page("/")).source
    assert "Cellar" not in source
    assert "Hidden" not in source


async def test_the_about_page_says_who_runs_what(open_moot):
    moot = await open_moot(contact="ana@moot.example")
    page = await moot.page("/about")
    assert page.one("a", href="mailto:ana@moot.example") is not None
    assert "Affero" in page.text()


async def test_a_contact_that_is_a_script_is_never_a_link(open_moot):
    """XSS-14"""
    moot = await open_moot(contact="javascript:alert(1)")
    page = await moot.page("/about")
    assert not [a for a in page.all("a") if a.get("href").startswith("javascript")]
    assert "javascript:alert(1)" in page.text()


async def test_robots_may_read_what_is_public(moot):
    response = await moot.get("/robots.txt")
    assert response.content_type == "text/plain"
    assert "Disallow: /interact" in await response.text()


async def test_static_files_last_under_the_address_that_pages_name(moot):
    page = await moot.page("/")
    named = [page.one("link", rel="stylesheet").get("href"), page.one("script").get("src")]
    for address in [*named, page.one("link", rel="icon").get("href"), "/favicon.ico"]:
        response = await moot.get(address)
        assert response.status == 200
        assert ("immutable" in response.headers["Cache-Control"]) == ("?v=" in address)
        again = await moot.get(address, **{"If-None-Match": response.headers["ETag"]})
        assert again.status == 304


async def test_nothing_beside_the_static_files_is_served(moot):
    """UPL: no path leaves the folder."""
    for name in ("..%2flook.py", "%2e%2e%2flayout.html", "none.css", "look.css%00", "LOOK.CSS"):
        assert (await moot.get(f"/static/{name}")).status == 404


async def test_whoever_changes_the_program_points_to_their_own_source(open_moot):
    """AGPL, section 13"""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    usual = await (await open_moot()).page("/about")
    changed = await (await open_moot(source_url="https://code.example/our-moot")).page("/about")
    links = [next(a for a in page.all("a") if page.text(a) == "Its source") for page in (usual, changed)]
    assert [a.get("href") for a in links] == [project["urls"]["Documentation"], "https://code.example/our-moot"]
