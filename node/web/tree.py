"""The replies of a page as a conversation: nested three levels deep, in order below that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.shown import Item

LEVELS = 3  # of indent; deeper ones are narrower than a line of text wants to be, and nobody counts them


@dataclass(slots=True)
class Branch:
    """An item with what answers it, and whether it must say whom it answers itself."""

    item: Item
    says_whom: bool
    children: list["Branch"] = field(default_factory=list)


def grow(items: Sequence[Item]) -> list[Branch]:
    """The items, which come in the order of their paths, below one another.

    An item says whom it answers where its place does not: below the third level, and where the page begins inside
    a branch.
    """
    roots: list[Branch] = []
    above: list[Branch] = []  # from the root to the latest item
    for item in items:
        while above and (above[-1].item.depth >= item.depth or len(above) >= LEVELS):
            above.pop()
        parent = above[-1] if above else None
        says_whom = parent.item.number != item.parent_number if parent is not None else item.depth > 1
        branch = Branch(item, says_whom)
        (parent.children if parent else roots).append(branch)
        above.append(branch)
    return roots


def by_time(items: Sequence[Item]) -> list[Branch]:
    """The items one after another; each that answers another than the opening says so."""
    return [Branch(item, says_whom=item.parent_number not in (None, 0)) for item in items]


def below(branch: Branch) -> int:
    """How many replies fold away with the branch."""
    return sum(1 + below(child) for child in branch.children)
