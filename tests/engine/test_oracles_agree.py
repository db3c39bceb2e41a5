"""The engine's books and the oracles' books of the same random histories, member by member.

`LAURELS_LONG=1` runs many more seeds.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import laurels
from laurels.base.errors import RequestError
from laurels.engine.door import Door
from laurels.engine.events import Event
from oracles import (
    halyk_plus,
    kaspi_bonus,
    mired_coalition,
    rostelecom_bonus,
    tbc_ertguli,
    tele2_bolshe,
)
from oracles import retail_starter as retail
from oracles.common import add_months, midnight, zone
from oracles.histories import PROGRAMS, history

FILES = Path(__file__).parent.parent.parent / "programs"
ORACLES: dict[str, ModuleType] = {
    "halyk-plus": halyk_plus,
    "kaspi-bonus": kaspi_bonus,
    "mired-coalition": mired_coalition,
    "retail-starter": retail,
    "rostelecom-bonus": rostelecom_bonus,
    "tbc-ertguli": tbc_ertguli,
    "tele2-bolshe": tele2_bolshe,
}
LONG = bool(os.environ.get("LAURELS_LONG"))
QUICK = bool(os.environ.get("LAURELS_QUICK"))
SEEDS = range(100, 300) if LONG else range(1 if QUICK else 3)
MEMBERS = 2 if QUICK else 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STAGES = ("active", "pending", "held", "debt")


@cache
def program(name: str) -> laurels.Compiled:
    return laurels.load(FILES / name / "program.yaml")


def micros(at: datetime) -> int:
    return int((at - EPOCH) / timedelta(microseconds=1))


def instants(name: str, seed: int) -> list[datetime | None]:
    """After everything; within the history; at the end of a month, and just before and after."""
    tz = zone(PROGRAMS[name][0])
    start = datetime(2023, 1, 10, tzinfo=UTC)
    first = add_months(start.date().replace(day=1), 6 + seed * 7 % 30)
    close = midnight(first, tz)
    tick = timedelta(microseconds=1)
    return [None, start + timedelta(days=(seed * 97 + 366) % 1200), close, close + tick]


def engine(compiled: laurels.Compiled, raws: list[dict[str, Any]], until: int | None) -> Any:
    """Rows by member; events that the door rejects are left out."""
    door = Door(compiled)
    books = {raw["member"]: laurels.Book(compiled, raw["member"], door) for raw in raws}
    events: list[Event] = []
    for raw in raws:
        try:
            event = door.read(raw)
        except RequestError:
            continue
        event.recorded = event.acts
        events.append(event)
    events.sort(key=lambda each: each.place)
    stop = until if until is not None else max(each.acts for each in events) + 1
    for event in events:
        if event.acts < stop:
            books[event.member].take_event(event)
    for book in books.values():
        book.advance(stop)
    return {member: row(compiled, book) for member, book in books.items()}


def row(compiled: laurels.Compiled, book: laurels.Book) -> dict[str, Any]:
    found: dict[str, Any] = {"next_expiry": book.next_expiry()}
    for unit in compiled.program.units:
        balance = book.balance(unit.name)
        for stage in STAGES:
            found[f"{stage}_{unit.name}"] = Fraction(getattr(balance, stage))
    for ladder in compiled.program.ladders:
        level = book.level(ladder.name)
        found[f"tier_{ladder.name}"] = level.name
        found[f"tier_{ladder.name}_until"] = level.until
    return found


def plain(expected: dict[str, Any]) -> dict[str, Any]:
    """An oracle's row with instants as the engine has them."""
    return {
        key: micros(value) if isinstance(value, datetime) else value
        for key, value in expected.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ORACLES)
def test_engine_and_oracle_agree(name: str, seed: int) -> None:
    raws = history(name, random.Random(seed), MEMBERS)
    wrong = []
    for until in instants(name, seed):
        ours = engine(program(name), raws, micros(until) if until else None)
        theirs = ORACLES[name].books(raws, until)
        for member, expected in theirs.items():
            for column, value in plain(expected).items():
                if ours[member].get(column) != value:
                    wrong.append(
                        f"until {until}, member {member}, {column}: "
                        f"engine {ours[member].get(column)}, oracle {value}"
                    )
    assert not wrong, f"{name}, seed {seed}:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("name", ORACLES)
def test_histories_are_not_idle(name: str) -> None:
    """Agreement means little where nothing happens."""
    raws = history(name, random.Random(0), MEMBERS)
    rows = engine(program(name), raws, None).values()
    assert any(value for each in rows for key, value in each.items() if key.startswith("active"))
    assert {"return", "redemption", "hold", "withdrawn"} <= {raw["type"] for raw in raws}
