"""Verifying a restored node against its backup: the same rows, the same keys, everything that waited."""

from node.backups.archive import Manifest
from node.backups.trying import Finding
from node.settings import Settings
from storage import copies
from storage.work import Storage


def compared(manifest: Manifest, chosen: Settings) -> list[Finding]:
    """Whether each row of the backup is there as it was; before a migration, which may change them."""
    storage = Storage(chosen.database, origin=chosen.origin)
    try:
        found = copies.tally(storage)
        with copies.snapshot(storage) as taken:
            facts, waiting, revision = taken.facts(), taken.waiting(), taken.revision
    finally:
        storage.close()
    return [
        # A node that was never opened has not written down yet whose it is.
        Finding("origin", facts.get("origin", manifest.origin) == manifest.origin, facts.get("origin", "not said yet")),
        Finding("revision", revision == manifest.revision, revision),
        _rows(manifest, found),
        _numbers(manifest, found),
        *(
            Finding(f"{kind} that wait", waiting.get(kind) == count, f"{waiting.get(kind)} of {count}")
            for kind, count in manifest.waiting.items()
        ),
    ]


def _rows(manifest: Manifest, found: dict[str, copies.Tally]) -> Finding:
    other = [
        table
        for table, copy in manifest.tables.items()
        if table not in found or (found[table].rows, found[table].sum) != (copy.tally.rows, copy.tally.sum)
    ]
    rows = sum(tally.rows for tally in found.values())
    says = f"{rows} in {len(found)} tables, each as it was"
    return Finding("rows", not other, f"others in {', '.join(other)}" if other else says)


def _numbers(manifest: Manifest, found: dict[str, copies.Tally]) -> Finding:
    """An id that was given once is never given again, even where its row is gone (REL-36)."""
    back = [
        table
        for table, copy in manifest.tables.items()
        if copy.tally.last is not None
        and (found[table].last if table in found else None) is not None
        and (found[table].last or 0) < copy.tally.last
    ]
    return Finding("numbers", not back, f"given again in {', '.join(back)}" if back else "go on after the last")
