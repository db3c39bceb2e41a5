"""Load over HTTP, from a process of its own: `python -m laurels.bench.load`, told by JSON on stdin.

It shares the machine with what it measures, so it is light: requests are bytes that were made
beforehand, connections are sockets, an answer is read as far as its length and its status. Closed
loop: every connection sends as soon as it has its answer. Open loop: requests are due at a steady
rate whatever the answers do, and a request's time counts from when it was due.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
GRACE = 60.0
"""Seconds that answers may take when nothing more is sent."""


@dataclass
class Run:
    """What is to be sent, and what came of it.

    rate    requests a second; 0: closed loop
    marker  what an answer holds when the event was taken
    """

    requests: deque[bytes]
    seconds: float
    rate: float
    marker: bytes
    started: float = 0.0
    ended: float = 0.0
    sent: int = 0
    taken: int = 0
    refused: int = 0
    times: list[float] = field(default_factory=list)
    due: deque[tuple[float, bytes]] = field(default_factory=deque)
    idle: list[Connection] = field(default_factory=list)

    def next(self, connection: Connection) -> None:
        """A connection is free: give it what is due."""
        now = perf_counter()
        if self.rate:
            if self.due:
                connection.send(*self.due.popleft())
            else:
                self.idle.append(connection)
        elif self.requests and now < self.started + self.seconds:
            connection.send(now, self.requests.popleft())

    def fall_due(self) -> None:
        """Open loop: what is due by now is sent, or waits for a connection."""
        now = min(perf_counter(), self.started + self.seconds)
        while self.requests and self.sent < (now - self.started) * self.rate:
            at = self.started + self.sent / self.rate
            self.sent += 1
            request = self.requests.popleft()
            if self.idle:
                self.idle.pop().send(at, request)
            else:
                self.due.append((at, request))


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    transport: asyncio.Transport

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = b""
        self.at = 0.0
        self.busy = False

    def connection_made(self, transport: Any) -> None:
        """Remember where to write."""
        self.transport = transport

    def send(self, at: float, request: bytes) -> None:
        """Send a request that was due at an instant."""
        self.at, self.busy = at, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Once the answer is whole, count it."""
        self.buffer += data
        end = self.buffer.find(HEAD_END)
        if end < 0:
            return
        at = self.buffer.find(LENGTH) + len(LENGTH)
        length = int(self.buffer[at : self.buffer.index(b"\r", at)])
        if len(self.buffer) < end + 4 + length:
            return
        run, now = self.run, perf_counter()
        run.times.append(now - self.at)
        if self.buffer[9:12] == b"200":
            run.taken += self.buffer.count(run.marker, end) if run.marker else 1
        else:
            run.refused += 1
        run.ended = now
        self.buffer, self.busy = b"", False
        run.next(self)


async def play(told: dict[str, Any]) -> dict[str, Any]:
    """Send what was told; returns counts, the seconds it took, and quantiles in milliseconds."""
    with open(told["requests"], "rb") as file:
        sizes = [int(size) for size in file.readline().split()]
        requests = deque(file.read(size) for size in sizes)
    run = Run(requests, told["seconds"], told["rate"], told["marker"].encode())
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(told["connections"]):
        _, made = await loop.create_connection(lambda: Connection(run), "127.0.0.1", told["port"])
        connections.append(made)
    run.started = perf_counter()
    for each in connections:
        run.next(each)
    while perf_counter() < run.started + run.seconds and run.requests:
        if run.rate:
            run.fall_due()
        await asyncio.sleep(0.001 if run.rate else 0.05)
    stop = perf_counter() + GRACE
    while (run.due or any(each.busy for each in connections)) and perf_counter() < stop:
        await asyncio.sleep(0.005)
    times = sorted(run.times) or [0.0]
    return {
        "answers": len(run.times), "taken": run.taken, "refused": run.refused,
        "seconds": run.ended - run.started,
        "p50": times[len(times) // 2] * 1000, "p99": times[len(times) * 99 // 100] * 1000,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(uvloop.run(play(json.load(sys.stdin)))))
