"""Room: while the disk is almost full what is here can be read, and nothing new is taken that might not fit."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from node.settings import Settings
from storage.work import StorageUnavailable

MARGIN = 64 * 1024 * 1024  # bytes: for what was taken and is not done yet, for logs, and for an admin to sign in
RETRY_AFTER = 600  # seconds; it takes a person to make room on a disk
SHARE = 20  # a disk that is small altogether keeps a twentieth of itself free instead
MIB = 1024 * 1024
SQLITE = "sqlite:///"


class NoRoom(StorageUnavailable):
    """The disk is almost full: nothing new is taken, and what is here can be read. Try later; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is free where the node keeps something, and what has to stay free there."""

    place: Path
    free: int
    margin: int

    @property
    def enough(self) -> bool:
        return self.free >= self.margin

    def __str__(self) -> str:
        return f"{self.free // MIB} MiB free in {self.place}"


class Room:
    """Looks at the disks of the data folder and of the database; that takes some microseconds."""

    def __init__(self, settings: Settings) -> None:
        self._places = {settings.data}
        database = settings.database
        if database.startswith(SQLITE):
            self._places.add(Path(database.removeprefix(SQLITE).partition("?")[0]).parent)

    def look(self) -> Left:
        """The place that is nearest to its margin."""
        return min(map(_left, self._places), key=lambda left: left.free / left.margin)

    def must_be_left(self) -> None:
        """Raises NoRoom where something new might not fit (REL-43)."""
        left = self.look()
        if not left.enough:
            raise NoRoom(f"the disk is almost full: {left}")


def _left(place: Path) -> Left:
    disk = shutil.disk_usage(place)
    return Left(place, disk.free, max(min(MARGIN, disk.total // SHARE), 1))
