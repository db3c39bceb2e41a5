"""`laurels serve` in a process of its own, for as long as the demo lasts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    process   the operating system's number of it
    """

    url: str
    key: str
    database: str
    folder: Path
    process: int


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


@contextmanager
def _process(folder: Path) -> Iterator[Running]:
    clean = {name: each for name, each in os.environ.items()
             if not name.startswith("LAURELS_") or name == "LAURELS_POSTGRES_BIN"}  # fmt: skip
    command = [sys.executable, "-m", "laurels", "serve", "--port", "0"]
    command += ["--data", str(folder / "data")]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**clean, "PYTHONUNBUFFERED": "1", "LAURELS_LOG": "warning"},
            start_new_session=True,  # it is stopped by us, not by the terminal
        )  # fmt: skip
    try:
        yield _announced(process, folder)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _announced(process: subprocess.Popen[str], folder: Path) -> Running:
    """What the server says of itself once it answers; the keys come last."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        url, key, database = ANSWERS.search(said), KEY.search(said), DATABASE.search(said)
        if url and key and database:
            return Running(url[1], key[1], database[1], folder, process.pid)
    log = (folder / LOG).read_text(errors="replace").strip()
    raise Unavailable(
        "server-not-started", f"the server did not come up: {log[-500:] or 'it said nothing'}"
    )
