"""What an import brought, by its old ids, and the old names and addresses that lead here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, select
from sqlalchemy.dialects import postgresql, sqlite

from storage.schema import Actor, Alias, ImportedRecord, Reaction
from storage.work import Work

IN_ONE_QUERY = 500  # keys; SQLite takes 32,766 values, and a list of them all would be as long as the file
LONGEST_KEY = 200  # of an old address; a link with a longer one leads nowhere


@dataclass(frozen=True, slots=True)
class Raw:
    """A record, or what is left of one, that is kept as it came."""

    table: str
    key: str
    json: str


def record(work: Work, source: str, table: str, key: str) -> ImportedRecord | None:
    """What became of a record."""
    return work.scalars(
        select(ImportedRecord).where(
            ImportedRecord.source == source, ImportedRecord.table_name == table, ImportedRecord.key == key
        )
    ).one_or_none()


def local_id(work: Work, source: str, table: str, key: str) -> int | None:
    """The row here that a record became."""
    found = record(work, source, table, key)
    return found.local_id if found is not None else None


def known(work: Work, source: str, table: str, keys: Sequence[str]) -> dict[str, str | None]:
    """Those of the keys that were imported before, with what is kept of them."""
    found: dict[str, str | None] = {}
    for start in range(0, len(keys), IN_ONE_QUERY):
        rows = work.execute(
            select(ImportedRecord.key, ImportedRecord.raw).where(
                ImportedRecord.source == source,
                ImportedRecord.table_name == table,
                ImportedRecord.key.in_(keys[start : start + IN_ONE_QUERY]),
            )
        )
        found |= {key: raw for key, raw in rows}
    return found


def remember(work: Work, source: str, table: str, key: str, *, local_id: int | None, raw: str | None = None) -> None:
    """Writes down what a record became, so that it never becomes it twice."""
    work.add(ImportedRecord(source=source, table_name=table, key=key, local_id=local_id, raw=raw))
    work.flush()


def keep(work: Work, source: str, rows: Iterable[Raw]) -> int:
    """Keeps records as they came, each once; says how many were new."""
    values = [{"source": source, "table_name": row.table, "key": row.key, "raw": row.json} for row in rows]
    if not values:
        return 0
    insert = postgresql.insert if work.dialect == "postgresql" else sqlite.insert
    done = work.execute(insert(ImportedRecord.__table__).values(values).on_conflict_do_nothing())  # type: ignore[arg-type]
    return cast(CursorResult[Any], done).rowcount


def lead(
    work: Work,
    kind: str,
    key: str,
    *,
    thread_id: int | None = None,
    comment_id: int | None = None,
    actor_id: int | None = None,
) -> None:
    """Lets an old name or address lead here; the first that took it keeps it, and what is no address is none."""
    if (
        0 < len(key) <= LONGEST_KEY
        and work.scalar(select(Alias.id).where(Alias.kind == kind, Alias.key == key)) is None
    ):
        work.add(Alias(kind=kind, key=key, thread_id=thread_id, comment_id=comment_id, actor_id=actor_id))
        work.flush()


def actor_called(work: Work, kind: str, key: str) -> Actor | None:
    """The standing actor to whom an old name leads."""
    return work.scalars(
        select(Actor)
        .join(Alias, Alias.actor_id == Actor.id)
        .where(Alias.kind == kind, Alias.key == key, Actor.state == "active")
    ).one_or_none()


def reactions_of(work: Work, comment_id: int, actor_id: int) -> set[str]:
    """The kinds of what someone already has on an item."""
    return set(
        work.scalars(select(Reaction.kind).where(Reaction.comment_id == comment_id, Reaction.actor_id == actor_id))
    )
