"""Restoring a backup: a node comes back whole, where none is yet, or not at all."""

import os
import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from node.backups.age import Openers
from node.backups.archive import (
    BLOCK,
    MEDIA,
    ROWS,
    SECRET,
    SETTINGS,
    BackupRefused,
    Manifest,
    checked,
    members,
    rows,
    sync_folder,
)
from node.backups.taking import as_toml, take
from node.fediverse.keys import FILE
from node.settings import Settings
from storage import copies, migrations
from storage.work import Storage

DATABASE = "folkmoot.sqlite3"
TABLES_ASIDE = "folkmoot.tar"  # where a PostgreSQL was
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, and where what was there before is now."""

    manifest: Manifest
    aside: Path | None


def restore(
    file: Path, chosen: Settings, *, openers: Openers | None = None, force: bool = False, say: Say = lambda words: None
) -> Restored:
    """Puts the node of a backup where these settings say; its tables are still those of the release that made it.

    All of the file is checked before anything is touched. The database comes last, in one piece: until it is there,
    the same command may be given again.
    """
    say("checking the file")
    manifest = checked(file, openers)
    must_fit(manifest, chosen)
    chosen.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        must_be_stopped(storage)
        in_the_way = _what_is_there(storage, chosen, file, openers)
    finally:
        storage.close()
    if in_the_way and not force:
        raise BackupRefused(
            f"there is a node already ({', '.join(in_the_way)}): nothing was touched. "
            "With --force it is put aside first, and the backup takes its place"
        )
    aside = put_aside(chosen) if in_the_way else None
    try:
        _fill(file, manifest, chosen, openers, replace_tables=bool(in_the_way), say=say)
    except BaseException:
        if aside is not None:
            put_back(chosen, aside)
        raise
    return Restored(manifest, aside)


def must_fit(manifest: Manifest, chosen: Settings) -> None:
    """Refuses what this release or this node cannot take in."""
    if manifest.revision not in migrations.known():
        raise BackupRefused(
            f"the backup is of a newer release ({manifest.folkmoot}, tables at {manifest.revision}): install that first"
        )
    if manifest.origin != chosen.origin:
        raise BackupRefused(
            f"the backup is of {manifest.origin}, and the settings here are of {chosen.origin}: "
            "the address of a node never changes"
        )


def must_be_stopped(storage: Storage) -> None:
    """Refuses while somebody is at work in the database."""
    if storage.sqlite and not Path(str(storage.url.database)).exists():
        return
    if copies.others_at_work(storage):
        raise BackupRefused("other processes have the database open: stop the node first")


def _what_is_there(storage: Storage, chosen: Settings, file: Path, openers: Openers | None) -> list[str]:
    """What of a node is there that the backup would take the place of; what is the same is not in the way."""
    found = []
    if storage.sqlite:
        database = Path(str(storage.url.database))
        if database.exists() and database.stat().st_size:
            found.append(str(database))
    elif not copies.is_empty(storage):
        found.append("tables in the database")
    secret = chosen.data / FILE
    if secret.exists() and secret.read_bytes() != _member(file, openers, SECRET):
        found.append(f"another secret in {secret}")
    return found


def _member(file: Path, openers: Openers | None, wanted: str) -> bytes:
    for name, content in members(file, openers):
        if name == wanted:
            return content.read()
    raise BackupRefused(f"{file} has no {wanted}")


def put_aside(chosen: Settings) -> Path:
    """Moves a node out of the way, for good or to be moved back; answers where it is."""
    aside = chosen.data / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    aside.mkdir(mode=0o700)
    if chosen.database_url:
        storage = Storage(chosen.database, origin=chosen.origin)
        try:
            empty = copies.is_empty(storage)
        finally:
            storage.close()
        if not empty:  # its tables go in the transaction that fills the new ones; what they hold is here
            take(chosen, aside / TABLES_ASIDE, settings_file=None)
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        if (chosen.data / name).exists() and not chosen.database_url:
            (chosen.data / name).rename(aside / name)
    for name in (FILE, MEDIA):
        if (chosen.data / name).exists():
            (chosen.data / name).rename(aside / name)
    sync_folder(chosen.data)
    return aside


def put_back(chosen: Settings, aside: Path) -> None:
    """Has what was put aside where it was; PostgreSQL's tables never went away."""
    for file in aside.iterdir():
        there = chosen.data / file.name
        if file.name == TABLES_ASIDE:
            file.unlink()
            continue
        if there.is_dir():
            shutil.rmtree(there)
        file.rename(there)
    aside.rmdir()
    sync_folder(chosen.data)


