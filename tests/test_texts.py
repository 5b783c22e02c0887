"""Texts for people: each can be found by the tools of translators, and filled in."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from node import languages

ROOT = Path(__file__).parent.parent
METHODS = [("**/web/**.py", "python"), ("**/forum/**.py", "python"), ("**/fediverse/**.py", "python")]
METHODS += [("**/mail/**.py", "python"), ("languages.py", "python")]
METHODS += [("**/templates/**", "jinja2.ext:babel_extract")]
SAID = {"_": 1, "gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
REFUSED = {"NotAllowed": 1, "Invalid": 1, "NotFound": 1}
KEYWORDS = {
    "_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3),
    "NotAllowed": None, "Invalid": None, "NotFound": None,
}  # fmt: skip
PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")


@cache
def texts() -> tuple[tuple[str, str | tuple[str, ...]], ...]:
    """Every text with where it stands, as `make messages` finds them."""
    found = extract_from_dir(
        ROOT / "node", METHODS, {"**/templates/**": {"silent": "false", "newstyle_gettext": "true"}}, keywords=KEYWORDS
    )
    return tuple((f"{file}:{line}", message) for file, line, message, _comments, _context in found)


@pytest.mark.parametrize("folder", ["node/web", "node/forum", "node/fediverse", "node/mail"])
def test_what_is_said_to_people_is_a_text_that_can_be_translated(folder: str) -> None:
    """A text put together by the program is in no catalogue."""
    wrong = []
    for file in sorted((ROOT / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            count = (SAID | REFUSED).get(call.func.id, 0)
            for argument in call.args[:count]:
                if isinstance(argument, ast.Attribute) and argument.attr == "words":
                    continue  # those of a refusal, which were found where it was raised
                if isinstance(argument, ast.Call) and isinstance(argument.func, ast.Name) and argument.func.id in SAID:
                    continue  # a door refuses in the reader's language already
                if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                    wrong.append(f"{file.relative_to(ROOT)}:{call.lineno}")
    assert wrong == []


def test_texts_are_found_in_pages_mails_and_rules() -> None:
    places = {place.partition("/")[0] for place, _ in texts()}
    assert {"web", "forum", "mail"} <= places
    assert len(texts()) > 300


def test_both_forms_of_a_text_with_a_number_have_the_same_places() -> None:
    wrong = [
        place
        for place, message in texts()
        if isinstance(message, tuple)
        and set(PLACEHOLDER.findall(message[-1])) - {("num", "s")}
        != set(PLACEHOLDER.findall(message[-2])) - {("num", "s")}
    ]
    assert wrong == []


@pytest.mark.parametrize("language", [language for language in languages.available() if language != languages.SOURCE])
def test_a_translation_keeps_what_is_filled_in(language: str) -> None:
    with (languages.FOLDER / language / "folkmoot.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    for message in catalogue:
        if message.id and message.string:
            originals = message.id if isinstance(message.id, tuple) else (message.id,)
            strings = message.string if isinstance(message.string, tuple) else (message.string,)
            allowed = {found for original in originals for found in PLACEHOLDER.findall(original)}
            for string in strings:
                assert set(PLACEHOLDER.findall(string)) <= allowed, message.id
