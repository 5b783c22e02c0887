"""How SQLite goes about the questions that are asked all the time: it has no statistics, so an empty database tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from storage import letters, pages
from storage.work import Storage, Work
from tests.conftest import make_database


@pytest.mark.parametrize(
    ("ask", "whole"),
    [
        (lambda work: letters.claim(work, "us", 16), "SCAN letters"),
        (lambda work: pages.cards(work, viewer=1, where="own"), "SCAN comments"),
        (lambda work: pages.cards(work, viewer=None, where="listed"), "SCAN comments"),
    ],
    ids=["claiming letters", "one's own threads", "threads of everybody"],
)
async def test_a_question_asked_all_the_time_reads_no_whole_table(
    tmp_path: Path, ask: Callable[[Work], object], whole: str
) -> None:
    storage = Storage(make_database(tmp_path), origin="https://node.test")
    storage.start()
    plans: list[str] = []

    def explained(work: Work) -> None:
        connection = work.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def explain(_connection: Any, cursor: Any, statement: str, given: Any, *_: Any) -> None:
            if statement.startswith(("SELECT", "WITH")):
                rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)
                plans.extend(row[3] for row in rows)

        ask(work)

    try:
        await storage.write(explained)
    finally:
        storage.close()
    assert plans
    assert whole not in plans
