"""A server under load that is killed again and again, and an auditor who believes answers only.

Clients buy, spend, set aside, give; each event has one id, and is sent until there is an answer.
What was answered is what must be there at the end, once: by plain arithmetic, and by `laurels
verify`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from laurels.store.embedded import EmbeddedServer
from laurels.store.embedded.server import running_pid

ROOT = Path(__file__).parent.parent.parent
SECONDS = 180
PROGRAM = """\
program: torture
zone: Europe/London
currency: GBP
units:
  point: {precision: 1, transferable: true}
events:
  purchase: {amount: required}
versions:
  - version: 1
    rules:
      base: {on: purchase, give: {rate: 100%}}
"""


class Torn(AssertionError):
    """Something that was answered is not so."""


class Server:
    """A `laurels serve` on an embedded PostgreSQL, in processes of its own, that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "programs").mkdir()
        (folder / "programs" / "torture.yaml").write_text(PROGRAM)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = ""
        self.process = self._start()
        self.key = self._first_key()

    def _environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("LAURELS_")}
        return clean | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log, (self.folder / "out").open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "laurels", "serve", "--data", self.folder / "data",
                 "--programs", self.folder / "programs", "--port", str(self.port)],
                stdout=out, stderr=log, env=self._environment(),
            )  # fmt: skip

    def _first_key(self) -> str:
        for _ in range(SECONDS * 10):
            found = re.search(r"live key +(ll_\S+)", (self.folder / "out").read_text())
            if found:
                return found[1]
            time.sleep(0.1)
        raise Torn((self.folder / "log").read_text())

    def kill_service(self) -> None:
        """Kill the server and its workers, not the database; then start it again."""
        for pid in [self.process.pid, *children(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                if b"postgres" not in command(pid):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(SECONDS)
        self.process = self._start()

    def kill_database(self) -> None:
        """Kill PostgreSQL: all of it at once. The server starts it again."""
        pid = None
        while pid is None:
            pid = running_pid(EmbeddedServer(self.folder / "data").ground)
        for each in [pid, *children(pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def verify(self) -> dict[str, Any]:
        """What `laurels verify` says."""
        done = subprocess.run(
            [sys.executable, "-m", "laurels", "verify", "--json", "--data", self.folder / "data"],
            env=self._environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        return dict(json.loads(done.stdout)) | {"exit": done.returncode}

    def stop(self) -> None:
        """Stop, in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server for as long as the block lasts."""
    made = Server(folder)
    try:
        yield made
    finally:
        made.stop()


def children(parent: int) -> list[int]:
    """All processes below one."""
    above: dict[int, int] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with contextlib.suppress(OSError):
                above[int(each.name)] = int(
                    (each / "stat").read_text().rpartition(")")[2].split()[1]
                )
    found = [parent]
    for pid in found:
        found += [child for child, of in above.items() if of == pid]
    return found[1:]


def command(pid: int) -> bytes:
    """The command line of a process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@dataclass
class Book:
    """What the clients were told.

    answered  by id: the event and the first answer; unknown: sendings without one
    """

    answered: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    unknown: int = 0
    repeated: int = 0
    asked: int = 0
    again: int = 0
    waits: list[float] = field(default_factory=list)

    def held(self) -> dict[str, int]:
        """Points of the holds that are open, by hold."""
        found = {}
        for event, answer in self.answered.values():
            if event["type"] == "hold" and answer["status"] == "taken":
                found[event["hold"]] = int(event["points"])
        for event, answer in self.answered.values():
            if event["type"] in ("capture", "void") and answer["status"] == "taken":
                del found[event["hold"]]
        return found

    def balances(self) -> Counter[str]:
        """What each member has, held points included, less debt."""
        found: Counter[str] = Counter()
        holds = {}
        for event, answer in self.answered.values():
            if answer["status"] != "taken":
                continue
            kind, member = event["type"], event["member"]
            if kind == "purchase":
                found[member] += int(event["amount"])
            elif kind == "redemption":
                found[member] -= int(event["points"])
            elif kind == "transfer":
                found[member] -= int(event["points"])
                found[event["to"]] += int(event["points"])
            elif kind == "hold":
                holds[event["hold"]] = int(event["points"])
        for event, answer in self.answered.values():
            if event["type"] == "capture" and answer["status"] == "taken":
                found[event["member"]] -= holds[event["hold"]]
        return found


class Load:
    """Clients that work at once, until told to stop."""

    def __init__(
        self, made: Server, seed: int, clients: int, members: int, name: str = "t"
    ) -> None:  # fmt: skip
        self.server = made
        self.name = name
        self.seed = seed
        self.book = Book()
        self.members = [f"{name}-m{number}" for number in range(members)]
        self.clients = clients
        self.stopping = False
        self.down_since: float | None = None

    async def run(self, harm: Any) -> None:
        """Work while something is done to the server; then check every answer again."""
        limits = httpx2.Limits(max_connections=self.clients + 8)
        async with httpx2.AsyncClient(
            base_url=self.server.url,
            timeout=20,
            limits=limits,
            headers={"Authorization": f"Bearer {self.server.key}"},
        ) as self.http:
            working = [asyncio.create_task(self._client(n)) for n in range(self.clients)]
            try:
                await harm(self)
            finally:
                self.stopping = True
                await asyncio.gather(*working)
            await self._audit()

    async def answered(self, more: int) -> None:
        """Wait until so many more answers have come."""
        until = len(self.book.answered) + more
        deadline = time.monotonic() + SECONDS
        while len(self.book.answered) < until:
            if time.monotonic() > deadline:
                raise Torn(
                    "no answers any more: " + (self.server.folder / "log").read_text()[-2000:]
                )
            await asyncio.sleep(0.01)

    async def _client(self, number: int) -> None:
        rng = random.Random(f"{self.seed}/{number}")
        open_holds: list[tuple[str, str]] = []
        count = 0
        while not self.stopping:
            count += 1
            event = self._event(rng, f"{self.name}-{number}-{count}", open_holds)
            await self._send(rng, event)
            answer = self.book.answered[event["id"]][1]
            if event["type"] == "hold" and answer["status"] == "taken":
                open_holds.append((event["hold"], event["member"]))
            if rng.random() < 0.05:
                await self._again(rng)

    def _event(
        self, rng: random.Random, identity: str, holds: list[tuple[str, str]]
    ) -> dict[str, Any]:
        kind = rng.choices(("purchase", "redemption", "hold", "close", "transfer"),
                           (60, 15, 10, 10, 5))[0]  # fmt: skip
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {"id": identity, "source": "torture", "occurred_at": now, "type": kind,
                 "member": rng.choice(self.members)}  # fmt: skip
        if kind == "close":
            if not holds:
                return {**event, "type": "purchase", "amount": str(rng.randint(1, 50))}
            hold, member = holds.pop(rng.randrange(len(holds)))
            kind = rng.choice(("capture", "void"))
            return {**event, "type": kind, "member": member, "hold": hold}
        if kind == "purchase":
            return {**event, "amount": str(rng.randint(1, 50))}
        event["points"] = str(rng.randint(1, 30))
        if kind == "hold":
            event["hold"] = identity
        if kind == "transfer":
            event["to"] = rng.choice([each for each in self.members if each != event["member"]])
        return event

    async def _post(self, event: dict[str, Any]) -> dict[str, Any] | None:
        try:
            response = await self.http.post("/v1/programs/torture/events", json=event)
        except httpx2.TransportError:
            return None
        if response.status_code >= 500 or response.status_code == 429:
            return None
        if response.status_code != 200:
            raise Torn(f"{event}: {response.status_code} {response.text}")
        return dict(response.json())

    async def _send(self, rng: random.Random, event: dict[str, Any]) -> None:
        """Send until there is an answer. Sometimes ask what became of it before sending again."""
        known: dict[str, Any] | None = None
        began = time.monotonic()
        tries = 0
        while (answer := await self._post(event)) is None:
            tries += 1
            self.book.unknown += 1
            await asyncio.sleep(0.05)
            if rng.random() < 0.5 and known is None:
                known = await self._what_became(event)
        if tries:
            self.book.waits.append(time.monotonic() - began)
            self.book.repeated += bool(answer.get("repeated"))
        elif answer.get("repeated"):
            raise Torn(f"{event} was known before it was sent: {answer}")
        if known is not None and not (answer.get("repeated") and same(known, answer)):
            raise Torn(f"{event} had become {known}; sent again it is {answer}")
        self.book.answered[event["id"]] = (event, answer)

    async def _what_became(self, event: dict[str, Any]) -> dict[str, Any] | None:
        try:
            found = await self.http.get(f"/v1/programs/torture/events/torture/{event['id']}")
        except httpx2.TransportError:
            return None
        self.book.asked += found.status_code in (200, 404)
        return dict(found.json()) if found.status_code == 200 else None

    async def _again(self, rng: random.Random) -> None:
        """An event that was answered is sent again: the first answer stands."""
        event, first = rng.choice(list(self.book.answered.values()))
        answer = await self._post(event)
        if answer is None:
            return
        self.book.again += 1
        if not answer.get("repeated") or not same(first, answer):
            raise Torn(f"{event} was answered {first}, and again {answer}")

    async def _audit(self) -> None:
        """Every event that was answered is there; every member has what the answers come to."""
        for _ in range(SECONDS * 10):
            with contextlib.suppress(httpx2.TransportError):
                if (await self.http.get("/ready")).status_code == 200:
                    break
            await asyncio.sleep(0.1)
        for event, first in self.book.answered.values():
            found = await self.http.get(f"/v1/programs/torture/events/torture/{event['id']}")
            if found.status_code != 200 or not same(first, found.json()):
                raise Torn(f"{event} was answered {first}, and is {found.status_code} {found.text}")
        held: Counter[str] = Counter()
        for hold, points in self.book.held().items():
            found = await self.http.get(f"/v1/programs/torture/holds/{hold}?source=torture")
            state = found.json()
            if found.status_code != 200 or state["state"] != "open" or state["held"] != str(points):
                raise Torn(f"hold {hold} of {points}: {found.text}")
            held[state["member"]] += points
        balances = self.book.balances()
        for member in self.members:
            found = await self.http.get(f"/v1/programs/torture/members/{member}")
            if found.status_code == 404 and not balances[member]:
                continue
            point = found.json()["balances"]["point"]
            numbers = {name: int(point[name]) for name in ("active", "held", "debt")}
            stands = numbers["active"] + numbers["held"] - numbers["debt"]
            if (stands, numbers["held"]) != (balances[member], held[member]):
                raise Torn(f"{member} has {numbers}; answers come to {balances[member]},"
                           f" {held[member]} held")  # fmt: skip


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two answers say the same of an event."""
    return (one["status"], one.get("points"), one.get("sequence")) == (
        other["status"], other.get("points"), other.get("sequence")
    )  # fmt: skip


def killing(what: str, times: int, seed: int, each: int = 40) -> Any:
    """Harm: kill the service or the database at random moments, so many times; between two kills
    at least so many answers come."""
    rng = random.Random(seed)

    async def harm(load: Load) -> None:
        await load.answered(each)
        for _ in range(times):
            await load.answered(rng.randint(1, each))
            await asyncio.sleep(rng.random() * 0.3)
            kill = load.server.kill_service if what == "service" else load.server.kill_database
            await asyncio.to_thread(kill)
            await load.answered(each)

    return harm
