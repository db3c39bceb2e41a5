"""The door: what comes in becomes integers, or is refused with a reason; the quick way and the
thorough way say the same."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import laurels
from laurels.base.errors import RequestError
from laurels.engine.door import Door
from laurels.engine.events import Event
from oracles import histories
from support import programs

PROGRAMS = Path(__file__).parents[2] / "programs"
PLAIN = {
    "id": "1", "member": "m", "type": "purchase", "occurred_at": "2024-03-05T10:20:30Z",
    "amount": "12.50",
}  # fmt: skip
ODD: tuple[Any, ...] = (
    None, "", " ", 0, 1, -1, 1.5, True, False, "0", "-1", "5", "5.5", "12.345", "0012.50", ".50",
    "1.", "1.2.3", "1e3", "1_0.00", "٣٤.٥٠", "9" * 13 + ".99", "9" * 14 + ".99", "1" * 300,
    Decimal("3.50"), "a\nb", "m", "other", "P1", "P7", "app", "web", "true", "no", b"x", ["x"], {},
    "2024-03-05", "2024-03-05T10:20:30", "2024-03-05 10:20:30Z", "2024-03-05T10:20:30.250Z",
    "2024-03-05T10:20:30+05:00", "2024-03-05T00:20:30.5-23:59", "2024-03-05T10:20:30+24:00",
    "2024-02-30T10:20:30Z", "2024-W05-1T10:20:30Z",
    "2024-03-31T01:30:00", "2024-03-05T24:00:00Z", "2024-03-05T10:20:60Z", "2024-03-05t10:20:30z",
    "1900-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "2024-02-29T23:59:59Z",
    "2024-06-20T12:00:00Z", "2023-01-01T00:00:00Z", "2031-01-01T00:00:00Z",
    datetime(2024, 3, 5, 10, tzinfo=UTC), date(2024, 3, 5), "GBP", "KZT", "JPY", "EUR",
    [{"amount": "1.00"}], [{"amount": "12.50", "item": "toy", "line": "a"}],
)  # fmt: skip
FIELDS = (
    "id", "member", "type", "occurred_at", "recorded_at", "source", "amount", "currency", "lines",
    "partner", "channel", "paid_in_points", "gift", "tip", "award", "unheard_of",
)  # fmt: skip


def seen(read: Any, raw: dict[str, Any]) -> Any:
    """Everything that an event holds, or what is wrong with it."""
    try:
        event: Event = read(raw)
    except RequestError as error:
        return error.code, error.where, str(error)
    except TypeError:
        return TypeError  # no JSON has such a value
    names = set(vars(event)) | set(vars(Event)) - {"__dict__", "__doc__", "__module__"}
    return {name: getattr(event, name) for name in names if not name.startswith("_")}


@cache
def door_of(seed: int) -> Door:
    return Door(programs.compiled(programs.program_text(random.Random(seed))))


@settings(max_examples=250, deadline=None)
@given(
    st.integers(0, 11),
    st.sampled_from(["purchase", "topup", "visit"]),
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ODD), max_size=4),
    st.sets(st.sampled_from(FIELDS[:7]), max_size=1),
)
def test_the_quick_way_through_the_door_says_what_the_thorough_one_says(
    seed: int, kind: str, odd: dict[str, Any], missing: set[str]
) -> None:
    door = door_of(seed)
    raw = {**PLAIN, "type": kind, **odd}
    for name in missing:
        raw.pop(name, None)
    assert seen(door.read, raw) == seen(door.examine, raw)
    assert seen(door.read, raw) == seen(door.examine, raw), "once more, known by heart"


@pytest.mark.parametrize("name", histories.PROGRAMS)
def test_events_of_real_programs_mostly_take_the_quick_way(name: str) -> None:
    door = Door(laurels.load(PROGRAMS / name / "program.yaml"))
    own = [raw for raw in histories.history(name, random.Random(1), 5) if raw["type"] in
           door.encoders and "lines" not in raw and raw["occurred_at"][-1:] == "Z"]  # fmt: skip
    slow = 0
    for raw in own:
        assert seen(door.read, raw) == seen(door.examine, raw)
        with patch.object(door, "examine", side_effect=AssertionError):
            try:
                door.read(raw)
            except (AssertionError, RequestError):
                slow += 1
    assert own
    assert slow <= len(own) // 10