# ------------------------------------------------------------------ filling


def _fill(
    file: Path, manifest: Manifest, chosen: Settings, openers: Openers | None, *, replace_tables: bool, say: Say
) -> None:
    """Rows into new tables, the rest into the data folder, and then all of it counts at once."""
    draft = None if chosen.database_url else chosen.data / f".restoring-{os.getpid()}.sqlite3"
    storage = Storage(f"sqlite:///{draft.absolute()}" if draft else chosen.database, origin=chosen.origin)
    try:
        with copies.filled(storage, manifest.revision, replace=replace_tables) as filling:
            loaded = dict.fromkeys(manifest.tables, 0)
            for name, content in members(file, openers):
                first, _, rest = name.partition("/")
                if first == ROWS:
                    table = rest.partition("/")[0]
                    if table not in manifest.tables:
                        raise BackupRefused(f"{name} is of a table that the manifest does not name")
                    loaded[table] += filling.load(table, manifest.tables[table].columns, rows(content))
                elif first == SECRET:
                    _write_secret(chosen.data / FILE, content.read())
                elif first == MEDIA:
                    _write_file(chosen.data / name, content)
            for table, copy in manifest.tables.items():
                if loaded[table] != copy.tally.rows:
                    raise BackupRefused(f"{table} has {loaded[table]} rows of {copy.tally.rows}: the file is damaged")
                filling.count_on(table, copy.tally.last)
            say(f"{manifest.rows} rows are in {len(manifest.tables)} tables; checking what they refer to")
        storage.close()
        if draft is not None:
            _sync(draft)
            draft.rename(chosen.data / DATABASE)
            sync_folder(chosen.data)
    finally:
        storage.close()
        if draft is not None:
            for left in chosen.data.glob(f"{draft.name}*"):
                left.unlink()


def _write_secret(file: Path, secret: bytes) -> None:
    if file.exists() and file.read_bytes().strip() == secret.strip():
        return
    _write_whole(file, secret.strip() + b"\n")


def _write_whole(file: Path, data: bytes) -> None:
    """A file with these bytes, for its owner alone; there whole, or as it was."""
    draft = file.with_name(f".{file.name}-{os.getpid()}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.rename(file)
    sync_folder(file.parent)


def _write_file(file: Path, content: IO[bytes]) -> None:
    """A medium; one that has the name already has its bytes too, for a medium never changes."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}-{os.getpid()}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        shutil.copyfileobj(content, out, BLOCK)
        out.flush()
        os.fsync(out.fileno())
    draft.rename(file)


def _sync(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())


# ------------------------------------------------------------------ settings


def settings_for(file: Path, openers: Openers | None, data: Path, database_url: str) -> str:
    """The settings of the backup, for a node in this folder with this database."""
    text = _member(file, openers, SETTINGS).decode()
    for name, value in (("data", str(data.absolute())), ("database_url", database_url)):
        text = with_setting(text, name, value)
    return text


def with_setting(text: str, name: str, value: str) -> str:
    """A settings file in which one setting has another value."""
    said = f"{name} = {as_toml(value)}"
    line = re.compile(rf"^{name}[ \t]*=.*$", re.MULTILINE)
    changed = line.sub(lambda _: said, text) if line.search(text) else f"{text.rstrip()}\n{said}\n"
    if tomllib.loads(changed).get(name) != value:
        raise BackupRefused(f"the settings of the backup are not such that {name} can be changed in them")
    return changed


def write_settings(file: Path, text: str) -> None:
    """Writes the settings file of a restored node, readable by its owner alone."""
    _write_whole(file, text.encode())


def moved(chosen: Settings, data: Path, database_url: str) -> Settings:
    """The same node in another folder, with another database."""
    return replace(chosen, data=data, database_url=database_url)
