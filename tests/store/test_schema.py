"""The schema: what the migrations make of it, and the rules that let it be spread over servers."""

from __future__ import annotations

import re
from importlib.resources import files

import psycopg
import pytest

from laurels.store.migrate import APPEND_ONLY, migrate, newest
from laurels.store.roles import SERVICE_ROLE
from laurels.store.statements import split
from support.postgres import fresh_database

HOT = ("members", "events", "event_changes", "mentions", "postings", "checkpoints", "waiting",
       "personal", "parked", "people", "reminders")  # fmt: skip
"""Tables of which every key begins with the member."""
ACROSS = ("event_ids", "identities", "merges", "budgets", "feed", "rejected", "audit")
"""What crosses members: declared exceptions, with keys of their own."""
TYPES = {"bigint", "integer", "smallint", "text", "boolean", "bytea", "date"}

SHAPE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY 1, a.attnum""",
    "constraints": """
        SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "indexes": """
        SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2""",
    "parts": """
        SELECT relname, pg_get_expr(relpartbound, oid), reloptions::text FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relispartition AND relkind = 'r'
        ORDER BY 1""",
}


def ask(database: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def shape(database: str) -> dict[str, list[tuple[object, ...]]]:
    return {
        name: [row for row in ask(database, query) if "alembic_version" not in str(row[0])]
        for name, query in SHAPE.items()
    }


def test_all_migrations_together_are_the_declared_schema() -> None:
    declared = fresh_database(migrated=False)
    with psycopg.connect(declared) as connection:
        for statement in split((files("laurels.store") / "schema.sql").read_text("utf-8")):
            connection.execute(statement.encode())
    assert shape(fresh_database()) == shape(declared)


def test_migrating_twice_changes_nothing() -> None:
    database = fresh_database()
    assert migrate(database) == newest()


FILL = """
INSERT INTO programs VALUES (1, 'coffee');
INSERT INTO program_texts (program, epoch, body, state, layout, published_at, published_by)
    VALUES (1, 1, 'program: coffee', 'ready', 'x', 0, 'owner');
INSERT INTO members (member, program) SELECT n, 1 FROM generate_series(1, 50) n;
INSERT INTO people (member, program, name, created_at)
    SELECT n, 1, 'member ' || n, 0 FROM generate_series(1, 50) n;
INSERT INTO events (member, sequence, source, id, type, status, occurred_at, recorded_at, epoch,
    actor, body, chain) SELECT n, 1, '', n::text, 'purchase', 0, 0, 0, 1, 'till', '{}', 'x'
    FROM generate_series(1, 50) n;
INSERT INTO event_ids SELECT 1, n::text, '', n, 1 FROM generate_series(1, 50) n;
INSERT INTO postings SELECT n, 1, 1, 1, 0, 1, 'point', 5, 1, 3, false, false, 'base', -1, '', 1, 1,
    'program', 0, 0, 0, 0, 0 FROM generate_series(1, 50) n;
INSERT INTO feed (member, sequence, program, kind, at) SELECT n, 1, 1, 1, 0
    FROM generate_series(1, 50) n
"""


def test_migrations_run_forward_on_a_filled_database() -> None:
    database = fresh_database(migrated=False)
    assert migrate(database, "0001") == "0001"
    with psycopg.connect(database) as connection:
        connection.execute(FILL.encode())
    assert migrate(database) == newest()
    for table in ("members", "people", "events", "event_ids", "postings", "feed"):
        assert ask(database, f"SELECT count(*) FROM {table}") == [(50,)]


def test_every_key_of_a_hot_table_begins_with_the_member() -> None:
    database = fresh_database()
    for table in HOT:
        keys = ask(database, f"SELECT indexdef FROM pg_indexes WHERE tablename = '{table}'")
        assert keys
        for (definition,) in keys:
            columns = re.search(r"\((.*?)\)", str(definition))
            assert columns is not None
            assert columns[1].split(", ")[0] == "member", definition


def test_hot_tables_use_only_what_every_distributed_postgresql_has() -> None:
    database = fresh_database()
    tables = {*HOT, *ACROSS}
    wrong = [
        (table, column, kind, default)
        for table, column, kind, _, default in ask(database, SHAPE["columns"])
        if table in tables and (kind not in TYPES or "nextval" in str(default))
    ]
    assert not wrong
    assert not ask(
        database,
        "SELECT tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
        " WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace",
    )
    assert not ask(database, "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'")
    assert not ask(database, "SELECT conname FROM pg_constraint WHERE contype IN ('x', 't')")
    assert not ask(database, "SELECT conname FROM pg_constraint WHERE condeferrable")
    assert not ask(
        database,
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND (relkind IN ('S', 'm') OR relpersistence <> 'p')",
    )


def test_every_table_is_hot_or_declared_to_cross_members_or_small() -> None:
    small = {"settings", "clock", "programs", "program_texts", "corrections",
             "correction_members", "chain_heads", "alembic_version",
             "webhooks", "webhook_replays", "access_keys",
             "ledger_days", "ledger_until", "closings"}  # fmt: skip
    found = {
        re.sub(r"_\d$", "", str(name))
        for (name,) in ask(
            fresh_database(),
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p')",
        )
    }
    assert found <= {*HOT, *ACROSS} | small


def test_the_service_can_add_to_the_books_but_not_change_them() -> None:
    with psycopg.connect(fresh_database(role=SERVICE_ROLE), autocommit=True) as service:
        for table in APPEND_ONLY:
            service.execute(f"SELECT 1 FROM {table} LIMIT 1".encode())
            for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    service.execute(statement.encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("UPDATE postings_0 SET points = points + 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("UPDATE events SET body = ''")
        service.execute("UPDATE members SET status = 0")
        service.execute("UPDATE event_ids SET sequence = 1 WHERE sequence = 0")
