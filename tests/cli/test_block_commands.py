"""Limits of other servers at the console."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command

Moot = Callable[..., Any]

LIST = "#domain,#severity,#public_comment\nevil.example,suspend,spam\nloud.example,silence,\ne*il.example,suspend,\n"


def test_a_server_is_blocked_silenced_allowed_and_let_back(moot: Moot) -> None:
    said = [
        moot("federation", verb, "Evil.Example.", "--reason", f"why {verb}")["limit"]
        for verb in ("block", "unblock", "silence", "unsilence", "allow", "disallow")
    ]
    assert said == ["suspend", None, "silence", None, None, None]


def test_a_list_is_tried_out_added_shown_and_removed(moot: Moot, elsewhere: Path) -> None:
    (elsewhere / "blocks.csv").write_text(LIST, encoding="utf-8")
    moot("federation", "silence", "evil.example")
    tried = moot("federation", "lists", "add", "blocks.csv", "--dry-run")
    assert (tried["suspends"], tried["silences"], tried["obfuscated"]) == (1, 1, 1)
    assert moot("federation", "lists", "list") == []

    moot("federation", "lists", "add", "blocks.csv", "--name", "tier", "--reason", "we trust it")
    [row] = moot("federation", "lists", "list")
    assert (row["name"], row["suspends"], row["silences"]) == ("tier", 1, 1)
    assert [entry["host"] for entry in moot("federation", "lists", "show", "tier")] == ["evil.example", "loud.example"]
    # An admin's own word goes before the list; once it is gone, the list holds.
    assert moot("federation", "unsilence", "evil.example") == {
        "host": "evil.example", "blocked": True, "limit": "suspend", "by": "list", "list": "tier",
    }  # fmt: skip
    moot("federation", "lists", "remove", "tier")
    assert moot("federation", "lists", "list") == []


def test_our_own_limits_go_out_as_mastodon_reads_them(moot: Moot, elsewhere: Path) -> None:
    moot("federation", "block", "evil.example", "--reason", "spam")
    moot("federation", "allow", "fine.example")
    moot("federation", "blocks", "--out", "ours.csv")
    assert (elsewhere / "ours.csv").read_text().splitlines()[1:] == ["evil.example,suspend,True,True,spam,False"]
    assert [row["host"] for row in moot("federation", "blocks")] == ["evil.example", "fine.example"]


def test_what_cannot_be_is_said_in_a_line(moot: Moot, command: Command, elsewhere: Path) -> None:
    (elsewhere / "page.html").write_text("<html>404</html>")
    (elsewhere / "huge.csv").write_bytes(b"evil.example\n" * 800_000)
    for arguments in (
        ("federation", "block", "a b"),
        ("federation", "block", "http://127.0.0.1:4100"),
        ("federation", "lists", "add", "nothing.csv"),
        ("federation", "lists", "add", "page.html"),
        ("federation", "lists", "add", "huge.csv"),
        ("federation", "lists", "show", "nothing"),
        ("federation", "lists", "remove", "nothing"),
        ("federation", "lists", "update", "nothing"),
        ("federation", "lists", "add", "ftp://lists.example/a.csv"),
        ("federation", "lists", "add", "http://10.0.0.1/a.csv"),
    ):
        result = command(*arguments, "--json")
        assert result.exit_code == 1, arguments
        assert json.loads(result.stderr)["error"]
