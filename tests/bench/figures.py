"""Figures: what was measured, beside the limit that was measured in the same run, and whether that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table; it holds when `judged` is at least, or at the most, `floor`."""

    name: str
    measured: float
    unit: str
    floor: float
    judged: float
    at_most: bool = False
    limit: str = ""  # what it is a part of, in words
    note: str = ""
    quick_floor: float | None = None  # in a short run on a machine that does other things

    def holds(self, *, quick: bool) -> bool:
        """Whether it keeps its floor."""
        floor = self.floor
        if quick:
            floor = self.quick_floor if self.quick_floor is not None else floor * (2.0 if self.at_most else 0.5)
        return self.judged <= floor if self.at_most else self.judged >= floor

    def as_values(self, *, quick: bool) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "ok": self.holds(quick=quick)}


def middle(runs: Sequence[float]) -> float:
    """The median of several runs: one that was disturbed does not count."""
    return median(runs)


def ratio(measured: Sequence[float], limits: Sequence[float]) -> float:
    """The median of the ratios of runs that were made in turn, so that a machine that slows down does so for both."""
    return median(one / other for one, other in zip(measured, limits, strict=True))


HEAD = f"{'':<58}{'measured':>12} {'':<6}{'floor':>8}{'judged':>9}  "


def line(figure: Figure, *, quick: bool) -> str:
    """The figure as a line of the table."""
    sign = "<=" if figure.at_most else ">="
    verdict = "ok" if figure.holds(quick=quick) else "NOT"
    said = f"{figure.name:<58}{_number(figure.measured):>12} {figure.unit:<6}"
    said += f"{sign + ' ' + _number(figure.floor):>8}{_number(figure.judged):>9}  {verdict}"
    about = "; ".join(words for words in (figure.limit, figure.note) if words)
    return said + (f"\n    {about}" if about else "")


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.2f}"
