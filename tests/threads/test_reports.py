"""Reports reach those who decide, once each, and say what came of them without saying who told."""

from __future__ import annotations

from typing import Any

import pytest

from node.forum import reports, upkeep
from node.forum.errors import Invalid, NotAllowed, NotFound
from storage import moderation
from storage import reports as stored
from storage.reports import ReportLine
from storage.schema import Account
from storage.work import Work
from tests.threads.conftest import Scene, actor, group


async def _report(scene: Scene, who: str, what: str, category: str = "spam", words: str = "An advert.") -> None:
    await scene.act(reports.report_item, who, what, category, words)


async def _report_person(scene: Scene, who: str, person: str, category: str = "abuse", words: str = "Rude.") -> None:
    def act(work: Work) -> None:
        reports.report_person(work, actor(work, who), actor(work, person), category, words)

    await scene.storage.write(act)


async def _queue(scene: Scene, group_name: str | None = "garden", **more: Any) -> list[ReportLine]:
    def ask(work: Work) -> list[ReportLine]:
        group_id = group(work, group_name).actor_id if group_name else None
        return stored.lines(work, group_id, viewer=actor(work, "ana").id, **more)

    return await scene.storage.read(ask)


async def _resolve(scene: Scene, who: str | None, report_id: int, words: str = "Removed.") -> None:
    await scene.storage.write(lambda work: reports.resolve(work, actor(work, who) if who else None, report_id, words))


async def test_a_report_of_an_item_waits_for_the_group_s_moderators(scene: Scene) -> None:
    await scene.start("beans")
    await scene.say("spam", "beans", "cem", "Buy *beans*!")

    await _report(scene, "ben", "spam")

    [line] = await _queue(scene)
    assert (line.category, line.words, line.reporter.handle) == ("spam", "An advert.", "ben")
    assert line.about is not None and line.about.handle == "cem"
    assert line.place.thread is not None and line.place.thread.number == 1
    assert "Buy" in line.item_html
    assert await _queue(scene, None) == []


async def test_said_again_it_is_one_report_with_the_better_words(scene: Scene) -> None:
    await scene.start("beans")
    await scene.say("spam", "beans", "cem")

    await _report(scene, "ben", "spam", "spam", "Hm")
    await _report(scene, "ben", "spam", "abuse", "It names my mother.")
    await _report(scene, "ana", "spam")

    told = [(line.reporter.handle, line.category, line.words) for line in await _queue(scene)]
    assert told == [("ben", "abuse", "It names my mother."), ("ana", "spam", "An advert.")]


async def test_of_a_moderator_s_own_words_the_node_s_admins_judge(scene: Scene) -> None:
    await scene.start("beans", "mira")

    await _report(scene, "ben", "beans", "abuse", "She threatens us.")

    assert await _queue(scene) == []
    [line] = await _queue(scene, None)
    assert line.about is not None and line.about.handle == "mira"


async def test_a_report_of_a_person_is_for_the_node_s_admins(scene: Scene) -> None:
    await _report_person(scene, "ben", "dora")

    [line] = await _queue(scene, None)
    assert (line.about and line.about.handle, line.item_uid) == ("dora", None)


@pytest.mark.parametrize(
    ("category", "words", "field"), [("", "x", "category"), ("other", " ", "words"), ("spam", "x" * 5001, "words")]
)
async def test_what_a_report_lacks_is_told_at_its_field(scene: Scene, category: str, words: str, field: str) -> None:
    await scene.start("beans")

    with pytest.raises(Invalid) as refusal:
        await _report(scene, "ben", "beans", category, words)

    assert refusal.value.field == field


async def test_what_one_cannot_see_or_said_oneself_is_not_reported(scene: Scene) -> None:
    await scene.start("beans", private=True)
    await scene.say("mine", "beans", "ben")

    with pytest.raises(NotFound):
        await _report(scene, "dora", "beans")
    with pytest.raises(NotAllowed):
        await _report(scene, "ben", "mine")
    with pytest.raises(NotAllowed):
        await _report_person(scene, "ben", "ben")


async def test_a_decision_is_said_once_and_the_log_does_not_say_who_told(scene: Scene) -> None:
    await scene.start("beans")
    await scene.say("spam", "beans", "cem")
    await _report(scene, "ben", "spam")
    [line] = await _queue(scene)
    await scene.act(upkeep.remove_comment, "mira", "spam", "an advert")

    await _resolve(scene, "mira", line.id)
    with pytest.raises(NotAllowed):
        await _resolve(scene, "ana", line.id, "Me too.")

    assert await _queue(scene) == []
    [decided] = await _queue(scene, resolved=True)
    assert (decided.resolution, decided.resolver and decided.resolver.handle) == ("Removed.", "mira")
    log = await scene.storage.read(
        lambda work: moderation.acts(work, group(work, "garden").actor_id, viewer=actor(work, "cem").id)
    )
    assert [(act.verb, act.reason, act.actor and act.actor.handle) for act in log] == [
        ("resolve report", "Removed.", "mira"),
        ("remove", "an advert", "mira"),
    ]
    assert "ben" not in repr(log)
    assert all(act.place.thread is not None and act.place.thread.number == 1 for act in log)


@pytest.mark.parametrize("who", ["ben", "cem", "dora"])
async def test_only_those_whom_a_report_is_for_decide(scene: Scene, who: str) -> None:
    await scene.start("beans")
    await scene.say("spam", "beans", "cem")
    await _report(scene, "ben", "spam")
    [line] = await _queue(scene)

    with pytest.raises(NotFound):
        await _resolve(scene, who, line.id)
    with pytest.raises(Invalid):
        await _resolve(scene, "mira", line.id, " ")


async def test_reports_to_the_node_are_decided_by_its_admins_and_the_console(scene: Scene) -> None:
    await _report_person(scene, "ben", "dora")
    await _report_person(scene, "cem", "dora")
    first, second = await _queue(scene, None)

    with pytest.raises(NotFound):
        await _resolve(scene, "ana", first.id)  # admin of a group, not of the node
    await scene.storage.write(
        lambda work: work.add(Account(actor_id=actor(work, "ana").id, admin=True, created_at=work.now))
    )
    await _resolve(scene, "ana", first.id, "We spoke with her.")
    await _resolve(scene, None, second.id, "The same.")

    assert await _queue(scene, None) == []


async def test_a_report_from_elsewhere_finds_its_group(scene: Scene) -> None:
    uri = await scene.start("beans", "ben")

    def flag(work: Work) -> None:
        objects = [actor(work, "ben").uri, uri, "https://elsewhere.test/1"]
        for _ in range(2):
            reports.take_flag(work, actor(work, "dora"), objects, "Bad\x00 words", uri="https://elsewhere.test/flags/1")
        reports.take_flag(
            work, actor(work, "dora"), ["https://elsewhere.test/2"], "What?", uri="https://elsewhere.test/2"
        )

    await scene.storage.write(flag)

    [line] = await _queue(scene)
    assert (line.words, line.about and line.about.handle, line.item_uid is not None) == ("Bad words", "ben", True)
    assert [line.words for line in await _queue(scene, None)] == ["What?"]
