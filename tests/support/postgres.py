"""A real PostgreSQL for tests: one server a session, a fresh database a test from a template.

The newest version that is here; LAURELS_TEST_POSTGRES=15 takes another.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import psycopg

from laurels.store.embedded import EmbeddedServer, available
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.migrate import grant, migrate
from laurels.store.roles import OWNER_ROLE, SERVICE_ROLE

COUNT = itertools.count(1)
# Durability has tests of its own, with servers of their own.
QUICK = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 300\n"


@cache
def server() -> EmbeddedServer:
    """The server of the session."""
    wanted = os.environ.get("LAURELS_TEST_POSTGRES", "")
    found = {each.major: each for each in reversed(available())}
    folder = Path(tempfile.mkdtemp(prefix="laurels-test-", dir="/tmp"))
    folder.chmod(0o711)
    made = EmbeddedServer(folder / "data", found[int(wanted) if wanted else max(found)])
    made.start()
    made.release()
    with (folder / "data" / "postgres" / "postgresql.conf").open("a") as file:
        file.write(QUICK)
    made.start()

    def end() -> None:
        made.release()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return made


def conninfo(database: str, role: str = OWNER_ROLE) -> str:
    """How to connect to a database of the session's server."""
    return server().url(role, database)


@cache
def template() -> str:
    """A migrated database that others are copied from."""
    _admin(f"CREATE DATABASE laurels_template OWNER {OWNER_ROLE}")
    migrate(conninfo("laurels_template"))
    grant(conninfo("laurels_template"), SERVICE_ROLE)
    return "laurels_template"


def fresh_database(migrated: bool = True, role: str = OWNER_ROLE) -> str:
    """The conninfo of a database of its own."""
    name = f"laurels_{next(COUNT)}"
    source = template() if migrated else "template0"
    _admin(f"CREATE DATABASE {name} OWNER {OWNER_ROLE} TEMPLATE {source} STRATEGY FILE_COPY")
    return conninfo(name, role)


def _admin(command: str) -> None:
    with psycopg.connect(conninfo("postgres", SUPERUSER), autocommit=True) as connection:
        connection.execute(command.encode())
