"""Migrations: an upgraded database is what the schema says, whatever it was before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from storage import clock, migrations, people
from storage.schema import Account, Actor, Comment, Group, Report, Revision, Table, Thread
from storage.work import Storage, Work
from tests.equipment.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a single table, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.database()
    yield url
    server.drop(url)


@pytest.fixture
def created(empty_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Another database on the same engine, made from the schema without any step."""
    server: Postgres | None = None
    if empty_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'created.sqlite3'}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.database()
    engine = create_engine(url)
    Table.metadata.create_all(engine)
    yield engine
    engine.dispose()
    if server is not None:
        server.drop(url)


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    """A way to look at the database beside the storage."""
    engine = create_engine(empty_url)
    yield engine
    engine.dispose()


# What SQLAlchemy's inspection leaves out: ids that are never used again, and the order of paths.
BESIDE = {
    "sqlite": text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"),
    "postgresql": text(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND collation_name IS NOT NULL ORDER BY table_name, column_name"
    ),
}


def upgrade(url: str) -> list[str]:
    storage = Storage(url, origin="https://node.test")
    try:
        return storage.migrate()
    finally:
        storage.close()


def differences(connection: Connection) -> list[Any]:
    """What Alembic would change to make the database what the schema says, types included."""
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, Table.metadata))


def described(connection: Connection) -> dict[str, Any]:
    """Every table as the engine itself describes it: columns with types, keys, indexes, foreign keys."""
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for name in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        found[name] = {
            "columns": sorted(
                (
                    column["name"],
                    str(column["type"].compile(connection.dialect)),
                    column["nullable"],
                    str(column["default"] or "").replace(f"{name}_", ""),
                )
                for column in inspector.get_columns(name)
            ),
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted((it["name"], it["column_names"]) for it in inspector.get_unique_constraints(name)),
            "indexes": sorted(
                (it["name"], it["column_names"], bool(it["unique"]), _condition(it))
                for it in inspector.get_indexes(name)
            ),
            "references": sorted(
                (it["constrained_columns"], it["referred_table"], it["referred_columns"])
                for it in inspector.get_foreign_keys(name)
            ),
        }
    return found


def _condition(index: Any) -> str:
    conditions = (where for name, where in index.get("dialect_options", {}).items() if name.endswith("_where"))
    return str(next(conditions, "")).strip("()")


def test_an_upgraded_empty_database_equals_the_schema(empty_url: str, engine: Engine) -> None:
    upgrade(empty_url)

    with engine.connect() as connection:
        assert differences(connection) == []


def test_an_upgraded_database_is_what_the_schema_itself_would_create(
    empty_url: str, engine: Engine, created: Engine
) -> None:
    """Alembic's comparison does not see everything: neither collations nor SQLite's AUTOINCREMENT nor a condition."""
    upgrade(empty_url)

    with engine.connect() as ours, created.connect() as theirs:
        assert described(ours) == described(theirs)
        beside = BESIDE[engine.dialect.name]
        assert list(ours.execute(beside)) == list(theirs.execute(beside)) != []


def test_upgrading_again_does_nothing(empty_url: str, engine: Engine) -> None:
    first = upgrade(empty_url)
    written: list[str] = []

    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *said: written.append(said[2]))
        second = migrations.upgrade(connection)

    assert first, "an empty database takes every step"
    assert second == []
    changing = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")
    assert [statement for statement in written if statement.lstrip().upper().startswith(changing)] == []


def test_what_is_pending_is_named_before_it_is_done(empty_url: str, engine: Engine) -> None:
    with engine.connect() as connection:
        assert migrations.current(connection) is None
        announced = migrations.pending(connection)

    assert upgrade(empty_url) == announced

    with engine.connect() as connection:
        assert migrations.pending(connection) == []
        assert announced[-1].startswith(f"{migrations.current(connection)} ")


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(empty_url: str, engine: Engine) -> None:
    upgrade(empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(migrations.UnknownRevision, match="newer release"):
        upgrade(empty_url)

    with engine.connect() as connection:
        assert migrations.current(connection) == "9999"


def test_a_step_that_fails_leaves_nothing_behind(empty_url: str, engine: Engine) -> None:
    """A table in the way stops the first step at its last table: none of the others may stay."""
    last = list(Table.metadata.sorted_tables)[-1].name
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE {last} (other INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        upgrade(empty_url)

    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) - {"alembic_version"} == {last}
        assert migrations.current(connection) is None


def test_every_step_has_one_parent_and_says_what_it_does() -> None:
    folder = Path(migrations.__file__).parent / "versions"
    steps = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("*.py")}
    _, scripts = migrations._scripts()

    assert len(scripts.get_heads()) == 1
    for revision in scripts.walk_revisions():
        assert revision.doc, f"{revision.revision} says nothing of itself"
        assert revision.module.__file__ is not None
        name = Path(revision.module.__file__).stem
        assert name in steps
        assert name.startswith(revision.revision), f"{name} is not named for its revision"


