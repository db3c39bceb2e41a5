"""The database is gone, frozen, read-only, locked or full: a request is told so and nothing is half
done; when the database is back, so is everything that was acknowledged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from laurels.base.instants import format_instant
from laurels.base.outside import now
from laurels.bootstrap.databases import Database, prepare
from laurels.client import Laurels
from laurels.store.embedded import EmbeddedServer
from laurels.store.embedded.configuration import SUPERUSER
from laurels.store.roles import DATABASE, OWNER_ROLE, SERVICE_ROLE, make_roles
from support.http import running
from web.conftest import PROGRAM
from web.test_client import a_key

WHEN = format_instant(now() - 3_600_000_000)
KNOWN = {503, 429}


@dataclass
class World:
    """A database server of its own, and a service over it."""

    database: EmbeddedServer
    url: str
    key: str

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.request(
            method, f"{self.url}/v1/programs/shop/{path}", headers=headers, timeout=60, **more
        )

    def buy(self, name: str, member: str = "anna") -> httpx2.Response:
        event = {"id": name, "source": "api", "member": member, "type": "purchase",
                 "amount": "10.00", "occurred_at": WHEN}  # fmt: skip
        return self.ask("POST", "events", json=event)

    def everything(self, name: str) -> dict[str, int]:
        """A request of each sort: what status each gets."""
        basket = {"member": "anna", "type": "purchase", "amount": "5.00", "occurred_at": WHEN,
                  "id": f"q-{name}", "source": "api"}  # fmt: skip
        return {
            "write": self.buy(name).status_code,
            "read": self.ask("GET", "members/anna").status_code,
            "postings": self.ask("GET", "members/anna/postings").status_code,
            "quote": self.ask("POST", "quotes", json=basket).status_code,
            "ledger": self.ask("GET", "ledger").status_code,
        }

    def active(self, member: str = "anna") -> str:
        for _ in range(40):  # a connection that was cut is told to one request
            found = self.ask("GET", f"members/{member}")
            if found.status_code not in KNOWN:
                break
            time.sleep(0.25)
        assert found.status_code == 200, found.text
        return str(found.json()["balances"]["point"]["active"])

    def admin(self, *statements: str) -> None:
        with psycopg.connect(self.database.url(SUPERUSER), autocommit=True) as connection:
            for each in statements:
                connection.execute(each)

    def processes(self) -> list[int]:
        """The server's process and its children."""
        pid = self.database.status().pid
        assert pid is not None
        listed = subprocess.run(
            ["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True
        )
        rows = [line.split() for line in listed.stdout.splitlines()[1:]]
        return [pid, *(int(child) for child, parent in rows if int(parent) == pid)]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with EmbeddedServer(folder / "data") as server:
        make_roles(server.url(SUPERUSER, "postgres"), DATABASE)
        prepare(Database("live", server.url(SERVICE_ROLE), server.url(OWNER_ROLE)))
        key = a_key(server.url(OWNER_ROLE), "owner")
        with running(server.url(SERVICE_ROLE)) as found:
            with Laurels(found.url, key, "shop") as laurels:
                laurels.publish(PROGRAM)
            yield World(server, found.url, key)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="laurels-faults-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def place(folder: Path) -> Iterator[World]:
    with world(folder) as found:
        found.buy("first")
        yield found


@pytest.fixture(autouse=True)
def settled(request: pytest.FixtureRequest) -> None:
    """Every connection that was cut before has been noticed: each is told to one request."""
    if "place" in request.fixturenames:
        place = request.getfixturevalue("place")
        well = 0
        for _ in range(240):
            well = well + 1 if set(place.everything("settled").values()) == {200} else 0
            if well == 3:
                return
            time.sleep(0.05)
        raise AssertionError("the service does not come back")


def again(place: World, name: str, tries: int = 120) -> httpx2.Response:
    """The same event until it is answered for good."""
    for _ in range(tries):
        found = place.buy(name)
        if found.status_code not in KNOWN:
            return found
        assert found.headers["retry-after"]
        time.sleep(0.25)
    return found


def test_while_the_database_is_gone_all_are_asked_to_come_again(place: World) -> None:
    before = int(place.active())
    place.database.stop(force=True)
    found = place.everything("gone")
    assert set(found.values()) == {503}, found
    place.database.ensure_running()
    taken = again(place, "gone").json()
    assert taken["status"] == "taken"
    assert place.buy("gone").json() == {**taken, "repeated": True}
    assert int(place.active()) == before + 10


def test_a_database_that_only_reads_answers_what_leaves_no_record(place: World) -> None:
    before = place.active()
    place.admin(f"ALTER ROLE {SERVICE_ROLE} SET default_transaction_read_only = on",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE usename = '{SERVICE_ROLE}'")  # fmt: skip
    try:
        for _ in range(4):
            place.everything("reading")  # the connections that were cut are noticed
        found = place.everything("reading")
        # who reads of a person is put on record: what cannot be recorded is not answered
        assert found == {"write": 503, "read": 503, "postings": 503, "quote": 200, "ledger": 200}
    finally:
        place.admin(f"ALTER ROLE {SERVICE_ROLE} RESET default_transaction_read_only",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    f" WHERE usename = '{SERVICE_ROLE}'")  # fmt: skip
    assert again(place, "reading").json()["status"] == "taken"
    assert int(place.active()) == int(before) + 10


def test_a_database_that_stands_still_loses_nothing(place: World) -> None:
    before = int(place.active())
    answers: list[int] = []
    frozen = place.processes()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        asking = threading.Thread(target=lambda: answers.append(place.buy("frozen").status_code))
        asking.start()
        assert httpx2.get(f"{place.url}/health", timeout=10).status_code == 200
        assert httpx2.get(f"{place.url}/ready", timeout=10).status_code == 503
    finally:
        for pid in reversed(frozen):
            os.kill(pid, signal.SIGCONT)
    asking.join(60)
    assert answers in ([200], [503])
    assert again(place, "frozen").json()["status"] == "taken"
    assert int(place.active()) == before + 10


def test_a_locked_table_makes_events_wait_until_it_is_free(place: World) -> None:
    assert place.buy("b0", "boris").status_code == 200
    before = int(place.active("boris"))
    answers: list[httpx2.Response] = []
    with psycopg.connect(place.database.url(SUPERUSER)) as connection:
        connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        waiting = threading.Thread(target=lambda: answers.append(place.buy("b1", "boris")))
        waiting.start()
        time.sleep(0.5)
        assert not answers
        connection.rollback()
    waiting.join(60)
    assert answers[0].json()["status"] == "taken"
    assert int(place.active("boris")) == before + 10


def can_mount() -> bool:
    """Whether a small disk can be made here."""
    with tempfile.TemporaryDirectory() as where:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where],
            capture_output=True,
            check=False,
        )
        if made.returncode == 0:
            subprocess.run(["umount", where], check=True)
        return made.returncode == 0


def test_a_full_disk_takes_nothing_more_and_keeps_what_it_took(folder: Path) -> None:
    if not can_mount():
        pytest.skip("no disk of its own can be mounted here")
    disk = folder / "disk"
    disk.mkdir(mode=0o711)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=711", "tmpfs", disk], check=True)
    try:
        with world(disk) as place:
            taken = 0
            assert place.buy("e0").status_code == 200
            stuffing = disk / "stuffing"
            free = shutil.disk_usage(disk).free
            stuffing.write_bytes(bytes(max(0, free - (200 << 10))))
            for number in range(1, 400):
                answer = place.buy(f"e{number}")
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 503:
                    break
                taken = number
            else:
                raise AssertionError("the disk was never full")
            stuffing.unlink()
            place.database.ensure_running()
            assert again(place, f"e{taken + 1}").json()["status"] == "taken"
            assert int(place.active()) == 10 * (taken + 2)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
