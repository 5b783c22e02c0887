"""The pages are held against the program: commands, settings, files and versions that they name exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path

import click
import pytest

from node import VERSION
from node.cli import folkmoot
from node.settings import NOT_SETTINGS, Settings, load

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGES.md", "SECURITY.md", "FEDERATION.md")
DEPLOYED = sorted(file for file in (ROOT / "deploy").iterdir() if file.is_file())


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shell(name: str) -> list[str]:
    """The lines of all shell blocks of a page, and what stands in code font, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text(name), re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    prose = re.sub(r"```.*?```", "", text(name), flags=re.DOTALL)
    return [line for line in lines if line] + re.findall(r"`([^`\n]+)`", prose)


def commands(lines: list[str]) -> list[list[str]]:
    """Every call of `folkmoot` in these lines, by its words, at the beginning or as somebody else or elsewhere."""
    calls = []
    for line in lines:
        words = shlex.split(line.removesuffix("\\"))  # what goes on in the next line is no call of ours yet
        for at, word in enumerate(words[:-1]):
            is_program = word == "folkmoot" or word.endswith("/folkmoot")
            is_called = at == 0 or (words[0] in ("sudo", "docker", "podman") and words[at - 1] not in ("-u", "-t"))
            if is_program and is_called:
                calls.append(words[at + 1 :])
                break
    return calls


def deployed() -> list[list[str]]:
    """What the files in deploy/ run, and tell people to run."""
    lines = [
        line.removeprefix("#").strip().removeprefix("ExecStart=")
        for file in DEPLOYED
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return commands([line for line in lines if re.match(r"(sudo|docker|podman|[^\s=]*folkmoot) ", line)])


def check(call: list[str]) -> None:
    """Fails unless the command, its subcommand and its options exist."""
    context = click.Context(folkmoot)
    group: click.Command = folkmoot
    options = {option for parameter in group.params for option in parameter.opts} | {"--help", "-h", "--version"}
    words = list(call)
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            assert word in options, f"folkmoot {' '.join(call)}: there is no {word}"
            if word in ("--config",):
                words.pop(0)
        elif isinstance(group, click.Group):
            found = group.get_command(context, word)
            assert found is not None, f"folkmoot {' '.join(call)}: there is no {word}"
            group = found
            options |= {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}


# ------------------------------------------------------------------ commands


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    for call in commands(shell(page)):
        check(call)


def test_the_readme_names_commands_at_all() -> None:
    named = {call[0] for call in commands(shell("README.md"))}

    assert named >= {"run", "demo", "init", "config", "migrate", "person", "group", "thread", "import", "federation"}


def test_every_command_in_the_deployment_files_exists() -> None:
    calls = deployed()

    assert {"serve", "web", "worker"} <= {call[-1] for call in calls}
    for call in calls:
        check(call)


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    named = {line.split()[1] for page in PAGES for line in shell(page) if line.startswith("make ")}

    assert {"run", "test", "demo"} <= named <= targets


# ------------------------------------------------------------------ settings and files


def test_the_readme_tells_every_setting_and_no_other() -> None:
    section = text("README.md").partition("### Settings")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert told == [setting.name for setting in fields(Settings)]


def test_every_variable_that_is_named_is_a_setting() -> None:
    known = {setting.name for setting in fields(Settings)} | NOT_SETTINGS
    pages = [text(page) for page in PAGES] + [file.read_text(encoding="utf-8") for file in DEPLOYED]
    named = {name.lower() for page in pages for name in re.findall(r"FOLKMOOT_([A-Z_]+)", page)}

    assert named <= known


def test_the_example_of_the_settings_can_be_used() -> None:
    example = load({}, ROOT / "deploy" / "folkmoot.toml")

    assert example.origin == "https://moot.example"
    assert not example.development


def test_every_setting_in_the_example_that_is_commented_out_exists() -> None:
    commented = re.findall(r"^#(\w+) = ", text("deploy/folkmoot.toml"), re.MULTILINE)

    assert commented
    assert set(commented) <= {setting.name for setting in fields(Settings)}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    linked = {target for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text(page)) if "://" not in target}
    coded = set(re.findall(r"`([\w-]+(?:/[\w-]+)*(?:/|/[\w-]+\.py))`", text(page)))
    missing = sorted(name for name in linked | coded if not (ROOT / name).exists())
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_that_is_linked_is_there(page: str) -> None:
    anchors = {
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", text(page))) <= anchors


# ------------------------------------------------------------------ functions and versions


def test_every_function_that_the_flows_name_is_where_they_say() -> None:
    named = re.findall(r"`(\w+)` in `([\w/]+\.py)`", text("CONTRIBUTING.md"))

    assert len(named) >= 6
    for name, file in named:
        assert re.search(rf"^(?:async def|def|class) {name}\b|^{name}\b", text(file), re.MULTILINE), f"{name} in {file}"


def test_the_latest_change_is_this_version() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    latest = re.search(r"^## (\S+)", text("CHANGES.md"), re.MULTILINE)

    assert latest and latest[1] == VERSION == project["version"]


def test_every_release_says_what_to_do_when_upgrading() -> None:
    releases = re.split(r"^## ", text("CHANGES.md"), flags=re.MULTILINE)[1:]

    assert releases
    assert all("### Upgrading" in release for release in releases)


def test_the_readme_names_the_python_that_the_project_needs() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]

    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in text("README.md")


def test_the_licence_is_the_one_that_is_named() -> None:
    project = tomllib.loads(text("pyproject.toml"))["project"]

    assert project["license"] == "AGPL-3.0-or-later"
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in text("LICENSE")
    assert "Affero" in text("README.md")
