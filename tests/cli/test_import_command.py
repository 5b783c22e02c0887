"""`folkmoot import loomio`, as an admin runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Moot = Callable[..., Any]
Command = Callable[..., Result]

LINES = [
    {"table": "groups", "record": {"id": 1, "key": "k1", "handle": "choir", "name": "Choir",
     "is_visible_to_public": True, "discussion_privacy_options": "public_only", "membership_granted_upon": "request"}},
    {"table": "users", "record": {"id": 2, "username": "lu", "name": "Lu", "email": "lu@mail.example"}},
    {"table": "discussions", "record": {"id": 3, "key": "aBcDeFg1", "group_id": 1, "title": "Which songs?",
     "description": "Old ones", "author_id": 2, "private": False, "created_at": "2019-01-01T10:00:00Z"}},
    {"table": "comments", "record": {"id": 4, "discussion_id": 3, "body": "New ones", "user_id": 2,
     "parent_type": "Discussion", "parent_id": 3, "created_at": "2019-01-02T10:00:00Z"}},
    {"table": "tasks", "record": {"id": 5, "name": "Copy the music"}},
]  # fmt: skip


@pytest.fixture
def export(elsewhere: Path) -> str:
    file = elsewhere / "export.json"
    file.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return str(file)


def test_an_export_is_tried_taken_and_taken_again(moot: Moot, export: str) -> None:
    tried = moot("import", "loomio", export, "--dry-run")
    assert tried["dry_run"] and moot("group", "list") == []
    done = moot("import", "loomio", export)
    assert done["taken"] == tried["taken"] == {"groups": 1, "users": 1, "discussions": 1, "comments": 1}
    assert done["kept"] == {"tasks": 1}
    [thread] = done["threads"]
    assert (thread["title"], thread["comments"]) == ("Which songs?", 1)
    again = moot("import", "loomio", export)
    assert again["taken"] == {} and again["known"] == done["taken"]
    assert len(moot("thread", "list")) == 1


def test_the_report_is_told_in_words(command: Command, moot: Moot, export: str) -> None:
    said = command("import", "loomio", export).output
    assert "kept as they came, not shown yet: 1 tasks" in said and "“Which songs?”, 1 comments" in said
    assert "Nobody can sign in because of this" in said


def test_a_bad_line_is_named_and_nothing_is_written(command: Command, moot: Moot, export: str) -> None:
    with Path(export).open("a", encoding="utf-8") as file:
        file.write('{"table": "users", "record": {"id": 6,}}\n')
    result = command("import", "loomio", export)
    assert result.exit_code == 1
    assert "line 6 is not JSON" in result.stderr and result.stderr.count("\n") == 1
    assert moot("group", "list") == [] and moot("person", "list") == []


def test_an_imported_thread_takes_the_next_comment(moot: Moot, export: str) -> None:
    [thread] = moot("import", "loomio", export)["threads"]
    moot("group", "join", "choir", "lu")
    row = moot("comment", "add", f"{thread['page']}#1", "--author", "lu", "--text", "Both!")
    assert (row["number"], row["depth"]) == (2, 2)
    assert [item["number"] for item in moot("thread", "show", thread["uid"])["items"]] == [0, 1, 2]
