"""Our own corpus of attacks, played against a running node; each entry that ever succeeded stays in it."""

import os
from pathlib import Path

import pytest

from tests.attack.corpus import Filler, read
from tests.attack.playing import play_all
from tests.attack.scene import staged

CORPUS = Path(__file__).with_name("corpus.json")
SHARE = 5  # every fifth is played on PostgreSQL too; `make attack` and long runs play all on both


@pytest.mark.timeout(600)
async def test_no_attack_of_our_corpus_has_an_effect(database_url, clock, tmp_path):
    async with staged(database_url, tmp_path / "data", clock) as stage:
        entries = read(CORPUS)
        if database_url.startswith("postgresql") and not os.environ.get("FOLKMOOT_LONG"):
            entries = entries[::SHARE]
        outcomes = [outcome async for outcome in play_all(stage, entries)]
    wrong = {outcome.entry.id: outcome.wrong for outcome in outcomes if not outcome.as_expected}
    assert not wrong, "\n".join(f"{name}: {lines}" for name, lines in wrong.items())


def test_each_entry_of_the_corpus_has_a_name_of_its_own():
    names = [entry.id for entry in read(CORPUS)]
    assert len(names) == len(set(names))


def test_placeholders_are_filled_and_strings_drawn_out():
    fill = Filler({"evil": "https://evil.test", "now_s": 100, "n": None}, {"evil.test": "evil-1.test"}, many=3)
    assert fill("{{evil}}/{{now_s-60}}/{{7*7}}") == "https://evil-1.test/40/{{7*7}}"
    assert fill("{{evil}}/a...(40)") == "https://evil-1.test/" + "a" * 20
    assert fill(["{{evil}}/u/0", "...4"]) == [f"https://evil-1.test/u/{number}" for number in range(4)]
    assert fill(["x{{n}}"]) == ["x0", "x1", "x2"]
    assert fill.generated(
        {"prefix": "<", "unit": "a{{i}} ", "count": 2, "middle": "m", "close": ")", "suffix": ">"}
    ) == ("<a0 a1 m))>")
