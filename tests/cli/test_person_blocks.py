"""Who blocks whom, at the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Command

Moot = Callable[..., Any]


def test_somebody_is_blocked_listed_and_let_be(moot: Moot, command: Command) -> None:
    """PRV-15"""
    for name in ("ana", "ben"):
        moot("person", "create", name)
    assert moot("person", "block", "ana", "ben") == {"name": "ana", "target": "ben"}
    assert moot("person", "block", "ana", "ben") == {"name": "ana", "target": "ben"}
    [row] = moot("person", "blocks", "ana")
    assert (row["handle"], row["uri"].endswith("/u/ben")) == ("ben", True)
    assert moot("person", "blocks", "ben") == []
    moot("person", "unblock", "ana", "ben")
    assert moot("person", "blocks", "ana") == []
    assert command("person", "block", "ana", "ana").exit_code == 1
    assert command("person", "block", "ana", "@nobody@nowhere.example").exit_code == 1
