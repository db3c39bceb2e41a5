"""Raw events, where they stand, and the report of what became of every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from laurels.replay.values import Rejected

Body = dict[str, object]


class Place(NamedTuple):
    """Where an event stands: file and number of its first row."""

    file: str
    row: int


class Unmatched(NamedTuple):
    """A return, or a part of one, for which no purchase was found: ``unmatched.csv``."""

    file: str
    row: int
    id: str
    member: str
    occurred_at: str
    key: str
    quantity: str
    amount: str
    reason: str


class Waiting(NamedTuple):
    """An event that names another that has not come: ``waiting.csv``."""

    file: str
    row: int
    id: str
    member: str
    type: str
    occurred_at: str
    names: str


class Refused(NamedTuple):
    """A request that the rules refused: ``refused.csv``. Points as the event gives them."""

    file: str
    row: int
    id: str
    member: str
    type: str
    occurred_at: str
    unit: str
    points: str
    reason: str


class Cut(NamedTuple):
    """A return of more than was left, cut to what was: ``cut.csv``. The amount as the event gives
    it, and how much of it was taken."""

    file: str
    row: int
    id: str
    member: str
    occurred_at: str
    returns: str
    amount: str
    taken: str


@dataclass
class Returns:
    """How many return lines without a reference found their purchases, and how much of them.

    Sizes are in what the rule counts down: units, or the currency. ``amount_stated`` is what the
    matched parts of the rows say, ``amount_matched`` what the return events carry.
    """

    lines: int = 0
    matched: int = 0
    partly: int = 0
    unmatched: int = 0
    events: int = 0
    size: Decimal = Decimal(0)
    size_matched: Decimal = Decimal(0)
    amount_stated: Decimal = Decimal(0)
    amount_matched: Decimal = Decimal(0)


@dataclass
class Report:
    """What became of every row: rows = those in events + rejected + duplicates + skipped +
    return lines without any purchase. ``members``: named in rows that were rejected."""

    rows: int = 0
    events: int = 0
    lines: int = 0
    duplicates: int = 0
    times_merged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    unmatched: list[Unmatched] = field(default_factory=list)
    returns: Returns = field(default_factory=Returns)

    def rejected_by_reason(self) -> dict[str, int]:
        """Number of rejected rows for each reason, by name of the reason."""
        return dict(sorted(Counter(each.reason for each in self.rejected).items()))

    def as_data(self) -> dict[str, object]:
        """The counts, for ``summary.json``."""
        returns = self.returns
        return {
            "rows": self.rows,
            "events": self.events,
            "lines": self.lines,
            "duplicates": self.duplicates,
            "times_merged": self.times_merged,
            "skipped": dict(sorted(self.skipped.items())),
            "rejected": self.rejected_by_reason(),
            "returns_without_reference": {
                "lines": returns.lines,
                "matched": returns.matched,
                "partly": returns.partly,
                "unmatched": returns.unmatched,
                "events": returns.events,
                "size": str(returns.size),
                "size_matched": str(returns.size_matched),
                "amount_stated": str(returns.amount_stated),
                "amount_matched": str(returns.amount_matched),
                "unmatched_by_reason": dict(
                    sorted(Counter(each.reason for each in self.unmatched).items())
                ),
            },
        }


@dataclass
class Events:
    """Raw events in the order of their first rows, and where each of them stands."""

    bodies: list[Body]
    places: list[Place]
    report: Report

    def __iter__(self) -> Iterator[Body]:
        return iter(self.bodies)

    def __len__(self) -> int:
        return len(self.bodies)


class Group:
    """An event while its rows are read."""

    __slots__ = ("body", "cells", "lines", "place", "rows")

    def __init__(self, body: Body, place: Place) -> None:
        self.body = body
        self.place = place
        self.lines: dict[str, Body] | None = None
        self.rows: list[Place] = []
        self.cells: set[tuple[object, ...]] | None = None


def finish(found: Iterable[tuple[Body, Place]], report: Report) -> Events:
    """The events as a whole, counted."""
    bodies: list[Body] = []
    places: list[Place] = []
    for body, place in found:
        bodies.append(body)
        places.append(place)
        lines = body.get("lines")
        report.lines += len(lines) if isinstance(lines, list) else 1
    report.events = len(bodies)
    return Events(bodies, places, report)


def finished(group: Group, hoist: bool) -> Iterator[tuple[Body, Place]]:
    """The event of a group, its lines under ``lines``; of a return each line is an event."""
    body = dict(group.body)
    if body["type"] == "return":
        if group.lines is not None:
            body["lines"] = list(group.lines.values())
        bodies = one_line_each([body])
        places = group.rows if len(group.rows) == len(bodies) else [group.place] * len(bodies)
        yield from zip(bodies, places, strict=True)
        return
    if group.lines is None:
        yield group.body, group.place
        return
    lines = list(group.lines.values())
    if hoist:
        for name, value in lines[0].items():
            if name not in ("line", "amount") and all(each.get(name) == value for each in lines):
                body[name] = value
    body["lines"] = lines
    yield body, group.place


def one_line_each(returns: Iterable[Body]) -> list[Body]:
    """Returns of one id, each of one line at most, which lies flat in it: one of several lines
    becomes as many. Where they are several in the end, they are ``<id>/1``, ``<id>/2``, …."""
    found: list[Body] = []
    for body in returns:
        lines = body.get("lines")
        if not isinstance(lines, list) or not lines:
            found.append(body)
            continue
        rest = {name: value for name, value in body.items() if name not in ("lines", "amount")}
        found += [{**rest, **line} for line in lines]
    if len(found) > 1:
        found = [{**body, "id": f"{body['id']}/{n}"} for n, body in enumerate(found, start=1)]
    return found
