"""Lists of limited servers: read from what others write, kept, and taken back; an admin's own word goes before them."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from node.forum import accounts, text, upkeep
from node.forum.errors import Invalid, NotFound
from node.forum.host_names import host_name
from storage import block_lists, limits, moderation, people
from storage.block_lists import Change
from storage.schema import Actor, BlockList
from storage.work import Work

LARGEST = 4 * 1024 * 1024  # bytes; the longest lists met have a tenth of it
MOST = 50_000  # hosts
SHOWN = 5  # lines that could not be read, as examples
MAY = ("as listed", "suspend", "silence")  # what a list may do

# What lists call it, and what it is here: Mastodon's words, and those of others.
SEVERITIES = {
    "suspend": limits.SUSPEND, "block": limits.SUSPEND, "reject": limits.SUSPEND, "defederate": limits.SUSPEND,
    "": limits.SUSPEND, "silence": limits.SILENCE, "limit": limits.SILENCE,
}  # fmt: skip
NO_LIMIT = frozenset({"noop", "none"})  # Mastodon's word where only media or reports are refused
HEADS = frozenset({"domain", "host", "hostname", "instance", "name"})


@dataclass(frozen=True, slots=True)
class Read:
    """What a list says, and what of it could not be taken."""

    listed: Mapping[str, tuple[str, str]]  # host -> limit, reason
    obfuscated: int = 0  # names with stars in them: nobody can know whom they mean
    without_limit: int = 0
    ours: int = 0  # this server itself, or a name above it
    too_broad: int = 0  # a whole top level, such as org
    unreadable: int = 0
    examples: tuple[str, ...] = ()  # of unreadable lines

    @property
    def suspends(self) -> int:
        return sum(kind == limits.SUSPEND for kind, _ in self.listed.values())

    @property
    def silences(self) -> int:
        return len(self.listed) - self.suspends


@dataclass(frozen=True, slots=True)
class Fetched:
    """A list as its address has it now."""

    url: str
    read: Read
    etag: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would follow from a list."""

    read: Read
    changes: tuple[Change, ...] = ()