# ------------------------------------------------------------------ what was there before


def take_steps_to(revision: str, engine: Engine) -> None:
    """Brings an empty database to where a release left it."""
    config, scripts = migrations._scripts()
    context = EnvironmentContext(config, scripts, fn=lambda at, _: scripts._upgrade_revs(revision, at))
    with engine.begin() as connection, context as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()


WHEN = "2026-11-01 12:00:00"
FILLED = [
    "INSERT INTO actors (id, uri, kind, local, host, name, display_name, summary, inbox, discoverable, indexable,"
    " manually_approves, state, created_at, updated_at, version) VALUES"
    f" (1, 'https://node.test/g/garden', 'group', true, 'node.test', 'garden', 'Garden', '', 'x', true, true, false,"
    f" 'active', '{WHEN}', '{WHEN}', 1),"
    f" (7, 'https://node.test/u/ana', 'person', true, 'node.test', 'ana', 'Ana', '', 'x', true, true, false,"
    f" 'active', '{WHEN}', '{WHEN}', 3)",
    "INSERT INTO groups (actor_id, privacy, who_may_start, outsiders_may_start, outsiders_may_comment, comments,"
    " language, hue) VALUES (1, 'open', 'members', true, true, 'quiet', 'en', 200)",
    f"INSERT INTO memberships (group_id, actor_id, role, joined_at) VALUES (1, 7, 'admin', '{WHEN}')",
    "INSERT INTO threads (id, uid, group_id, title, slug, context, private, tags, state, announced, created_at,"
    " last_activity_at, next_number, comments_count, seen_count, version) VALUES"
    f" (5, 'abc', 1, 'Beans?', 'beans', 'c', false, '[]', 'visible', true, '{WHEN}', '{WHEN}', 1, 0, 0, 1)",
    "INSERT INTO comments (id, uid, uri, thread_id, author_id, number, path, depth, kind, state, source, source_type,"
    " html, wire, sensitive, mentions, tags, attachments, published_at, arrived_at, replies_count, likes_count,"
    " boosts_count, version) VALUES (9, 'abc', 'https://node.test/post/abc', 5, 7, 0, '0000000', 0, 'note', 'visible',"
    f" 'Where?', 'text/markdown', '<p>Where?</p>', '', false, '[]', '[]', '[]', '{WHEN}', '{WHEN}', 0, 0, 0, 1)",
    f"INSERT INTO revisions (comment_id, source, html, replaced_at) VALUES (9, 'Wher', '<p>Wher</p>', '{WHEN}')",
    f"INSERT INTO reports (reporter_id, objects, words, created_at) VALUES (7, '[]', 'spam', '{WHEN}')",
    f"INSERT INTO acts (actor_id, verb, about, reason, done_at) VALUES (7, 'lock', 'x', '', '{WHEN}')",
]


def test_a_node_of_the_first_release_keeps_all_it_has(empty_url: str, engine: Engine) -> None:
    take_steps_to("0001", engine)
    with engine.begin() as connection:
        for statement in FILLED:
            connection.execute(text(statement))

    steps = upgrade(empty_url)

    assert [step.partition(" ")[0] for step in steps] == ["0002", "0003"]
    storage = Storage(empty_url, origin="https://node.test")
    storage.start()
    try:
        with storage.connect() as connection, Work(connection, now=clock.now(), origin="https://node.test") as work:
            group = work.get_one(Group, 1)
            assert (group.threads, group.slow_mode, group.listed, group.join_prompt) == ("either", 0, True, "")
            thread = work.get_one(Thread, 5)
            assert (thread.title, thread.whiteboard) == ("Beans?", False)
            assert work.get_one(Comment, 9).html == "<p>Where?</p>"
            assert [revision.note for revision in work.query(Revision)] == [""]
            assert [(report.words, report.resolution) for report in work.query(Report)] == [("spam", "")]
            assert people.as_person(work.get_one(Actor, 7)).name == "Ana"
            assert work.get(Account, 7) is None
    finally:
        storage.close()
