"""Upgrading: a backup first, then the steps, then a trial; and back to what was there if the trial fails."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from node.backups.archive import BackupRefused, checked
from node.backups.restoring import restore
from node.backups.taking import take
from node.backups.trying import Finding, answers, failed, folder_of, soundness
from node.settings import Settings
from storage import copies
from storage.work import Storage

Say = Callable[[str], None]


class WentBack(Exception):
    """The upgrade failed, and the node is as it was before."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What was done, and what was seen afterwards."""

    backup: Path | None
    steps: list[str]
    findings: list[Finding]


def upgrade(chosen: Settings, *, settings_file: Path | None, folder: Path | None, say: Say) -> Upgraded:
    """Backs up, takes the steps, and tries the node; goes back, in one piece, when something is not as it should be.

    The node must be stopped: what others wrote between the backup and a way back would be lost.
    """
    steps = _due(chosen)
    if not steps:
        return Upgraded(None, [], _tried(chosen, say))
    backup = _backed_up(chosen, settings_file, folder or folder_of(chosen), say)
    say(f"taking {len(steps)} steps")
    try:
        _take_steps(chosen)
        findings = _tried(chosen, say)
    except Exception as error:
        _go_back(chosen, backup, say)
        raise WentBack(f"{_back(backup)} What went wrong: {error}") from error
    wrong = failed(findings)
    if wrong:
        _go_back(chosen, backup, say)
        told = "; ".join(f"{finding.what}: {finding.says}" for finding in wrong)
        raise WentBack(f"{_back(backup)} What went wrong: {told}")
    return Upgraded(backup, steps, findings)


def _due(chosen: Settings) -> list[str]:
    """The steps to take, of a node that nobody else is at work in."""
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        if storage.sqlite and not Path(str(storage.url.database)).exists():
            raise BackupRefused("there is no node here yet: folkmoot init makes one")
        steps = storage.pending_migrations()
        if steps and copies.others_at_work(storage):
            raise BackupRefused(
                "other processes have the database open: stop the node first, so that nothing is written that going "
                "back would lose. (Several machines are upgraded one after the other with: folkmoot migrate)"
            )
        return steps
    finally:
        storage.close()


def _backed_up(chosen: Settings, settings_file: Path | None, folder: Path, say: Say) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"before-upgrade-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar"
    say(f"backing up into {file}")
    take(chosen, file, settings_file=settings_file)
    checked(file)  # what cannot be read back is no ground to stand on
    return file


def _take_steps(chosen: Settings) -> None:
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        storage.migrate()
    finally:
        storage.close()


def _tried(chosen: Settings, say: Say) -> list[Finding]:
    say("trying the node out")
    return [*soundness(chosen), *answers(chosen)]


def _go_back(chosen: Settings, backup: Path, say: Say) -> None:
    if _due_again(chosen):
        return  # the steps are one transaction, and it did not happen
    say("going back to what was there before")
    restore(backup, chosen, force=True, say=say)


def _due_again(chosen: Settings) -> bool:
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        return bool(storage.pending_migrations())
    finally:
        storage.close()


def _back(backup: Path) -> str:
    return (
        "The upgrade was undone: the node is as it was before, and its tables are those of the former release, which "
        f"must be installed again to run it. The backup is {backup}."
    )
