"""The tests' PostgreSQL gives every test a database of its own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from tests.equipment.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    engine = create_engine(url)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def test_each_database_is_empty(server):
    one, two = server.database(), server.database()
    run(one, "CREATE TABLE notes (id int)")
    count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert run(one, count) == [(1,)] and run(two, count) == [(0,)]


def test_a_template_is_prepared_once_and_copied_each_time(server):
    prepared = []

    def prepare(url: str) -> None:
        prepared.append(url)
        run(url, "CREATE TABLE notes (id int)")

    for _ in range(2):
        copy = server.database(like=server.template("notes", prepare))
        run(copy, "INSERT INTO notes VALUES (1)")
        assert run(copy, "SELECT count(*) FROM notes") == [(1,)]
        server.drop(copy)
    assert len(prepared) == 1
