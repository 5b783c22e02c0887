"""A disk that is almost full, before anything fails: nothing new is taken, and nobody loses a word (REL-43)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from node.doctor import inside
from node.doctor.findings import examine
from node.forum import accounts
from node.room import MARGIN, SHARE, NoRoom, Room
from node.settings import Settings
from storage import people
from storage.work import Work
from tests.equipment.browsers import browser_of
from tests.equipment.nodes import Moot
from tests.peers.scripted import ScriptedServer


@contextmanager
def almost_full(free: int = MARGIN - 1, total: int = 100 * MARGIN) -> Iterator[None]:
    """A disk as the operating system tells of it."""
    with pytest.MonkeyPatch.context() as patch:
        disk = shutil.disk_usage("/")._replace(free=free, total=total)
        patch.setattr(shutil, "disk_usage", lambda _path: disk)
        yield


async def test_letters_wait_elsewhere_and_forms_give_the_words_back_until_there_is_room(
    node: Moot, world: ScriptedServer
) -> None:
    """REL-43: 503 with Retry-After; pages and documents stand, what was taken is worked off, all goes on by itself."""
    await node.person("liam")
    garden = await node.group("garden", "liam")
    thread = await node.start("liam", "garden", "Sheds")
    maria, liam = world.actor("maria@mastodon.test"), await browser_of(node, "liam")
    assert (await maria.post(f"{garden}/inbox", maria.follow(garden))).status == 202
    note = maria.note("<p>From elsewhere</p>", inReplyTo=thread)
    reply = f"/items/{thread.rpartition('/')[2]}/reply"
    words = {"source": "Words that somebody thought about", "do": "post"}

    with almost_full():
        await node.settle()
        letters = [await maria.post(f"{node.origin}/inbox", maria.create(note)) for _ in range(2)]
        form = await liam.post(reply, words)
        status, ready, said = await node.get("/readyz", "*/*")
        assert (await node.get(thread))[0] == 200
        assert "Sheds" in (await liam.page("/g/garden")).source
        [finding] = [it async for it in examine(node.parts, {"disk": inside.disk})]

    assert await node.follower_count(garden) == 1
    assert [letter.status for letter in letters] == [503, 503]
    assert all(int(letter.headers["retry-after"]) > 0 for letter in letters)
    assert b"no room for letters" in letters[0].body
    assert form.status == 503 and int(form.headers["Retry-After"]) > 0
    assert "almost full" in form.text and words["source"] in form.source
    assert status == 503 and b"disk" in said and int(ready.headers["Retry-After"]) > 0
    assert finding.grade == "failed" and "no letters" in finding.says and finding.remedy

    assert (await maria.post(f"{node.origin}/inbox", maria.create(note))).status == 202
    assert (await liam.post(reply, words)).status == 303
    await node.settle()
    assert await node.said(note["id"]) == "<p>From elsewhere</p>"
    assert words["source"] in await node.page(thread)


async def test_an_admin_comes_in_and_is_told(node: Moot) -> None:
    """REL-43: in words, on the first of the pages from which the node is run."""
    await node.person("mira")

    def make_admin(work: Work) -> None:
        mira = people.by_name(work, "mira")
        assert mira is not None
        accounts.make(work, mira, admin=True)

    await node.storage.write(make_admin)
    mira = await browser_of(node, "mira")
    assert "almost full" not in (await mira.page("/admin")).text
    with almost_full(free=5 * 1024 * 1024):
        told = (await mira.page("/admin")).text
        assert "almost full (5 MiB are left)" in told
        assert (await mira.post("/admin/people/mira", {"act": "suspend", "reason": ""})).status != 503
        assert (await mira.post("/sign-out")).status == 303


def test_a_small_disk_keeps_a_twentieth_free() -> None:
    """REL-43: also where the database lies on another disk than the data folder."""
    room = Room(Settings(origin="https://node.test", database_url="sqlite:////somewhere/else.sqlite3"))
    with almost_full(free=MARGIN // SHARE, total=MARGIN):
        room.must_be_left()
        assert {str(room.look().place)} <= {"var", "/somewhere"}
    with almost_full(free=MARGIN // SHARE - 1, total=MARGIN), pytest.raises(NoRoom):
        room.must_be_left()
