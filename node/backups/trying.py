"""Trying a node out: opened as it would be served, and asked for what people and servers ask first."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import aiohttp

from node import serving
from node.app import opened
from node.backups.taking import media_of, read_secret
from node.fediverse.keys import FILE as SECRET_FILE
from node.fediverse.keys import KeysLocked, Sealed, must_work
from node.settings import Settings
from storage import copies, ledger, threads
from storage.errors import CANNOT_OPEN, in_a_line
from storage.work import Storage, StorageUnavailable

AS2 = "application/activity+json"
PAGE = "text/html"
JSON = "application/json"
MOST_STEPS = 4  # from an id to its page
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    says: str


def soundness(chosen: Settings) -> list[Finding]:
    """The database itself, what it owes to others, the secret, and every key: opened, signed with, verified."""
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        with copies.snapshot(storage) as taken:
            damaged = taken.damage()
            keys = list(taken.sealed_keys())
            revision = taken.revision
        astray = asyncio.run(storage.read(ledger.imbalances))
    finally:
        storage.close()
    return [
        Finding("database", not damaged, "; ".join(damaged[:3]) or f"sound, at {revision}"),
        _ledger(astray),
        _secret(chosen),
        _keys(chosen, keys),
        Finding("media", True, f"{len(media_of(chosen.data))} files"),
    ]


def _ledger(astray: list[ledger.Imbalance]) -> Finding:
    """A backup is one moment: what was owed waits in it, or it says where it went (REL-45)."""
    if not astray:
        return Finding("ledger", True, "what was owed is delivered, waits, or was given up")
    first = astray[0]
    told = f"{first.owed} owed, {first.delivered} delivered, {first.given_up} given up, {first.waiting} waiting"
    return Finding("ledger", False, f"{len(astray)} activities do not add up, the first is {first.uri}: {told}")


def _secret(chosen: Settings) -> Finding:
    file = chosen.data / SECRET_FILE
    if chosen.secret:
        return Finding("secret", True, "as the settings say")
    mode = file.stat().st_mode & 0o777
    return Finding("secret", mode == 0o600, f"mode {mode:04o}")


def _keys(chosen: Settings, keys: list[tuple[str, str, bytes]]) -> Finding:
    secret = read_secret(chosen)
    for key in keys:
        try:
            must_work(secret, Sealed(*key))
        except KeysLocked as error:
            return Finding("keys", False, str(error))
    return Finding("keys", True, f"{len(keys)} open, sign, and are verified")


def answers(chosen: Settings) -> list[Finding]:
    """What the node answers on a port of this machine, without sending anything to anybody."""
    try:
        return asyncio.run(_answers(chosen))
    except (*CANNOT_OPEN, StorageUnavailable, KeysLocked, aiohttp.ClientError, TimeoutError) as error:
        return [Finding("opens", False, in_a_line(error))]


async def _answers(chosen: Settings) -> list[Finding]:
    async with opened(chosen, migrate=False) as parts, serving.listening(parts, "127.0.0.1", 0) as port:
        opening = await parts.node.storage.read(threads.newest_public)
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as session:
            asking = partial(_asked, session, chosen)
            found = [await asking("/", PAGE), await asking("/actor", AS2), await asking("/nodeinfo/2.1", JSON)]
            if opening is not None:
                found += [await asking(opening, AS2), await asking(opening, PAGE)]
            return found


async def _asked(session: aiohttp.ClientSession, chosen: Settings, address: str, accept: str) -> Finding:
    """What is there, or where it leads to within the node."""
    path = address.removeprefix(chosen.origin)
    for _ in range(MOST_STEPS):
        headers = {"Host": chosen.authority, "Accept": accept}
        async with session.get(path, headers=headers, allow_redirects=False) as response:
            await response.read()
            leads_to = response.headers.get("Location", "").removeprefix(chosen.origin)
            if response.status not in (301, 302, 303, 307, 308) or not leads_to.startswith("/"):
                break
            path = leads_to
    return Finding(f"GET {path}", response.status == 200, f"{response.status} {response.content_type}")


def failed(findings: list[Finding]) -> list[Finding]:
    """Those that are not as they should be."""
    return [finding for finding in findings if not finding.good]


def folder_of(chosen: Settings) -> Path:
    """Where upgrades leave what they took before they began."""
    return chosen.data / "backups"
