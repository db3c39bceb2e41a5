"""`laurels serve` on a fresh machine: a process of its own, over a real database."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from laurels.bootstrap.opening import program_files
from laurels.store.embedded import EmbeddedServer
from laurels.store.embedded.server import running_pid

ROOT = Path(__file__).parent.parent.parent
SECONDS = 120


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="laurels-test-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        (Path(made) / "programs").mkdir()
        shutil.copy(ROOT / "programs/retail-starter/program.yaml", Path(made) / "programs")
        yield Path(made)


class Process:
    """A running `laurels serve`."""

    def __init__(self, folder: Path, *more: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("LAURELS_")}
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "laurels", "serve", "--data", folder / "data",
                 "--programs", folder / "programs", "--port", "0", *more],
                stdout=subprocess.PIPE, stderr=log, text=True,
                env=clean | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        assert self.process.stdout is not None
        self.said: list[str] = []
        for line in self.process.stdout:
            self.said.append(line)
            if self._complete():
                break
        found = re.search(r"answers on (http://\S+)", "".join(self.said))
        assert found, self.log.read_text()
        self.url = found[1]
        self.http = httpx2.Client(base_url=self.url, timeout=30)

    def _complete(self) -> bool:
        """The page ends with the programs, and where keys were made with the sandbox's."""
        text = "".join(self.said)
        return "sandbox key" in text or ("  program" in text and "published now" not in text)

    @property
    def key(self) -> str:
        found = re.search(r"live key +(ll_\S+)", "".join(self.said))
        assert found
        return found[1]

    def until_ready(self) -> None:
        for _ in range(SECONDS * 10):
            try:
                if self.http.get("/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def buys(self, key: str, identity: str) -> httpx2.Response:
        return self.http.post(
            "/v1/programs/retail-starter/events",
            headers={"Authorization": f"Bearer {key}"},
            json={"id": identity, "member": "anna", "type": "purchase", "amount": "10.00",
                  "occurred_at": "2026-01-05T10:00:00Z"},
        )  # fmt: skip


@contextmanager
def serving(folder: Path) -> Iterator[Process]:
    running = Process(folder)
    try:
        running.until_ready()
        yield running
    finally:
        running.http.close()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SECONDS) == 0
        assert running.process.stdout is not None
        running.process.stdout.close()


def test_a_fresh_folder_is_served_with_a_key_survives_a_crash_of_the_database_and_stops(
    folder: Path,
) -> None:
    with serving(folder) as first:
        key = first.key
        assert first.http.get("/docs").status_code == 200
        assert first.buys("ll_wrong", "e0").status_code == 401
        assert first.buys(key, "e1").json()["status"] == "taken"
        pid = running_pid(EmbeddedServer(folder / "data").ground)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        for _ in range(SECONDS * 10):
            again = first.buys(key, "e1")
            if again.status_code == 200:
                break
            time.sleep(0.1)
        assert again.json()["repeated"] is True
        assert running_pid(EmbeddedServer(folder / "data").ground) not in (None, pid)
    assert EmbeddedServer(folder / "data").status().pid is None
    with serving(folder) as second:
        assert "key" not in "".join(second.said), "the first key is made once"
        assert second.buys(key, "e2").json()["status"] == "taken"
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert [each["event"] for each in lines if each["event"] in ("started", "stopped")] == [
        "started", "stopped", "started", "stopped",
    ]  # fmt: skip
    assert "anna" not in (folder / "log").read_text()


def test_a_folder_of_one_program_serves_it_and_not_its_variants(tmp_path: Path) -> None:
    for name in ("program.yaml", "late-capture.yaml"):
        (tmp_path / name).write_text("program: shop\n")
    assert program_files(tmp_path) == [tmp_path / "program.yaml"]
    (tmp_path / "program.yaml").rename(tmp_path / "shop.yaml")
    assert program_files(tmp_path) == [tmp_path / "late-capture.yaml", tmp_path / "shop.yaml"]
