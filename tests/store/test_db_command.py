"""`laurels db`, as it is typed, over a real server."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from laurels.cli.app import app
from laurels.store.embedded import EmbeddedServer
from laurels.store.restore import rebase_feed
from laurels.store.roles import OWNER_ROLE, SERVICE_ROLE


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LAURELS_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="laurels-test-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def db(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["db", *map(str, arguments)])


def test_the_server_is_started_shown_asked_and_stopped(folder: Path) -> None:
    data = folder / "data"
    assert "not made yet" in db("status", "--data", data).stdout
    started = db("start", "--data", data)
    try:
        url = started.stdout.strip()
        assert db("where", "--data", data).stdout.splitlines() == [url, str(data)]
        with psycopg.connect(url) as connection:
            assert connection.execute("select current_user").fetchone() == (SERVICE_ROLE,)
        seen = json.loads(db("status", "--data", data, "--json").stdout)
        assert seen["pid"] > 0
        assert seen["kept"]
        assert (
            "roles laurels_owner and laurels_service are there"
            in db("grant", "--data", data).stdout
        )
    finally:
        assert db("stop", "--data", data).stdout == "stopped\n"
    assert db("stop", "--data", data).stdout == "it was not running\n"


def test_what_was_dumped_is_restored_and_new_rows_of_the_feed_come_after_the_old(
    folder: Path,
) -> None:
    data, other, file = folder / "data", folder / "other", folder / "saved.dump"
    with EmbeddedServer(data) as server, psycopg.connect(server.url(OWNER_ROLE)) as connection:
        connection.execute("create table settings (key text primary key, value text)")
        connection.execute(
            "create table feed (transaction bigint"
            " default (pg_current_xact_id()::text::bigint), number int)"
        )
        connection.execute("insert into feed select 5000000000 + n, n from generate_series(1, 3) n")
    assert db("dump", file, "--data", data).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "file-exists" in db("dump", file, "--data", data).stderr
    assert "database-not-empty" in db("restore", file, "--data", data).stderr
    assert db("restore", file, "--data", other).stdout == "restored\n"
    with EmbeddedServer(other) as server:
        rebase_feed(server.url(OWNER_ROLE))
        with psycopg.connect(server.url(OWNER_ROLE)) as connection:
            connection.execute("insert into feed (number) values (4)")
            rows = connection.execute("select number from feed order by transaction").fetchall()
            assert rows == [(1,), (2,), (3,), (4,)]
            offset = connection.execute("select value::bigint from settings").fetchone()
            horizon = connection.execute(
                "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            ).fetchone()
            top = connection.execute("select max(transaction) from feed").fetchone()
            assert None not in (offset, horizon, top)
            assert top[0] == horizon[0] + offset[0]
