"""What an admin does at the console, from the first command on."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

from node.cli import COMMANDS, folkmoot

Moot = Callable[..., Any]
Command = Callable[..., Result]


@pytest.fixture
def thread(moot: Moot) -> str:
    """A thread of ana's in the garden, where ben is too."""
    moot("person", "create", "ana", "--display-name", "Ana")
    moot("person", "create", "ben")
    moot("group", "create", "garden", "--title", "The garden", "--creator", "ana")
    moot("group", "join", "garden", "ben")
    row = moot("thread", "start", "garden", "--author", "ana", "--title", "Beans?", "--text", "Where to?")
    return str(row["uid"])


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None, name
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from every_command(found, (*path, name))


def test_every_command_teaches_by_an_example_and_answers_in_json() -> None:
    for path, command in every_command(folkmoot):
        assert "Example" in (command.help or ""), path
        if not isinstance(command, click.Group):
            assert "--json" in [flag for option in command.params for flag in option.opts], path


def test_help_names_every_command_without_reading_any(command: Command) -> None:
    said = command("--help").output
    assert all(f"  {name} " in said for name in COMMANDS)


def test_init_writes_settings_and_secret_for_their_owner_alone(command: Command, elsewhere: Path) -> None:
    assert command("init", "--origin", "https://moot.example").exit_code == 0
    for file in (elsewhere / "folkmoot.toml", elsewhere / "var" / "secret"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((elsewhere / "var").stat().st_mode) == 0o700
    assert command("config", "check").exit_code == 0


def test_init_never_overwrites_settings(command: Command, elsewhere: Path) -> None:
    (elsewhere / "folkmoot.toml").write_text("# mine\n")
    result = command("init", "--origin", "https://moot.example")
    assert result.exit_code == 1
    assert (elsewhere / "folkmoot.toml").read_text() == "# mine\n"


def test_init_refuses_an_origin_that_cannot_be_kept_and_writes_nothing(command: Command, elsewhere: Path) -> None:
    result = command("init", "--origin", "http://moot.example")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: origin must be https")
    assert list(elsewhere.iterdir()) == []


def test_settings_are_told_without_their_secrets(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLKMOOT_ORIGIN", "https://moot.example")
    monkeypatch.setenv("FOLKMOOT_SECRET", "correct horse battery staple")
    monkeypatch.setenv("FOLKMOOT_DATABASE_URL", "postgresql://moot:hunter2@db.example/moot")
    for arguments in (("config", "show"), ("config", "show", "--json")):
        said = command(*arguments).output
        assert "hidden" in said
        assert "battery" not in said and "hunter2" not in said


def test_an_unknown_setting_is_an_error_in_one_line(command: Command, elsewhere: Path) -> None:
    (elsewhere / "folkmoot.toml").write_text('origin = "https://moot.example"\nlisen = "127.0.0.1:1"\n')
    result = command("config", "check")
    assert result.exit_code == 1
    assert "unknown setting lisen" in result.stderr and result.stderr.count("\n") == 1


def test_trouble_is_one_line_and_status_1_and_misuse_is_status_2(command: Command, moot: Moot) -> None:
    assert command("group", "show", "nobody").exit_code == 1
    assert command("group", "show", "nobody").stderr.count("\n") == 1
    assert command("group", "show").exit_code == 2
    assert command("no-such-command").exit_code == 2


def test_a_database_that_cannot_be_opened_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLKMOOT_ORIGIN", "https://moot.example")
    monkeypatch.setenv("FOLKMOOT_DATABASE_URL", "postgresql://moot:hunter2@127.0.0.1:1/moot")
    result = command("group", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the database does not work") and "hunter2" not in result.output


def test_a_conversation_at_the_console(moot: Moot, thread: str) -> None:
    first = moot("comment", "add", thread, "--author", "ben", "--text", "By the *wall*.")
    assert (first["number"], first["html"]) == (1, "<p>By the <em>wall</em>.</p>\n")
    second = moot("comment", "add", f"{thread}#1", "--author", "ana", input="Which one?\n")
    assert (second["number"], second["depth"], second["source"]) == (2, 2, "Which one?\n")
    assert moot("comment", "edit", first["uri"], "--text", "By the south wall.")["edited_at"]
    moot("comment", "remove", second["uid"])
    moot("comment", "remove", f"{thread}#1", "--moderator", "--reason", "a trial")
    shown = moot("thread", "show", thread)
    assert [item["state"] for item in shown["items"]] == ["visible", "removed", "deleted"]
    moot("comment", "remove", f"{thread}#1", "--restore")
    page = shown["thread"]["page"]
    assert moot("thread", "show", f"{page}#c-1")["items"][1]["state"] == "visible"
    moot("thread", "lock", page)
    assert moot("thread", "list", "--group", "garden")[0]["locked"] is True


def test_a_text_may_come_from_a_file(moot: Moot, thread: str, elsewhere: Path) -> None:
    (elsewhere / "words.md").write_text("From a *file*", encoding="utf-8")
    row = moot("comment", "add", thread, "--author", "ben", "--file", "words.md")
    assert row["source"] == "From a *file*"


def test_a_locked_thread_takes_no_comment(command: Command, moot: Moot, thread: str) -> None:
    moot("thread", "lock", thread)
    result = command("comment", "add", thread, "--author", "ben", "--text", "Too late")
    assert result.exit_code == 1
    assert "locked" in result.stderr


def test_a_server_that_cannot_be_reached_leaves_a_mention_as_text(command: Command, moot: Moot, thread: str) -> None:
    result = command("comment", "add", thread, "--author", "ben", "--text", "Ask @zoe@127.0.0.1:9 too")
    assert result.exit_code == 0
    assert "@zoe@127.0.0.1:9 stays text" in result.stderr


def test_whoever_is_not_there_cannot_be_followed(command: Command, moot: Moot, thread: str) -> None:
    result = command("follow", "ana", "@zoe@127.0.0.1:9")
    assert result.exit_code == 1
    assert command("unfollow", "ana", "@zoe@127.0.0.1:9").exit_code == 1
    assert moot("followers", "garden") == []


def test_a_group_is_changed_and_shown(moot: Moot, thread: str) -> None:
    changed = moot("group", "edit", "garden", "--comments", "boosted", "--outsiders-may-not-start")
    assert (changed["comments"], changed["outsiders_may_start"]) == ("boosted", False)
    moot("group", "join", "garden", "ben", "--role", "moderator")
    shown = moot("group", "show", "garden")
    assert [(member["person"]["name"], member["role"]) for member in shown["members"]] == [
        ("Ana", "admin"),
        ("ben", "moderator"),
    ]


def test_a_secret_group_is_seen_at_the_console(moot: Moot) -> None:
    moot("person", "create", "ana")
    moot("group", "create", "board", "--privacy", "secret", "--creator", "ana")
    moot("thread", "start", "board", "--author", "ana", "--title", "Money", "--text", "None.")
    assert [row["name"] for row in moot("group", "list")] == ["board"]
    assert moot("thread", "list")[0]["private"] is True


def test_a_person_is_changed_suspended_and_deleted(command: Command, moot: Moot, thread: str) -> None:
    assert moot("person", "edit", "ben", "--display-name", "Ben O.")["display_name"] == "Ben O."
    assert moot("person", "suspend", "ben", "--reason", "a trial")["state"] == "suspended"
    assert command("comment", "add", thread, "--author", "ben", "--text", "Hey").exit_code == 1
    assert moot("person", "suspend", "ben", "--lift")["state"] == "active"
    assert command("person", "delete", "ben", input="n\n").exit_code == 1
    moot("person", "delete", "ben", "--yes")
    assert [row["name"] for row in moot("person", "list")] == ["ana"]
    assert "once was" in command("person", "create", "ben").stderr


def test_a_host_is_blocked_and_let_back(moot: Moot) -> None:
    assert moot("federation", "block", "https://Bad.example/", "--reason", "harassment")["host"] == "bad.example"
    assert moot("federation", "hosts")[0]["blocked_why"] == "harassment"
    moot("federation", "unblock", "bad.example")
    assert moot("federation", "hosts", "bad.example")["blocked_at"] is None
    assert moot("federation", "deliveries")["waiting"] == 0
    assert moot("federation", "letters")["waiting"] == 0
    assert moot("federation", "retry", "bad.example")["deliveries"] == 0


def test_what_was_never_put_aside_cannot_be_tried_again(command: Command, moot: Moot) -> None:
    assert command("federation", "retry", "--delivery", "17").exit_code == 1
    assert command("federation", "retry", "--letter", "17").exit_code == 1
    assert command("federation", "retry").exit_code == 2
    assert moot("federation", "retry", "--given-up", "17") == {"deliveries": 0, "letters": 0, "kept": 0}


def test_the_ledger_is_shown_at_the_console(command: Command, moot: Moot, thread: str) -> None:
    assert moot("federation", "overview")["queues"]["deliveries_waiting"] == 0
    assert "arrived" in command("federation", "overview").stdout
    assert moot("federation", "given-up", "--fate", "refused") == []
    assert moot("federation", "parked") == {"deliveries": [], "letters": []}
    assert command("federation", "host", "nowhere.example").exit_code == 1
    assert command("federation", "activity", "https://nowhere.example/1").exit_code == 1
    moot("federation", "silence", "loud.example")
    assert moot("federation", "host", "loud.example")["server"]["limit"] == "silence"


def test_a_private_address_is_not_inspected(command: Command, moot: Moot) -> None:
    """SSR-01: the console has no wider reach than the node."""
    result = command("federation", "inspect", "http://169.254.169.254/latest")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error:")


def test_the_worker_does_what_is_due_and_ends(moot: Moot) -> None:
    assert moot("worker", "--until-idle") == {"idle": True}


def test_migrate_says_when_nothing_is_to_be_done(moot: Moot) -> None:
    assert moot("migrate") == []


def test_settings_are_found_where_they_are_named(command: Command, elsewhere: Path) -> None:
    inner = elsewhere / "etc"
    inner.mkdir()
    made = command("--config", "etc/moot.toml", "init", "--origin", "https://moot.example", "--data", "etc/data")
    assert made.exit_code == 0, made.output
    assert command("group", "list").exit_code == 1
    os.chdir(inner)
    assert command("--config", "moot.toml", "group", "list").exit_code == 0


def test_what_cannot_be_fetched_cannot_be_answered(command: Command, moot: Moot, thread: str) -> None:
    for address in ("http://127.0.0.1:1/post/x", "http://10.0.0.1/post/x", "not an address"):
        refused = command("remark", "add", address, "--author", "ana", "--text", "Hello?")
        assert refused.exit_code == 1, refused.output
        assert len(refused.output.strip().splitlines()) == 1
    assert command("remark", "edit", f"{thread}x", "--text", "Hello?").exit_code == 1
