"""Accounts at the console: the first link, and letting people in, out and up."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.equipment.processes import free_port

ROOT = Path(__file__).parents[2]
Moot = Callable[..., Any]
Command = Callable[..., Result]

LINK = re.compile(r"http://127\.0\.0\.1:4100/welcome/[\w-]{43}")


def test_a_person_is_made_without_an_account_as_ever(moot: Moot) -> None:
    made = moot("person", "create", "ana")
    assert "link" not in made

    shown = moot("person", "show", "ana")
    assert (shown["can_sign_in"], shown["email"], shown["admin"]) == (False, None, False)


def test_a_person_with_an_address_is_written_to(moot: Moot) -> None:
    made = moot("person", "create", "ana", "--email", "Ana@Coop.Example")
    assert "link" not in made  # in development mail goes into a folder

    shown = moot("person", "show", "ana")
    assert (shown["can_sign_in"], shown["email"]) == (True, "ana@coop.example")
    [mail] = moot("mail", "list")
    assert mail["kind"] == "first" and mail["to"] == "ana@coop.example"


def test_a_link_is_printed_where_it_is_asked_for(moot: Moot) -> None:
    made = moot("person", "create", "mira", "--admin", "--link")

    assert LINK.fullmatch(made["link"])
    assert moot("person", "show", "mira")["admin"] is True


@pytest.mark.parametrize("email", ["ana", "ana@x", '"a b"@coop.example', "ana@coop.example\nbcc@evil.test"])
def test_what_is_no_address_makes_nobody(moot: Moot, command: Command, email: str) -> None:
    """WEB-12"""
    result = command("person", "create", "ana", "--email", email)

    assert result.exit_code == 1
    assert command("person", "show", "ana").exit_code == 1


def test_one_address_has_one_account(moot: Moot, command: Command) -> None:
    moot("person", "create", "ana", "--email", "ana@coop.example")

    result = command("person", "create", "ben", "--email", "ANA@coop.example")

    assert result.exit_code == 1 and "Another account" in result.stderr


def test_an_admin_has_to_be_able_to_sign_in(moot: Moot, command: Command) -> None:
    assert command("person", "create", "mira", "--admin").exit_code == 2


def test_a_reset_prints_a_link_for_who_has_no_address(moot: Moot) -> None:
    moot("person", "create", "ana")

    first, second = moot("person", "reset", "ana"), moot("person", "reset", "ana")

    assert LINK.fullmatch(first["link"]) and LINK.fullmatch(second["link"])
    assert first["link"] != second["link"]


def test_a_reset_is_mailed_to_who_has_one(moot: Moot) -> None:
    moot("person", "create", "ana", "--email", "ana@coop.example")

    assert "link" not in moot("person", "reset", "ana")
    assert LINK.fullmatch(moot("person", "reset", "ana", "--link")["link"])
    assert len(moot("mail", "list")) == 3


def test_rights_are_given_and_taken_but_never_the_last_ones(moot: Moot, command: Command) -> None:
    moot("person", "create", "mira", "--admin", "--link")
    moot("person", "create", "ana")

    refused = command("person", "promote", "mira", "--demote")
    assert refused.exit_code == 1 and "only admin" in refused.stderr
    for arguments in (("suspend", "mira"), ("delete", "mira", "--yes")):
        assert command("person", *arguments).exit_code == 1, arguments

    assert moot("person", "promote", "ana") == {"name": "ana", "admin": True}
    assert moot("person", "promote", "mira", "--demote", "--reason", "on leave") == {"name": "mira", "admin": False}
    assert moot("person", "show", "ana")["can_sign_in"] is True


def test_a_lost_phone_is_not_the_end(moot: Moot, command: Command) -> None:
    moot("person", "create", "ana", "--link")

    assert command("person", "edit", "ana", "--no-second-factor").exit_code == 0


def test_no_password_is_ever_asked_for_or_shown(moot: Moot, command: Command) -> None:
    """WEB-10: what is printed is a link that works once; what is kept is its hash."""
    made = moot("person", "create", "ana", "--link")
    secret = made["link"].rpartition("/")[2]

    for arguments in (("person", "show", "ana"), ("person", "list"), ("config", "show")):
        assert secret not in command(*arguments, "--json").output


async def first_words(folder: Path, *arguments: str) -> dict[str, Any]:
    """What a server answers when it is ready; then it is stopped."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "node", "--config", str(folder / "folkmoot.toml"), *arguments, "--json",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(60):
        while not said.rstrip().endswith(b"\n}"):
            said += await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        await process.wait()
    told: dict[str, Any] = json.loads(said)
    return told


async def test_every_start_prints_a_new_link_until_there_is_an_admin(elsewhere: Path, command: Command) -> None:
    """WEB-10: an earlier one is void."""
    origin = f"http://127.0.0.1:{free_port()}"
    made = await asyncio.to_thread(
        command, "init", "--origin", origin, "--listen", origin.removeprefix("http://"), "--development", "--name", "M"
    )
    assert made.exit_code == 0

    first, second = [(await first_words(elsewhere, "serve"))["welcome"] for _ in range(2)]
    assert first.startswith(f"{origin}/welcome/") and first != second
    created = await asyncio.to_thread(command, "person", "create", "mira", "--admin", "--link")
    assert created.exit_code == 0

    assert "welcome" not in await first_words(elsewhere, "serve")
