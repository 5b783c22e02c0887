"""Failpoints: every commit has one, they do what they are told, and none exists outside of development."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from node.cli.failpoints import names, sites
from node.settings import SettingsError, load
from storage import failpoints
from storage.schema import Fact
from storage.work import Storage, StorageUnavailable, Work
from tests.equipment.processes import Installation

# What begins a transaction and makes nothing durable.
ROLLED_BACK = {("storage/copies.py", "snapshot"), ("storage/work.py", "Storage._read")}
# What is handed a function by others: the failpoints have that function's name.
HANDED = {
    ("node/cli/console.py", "Console.write_in"),
    ("node/demo.py", "Place.do"),
    ("node/fediverse/intake.py", "Intake._alone"),
    ("node/fediverse/reading.py", "Reader._write_down"),
}


def test_every_commit_of_the_program_has_a_failpoint() -> None:
    """Whoever adds one names the function, or reaches a failpoint beside `begin` and `commit`."""
    found = sites()
    assert len(found) > 120
    nameless = [
        f"{site.file}:{site.line} in {site.inside}: {site.kind}"
        for site in found
        if site.name is None and not site.reaches and (site.file, site.inside) not in ROLLED_BACK | HANDED
    ]
    assert not nameless, nameless


def test_two_transactions_of_a_function_have_two_names() -> None:
    """A lambda has the name of the function around it: two of them could not be told apart."""
    written: dict[tuple[str, str], set[int]] = {}
    for site in sites():
        if site.name is not None and site.name == failpoints.written(_module(site.file), site.inside):
            written.setdefault((site.file, site.name), set()).add(site.line)
    assert {place: lines for place, lines in written.items() if len(lines) > 1} == {}


def test_the_names_read_from_the_source_are_those_that_run() -> None:
    """What is listed is what a process calls itself at that place."""
    checked = 0
    for site in sites():
        if site.name is None:
            continue
        module, _, function = site.name.rpartition(".")
        for prefix in ("node.", ""):
            try:
                there = importlib.import_module(prefix + module)
            except ImportError:
                continue
            called = [getattr(there, name, None) for name in (function, f"_{function}")]
            run = {failpoints.name_of(verb) for verb in called if inspect.isfunction(verb)}
            assert site.name in run or not run, site  # what is no function here is a command with a lambda in it
            checked += len(run)
    assert checked > 80


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


@pytest.mark.parametrize(
    ("words", "wrong"),
    [("sending.answered:explode", "kill"), ("sending.answered", "kill"), ("nowhere:kill", "no failpoint nowhere")],
)
def test_a_failpoint_that_cannot_be_is_refused(words: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        failpoints.parse(words)


def test_failpoints_are_refused_outside_of_development() -> None:
    with pytest.raises(SettingsError, match="failpoint needs development"):
        load({"FOLKMOOT_ORIGIN": "https://moot.example", "FOLKMOOT_FAILPOINT": "sending.answered:kill"})


def test_every_failpoint_beside_the_commits_is_reached_somewhere() -> None:
    """A name in POINTS without a place would prove nothing."""
    root = Path(failpoints.__file__).parents[1]
    source = "".join(file.read_text() for folder in ("node", "storage") for file in (root / folder).rglob("*.py"))
    assert [name for name in failpoints.POINTS if f'.reach("{name}")' not in source] == []


def note(work: Work, name: str) -> None:
    """A row to look for."""
    work.add(Fact(name=name, value="here"))


def noted(work: Work, name: str) -> bool:
    return work.get(Fact, name) is not None


@pytest.mark.parametrize(("when", "there"), [("before-commit", False), ("after-commit", True)])
async def test_a_fault_before_the_commit_undoes_all_and_one_after_it_nothing(
    database_url: str, when: str, there: bool
) -> None:
    """REL-01, REL-17: the caller hears that the database did not take it, and cannot know which of the two it was."""
    points = failpoints.parse(f"{failpoints.name_of(note)}.{when}:raise")
    storage = Storage(database_url, origin="https://node.test", points=points)
    storage.start()
    try:
        with pytest.raises(StorageUnavailable):
            await storage.write(note, "fault")
        assert await storage.read(noted, "fault") is there
        await storage.write(note, "afterwards")  # it passes
        assert await storage.read(noted, "afterwards")
    finally:
        storage.close()


async def test_the_console_lists_them_in_development_alone(tmp_path: Path) -> None:
    moot = Installation.make(tmp_path / "node", "")
    await moot.run("migrate")
    said = await moot.run("failpoints")
    assert "web.composing.post.before-commit" in said
    assert "sending.answered" in said
    assert set(names()) >= set(failpoints.POINTS)
