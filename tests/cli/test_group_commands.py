"""Groups at the console: parts, invitations, requests, the link, another handle, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command

Run = Callable[..., Any]


@pytest.fixture
def garden(moot: Run) -> Run:
    """A group of Ana's, and Ben outside it."""
    for name in ("ana", "ben"):
        moot("person", "create", name)
    moot("group", "create", "garden", "--title", "The garden", "--creator", "ana")
    return moot


def test_a_part_of_a_group_says_what_it_is_a_part_of(garden: Run, command: Command) -> None:
    made = garden("group", "create", "seeds", "--parent", "garden", "--creator", "ana")
    assert made["parent"] == "garden"
    assert "part of: @garden" in command("group", "show", "seeds").stdout


def test_settings_are_changed_and_shown(garden: Run, command: Command) -> None:
    changed = garden("group", "edit", "garden", "--threads", "public", "--slow-mode", "60", "--unlisted")
    assert (changed["threads_may_be"], changed["slow_mode"], changed["listed"]) == ("public", 60, False)
    shown = command("group", "show", "garden").stdout
    assert "threads are public, one comment in 60 seconds" in shown
    assert "unlisted" in shown


def test_members_are_listed_titled_banned_and_let_back(garden: Run, command: Command) -> None:
    garden("group", "join", "garden", "ben")
    garden("group", "title", "garden", "ben", "Treasurer")
    listed = garden("group", "members", "garden")
    assert [(it["role"], it["title"]) for it in listed] == [("admin", None), ("member", "Treasurer")]
    assert "Treasurer" in command("group", "members", "garden", "--search", "be").stdout
    garden("group", "join", "garden", "ben", "--role", "banned", "--reason", "advertising")
    assert "ben" not in command("group", "members", "garden").stdout
    assert "ben" in command("group", "members", "garden", "--role", "banned").stdout
    garden("group", "remove", "garden", "ben", "--unban")
    result = command("group", "remove", "garden", "ben")
    assert (result.exit_code, result.stderr) == (1, "Error: They are not in this group.\n")


def test_people_are_invited_by_mail_and_by_handle_and_taken_back(garden: Run, command: Command) -> None:
    sent = garden("group", "invite", "garden", "eva@coop.example", "@ben", "--words", "Come!", "--by", "ana")
    assert [it["to"] for it in sent] == ["eva@coop.example", "@ben"]
    waiting = garden("group", "invitations", "garden")
    assert sorted(it["email"] or it["invited"]["handle"] for it in waiting) == ["ben", "eva@coop.example"]
    number = next(it["id"] for it in waiting if it["email"])
    assert len(garden("group", "invitations", "garden", "--revoke", str(number))) == 1
    assert command("group", "invitations", "garden", "--revoke", "99").exit_code == 1
    wrong = command("group", "invite", "garden", "nobody")
    assert (wrong.exit_code, wrong.stderr) == (1, "Error: These are no e-mail addresses: nobody\n")


def test_the_join_link_is_made_shown_and_switched_off(garden: Run, command: Command) -> None:
    assert "has no join link" in command("group", "link", "garden").stdout
    made = garden("group", "link", "garden", "--reset")["link"]
    assert made.startswith("http://127.0.0.1:4100/join/")
    assert garden("group", "link", "garden")["link"] == made
    assert garden("group", "link", "garden", "--off")["link"] is None


def test_nobody_waits_until_somebody_asks(garden: Run, command: Command) -> None:
    assert garden("group", "requests", "garden") == []
    assert command("group", "requests", "garden", "--approve", "ben").exit_code == 1
    assert command("group", "requests", "garden", "--approve", "ben", "--ignore", "ana").exit_code == 2


def test_a_group_is_renamed_archived_and_opened_again(garden: Run, command: Command) -> None:
    assert garden("group", "rename", "garden", "orchard")["name"] == "orchard"
    assert garden("group", "show", "garden")["group"]["uri"] == "http://127.0.0.1:4100/g/garden"
    assert garden("group", "archive", "orchard", "--reason", "over")["archived"] is True
    assert garden("group", "archive", "orchard", "--undo")["archived"] is False


def test_what_cannot_be_taken_back_wants_the_handle_twice(garden: Run, command: Command) -> None:
    garden("thread", "start", "garden", "--author", "ana", "--title", "Beans", "--text", "Which?")
    for verb in ("secret", "delete"):
        assert command("group", verb, "garden").exit_code == 2
        refused = command("group", verb, "garden", "--sure", "shed")
        assert refused.exit_code == 1
        assert "Type the group's handle" in refused.stderr
    garden("group", "secret", "garden", "--sure", "garden")
    assert garden("group", "show", "garden")["group"]["privacy"] == "secret"
    assert garden("thread", "list")[0]["private"] is True
    garden("group", "delete", "garden", "--sure", "garden")
    assert garden("group", "list") == []
    again = command("group", "create", "garden")
    assert again.exit_code == 1
    assert "never given again" in again.stderr
