"""Which databases there are: the embedded server's or the owner's, brought to the newest schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from laurels.config import Settings
from laurels.store.embedded import EmbeddedServer, default_folder
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.jobs import prepare_jobs
from laurels.store.migrate import grant, migrate
from laurels.store.restore import rebase_feed
from laurels.store.roles import DATABASE, OWNER_ROLE, SERVICE_ROLE, make_roles

SANDBOX_DATABASE = "laurels_sandbox"
MIGRATION_LOCK = 0x1A07E15
"""Of pg_advisory_lock: two processes that start together migrate one after the other."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of ours.

    name     live or sandbox
    service  how to connect as the role that serves; owner: as the one that migrates
    """

    name: str
    service: str
    owner: str


@contextmanager
def databases(settings: Settings) -> Iterator[tuple[EmbeddedServer | None, list[Database]]]:
    """The databases that the settings name, ready for use; an embedded server runs as long."""
    if settings.database_url:
        owner = settings.owner_database_url or settings.database_url
        found = [Database("live", settings.database_url, owner)]
        if settings.sandbox_database_url:
            sandbox = settings.sandbox_database_url
            found.append(Database("sandbox", sandbox, _of_owner(owner, sandbox)))
        for each in found:
            prepare(each)
        yield None, found
        return
    with EmbeddedServer(settings.data or default_folder()) as server:
        names = {"live": DATABASE, "sandbox": SANDBOX_DATABASE}
        found = []
        for name, database in names.items():
            make_roles(server.url(SUPERUSER, "postgres"), database)
            found.append(
                Database(name, server.url(SERVICE_ROLE, database), server.url(OWNER_ROLE, database))
            )
            prepare(found[-1])
        yield server, found


def prepare(database: Database) -> None:
    """Bring a database to the newest schema and give the service its rights. Safe to repeat."""
    with psycopg.connect(database.owner, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
        migrate(database.owner)
        rebase_feed(database.owner)
        role = str(conninfo_to_dict(database.service).get("user") or "")
        other = role if database.service != database.owner and role else None
        prepare_jobs(database.owner, other)
        if other:
            grant(database.owner, other)
        if database.name == "sandbox":
            # Only a database that says so of itself lets its clock be moved.
            connection.execute(
                "insert into settings (key, value) values ('sandbox', 'true')"
                " on conflict do nothing"
            )


def _of_owner(owner: str, sandbox: str) -> str:
    """The sandbox as the owner's role: the same server and password, the other database."""
    parts = conninfo_to_dict(owner)
    other = conninfo_to_dict(sandbox)
    same = all(parts.get(key) == other.get(key) for key in ("host", "port"))
    if not same:
        return sandbox
    return psycopg.conninfo.make_conninfo(owner, dbname=other.get("dbname"))
