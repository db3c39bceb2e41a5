"""`bench verify`: the whole ledger folded again, beside a binary COPY of the same tables."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import psycopg

from laurels.bench.histories import History, histories, result
from laurels.cli import shipped
from laurels.service.service import Service
from laurels.service.types import Actor
from laurels.service.verify.part import PARTS
from laurels.service.verify.run import verify
from laurels.testing import throwaway_database

EVENTS = 60_000
EACH = 20
"""Events of a member."""
AT_ONCE = 5_000
TARGET = 0.4
TABLES = ("members", "events", "postings")
BENCH = Actor("bench")


def bench_verify() -> list[dict[str, Any]]:
    """Seconds to verify everything, and to copy it out, by as many connections; best of three."""
    history = histories("step")[0]
    conninfo = throwaway_database().owner
    asyncio.run(filled(conninfo, history))
    connections = os.cpu_count() or 1
    copied = min(_copied(conninfo, connections) for _ in range(3))
    took = []
    for _ in range(3):
        before = perf_counter()
        found = verify(conninfo, connections=connections)
        took.append(perf_counter() - before)
        assert found.equal, found.differences[:3]
    counts = found.programs[history.program.name]
    case = (f"{history.case}: {counts['members']:,} members, {counts['events']:,} events,"
            f" {counts['postings']:,} postings, {connections} connections")  # fmt: skip
    return [result(case, min(took), "s", copied / TARGET, "binary COPY", copied)]


async def filled(conninfo: str, history: History) -> None:
    """Take the events of many members, all with the same history."""
    async with await Service.open(conninfo) as service:
        name = history.program.name
        text = (shipped.folder("programs") / name / "program.yaml").read_text("utf-8")
        await service.publish(BENCH, name, text)
        members = int(os.environ.get("LAURELS_BENCH_EVENTS", EVENTS)) // EACH
        for first in range(0, members, AT_ONCE // EACH):
            batch = []
            for number in range(first, min(members, first + AT_ONCE // EACH)):
                for event in history.events(0, EACH):
                    batch.append(event | {
                        "id": f"{number}-{event['id']}", "member": f"member-{number}",
                        "recorded_at": event["occurred_at"],
                    })  # fmt: skip
            answers = await service.take(BENCH, name, batch, bulk=True)
            assert all(each.error is None for each in answers), answers[0]


def _copied(conninfo: str, connections: int) -> float:
    """Seconds to copy the tables out."""

    def work(number: int) -> int:
        size = 0
        with psycopg.connect(conninfo) as connection, connection.cursor() as cursor:
            for part in range(number, PARTS, connections):
                for table in TABLES:
                    query = f"COPY {table}_{part} TO STDOUT (FORMAT binary)"
                    with cursor.copy(query.encode()) as out:
                        for block in out:
                            size += len(block)
        return size

    before = perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))
    return perf_counter() - before
