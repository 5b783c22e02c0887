"""Moving at the console: who else somebody is, and where they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Command

Run = Callable[..., Any]


def test_people_say_who_else_they_are_move_and_come_back(moot: Run, command: Command) -> None:
    for name in ("ana", "ana2"):
        moot("person", "create", name)
    moot("follow", "ana2", "@ana")

    alone = command("move", "ana", "@ana2", "--yes")
    assert alone.exit_code == 1 and "does not say that it is the same account" in alone.stderr
    named = moot("alias", "ana2", "@ana")
    assert len(named["aliases"]) == 1 and named["aliases"][0].endswith("/u/ana")
    assert moot("alias", "ana2")["aliases"] == named["aliases"]

    moved = moot("move", "ana", "@ana2", "--yes")
    assert moved["moved_to"].endswith("/u/ana2")
    assert moot("move", "ana", "--stay")["moved_to"] is None
    assert command("move", "ana", "--stay").exit_code == 1
    assert command("move", "ana").exit_code == 2
    assert moot("alias", "ana2", named["aliases"][0], "--drop")["aliases"] == []
