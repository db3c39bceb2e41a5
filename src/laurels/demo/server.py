"""`laurels serve` in a process of its own, for as long as the demo lasts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from laurels.base.errors import Unavailable
from laurels.store.embedded import EmbeddedServer

STOP_SECONDS = 60
LOG = "serve.log"
ANSWERS = re.compile(r"answers on (\S+)")
DATABASE = re.compile(r"database +(.+), ")
KEY = re.compile(r"sandbox key +(lt_\S+)")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    folder    of its data; database: what PostgreSQL it is
    key       an owner's, of the sandbox: there the clock can be moved
    process   the operating system's number of it, when it was first started
    crash     kills it without a word, starts it again, and says how many processes were killed
    """

    url: str
    key: str
    database: str
    folder: Path
    process: int
    crash: Callable[[], int]


@contextmanager
def served(keep: Path | None) -> Iterator[Running]:
    """A server without any program. Its folder is thrown away, but for one that is to be kept.

    Raises: Unavailable where it does not come up, with the end of its log
    """
    made = None if keep else Path(tempfile.mkdtemp(prefix="laurels-demo-"))
    folder = (keep or made or Path()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if made:
            made.chmod(0o711)  # where we are root the database runs as another account
        # We use the database as well: the last to leave stops it, even if the server was killed.
        with EmbeddedServer(folder / "data"), _process(folder) as running:
            yield running
    finally:
        if made:
            shutil.rmtree(made, ignore_errors=True)


class _Processes:
    """The server's processes, one after the other: a crash ends one and begins another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = self._start(0)
        self.port = 0

    def _start(self, port: int) -> subprocess.Popen[str]:
        clean = {name: each for name, each in os.environ.items()
                 if not name.startswith("LAURELS_") or name == "LAURELS_POSTGRES_BIN"}  # fmt: skip
        command = [sys.executable, "-m", "laurels", "serve", "--port", str(port)]
        command += ["--data", str(self.folder / "data")]
        with (self.folder / LOG).open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**clean, "PYTHONUNBUFFERED": "1", "LAURELS_LOG": "warning"},
                start_new_session=True,  # it is stopped by us, not by the terminal
            )  # fmt: skip

    def crash(self) -> int:
        """Kill the server and its workers, as a machine that loses power would; the database goes
        on without them. Then start it again where it was, and wait until it answers."""
        was = self.process
        workers = [each for each in below(was.pid) if not _is_database(each)]
        for pid in [was.pid, *workers]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        was.wait()
        if was.stdout:
            was.stdout.close()
        self.process = self._start(self.port)
        self._said(ANSWERS)
        return 1 + len(workers)

    def announced(self) -> Running:
        """What the server says of itself once it answers; the keys come last."""
        url, key, database = self._said(ANSWERS, KEY, DATABASE)
        self.port = int(url.rpartition(":")[2])
        return Running(url, key, database, self.folder, self.process.pid, self.crash)

    def _said(self, *wanted: re.Pattern[str]) -> list[str]:
        assert self.process.stdout is not None
        said = ""
        for line in self.process.stdout:
            said += line
            found = [each.search(said) for each in wanted]
            if all(found):
                return [each[1] for each in found if each]
        log = (self.folder / LOG).read_text(errors="replace").strip()
        raise Unavailable(
            "server-not-started", f"the server did not come up: {log[-500:] or 'it said nothing'}"
        )

    def stop(self) -> None:
        """Stop the one that runs."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def _process(folder: Path) -> Iterator[Running]:
    processes = _Processes(folder)
    try:
        yield processes.announced()
    finally:
        processes.stop()


def below(parent: int) -> list[int]:
    """The processes that a process started, and those that they did, where the system tells."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False
    ).stdout.split()
    pairs = list(zip(map(int, listed[::2]), map(int, listed[1::2]), strict=True))
    found = [parent]
    for each in found:
        found += [pid for pid, of in pairs if of == each]
    return found[1:]


def _is_database(pid: int) -> bool:
    listed = subprocess.run(
        ["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "postgres" in listed.stdout