@dataclass
class _Reading:
    """A list while it is being read."""

    ours: str
    listed: dict[str, tuple[str, str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def unread(self, line: str) -> None:
        self.count("unreadable")
        if len(self.examples) < SHOWN:
            self.examples.append(line[:80])


# ------------------------------------------------------------------ reading


def read_list(body: bytes, *, origin: str) -> Read:
    """A list in Mastodon's form, in CSV as FediBlock has it, or with one host in a line; Invalid for anything else."""
    if len(body) > LARGEST:
        raise Invalid("The list is longer than %(most)s bytes.", most=LARGEST, field="list")
    try:
        words = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("The list is not text in UTF-8.", field="list") from None
    if any(ord(char) < 32 and char not in "\t\r\n" for char in words):
        raise Invalid("The list is not text in UTF-8.", field="list")
    reading = _Reading(origin.split("://", 1)[1].partition(":")[0])
    try:
        _read_rows(csv.reader(words.splitlines()), reading)
    except csv.Error:
        raise Invalid("The list is no CSV that can be read.", field="list") from None
    if not reading.listed and reading.counts.get("unreadable"):
        raise Invalid("In this there is no list of servers.", field="list")
    return Read(reading.listed, **reading.counts, examples=tuple(reading.examples))


def _read_rows(rows: Iterable[list[str]], reading: _Reading) -> None:
    columns: dict[str, int] | None = None
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if columns is None:
            heads = [cell.lstrip("#").strip().lower() for cell in cells]
            if heads[0] in HEADS:
                columns = {name: place for place, name in reversed(list(enumerate(heads)))}
                columns["domain"] = 0
                continue
            columns = {"domain": 0, "severity": 1, "public_comment": 2}
        if cells[0].startswith("#"):
            continue  # a remark
        _read_row(cells, columns, reading)
        if len(reading.listed) > MOST:
            raise Invalid("The list has more than %(most)s servers.", most=MOST, field="list")


def _read_row(cells: list[str], columns: dict[str, int], reading: _Reading) -> None:
    def cell(name: str) -> str:
        place = columns.get(name)
        return cells[place] if place is not None and place < len(cells) else ""

    given, severity = cell("domain"), cell("severity").lower()
    if severity in NO_LIMIT:
        reading.count("without_limit")
        return
    if "*" in given.removeprefix("*."):
        reading.count("obfuscated")
        return
    try:
        host = host_name(given.removeprefix("*."))  # a limit meets what is below a name anyway
    except Invalid:
        reading.unread(",".join(cells))
        return
    if severity not in SEVERITIES:
        reading.unread(",".join(cells))
    elif host == reading.ours or reading.ours.endswith("." + host) or host.partition(":")[0] == reading.ours:
        reading.count("ours")
    elif "." not in host and ":" not in host:
        reading.count("too_broad")
    elif reading.listed.get(host, ("",))[0] != limits.SUSPEND:
        why = cell("public_comment") or cell("comment") or cell("reason")
        reading.listed[host] = SEVERITIES[severity], text.clean_name(why, 500)


# ------------------------------------------------------------------ keeping


def preview(work: Work, read: Read, may: str = "as listed", *, name: str = "") -> Preview:
    """What a list would change if it were added, or took the place of the one of that name."""
    known = block_lists.by_name(work, name)
    instead = known.id if known is not None else None
    return Preview(read, tuple(block_lists.changes(work, read.listed, may, instead_of=instead, name=name)))


def add(
    work: Work,
    by: Actor | None,
    name: str,
    read: Read,
    *,
    url: str | None = None,
    etag: str | None = None,
    may: str = "as listed",
    reason: str = "",
) -> list[Change]:
    """Keeps a list, and limits by it from now on; answers the servers for which that changes something."""
    accounts.must_be_admin(work, by)
    name = clean_list_name(name)
    if may not in MAY:
        raise Invalid("A list limits as listed, or it suspends, or it silences.", field="limit")
    if block_lists.by_name(work, name) is not None:
        raise Invalid("There is a list of that name already.", field="name")
    changes = block_lists.changes(work, read.listed, may, name=name)
    kept = BlockList(name=name, url=url, limit=may, etag=etag, added_at=work.now, read_at=work.now, tried_at=work.now)
    work.add(kept)
    work.flush()
    block_lists.replace(work, kept.id, read.listed)
    limits.apply(work)
    moderation.keep_act(work, by, "add block list", name, upkeep.clean_reason(reason) or (url or ""), None)
    return changes


def take_over(work: Work, by: Actor | None, list_id: int, read: Read, *, etag: str | None = None) -> list[Change]:
    """The list says this now. What was a list and is empty is a fault of somebody's, and changes nothing."""
    kept = block_lists.by_id(work, list_id)
    if kept is None:
        raise NotFound("There is no such list.")
    if not read.listed and block_lists.held(work, list_id):
        raise Invalid("The list is empty now. What it said before holds on.", field="list")
    changes = block_lists.changes(work, read.listed, kept.limit, instead_of=list_id, name=kept.name)
    block_lists.replace(work, list_id, read.listed)
    kept.etag, kept.read_at, kept.tried_at, kept.last_error = etag, work.now, work.now, None
    limits.apply(work)
    if changes or by is not None:
        said = ", ".join(f"{one.host}: {one.then or 'no limit'}" for one in changes[:10])
        moderation.keep_act(work, by, "update block list", kept.name, said[:900], None)
    return changes


def note_unchanged(work: Work, list_id: int) -> None:
    """The list was asked for, and is as it was."""
    kept = block_lists.by_id(work, list_id)
    if kept is not None:
        kept.read_at, kept.tried_at, kept.last_error = work.now, work.now, None


def note_failure(work: Work, list_id: int, why: str) -> None:
    """The list could not be read; what it said before holds on."""
    kept = block_lists.by_id(work, list_id)
    if kept is not None:
        kept.tried_at, kept.last_error = work.now, why[:300]


def remove(work: Work, by: Actor | None, name: str, reason: str = "") -> None:
    """Drops a list: what it alone limited is let back."""
    accounts.must_be_admin(work, by)
    kept = named(work, name)
    reason = upkeep.clean_reason(reason)
    name = kept.name
    block_lists.drop(work, kept.id)
    limits.apply(work)
    moderation.keep_act(work, by, "remove block list", name, reason, None)


def named(work: Work, name: str) -> BlockList:
    """The list of that name, which must exist."""
    kept = block_lists.by_name(work, name)
    if kept is None:
        raise NotFound("There is no such list.")
    return kept


def admin_of(work: Work, actor_id: int | None) -> Actor | None:
    """Who does it: an admin of ours, or nobody, which is the console and the clock."""
    actor = people.by_id(work, actor_id) if actor_id is not None else None
    accounts.must_be_admin(work, actor)
    return actor


def clean_list_name(name: str) -> str:
    """What a list is called."""
    clean = text.clean_name(name, 120)
    if not clean or "/" in clean:
        raise Invalid("Give the list a name, without a slash in it.", field="name")
    return clean


def name_of_url(url: str) -> str:
    """What a list is called when nobody says: by its server and file."""
    parts = urlsplit(url)
    return " ".join(part for part in (parts.hostname or "", parts.path.rpartition("/")[2]) if part)[:120]
