"""Every story, through the service on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from laurels.service.service import Service
from laurels.story import find_stories, load_story, tell
from support.postgres import fresh_database
from support.told import ToldBook

ROOT = Path(__file__).parent.parent.parent
STORIES = find_stories([ROOT / "programs", ROOT / "examples"])


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[asyncio.AbstractEventLoop, Service]]:
    loop = asyncio.new_event_loop()
    service = loop.run_until_complete(Service.open(fresh_database()))
    yield loop, service
    loop.run_until_complete(service.stop())
    loop.close()


@pytest.mark.parametrize("path", STORIES, ids=lambda each: f"{each.parts[-3]}/{each.stem}")
def test_story(path: Path, opened: tuple[asyncio.AbstractEventLoop, Service]) -> None:
    loop, service = opened
    told = tell(load_story(path), lambda program, member: ToldBook(loop, service, program, member))
    assert told.holds, "\n".join(str(each) for each in told.differences)
