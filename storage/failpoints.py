"""Failpoints: places where a process under test can be made to die, fail or wait, so that nothing is ever lost there.

Every transaction has two by construction, named for the function that it runs: `web.composing.post.before-commit` and
`web.composing.post.after-commit`. Those beside them are in POINTS.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

log = logging.getLogger(__name__)

ACTIONS = ("kill", "raise", "sleep", "tell")  # tell only says that the place was reached
EVERYWHERE = "*"
SLEEP = 1.0  # seconds

BEFORE, AFTER = "before-commit", "after-commit"

# What is no transaction of a function, and can be interrupted all the same.
POINTS = {
    "group-commit.between": "SQLite: one function of several has run, and the next has not",
    "group-commit.before-commit": "SQLite: all functions that waited have run, and nothing is durable",
    "group-commit.after-commit": "SQLite: all of it is durable, and nobody was answered",
    "migrations.step": "a step was taken, in the transaction of them all",
    "migrations.before-commit": "every step was taken, and nothing is durable",
    "migrations.after-commit": "the tables are those of this release",
    "copies.before-commit": "a copy of the database was filled, and is not whole yet",
    "secret.written": "the node's secret is in a draft, and not at its place",
    "secret.placed": "the node's secret is at its place, and its draft is still there",
    "sending.claimed": "a delivery is ours to send, and was not sent",
    "sending.answered": "the other server has it, and we have not written that down",
    "reading.claimed": "a letter is ours to read, and was not read",
    "reading.processed": "what a letter asks for was done, and it is not marked as read",
    "mail.claimed": "a mail is ours to send, and was not sent",
    "mail.handed-over": "the mail server has it, and we have not written that down",
    "live.calling": "the workers of other processes are about to be called",
}


class Fault(Exception):
    """A failpoint was told to raise."""


class Failpoints:
    """Which places do what in this process; none of them does anything unless it was armed."""

    def __init__(self, armed: Mapping[str, str] | None = None) -> None:
        self._armed = dict(armed or {})

    def __bool__(self) -> bool:
        return bool(self._armed)

    def reach(self, name: str) -> None:
        """The process is at this place now: it goes on, unless the place was armed. `raise` does so once."""
        if self._armed:
            self._act(name)

    def reach_commit(self, verb: Callable[..., Any], when: str) -> None:
        """`reach` for the transaction of a function, BEFORE or AFTER its commit."""
        if self._armed:
            self._act(f"{name_of(verb)}.{when}")

    def _act(self, name: str) -> None:
        action = self._armed.get(name) or self._armed.get(EVERYWHERE)
        if action is None:
            return
        log.warning("failpoint %s: %s", name, action)
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif action == "sleep":
            time.sleep(SLEEP)
        elif action == "raise":
            self._armed.pop(name, None)  # a fault passes, as most do
            raise Fault(f"the failpoint {name} was told to raise")


OFF = Failpoints()


def parse(words: str) -> Failpoints:
    """Reads `name:kill|raise|sleep|tell[,name:…]`; raises ValueError in words for whoever wrote it."""
    armed = {}
    for word in words.split(","):
        name, _, action = word.strip().rpartition(":")
        if not name and not action:
            continue
        if not name or action not in ACTIONS:
            raise ValueError(f"{word.strip()!r} is not name:kill, name:raise, name:sleep or name:tell")
        if name != EVERYWHERE and name not in POINTS and not name.endswith((f".{BEFORE}", f".{AFTER}")):
            raise ValueError(f"there is no failpoint {name}; folkmoot failpoints lists them")
        armed[name] = action
    return Failpoints(armed)


def name_of(verb: Callable[..., Any]) -> str:
    """The name of a function that is run as a transaction: where it stands, and what it is called.

    A lambda has the name of the function that it stands in, and a partial the name of what it calls.
    """
    while isinstance(verb, partial):
        verb = verb.func
    return written(getattr(verb, "__module__", ""), getattr(verb, "__qualname__", type(verb).__qualname__))


def written(module: str, qualname: str) -> str:
    """Module and qualified name as a failpoint has them, without what every other has too."""
    parts = [part for part in qualname.split(".") if part not in ("<locals>", "<lambda>")]
    return ".".join([module.removeprefix("node."), *(part.lstrip("_") for part in parts)])
