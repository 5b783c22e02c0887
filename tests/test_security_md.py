"""docs/security.md says which attack and fault is tried by which test; `make security-table` writes it anew."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security.md"
CASES = ROOT / "tests" / "attack" / "cases.json"
CORPUS = ROOT / "tests" / "attack" / "corpus.json"
BEGIN, END = "<!-- The table begins: make security-table -->", "<!-- The table ends -->"
ID = re.compile(r"\b[A-Z]{3}-[0-9]{2}\b")
SHOWN = 3  # tests of one case; the others are found by its id


@cache
def cases() -> dict[str, list[str]]:
    """Each case with its priority, what it is about, and why nothing covers it where nothing does."""
    found: dict[str, list[str]] = json.loads(CASES.read_text(encoding="utf-8"))
    return found


@cache
def covered() -> dict[str, list[str]]:
    """The tests that name each case, those first that name few."""
    found: dict[str, list[tuple[int, str]]] = {}
    for file in sorted((ROOT / "tests").rglob("*.py")):
        if "node_modules" in file.parts:
            continue
        for test, words in _tests(file):
            ids = ID.findall(words)
            for case in dict.fromkeys(ids):
                found.setdefault(case, []).append((len(ids), f"{file.relative_to(ROOT)}::{test}"))
    names = {case: [test for _, test in sorted(tests)] for case, tests in found.items()}
    for entry in json.loads(CORPUS.read_text(encoding="utf-8")):
        names.setdefault(entry["case"], []).append(f"tests/attack/corpus.json: {entry['id']}")
    return names


def _tests(file: Path) -> Iterator[tuple[str, str]]:
    """The tests of a file with their docstrings, and of parameters with the case that stands beside them."""
    for found in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and found.name.startswith("test_"):
            beside = [
                each.value
                for mark in found.decorator_list
                for each in ast.walk(mark)
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            yield found.name, " ".join([ast.get_docstring(found) or "", *beside])


def table() -> str:
    """The table as it stands in docs/security.md, with a line on what is open above it."""
    rows = ["| case | priority | what is tried | covered by |", "|---|---|---|---|"]
    open_ones = []
    for case, (priority, what, *why) in cases().items():
        tests = covered().get(case, [])
        if not tests:
            open_ones.append(f"- **{case}** ({priority}, {what}): {why[0] if why else 'no reason was written down'}.")
        told = "<br>".join(f"`{test}`" for test in tests[:SHOWN]) or "**not covered**"
        more = f"<br>and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
        rows.append(f"| {case} | {priority} | {what} | {told}{more} |")
    counts = ", ".join(
        f"{sum(cases()[case][0] == priority and case in covered() for case in cases())} of "
        f"{sum(each[0] == priority for each in cases().values())} {priority}"
        for priority in ("P0", "P1", "P2")
    )
    return "\n".join([f"Covered: {counts}. Open:", "", *open_ones, "", *rows])


def test_the_page_names_each_case_with_what_covers_it() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    kept, _, after = rest.partition(END)
    assert after, "the table has its place in docs/security.md"
    if os.environ.get("FOLKMOOT_WRITE"):
        PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}", encoding="utf-8")
        _settle()
        return
    assert kept.strip() == table(), "run: make security-table"


def _settle() -> None:
    """Takes the reasons away from what is covered by now."""
    lines = [
        f'"{case}": {json.dumps(said[:2] if case in covered() else said, ensure_ascii=False)}'
        for case, said in cases().items()
    ]
    CASES.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    cases.cache_clear()


def test_every_case_that_a_test_names_is_one() -> None:
    families = {case.partition("-")[0] for case in cases()}
    unknown = {
        case: tests for case, tests in covered().items() if case not in cases() and case.partition("-")[0] in families
    }
    assert unknown == {}


def test_whatever_is_open_says_why_and_nothing_else_does() -> None:
    silent = [case for case, said in cases().items() if case not in covered() and len(said) < 3]
    settled = [case for case, said in cases().items() if case in covered() and len(said) > 2]
    assert (silent, settled) == ([], [])
