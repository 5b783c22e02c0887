"""Findings: what a check found, and the running of checks, none of which may hang or take the others with it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from node.app import Parts

log = logging.getLogger(__name__)

PATIENCE = 8.0  # seconds for one check; a hanging one is cut

Grade = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it where there is something to do."""

    check: str
    grade: Grade
    says: str
    remedy: str = ""


class Ill(Exception):
    """A check that found something wrong: what, and the remedy."""

    def __init__(self, says: str, remedy: str, *, grade: Grade = "failed") -> None:
        super().__init__(says)
        self.says, self.remedy, self.grade = says, remedy, grade


Check = Callable[[Parts], Awaitable[str]]  # answers what is well; raises Ill


async def examine(parts: Parts, checks: dict[str, Check], *, patience: float = PATIENCE) -> AsyncIterator[Finding]:
    """Runs the checks one after the other."""
    for name, check in checks.items():
        yield await _examined(parts, name, check, patience)


async def _examined(parts: Parts, name: str, check: Check, patience: float) -> Finding:
    try:
        async with asyncio.timeout(patience):
            return Finding(name, "ok", await check(parts))
    except Ill as ill:
        return Finding(name, ill.grade, ill.says, ill.remedy)
    except TimeoutError:
        return Finding(name, "failed", f"no answer within {patience:.0f} seconds", "Find out what hangs there.")
    except Exception as error:
        log.debug("the check %s failed", name, exc_info=True)
        return Finding(name, "failed", f"{type(error).__name__}: {error}", "This is unexpected; see the log.")
