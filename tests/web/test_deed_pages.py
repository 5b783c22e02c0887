"""The small pages on which items and threads are tended: asked first, done once, refused with every word kept."""

from __future__ import annotations

import pytest

from storage.schema import Act, Comment, Group, Report, Thread
from tests.web.conftest import Browser, Moot, Page

HOSTILE = "<script>alert(1)</script>"
NONCE = "n" * 24
ON_ITEMS = ("delete", "remove", "restore", "split", "report")
ON_THREADS = ("lock", "pin", "tags", "private", "whiteboard", "move")


class Scene:
    """In garden, ana moderates; ben started a thread that cem, and vera from elsewhere, answered; dora is outside."""

    def __init__(self, moot: Moot) -> None:
        self.moot = moot
        self.browsers: dict[str, Browser] = {}
        self.ids: dict[str, int] = {}

    async def set_up(self, **settings: str) -> Scene:
        self.group = await self.moot.group("garden", "The garden", **settings)
        for name in ("ana", "ben", "cem", "dora"):
            self.ids[name] = await self.moot.person(name)
            self.browsers[name] = await self.moot.sign_in(self.ids[name])
        await self.moot.join(self.ids["ana"], self.group, "moderator")
        for name in ("ben", "cem"):
            await self.moot.join(self.ids[name], self.group)
        self.vera = await self.moot.person("vera", host="coop.example")
        self.thread = await self.moot.thread(self.group, self.ids["ben"], "Beans", "Where shall they go?")
        await self.moot.say(self.thread, self.ids["cem"], "By the wall.")
        await self.moot.say(self.thread, self.vera, "<p>Buy!</p>", to=1, html=True)
        self.uids = [(await self.moot.item(self.thread, number)).uid for number in range(3)]
        self.uid = await self.moot.storage.read(lambda work: work.get_one(Thread, self.thread).uid)
        return self

    def item(self, number: int, act: str) -> str:
        return f"/items/{self.uids[number]}/{act}"

    def tend(self, act: str) -> str:
        return f"/threads/{self.uid}/{act}"

    async def row(self) -> Thread:
        return await self.moot.storage.read(lambda work: work.get_one(Thread, self.thread))

    async def acts(self) -> list[tuple[str, str]]:
        rows = await self.moot.storage.read(lambda work: work.query(Act).order_by(Act.id).all())
        return [(act.verb, act.reason) for act in rows]


@pytest.fixture
async def scene(moot: Moot) -> Scene:
    return await Scene(moot).set_up()


@pytest.mark.parametrize("act", [*ON_ITEMS, *ON_THREADS])
async def test_strangers_are_led_to_signing_in_and_what_is_not_there_is_not_there(scene: Scene, act: str) -> None:
    start, uid = ("items", scene.uids[1]) if act in ON_ITEMS else ("threads", scene.uid)
    for path in (f"/{start}/{uid}/{act}", f"/{start}/aaaa/{act}"):
        response = await scene.moot.get(path)
        assert (response.status, response.headers["Location"].startswith("/sign-in?next=")) == (303, True)
    assert (await scene.browsers["ana"].get(f"/{start}/aaaa/{act}")).status == 404
    assert (await scene.browsers["ana"].post(f"/{start}/aaaa/{act}", reason="x")).status == 404
    await scene.moot.storage.write(lambda work: setattr(work.get_one(Thread, scene.thread), "private", True))
    hidden = await scene.browsers["dora"].get(f"/{start}/{uid}/{act}")
    absent = await scene.browsers["dora"].get(f"/{start}/aaaa/{act}")
    assert (hidden.status, absent.status) == (404, 404)


@pytest.mark.parametrize("act", ["remove", "split", "lock", "pin", "move", "private", "whiteboard", "tags"])
async def test_whoever_may_not_is_told_so(scene: Scene, act: str) -> None:
    path = scene.item(1, act) if act in ON_ITEMS else scene.tend(act)

    for who in ("cem", "dora"):
        assert (await scene.browsers[who].get(path)).status == 403
        assert (
            await scene.browsers[who].post(path, reason="x", turn="on", tags="x", title="x", source="x")
        ).status == 403

    assert await scene.acts() == []


