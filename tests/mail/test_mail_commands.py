"""`folkmoot mail`: what waits and what it says, tried again, and a test of the server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.app import opened
from node.cli import folkmoot
from node.mail import writing
from node.settings import Settings, load
from tests.mail.conftest import Mailbox, mail_server

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command() -> Command:
    """Runs a command to its end."""

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(folkmoot, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def development(command: Command, tmp_path: Path) -> Settings:
    """A node in development mode."""
    made = command("init", "--origin", "http://127.0.0.1:4100", "--development", "--name", "The moot")
    assert made.exit_code == 0, made.output
    return load({}, tmp_path / "folkmoot.toml")


@pytest.fixture
def production(command: Command, tmp_path: Path) -> Settings:
    """A node that the world could see."""
    made = command("init", "--origin", "https://moot.example", "--name", "The moot")
    assert made.exit_code == 0, made.output
    return load({}, tmp_path / "folkmoot.toml")


@pytest.fixture
def smtp() -> Iterator[Mailbox]:
    """A mail server in a thread of its own: commands have the loop of this one."""
    mailbox, up, loop = Mailbox(), threading.Event(), asyncio.new_event_loop()
    down = asyncio.Event()

    async def serve() -> None:
        async with mail_server(mailbox):
            up.set()
            await down.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    yield mailbox
    loop.call_soon_threadsafe(down.set)
    thread.join()
    loop.close()


def write(settings: Settings, kind: str = "reset", **values: Any) -> None:
    """A mail to ana, by a verb of the node."""

    async def act() -> None:
        async with opened(settings) as parts:
            await parts.node.storage.write(
                writing.write, kind, to_address="ana@coop.example", **values or {"link": "/reset/5f3a"}
            )

    asyncio.run(act())


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_mail_that_waits_is_listed_and_shown(development: Settings, command: Command) -> None:
    write(development)

    [line] = answer(command("mail", "list", "--json"))
    shown = answer(command("mail", "show", "--json"))
    words = command("mail", "show", line["uid"]).stdout

    assert (line["kind"], line["to"], line["state"], line["file"]) == ("reset", "ana@coop.example", "waiting", None)
    assert (shown["uid"], shown["state"]) == (line["uid"], "waiting")
    assert shown["headers"]["Subject"] == "A new password for The moot"
    assert "http://127.0.0.1:4100/reset/5f3a" in shown["text"]
    assert "http://127.0.0.1:4100/reset/5f3a" in shown["html"]
    assert "To: ana@coop.example\n" in words
    assert "http://127.0.0.1:4100/reset/5f3a\n" in words


def test_in_development_a_mail_that_was_sent_keeps_its_words_in_its_file(
    development: Settings, command: Command
) -> None:
    write(development)
    assert command("worker", "--until-idle").exit_code == 0
    write(development, "joined", group="Garden", link="/g/garden")

    newest, older = answer(command("mail", "list", "--json"))

    assert (newest["kind"], newest["state"]) == ("joined", "waiting")
    assert (older["kind"], older["state"]) == ("reset", "sent")
    assert Path(older["file"]).is_file()
    assert "/reset/5f3a" in answer(command("mail", "show", older["uid"], "--json"))["text"]
    assert "You are a member" in command("mail", "show").stdout


def test_in_production_the_words_of_a_sent_mail_are_gone(
    production: Settings, command: Command, smtp: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLKMOOT_SMTP_URL", f"smtp://127.0.0.1:{smtp.port}?starttls=no")
    write(production)
    assert command("worker", "--until-idle").exit_code == 0

    result = command("mail", "show")

    assert len(smtp.received) == 1
    assert result.exit_code == 1
    assert "its words were erased" in result.stderr
    assert "5f3a" not in command("mail", "list").stdout


def test_where_there_is_no_mail_that_is_said(development: Settings, command: Command) -> None:
    assert command("mail", "list").stdout == "There are none.\n"
    assert "there is no mail yet" in command("mail", "show").stderr
    assert "there is no mail nothing" in command("mail", "show", "nothing").stderr


def test_a_mail_that_waits_for_a_server_is_tried_again_when_asked(
    production: Settings, command: Command, smtp: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(production)
    assert command("worker", "--until-idle").exit_code == 0
    [line] = answer(command("mail", "list", "--json"))
    assert line["last_error"] == "no SMTP server is set (smtp_url)"

    monkeypatch.setenv("FOLKMOOT_SMTP_URL", f"smtp://127.0.0.1:{smtp.port}?starttls=no")
    assert answer(command("mail", "retry", line["uid"], "--json")) == {"retried": 1}
    assert command("worker", "--until-idle").exit_code == 0

    assert len(smtp.received) == 1
    assert answer(command("mail", "retry", "--all", "--json")) == {"retried": 0}
    assert command("mail", "retry", line["uid"]).exit_code == 1
    assert command("mail", "retry").exit_code == 2


def test_a_test_says_what_the_server_answers(
    production: Settings, command: Command, smtp: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLKMOOT_SMTP_URL", f"smtp://127.0.0.1:{smtp.port}?starttls=no")
    smtp.to_data.extend(["250", "554 no spam please"])

    well, badly = command("mail", "test", "ana@coop.example"), command("mail", "test", "ana@coop.example")

    assert well.stdout == "From The moot <noreply@moot.example> to ana@coop.example: taken as 4711\n"
    assert (badly.exit_code, badly.stderr) == (1, "Error: the mail was not sent: 554 no spam please\n")
    assert str(smtp.received[0]["Subject"]) == "A test of the mail of The moot"


def test_a_test_without_a_server_says_so(production: Settings, command: Command) -> None:
    result = command("mail", "test", "ana@coop.example")

    assert (result.exit_code, result.stderr) == (
        1,
        "Error: the mail was not sent: no SMTP server is set (smtp_url)\n",
    )


def test_a_test_needs_an_address(development: Settings, command: Command) -> None:
    assert command("mail", "test", "ana").exit_code == 1


def test_a_check_of_the_settings_says_where_mail_goes(
    production: Settings, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answer(command("config", "check", "--json"))["mail"] == "waits: no server is set (smtp_url)"

    monkeypatch.setenv("FOLKMOOT_SMTP_URL", "smtps://ana:hush-hush@mail.example")
    assert "mail.example:465, encrypted" in command("config", "check").stdout
    assert "hush-hush" not in command("config", "check").stdout + command("config", "show").stdout
