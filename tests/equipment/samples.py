"""How much of a long walk is walked: all of it in CI and in long runs, a fixed part spread over it otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

WHOLE = bool(os.environ.get("CI") or os.environ.get("FOLKMOOT_LONG"))


def some(of: Iterable[T], each: int, beginning: int = 0) -> list[T]:
    """Every so-manieth of these, and all of them where the whole is walked.

    Walks over pairs give the number of the one as the `beginning` for the other: so each of both comes up.
    """
    return list(of) if WHOLE else list(islice(of, beginning % each, None, each))