async def test_a_moderator_removes_with_a_reason_and_restores(scene: Scene) -> None:
    ana = scene.browsers["ana"]
    page = await ana.page(scene.item(1, "remove"))
    assert "By the wall." in page.text()

    refused = await ana.post(scene.item(1, "remove"), reason=" ")
    assert refused.status == 422
    assert Page(await refused.text()).one("input", name="reason").get("aria-invalid") == "true"
    assert (await ana.posted(scene.item(1, "remove"), reason="An <b>advert</b>")).endswith("?at=1#c-1")

    assert (await scene.moot.item(scene.thread, 1)).state == "removed"
    assert "By the wall." in (await ana.page(scene.item(1, "restore"))).text()  # to judge it again
    assert (await scene.browsers["cem"].get(scene.item(1, "restore"))).status == 403
    await ana.posted(scene.item(1, "restore"))
    assert (await scene.moot.item(scene.thread, 1)).state == "visible"
    assert await scene.acts() == [("remove", "An <b>advert</b>"), ("restore", "")]


async def test_an_author_deletes_their_own_and_nobody_else_s(scene: Scene) -> None:
    for who in ("ana", "ben", "dora"):
        assert (await scene.browsers[who].get(scene.item(1, "delete"))).status == 403
        assert (await scene.browsers[who].post(scene.item(1, "delete"))).status == 403
    assert "What others answered stays" in (await scene.browsers["cem"].page(scene.item(1, "delete"))).text()

    await scene.browsers["cem"].posted(scene.item(1, "delete"))

    assert (await scene.moot.item(scene.thread, 1)).state == "deleted"
    assert (await scene.browsers["cem"].get(scene.item(1, "delete"))).status == 403


async def test_deleting_a_thread_that_nobody_answered_leads_to_its_group(scene: Scene) -> None:
    thread = await scene.moot.thread(scene.group, scene.ids["ben"], "Alone")
    uid = (await scene.moot.item(thread, 0)).uid

    assert await scene.browsers["ben"].posted(f"/items/{uid}/delete") == "/g/garden"


async def test_a_branch_is_split_once_however_often_it_is_sent(scene: Scene) -> None:
    ana = scene.browsers["ana"]
    page = await ana.page(scene.item(1, "split"))
    assert page.one("input", name="title").get("value") == "By the wall."
    source = page.text(page.one("textarea", name="source"))
    assert source.startswith("This began with what Cem said in [Beans](https://moot.example/g/garden/")

    fields = {"title": "Walls", "source": source, "nonce": NONCE}
    led_to = {await ana.posted(scene.item(1, "split"), fields) for _ in range(2)}

    assert len(led_to) == 1
    new = await scene.moot.page(led_to.pop())
    assert "Walls" in new.text(new.one("h1")) and new.numbers() == [1, 2]
    old = await scene.moot.get(f"{await scene.moot.path(scene.thread)}?at=2")
    assert (old.status, old.headers["Location"]) == (303, f"/comment/{scene.uids[2]}")


async def test_a_refused_split_gives_back_every_word(scene: Scene) -> None:
    response = await scene.browsers["ana"].post(
        scene.item(1, "split"), title="", source=HOSTILE, reason="because", nonce=NONCE
    )

    page = Page(await response.text())
    assert response.status == 422
    assert page.one("input", name="title").get("aria-invalid") == "true"
    assert page.text(page.one("textarea", name="source")) == HOSTILE
    assert page.one("input", name="reason").get("value") == "because"
    assert page.one("input", name="nonce").get("value") == NONCE
    assert "<script>alert" not in page.source


