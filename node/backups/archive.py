"""The file of a backup: a tar of rows, secret, settings and media, closed by a manifest that names every member.

The manifest comes last: a file without it was never finished, and nothing of it is believed. The file appears under
its name only when all of it is on the disk, and its owner alone can read it.
"""

import dataclasses
import gzip
import hashlib
import io
import os
import secrets
import tarfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

import orjson

from node.backups.age import CannotOpen, Decrypting, Encrypting, Locks, Openers, is_encrypted
from storage.copies import Column, Tally

FORMAT = 1
MANIFEST = "manifest.json"
CHECK = "manifest.sha256"  # of the manifest itself
SECRET = "secret"
SETTINGS = "folkmoot.toml"
ROWS, MEDIA = "rows", "media"
PART = 8 << 20  # bytes of rows in one member: what is held in memory while it is packed
BLOCK = 1 << 20
FASTEST = 1  # gzip's levels beyond it take three times as long for a tenth less


class BackupRefused(Exception):
    """The file is no backup that can be taken, believed or put here; says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file within the backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TableCopy:
    """What the backup has of a table."""

    columns: list[Column]
    tally: Tally


@dataclass(slots=True)
class Manifest:
    """What is in a backup, and what it was made of."""

    folkmoot: str
    origin: str
    engine: str
    revision: str
    taken_at: datetime
    format: int = FORMAT
    tables: dict[str, TableCopy] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(table.tally.rows for table in self.tables.values())

    @property
    def media(self) -> list[str]:
        """The names of the media, as they are below their folder."""
        return [name.partition("/")[2] for name in self.members if name.startswith(f"{MEDIA}/")]

    def told(self) -> dict[str, Any]:
        """What an admin is told of it: no word of what is inside."""
        return {
            "origin": self.origin,
            "folkmoot": self.folkmoot,
            "engine": self.engine,
            "revision": self.revision,
            "taken_at": self.taken_at,
            "tables": len(self.tables),
            "rows": self.rows,
            "media": len(self.media),
            "waiting": self.waiting,
        }


# ------------------------------------------------------------------ writing


class Writing:
    """A backup that is being written."""

    def __init__(self, out: IO[bytes], manifest: Manifest) -> None:
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115  see finish
        self._manifest = manifest

    def add(self, name: str, data: bytes) -> None:
        """A member that is in memory."""
        self._add(name, len(data), io.BytesIO(data))

    def add_file(self, name: str, file: Path) -> bool:
        """A member that lies on the disk; says False when it went away meanwhile."""
        try:
            source = file.open("rb")
        except FileNotFoundError:
            return False
        with source:
            self._add(name, os.fstat(source.fileno()).st_size, source)
        return True

    def add_rows(self, table: str, lines: Iterable[bytes]) -> None:
        """The rows of a table, in as many members as they need."""
        waiting: list[bytes] = []
        size = number = 0
        for line in lines:
            waiting.append(line)
            size += len(line)
            if size >= PART:
                number += 1
                self.add(f"{ROWS}/{table}/{number:06}.gz", _packed(waiting))
                waiting, size = [], 0
        if waiting:
            self.add(f"{ROWS}/{table}/{number + 1:06}.gz", _packed(waiting))

    def finish(self) -> None:
        """Writes the manifest, and the end."""
        told = orjson.dumps(dataclasses.asdict(self._manifest), option=orjson.OPT_INDENT_2)
        check = hashlib.sha256(told).hexdigest().encode()
        self._add(MANIFEST, len(told), io.BytesIO(told), listed=False)
        self._add(CHECK, len(check), io.BytesIO(check), listed=False)
        self._tar.close()

    def _add(self, name: str, size: int, source: BinaryIO, *, listed: bool = True) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, 0o600, int(time.time())
        reading = _Hashing(source)
        try:
            self._tar.addfile(member, cast(IO[bytes], reading))
        except OSError as error:
            raise BackupRefused(f"{name} cannot be put into the backup: {error.strerror or error}") from error
        if listed:
            self._manifest.members[name] = Member(size, reading.hash.hexdigest())


class _Hashing:
    """Hashes what is read through it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.hash.update(data)
        return data


def _packed(lines: list[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), compresslevel=FASTEST, mtime=0)


