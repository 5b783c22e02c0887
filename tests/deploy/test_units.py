"""The files in deploy/: units that systemd takes, commands and settings that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from node import settings
from node.cli import COMMANDS, folkmoot
from tests.equipment.processes import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
PROGRAM = "/opt/folkmoot/.venv/bin/folkmoot"
MOST_EXPOSED = 1.5  # of 10; systemd calls 2 to 4 OK, and a service without any of it has 9.6


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units in a folder of systemd's own, with a program where theirs would be."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed: apt install --no-install-recommends systemd")
    program = tmp_path / "folkmoot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        name = unit.name.replace("@.", "@1.")
        (tmp_path / name).write_text(unit.read_text().replace(PROGRAM, str(program)))
    return tmp_path


def test_systemd_takes_every_unit(installed: Path) -> None:
    units = sorted([*installed.glob("*.service"), *installed.glob("*.timer")])
    said = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)

    told = [line for line in said.stderr.splitlines() if "folkmoot" in line]
    assert (said.returncode, told) == (0, [])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_can_do_little_beside_its_work(installed: Path, unit: Path) -> None:
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", installed / unit.name.replace("@.", "@1.")],
        capture_output=True,
        text=True,
    )

    found = re.search(r"exposure level for \S+: ([\d.]+)", said.stdout)
    assert found, said.stdout + said.stderr
    assert float(found[1]) <= MOST_EXPOSED, said.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_runs_a_command_that_there_is(unit: Path) -> None:
    text = unit.read_text()
    line = re.search(rf"^ExecStart={PROGRAM} --config (\S+) (\w+)", text, re.MULTILINE)

    assert line and line[1] == "/var/lib/folkmoot/folkmoot.toml" and line[2] in COMMANDS
    assert "User=folkmoot" in text and "UMask=0077" in text


def test_the_container_is_not_root_and_says_how_it_is() -> None:
    text = (DEPLOY / "Containerfile").read_text()

    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == "10001"
    assert "HEALTHCHECK" in text and "/livez" in text and text.count("pip install") == 1


def test_every_setting_in_deploy_exists() -> None:
    known = {f"FOLKMOOT_{name.upper()}" for name in settings.Settings.__dataclass_fields__} | {
        "FOLKMOOT_DOMAIN",  # of the Caddyfile
        "FOLKMOOT_UPSTREAM",
    }
    for file in DEPLOY.iterdir():
        found = set(re.findall(r"FOLKMOOT_[A-Z_]+", file.read_text()))
        assert found <= known, f"{file.name}: {found - known}"


PAGES = [ROOT / "README.md", ROOT / "docs/install.md", ROOT / "docs/troubleshooting.md", *sorted(DEPLOY.iterdir())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_told_exists(page: Path) -> None:
    """Whoever is in trouble copies a command from a page; it must be there."""
    said = re.findall(r"(?:^|`|u folkmoot |exec node )folkmoot ([a-z]+)(?: ([a-z]+))?", page.read_text(), re.MULTILINE)
    for name, verb in said:
        assert name in COMMANDS, f"there is no command {name}"
        command = folkmoot.get_command(click.Context(folkmoot), name)
        if isinstance(command, click.Group) and verb:
            assert verb in command.commands, f"there is no command {name} {verb}"
    assert said or page.parent == DEPLOY
