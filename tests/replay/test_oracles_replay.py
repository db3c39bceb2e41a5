"""The seven oracles against replay over columns, member by member.

`LAURELS_LONG=1` runs 100,000 members for each program (`LAURELS_MEMBERS` another number).
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import laurels
from laurels.replay.options import Options
from laurels.replay.play import play
from laurels.replay.raw import Events, Place, Report
from laurels.replay.tables import Kept
from oracles import (
    halyk_plus,
    kaspi_bonus,
    mired_coalition,
    retail_starter,
    rostelecom_bonus,
    tbc_ertguli,
    tele2_bolshe,
)
from oracles.histories import history

FILES = Path(__file__).parent.parent.parent / "programs"
ORACLES = (
    halyk_plus, kaspi_bonus, mired_coalition, retail_starter, rostelecom_bonus, tbc_ertguli,
    tele2_bolshe,
)  # fmt: skip
LONG = bool(os.environ.get("LAURELS_LONG"))
MEMBERS = int(os.environ.get("LAURELS_MEMBERS", "100000" if LONG else "6"))
AT_ONCE = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def replayed(program: laurels.Compiled, raws: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows by member, points in units."""
    kept = Kept(program)
    places = [Place("", row) for row in range(1, len(raws) + 1)]
    play(program, Events(raws, places, Report()), kept, Options(postings=False))
    scales = {unit.name: 10**unit.scale for unit in program.program.units}
    rows = {}
    for row in kept.members.to_pylist():
        for name in row:
            stage, _, unit = name.partition("_")
            if stage in ("active", "pending", "held", "debt") and unit in scales:
                row[name] = Fraction(row[name], scales[unit])
        rows[row["member"]] = row
    return rows


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda each: each.__name__.rpartition(".")[2])
def test_replay_and_oracle_agree(oracle: Any) -> None:
    name = oracle.__name__.rpartition(".")[2].replace("_", "-")
    program = laurels.load(FILES / name / "program.yaml")
    seen = 0
    for seed in range(-(-MEMBERS // AT_ONCE)):
        raws = history(name, random.Random(7_000 + seed), min(AT_ONCE, MEMBERS - seen))
        ours, theirs = replayed(program, raws), oracle.books(raws, None)
        seen += len(theirs)
        for member, expected in theirs.items():
            for column, value in expected.items():
                if isinstance(value, datetime):
                    value = (value - EPOCH) // timedelta(microseconds=1)
                found = ours[member].get(column)
                assert found == value, f"seed {seed}, member {member}, {column}: {found}, {value}"
    assert seen == MEMBERS
