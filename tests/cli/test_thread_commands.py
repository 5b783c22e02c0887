"""Tending threads at the console: each command does what the pages do, and says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Moot = Callable[..., Any]
Command = Callable[..., Result]


@pytest.fixture
def thread(moot: Moot) -> str:
    """A thread of ben's in the garden, which ana runs, with two comments."""
    moot("person", "create", "ana")
    moot("person", "create", "ben")
    moot("group", "create", "garden", "--title", "The garden", "--creator", "ana")
    moot("group", "join", "garden", "ben")
    row = moot(
        "thread", "start", "garden", "--author", "ben", "--title", "Beans?", "--text", "Where to?", "--tag", "seeds"
    )  # fmt: skip
    moot("comment", "add", row["uid"], "--author", "ana", "--text", "And peas?")
    moot("comment", "add", f"{row['uid']}#1", "--author", "ben", "--text", "By the wall.")
    return str(row["uid"])


def test_locking_pinning_tagging_and_sharing(moot: Moot, thread: str) -> None:
    assert moot("thread", "lock", thread, "--reason", "decided")["locked"]
    assert not moot("thread", "lock", thread, "--reopen")["locked"]
    for command in (("pin",), ("tag", "fair", "open air"), ("share",), ("share", "--close"), ("pin", "--unpin")):
        name, *rest = command
        assert moot("thread", name, thread, *rest)["uid"] == thread


def test_a_branch_becomes_a_thread(moot: Moot, thread: str) -> None:
    new = moot(
        "thread", "split", f"{thread}#1", "--author", "ana", "--title", "Peas", "--text", "About peas."
    )  # fmt: skip

    assert (new["title"], new["comments"]) == ("Peas", 2)
    states = [item["state"] for item in moot("thread", "show", thread)["items"]]
    assert states == ["visible", "moved"]


def test_a_thread_moves_and_becomes_private(moot: Moot, thread: str) -> None:
    moot("group", "create", "kitchen", "--title", "The kitchen", "--creator", "ana")

    assert moot("thread", "move", thread, "kitchen", "--reason", "soup")["group"] == "kitchen"
    assert moot("thread", "private", thread)["private"]


def test_every_wording_is_told(moot: Moot, command: Command, thread: str) -> None:
    moot("comment", "edit", f"{thread}#1", "--text", "And green peas?", "--note", "which ones")

    wordings = moot("comment", "history", f"{thread}#1")

    assert [(it["version"], it["source"], it["note"]) for it in wordings] == [
        (1, "And peas?", ""),
        (2, "And green peas?", "which ones"),
    ]
    assert "which ones" in command("comment", "history", f"{thread}#1").output


def test_reports_are_listed_and_what_is_not_there_is_told(moot: Moot, command: Command, thread: str) -> None:
    assert moot("report", "list") == []
    assert moot("report", "list", "--group", "garden", "--resolved") == []
    assert "no such report" in command("report", "resolve", "7", "Done.").output
    assert "no item" in command("thread", "split", "01abc#3", "--author", "ana", "--title", "x", "--text", "y").output
