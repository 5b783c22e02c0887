"""What can be seen from inside: disk, files, database, queues, people."""

import asyncio
import os
import stat
from datetime import timedelta
from pathlib import Path

from node.app import Parts
from node.backups.taking import MARK
from node.doctor.findings import Check, Ill
from node.fediverse.keys import FILE as SECRET_FILE
from storage import accounts, ledger, mails, queues, soundness
from storage.work import Work

LITTLE = 1024**3  # bytes free: to think about
WAITS = timedelta(hours=1)  # a letter or mail; deliveries may wait for a server that is away
STALE_BACKUP = timedelta(days=7)


async def disk(parts: Parts) -> str:
    """Room for what comes."""
    left, remedy = parts.node.room.look(), "Make room, or give the data folder a larger disk."
    if not left.enough:
        raise Ill(f"{left}: no letters and no forms are taken, with or without an account", remedy)
    if left.free < LITTLE:
        raise Ill(str(left), remedy, grade="warning")
    return str(left)


async def files(parts: Parts) -> str:
    """Nobody else on the machine reads the secret or the database."""
    settings = parts.node.settings
    watched = [settings.data, *([settings.data / SECRET_FILE] if not settings.secret else [])]
    if not settings.database_url:
        watched.append(settings.data / "folkmoot.sqlite3")
    for path in watched:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        if mode & (0o077 if path.is_file() and path.name == SECRET_FILE else 0o002):
            raise Ill(f"{path} can be read or changed by others (mode {mode:o})", f"chmod go-rwx {path}")
    if not os.access(settings.data, os.W_OK | os.X_OK):
        raise Ill(f"{settings.data} cannot be written", "Run the node as the owner of its data folder.")
    open_to_read = [path for path in watched if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o044]
    if open_to_read and not _behind_closed_folder(settings.data):
        raise Ill(f"others on this machine can read {open_to_read[0]}", f"chmod 700 {settings.data}", grade="warning")
    return "the secret and the data folder are closed to others"


def _behind_closed_folder(folder: Path) -> bool:
    return any(not stat.S_IMODE(it.stat().st_mode) & 0o011 for it in (folder, *folder.absolute().parents))


async def database(parts: Parts) -> str:
    """The file is whole, and its tables are of this release."""
    storage = parts.node.storage
    wrong = await storage.read(soundness.integrity)
    if wrong:
        raise Ill(f"the database is damaged: {wrong[0]}", "Stop the node and restore a backup: folkmoot restore.")
    pending = await asyncio.to_thread(storage.pending_migrations)
    if pending:
        raise Ill(f"{len(pending)} steps of migrations are not taken", "folkmoot migrate")
    return f"{await storage.read(soundness.version)}, whole and up to date"


async def waiting(parts: Parts) -> str:
    """Letters and mails are worked off."""
    now = parts.node.storage.now()
    look = await parts.node.storage.read(soundness.look)
    counts, mail = await parts.node.storage.read(queues.counts), await parts.node.storage.read(mails.counts)
    if look.late > WAITS.total_seconds():
        raise Ill(
            f"{counts.letters_waiting} letters wait, one has been due for {look.late / 3600:.1f} hours",
            "Is a worker running? folkmoot serve has one, folkmoot web has none.",
        )
    if mail.oldest is not None and now - mail.oldest > WAITS:
        raise Ill(f"{mail.waiting} mails wait", "See why: folkmoot mail list", grade="warning")
    return f"{counts.letters_waiting} letters, {counts.deliveries_waiting} deliveries, {mail.waiting} mails wait"


async def put_aside(parts: Parts) -> str:
    """What was tried often and then put aside."""
    counts, mail = await parts.node.storage.read(queues.counts), await parts.node.storage.read(mails.counts)
    parked = counts.letters_parked + counts.deliveries_parked + mail.parked
    if parked:
        raise Ill(
            f"parked: {counts.letters_parked} letters, {counts.deliveries_parked} deliveries, {mail.parked} mails",
            "Look at them, and retry: folkmoot federation --help, folkmoot mail --help",
            grade="warning",
        )
    return "nothing is parked"


async def others(parts: Parts) -> str:
    """Servers that cannot be reached."""
    counts = await parts.node.storage.read(queues.counts)
    says = f"{counts.hosts_dead} servers are dead, {counts.hosts_failing} failing"
    if counts.hosts_failing > 20:
        raise Ill(says, "Many at once: is it our own way out? See the check of our name.", grade="warning")
    return says


async def balance(parts: Parts) -> str:
    """Every activity went where it was owed, waits, or was given up with a reason."""
    wrong = await parts.node.storage.read(ledger.imbalances)
    if wrong:
        raise Ill(
            f"{len(wrong)} activities do not add up, the first is {wrong[0].uri}",
            "This is a fault of ours: please report it with what folkmoot federation says of that activity.",
        )
    return "what was owed is delivered, waits, or was given up"


async def people(parts: Parts) -> str:
    """Somebody answers for the node."""
    if await parts.node.storage.read(_has_admin):
        return f"there is an admin; sign-up: {parts.node.settings.sign_up}"
    remedy = "Open the link that folkmoot serve shows when it starts."
    if parts.node.settings.sign_up == "open":
        raise Ill("anybody may sign up, and there is no admin", remedy)
    raise Ill("there is no admin", remedy, grade="warning")


def _has_admin(work: Work) -> bool:
    return bool(accounts.admins(work))


async def backup(parts: Parts) -> str:
    """A backup was made lately, where whoever makes them leaves a mark."""
    mark = parts.node.settings.data / MARK
    if not mark.exists():
        return f"unknown: nothing leaves {mark} when a backup is made"
    age = timedelta(seconds=max(parts.node.storage.now().timestamp() - mark.stat().st_mtime, 0))
    if age > STALE_BACKUP:
        raise Ill(f"the last backup is {age.days} days old", "folkmoot backup FILE", grade="warning")
    return f"made {age.days} days ago"


CHECKS: dict[str, Check] = {
    "disk": disk,
    "files": files,
    "database": database,
    "queues": waiting,
    "put aside": put_aside,
    "other servers": others,
    "ledger": balance,
    "people": people,
    "backup": backup,
}
