"""Pictures drawn here, as SVG, from numbers: told apart by pattern as well as colour, in the colours of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT = 640, 200
LEFT, BELOW, ABOVE = 56, 24, 12
ROW, NAME = 28, 200  # of lying bars: the height of one, and the room for its name
KINDS = ("solid", "hatched", "dotted")  # the look of each series; look.css has the colours


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the axis with the numbers of all series."""

    label: str
    values: tuple[int, ...]


def columns(name: str, title: str, rows: Sequence[Column], *, labels: int = 6) -> Markup:
    """Standing bars, the series on top of each other; `name` is unique on the page."""
    top = ceiling(max((sum(row.values) for row in rows), default=0))
    wide, high = WIDTH - LEFT, HEIGHT - BELOW - ABOVE
    step = wide / max(len(rows), 1)
    drawn = [_line(LEFT, y, WIDTH, y) + _text(LEFT - 6, y + 4, _short(value), "end") for value, y in _marks(top, high)]
    every = max(1, -(-len(rows) // labels))
    for place, row in enumerate(rows):
        x, y = LEFT + place * step, float(ABOVE + high)
        for series, value in enumerate(row.values):
            tall = value / top * high
            y -= tall
            if value:
                drawn.append(_bar(name, series, x + step * 0.1, y, step * 0.8, tall))
        if place % every == 0:
            drawn.append(_text(x, HEIGHT - 6, row.label, "start"))
    return _picture(name, title, HEIGHT, drawn)


def bars(name: str, title: str, rows: Sequence[tuple[str, int]]) -> Markup:
    """Lying bars, each with its name before it and its number behind it."""
    top = ceiling(max((value for _, value in rows), default=0))
    drawn = []
    for place, (label, value) in enumerate(rows):
        y = place * ROW + 4
        long = value / top * (WIDTH - NAME - 80)
        short = label if len(label) <= 28 else label[:27] + "…"
        drawn += [_text(NAME - 8, y + 15, short, "end"), _bar(name, 0, NAME, y, max(long, 1), ROW - 8)]
        drawn.append(_text(NAME + long + 8, y + 15, str(value), "start"))
    return _picture(name, title, max(len(rows), 1) * ROW + 8, drawn)


def ceiling(most: int) -> int:
    """The next number of the kind 1, 2, 5, 10, 20 … that nothing stands out above."""
    scale = 1
    while True:
        for times in (1, 2, 5):
            if most <= times * scale:
                return times * scale
        scale *= 10


def _marks(top: int, high: int) -> list[tuple[int, float]]:
    values = [0, top] if top == 1 else [0, top // 2, top]
    return [(value, ABOVE + high - value / top * high) for value in values]


def _short(value: int) -> str:
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return str(value)


def _bar(name: str, series: int, x: float, y: float, wide: float, tall: float) -> str:
    kind = KINDS[series % len(KINDS)]
    fill = "currentColor" if kind == "solid" else f"url(#{name}-{kind})"
    edge = f'class="series-{series}" fill="{fill}" stroke="currentColor" stroke-width="0.5"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" {edge}/>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="currentColor"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'


def _picture(name: str, title: str, height: int, drawn: Sequence[str]) -> Markup:
    patterns = (
        f'<pattern id="{name}-hatched" class="series-1" width="5" height="5" patternUnits="userSpaceOnUse">'
        '<path d="M0 5L5 0" stroke="currentColor" stroke-width="1.5"/></pattern>'
        f'<pattern id="{name}-dotted" class="series-2" width="5" height="5" patternUnits="userSpaceOnUse">'
        '<circle cx="2.5" cy="2.5" r="1.2" fill="currentColor"/></pattern>'
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title">'
        f'<title id="{name}-title">{escape(title)}</title><defs>{patterns}</defs>{"".join(drawn)}</svg>'
    )
