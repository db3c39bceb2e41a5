"""Bringing a database to the newest schema, and giving the service its rights.

Two roles: the owner migrates; the service may read and write everything but change or delete what
is append-only (events, postings, identities of events, the feed, the audit).
"""

from __future__ import annotations

from importlib.resources import as_file, files

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine, pool

from laurels.base.errors import Unavailable

APPEND_ONLY = ("events", "postings", "event_ids", "feed", "audit", "program_texts",
               "chain_heads", "merges", "closings")  # fmt: skip
"""Tables that the service's role can only read and add to."""

OLDEST, NEWEST = 15, 18
"""Major versions of PostgreSQL that the tests run on."""


def migrate(conninfo: str, revision: str = "head") -> str:
    """Bring a database to the newest schema, or to an earlier one; returns its revision. Safe to
    run twice.

    Raises Unavailable where the server cannot be reached or is too old.
    """
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connect(conninfo), poolclass=pool.NullPool
    )
    with as_file(files("laurels.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            return str(MigrationContext.configure(connection).get_current_revision())


def newest() -> str:
    """The revision that this release wants."""
    with as_file(files("laurels.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        return str(ScriptDirectory.from_config(config).get_current_head())


def connect(conninfo: str) -> psycopg.Connection:
    """A connection to a server of a version that is known to work."""
    try:
        connection = psycopg.connect(conninfo)
    except psycopg.OperationalError as error:
        raise Unavailable("store-unreachable", f"the database cannot be reached: {error}") from None
    if connection.info.server_version < OLDEST * 10000:
        connection.close()
        raise Unavailable("store-too-old", f"the database is older than PostgreSQL {OLDEST}")
    return connection


def grant(conninfo: str, role: str) -> None:
    """Give a role what the service needs, and no more. The role must exist."""
    with connect(conninfo) as connection:
        who = sql.Identifier(role)
        run = connection.execute
        run(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(who))
        run(
            sql.SQL(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
            ).format(who)
        )
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (name,) in names:
            if name.rstrip("0123456789").rstrip("_") in APPEND_ONLY or name == "alembic_version":
                table = sql.Identifier(name)
                run(sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(table, who))
        # a parked event gets its place when it is taken
        run(sql.SQL("GRANT UPDATE (member, sequence) ON event_ids TO {}").format(who))
        # a text comes into force when it has been prepared
        run(
            sql.SQL("GRANT UPDATE (state, in_force_at, instants) ON program_texts TO {}").format(
                who
            )
        )
