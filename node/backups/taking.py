"""Taking a backup: everything that a node is, as it stood at one moment, while it goes on working."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from node import VERSION, settings
from node.backups.age import Locks
from node.backups.archive import MEDIA, SECRET, SETTINGS, BackupRefused, Manifest, TableCopy, Writing, writing
from node.fediverse.keys import FILE, Sealed, load_secret, must_work
from node.settings import Settings, SettingsError
from storage.copies import Snapshot, Sum, Tally, snapshot
from storage.work import Storage

Say = Callable[[str], None]


MARK = "last-backup"  # touched in the data folder when a backup was made: the doctor asks how old it is


def take(
    chosen: Settings,
    file: Path,
    *,
    settings_file: Path | None,
    locks: Locks | None = None,
    say: Say = lambda words: None,
) -> Manifest:
    """Writes the node into a new file and answers what is in it; whoever works in the node does not notice."""
    if file.exists():
        raise BackupRefused(f"{file} is there already: it is not written over")
    secret = read_secret(chosen)
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        with snapshot(storage) as taken:
            manifest = _begun(chosen, taken)
            must_open(taken, secret)
            with writing(file, manifest, locks) as archive:
                _write_rows(archive, taken, manifest, say)
                archive.add(SECRET, secret)
                archive.add(SETTINGS, settings_text(chosen, settings_file).encode())
                # After the rows, so that whatever they name is there.
                for path in media_of(chosen.data):
                    archive.add_file(f"{MEDIA}/{path}", chosen.data / MEDIA / path)
    finally:
        storage.close()
    return manifest


def read_secret(chosen: Settings) -> bytes:
    """The secret of a node that is there: none is made, for it would open nothing."""
    if not chosen.secret and not (chosen.data / FILE).exists():
        raise BackupRefused(f"{chosen.data / FILE} is not there: without the secret a backup would be worth nothing")
    return load_secret(chosen, make=False)


def must_open(taken: Snapshot, secret: bytes) -> None:
    """Refuses a database whose keys were sealed with another secret: only together are they a node (REL-36)."""
    for uri, public, private in taken.sealed_keys():
        must_work(secret, Sealed(uri, public, private))
        return


def media_of(data: Path) -> list[str]:
    """The files below the media folder, as they are named there."""
    folder = data / MEDIA
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _begun(chosen: Settings, taken: Snapshot) -> Manifest:
    origin = taken.facts().get("origin", chosen.origin)
    if origin != chosen.origin:
        raise BackupRefused(f"the settings are of {chosen.origin}, and the database is of {origin}")
    return Manifest(
        VERSION, origin, taken.engine, taken.revision, datetime.now(UTC).replace(microsecond=0), waiting=taken.waiting()
    )


def _write_rows(archive: Writing, taken: Snapshot, manifest: Manifest, say: Say) -> None:
    for table, columns in taken.tables.items():
        summed = Sum()
        archive.add_rows(table, _summed(taken.lines(table), summed))
        tally = Tally(summed.rows, str(summed), taken.last_number(table))
        manifest.tables[table] = TableCopy(columns, tally)
        if tally.rows:
            say(f"{table}: {tally.rows}")


def _summed(lines: Iterator[bytes], into: Sum) -> Iterator[bytes]:
    for line in lines:
        into.add(line)
        yield line


# ------------------------------------------------------------------ settings


def settings_text(chosen: Settings, file: Path | None) -> str:
    """The settings file as it is; or one that says what counts, for a node that has its settings from variables."""
    if file is not None:
        return file.read_text(encoding="utf-8")
    defaults = Settings(origin=chosen.origin)
    lines = ["# Settings of a Folkmoot node, as they counted when its backup was taken."]
    for setting in dataclasses.fields(Settings):
        value = getattr(chosen, setting.name)
        if setting.name == "origin" or value != getattr(defaults, setting.name):
            lines.append(f"{setting.name} = {as_toml(value)}")
    return "\n".join(lines) + "\n"


def as_toml(value: object) -> str:
    """A setting as TOML has it."""
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(sorted(value) if isinstance(value, frozenset) else value, ensure_ascii=False)


def from_variables(chosen: Settings, file: Path | None) -> list[str]:
    """The settings that variables say otherwise than the file, and that are in no backup therefore."""
    if file is None:
        return []
    try:
        alone = settings.load(environment={}, file=file)
    except SettingsError:
        return ["origin"]
    return [
        setting.name
        for setting in dataclasses.fields(Settings)
        if getattr(alone, setting.name) != getattr(chosen, setting.name)
    ]


# ------------------------------------------------------------------ a folder of backups


def name_in(folder: Path, chosen: Settings, now: datetime, *, encrypted: bool) -> Path:
    """A name for a backup of this node at this moment."""
    return folder / f"{_stem(chosen)}{now:%Y%m%d-%H%M%S}.tar{'.age' if encrypted else ''}"


def keep_newest(folder: Path, chosen: Settings, keep: int) -> list[Path]:
    """Removes all but the newest backups of this node from the folder, and nothing else; answers which."""
    ours = re.compile(re.escape(_stem(chosen)) + r"\d{8}-\d{6}\.tar(\.age)?")
    found = sorted((file for file in folder.iterdir() if ours.fullmatch(file.name)), key=lambda file: file.name)
    gone = found[: max(0, len(found) - keep)]
    for file in gone:
        file.unlink()
    return gone


def _stem(chosen: Settings) -> str:
    return f"folkmoot-{chosen.authority.replace(':', '-')}-"
