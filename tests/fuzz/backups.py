"""Backups: a file from anywhere is refused with a reason, or it is what its manifest says."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from pathlib import Path

import orjson

from node.backups import archive
from node.backups.age import Identity
from tests.fuzz.reader import Reader

SECRET = b"a secret of 32 bytes, or about it"
OPENERS = [Identity(bytes(range(32)))]
FILE = Path(tempfile.gettempdir()) / f"folkmoot-fuzz-{os.getpid()}"


def manifest() -> bytes:
    tally = {"rows": 0, "sum": "0", "last": None}
    return orjson.dumps(
        {
            "folkmoot": "0.3.0", "origin": "https://node.test", "engine": "sqlite", "revision": "0003", "format": 1,
            "taken_at": "2026-01-15T12:00:00+00:00", "waiting": {"letters": 1},
            "tables": {"actors": {"columns": [{"name": "id", "kind": "integer"}], "tally": tally}},
            "members": {"secret": {"size": len(SECRET), "sha256": hashlib.sha256(SECRET).hexdigest()}},
        }
    )  # fmt: skip


def tar(*members: tuple[str, bytes]) -> bytes:
    """An archive that no writer of ours made."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return made.getvalue().rstrip(b"\0") + bytes(1024)


def with_manifest(told: bytes) -> bytes:
    check = hashlib.sha256(told).hexdigest().encode()
    return tar((archive.SECRET, SECRET), (archive.MANIFEST, told), (archive.CHECK, check))


def seeds() -> list[bytes]:
    key = b"-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n"
    return [
        manifest(),
        with_manifest(manifest()),
        tar((archive.SECRET, SECRET), ("rows/actors.gz", b"")),
        b"age-encryption.org/v1\n" + key + b"--- oBCZUx/6bQVGyEOjn/PIRcK2nMcFTcDsFAWdAYqtO4E\n" + bytes(80),
    ]


def read(data: bytes) -> None:
    """The file itself, or, where it is a document, a file with it as its manifest."""
    FILE.write_bytes(with_manifest(data) if data.startswith(b"{") else data)
    try:
        found = archive.checked(FILE, OPENERS)
        found.told()
        assert all(archive.is_proper(name) for name in found.members)
    except archive.BackupRefused:
        return
    finally:
        FILE.unlink(missing_ok=True)


READER = Reader(
    "backups",
    read,
    seeds,
    json=True,
    words=("manifest.json", "secret", "rows/", "media/", "..", "ustar", "--- ", "-> "),
)
