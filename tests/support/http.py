"""A server in a process of its own, as it runs in production: Granian, a port, a database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from laurels.web.api.app import Opening, create_app, open_environment
from laurels.web.api.exchange import Environment

TESTS = Path(__file__).parent.parent
LIVE, SANDBOX = "TEST_LIVE", "TEST_SANDBOX"


def opening() -> Opening:
    """The databases that the environment names."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[list[Environment]]:
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(open_environment(name, os.environ[where]))
                for name, where in (("live", LIVE), ("sandbox", SANDBOX))
                if where in os.environ
            ]

    return opened


def app() -> object:
    """For Granian: a factory."""
    return create_app(opening())


@dataclass
class Running:
    """A server that runs."""

    url: str
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(live: str = "", sandbox: str = "", port: int | None = None) -> Iterator[Running]:
    """A server over one or two databases, given by how to connect to them."""
    port = port or free_port()
    given = {LIVE: live, SANDBOX: sandbox}
    environment = os.environ | {name: value for name, value in given.items() if value}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), *sys.path])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
            *("--host", "127.0.0.1", "--port", str(port), "--log-level", "error"),
            "support.http:app",
        ],
        env=environment,
    )
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield Running(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for `/ready`, half a minute at most."""
    for _ in range(300):
        assert process.poll() is None, "the server ended"
        try:
            if httpx2.get(f"{url}/ready").is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server does not get ready")
