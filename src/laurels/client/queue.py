"""Events of a till that has no line: kept on disk, sent later, in their order.

`add` returns when the event is on the disk (SQLite, `synchronous=FULL`); a power cut after it loses
nothing. An event leaves the queue when the server has answered it for good. What the server could
not read, or knows with another body, is set aside with the answer, for a person to look at; it does
not hold up what stands behind it. What the server could not take now stays.
One till, one file; two processes may share it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laurels.base.outside import fresh_id

BATCH = 500

LATER = "retry-later"
"""Nothing was written: the event is sent again."""
ASIDE = frozenset({"rejected", "conflict"})
"""Sent again it would fare no better."""

_SCHEMA = """
create table if not exists waiting (
    place integer primary key autoincrement,
    event text not null
);
create table if not exists aside (
    place integer primary key,
    event text not null,
    problem text not null
);
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """What a round of sending did.

    answers  to the events that left the queue
    aside    how many of them were set aside
    later    how many stay, because the server could not take them now: drain again in a while
    """

    answers: list[dict[str, Any]]
    aside: int
    later: int = 0


class OfflineQueue:
    """A queue in a file."""

    def __init__(self, path: str | Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> OfflineQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many events wait."""
        (count,) = self._database.execute("select count(*) from waiting").fetchone()
        return int(count)

    def add(self, event: Mapping[str, Any]) -> str:
        """Keep an event, and return its id: its own, or one made now.

        `occurred_at` must be there: when it is sent, later, is not when it happened.
        """
        if not event.get("occurred_at"):
            raise ValueError("an event that waits needs its `occurred_at`")
        kept = dict(event)
        identity = str(kept.setdefault("id", fresh_id()))
        self._database.execute("insert into waiting (event) values (?)", [json.dumps(kept)])
        return identity

    def waiting(self, limit: int = BATCH) -> list[tuple[int, dict[str, Any]]]:
        """The oldest events: (place, event)."""
        rows = self._database.execute(
            "select place, event from waiting order by place limit ?", [limit]
        )
        return [(place, json.loads(event)) for place, event in rows]

    def aside(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """What will never be taken: (event, problem), the oldest first."""
        rows = self._database.execute("select event, problem from aside order by place")
        for event, problem in rows.fetchall():
            yield json.loads(event), json.loads(problem)

    def settle(self, places: Sequence[int], answers: Sequence[Mapping[str, Any]]) -> int:
        """Take answered events out, setting aside what will never be taken; what the server could
        not take now stays. Returns how many were set aside."""
        done = [
            (place, answer)
            for place, answer in zip(places, answers, strict=True)
            if answer.get("status") != LATER
        ]
        wrong = [
            (json.dumps(answer.get("problem") or {}), place)
            for place, answer in done
            if answer.get("status") in ASIDE
        ]
        self._database.execute("begin immediate")
        try:
            self._database.executemany(
                "insert or ignore into aside (problem, place, event)"
                " select ?, place, event from waiting where place = ?",
                wrong,
            )
            self._database.executemany(
                "delete from waiting where place = ?", [(place,) for place, _ in done]
            )
            self._database.execute("commit")
        except BaseException:
            self._database.execute("rollback")
            raise
        return len(wrong)

    def drain(self, send: Callable[[list[dict[str, Any]]], Sequence[Mapping[str, Any]]]) -> Drained:
        """Send everything that waits: `queue.drain(laurels.send_many)`.

        Stops with the exception of `send` when the line is gone; what was not answered stays, and
        goes out again, with the same ids, the next time. So does what the server could not take
        now; the round ends with the batch that held it, and `later` counts it.
        """
        answers: list[dict[str, Any]] = []
        aside = 0
        while batch := self.waiting():
            found = send([event for _, event in batch])
            aside += self.settle([place for place, _ in batch], found)
            answers += [dict(each) for each in found if each.get("status") != LATER]
            if later := sum(each.get("status") == LATER for each in found):
                return Drained(answers, aside, later)
        return Drained(answers, aside)
