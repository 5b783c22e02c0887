"""The bench says NOT where something is not as it should be, and ends so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import figures
from tests.bench.figures import Figure
from tests.equipment.processes import ROOT


@pytest.mark.parametrize(
    ("figure", "holds"),
    [
        (Figure("rate", 900.0, "/s", 0.6, 0.61), True),
        (Figure("rate", 900.0, "/s", 0.6, 0.59), False),
        (Figure("wait", 29.0, "ms", 30.0, 29.0, at_most=True), True),
        (Figure("wait", 31.0, "ms", 30.0, 31.0, at_most=True), False),
    ],
)
def test_a_figure_on_the_wrong_side_of_its_floor_is_not_as_it_should_be(figure: Figure, holds: bool) -> None:
    assert figure.holds(quick=False) is holds
    assert figures.line(figure, quick=False).splitlines()[0].endswith("  ok" if holds else "  NOT")


def test_a_short_run_has_generous_floors() -> None:
    figure = Figure("rate", 900.0, "/s", 0.6, 0.4)
    assert figure.holds(quick=True) and not figure.holds(quick=False)
    assert not Figure("rate", 900.0, "/s", 0.6, 0.4, quick_floor=0.5).holds(quick=True)


def test_ratios_are_of_runs_made_in_turn() -> None:
    """A machine that is twice as slow for a while is so for both."""
    assert figures.ratio([100.0, 50.0, 100.0], [200.0, 100.0, 200.0]) == 0.5


def test_a_row_is_measured_and_written_down(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench.run", "--quick", "--only", "verifying", "--json", str(file)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert 'make bench ARGS="--only verifying"' in said.stdout, said.stderr
    found = json.loads(file.read_text())["rows"]["verifying"]
    assert [figure["name"] for figure in found] == ["verifying a POST, draft-cavage", "verifying a POST, RFC 9421"]
    assert said.returncode == (0 if all(figure["ok"] for figure in found) else 1)
