"""Histories to measure with, as examples/bench/histories.yaml describes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from laurels.base.instants import MINUTE, calendar, format_instant, parse_instant
from laurels.cli import shipped
from laurels.engine.compiled import Compiled, load

START = parse_instant("2025-01-01T00:00:00Z", calendar("UTC"))
GAP = 37
"""Minutes between two events, where a history does not say."""
MEMBER = "m"


@dataclass
class History:
    """One member's events, as many as are asked for, one every `gap` microseconds."""

    case: str
    program: Compiled
    peer: str
    first: list[dict[str, Any]]
    each: dict[str, Any]
    gap: int

    def event(self, index: int) -> dict[str, Any]:
        """The event at a position; the first ones are the member's beginnings."""
        given = self.first[index] if index < len(self.first) else self.each
        event = dict(given, id=str(index), member=MEMBER,
                     occurred_at=format_instant(START + index * self.gap))  # fmt: skip
        if "amount" in event:
            event["amount"] = f"{1000 + index % 777}.50"
        return event

    def events(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """The events from one position up to another."""
        return (self.event(index) for index in range(start, stop))


def histories(bench: str) -> list[History]:
    """The histories of a bench."""
    text = shipped.example("bench/histories.yaml").read_text("utf-8")
    return [
        History(
            each["case"],
            load(shipped.folder("programs") / each["program"] / "program.yaml"),
            each.get("peer", ""),
            each.get("first", []),
            each["each"],
            each.get("every_minutes", GAP) * MINUTE,
        )
        for each in yaml.safe_load(text)[bench]
    ]


def result(
    case: str,
    value: float,
    unit: str,
    target: float | None = None,
    peer: str = "",
    peer_value: float | None = None,
) -> dict[str, Any]:
    """One row of the results; `ratio` is how many times slower the peer is."""
    return {
        "case": case,
        "value": round(value, 3),
        "unit": unit,
        "peer": peer or None,
        "peer_value": None if peer_value is None else round(peer_value, 3),
        "ratio": None if peer_value is None else round(peer_value / value, 2),
        "target": target,
        "holds": None if target is None else value < target,
    }