async def test_a_button_that_was_shown_before_somebody_else_pressed_it_does_not_do_the_opposite(scene: Scene) -> None:
    ana = scene.browsers["ana"]
    turn = (await ana.page(scene.tend("lock"))).one("input", name="turn").get("value")
    await ana.posted(scene.tend("lock"), turn=turn, reason="decided")
    await ana.posted(scene.tend("lock"), turn=turn, reason="decided too")

    assert (await scene.row()).locked_at is not None
    assert "Reopen" in (await ana.page(scene.tend("lock"))).text()
    assert (await ana.post(scene.tend("lock"), turn="", reason="x")).status == 422
    assert await scene.acts() == [("lock", "decided")]


async def test_pinning_tagging_and_sharing(scene: Scene) -> None:
    ana, ben = scene.browsers["ana"], scene.browsers["ben"]
    await ana.posted(scene.tend("pin"), turn="on")
    await ana.posted(scene.tend("tags"), tags="seeds, open air", reason="so that it is found")
    await ben.posted(scene.tend("whiteboard"), turn="on")

    row = await scene.row()
    assert (row.pinned_at is not None, row.tags, row.whiteboard) == (True, ["seeds", "open air"], True)
    assert await scene.acts() == [("pin", ""), ("tag", "so that it is found")]
    assert (await ben.page(scene.tend("tags"))).one("input", name="tags").get("value") == "seeds, open air"
    assert (await ben.post(scene.tend("tags"), tags="a/b")).status == 422


async def test_a_thread_is_made_private_for_good_after_it_was_said_what_that_means(scene: Scene) -> None:
    page = await scene.browsers["ben"].page(scene.tend("private"))
    assert "cannot become public again" in page.text()
    assert page.all("input", name="reason") == []
    assert (await scene.browsers["ana"].post(scene.tend("private"))).status == 422  # a moderator says why

    await scene.browsers["ben"].posted(scene.tend("private"))

    assert (await scene.row()).private
    assert (await scene.browsers["ben"].get(scene.tend("private"))).status == 403
    assert (await scene.moot.get(await scene.moot.path(scene.thread))).status == 404


async def test_a_thread_moves_to_a_group_that_its_mover_is_in(scene: Scene) -> None:
    kitchen = await scene.moot.group("kitchen", "The kitchen")
    cellar = await scene.moot.group("cellar", "The cellar", privacy="secret")
    await scene.moot.group("attic", "The attic", privacy="secret")
    for group in (kitchen, cellar):
        await scene.moot.join(scene.ids["ana"], group)
    ana = scene.browsers["ana"]
    page = await ana.page(scene.tend("move"))
    assert {field.get("value") for field in page.all("input", name="group")} == {"kitchen", "cellar"}
    for given in ({"group": "attic", "reason": "x"}, {"reason": "x"}, {"group": "kitchen"}):
        assert (await ana.post(scene.tend("move"), given)).status == 422
    old = await scene.moot.path(scene.thread)

    led_to = await ana.posted(scene.tend("move"), group="kitchen", reason="it is about soup")

    assert led_to.startswith("/g/kitchen/")
    moved = await scene.moot.get(old)
    assert (moved.status, moved.headers["Location"]) == (301, led_to)


async def test_a_member_reports_an_item_and_a_moderator_resolves_it(scene: Scene) -> None:
    ben, ana = scene.browsers["ben"], scene.browsers["ana"]
    form = await ben.page(scene.item(2, "report"))
    assert "Tell coop.example too" in form.text()

    assert (await ben.post(scene.item(2, "report"), words="Hm")).status == 422
    assert (await ben.post(scene.item(2, "report"), category="other", words=" ")).status == 422
    for _ in range(2):
        led_to = await ben.posted(scene.item(2, "report"), category="spam", words=HOSTILE)
    assert "Thank you" in (await ben.page(led_to)).text()

    queue = await ana.page("/g/garden/reports")
    assert "Advertising or spam" in queue.text() and HOSTILE in queue.text() and "Buy!" in queue.text()
    assert "<script>alert" not in queue.source
    [report] = await scene.moot.storage.read(lambda work: work.query(Report).all())
    refused = await ana.post(f"/g/garden/reports/{report.id}", words=" ")
    assert refused.status == 422
    await ana.posted(f"/g/garden/reports/{report.id}", words="It stays: it is a joke.")
    assert "Nothing waits" in (await ana.page("/g/garden/reports")).text()
    assert "it is a joke" in (await ana.page("/g/garden/reports?resolved")).text()
    log = await scene.browsers["cem"].page("/g/garden/log")
    assert "it is a joke" in log.text() and "Ben" not in log.text(log.one("main"))
    again = await ana.post(f"/g/garden/reports/{report.id}", words="Twice.")
    assert again.status == 422