@contextmanager
def writing(file: Path, manifest: Manifest, locks: Locks | None = None) -> Iterator[Writing]:
    """A new file for a backup; whatever goes wrong, nothing stays under its name that is not whole."""
    draft = file.with_name(f".{file.name}-{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupRefused(f"cannot write {file}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as out:
            encrypting = Encrypting(out, locks) if locks is not None else None
            archive = Writing(cast(IO[bytes], encrypting) if encrypting is not None else out, manifest)
            yield archive
            archive.finish()
            if encrypting is not None:
                encrypting.close()
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)  # unlike a rename, it never takes the place of what is there
        except FileExistsError:
            raise BackupRefused(f"{file} is there already: it is not written over") from None
        sync_folder(file.parent)
    except OSError as error:
        raise BackupRefused(f"cannot write {file}: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Has the names of a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------ reading


def checked(file: Path, openers: Openers | None = None) -> Manifest:
    """Reads the whole file, and answers its manifest if every member is as it was written."""
    with explained(file):
        manifest, found = _read_through(file, openers)
    if manifest is None:
        raise BackupRefused(f"{file} has no manifest: it was never finished, or its end is missing")
    for name in sorted(manifest.members.keys() | found.keys()):
        if manifest.members.get(name) != found.get(name):
            raise BackupRefused(f"{name} in {file} is not what the manifest says: the file is damaged")
    if SECRET not in found:
        raise BackupRefused(f"{file} is not complete: it has no secret, without which no key in it can be opened")
    return manifest


def _read_through(file: Path, openers: Openers | None) -> tuple[Manifest | None, dict[str, Member]]:
    told, manifest, found = b"", None, {}
    for name, content in members(file, openers):
        if manifest is not None:
            raise BackupRefused(f"{file} goes on after its manifest: it was changed")
        if name == MANIFEST:
            told = content.read()
            continue
        if name == CHECK:
            if content.read() != hashlib.sha256(told).hexdigest().encode():
                raise BackupRefused(f"the manifest of {file} was changed: the file is damaged")
            manifest = _manifest(told)
            continue
        reading = _Hashing(cast(BinaryIO, content))
        size = 0
        while block := reading.read(BLOCK):
            size += len(block)
        found[name] = Member(size, reading.hash.hexdigest())
    return manifest, found


def members(file: Path, openers: Openers | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """Every member in its order; each must be read before the next is asked for."""
    with explained(file), file.open("rb") as source:
        if is_encrypted(source):
            if openers is None:
                raise BackupRefused(f"{file} is encrypted: say --passphrase-file or --identity")
            read = cast(IO[bytes], Decrypting(source, openers))
        else:
            read = source
        with tarfile.open(fileobj=read, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or not is_proper(member.name):
                    raise BackupRefused(f"{file} has a member that no backup has: {member.name!r}")
                yield member.name, content
        while read.read(BLOCK):  # to the end, so that what was cut off there is found
            pass


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Says why a backup cannot be read, wherever that shows: while a member is looked for, or while it is read."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupRefused(f"{file} is no backup, or it is damaged: {error}") from error
    except CannotOpen as error:
        raise BackupRefused(f"{file} cannot be opened: {error}") from error
    except OSError as error:
        raise BackupRefused(f"cannot read {file}: {error.strerror or error}") from error


def is_proper(name: str) -> bool:
    """Whether a name is one that a backup has, and leads nowhere else when it is written."""
    if "\\" in name or "\0" in name or str(PurePosixPath(name)) != name:
        return False
    first, *more = PurePosixPath(name).parts or (".",)
    if any(part in (".", "..") for part in more):
        return False
    return (first in (ROWS, MEDIA) and bool(more)) or name in (MANIFEST, CHECK, SECRET, SETTINGS)


def rows(content: IO[bytes]) -> Iterator[bytes]:
    """The lines of a member with rows."""
    with gzip.open(content) as lines:
        yield from cast(Iterable[bytes], lines)


def _manifest(data: bytes) -> Manifest:
    try:
        told = orjson.loads(data)
        if told["format"] != FORMAT:
            raise BackupRefused(f"the backup has format {told['format']}: run a newer release of Folkmoot")
        tables = {
            name: TableCopy([Column(**column) for column in table["columns"]], Tally(**table["tally"]))
            for name, table in told["tables"].items()
        }
        listed = {name: Member(**member) for name, member in told["members"].items()}
        taken_at = datetime.fromisoformat(told["taken_at"])
        manifest = Manifest(**(told | {"tables": tables, "members": listed, "taken_at": taken_at}))
        _check_kinds(manifest)
        return manifest
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BackupRefused(f"the manifest cannot be read: {error}") from error


def _check_kinds(manifest: Manifest) -> None:
    """Raises TypeError for a manifest that no writer of ours made, before anything is done with what it says."""
    words = [manifest.folkmoot, manifest.origin, manifest.engine, manifest.revision]
    words += [
        word for table in manifest.tables.values() for column in table.columns for word in (column.name, column.kind)
    ]
    counts = list(manifest.waiting.values())
    counts += [table.tally.rows for table in manifest.tables.values()]
    counts += [member.size for member in manifest.members.values()]
    if not all(isinstance(word, str) for word in words) or not all(isinstance(count, int) for count in counts):
        raise TypeError("something in it is of another kind")
