"""How long to wait after a failure: doubling, never more than a day, never quite the same for two."""

import random
from collections.abc import Callable
from datetime import timedelta

FIRST = timedelta(seconds=10)
LONGEST = timedelta(days=1)
SPREAD = 0.2  # thousands that failed together must not come back together

Chance = Callable[[], float]  # from 0 to 1


def chance() -> float:
    """The randomness of all waiting; tests hold it still."""
    return random.random()


def after(failures: int, chance: Chance, *, longest: timedelta = LONGEST) -> timedelta:
    """The pause after so many failures in a row: 10 s, 20 s, 40 s … up to a day, give or take a fifth."""
    pause = FIRST * (1 << min(max(failures, 1) - 1, 20))
    return min(pause * (1 - SPREAD + 2 * SPREAD * chance()), longest)
