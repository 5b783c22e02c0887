"""A corpus of attacks: read from a file, and filled in for one play of one entry.

Placeholders `{{name}}` are replaced by what the stage knows, unknown ones stay as they are. A string that ends in
`...(5000)` is drawn out to that length by its last character, a list that ends in `"...10000"` to that many entries.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{(\w+)(?:([+-])(\d+))?\}\}")
_DRAWN_OUT = re.compile(r"(.*)\.\.\.\((\d+)\)", re.DOTALL)
_AND_SO_ON = re.compile(r"\.\.\.\s*(\d+)")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
MANY = 1000  # entries of a list that says `{{n}}` and not how many


class Unplayable(Exception):
    """The runner does not know how to do what the entry asks for."""


@dataclass(frozen=True)
class Entry:
    """One attack: what is sent, and what may come of it."""

    id: str
    target: str
    case: str
    description: str
    payload: dict[str, Any]
    expect: dict[str, Any]

    @property
    def effect(self) -> str:
        return str(self.expect.get("effect", ""))

    def says(self, words: str) -> bool:
        """Whether the payload names something, such as `/n/known`."""
        return words in json.dumps(self.payload)


def read(path: Path, *, only: str = "") -> list[Entry]:
    """The entries of a corpus file whose id or case begins with `only`."""
    found = [
        Entry(
            entry["id"],
            entry["target"],
            entry.get("case", ""),
            entry.get("description", ""),
            entry["payload"],
            entry["expect"],
        )
        for entry in json.loads(path.read_text())
    ]
    return [entry for entry in found if entry.id.startswith(only) or entry.case.startswith(only)]


@dataclass(frozen=True)
class Filler:
    """Fills in the placeholders; `renamed` gives an entry hosts of its own, so that none meets another's traces."""

    values: Mapping[str, Any]
    renamed: Mapping[str, str]
    many: int = MANY

    def __call__(self, value: Any, **more: Any) -> Any:
        """The value with all placeholders filled, also in the names of its fields."""
        if isinstance(value, str):
            return self._text(value, more)
        if isinstance(value, list):
            return [self(entry, **more) for entry in self._drawn_out(value)]
        if isinstance(value, dict):
            return {self._text(key, more): self(entry, **more) for key, entry in value.items()}
        return value

    def generated(self, gen: Mapping[str, Any]) -> str:
        """Prefix, `count` units, middle, `count` closings, suffix."""
        count = gen["count"]
        unit = gen.get("unit", "")
        units = "".join(unit.replace("{{i}}", str(i)) for i in range(count)) if "{{i}}" in unit else unit * count
        return "".join(
            [
                self(gen.get("prefix", "")),
                self(units),
                self(gen.get("middle", "")),
                self(gen.get("close", "")) * count,
                self(gen.get("suffix", "")),
            ]
        )

    def _drawn_out(self, values: list[Any]) -> list[Any]:
        if values and isinstance(values[-1], str) and (so_on := _AND_SO_ON.fullmatch(values[-1])):
            *given, _ = values
            first = int(found[0]) if (found := _LAST_NUMBER.search(given[-1])) else 0
            more = [_LAST_NUMBER.sub(str(first + i), given[-1]) for i in range(1, int(so_on[1]) - len(given) + 1)]
            return given + more
        out: list[Any] = []
        for value in values:
            if isinstance(value, str) and "{{n}}" in value:
                out += [value.replace("{{n}}", str(i)) for i in range(self.many)]
            else:
                out.append(value)
        return out

    def _text(self, text: str, more: Mapping[str, Any]) -> str:
        def fill(match: re.Match[str]) -> str:
            value = more.get(match[1], self.values.get(match[1]))
            if value is None:
                return match[0]
            if match[2]:
                value = int(value) + int(match[2] + match[3])
            return str(value() if callable(value) else value)

        text = _PLACEHOLDER.sub(fill, text)
        for name, other in self.renamed.items():
            text = text.replace(name, other)
        if drawn_out := _DRAWN_OUT.fullmatch(text):
            text = drawn_out[1] + drawn_out[1][-1] * (int(drawn_out[2]) - len(drawn_out[1]))
        return text


def counter(prefix: str) -> Callable[[], str]:
    """A fresh value at each call."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"
