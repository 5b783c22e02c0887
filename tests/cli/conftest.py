"""The command line under test: real commands on a node in a folder of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from node.cli import folkmoot

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and none of our variables."""
    for name in os.environ:
        if name.startswith("FOLKMOOT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command() -> Command:
    """Runs a command to its end; its result has what it printed and its exit code."""

    def run(*arguments: str, input: str = "") -> Result:
        result = CliRunner().invoke(folkmoot, list(arguments), input=input)
        if result.exception is not None and not isinstance(result.exception, (SystemExit, click.Abort)):
            raise result.exception
        return result

    return run


@pytest.fixture
def moot(command: Command) -> Callable[..., Any]:
    """A node that was set up; answers a command's JSON, after checking that it went well."""
    made = command("init", "--origin", "http://127.0.0.1:4100", "--development", "--name", "The moot")
    assert made.exit_code == 0, made.output

    def run(*arguments: str, input: str = "") -> Any:
        result = command(*arguments, "--json", input=input)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run
