"""The pages of limits: servers are found and limited with a reason, lists looked at before they hold."""

from __future__ import annotations

import pytest

from node.forum import block_lists as rules
from node.forum.errors import Invalid
from storage import hosts, limits
from tests.web.arrivals import Clock, awaken, member, sign_in
from tests.web.conftest import Browser, Moot

LIST = "#domain,#severity,#public_comment\nevil.example,suspend,spam\nloud.example,silence,\ne*il.example,suspend,\n"


@pytest.fixture
def clock(moot: Moot) -> Clock:
    return awaken(moot)


@pytest.fixture
async def mira(moot: Moot, clock: Clock) -> Browser:
    """The browser of Mira, who runs the node; three servers are known."""
    await member(moot, "mira", admin=True)
    await moot.storage.write(hosts.make, ["evil.example", "loud.example", "fine.example"])
    return await sign_in(moot, "mira")


async def limit_of(moot: Moot, host: str) -> str | None:
    return (await moot.storage.read(limits.of, host)).kind


async def test_an_admin_finds_a_server_limits_it_and_lets_it_back(moot: Moot, mira: Browser) -> None:
    """PRV-13, PRV-14"""
    assert "fine.example" in (await mira.page("/admin/servers?q=FINE")).text()
    assert "evil.example" not in (await mira.page("/admin/servers?q=fine")).text()
    for what, holds in (("block", "suspend"), ("unblock", None), ("silence", "silence"), ("allow", None)):
        seen = await mira.posted("/admin/servers", host="Evil.Example.", act=what, reason=f"because {what}")
        assert seen == f"/admin/servers/evil.example?done={what}"
        assert await limit_of(moot, "sub.evil.example") == holds
        page = (await mira.page(seen)).text()
        assert "evil.example" in page
    log = (await mira.page("/admin/log")).text()
    assert all(f"because {what}" in log for what in ("block", "unblock", "silence", "allow"))


async def test_limited_servers_are_listed_by_what_holds(moot: Moot, mira: Browser) -> None:
    await mira.posted("/admin/servers", host="evil.example", act="block", reason="spam")
    await mira.posted("/admin/servers", host="loud.example", act="silence", reason="ads")
    for which, there, not_there in (
        ("limited", ["evil", "loud"], ["fine"]), ("blocked", ["evil"], ["loud", "fine"]),
        ("silenced", ["loud"], ["evil", "fine"]), ("", ["evil", "loud", "fine"], []), ("nonsense", ["fine"], []),
    ):  # fmt: skip
        page = (await mira.page(f"/admin/servers?which={which}")).text()
        assert all(f"{name}.example" in page for name in there)
        assert not any(f"{name}.example" in page for name in not_there)


@pytest.mark.parametrize("host", ["", "a b", "moot.example", "e*il.example", "<script>", "a" * 400])
async def test_what_is_no_server_or_is_ourselves_is_given_back(moot: Moot, mira: Browser, host: str) -> None:
    answer = await mira.post("/admin/servers", host=host, act="block", reason="my long reason")
    assert answer.status == 422
    assert "my long reason" in await answer.text()


async def test_our_limits_can_be_taken_away_as_a_file(moot: Moot, mira: Browser) -> None:
    await mira.posted("/admin/servers", host="evil.example", act="block", reason="spam")
    answer = await mira.get("/admin/limits.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "evil.example,suspend,True,True,spam,False" in await answer.text()


async def test_a_list_is_looked_at_before_it_holds(moot: Moot, mira: Browser) -> None:
    answer = await mira.post("/admin/block-lists", name="Tier", list=LIST, act="preview", limit="as listed")
    words = await answer.text()
    assert answer.status == 200
    assert "evil.example" in words and "loud.example" in words and "stars" in words
    assert await limit_of(moot, "evil.example") is None

    await mira.posted("/admin/block-lists", name="Tier", list=LIST, act="add", limit="as listed", reason="We trust it.")
    assert (await limit_of(moot, "evil.example"), await limit_of(moot, "loud.example")) == ("suspend", "silence")
    [row] = await moot.storage.read(rules.block_lists.rows)
    page = (await mira.page(f"/admin/block-lists/{row.id}?q=evil")).text()
    assert "evil.example" in page and "loud.example" not in page
    assert "Tier" in (await mira.page("/admin/servers/evil.example")).text()

    await mira.posted("/admin/servers", host="evil.example", act="allow", reason="Ours.")
    assert await limit_of(moot, "evil.example") is None
    await mira.posted(f"/admin/block-lists/{row.id}", act="remove", reason="Too hard.")
    assert await limit_of(moot, "loud.example") is None
    assert (await mira.get(f"/admin/block-lists/{row.id}")).status == 404


@pytest.mark.parametrize("words", ["", "<html>not a list</html>", "\ud800", '"' + "x" * 200_000, "=1+1,suspend"])
async def test_what_is_no_list_is_given_back_with_a_word(moot: Moot, mira: Browser, words: str) -> None:
    answer = await mira.post(
        "/admin/block-lists", name="Tier", list=words.encode("utf-8", "replace").decode(), act="add"
    )
    assert answer.status == 422
    assert await moot.storage.read(rules.block_lists.rows) == []


async def test_a_name_is_given_once(moot: Moot, mira: Browser) -> None:
    for status in (303, 422):
        answer = await mira.post("/admin/block-lists", name="Tier", list="evil.example", act="add")
        assert answer.status == status
    with pytest.raises(Invalid):
        rules.clean_list_name("a/b")