async def test_queues_and_logs_are_for_those_whom_they_are_for(scene: Scene) -> None:
    await scene.moot.storage.write(lambda work: setattr(work.get_one(Group, scene.group), "privacy", "closed"))
    for who, reports, log in (("ana", 200, 200), ("cem", 403, 200), ("dora", 403, 403)):
        assert (await scene.browsers[who].get("/g/garden/reports")).status == reports
        assert (await scene.browsers[who].get("/g/garden/log")).status == log
        assert (await scene.browsers[who].get("/admin/reports")).status == 404
    assert (await scene.browsers["cem"].post("/g/garden/reports/1", words="x")).status == 403
    assert (await scene.browsers["ana"].post("/g/garden/reports/1", words="x")).status == 404
    assert (await scene.moot.get("/g/garden/log")).status == 303


async def test_a_person_is_reported_to_the_admins_of_the_node(scene: Scene) -> None:
    ben = scene.browsers["ben"]
    for path in ("/u/dora/report", "/people/@vera@coop.example/report"):
        assert (await ben.post(path, words="x")).status == 422
        led_to = await ben.posted(path, category="abuse", words="Rude.")
        assert "Thank you" in (await ben.page(led_to)).text()
    for path, status in (("/u/ben/report", 403), ("/u/nobody/report", 404), ("/u/garden/report", 404)):
        assert (await ben.get(path)).status == status

    keeper = await scene.moot.sign_in(await scene.moot.person("kim"), admin=True)
    queue = await keeper.page("/admin/reports")
    assert queue.text().count("Rude.") == 2 and "@vera@coop.example" in queue.text()
    first = await scene.moot.storage.read(lambda work: work.query(Report).first().id)
    await keeper.posted(f"/admin/reports/{first}", words="We spoke.")
    assert (await keeper.page("/admin/reports")).text().count("Rude.") == 1


async def test_what_a_moderator_of_another_group_sends_here_is_refused(scene: Scene) -> None:
    """WEB-18"""
    kitchen = await scene.moot.group("kitchen", "The kitchen")
    await scene.moot.join(scene.ids["dora"], kitchen, "admin")
    await scene.browsers["ben"].posted(scene.item(1, "report"), category="spam")
    report = await scene.moot.storage.read(lambda work: work.query(Report).one().id)

    assert (await scene.browsers["dora"].post(f"/g/kitchen/reports/{report}", words="Mine.")).status == 404
    assert (await scene.browsers["dora"].post(scene.item(1, "remove"), reason="Mine.")).status == 403
    assert await scene.moot.storage.read(lambda work: work.query(Comment).filter_by(state="removed").count()) == 0


async def test_hostile_titles_and_reasons_stay_words(scene: Scene) -> None:
    await scene.moot.storage.write(lambda work: setattr(work.get_one(Thread, scene.thread), "title", HOSTILE))
    await scene.browsers["ana"].posted(scene.tend("lock"), turn="on", reason=HOSTILE)

    for path in (scene.tend("lock"), scene.item(1, "split"), scene.item(1, "remove"), "/g/garden/log"):
        page = await scene.browsers["ana"].page(path)
        assert "<script>alert" not in page.source
        assert all(script.get("src") for script in page.all("script"))
