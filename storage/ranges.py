"""Sets of an item's numbers as ranges: `0-7,9-12` are thirteen of them but one."""

from collections.abc import Iterable, Iterator

Ranges = tuple[tuple[int, int], ...]  # first and last, in order, with gaps between them


def parse(words: str) -> Ranges:
    """What `write` wrote."""
    found = []
    for part in words.split(",") if words else ():
        first, _, last = part.partition("-")
        found.append((int(first), int(last or first)))
    return tuple(found)


def write(ranges: Ranges) -> str:
    """The ranges as a column keeps them."""
    return ",".join(f"{first}-{last}" for first, last in ranges)


def of(numbers: Iterable[int]) -> Ranges:
    """The ranges of these numbers."""
    return join((number, number) for number in numbers)


def join(parts: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges that hold all of these, which may touch and overlap."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def add(ranges: Ranges, more: Ranges) -> Ranges:
    """Both together."""
    return join((*ranges, *more))


def without(ranges: Ranges, first: int, last: int) -> Ranges:
    """The ranges, and nothing from `first` to `last`."""
    left: list[tuple[int, int]] = []
    for start, end in ranges:
        if start < first:
            left.append((start, min(end, first - 1)))
        if end > last:
            left.append((max(start, last + 1), end))
    return join(left)


def gaps(ranges: Ranges, last: int) -> Iterator[tuple[int, int]]:
    """What is missing of 0 to `last`."""
    following = 0
    for start, end in ranges:
        if start > last:
            break
        if start > following:
            yield following, start - 1
        following = max(following, end + 1)
    if following <= last:
        yield following, last


def holds(ranges: Ranges, number: int) -> bool:
    """The number is in them."""
    return any(first <= number <= last for first, last in ranges)
