"""Two roles and a database: one role migrates and owns, the other serves and cannot rewrite.

What each role may do with each table stands in `store.migrate`; here they come into being, by the
hand of an administrator: the embedded server's superuser, or an owner of a PostgreSQL elsewhere.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

OWNER_ROLE = "laurels_owner"
SERVICE_ROLE = "laurels_service"
DATABASE = "laurels"


def make_roles(administrator: str, database: str = DATABASE) -> list[str]:
    """Make the roles and the database where they are missing. Says what was made.

    administrator  how to connect as a role that may make roles and databases
    """
    made = []
    with psycopg.connect(administrator, autocommit=True) as connection:
        for role in (OWNER_ROLE, SERVICE_ROLE):
            known = connection.execute("select 1 from pg_roles where rolname = %s", [role])
            if known.fetchone() is None:
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
                made.append(f"role {role}")
        known = connection.execute("select 1 from pg_database where datname = %s", [database])
        if known.fetchone() is None:
            # An administrator of a managed server is no superuser: to give a database away it
            # must be a member of the role that gets it.
            connection.execute(
                sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER_ROLE))
            )
            connection.execute(
                sql.SQL(
                    "create database {} owner {} template template0 encoding 'UTF8'"
                    " lc_collate 'C' lc_ctype 'C'"
                ).format(sql.Identifier(database), sql.Identifier(OWNER_ROLE))
            )
            made.append(f"database {database}")
        connection.execute(
            sql.SQL("revoke all on database {} from public").format(sql.Identifier(database))
        )
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(database), sql.Identifier(SERVICE_ROLE)
            )
        )
    return made
