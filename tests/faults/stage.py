"""The stage of the rehearsals: the furnished node, a copy of it for each, and which act reaches which failpoint."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.equipment.databases import fresh_sqlite
from tests.equipment.postgres import Postgres
from tests.faults import acts
from tests.faults.rehearsals import Act, Place, Watched, kill_at, share, watch
from tests.faults.workshop import Outcome, migrate

HANDS = 4  # processes that play at the same time; each waits for the disk more than it works


class Stage:
    """A furnished node on one engine; no thread and no event loop runs here when an act begins, for it is forked."""

    def __init__(self, engine: str, folder: Path, postgres: Postgres | None, only: Sequence[str] = ()) -> None:
        self.only = only  # acts with one of these in their names; all, if there is none
        self.engine, self.folder, self._postgres = engine, folder, postgres
        self._count = self._hand = 0
        self.troubles: list[str] = []  # acts that did not end as they should when nothing was done to them

    def furnish(self) -> None:
        """The worlds, with what commands need, at rest."""
        self._furnished = self._place("furnished")
        self.worlds = asyncio.run(acts.furnish(self._furnished))
        if self._postgres is not None:
            self._postgres.keep(self._furnished.database_url, "worlds")

    def _place(self, name: str) -> Place:
        folder = self.folder / name
        (folder / "data").mkdir(parents=True)
        if self._postgres is None:
            return Place(folder, fresh_sqlite(folder / "node.sqlite3"))
        return Place(folder, self._postgres.database(like=self._postgres.template("tables", migrate)))

    def _begin(self, hand: int) -> None:
        self._hand = hand
        if self._postgres is not None:
            self._postgres.in_a_child(hand)

    def _copy(self) -> Place:
        self._count += 1
        folder = self.folder / f"copy-{self._hand}-{self._count}"
        shutil.copytree(self._furnished.folder, folder)
        if self._postgres is None:
            return Place(folder, f"sqlite:///{folder / 'node.sqlite3'}")
        return Place(folder, self._postgres.database(like="worlds"))

    def _drop(self, place: Place) -> None:
        if self._postgres is not None:
            self._postgres.drop(place.database_url)
        shutil.rmtree(place.folder, ignore_errors=True)

    def acts(self) -> Iterator[Act]:
        """All of them; tests bring a database of their own, and SQLite is enough for those."""
        yield from acts.forms(self.worlds)
        yield from acts.commands(self.worlds)
        if self.engine == "sqlite":
            yield from acts.tests()

    def watch(self) -> dict[str, Watched]:
        """For every failpoint that is reached the act that reaches it, before all others one that changes something."""
        playbill = [act for act in self.acts() if not self.only or any(words in act.name for words in self.only)]
        found: dict[str, Watched] = {}
        for number, trouble, seen in share(HANDS, len(playbill), self._begin, partial(self._watch, playbill)):
            if trouble:
                self.troubles.append(trouble)
            for given in seen:
                watched = Watched(playbill[number], **given)
                if watched.name not in found or (watched.changes and not found[watched.name].changes):
                    found[watched.name] = watched
        return found

    def _watch(self, playbill: list[Act], number: int) -> tuple[int, str, list[dict[str, Any]]]:
        place = self._copy()
        try:
            seen = watch(playbill[number], place)
        except Exception as error:  # a line of the table; the others are played all the same
            return number, f"{playbill[number].name}: {error}"[-1000:], []
        finally:
            self._drop(place)
        for name, watched in seen.items():
            watched.changes = changes(seen, name)
        return number, "", [{name: value for name, value in vars(it).items() if name != "act"} for it in seen.values()]

    def kill(self, chosen: list[Watched]) -> Iterator[Outcome]:
        """Has the act of each die there, and looks at what is left."""
        for given in share(HANDS, len(chosen), self._begin, lambda number: vars(self._kill(chosen[number]))):
            yield Outcome(**given)

    def _kill(self, watched: Watched) -> Outcome:
        began = time.monotonic()
        outcome = Outcome(watched.name, self.engine, "kill", watched.act.name)
        place = self._copy()
        try:
            reached, outcome.wrong = kill_at(watched, place)
            outcome.happened = "reached" if reached else "not reached"
        except Exception as error:
            outcome.wrong = [f"{type(error).__name__}: {error}"[:400]]
        finally:
            self._drop(place)
        outcome.ledger = "as seen before" if watched.changes else "as seen before; the act changes nothing there"
        outcome.seconds = round(time.monotonic() - began, 1)
        return outcome


def changes(seen: dict[str, Watched], name: str) -> bool:
    """The transaction around this failpoint leaves something in this run."""
    stem, _, when = name.rpartition(".")
    before, after = seen.get(f"{stem}.before-commit"), seen.get(f"{stem}.after-commit")
    return when in ("before-commit", "after-commit") and bool(before and after and before.shape != after.shape)
