"""After a database was loaded from a file.

Positions in the feed are numbers of transactions, and a new server counts those from the start.
Without care, what is written after a restore would stand before what readers have seen, and they
would miss it. So the new server's numbers get an offset, above everything that was restored.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from laurels.base.errors import RequestError

OFFSET = "feed_offset"


def check_empty(conninfo: str) -> None:
    """Raise RequestError, code database-not-empty, unless a database has no tables."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "select count(*) from pg_class where relkind in ('r', 'p')"
            " and relnamespace = 'public'::regnamespace"
        ).fetchone()
    if row and row[0]:
        raise RequestError(
            "database-not-empty",
            f"the database has {row[0]} tables already",
            expected="an empty one",
            hint="a new folder (--data) has one",
        )


def rebase_feed(owner: str) -> int:
    """Let new rows of the feed stand after all that are there; returns the offset. Safe to repeat.

    owner  how to connect as the role that owns the tables
    """
    with psycopg.connect(owner) as connection:
        row = connection.execute(
            "select coalesce(max(transaction), 0), pg_current_xact_id()::text::bigint from feed"
        ).fetchone()
        known = connection.execute("select value from settings where key = %s", [OFFSET]).fetchone()
        assert row is not None
        highest, current = int(row[0]), int(row[1])
        offset = int(known[0]) if known else 0
        if highest < current + offset:
            return offset
        offset = highest - current + 1
        connection.execute(
            "insert into settings (key, value) values (%s, %s)"
            " on conflict (key) do update set value = excluded.value",
            [OFFSET, str(offset)],
        )
        connection.execute(
            sql.SQL(
                "alter table feed alter transaction"
                " set default pg_current_xact_id()::text::bigint + {}"
            ).format(sql.Literal(offset))
        )
    return offset
