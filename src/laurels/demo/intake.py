"""The history goes in through the API: most of it in batches, the last of it event by event."""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from laurels.cli.problems import stderr
from laurels.client import AsyncLaurels, Laurels
from laurels.client.retry import Retry
from laurels.demo.server import Running

BATCH = 1000
TILLS = 32
"""How many tills send event by event at a time. Each has members of its own, so that the events of
a member keep their order."""
ALONE = 1000
"""How many events of a history are sent one in a request, at most."""
READ = 1000
"""How many members are read one by one, at most; a read of a person is written down."""
PATIENCE = 600.0
WORDS_EVERY = 0.1
"""Where there is no terminal, a line is said after each such share."""

Body = dict[str, Any]


@dataclass(slots=True)
class Flow:
    """How a stretch of requests went: what was sent, and how long each request took."""

    events: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Seconds within which such a share of the requests was answered."""
        found = sorted(self.latencies)
        return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0

    def said(self) -> str:
        """Rate and latencies in words."""
        half, most = (1000 * self.percentile(each) for each in (0.5, 0.99))
        return f"{self.rate:>6,.0f} a second  p50 {half:>5,.0f} ms  p99 {most:>5,.0f} ms"

    def data(self) -> dict[str, object]:
        """The same as data."""
        return {
            "events": self.events, "seconds": round(self.seconds, 3), "requests":
            len(self.latencies), "events_per_second": round(self.rate, 1),
            "p50_ms": round(1000 * self.percentile(0.5), 1),
            "p99_ms": round(1000 * self.percentile(0.99), 1),
            "statuses": dict(sorted(self.statuses.items())),
        }  # fmt: skip


class Bar:
    """A bar for each stretch on a terminal; elsewhere a line now and then."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._total, self._name, self._told, self._start = 0, "", 0.0, 0.0

    def begin(self, name: str, total: int) -> Flow:
        """A stretch of so many events begins."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=total, said="")
        self._name, self._total, self._told = name, total, 0.0
        self._start = perf_counter()
        return Flow()

    def tell(self, flow: Flow, events: int, seconds: float) -> None:
        """A request with so many events was answered after so many seconds."""
        flow.events += events
        flow.latencies.append(seconds)
        flow.seconds = perf_counter() - self._start
        if events == 1 and flow.events % 25 and flow.events < self._total:
            return
        count = f"{flow.events:>6,} of {self._total:,}"
        assert self._task is not None
        self._progress.update(self._task, completed=flow.events, said=f"{count} {flow.said()}")
        if self._progress.disable and flow.events >= (self._told + WORDS_EVERY) * self._total:
            self._told = flow.events / self._total
            stderr().print(f"  {self._name}: {count:>16}  {flow.said()}", markup=False)


@contextmanager
def bar() -> Iterator[Bar]:
    """Bars that go away when the work is done."""
    console = stderr()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(12),
               TextColumn("{task.fields[said]}"), TimeElapsedColumn())  # fmt: skip
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield Bar(progress)


def recorded(body: Body) -> Body:
    """An event of the past as it is told today: it was recorded when it happened."""
    return body if body.get("recorded_at") else {**body, "recorded_at": body["occurred_at"]}


def send_batches(running: Running, program: str, bodies: Sequence[Body], shown: Bar) -> Flow:
    """Events in batches of 1,000, one batch after the other."""
    flow = shown.begin("in batches", len(bodies))
    with Laurels(running.url, running.key, program, timeout=PATIENCE) as client:
        for start in range(0, len(bodies), BATCH):
            part = [recorded(each) for each in bodies[start : start + BATCH]]
            begun = perf_counter()
            answers = client.send_many(part, {"count": len(part)})
            flow.statuses.update(each["status"] for each in answers)
            shown.tell(flow, len(part), perf_counter() - begun)
    return flow


@dataclass(slots=True)
class Crash:
    """What a crash in the middle came to.

    after    events that were answered before it; under_way: requests that had no answer
    repeated of those, events that were in the books already when they were sent again
    """

    after: int = 0
    processes: int = 0
    under_way: int = 0
    repeated: int = 0
    seconds: float = 0.0


def send_singly(
    running: Running, program: str, bodies: Sequence[Body], shown: Bar
) -> tuple[Flow, Crash]:
    """Events one in a request, by several tills at a time. When half of them are answered the
    server is killed and started again; the tills go on trying, as they would."""
    flow = shown.begin("one by one", len(bodies))
    crash = Crash()
    tills: list[list[Body]] = [[] for _ in range(TILLS)]
    for body in bodies:
        tills[zlib.crc32(str(body["member"]).encode()) % TILLS].append(recorded(body))

    sent: set[str] = set()

    async def crashed() -> None:
        while flow.events < len(bodies) // 2:
            await asyncio.sleep(0.005)
        crash.after, crash.under_way = flow.events, len(sent)
        begun = perf_counter()
        crash.processes = await asyncio.to_thread(running.crash)
        crash.seconds = perf_counter() - begun

    async def work() -> None:
        retry = Retry(attempts=200, longest=1.0)
        async with AsyncLaurels(
            running.url, running.key, program, timeout=PATIENCE, retry=retry
        ) as client:

            async def till(own: list[Body]) -> None:
                for body in own:
                    begun = perf_counter()
                    sent.add(str(body["id"]))
                    answer = await client.send(body)
                    sent.discard(str(body["id"]))
                    flow.statuses[answer["status"]] += 1
                    crash.repeated += bool(answer.get("repeated"))
                    shown.tell(flow, 1, perf_counter() - begun)

            await asyncio.gather(crashed(), *map(till, tills))

    asyncio.run(work())
    return flow, crash


def read_members(
    running: Running, program: str, members: Sequence[str], shown: Bar
) -> tuple[Flow, dict[str, Body]]:
    """Balances of members, as the API tells them, by several readers at a time."""
    flow = shown.begin("reading", len(members))
    found: dict[str, Body] = {}

    async def work() -> None:
        async with AsyncLaurels(running.url, running.key, program, timeout=PATIENCE) as client:

            async def reader(names: Sequence[str]) -> None:
                for name in names:
                    begun = perf_counter()
                    found[name] = dict((await client.member(name))["balances"])
                    shown.tell(flow, 1, perf_counter() - begun)

            await asyncio.gather(*(reader(members[i::TILLS]) for i in range(TILLS)))

    asyncio.run(work())
    return flow, found
