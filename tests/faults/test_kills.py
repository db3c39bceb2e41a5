"""The service, and PostgreSQL, killed under load. `make torture` does it fifty times each."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.torture import Load, killing, server


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="laurels-test-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def test_what_was_answered_is_there_once_whatever_was_killed(folder: Path) -> None:
    with server(folder) as made:
        load = Load(made, seed=1, clients=12, members=9)

        async def harm(load: Load) -> None:
            await killing("service", 1, seed=2)(load)
            await killing("database", 1, seed=3)(load)

        asyncio.run(load.run(harm))
        assert load.book.unknown > 0, "nothing was under way when it was killed"
        assert load.book.again > 0
        found = made.verify()
        assert (found["exit"], found["kinds"]) == (0, {})
        assert found["programs"]["torture"]["events"] >= len(load.book.answered)
