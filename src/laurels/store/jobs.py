"""The tables of the job queue, in a schema of their own: `jobs`.

They are procrastinate's, with its migrations. Which of those were applied is written down, so that
a newer release of the library finds what is missing.
"""

from __future__ import annotations

from importlib.resources import files

import psycopg
from psycopg import sql

SCHEMA = "jobs"


def queue_conninfo(conninfo: str) -> str:
    """How to connect so that the queue finds its tables."""
    return psycopg.conninfo.make_conninfo(conninfo, options=f"-c search_path={SCHEMA}")


def prepare_jobs(owner: str, role: str | None = None) -> None:
    """Make the tables, or bring them to what the installed library wants. Safe to repeat.

    owner  how to connect as the role that owns them
    """
    source = files("procrastinate") / "sql"
    steps = sorted(each.name for each in (source / "migrations").iterdir()
                   if each.name.endswith(".sql"))  # fmt: skip
    with psycopg.connect(queue_conninfo(owner)) as connection:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        connection.execute("create table if not exists applied (step text primary key)")
        applied = {row[0] for row in connection.execute("select step from applied").fetchall()}
        if not applied:
            connection.execute((source / "schema.sql").read_bytes())
        else:
            for step in steps:
                if step not in applied:
                    connection.execute((source / "migrations" / step).read_bytes())
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into applied values (%s) on conflict do nothing",
                [(each,) for each in steps],
            )
        if role is not None:
            _grant(connection, role)


def _grant(connection: psycopg.Connection, role: str) -> None:
    names = {"schema": sql.Identifier(SCHEMA), "role": sql.Identifier(role)}
    for text in (
        "grant usage on schema {schema} to {role}",
        "grant select, insert, update, delete on all tables in schema {schema} to {role}",
        "grant usage, select on all sequences in schema {schema} to {role}",
        "grant execute on all functions in schema {schema} to {role}",
    ):
        connection.execute(sql.SQL(text).format(**names))
