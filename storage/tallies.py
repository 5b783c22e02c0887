"""Tallies: how often something was tried in a while."""

from datetime import datetime, timedelta

from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.schema import Tally
from storage.work import Work


def count(work: Work, key: str, within: timedelta) -> tuple[int, datetime]:
    """Counts one more; answers how many there were since the first of them, and when they are forgotten."""
    insert = sqlite.insert if work.dialect == "sqlite" else postgresql.insert
    over = Tally.until <= work.now
    one_more = (
        insert(Tally)
        .values(key=key, count=1, until=work.now + within)
        .on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((over, 1), else_=Tally.count + 1),
                "until": case((over, work.now + within), else_=Tally.until),
            },
        )
        .returning(Tally.count, Tally.until)
    )
    counted, until = work.execute(one_more, execution_options={"populate_existing": True}).one()
    return counted, until


def standing(work: Work, key: str) -> tuple[int, datetime]:
    """How many there were, and when they are forgotten, without counting one."""
    found = work.execute(select(Tally.count, Tally.until).where(Tally.key == key, Tally.until > work.now)).one_or_none()
    return (found[0], found[1]) if found is not None else (0, work.now)


def take_back(work: Work, key: str) -> None:
    """The last one does not count after all."""
    work.execute(update(Tally).where(Tally.key == key, Tally.count > 0).values(count=Tally.count - 1))


def forget(work: Work, key: str) -> None:
    """Begins anew."""
    work.execute(delete(Tally).where(Tally.key == key))


def prune(work: Work) -> None:
    """Forgets what is over."""
    work.execute(delete(Tally).where(Tally.until <= work.now))
