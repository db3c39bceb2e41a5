"""`bench ingest`: events over HTTP, beside pgbench on the same PostgreSQL.

The database server is started for the bench in a folder of its own, as durable as in production.
pgbench's own transactions run on it first; then `laurels serve`, with the load from another
process of the same machine. The mix: one event in five up to three days late, one in fifty a return
(as if never bought), members who have a history.

Parameters of the environment, all LAURELS_BENCH_INGEST_…: SECONDS of a case, SCALE of pgbench,
MEMBERS with HISTORY events each, WORKERS (processes that serve).

Not measured yet: an event's cost at five million members beside that at fifty thousand.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from laurels.base.outside import now, random_bytes
from laurels.bench.histories import result
from laurels.bench.place import Place, Served, place, serving
from laurels.bench.replay import size
from laurels.bench.statements import statements_alone
from laurels.bench.traffic import Traffic, fill
from laurels.cli import shipped
from laurels.service.keys import ENTROPY, LIVE, add_key
from laurels.service.service import Service
from laurels.service.types import Actor

PROGRAM = "retail-starter"
CONNECTIONS, BATCH, BATCHES_AT_ONCE = 64, 1000, 4
OPEN = 0.7
"""Of what a closed loop reached: the rate at which times are measured."""
KEYS = 8
"""A key is limited in what it may send; the load is that of several tills."""
LATE_MS, QUOTE_MS, MEMBER_MS = 50.0, 20.0, 10.0
BYTES = 1200.0
Row = dict[str, Any]


def bench_ingest() -> list[Row]:
    """Events and answers a second, times, bytes an event."""
    with tempfile.TemporaryDirectory(prefix="laurels-bench-") as folder:
        Path(folder).chmod(0o711)  # where we are root the server runs as another account
        with place(Path(folder)) as found:
            return Measuring(found, Path(folder)).rows()


class Measuring:
    """One run over one server."""

    def __init__(self, found: Place, folder: Path) -> None:
        self.place = found
        self.folder = folder
        self.seconds = float(size("INGEST_SECONDS", 5))
        self.traffic = Traffic(size("INGEST_MEMBERS", 20_000), size("INGEST_HISTORY", 3))
        self.keys: list[str] = []

    def rows(self) -> list[Row]:
        """Every case in turn."""
        scale = size("INGEST_SCALE", 100)
        tps = self.place.pgbench(scale, self.seconds)
        peer = "pgbench"
        rows = [result(f"{peer} at scale {scale}: transactions", tps, "/s")]
        filled = asyncio.run(self._fill())
        rows.append(result(f"history of {self.traffic.members:,} members taken in", filled, "/s"))
        with serving(self.place, self.folder, size("INGEST_WORKERS", 1)) as served:
            rows += self._singles(served, tps, peer)
            rows += self._batches(served, tps, peer)
            rows += self._reads(served)
        alone = asyncio.run(statements_alone(self.place, self.traffic, PROGRAM))
        rows.append(at_least("  beside the same SQL, its rows made in advance",
                             rows_value(rows, "batches"), "/s", 0.5 * alone, "SQL alone",
                             alone))  # fmt: skip
        rows += self._bytes()
        return rows

    async def _fill(self) -> float:
        async with await Service.open(self.place.database.service) as service:
            text = (shipped.folder("programs") / PROGRAM / "program.yaml").read_text("utf-8")
            await service.publish(Actor("bench"), PROGRAM, text)
            async with service.pool.connection() as connection:
                for _ in range(KEYS):
                    self.keys.append(await add_key(
                        connection, LIVE, label="bench", role="till", programs=(),
                        sources=("shop",), by="bench", now=now(), entropy=random_bytes(ENTROPY),
                    ))  # fmt: skip
            return await fill(service, PROGRAM, self.traffic)

    # -- over HTTP -----------------------------------------------------------------------------

    def _singles(self, served: Served, tps: float, peer: str) -> list[Row]:
        noop = self._closed(served, "GET", "/v1/key", lambda: b"", marker="")
        taken = self._closed(served, "POST", "events", self.traffic.event)
        case = f"one event a request, {CONNECTIONS} connections"
        paced = self._open(served, "POST", "events", self.traffic.event, taken)
        return [
            at_least(f"{case}: events", taken, "/s", 0.5 * tps, peer, tps),
            at_least(f"{case}: beside no-ops", taken, "/s", 0.5 * noop,
                     "no-op", noop),
            result(f"{case}: p99 at {OPEN:.0%} of that", paced, "ms", LATE_MS),
        ]  # fmt: skip

    def _batches(self, served: Served, tps: float, peer: str) -> list[Row]:
        def body() -> bytes:
            return b'{"events":[' + b",".join(self.traffic.event() for _ in range(BATCH)) + b"]}"

        taken = self._closed(served, "POST", "events", body, BATCHES_AT_ONCE)
        return [at_least(f"batches of {BATCH:,}: events", taken, "/s", 2 * tps, peer, tps)]

    def _reads(self, served: Served) -> list[Row]:
        found = []
        for case, target, method, path, body in (
            ("a quote", QUOTE_MS, "POST", "quotes", self.traffic.quote),
            ("a member", MEMBER_MS, "GET", "members/", lambda: b""),
        ):
            marker = '"balances"'
            reached = self._closed(served, method, path, body, marker=marker)
            paced = self._open(served, method, path, body, reached, marker)
            found.append(result(f"{case}: reads", reached, "/s"))
            found.append(result(f"{case}: p99 at {OPEN:.0%} of that", paced, "ms", target))
        return found

    def _closed(
        self, served: Served, method: str, path: str, body: Callable[[], bytes],
        connections: int = CONNECTIONS, marker: str = '"status":"taken"',
    ) -> float:  # fmt: skip
        """What was taken a second, once warm."""
        most = int(self.seconds * (8_000 if connections == CONNECTIONS else 20))
        for seconds in (1.0, self.seconds):
            requests = self._requests(method, path, body, int(most * seconds / self.seconds))
            came = served.load(requests, seconds, 0, connections, marker)
        return float(came["taken"] / came["seconds"])

    def _open(
        self, served: Served, method: str, path: str, body: Callable[[], bytes], reached: float,
        marker: str = '"status":"taken"',
    ) -> float:  # fmt: skip
        """Milliseconds in which 99 of 100 answers came."""
        rate = OPEN * reached
        requests = self._requests(method, path, body, int(self.seconds * rate) + 1)
        came = served.load(requests, self.seconds, rate, 4 * CONNECTIONS, marker)
        return float(came["p99"])

    def _requests(
        self, method: str, path: str, body: Callable[[], bytes], count: int
    ) -> Iterator[bytes]:
        for number in range(count):
            place_of = path if path.startswith("/") else f"/v1/programs/{PROGRAM}/{path}"
            if path.endswith("/"):
                place_of += self.traffic.member()
            content = body()
            head = (
                f"{method} {place_of} HTTP/1.1\r\nHost: bench\r\n"
                f"Authorization: Bearer {self.keys[number % KEYS]}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            yield head.encode() + content

    # -- on disk -------------------------------------------------------------------------------

    def _bytes(self) -> list[Row]:
        """Everything that an event leaves behind, members and indexes included."""
        sizes, events = self.place.sizes()
        total = sum(sizes.values()) / events
        largest = sorted(sizes.items(), key=lambda each: -each[1])[:4]
        rows = [result("on disk, an event with everything it leaves", total, "bytes", BYTES)]
        return rows + [
            result(f"  of that: {name}", bytes_ / events, "bytes") for name, bytes_ in largest
        ]


def rows_value(rows: list[Row], word: str) -> float:
    """The value of the first case that names something."""
    return float(next(each["value"] for each in rows if word in each["case"]))


def at_least(
    case: str, value: float, unit: str, target: float, peer: str, peer_value: float
) -> Row:  # fmt: skip
    """A row of what should be large; `ratio` is how many times the peer's it is."""
    row = result(case, value, unit, target, peer, peer_value)
    return row | {"target": round(target, 3), "ratio": round(value / peer_value, 2),
                  "holds": value >= target}  # fmt: skip
